"""What the tests of all engines stand on: their models, their environments, workers that run them."""

from __future__ import annotations

import importlib
import itertools
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Protocol, TypeVar, cast

import numpy
import pytest
from filelock import FileLock
from rapidfuzz.distance import Levenshtein

from homes import run_once
from yamabiko.audio.decode import decode
from yamabiko.bundled import Clip, clips
from yamabiko.diagnosis.autopsy import explain_exit
from yamabiko.engines import catalog
from yamabiko.engines.contract import Card, Placement
from yamabiko.scheduling.setup import Wish, prepare
from yamabiko.settings import Settings
from yamabiko.speech import SAMPLE_RATE, Evidence, Segment, Span, TranscribeOptions
from yamabiko.workers import process
from yamabiko.workers.messages import ChunkDone, Done, SegmentFound
from yamabiko.workers.process import Worker, WorkerFailed


class Models(Protocol):
    """A `models_*.py` beside this file."""

    ENGINE: str
    TRUE: bool
    """What it writes is what was said: real weights."""

    def build(self, home: Path, folder: Path) -> Path:
        """A model in the library's own file format."""

    def broken(self, home: Path, folder: Path) -> Path:
        """One of the right kind whose weights are cut off."""


@cache
def models() -> dict[str, Models]:
    found = (importlib.import_module(file.stem) for file in sorted(Path(__file__).parent.glob("models_*.py")))
    return {module.ENGINE: cast("Models", module) for module in found}


PLAIN = TranscribeOptions(beam_size=1, best_of=1, temperatures=(0.0,))
PLAIN_ENGLISH = replace(PLAIN, language="en")

REAL = tuple(card for card in catalog.cards() if card.job == "transcribe" and not card.for_tests)


@dataclass(frozen=True, slots=True)
class Bench:
    """An engine set up, with a model, and all that a worker needs to run it."""

    card: Card
    home: Path
    model: Path

    @property
    def settings(self) -> Settings:
        return Settings(home=self.home, worker_stop_s=120.0)  # NeMo and WhisperX take their time to end

    @property
    def true(self) -> bool:
        return models()[self.card.name].TRUE

    def languages(self, loaded: Sequence[str]) -> tuple[str, ...]:
        """Codes that it writes; empty: nobody says."""
        return tuple(loaded) or (self.card.languages if isinstance(self.card.languages, tuple) else ())

    @contextmanager
    def worker(self, model: Path | None = None, placement: Placement | None = None) -> Iterator[Worker]:
        """Started, nothing loaded yet."""
        outfit = prepare(
            Wish(self.card.name, str(model or self.model), "cpu", trust_model=True, trust_pickle=True), self.settings
        )
        launch = outfit.launch(0)
        started = Worker(replace(launch, placement=placement) if placement else launch, self.settings)
        try:
            yield started
        finally:
            started.kill()


def set_up(card: Card, home: Path, run_folder: Path) -> Bench:
    """The environment installed and the model built, once a test run."""
    if card.profiles:
        done = run_once(run_folder, "engines", "install", card.name, "--profile", "cpu", "--no-verify", home=home)
        assert done.code == 0, done.err
    folder = run_folder / f"model of {card.name}"
    with FileLock(f"{folder}.lock"):
        kept = folder / "path.json"
        if not kept.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            kept.write_text(json.dumps(str(models()[card.name].build(home, folder))), "utf-8")
    return Bench(card, home, Path(json.loads(kept.read_text("utf-8"))))


@dataclass(frozen=True, slots=True)
class Recording:
    """A clip, decoded."""

    clip: Clip
    path: Path
    samples: int

    @property
    def whole(self) -> Span:
        return Span(0, self.samples)


def recordings(folder: Path) -> dict[str, Recording]:
    """By language."""
    found = {}
    for clip in clips():
        path = folder / f"{clip.language}.f32"
        found[clip.language] = Recording(clip, path, decode(clip.path, path, Settings()).samples)
    return found


def noise(folder: Path, seconds: float) -> tuple[Path, Span]:
    path = folder / f"noise-{seconds}.f32"
    made = numpy.random.default_rng(3).normal(0, 0.02, round(seconds * SAMPLE_RATE)).astype("<f4")
    made.tofile(path)
    return path, Span(0, len(made))


@dataclass(slots=True)
class Said:
    segments: list[list[Segment]]
    """Of each chunk."""
    evidence: tuple[Evidence, ...]
    cancelled: bool
    whole: set[int]
    """Chunks that were told to be done."""

    def text(self, chunk: int = 0) -> str:
        return "".join(segment.text for segment in self.segments[chunk]).strip()


def ask(
    worker: Worker, audio: Path, chunks: Sequence[Span], options: TranscribeOptions,
    at_first: Callable[[], None] = lambda: None,
) -> Said:  # fmt: skip
    """`at_first`: called when the first segment is here."""
    found: list[list[Segment]] = [[] for _ in chunks]
    whole: set[int] = set()
    for message in worker.transcribe(audio, chunks, options):
        if isinstance(message, SegmentFound):
            if not any(found):
                at_first()
            found[message.index].append(message.segment)
        elif isinstance(message, ChunkDone):
            whole.add(message.index)
        elif isinstance(message, Done):
            return Said(found, message.evidence, message.cancelled, whole)
    raise AssertionError("no Done")


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is ended for looking up late: so an engine has to stop by itself, on a slow machine too."""
    monkeypatch.setattr(process, "CANCEL_GRACE_S", 300.0)


T = TypeVar("T")


def given_up(worker: Worker, asking: Callable[[], T]) -> T:
    """What comes of a question that is given up as soon as it is asked, while the engine is at its first pass."""
    with ThreadPoolExecutor(1) as one:
        answer = one.submit(asking)
        while not (worker.is_answering or answer.done()):  # a moment: it is asked before anything else
            pass
        worker.interrupt()
        return answer.result()


def orderly(people: Sequence[Sequence[Span]], within: Span) -> bool:
    """What each of them says lies in there, one after the other, and is something."""
    ends = [(span.start_sample, span.end_sample) for spans in people for span in spans]
    inside = all(within.start_sample <= start < end <= within.end_sample for start, end in ends)
    return inside and all(
        one.end_sample <= other.start_sample for spans in people for one, other in itertools.pairwise(spans)
    )


def ends_when_told_to(worker: Worker) -> bool:
    """By itself: one that does not listen is killed."""
    worker.stop()
    return worker._process.returncode == 0


def assert_named_as_broken(bench: Bench, model: Path) -> None:
    """What cannot be loaded is told to be the model's fault, with its name."""
    with bench.worker(model) as worker, pytest.raises(WorkerFailed) as failed:
        worker.load(str(model), 1)
    explained = explain_exit(failed.value.exit).finding
    assert explained.id == "model-broken", (explained, failed.value.exit)
    assert any(model.name in line for line in explained.evidence), explained.evidence


def error_rate(one: str, other: str) -> float:
    """Characters, without spaces and punctuation."""
    first, second = (["".join(c for c in text.casefold() if c.isalnum())][0] for text in (one, other))
    return Levenshtein.distance(first, second) / max(1, len(second))
