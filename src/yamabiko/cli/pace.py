"""
How fast work goes and how long it still takes, told only when that rests on enough. Pure: the caller brings the clock.
"""

from __future__ import annotations

from collections import deque

ENOUGH_S = 3.0
"""Seconds of work that a figure rests on, and"""
ENOUGH_SHARE = 0.02
"""the share of the whole that is done, for the time that is left, unless"""
ENOUGH_ALONE_S = 60.0
"""so many seconds were seen that a small share of a long recording will do."""

_BURST_S = 0.5
_WINDOW = 16


class Pace:
    """
    Work that comes in answers, counted in whatever unit the caller likes.

    Nothing before the first answer counts: the loading of a model hides there.
    Answers that come together, as those of a batch do, count as one, or the wait
    for all of them would be laid to the first. Only the last answers count, so
    that a machine that slows down is noticed. Between two answers the time left
    runs down with the clock.
    """

    def __init__(self, done: float = 0.0) -> None:
        self._begun = done
        self._marks: deque[tuple[float, float]] = deque(maxlen=_WINDOW)
        """When answers came, and all that was done then."""
        self._open: tuple[float, float] | None = None
        """The mark that more answers may still belong to."""

    def advance(self, now: float, done: float) -> None:
        """`done`: all that is done by `now`. What is not more than before is no answer."""
        latest = self._latest
        if done <= latest:
            return
        if self._open is not None and now - self._open[0] > _BURST_S:
            self._marks.append(self._open)
            self._open = None
        self._open = (self._open[0] if self._open else now, done)

    def rate(self, now: float) -> float | None:
        """Work a second."""
        marks = self._settled(now)
        if len(marks) < 2 or marks[-1][0] - marks[0][0] < ENOUGH_S:
            return None
        return (marks[-1][1] - marks[0][1]) / (marks[-1][0] - marks[0][0]) or None

    def left_s(self, now: float, total: float) -> float | None:
        """Seconds until `total` is done; None where nobody can say."""
        rate, marks = self.rate(now), self._settled(now)
        if rate is None or self._latest >= total:
            return None
        at, done = marks[-1]
        if done - self._begun < ENOUGH_SHARE * total and at - marks[0][0] < ENOUGH_ALONE_S:
            return None
        left = at + (total - done) / rate - now
        return left if 0 < left < float("inf") else None

    @property
    def _latest(self) -> float:
        return self._open[1] if self._open else self._begun

    def _settled(self, now: float) -> list[tuple[float, float]]:
        closed = self._open is not None and now - self._open[0] > _BURST_S
        return [*self._marks, *([self._open] if closed and self._open else [])]
