"""The names of engines and profiles that somebody typed, and what is said where there is none of them."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterator
from dataclasses import replace

from yamabiko import settings
from yamabiko.cli import model_words
from yamabiko.engines import catalog
from yamabiko.engines.contract import Card, Profile
from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.i18n import Text


def named(name: str, verb: str) -> Card:
    """Raises: Problem (engine-unknown), with the names that are near."""
    try:
        return catalog.card(name)
    except Problem as problem:
        # What removes is offered for a slip of the fingers alone: whisperx is another engine than faster-whisper.
        if verb == "remove":
            near = difflib.get_close_matches(name.lower(), catalog.ADAPTERS, n=2, cutoff=0.85)
        else:
            near = catalog.near(name, 0.7) or _begun(name)
        meant = tuple(
            Remedy(Text(f"Did you mean {one}?", f"{one} のことですか"), f"yamabiko engines {verb} {one}")
            for one in near
        )
        finding = problem.finding
        # `--engine NAME` is no option of these commands.
        others = (one for one in finding.remedies if not (one.command or "").startswith("--"))
        raise Problem(replace(finding, remedies=(*meant, *others))) from None


def _begun(name: str) -> list[str]:
    """Engines whose name begins so: `reazon`."""
    return [card.name for card in catalog.cards() if len(name) > 2 and card.name.startswith(name.lower())]


def chosen_profile(card: Card, profile: str | None) -> Profile:
    """Raises: Problem (engine-profile-unknown)."""
    from yamabiko.engines import environments
    from yamabiko.engines.profile_choice import choose_profile
    from yamabiko.gpu_marks import gpu_marks

    if profile is None or not card.profiles:
        return choose_profile(card, "auto", gpu_marks(), environments.has(card, settings.current()))
    return environments.profile_of(card, profile)


@contextlib.contextmanager
def typed(card: Card, verb: str, profile: str | None) -> Iterator[None]:
    """A Problem's remedies as they are typed behind `yamabiko engines` and `verb`; see `as_typed`."""
    try:
        yield
    except Problem as problem:
        raise Problem(as_typed(problem.finding, card, verb, profile)) from None


def as_typed(finding: Finding, card: Card, verb: str, profile: str | None) -> Finding:
    """
    A remedy that names a model by options of `transcribe`, as a whole command: `yamabiko engines install NAME --model X`.

    `profile`: what was typed. What was repaired is not made anew for another model: that is `install`.
    """
    verb = "install" if verb == "repair" else verb
    return replace(finding, remedies=tuple(_as_typed(one, card, verb, profile) for one in finding.remedies))


def _as_typed(remedy: Remedy, card: Card, verb: str, profile: str | None) -> Remedy:
    named = model_words.named_by(remedy.command)
    if named is None:
        return remedy
    engine, model = named.engine or card.name, f"--model {named.words}"
    where = f"{engine} --profile {profile}" if profile and engine == card.name else engine
    return replace(remedy, command=f"yamabiko engines {verb} {where} {model}")


def part_of_yamabiko(card: Card) -> Finding:
    return Finding(
        id="engine-part-of-yamabiko",
        severity="error",
        area="usage",
        cause=Text(
            f"{card.name} is part of yamabiko and has no environment of its own that could be removed.",
            f"{card.name} は yamabiko に付属しており、削除できる専用の環境がありません。",
        ),
        remedies=(Remedy(Text("See what there is", "一覧を見る"), "yamabiko engines list"),),
    )


def none_installed(device: str) -> Finding:
    return Finding(
        id="engine-none-to-verify",
        severity="error",
        area="engine",
        cause=Text(
            f"No engine is installed that could be verified (device: {device}).",
            f"検証できる導入済みのエンジンがありません（デバイス: {device}）。",
        ),
        remedies=(
            Remedy(
                Text("Install the default engine", "既定のエンジンを導入する"),
                f"yamabiko engines install {catalog.DEFAULT_ENGINE}",
            ),
        ),
    )
