"""What was answered survives every end of the process that asked."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from yamabiko.speech import Segment, Span, Word
from yamabiko.transcription.journal import files_of, open_journal

SPANS = [Span(n * 1000, n * 1000 + 900) for n in range(6)]


def said(text: str) -> tuple[Segment, ...]:
    return (Segment(0.0, 1.0, text),)


def keep(folder: Path, *numbers: int) -> None:
    with open_journal(folder, "job") as journal:
        for number in numbers:
            journal.keep(SPANS[number], said(f"text {number}"))


def kept(folder: Path) -> list[int]:
    with open_journal(folder, "job") as journal:
        return [number for number, span in enumerate(SPANS) if journal.answer(span) == said(f"text {number}")]


@pytest.mark.parametrize("cut", [1, 15, 40])
def test_a_torn_line_costs_itself_and_nothing_that_comes_after(cut: int, tmp_path: Path) -> None:
    """It died in the middle of a line, went on, and died again."""
    keep(tmp_path, 0, 1)
    [path] = tmp_path.glob("*.jsonl")
    os.truncate(path, path.stat().st_size - cut)
    assert kept(tmp_path) == [0]
    keep(tmp_path, 2, 3, 4)
    assert kept(tmp_path) == [0, 2, 3, 4]


def test_a_disk_that_is_full_for_a_while_tears_no_line(tmp_path: Path) -> None:
    import resource

    keep(tmp_path, 0)
    [path] = tmp_path.glob("*.jsonl")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with open_journal(tmp_path, "job") as journal:
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, hard))
        try:
            journal.keep(SPANS[1], said("text 1"))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        journal.keep(SPANS[2], said("text 2"))
    assert kept(tmp_path) == [0, 2]


@pytest.mark.parametrize("rubbish", [b"\x00" * 50, b"{}\n", b"\xff\xfe\n", b"[1, 2\n"])
def test_rubbish_ends_what_is_believed(rubbish: bytes, tmp_path: Path) -> None:
    keep(tmp_path, 0, 1)
    [path] = tmp_path.glob("*.jsonl")
    path.write_bytes(path.read_bytes() + rubbish)
    assert kept(tmp_path) == [0, 1]
    keep(tmp_path, 2)
    assert kept(tmp_path) == [0, 1, 2]


def test_a_model_trained_further_under_its_path_is_another_one(tmp_path: Path) -> None:
    weights = tmp_path / "model.bin"
    weights.write_bytes(b"weights")
    before = files_of(str(tmp_path))
    (tmp_path / ".verified.json").write_text("ours")
    assert files_of(str(tmp_path)) == before
    weights.write_bytes(b"WEIGHTS")
    os.utime(weights, ns=(0, before[0][2] + 1))  # a file system may keep its times no finer than this test is fast
    assert files_of(str(tmp_path)) != before
    assert files_of(str(weights)) == files_of(str(tmp_path))
    assert files_of("") == files_of(str(tmp_path / "gone")) == []


def test_answers_of_an_older_version_are_still_read(tmp_path: Path) -> None:
    """It knew nothing of speakers and characters: what it kept has no such fields."""
    keep(tmp_path, 0)
    [path] = tmp_path.glob("*.jsonl")
    line = json.loads(path.read_text("utf-8"))
    [segment] = line["segments"]
    del segment["speaker"]
    segment["words"] = [{"start_s": 0.0, "end_s": 1.0, "text": "text", "probability": None}]
    path.write_text(json.dumps(line) + "\n", "utf-8")
    with open_journal(tmp_path, "job") as journal:
        assert journal.answer(SPANS[0]) == (Segment(0.0, 1.0, "text 0", (Word(0.0, 1.0, "text"),)),)
