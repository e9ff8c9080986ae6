"""
Progress as a person reads it, on a pipe and on a terminal, by a clock that the tests turn.

A pipe gets one line in ten seconds; what a line says is what the bars say.
"""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from yamabiko.cli.screen import Bars
from yamabiko.i18n import Text

LOAD = Text("loading the model", "モデルを読み込み中")
FIND = Text("finding speech", "話し声を検出中")
TRANSCRIBE = Text("transcribing", "文字起こし中")


class Machine:
    """Reports as the pipeline does: a tenth of a file's bar before its transcription, chunks of 30 s."""

    def __init__(self, weights: list[int], *, terminal: bool = False, quiet: bool = False) -> None:
        self.time = 0.0
        self.screen = io.StringIO()
        console = Console(file=self.screen, force_terminal=terminal, width=120, highlight=False, soft_wrap=True)
        self.bars = Bars(console, weights, quiet, now=lambda: self.time)

    def prepare(self, audio_s: float, *, load_s: float = 0.0, resumed_s: float = 0.0) -> None:
        self.bars.update(Text("decoding", "デコード中"), 0.0, 0.0, None)
        self.time += 0.2
        self.bars.update(FIND, 0.04, 0.0, audio_s + 5)
        self.time += 0.8
        self.bars.update(FIND, 0.10, audio_s + 5, audio_s + 5)
        self.bars.update(LOAD, 0.10 + 0.9 * resumed_s / audio_s, resumed_s, audio_s)
        self.time += load_s

    def transcribe(self, audio_s: float, *, each_s: float, begin_s: float = 0.0, end_s: float | None = None) -> None:
        done_s = begin_s
        while done_s < (end_s or audio_s):
            self.time += each_s
            done_s = min(done_s + 30, audio_s)
            self.bars.update(TRANSCRIBE, 0.10 + 0.9 * done_s / audio_s, done_s, audio_s)

    @property
    def lines(self) -> list[str]:
        return self.screen.getvalue().splitlines()


def seconds_left(words: str) -> float | None:
    found = re.search(r"left (?:(\d+):)?(\d+):(\d\d)", words)
    return float(found[1] or 0) * 3600 + float(found[2]) * 60 + float(found[3]) if found else None


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("yamabiko.i18n.reader_language", lambda: "en")


@pytest.mark.parametrize("load_s", [0.0, 4.0, 90.0])
def test_no_line_ever_promises_what_is_far_from_true(load_s: float) -> None:
    """An hour at ten times real time: the first figures were wild, by the model's loading and the first chunk."""
    machine = Machine([1])
    machine.bars.begin_file(0, "talk.mp3")
    machine.prepare(3600, load_s=load_s)
    begun = machine.time
    machine.transcribe(3600, each_s=3.0)
    total_s = machine.time - begun
    told = 0
    for number, line in enumerate(machine.lines):
        left = seconds_left(line)
        if left is not None:
            told += 1
            percent = float(re.search(r"(\d+) %", line)[1])  # type: ignore[index]
            assert left == pytest.approx(total_s * (100 - percent) / 90, abs=6), (number, line)
    assert told > 20


def test_speed_and_percent_are_those_of_the_work() -> None:
    machine = Machine([1])
    machine.bars.begin_file(0, "talk.mp3")
    machine.prepare(600, load_s=2)
    machine.transcribe(600, each_s=3.0, end_s=300)
    assert re.search(r"talk\.mp3  transcribing  \d\d %  10\.0x  left 0:\d\d$", machine.lines[-1])


def test_a_stage_that_is_not_the_last_promises_no_end() -> None:
    """Speech is found long before the file is done."""
    machine = Machine([1])
    machine.bars.begin_file(0, "talk.mp3")
    for n in range(40):
        machine.time += 1
        machine.bars.update(FIND, 0.04 + 0.06 * n / 400, n * 100.0, 40_000.0)
    assert len(machine.lines) >= 3
    assert all("finding speech" in line and "left" not in line for line in machine.lines)
    assert not any("x" in line.partition("%")[2] for line in machine.lines), "how fast speech is found is no speed"


def test_what_an_earlier_run_did_makes_this_one_no_faster() -> None:
    machine = Machine([1])
    machine.bars.begin_file(0, "talk.mp3")
    machine.prepare(3600, resumed_s=3000)
    machine.transcribe(3600, each_s=15.0, begin_s=3000, end_s=3300)
    assert "2.0x" in machine.lines[-1]
    assert seconds_left(machine.lines[-1]) == pytest.approx(150, abs=20)


def test_skipped_files_count_as_done_and_not_as_work() -> None:
    """Nine of ten finished files pass in no time: the tenth is not promised to do so too."""
    machine = Machine([100] * 10)
    for number in range(9):
        machine.bars.begin_file(number, f"{number}.mp3")
        machine.bars.end_file(skipped=True)
    machine.bars.begin_file(9, "9.mp3")
    machine.prepare(600)
    machine.transcribe(600, each_s=15.0, end_s=300)
    batch = machine.lines[-1].partition("all files")[2]
    assert re.match(r" 96 %", batch)
    assert seconds_left(batch) == pytest.approx(150, abs=30)


def test_a_file_that_fails_at_once_makes_the_others_no_faster() -> None:
    machine = Machine([1_000_000, 100, 100])
    machine.bars.begin_file(0, "no sound.bin")
    machine.bars.update(Text("decoding", "デコード中"), 0.0, 0.0, None)
    machine.bars.end_file()
    machine.bars.begin_file(1, "talk.mp3")
    machine.prepare(600)
    machine.transcribe(600, each_s=15.0, end_s=300)
    assert seconds_left(machine.lines[-1].partition("all files")[2]) == pytest.approx(150 + 300, rel=0.15)


def test_the_batch_tells_its_own_time() -> None:
    machine = Machine([100, 100, 100, 100])
    machine.bars.begin_file(0, "a.mp3")
    machine.prepare(300, load_s=30)
    machine.transcribe(300, each_s=3.0)
    machine.bars.end_file()
    machine.bars.begin_file(1, "b.mp3")
    machine.prepare(300)
    machine.transcribe(300, each_s=6.0, end_s=180)
    file, _, batch = machine.lines[-1].partition("all files")
    left_s = seconds_left(file)
    assert left_s == pytest.approx(24, abs=7)
    assert seconds_left(batch) == pytest.approx(24 + 2 * 40, rel=0.35)  # between the pace of a and that of b


def test_one_file_is_told_without_a_batch_and_quiet_tells_nothing() -> None:
    for quiet in (False, True):
        machine = Machine([1], quiet=quiet)
        machine.bars.begin_file(0, "talk.mp3")
        machine.prepare(600)
        machine.transcribe(600, each_s=3.0)
        assert bool(machine.lines) is not quiet
        assert "all files" not in machine.screen.getvalue()


def test_a_terminal_is_drawn_on_and_left_clean() -> None:
    machine = Machine([1, 1], terminal=True)
    with machine.bars:
        machine.bars.begin_file(0, "talk\x1b[2J.mp3")
        machine.prepare(600)
        machine.transcribe(600, each_s=3.0, end_s=300)
    drawn = machine.screen.getvalue()
    assert "talk\\x1b[2J.mp3" in drawn
    assert "all files" in drawn
    assert "left 0:" in drawn
    assert drawn.rstrip("\r\n").endswith("\x1b[2K")
