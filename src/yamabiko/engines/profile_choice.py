"""Which of an engine's environments serves a device on this machine. Pure: what the machine shows is given."""

from __future__ import annotations

from collections.abc import Callable

from yamabiko.engines import environment_problems as problems
from yamabiko.engines.contract import Card, Profile
from yamabiko.findings import Problem
from yamabiko.gpu_marks import GpuMarks

OWN = "own"
"""The profile's name of an engine that is part of yamabiko."""

Have = Callable[[Profile], bool]
"""Whether this environment is installed."""


def choose_profile(card: Card, device: str, marks: GpuMarks, have: Have = lambda profile: False) -> Profile:
    """
    The environment for `auto`, `cpu`, `cuda`, `cuda:N`, `vulkan` or `mps`.

    `auto` takes one for a GPU only where the machine shows the GPU that it is for, since it means a large download,
    and one that is made by request only where it is installed. Which device is then used, evidence says.

    Raises: Problem (engine-profile-unknown).
    """
    if not card.profiles:
        return Profile(name=OWN, lock="", devices=(device,))
    wanted = device.split(":", 1)[0]
    if wanted == "auto":
        useful = (p for p in card.profiles if p.devices != ("cpu",) and _at_hand(p, have) and fits(p, marks))
        return next(useful, None) or choose_profile(card, "cpu", marks)
    serving = [profile for profile in card.profiles if wanted in profile.devices]
    if not serving:
        raise Problem(problems.no_profile(card, device))
    if wanted == "cpu":
        return serving[0]
    return min(serving, key=lambda p: (not fits(p, marks), not have(p), p.by_request))


def profile_to_run(card: Card, device: str, marks: GpuMarks, have: Have) -> Profile:
    """
    As `choose_profile`; but where its environment would be of no use, or nobody has asked for it yet, the CPU's.

    There the device that was asked for is tried even so: that is how its absence gets a cause.
    """
    chosen = choose_profile(card, device, marks, have)
    return chosen if fits(chosen, marks) and _at_hand(chosen, have) else choose_profile(card, "cpu", marks)


def gpus_to_try(card: Card, marks: GpuMarks, have: Have) -> tuple[str, ...]:
    """
    The kinds of device beside the CPU that `auto` tries, of those that a CARD has rungs for.

    Those that an environment serves, which is installed or may be made unasked. Where none does and the machine shows
    a GPU of NVIDIA, `cuda` from the CPU's environment: a GPU that is left unused is told of, with the cause.
    """
    kinds = tuple(dict.fromkeys(rung.device for rung in card.placements if rung.device != "cpu"))
    if not card.profiles:
        return kinds if marks.nvidia is not False else ()
    served = [p for p in card.profiles if _at_hand(p, have) and may_fit(p, marks)]
    tried = tuple(kind for kind in kinds if any(kind in profile.devices for profile in served))
    return tried or (("cuda",) if marks.nvidia and "cuda" in kinds else ())


def fits(profile: Profile, marks: GpuMarks) -> bool:
    """Whether the machine shows what this environment is for."""
    return profile.maker is None or marks.of(profile.maker) is True


def may_fit(profile: Profile, marks: GpuMarks) -> bool:
    """As `fits`; also where the machine shows nothing either way."""
    return profile.maker is None or marks.of(profile.maker) is not False


def _at_hand(profile: Profile, have: Have) -> bool:
    return not profile.by_request or have(profile)
