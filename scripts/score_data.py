"""
Error rates on real recordings: ours, and those of a plain faster-whisper run on the same files, side by side.

    python -m pip install --editable '.[score]'
    python scripts/score_data.py [DATA] [--json FILE]        # DATA, else YAMABIKO_TEST_DATA, else ../shared/data

"Ours" is the command line a person runs. "Plain" is faster-whisper as its README shows it (beam 5, no VAD), in
yamabiko's own environment of it, with the same weights, the same precision and the language given likewise. A file that
failed counts as an empty answer, all of its words lost. Exit 0: ours is no worse; 1: worse on a set; 2: could not run.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import error_rate
import score_report

REPOSITORY = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Set:
    """Recordings that are scored together."""

    folder: str
    measures: tuple[str, ...]
    language: str | None = None
    """Only the rows in this language; None: all."""


SETS = {
    "en": Set("en", ("wer[whisper-english]", "wer[whisper-basic]")),
    "ja": Set("ja", ("cer[ja-basic]",)),
    "ja_tts": Set("ja_tts", ("cer[ja-basic]",)),
    "multi": Set("multi", ("cer[basic+marks]",)),
    "long_en": Set("long", ("wer[whisper-english]", "wer[whisper-basic]"), "en"),
    "long_ja": Set("long", ("cer[ja-basic]",), "ja"),
}


@dataclass(frozen=True, slots=True)
class Row:
    audio: Path
    text: str
    language: str
    duration_s: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What one side made of one file. `text` is None where it failed."""

    text: str | None
    work_s: float = 0.0
    """Seconds for this file without loading the model: the two sides load at different times."""


class CannotRun(Exception):
    """The reason why there is nothing to compare, for the person who started this."""


def read_set(chosen: Set, data: Path) -> tuple[list[Row], int]:
    """The rows to score, and how many are not: no reference, or one that the speaker departs from."""
    rows, skipped = [], 0
    folder = data / chosen.folder
    for line in (folder / "manifest.jsonl").read_text("utf-8").splitlines():
        entry = json.loads(line)
        if chosen.language not in (None, entry["language"]):
            continue
        if entry.get("text") is None or entry.get("verbatim") is False:
            skipped += 1
            continue
        rows.append(Row(folder / entry["audio"], entry["text"], entry["language"], float(entry.get("duration") or 0)))
    return rows, skipped


def ours(rows: list[Row], command: str, model: str, compute_type: str) -> dict[Path, Answer]:
    """Run the command line, one call a language, and read the json files it wrote."""
    answers: dict[Path, Answer] = {}
    for language in sorted({row.language for row in rows}):
        files = [row.audio for row in rows if row.language == language]
        with tempfile.TemporaryDirectory(prefix="score-") as out:
            done = subprocess.run(
                [*shlex.split(command), *map(str, files), "--model", model, "--language", language,
                 "--compute_type", compute_type, "--device", "cpu", "--output_format", "json",
                 "--output_dir", out, "--overwrite"],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, encoding="utf-8", errors="replace",
            )  # fmt: skip
            if done.returncode != 0:
                print(f"  ours: exit {done.returncode} ({language})\n{_tail(done.stderr)}", file=sys.stderr)
            for file in files:
                answers[file] = _read_answer(Path(out) / f"{file.stem}.json")
        if done.returncode != 0 and not any(answers[file].text is not None for file in files):
            raise CannotRun(f"{command} answered nothing at all ({language}); exit {done.returncode}")
    return answers


def _read_answer(path: Path) -> Answer:
    if not path.is_file():
        return Answer(None)
    written = json.loads(path.read_text("utf-8"))
    took = written["yamabiko"]["timings"]
    return Answer(written["text"].strip(), took["total_s"] - took["load_s"] - took["queue_s"])


def plain(
    rows: list[Row], python: Path, model: Path, compute_type: str
) -> tuple[dict[Path, Answer], dict[str, str]]:  # answers, versions
    """faster-whisper alone, in a process of its own."""
    asked = {
        "model": str(model), "compute_type": compute_type, "beam_size": 5, "threads": 0,
        "files": [{"audio": str(row.audio), "language": row.language} for row in rows],
    }  # fmt: skip
    done = subprocess.run(
        [str(python), str(Path(__file__).with_name("plain_faster_whisper.py"))],
        input=json.dumps(asked), capture_output=True, text=True, encoding="utf-8", errors="replace",
    )  # fmt: skip
    if done.returncode != 0:
        raise CannotRun(f"the plain run ended with exit {done.returncode}:\n{_tail(done.stderr)}")
    first, *said = [json.loads(line) for line in done.stdout.splitlines()]
    return {Path(one["audio"]): Answer(one["text"], one["seconds"]) for one in said}, first["versions"]


def _tail(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines()[-12:])


def plain_place(arguments: argparse.Namespace) -> tuple[Path, Path]:
    """The interpreter and the model folder of the plain run: what our own run has set up, unless named."""
    if arguments.plain_python and arguments.plain_model:
        return arguments.plain_python, arguments.plain_model
    from yamabiko import settings
    from yamabiko.engines import environments, models
    from yamabiko.engines.catalog import DEFAULT_ENGINE, card
    from yamabiko.findings import Problem

    engine = card(DEFAULT_ENGINE)
    try:
        python = arguments.plain_python or environments.require(engine, settings.current(), "cpu").python
        if arguments.plain_model:
            return python, arguments.plain_model
        found = models.locate(arguments.model, format=engine.model_format or "", settings=settings.current())
    except Problem as problem:
        raise CannotRun(str(problem)) from problem
    if found is None:
        raise CannotRun(f"model {arguments.model} is not here: yamabiko models pull {arguments.model}")
    return python, found.path


def score(name: str, rows: list[Row], answers: dict[Path, Answer], wall_s: float) -> dict[str, Any]:
    """Everything about one side on one set, as plain values."""
    pairs = [(row.text, answers[row.audio].text or "") for row in rows]
    audio_s = sum(row.duration_s for row in rows)
    measures = {m: error_rate.rate(error_rate.MEASURES[m], pairs) for m in SETS[name].measures}
    return {
        "measures": {m: {**asdict(rate), "percent": rate.percent} for m, rate in measures.items()},
        "failed": sum(answers[row.audio].text is None for row in rows),
        "audio_s": audio_s,
        "work_s": sum(answers[row.audio].work_s for row in rows),
        "wall_s": wall_s,
        "files": [
            {
                "audio": row.audio.name,
                "reference": row.text,
                "text": answers[row.audio].text,
                "errors": {m: error_rate.rate(error_rate.MEASURES[m], [pair]).errors for m in SETS[name].measures},
            }
            for row, pair in zip(rows, pairs, strict=True)
        ],
    }


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Both sides on every set; ours first, since it sets up what the plain run uses."""
    sets: dict[str, Any] = {}
    versions: dict[str, str] = {}
    for name in arguments.sets:
        rows, skipped = read_set(SETS[name], arguments.data)
        sides: dict[str, Any] = {}
        if not arguments.only_plain:
            began = time.perf_counter()
            answers = ours(rows, arguments.command, arguments.model, arguments.compute_type)
            sides["ours"] = score(name, rows, answers, time.perf_counter() - began)
        python, model = plain_place(arguments)
        began = time.perf_counter()
        answers, versions = plain(rows, python, model, arguments.compute_type)
        sides["plain"] = score(name, rows, answers, time.perf_counter() - began)
        sets[name] = {"samples": len(rows), "skipped": skipped, "sides": sides}
        print(score_report.lines(name, sets[name]), flush=True)
    return {
        "model": arguments.model,
        "compute_type": arguments.compute_type,
        "data": {
            name: score_report.sha256(arguments.data / SETS[name].folder / "manifest.jsonl") for name in arguments.sets
        },
        "versions": versions | score_report.versions(),
        "machine": score_report.machine(REPOSITORY),
        "sets": sets,
    }


def parse(argv: list[str] | None) -> argparse.Namespace:
    usual = Path(os.environ.get("YAMABIKO_TEST_DATA") or REPOSITORY.parent / "shared" / "data")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, default=usual, help="folder with en/, ja/ ... and manifests")
    parser.add_argument("--sets", nargs="+", choices=SETS, help="default: all that are there")
    parser.add_argument("--model", default="base")
    parser.add_argument("--compute_type", default="int8")
    parser.add_argument(
        "--command",
        default=shlex.join([sys.executable, "-m", "yamabiko", "transcribe"]),
        help="what runs ours; files and options are put after it",
    )
    parser.add_argument("--tolerance", type=float, default=0.0, help="errors a set that ours may be worse by")
    parser.add_argument("--json", type=Path, metavar="FILE", help="save all numbers, texts and machine facts")
    parser.add_argument("--only_plain", action="store_true", help="the plain run alone")
    parser.add_argument("--plain_python", type=Path, help="interpreter that has faster-whisper")
    parser.add_argument("--plain_model", type=Path, help="folder of the model for the plain run")
    arguments = parser.parse_args(argv)
    if arguments.sets is None:
        arguments.sets = [
            name for name, chosen in SETS.items() if (arguments.data / chosen.folder / "manifest.jsonl").is_file()
        ]
    return arguments


def main(argv: list[str] | None = None) -> int:
    arguments = parse(argv)
    if not arguments.sets:
        print(f"There are no recordings to score in {arguments.data}: no manifest.jsonl in {', '.join(SETS)}.")
        return 2
    try:
        result = run(arguments)
    except (CannotRun, OSError) as reason:
        print(f"Could not run: {reason}", file=sys.stderr)
        return 2
    if arguments.json:
        arguments.json.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", "utf-8")
    worse = score_report.worse(result["sets"], arguments.tolerance)
    print(*worse, sep="\n")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
