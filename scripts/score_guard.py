"""
What the guard takes out, held against what was really said: error rates with and without it, and text over no speech.

    python -m pip install --editable '.[score]'
    python scripts/score_guard.py [DATA] [--model base] [--vad_filter False] [--sets en ja ... nasty] [--json FILE]

One run a file. “Without” is the same answer with what was left out put back in its place, so the two differ by the guard
alone and not by the dice of the engine. Every text that was left out is printed beside what was said. Exit 0: no error rate
is higher with the guard, and recordings in which nobody speaks have no text; 1: else; 2: could not run.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import error_rate
import score_data
import score_report

SILENT = "nasty"
"""The set whose rows with an empty text hold no speech; its others are other files' business."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Of one file. Both texts are None where it failed."""

    kept: str | None
    whole: str | None
    dropped: tuple[dict[str, Any], ...] = ()


def transcribe(files: list[Path], command: list[str], language: str | None) -> dict[Path, Heard]:
    with tempfile.TemporaryDirectory(prefix="guard-") as out:
        spoken = ["--language", language] if language else []
        done = subprocess.run(
            [*command, *map(str, files), *spoken, "--output_format", "json", "--output_dir", out, "--overwrite"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, encoding="utf-8", errors="replace",
        )  # fmt: skip
        heard = {file: _read(Path(out) / f"{file.stem}.json") for file in files}
    if all(one.kept is None for one in heard.values()):
        raise score_data.CannotRun(f"nothing was answered; exit {done.returncode}\n{done.stderr[-2000:]}")
    return heard


def _read(path: Path) -> Heard:
    if not path.is_file():
        return Heard(None, None)
    written = json.loads(path.read_text("utf-8"))
    dropped = written["yamabiko"]["dropped"]
    parts = [(s["start"], 0, s["text"]) for s in written["segments"]]
    parts += [(round(d["start_s"], 3), 1, d["text"]) for d in dropped]
    whole = "".join(text for _, _, text in sorted(parts, key=lambda part: part[:2]))
    return Heard(written["text"].strip(), whole.strip(), tuple(dropped))


def score(name: str, data: Path, command: list[str]) -> tuple[dict[str, Any], bool]:
    """The figures of one set, and whether the guard did any harm."""
    if name == SILENT:
        return _silent(data / name, command)
    rows, _ = score_data.read_set(score_data.SETS[name], data)
    heard: dict[Path, Heard] = {}
    for language in sorted({row.language for row in rows}):
        heard |= transcribe([row.audio for row in rows if row.language == language], command, language)
    measures, worse = {}, False
    for measure in score_data.SETS[name].measures:
        with_it, without = (
            error_rate.rate(error_rate.MEASURES[measure], [(row.text, text(heard[row.audio]) or "") for row in rows])
            for text in (lambda one: one.kept, lambda one: one.whole)
        )
        measures[measure] = {"with": with_it.percent, "without": without.percent, "units": with_it.units}
        worse |= with_it.errors > without.errors
        print(f"{name}: {measure:<22} without {without.percent:6.2f} %   with {with_it.percent:6.2f} %", flush=True)
    failed = [row.audio.name for row in rows if heard[row.audio].kept is None]
    print(
        f"{name}: {len(rows)} recordings, {sum(len(one.dropped) for one in heard.values())} texts left out", flush=True
    )
    dropped = [{"audio": row.audio.name, "said": row.text, **one} for row in rows for one in heard[row.audio].dropped]
    for one in dropped:
        print(f"  {one['audio']} {one['start_s']:.1f}-{one['end_s']:.1f} s: {one['text']!r}\n    {one['reason']}")
        print(f"    said there: {one['said'][:300]}")
    print(*(f"  FAILED {file}" for file in failed), sep="\n", end="\n" if failed else "", flush=True)
    return {"measures": measures, "recordings": len(rows), "dropped": dropped, "failed": failed}, worse


def _silent(folder: Path, command: list[str]) -> tuple[dict[str, Any], bool]:
    entries = [json.loads(line) for line in (folder / "manifest.jsonl").read_text("utf-8").splitlines()]
    files = [folder / entry["audio"] for entry in entries if entry["text"] == ""]
    heard = transcribe(files, command, None)
    for file, one in heard.items():
        left = f"LEFT {one.kept!r}" if one.kept else "failed" if one.kept is None else "no text"
        first = [(d["text"], d["reason"]) for d in one.dropped[:3]]
        print(f"{file.name}: {left}; {len(one.dropped)} texts left out, the first: {first}", flush=True)
    wrong = [file.name for file, one in heard.items() if one.kept != ""]
    plain = {file.name: {"kept": one.kept, "without": one.whole} for file, one in heard.items()}
    return {"recordings": len(files), "with_text": wrong, "files": plain}, bool(wrong)


def main(argv: list[str] | None = None) -> int:
    usual = score_data.REPOSITORY.parent / "shared" / "data"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, default=usual, help="folder with en/, ja/ ... and manifests")
    parser.add_argument("--sets", nargs="+", choices=[*score_data.SETS, SILENT], default=[*score_data.SETS, SILENT])
    parser.add_argument("--model", default="base")
    parser.add_argument("--compute_type", default="int8")
    parser.add_argument("--vad_filter", choices=("True", "False"), default="True")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--command", default=shlex.join([sys.executable, "-m", "yamabiko", "transcribe"]))
    parser.add_argument("--json", type=Path, metavar="FILE", help="save all figures and texts")
    asked = parser.parse_args(argv)
    command = [
        *shlex.split(asked.command), "--model", asked.model, "--compute_type", asked.compute_type, "--device", "cpu",
        "--threads", str(asked.threads), "--vad_filter", asked.vad_filter,
    ]  # fmt: skip
    found: dict[str, Any] = {}
    harm = False
    try:
        for name in asked.sets:
            found[name], worse = score(name, asked.data, command)
            harm |= worse
    except (score_data.CannotRun, OSError) as reason:
        print(f"Could not run: {reason}", file=sys.stderr)
        return 2
    if asked.json:
        told = {"model": asked.model, "vad_filter": asked.vad_filter, "sets": found}
        told["machine"] = score_report.machine(score_data.REPOSITORY)
        asked.json.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", "utf-8")
    return int(harm)


if __name__ == "__main__":
    sys.exit(main())
