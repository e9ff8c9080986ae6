"""What a person is told a recording is at: the model is loading only while it loads."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import pytest

from program import noise_file
from yamabiko.engines import catalog
from yamabiko.engines.contract import Placement
from yamabiko.engines.environments import Environment
from yamabiko.findings import Finding
from yamabiko.scheduling.pool import Outfit, Pool
from yamabiko.settings import Settings
from yamabiko.speech import Segment, TranscribeOptions
from yamabiko.transcription.pipeline import Request, transcribe


class Stages:
    """Each stage with the share of it that was done when it began."""

    def __init__(self) -> None:
        self.told: list[tuple[str, float]] = []

    def progress(self, stage: str, done_s: float, total_s: float | None) -> None:
        self.told.append((stage, done_s / total_s if total_s else 0.0))

    def segments(self, segments: Sequence[Segment]) -> None: ...

    def notice(self, finding: Finding) -> None: ...

    def of(self) -> list[str]:
        return [stage for stage, _ in groupby(stage for stage, _ in self.told)]


@pytest.mark.parametrize("language", ["en", None], ids=["told", "found"])
def test_a_worker_that_is_there_is_not_said_to_load(language: str | None, tmp_path: Path) -> None:
    """The second file of a batch stood at `loading the model` until it was done; and finding the language loads it too."""
    here = Environment("scripted", "cpu", Path(sys.prefix), Path(sys.executable), "", "running interpreter")
    ladder = (Placement("cpu", "float32"),)
    outfit = Outfit(catalog.card("scripted"), {"cpu": here}, "", "script", None, ladder)
    request = Request(outfit, None, TranscribeOptions(language=language))
    settings = Settings(home=tmp_path / "home")
    stages = []
    with Pool(settings) as pool:
        for name in ("a", "b"):
            watcher = Stages()
            transcribe(noise_file(tmp_path / f"{name}.wav", 0.5), request, pool, settings, watcher)
            stages.append(watcher.of())
            shares = [share for stage, share in watcher.told if stage == "transcribe"]
            assert (shares[0], shares[-1]) == (0.0, 1.0), "told as soon as it begins"
    assert stages == [["decode", "load", "transcribe"], ["decode", "transcribe"]]
