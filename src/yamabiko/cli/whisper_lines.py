"""What `yamabiko-whisper` says: openai-whisper's own lines on standard output, all else on standard error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from yamabiko.cli import screen
from yamabiko.cli.watching import Watcher
from yamabiko.findings import Finding, Problem
from yamabiko.formats.language_names import language_name
from yamabiko.speech import Segment, Transcript

if TYPE_CHECKING:
    from rich.console import Console


class Output:
    """Standard output, read by scripts. Where it can no longer be written, the work goes on, and this is told once."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.lost: Finding | None = None

    def line(self, text: str) -> None:
        if self.lost is not None:
            return
        try:
            screen.print_result(f"{screen.printable(text)}\n")
        except Problem as problem:
            self.lost = problem.finding
            screen.show_finding(self._console, problem.finding)


class Lines(Watcher):
    """One recording's lines, as soon as there is text."""

    def __init__(self, console: Console, output: Output, bars: screen.Bars, name: str, *, verbose: bool) -> None:
        super().__init__(console, bars, name, verbose=False)
        self._output = output
        self._each_line = verbose
        self._printed: Counter[str] = Counter()

    def language(self, code: str) -> None:
        if self._each_line:
            self._output.line(
                "Detecting language using up to the first 30 seconds. Use `--language` to specify the language"
            )
        self._output.line(f"Detected language: {(language_name(code) or code).title()}")

    def segments(self, segments: Sequence[Segment]) -> None:
        if self._each_line:
            for segment in segments:
                line = _line(segment)
                self._printed[_told(line)] += 1
                self._output.line(line)

    def rest(self, transcript: Transcript) -> None:
        """What came otherwise: from an interrupted run, or when the engine was asked again for what it passed over."""
        if self._each_line:
            for segment in transcript.segments:
                line = _line(segment)
                if self._printed[_told(line)]:
                    self._printed[_told(line)] -= 1
                else:
                    self._output.line(line)


def _line(segment: Segment) -> str:
    return f"[{screen.timestamp(segment.start_s)} --> {screen.timestamp(segment.end_s)}] {segment.text}"


def _told(line: str) -> str:
    """Whether it is the same line, whatever space the seam between two chunks was given."""
    return "".join(line.split())
