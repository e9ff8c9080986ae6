"""What the pipeline tells of one recording, as bars and lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from yamabiko.cli import screen
from yamabiko.findings import Finding
from yamabiko.i18n import Text
from yamabiko.speech import Segment

if TYPE_CHECKING:
    from rich.console import Console

    from yamabiko.transcription.asking import Stage

_STAGES: dict[Stage, tuple[Text, float, float]] = {
    # words, and which part of the file's bar it fills: begin, length (measured: Whisper base on two cores)
    "decode": (Text("decoding", "デコード中"), 0.0, 0.04),
    "find speech": (Text("finding speech", "話し声を検出中"), 0.04, 0.06),
    "find speakers": (Text("telling speakers apart", "話者を区別中"), 0.10, 0.0),
    "load": (Text("loading the model", "モデルを読み込み中"), 0.10, 0.90),
    "transcribe": (Text("transcribing", "文字起こし中"), 0.10, 0.90),
    "align": (Text("timing the words", "単語の時刻を計算中"), 1.0, 0.0),
}


class Watcher:
    """Turns what the pipeline tells into bars and lines."""

    def __init__(
        self, console: Console, bars: screen.Bars, name: str, *, verbose: bool,
        as_typed: Callable[[Finding], Finding] = lambda notice: notice,
    ) -> None:  # fmt: skip
        """`as_typed`: a notice with its remedies as they are typed here."""
        self._console, self._bars, self._name, self._verbose = console, bars, name, verbose
        self._as_typed = as_typed

    def progress(self, stage: Stage, done_s: float, total_s: float | None) -> None:
        words, begin, length = _STAGES[stage]
        part = min(1.0, done_s / total_s) if total_s else 0.0
        self._bars.update(words, begin + length * part, done_s, total_s)

    def segments(self, segments: Sequence[Segment]) -> None:
        if self._verbose:
            for segment in segments:
                times = f"[{screen.timestamp(segment.start_s)} --> {screen.timestamp(segment.end_s)}]"
                screen.say(self._console, f"{times} {segment.text}")

    def notice(self, finding: Finding) -> None:
        screen.show_finding(self._console, self._as_typed(finding), self._name)
