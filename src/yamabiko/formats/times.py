"""Times as files can take them: finite, not negative, in milliseconds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from yamabiko.speech import Segment

_LONGEST_S = 1e9
"""Thirty years: a time beyond it is a mistake, and must not overflow."""


def milliseconds(seconds: float) -> int:
    """Whole milliseconds of a finite time."""
    return round(seconds * 1000)


def usable(seconds: float, otherwise: float) -> float:
    """The time, held between zero and thirty years; `otherwise` for NaN."""
    return otherwise if math.isnan(seconds) else min(max(seconds, 0.0), _LONGEST_S)


def in_order(segments: Iterable[Segment]) -> Iterator[tuple[Segment, float, float]]:
    """
    Each segment with times that are finite, not negative, and end no earlier than they start.

    A time that is no number takes the place of the one before it.
    """
    before = 0.0
    for segment in segments:
        start_s = usable(segment.start_s, before)
        end_s = max(usable(segment.end_s, start_s), start_s)
        yield segment, start_s, end_s
        before = end_s


def clock(at_ms: int, decimal: str, always_hours: bool) -> str:
    """`00:01:02,345`; without the hours where there are none and the format allows it."""
    minutes, ms = divmod(at_ms, 60_000)
    hours, minutes = divmod(minutes, 60)
    seconds, ms = divmod(ms, 1000)
    prefix = f"{hours:02d}:" if always_hours or hours else ""
    return f"{prefix}{minutes:02d}:{seconds:02d}{decimal}{ms:03d}"
