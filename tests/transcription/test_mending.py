"""What is told of an environment that was made anew for the work."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from yamabiko.diagnosis.articles import article
from yamabiko.findings import Finding, Problem
from yamabiko.scheduling.pool import Outfit
from yamabiko.settings import Settings
from yamabiko.transcription import mending
from yamabiko.transcription.mending import BROKEN, Mending

OUTFIT = cast("Outfit", None)
"""Handed on, and looked at by nobody here."""


def broken() -> Finding:
    return replace(article(BROKEN).finding(("worker: no module",)), severity="error")


def test_what_was_mended_is_told_without_the_remedy_that_was_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """`we did: made the environment anew` stood above `to fix: yamabiko engines repair faster-whisper`."""
    monkeypatch.setattr(mending, "mend", lambda *_: True)
    tries: list[int] = []
    told: list[Finding] = []

    def work() -> str:
        tries.append(1)
        if len(tries) == 1:
            raise Problem(broken())
        return "text"

    assert Mending(Settings(), lambda *_: None, allowed=True).work(OUTFIT, work, told.append) == "text"

    assert broken().remedies, "else there would be nothing to leave out"
    [notice] = told
    assert (notice.id, notice.severity, notice.remedies) == (BROKEN, "warning", ())
    assert notice.we_did is not None


def test_what_stays_broken_keeps_its_remedies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mending, "mend", lambda *_: True)

    def work() -> str:
        raise Problem(broken())

    with pytest.raises(Problem) as caught:
        Mending(Settings(), lambda *_: None, allowed=True).work(OUTFIT, work, lambda _: None)
    assert caught.value.finding.remedies == broken().remedies
