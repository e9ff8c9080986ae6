"""The names of engines and profiles that somebody typed, and what is said where there is none of them."""

from __future__ import annotations

import difflib
from dataclasses import replace

from yamabiko import settings
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
            near = catalog.near(name, 0.6)
        meant = tuple(
            Remedy(Text(f"Did you mean {one}?", f"{one} のことですか"), f"yamabiko engines {verb} {one}")
            for one in near
        )
        finding = problem.finding
        # `--engine NAME` is no option of these commands.
        others = (one for one in finding.remedies if not (one.command or "").startswith("--"))
        raise Problem(replace(finding, remedies=(*meant, *others))) from None


def chosen_profile(card: Card, profile: str | None) -> Profile:
    """Raises: Problem (engine-profile-unknown)."""
    from yamabiko.engines import environments
    from yamabiko.engines.profile_choice import choose_profile
    from yamabiko.gpu_marks import gpu_marks

    if profile is None or not card.profiles:
        return choose_profile(card, "auto", gpu_marks(), environments.has(card, settings.current()))
    return environments.profile_of(card, profile)


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
