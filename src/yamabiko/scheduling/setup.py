"""
From what the user asked for to an Outfit: environment, model and ladder, fetched where they are missing.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace

from yamabiko import children
from yamabiko.diagnosis import fixes
from yamabiko.engines import catalog, environments, models, naming
from yamabiko.engines.contract import Card, Placement
from yamabiko.engines.environments import Environment
from yamabiko.engines.profile_choice import Have, gpus_to_try, profile_to_run
from yamabiko.findings import Finding, Problem
from yamabiko.gpu_marks import gpu_marks
from yamabiko.i18n import Text
from yamabiko.scheduling import heeding
from yamabiko.scheduling.ladder import parse_device, plan
from yamabiko.scheduling.pool import Outfit
from yamabiko.scheduling.unused_gpu import left_unused
from yamabiko.settings import Settings
from yamabiko.speech import TranscribeOptions

Report = Callable[[Text, int, int], None]
"""Told what is being set up, and how much of how much is done."""

MOST_THREADS = 8
"""More threads than this make Whisper on a CPU slower or no faster on most machines. Not measured here: two cores."""


@dataclass(frozen=True, slots=True)
class Wish:
    """An engine as the user asked for it."""

    engine: str
    model: str | None = None
    device: str = "auto"
    compute_type: str = "auto"
    threads: int = 0
    may_fall: bool = True
    may_install: bool = True
    require_gpu: bool = False
    trust_model: bool = False
    """Use a model folder that looks like a known model and has other bytes: the user's own, trained further."""
    trust_pickle: bool = False
    """Open a model that holds pickled objects though its hash is not known: it runs its maker's code, in the worker."""
    language: str | None = None
    """What is spoken, as far as that was said: decides which model is proposed where one is refused."""


def prepare(wish: Wish, settings: Settings, report: Report = lambda *_: None) -> Outfit:
    """
    An engine ready to run. What is missing is set up, if the wish allows it.

    Raises: Problem (engine-unknown, engine-not-installed, model-unknown,
    model-unavailable, device-unknown, ...).
    """
    card = catalog.card(wish.engine)
    have = environments.has(card, settings)
    ladder = _ladder(card, wish, have)
    family, device_index = parse_device(wish.device)
    with naming.named_for(card):
        _locate(card, wish, settings)  # a slip of the fingers costs neither
        fetched = _model(card, wish, settings, report) if wish.may_install else None  # nor does one that cannot be had
        homes, notices = _environments(card, ladder, have, wish, settings, report)
        model, name, revision = fetched or _model(card, wish, settings, report)
    if family == "auto":
        notices += left_unused(card, ladder, gpu_marks())
    return Outfit(
        card=card,
        environments=homes,
        model=model,
        model_name=name,
        model_revision=revision,
        ladder=tuple(rung for rung in ladder if rung.device in homes),
        notices=notices,
        device_index=device_index,
        compute_type=wish.compute_type,
        threads=wish.threads or usable_threads(),
        variables=fixes.variables(settings),
    )


def check(wish: Wish, settings: Settings, options: TranscribeOptions | None = None) -> None:
    """
    What can be wrong with the wish for a transcript, known before any work. Raises: Problem (area usage), quickly.
    """
    card = catalog.transcriber(wish.engine)
    if options is not None:
        heeding.refuse_by_card(card, wish.model, options)
    _ladder(card, wish, environments.has(card, settings))
    with naming.named_for(card):
        _locate(card, wish, settings)


def _locate(card: Card, wish: Wish, settings: Settings) -> None:
    """Raises: Problem (model-unknown, model-path-missing, ...), where no such model can be."""
    name = wish.model or card.default_model
    if card.model_format is not None and name is not None:
        models.locate(name, format=card.model_format, settings=settings)


def _ladder(card: Card, wish: Wish, have: Have) -> tuple[Placement, ...]:
    return plan(
        card, wish.device, wish.compute_type,
        gpus=gpus_to_try(card, gpu_marks(), have), may_fall=wish.may_fall, require_gpu=wish.require_gpu,
    )  # fmt: skip


def install(card: Card, profile: str, settings: Settings, report: Report = lambda *_: None) -> Environment:
    """The environment of one profile, made if it is not there. Raises: Problem."""
    what = Text(f"setting up {card.name} ({profile})", f"{card.name}（{profile}）を準備中")
    if environments.state(card, settings, profile).status == "broken":
        what = _anew(card, profile)
    return environments.install(card, settings, profile, progress=lambda p: report(what, p.done, p.total))


def mend(outfit: Outfit, settings: Settings, report: Report = lambda *_: None) -> bool:
    """
    Make the environments of an outfit anew that are not whole; False if all of them are.

    Every byte is compared, since a worker has just failed for something that a glance at the
    folder did not show. The outfit stays good: a new environment has the place of the old one.
    Raises: Problem (index-unreachable, disk-full, ...).
    """
    broken = [
        environment.profile
        for environment in dict.fromkeys(outfit.environments.values())
        if environment.origin == "managed"
        and environments.state(outfit.card, settings, environment.profile, thorough=True).status != "ready"
    ]
    for profile in broken:
        what = _anew(outfit.card, profile)
        report(what, 0, 0)
        environments.repair(
            outfit.card, settings, profile, progress=lambda p, what=what: report(what, p.done, p.total)  # type: ignore[misc]
        )  # fmt: skip
    return bool(broken)


def _anew(card: Card, profile: str) -> Text:
    return Text(
        f"the environment of {card.name} ({profile}) is broken: making it anew",
        f"{card.name}（{profile}）の環境が壊れているため作り直しています",
    )


def _environments(
    card: Card, ladder: tuple[Placement, ...], have: Have, wish: Wish, settings: Settings, report: Report
) -> tuple[dict[str, Environment], tuple[Finding, ...]]:
    """
    By device family; one environment for all that it serves. And what is to be told of those that could not be made.

    On a machine without a GPU its rung, if asked for, is tried from the CPU's environment.
    """
    found: dict[str, Environment] = {}
    notices: list[Finding] = []
    families = tuple(dict.fromkeys(rung.device for rung in ladder))
    gpus = gpu_marks()
    for device in families:
        serving = next((e for e in found.values() if (p := card.profile(e.profile)) and device in p.devices), None)
        if serving is not None:
            found[device] = serving
            continue
        profile = profile_to_run(card, device, gpus, have)
        environment = environments.find(card, settings, profile.name)
        if environment is None:
            if not wish.may_install:
                environments.require(card, settings, profile.name)  # says whether it is missing or broken
            try:
                environment = install(card, profile.name, settings, report)
            except Problem as problem:
                if device == families[-1]:
                    raise
                notices.append(_not_made(problem.finding, card, profile.name))
                continue
        found[device] = environment
    return found, tuple(notices)


def _not_made(why: Finding, card: Card, profile: str) -> Finding:
    """A GPU's environment that cannot be had costs a notice, and not the answer."""
    cause = Text(
        f"The environment of {card.name} for the GPU ({profile}) could not be made, so the GPU is not used. {why.cause.en}",
        f"{card.name} のGPU用の環境（{profile}）を作れなかったため、GPUは使っていません。{why.cause.ja}",
    )
    return replace(why, severity="warning", cause=cause)


def _model(card: Card, wish: Wish, settings: Settings, report: Report) -> tuple[str, str, str | None]:
    """Path, name and revision. Where installing is not allowed, neither is fetching."""
    name = wish.model or card.default_model
    if card.model_format is None:
        return (os.path.abspath(name) if name else ""), name or "none", None
    assert name is not None
    local, damage = models.look(name, format=card.model_format, settings=settings)
    if local is None:
        what = Text(f"fetching the model {name}", f"モデル {name} を取得中")
        if damage:
            lines = "; ".join(damage)
            what = Text(
                f"the copy of the model {name} is damaged, fetching it again: {lines}",
                f"モデル {name} が壊れているため取得し直しています: {lines}",
            )
        if not wish.may_install:
            what = Text(f"looking for a copy of the model {name} here", f"モデル {name} をこのマシン内で探しています")
        try:
            local = models.pull(
                name,
                format=card.model_format,
                settings=settings,
                progress=lambda done, total, _: report(what, done, total),
                offline=not wish.may_install,
            )
        except Problem as problem:
            if wish.may_install:
                raise
            evidence = (*problem.finding.evidence, "asked: --no-install, so nothing is fetched")
            raise Problem(replace(problem.finding, evidence=evidence)) from None
    models.refuse_unknown(
        local, card.model_format, trust_model=wish.trust_model, trust_pickle=wish.trust_pickle,
        instead=models.Instead(card.default_model, wish.language),
    )  # fmt: skip
    return str(local.path), local.name, local.revision


def usable_threads() -> int:
    """As many as this process may run on, within reason."""
    return min(children.usable_processors(), MOST_THREADS)
