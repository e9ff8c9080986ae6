"""
Every row of the nasty recordings from the shell, with the real engine: what its manifest expects, and no more text.

All rows of a kind go through one call: an engine is loaded once, and a failure
of one file must not cost the others. The smallest real model hears them.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rapidfuzz.distance import Levenshtein

from program import COMMAND, Result, environment, run_program

DATA = Path(os.environ.get("YAMABIKO_TEST_DATA") or Path(__file__).parents[3] / "shared" / "data") / "nasty"
MANIFEST = DATA / "manifest.jsonl"
Row = dict[str, Any]
ROWS: list[Row] = [json.loads(line) for line in MANIFEST.read_text("utf-8").splitlines()] if MANIFEST.is_file() else []

pytestmark = pytest.mark.skipif(not ROWS, reason=f"no recordings at {DATA}; set YAMABIKO_TEST_DATA")

EITHER = [row for row in ROWS if "or 4xx" in row["expect"] or "partial" in row["expect"]]
REFUSED = [row for row in ROWS if row["expect"].startswith("4xx")]
SILENT = [row for row in ROWS if row["expect"].startswith("ok-empty") and row not in EITHER]
SPOKEN = [row for row in ROWS if row["text"]]
JFK = "And so, my fellow Americans, ask not what your country can do for you, ask what you can do for your country."
SMALL = ("--model", "tiny.en", "--beam_size", "1", "--temperature_increment_on_fallback", "0", "-f", "txt,json")
OFFLINE = {"HF_ENDPOINT": "http://127.0.0.1:9", "PIP_INDEX_URL": "http://127.0.0.1:9", "PIP_FIND_LINKS": ""}


def transcribe(rows: list[Row], home: Path, output: Path) -> Result:
    return run_program(*(DATA / row["audio"] for row in rows), "-o", output, *SMALL, home=home, **OFFLINE)


def outputs(row: Row, folder: Path) -> dict[str, str]:
    """What was written for this recording, by format; its full name stands where others have its stem."""
    name = Path(row["audio"])
    found: dict[str, str] = {}
    for format_ in ("txt", "json"):
        paths = [path for base in (name.stem, name.name) if (path := folder / f"{base}.{format_}").exists()]
        assert len(paths) <= 1, paths
        if paths:
            found[format_] = paths[0].read_text("utf-8")
    return found


def findings(row: Row, result: Result) -> list[str]:
    """Ids of what was said about this recording; each must bring its evidence."""
    text = re.escape(row["audio"]) + r": ([a-z]+(?:-[a-z]+)+): .*\n((?:  .*\n)*)"
    found = re.findall("^" + text, result.err, re.MULTILINE)
    for id_, below in found:
        assert "  evidence " in below, f"{row['audio']}: {id_} says nothing of how we know"
    return [id_ for id_, _ in found]


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def wrong_words(heard: str, said: str) -> int:
    """Words changed, lost or invented."""
    return Levenshtein.distance(words(heard), words(said))


def test_every_row_belongs_to_a_test_below() -> None:
    kinds = [row["audio"] for kind in (EITHER, REFUSED, SILENT, SPOKEN) for row in kind]
    assert sorted(kinds) == sorted(row["audio"] for row in ROWS)


def test_what_is_no_recording_is_refused_by_name_and_leaves_no_transcript(ready_home: Path, tmp_path: Path) -> None:
    result = transcribe(REFUSED, ready_home, tmp_path)
    assert result.code == 3, result.err
    for row in REFUSED:
        [id_] = findings(row, result)
        if "no audio stream" in row["expect"]:
            assert id_ == "input-no-audio-stream"
        elif "must not read other files" in row["expect"]:
            assert id_ == "input-playlist"
        else:
            assert id_.startswith("input-"), f"{row['audio']}: {id_}"
    assert "root:" not in result.err, "the playlist names /etc/passwd"
    assert not list(tmp_path.iterdir())


def test_where_somebody_speaks_the_words_come_out_whatever_holds_them(ready_home: Path, tmp_path: Path) -> None:
    """One recording in 22 wrappings: no more than two words of 22 go wrong, half of them where the sound is clipped."""
    result = transcribe(SPOKEN, ready_home, tmp_path)
    assert result.code == 0, result.err
    heard = {row["audio"]: outputs(row, tmp_path) for row in SPOKEN}
    wrong = {name: wrong_words(heard[name]["txt"], row["text"]) for row in SPOKEN for name in [row["audio"]]}
    limits = {name: 11 if "clipped" in name else 2 for name in wrong}
    assert {name: (n, heard[name]["txt"]) for name, n in wrong.items() if n > limits[name]} == {}
    for name, written in heard.items():
        receipt = json.loads(written["json"])["yamabiko"]
        assert (receipt["used_device"], receipt["verdict"]) == ("cpu", "proved"), name
        assert receipt["duration_s"] == pytest.approx(11.0, abs=0.1), name
        assert "audio-partial" not in [notice["id"] for notice in receipt["notices"]], name


MEASURED = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""
"""A small process between us and the program: Linux counts the memory of whoever starts a process as its own."""


def test_where_nobody_speaks_the_transcript_is_empty_and_says_so(ready_home: Path, tmp_path: Path) -> None:
    """
    Silence, noise, a tone, a clipped offset; and two hours in 0.7 MB, decoded 461 MB, that no process ever holds.
    """
    sources = [str(DATA / row["audio"]) for row in SILENT]
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *COMMAND, *sources, "-o", str(tmp_path), *SMALL],
        env=environment(ready_home, **OFFLINE), capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    result = Result(done.returncode, done.stdout, done.stderr)
    assert result.code == 0, result.err
    for row in SILENT:
        written = outputs(row, tmp_path)
        assert written["txt"] == "", row["audio"]
        assert json.loads(written["json"])["segments"] == [], row["audio"]
        assert findings(row, result) == ["no-speech"], row["audio"]
    assert int(result.out.splitlines()[-1]) < 300 * 1024, "KiB of the largest process, workers and decoders included"


def test_what_is_damaged_gives_the_words_that_are_left_or_is_refused(ready_home: Path, tmp_path: Path) -> None:
    result = transcribe(EITHER, ready_home, tmp_path)
    refused = 0
    for row in EITHER:
        told, written = findings(row, result), outputs(row, tmp_path)
        if "or 4xx" in row["expect"] and not written:
            refused += 1
            assert [id_ for id_ in told if id_.startswith("input-")], row["audio"]
            continue
        receipt = json.loads(written["json"])["yamabiko"]
        assert [notice["id"] for notice in receipt["notices"]] == told, "the receipt says what the screen said"
        if "partial" in row["expect"]:
            assert "audio-partial" in told, row["audio"]
            assert "fellow americans" in " ".join(words(written["txt"])), row["audio"]
            # Up to some word of it: what is left of the recording, and nothing made up for the rest.
            whole = words(JFK)
            wrong = min(wrong_words(written["txt"], " ".join(whole[:n])) for n in range(len(whole) + 1))
            assert wrong <= 3, written["txt"]
        else:
            assert written["txt"] == "", row["audio"]
    assert result.code == (3 if refused == len(EITHER) else 7 if refused else 0), result.err
