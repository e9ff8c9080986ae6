"""
What people see: findings, receipts, progress. Everything but results goes to standard error.

A terminal gets moving bars; a pipe or a log gets a plain line every ten seconds.
"""

from __future__ import annotations

import sys
import time
import unicodedata
from collections.abc import Callable
from typing import TYPE_CHECKING

from yamabiko.cli.pace import ENOUGH_S, Pace
from yamabiko.cli.streams import print_result as print_result
from yamabiko.findings import Finding, Severity
from yamabiko.i18n import Text
from yamabiko.speech import VERDICTS, Receipt, Transcript

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

PLAIN_EVERY_S = 10.0
LEAST_TIMED_S = 0.5
"""Of audio. Of less, the time that it took is that of beginning and ending, and says nothing of speed."""

SEVERITY_STYLE: dict[Severity, str] = {"info": "cyan", "warning": "yellow", "error": "red", "unknown": "magenta"}


def make_console(*, results: bool = False) -> Console:
    """Standard error, or standard output for `results`; plain where it is no terminal, and where NO_COLOR says so."""
    from rich.console import Console  # drawing is imported where something is drawn: `--help` draws nothing

    return Console(file=sys.stdout if results else sys.stderr, highlight=False, soft_wrap=True)


def say(console: Console, text: Text | str, style: str = "") -> None:
    from rich.text import Text as Styled

    console.print(Styled(printable(str(text)), style=style))


def show_finding(console: Console, finding: Finding, about: str = "") -> None:
    """
    The one view of a Finding on a terminal: what, how we know, what we did, what to do.
    """
    from rich.text import Text as Styled

    from yamabiko.diagnosis.labels import labelled

    head = Styled()
    if about:
        head.append(f"{printable(about)}: ")
    head.append(finding.id, style=f"bold {SEVERITY_STYLE[finding.severity]}")
    head.append(f": {printable(str(finding.cause))}")
    console.print(head)
    for line in finding.evidence:
        _row(console, Text("evidence", "根拠"), labelled(line), "dim")
    if finding.we_did is not None:
        _row(console, Text("we did", "対応"), str(finding.we_did), "")
    for remedy in finding.remedies:
        command = f"   {remedy.command}" if remedy.command else ""
        _row(console, Text("to fix", "対処"), f"{remedy.what}{command}", "")


def _row(console: Console, label: Text, line: str, style: str) -> None:
    from rich.text import Text as Styled

    padded = str(label) + " " * max(1, 10 - _columns(str(label)))
    console.print(Styled(f"  {padded}{printable(line)}", style=style))


def _columns(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)


def receipt_line(transcript: Transcript) -> str:
    """The last line of a file: the device that was used, whether that is proved, and how fast it was."""
    receipt = transcript.receipt
    took = Text(
        f"{clock(transcript.duration_s)} of audio in {receipt.timings.total_s:.1f} s",
        f"音声 {clock(transcript.duration_s)} を {receipt.timings.total_s:.1f} 秒で処理",
    )
    parts = [str(took), *([real_time_factor(receipt)] if receipt.audio_s >= LEAST_TIMED_S else []), used(receipt)]
    if receipt.used_device != "none":
        parts.append(f"{receipt.engine} {receipt.model}")
    if 0 < receipt.chunks_resumed < receipt.chunks:
        done = f"{receipt.chunks_resumed}/{receipt.chunks}"
        parts.append(str(Text(f"{done} from an earlier run", f"{done} は前回の結果")))
    if receipt.fallbacks:
        count = len(receipt.fallbacks)
        parts.append(str(Text(f"failures survived: {count}", f"復旧した障害: {count}")))
    return " · ".join(parts)


NO_ENGINE = Text("no engine was needed", "エンジンは使用せず")


def used(receipt: Receipt) -> str:
    """The device that did the work and whether that is proved: never the one that was asked for."""
    if receipt.used_device == "none" and receipt.chunks:
        return str(Text("all of it was done by an earlier run", "すべて前回の実行で処理済み"))
    if receipt.used_device == "none":
        return str(NO_ENGINE)
    return f"{receipt.used_device} {receipt.used_compute_type} ({VERDICTS[receipt.verdict]})"


def real_time_factor(receipt: Receipt) -> str:
    factor = receipt.real_time_factor
    return "RTF –" if factor is None else f"RTF {factor:.3f}"


def clock(seconds: float) -> str:
    whole = int(seconds + 0.5)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def timestamp(seconds: float) -> str:
    """As Whisper shows it: `01:02.345`, with hours where there are any."""
    milliseconds = round(seconds * 1000)
    hours, minutes, rest = milliseconds // 3_600_000, milliseconds // 60_000 % 60, milliseconds % 60_000 / 1000
    return f"{f'{hours:02}:' if hours else ''}{minutes:02}:{rest:06.3f}"


def size(count: int) -> str:
    return f"{count / 2**30:.2f} GiB" if count >= 2**30 else f"{count / 2**20:.1f} MiB"


def printable(text: str) -> str:
    """File names and decoder lines may hold control characters and broken encodings; a terminal must not obey them."""
    kept = text.encode("utf-8", "backslashreplace").decode("utf-8")
    if kept.isprintable():
        return kept
    return "".join(_escaped(c) if unicodedata.category(c) in _OBEYED or c in _TURNING else c for c in kept)


_OBEYED = ("Cc", "Zl", "Zp")
"""Control characters, and what ends a line or a paragraph."""
_TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""What lets the rest of a line run the other way: `exe.gpj` read as `jpg.exe`."""


def _escaped(character: str) -> str:
    return f"\\x{ord(character):02x}" if ord(character) < 0x100 else f"\\u{ord(character):04x}"


class Bars:
    """
    Progress of one file and of the batch: percent, speed, time left.

    `with Bars(console, weights) as bars:` then for each file `bars.begin_file(n, name)`,
    `bars.update(...)`, `bars.end_file()`. Weights are the files' sizes: their
    durations are not known before they are decoded.
    """

    def __init__(
        self, console: Console, weights: list[int], quiet: bool = False, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._console = console
        self._weights = [max(1, weight) for weight in weights]
        self._quiet = quiet
        self._now = now
        self._begun = self._last_plain = now()
        self._done_weight = 0.0
        self._unworked = 0.0
        """Weight of what was skipped or given up: it took no time, so it says nothing about the time that is left."""
        self._audio_done_s = 0.0
        self._batch_pace = Pace()
        self._progress: Progress | None = None
        self._file_task: TaskID | None = None
        self._batch_task: TaskID | None = None
        self._current, self._name, self._stage = 0, "", ""
        self._fraction = self._audio_s = self._done_s = 0.0
        self._total_s: float | None = None
        self._begun_at = (0.0, 0.0)
        """Audio and share of the file that were done when the stage began."""
        self._pace = Pace()

    def __enter__(self) -> Bars:
        if self._console.is_terminal and not self._quiet:
            from rich.progress import BarColumn, Progress, TextColumn

            self._progress = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=24),
                TextColumn("{task.percentage:>3.0f} %"),
                TextColumn("{task.fields[note]}", markup=False),
                console=self._console,
                transient=True,
            )
            self._progress.start()
            self._file_task = self._progress.add_task("", total=1.0, note=_Live(self._file_note))
            if len(self._weights) > 1:
                about = str(Text("all files", "全体"))
                self._batch_task = self._progress.add_task(about, total=1.0, note=_Live(self._batch_note))
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def begin_file(self, number: int, name: str) -> None:
        self._current, self._name, self._stage = number, printable(name), ""
        self._fraction = self._audio_s = 0.0
        self._begin_stage(0.0, None)

    def end_file(self, *, skipped: bool = False) -> None:
        weight = self._weights[self._current]
        self._done_weight += weight
        self._unworked += weight * (1.0 if skipped else 1.0 - self._fraction)
        self._audio_done_s += self._audio_s
        self._fraction = self._audio_s = 0.0

    def update(self, stage: Text, fraction: float, done_s: float, total_s: float | None) -> None:
        """`fraction` of this file, 0..1; `done_s` of `total_s` seconds of audio in this stage."""
        now = self._now()
        if str(stage) != self._stage:
            # Loading belongs to the transcribing that it is for: the same audio.
            if self._stage == "" or total_s != self._total_s or done_s < self._done_s:
                self._begin_stage(done_s, total_s, fraction)
            self._stage = str(stage)
        self._fraction, self._done_s = fraction, done_s
        self._pace.advance(now, done_s)
        if self._is_last_stage():
            self._audio_s = done_s - self._begun_at[0]
            self._batch_pace.advance(now, self._worked())
        self._show(now)

    def _begin_stage(self, done_s: float, total_s: float | None, fraction: float = 0.0) -> None:
        self._done_s, self._total_s, self._begun_at = done_s, total_s, (done_s, fraction)
        self._pace = Pace(done_s)

    def _is_last_stage(self) -> bool:
        """Whether the file is done when this stage is: only then does the stage tell how long the file takes."""
        done_s, fraction = self._begun_at
        if self._total_s is None or self._done_s <= done_s:
            return False
        slope = (self._fraction - fraction) / (self._done_s - done_s)
        return self._fraction + slope * (self._total_s - self._done_s) > 0.999

    def _show(self, now: float) -> None:
        if self._progress is not None and self._file_task is not None:
            words = f"{self._name}  {self._stage}"
            self._progress.update(self._file_task, completed=self._fraction, description=words)
            if self._batch_task is not None:
                self._progress.update(self._batch_task, completed=self._batch_done())
        elif not self._quiet and now - self._last_plain >= PLAIN_EVERY_S:
            self._last_plain = now
            words = f"{self._name}  {self._stage}  {100 * self._fraction:.0f} %  {self._file_note()}".rstrip()
            if len(self._weights) > 1:
                words += f" | {Text('all files', '全体')} {100 * self._batch_done():.0f} %  {self._batch_note()}"
            say(self._console, words.rstrip())

    def _file_note(self) -> str:
        now = self._now()
        left = self._pace.left_s(now, self._total_s) if self._total_s and self._is_last_stage() else None
        if self._total_s is None:  # decoding: how long the recording is shows when it is done
            return clock(self._done_s) if self._done_s else ""
        # How fast speech is found says nothing about how fast it is transcribed.
        return _speed_and_time_left(self._pace.rate(now) if self._is_last_stage() else None, left)

    def _batch_note(self) -> str:
        now = self._now()
        elapsed, audio_s = now - self._begun, self._audio_done_s + self._audio_s
        speed = audio_s / elapsed if audio_s > 0 and elapsed >= ENOUGH_S else None
        return _speed_and_time_left(speed, self._batch_pace.left_s(now, sum(self._weights) - self._unworked))

    def _batch_done(self) -> float:
        return (self._done_weight + self._weights[self._current] * self._fraction) / sum(self._weights)

    def _worked(self) -> float:
        return self._done_weight + self._weights[self._current] * self._fraction - self._unworked


def _speed_and_time_left(speed: float | None, left_s: float | None) -> str:
    notes = [*([f"{speed:.1f}x"] if speed else []), *([f"{Text('left', '残り')} {clock(left_s)}"] if left_s else [])]
    return "  ".join(notes)


class _Live:
    """Words that are found anew each time they are drawn."""

    def __init__(self, words: Callable[[], str]) -> None:
        self._words = words

    def __str__(self) -> str:
        return self._words()


class Setup:
    """Progress of setting up an engine or fetching a model: a line that says so, then a bar."""

    def __init__(self, console: Console, quiet: bool = False) -> None:
        self._console = console
        self._quiet = quiet
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._what = ""
        self._last_plain = time.monotonic()

    def __enter__(self) -> Setup:
        return self

    def __exit__(self, *_: object) -> None:
        self._end_bar()

    def report(self, what: Text, done: int, total: int) -> None:
        if str(what) != self._what:
            self._what = str(what)
            self._end_bar()
            say(self._console, f"{what} ...")
            if self._console.is_terminal and not self._quiet:
                from rich.progress import BarColumn, Progress, TextColumn

                self._progress = Progress(
                    BarColumn(bar_width=40),
                    TextColumn("{task.percentage:>3.0f} %"),
                    console=self._console,
                    transient=True,
                )
                self._progress.start()
                self._task = self._progress.add_task("", total=None)
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=done, total=total or None)
        elif not self._quiet and total and time.monotonic() - self._last_plain > PLAIN_EVERY_S:
            self._last_plain = time.monotonic()
            say(self._console, f"{what}: {100 * done / total:.0f} %")

    def _end_bar(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
