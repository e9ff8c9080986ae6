"""
What the guard takes out, held against what was really said: error rates with and without it, and text over no speech.

    python -m pip install --editable '.[score]'
    python scripts/score_guard.py [DATA] [--model base] [--vad_filter False] [--sets en ja ... repeated loops] [--json FILE]
    ... --command 'yamabiko transcribe --engine whisper.cpp' --model FILE --compute_type ''

One run a file. “Without” is the same answer with what was left out put back in its place, so the two differ by the guard
alone and not by the dice of the engine. Every text that was left out is printed beside what was said. `repeated` are clips
said over and over, and `loops` sounds over which decoders loop (repeated_speech.py makes both). Exit 0: no error rate is
higher with the guard, no recording loses anything that was said, and those in which nobody speaks have no text; 1: else;
2: could not run.
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
import repeated_speech
import score_data
import score_report

from yamabiko.speech import Segment
from yamabiko.transcription.repeats import repeats
from yamabiko.transcription.stock_phrases import bare

SILENT = "nasty"
"""The set whose rows with an empty text hold no speech; its others are other files' business."""
REPEATED, LOOPS = "repeated", "loops"
OTHERS = (SILENT, REPEATED, LOOPS)
NOTICES = ("repeated-text-kept", "speech-asked-again", "speech-without-text")


@dataclass(frozen=True, slots=True)
class Heard:
    """Of one file. Both texts are None where it failed."""

    kept: str | None
    whole: str | None
    dropped: tuple[dict[str, Any], ...] = ()
    notices: tuple[str, ...] = ()


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
    notices = tuple(one["id"] for one in written["yamabiko"]["notices"] if one["id"] in NOTICES)
    return Heard(written["text"].strip(), whole.strip(), tuple(dropped), notices)


def score(name: str, data: Path, command: list[str], only: list[str]) -> tuple[dict[str, Any], bool]:
    """The figures of one set, and whether the guard did any harm."""
    if name == SILENT:
        return _silent(data / name, command)
    if name in (REPEATED, LOOPS):
        with tempfile.TemporaryDirectory(prefix="guard-") as folder:
            make = repeated_speech.repeated if name == REPEATED else repeated_speech.looping
            understood = "en" if command[command.index("--model") + 1].endswith(".en") else None
            made = [
                one
                for one in make(data, Path(folder))
                if any(word in one.audio.name for word in only) and one.language in (None, understood or one.language)
            ]
            return _repeated(made, command) if name == REPEATED else _loops(made, command)
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


def _all_heard(made: list[repeated_speech.Made], command: list[str]) -> dict[Path, Heard]:
    heard: dict[Path, Heard] = {}
    for language in sorted({one.language for one in made}, key=str):
        heard |= transcribe([one.audio for one in made if one.language == language], command, language)
    return heard


def _repeated(made: list[repeated_speech.Made], command: list[str]) -> tuple[dict[str, Any], bool]:
    """Lost is what the guard adds to the words, in Japanese characters, that were said and stand nowhere in the text."""
    heard = _all_heard(made, command)
    told, lost = [], 0
    for one in made:
        measure = error_rate.MEASURES["cer[ja-basic]" if one.language == "ja" else "wer[whisper-english]"]
        answer = heard[one.audio]
        with_it, without = (error_rate.rate(measure, [(one.text, text or "")]) for text in (answer.kept, answer.whole))
        lost += max(with_it.deletions - without.deletions, 0)
        figures = {"said": with_it.units, "missing": [without.deletions, with_it.deletions],
                   "too_much": [without.insertions, with_it.insertions]}  # fmt: skip
        told.append({"audio": one.audio.name, **figures, "notices": answer.notices, "dropped": answer.dropped})
        print(
            f"{one.audio.name}: {with_it.units} {measure.unit} said; without the guard {without.deletions} are missing and"
            f" {without.insertions} too much, with it {with_it.deletions} and {with_it.insertions}; {answer.notices}"
        )
        for drop in answer.dropped:
            print(f"    left out: {drop['text'][:80]!r} ({drop['reason']})", flush=True)
    sums = [sum(row[key][n] for row in told) for key in ("missing", "too_much") for n in (0, 1)]
    print(f"{REPEATED}: {len(made)} recordings, {sum(one.times for one in made)} copies said, {lost} units lost by the guard;"
          f" missing {sums[0]} without it, {sums[1]} with it; too much {sums[2]} and {sums[3]}")  # fmt: skip
    return {"recordings": told, "lost": lost}, bool(lost)


def _loops(made: list[repeated_speech.Made], command: list[str]) -> tuple[dict[str, Any], bool]:
    """How much of what was written is a phrase over and over. No promise: a loop without a second sign stays."""
    told = []
    for audio, answer in _all_heard(made, command).items():
        left = _over_and_over(answer.kept or "")
        out = sum(len(bare(drop["text"])) for drop in answer.dropped)
        reasons = sorted({drop["reason"].split(" (")[0] for drop in answer.dropped})
        told.append({"audio": audio.name, "out": out, "left": left, "reasons": reasons, "notices": answer.notices})
        print(f"{audio.name}: {out} letters left out, {left} stay in a loop; {reasons} {answer.notices}", flush=True)
    out, left = (sum(one[key] for one in told) for key in ("out", "left"))
    print(f"{LOOPS}: {len(made)} recordings; {out} letters left out, {left} stay in a loop")
    return {"recordings": told}, False


def _over_and_over(text: str) -> int:
    """Letters of all copies but the first."""
    found = repeats((Segment(0.0, 1.0, text),))
    return sum(len(repeat.phrase) * len(repeat.copies) for repeat in found)


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
    parser.add_argument("--sets", nargs="+", choices=[*score_data.SETS, *OTHERS], default=[*score_data.SETS, *OTHERS])
    parser.add_argument("--model", default="base")
    parser.add_argument("--compute_type", default="int8")
    parser.add_argument("--vad_filter", choices=("True", "False"), default="True")
    parser.add_argument(
        "--only", nargs="+", default=[""], help="of the recordings that are made, those with this in their name"
    )
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--command", default=shlex.join([sys.executable, "-m", "yamabiko", "transcribe"]))
    parser.add_argument("--json", type=Path, metavar="FILE", help="save all figures and texts")
    asked = parser.parse_args(argv)
    command = [
        *shlex.split(asked.command), "--model", asked.model, "--device", "cpu", "--threads", str(asked.threads),
        "--vad_filter", asked.vad_filter, *(("--compute_type", asked.compute_type) if asked.compute_type else ()),
    ]  # fmt: skip
    found: dict[str, Any] = {}
    harm = False
    try:
        for name in asked.sets:
            found[name], worse = score(name, asked.data, command, asked.only)
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
