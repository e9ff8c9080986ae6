"""
What each engine needs in memory and work: python scripts/measure_engines.py [NAME ...] > src/yamabiko/engines/measured.toml

With YAMABIKO_TEST_HOME as make test-engines prepares it. Every engine that runs Whisper base's real weights transcribes
the bundled English clip, over and over until 30 s, in three rounds, in turn with the others, on two threads. Work is
processor time, so that what else the machine does counts little; it is told as a ratio to faster-whisper in the same
run. The others run tiny random models: what they need beside their weights is the engine's, their speed says nothing.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/real_engines")]

from promises import PLAIN_ENGLISH, REAL, Bench, ask, recordings, set_up  # noqa: E402

from yamabiko.engines import environments  # noqa: E402
from yamabiko.speech import SAMPLE_RATE, Span  # noqa: E402
from yamabiko.workers.process import Worker  # noqa: E402

ROUNDS = 3
SECONDS = 30
FIRST = "faster-whisper"


def processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_bytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def weights_bytes(model: Path) -> int:
    files = [model] if model.is_file() else [file for file in model.rglob("*") if file.is_file()]
    return max(file.stat().st_size for file in files) if files else 0


def main() -> None:
    home = Path(os.environ["YAMABIKO_TEST_HOME"]).resolve()
    wanted = {FIRST, *(sys.argv[1:] or [card.name for card in REAL])}
    with tempfile.TemporaryDirectory() as folder:
        benches = [set_up(card, home, Path(folder)) for card in REAL if card.name in wanted]
        clip = recordings(Path(folder))["en"]
        audio = Path(folder) / "long.f32"
        numpy.resize(numpy.fromfile(clip.path, "<f4"), SECONDS * SAMPLE_RATE).tofile(audio)
        rows: dict[str, dict[str, object]] = {}
        works: dict[str, list[float]] = {bench.card.name: [] for bench in benches}
        for number in range(ROUNDS):
            for bench in benches:
                if number == 0 or bench.true:
                    rows[bench.card.name], work = measure(bench, audio)
                    works[bench.card.name] += [work] * bench.true
        base = statistics.median(works[FIRST])
        for name, found in works.items():
            work = statistics.median(found) if found else 0.0
            rows[name] |= {"work": round(work, 3), "times_base": round(work / base, 2) if base else 0.0}
    show(rows)


def measure(bench: Bench, audio: Path) -> tuple[dict[str, object], float]:
    """What is to be told of it, and processor seconds for a second of speech."""
    with bench.worker() as worker:
        ready = worker.load(str(bench.model), 2)
        before = processor_s(worker.pid)
        ask(worker, audio, [Span(0, SECONDS * SAMPLE_RATE)], PLAIN_ENGLISH)
        work = (processor_s(worker.pid) - before) / SECONDS
        return told(bench, worker, ready.load_s, ready.loaded.engine_version, ready.loaded.compute_type), work


def told(bench: Bench, worker: Worker, load_s: float, version: str, compute_type: str) -> dict[str, object]:
    return {
        "engine": bench.card.name,
        "version": version,
        "model": "base" if bench.true else "tiny, random weights",
        "device": "cpu",
        "compute_type": compute_type,
        "peak_bytes": peak_bytes(worker.pid),
        "weights_bytes": weights_bytes(bench.model),
        "environment_bytes": environments.state(bench.card, bench.settings, "cpu").size_bytes or 0,
        "load_s": round(load_s, 1),
        "true_text": bench.true,
    }


def show(rows: dict[str, dict[str, object]]) -> None:
    print("# Written by: python scripts/measure_engines.py. Fields: choices.py, Measured.")
    print(f'date = "{datetime.now(UTC).date()}"')
    print(f'machine = "{os.cpu_count()} cores, {platform.machine()}, Linux, no GPU"')
    print('command = "python scripts/measure_engines.py"')
    for row in rows.values():
        print("\n[[engines]]")
        for name, value in row.items():
            shown = f'"{value}"' if isinstance(value, str) else str(value).lower()
            print(f"{name} = {shown}")


if __name__ == "__main__":
    main()
