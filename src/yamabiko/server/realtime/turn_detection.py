"""When somebody begins to speak and when they have ended, window by window. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

from yamabiko.speech import SAMPLE_RATE

WINDOW = 512
"""Samples a probability is for: 32 ms."""
SHORTEST_SPEECH = 3
"""Windows of speech before it counts: three by chance are noise, and the shortest “はい” is twice as long."""
FALL = 0.15
"""Speech lasts while windows are at most this much less likely than where it began."""


@dataclass(frozen=True, slots=True)
class ServerVad:
    """OpenAI's names and defaults."""

    threshold: float = 0.5
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 500
    idle_timeout_ms: int | None = None

    @property
    def prefix(self) -> int:
        return self.prefix_padding_ms * SAMPLE_RATE // 1000

    @property
    def silence(self) -> int:
        return self.silence_duration_ms * SAMPLE_RATE // 1000


@dataclass(frozen=True, slots=True)
class Heard:
    what: Literal["speech", "silence"]
    place: int
    """Sample at which the turn begins (padding included) or ends (silence included)."""


class TurnDetector:
    """Fed every window once, in order, from `place` on."""

    def __init__(self, vad: ServerVad, place: int = 0) -> None:
        self.vad = vad
        self.place = place
        """Up to here it has listened."""
        self.speaking = False
        self._earliest = place
        """A turn never reaches back into the one before it."""
        self._likely: deque[int] = deque(maxlen=SHORTEST_SPEECH)
        self._sure = False
        self._last_speech = place

    def step(self, probability: float) -> Heard | None:
        begin, self.place = self.place, self.place + WINDOW
        lower = max(self.vad.threshold - FALL, 0.01)
        if not self.speaking:
            return self._while_silent(begin, probability, lower)
        if probability >= lower:
            self._last_speech = self.place
        elif self.place - self._last_speech >= self.vad.silence:
            self._end()
            return Heard("silence", self.place)
        return None

    def cut(self) -> Heard:
        """End the turn here, whoever speaks; the next begins at once if somebody still does."""
        self._end()
        return Heard("silence", self.place)

    def move_to(self, place: int) -> None:
        """Nothing before `place` is listened to any more."""
        self.place = place
        self._end()

    def _while_silent(self, begin: int, probability: float, lower: float) -> Heard | None:
        if probability < lower:
            self._likely.clear()
            self._sure = False
            return None
        self._likely.append(begin)
        self._sure = self._sure or probability >= self.vad.threshold
        if not self._sure or len(self._likely) < SHORTEST_SPEECH:
            return None
        self.speaking, self._last_speech = True, self.place
        return Heard("speech", max(self._likely[0] - self.vad.prefix, self._earliest))

    def _end(self) -> None:
        self.speaking = self._sure = False
        self._likely.clear()
        self._earliest = self.place
