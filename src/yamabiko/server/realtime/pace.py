"""Whether the machine keeps up with who speaks. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from yamabiko.findings import Finding, Remedy
from yamabiko.i18n import Text

BEHIND_S = 3.0
"""Later than this after it was spoken, a finished stretch is late."""
LOOK_BACK_S = 30.0
"""Seconds of speech over which the factor is measured."""


@dataclass(frozen=True, slots=True)
class _Stretch:
    audio_s: float
    work_s: float
    engine_s: float


class Pace:
    """Told of every finished stretch."""

    def __init__(self) -> None:
        self._recent: deque[_Stretch] = deque()
        self.behind = False
        """Work for captions that may still change is left out."""

    @property
    def factor(self) -> float:
        """Seconds from a question to its answer, for a second of speech."""
        audio_s = sum(one.audio_s for one in self._recent)
        return sum(one.work_s for one in self._recent) / audio_s if audio_s else 0.0

    @property
    def engine_factor(self) -> float:
        """The same, the engine's own time alone."""
        audio_s = sum(one.audio_s for one in self._recent)
        return sum(one.engine_s for one in self._recent) / audio_s if audio_s else 0.0

    def finished(self, audio_s: float, work_s: float, engine_s: float, late_s: float) -> None:
        """`late_s`: since the stretch was all there."""
        self._recent.append(_Stretch(audio_s, work_s, engine_s))
        while sum(one.audio_s for one in self._recent) - self._recent[0].audio_s > LOOK_BACK_S:
            self._recent.popleft()
        self.behind = late_s > BEHIND_S and self.factor > 1.0

    def finding(self, model: str) -> Finding:
        return Finding(
            id="captions-too-slow",
            severity="warning",
            area="device",
            cause=Text(
                f"{model} takes {self.factor:.1f} s for each second of speech here, so captions fall behind.",
                f"{model} は音声 1 秒の処理に {self.factor:.1f} 秒かかり、字幕が発話に追いつきません。",
            ),
            evidence=(
                f"measured: {self.factor:.2f} s a second of speech, {self.engine_factor:.2f} s of them in the engine,"
                " the rest waiting for other work",
            ),
            remedies=(
                Remedy(Text("Let no other work run beside it", "ほかの処理を同時に動かさない"), None, "effort"),
                Remedy(
                    Text("Use a smaller model", "より小さいモデルを使う"), "yamabiko serve --model tiny", "accuracy"
                ),
            ),
            we_did=Text(
                "left out captions that could still change; every sentence comes when it is whole",
                "途中経過の字幕を減らし、確定した文だけを送ります。話した内容は失われません",
            ),
        )
