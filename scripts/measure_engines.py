"""
What each engine needs in memory and work: python scripts/measure_engines.py [--true-shape] [--folder DIR] [NAME ...]

With YAMABIKO_TEST_HOME as make test-engines prepares it. Writes the rows that it measured into measured.toml, and leaves
the others as they are. All engines hear 28 s of four people who read and speak (YAMABIKO_TEST_DATA, else ../shared/data)
and 2 s of silence, on two threads. Nothing is said twice: a decoder that stops early over a repeated clip, or goes on for
ever, has done other work. Of real weights the text is held against what was said, and who wrote another is left out.
Work is processor time, so that what else the machine does counts little; it is told as a ratio to faster-whisper with
Whisper base in the same run. Engines that run real weights are asked three times, in turn. `--true-shape` measures models
of the true shape with weights made up at random instead, made in DIR or in a folder of their own (true_shapes.py).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/real_engines")]

import measured_table  # noqa: E402
import true_shapes  # noqa: E402
from promises import PLAIN_ENGLISH, Bench, error_rate, models, set_up  # noqa: E402

from yamabiko.audio.decode import decode  # noqa: E402
from yamabiko.engines import catalog, environments  # noqa: E402
from yamabiko.engines.choices import Measured, Weights  # noqa: E402
from yamabiko.engines.contract import Placement, SpeakerCount  # noqa: E402
from yamabiko.engines.models import find_entry  # noqa: E402
from yamabiko.settings import Settings  # noqa: E402
from yamabiko.speech import SAMPLE_RATE, Span  # noqa: E402
from yamabiko.workers.exits import WorkerFailed  # noqa: E402
from yamabiko.workers.messages import SegmentFound, Stretch  # noqa: E402
from yamabiko.workers.process import Worker  # noqa: E402

ROUNDS = 3
SECONDS = 30
WHOLE = Span(0, SECONDS * SAMPLE_RATE)
FIRST = "faster-whisper"
PATIENCE_S = 3600.0
SAID = "abcdefghijklmnopqrstuvwxyz今日は天気がいい"
DATA = Path(os.environ.get("YAMABIKO_TEST_DATA") or ROOT.parent / "shared" / "data") / "en"
HEARD = ("jfk.flac", "2412-153948-0000.flac", "LJ002-0020.wav", "6930-75918-0000.flac")
MOST_WRONG = 0.15
"""Characters; Whisper base writes 1813 in figures, and Concorde."""


class Patient(Bench):
    """For machines that have other work too."""

    @property
    def settings(self) -> Settings:
        return Settings(home=self.home, worker_first_answer_s=PATIENCE_S, worker_silence_s=PATIENCE_S)


@dataclass(frozen=True, slots=True)
class Subject:
    """An engine with one model."""

    bench: Bench
    model: str
    weights: Weights
    weights_bytes: int
    placement: Placement | None = None
    """None: as the engine is asked for by default."""

    @property
    def rounds(self) -> int:
        return ROUNDS if self.weights == "real" else 1


ASK: dict[str, Callable[[Worker, Path], list[object]]] = {
    "transcribe": lambda worker, audio: list(worker.transcribe(audio, [WHOLE], PLAIN_ENGLISH)),
    "find-speech": lambda worker, audio: list(worker.find_speech(audio)),
    "find-speakers": lambda worker, audio: list(worker.find_speakers(audio, [WHOLE], SpeakerCount())),
    "align": lambda worker, audio: list(worker.align(audio, [Stretch(WHOLE, SAID)])),
}


def main() -> None:
    reader = argparse.ArgumentParser()
    reader.add_argument("names", nargs="*")
    reader.add_argument("--true-shape", action="store_true")
    reader.add_argument("--folder", type=Path)
    asked = reader.parse_args()
    home = Path(os.environ["YAMABIKO_TEST_HOME"]).resolve()
    with tempfile.TemporaryDirectory() as own:
        folder = Path(own)
        first = tested(FIRST, home, folder)
        if asked.true_shape:
            found = list(shaped(home, asked.folder or folder))
        else:
            found = [tested(name, home, folder) for name in models() if name not in (FIRST, *true_shapes.ENGINES)]
        subjects = [first, *(one for one in found if not asked.names or one.bench.card.name in asked.names)]
        audio = recording(folder)
        command = "python scripts/measure_engines.py" + (" --true-shape" if asked.true_shape else "")
        measured_table.write(measured(subjects, audio, command))


def recording(folder: Path) -> Path:
    parts = []
    for name in HEARD:
        decode(DATA / name, folder / "part.f32", Settings(home=folder))
        parts.append(numpy.fromfile(folder / "part.f32", "<f4"))
    whole = numpy.concatenate(parts)
    numpy.pad(whole, (0, SECONDS * SAMPLE_RATE - len(whole))).tofile(folder / "long.f32")
    return folder / "long.f32"


def wrong(answered: list[object]) -> float:
    """Of the characters that were said, without spaces and marks."""
    manifest = (DATA / "manifest.jsonl").read_text("utf-8").splitlines()
    said = {row["audio"]: row["text"] for row in map(json.loads, manifest)}
    written = "".join(one.segment.text for one in answered if isinstance(one, SegmentFound))
    return error_rate(written, "".join(said[name] for name in HEARD))


def tested(name: str, home: Path, folder: Path) -> Subject:
    """With the model of its tests."""
    made = set_up(catalog.card(name), home, folder)
    bench = Patient(made.card, made.home, made.model)
    base = {"transcribe": "base"}.get(bench.card.job, bench.card.default_model or "")
    model = find_entry(base, bench.card.model_format).name if bench.true else "tiny"
    files = [bench.model] if bench.model.is_file() else [file for file in bench.model.rglob("*") if file.is_file()]
    return Subject(bench, model, "real" if bench.true else "random, tiny", max(file.stat().st_size for file in files))


def shaped(home: Path, folder: Path) -> Iterator[Subject]:
    for one in true_shapes.build(home, folder):
        bench = Patient(catalog.card(one.engine), home, one.path)
        placement = Placement("cpu", one.compute_type)
        yield Subject(bench, one.model, "random, true shape", one.weights_bytes, placement)


def measured(subjects: list[Subject], audio: Path, command: str) -> list[Measured]:
    """Who fails is told, and left out."""
    rows: dict[Subject, Measured] = {}
    works: dict[Subject, list[float]] = {subject: [] for subject in subjects}
    for number in range(ROUNDS):
        for subject in subjects:
            if number >= subject.rounds or len(works[subject]) < number:
                continue
            try:
                rows[subject] = measure(subject, audio, command)
            except (WorkerFailed, ValueError) as failed:
                print(f"{subject.bench.card.name} {subject.model}: {failed}", file=sys.stderr)
                continue
            works[subject].append(rows[subject].work)
            print(f"{subject.bench.card.name} {subject.model}: {rows[subject].peak_bytes >> 20} MiB", file=sys.stderr)
    middle = {subject: statistics.median(works[subject]) for subject in rows}
    base = middle[subjects[0]]
    return [measured_table.with_work(row, middle[one], middle[one] / base) for one, row in rows.items()]


def measure(subject: Subject, audio: Path, command: str) -> Measured:
    with subject.bench.worker(placement=subject.placement) as worker:
        ready = worker.load(str(subject.bench.model), 2)
        before = processor_s(worker.pid)
        answered = ASK[subject.bench.card.job](worker, audio)
        rate = wrong(answered) if subject.weights == "real" and subject.bench.card.job == "transcribe" else 0.0
        if rate > MOST_WRONG:
            raise ValueError(f"it wrote something else: {rate:.0%} of the characters are wrong")
        return Measured(
            engine=subject.bench.card.name,
            version=ready.loaded.engine_version,
            model=subject.model,
            weights=subject.weights,
            device=ready.loaded.device,
            compute_type=ready.loaded.compute_type,
            peak_bytes=peak_bytes(worker.pid),
            weights_bytes=subject.weights_bytes,
            work=(processor_s(worker.pid) - before) / SECONDS,
            times_base=0.0,
            load_s=round(ready.load_s, 1),
            environment_bytes=environments.state(subject.bench.card, subject.bench.settings, "cpu").size_bytes or 0,
            date=str(datetime.now(UTC).date()),
            machine=f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, no GPU",
            command=command,
        )


def processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_bytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    main()
