"""
Where did it run? From observations to a verdict: the one place that decides.

What an engine says of itself is a claim. A claim is *proved* when an
observation that does not come from the engine agrees with it, *refuted* when
one disagrees, *not proved* when the platform shows nothing. Never one signal
alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from yamabiko.speech import Evidence, Verdict

# Device memory is booked by the driver on this process. A fallback that a library reports outweighs an open device
# file, which counting devices leaves too; files and libraries are what the kernel shows of the process.
_STRONGEST_FIRST = ("device-memory", "last-words", "device-files", "libraries")


@dataclass(frozen=True, slots=True)
class Ruling:
    used_device: str
    verdict: Verdict
    because: Evidence | None
    """The independent observation that decided; None if there was none."""


def decide(claimed_device: str, evidence: Sequence[Evidence]) -> Ruling:
    """
    The device that was used, judged from evidence that was gathered while it was.

    `claimed_device` is what the engine's introspection said. A GPU's device
    file may be open without the GPU computing anything (counting devices opens
    it), so an open file refutes nothing, while no open file refutes any GPU.
    """
    family = _family(claimed_device)
    independent = sorted(
        (e for e in evidence if e.kind in _STRONGEST_FIRST and e.says is not None),
        key=lambda e: (_STRONGEST_FIRST.index(e.kind), _family(e.says) == family),  # of two equals, the one that doubts
    )
    if family == "cpu":
        on_gpu = next((e for e in independent if e.kind == "device-memory" and _family(e.says) != "cpu"), None)
        if on_gpu is not None:
            return Ruling("cpu", "not proved", on_gpu)  # the engine says CPU, the driver books memory: both may be true
    for observation in independent:
        seen = _family(observation.says)
        if seen == family:
            return Ruling(claimed_device, "proved", observation)
        if family != "cpu" and seen == "cpu" and observation.kind in ("device-files", "last-words"):
            return Ruling("cpu", "refuted", observation)
    return Ruling(claimed_device, "not proved", None)


def _family(device: str | None) -> str:
    return (device or "").split(":")[0]
