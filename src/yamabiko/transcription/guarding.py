"""The guard at work on one recording: what it listens to, what it took out, and what is told of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy

from yamabiko.audio import samples
from yamabiko.audio.chunks import Chunk
from yamabiko.findings import Finding, Remedy
from yamabiko.i18n import Text
from yamabiko.speech import SAMPLE_RATE, Dropped, Segment, Span
from yamabiko.transcription import clips as clipping
from yamabiko.transcription.guard import HARDLY_HEARD, TIMES_ERR_S, Hears, Speaks, guard

if TYPE_CHECKING:
    from numpy.typing import NDArray

BEST_S = 0.5
"""A word of a syllable is as long: shorter peaks of the speech finder are clicks."""
PIECE_S = 10.0
"""A third of what the engine heard at first: shorter, and it hears words without their sentence."""
FLAT = 3 / 32_768
"""A signal that moves no more than this between its lowest and its highest sample holds no sound: the noise of 16 bits."""


class Guarding:
    """Takes out of the answers what nobody said, and keeps it. `hears` is on the clock of the recording."""

    def __init__(self, hears: Hears, probabilities: NDArray[Any] | None = None, window: int = 512) -> None:
        """`probabilities` of speech, one for each `window` samples of the recording; None: nobody looked for speech."""
        self._hears = hears
        self._probabilities, self._window = probabilities, window
        self._speaks = None if probabilities is None else speaking(probabilities, window)
        self.dropped: list[Dropped] = []
        """On the clock of the recording."""

    def answer(self, span: Span, segments: Sequence[Segment]) -> tuple[Segment, ...]:
        """What stays of the answer to `span`, on the clock of `span`."""
        at, speaks = span.start_s, self._speaks
        judged = guard(
            segments, lambda start_s, end_s: self._hears(at + start_s, at + end_s), span.duration_s,
            speaks and (lambda start_s, end_s: speaks(at + start_s, at + end_s)),
        )  # fmt: skip
        self.leave_out(span, judged.dropped)
        return judged.kept

    def pieces(self, speech: Sequence[Span], stretch: Span) -> tuple[Chunk, ...]:
        """`stretch` of the recording in pieces for a second hearing, cut in silence."""
        return clipping.cut(
            clipping.within(speech, (stretch,)), (stretch,), longest_s=PIECE_S, probabilities=self._probabilities,
            window_samples=self._window,
        )  # fmt: skip

    def leave_out(self, span: Span, dropped: Sequence[Dropped]) -> None:
        """Keep what was taken out of the answer to `span`, told on the clock of `span`."""
        at = span.start_s
        self.dropped += [
            replace(one, start_s=at + one.start_s, end_s=min(at + one.end_s, max(span.end_s, at + one.start_s)))
            for one in dropped
        ]

    def whole(self, segments: Sequence[Segment]) -> tuple[Segment, ...]:
        """What stays when all answers stand in a row: a phrase may be repeated from chunk to chunk."""
        judged = guard(segments, self._hears, speaks=self._speaks)
        self.dropped += judged.dropped
        return judged.kept

    def all_dropped(self) -> tuple[Dropped, ...]:
        """By time. What was asked twice and invented twice is told once."""
        return tuple(sorted(dict.fromkeys(self.dropped), key=lambda one: one.start_s))


def hearing(probabilities: NDArray[Any], window: int) -> Hears:
    """`probabilities` of speech, one for each `window` samples of the recording."""
    width = max(round(BEST_S * SAMPLE_RATE / window), 1)
    sums = numpy.concatenate([numpy.zeros(1), numpy.cumsum(probabilities, dtype=numpy.float64)])

    def hears(start_s: float, end_s: float) -> float | None:
        first = max(int((start_s - TIMES_ERR_S) * SAMPLE_RATE) // window, 0)
        last = min(int((end_s + TIMES_ERR_S) * SAMPLE_RATE) // window + 1, len(probabilities))
        if first >= last:
            return None
        wide = min(width, last - first)
        return float((sums[first + wide : last + 1] - sums[first : last + 1 - wide]).max() / wide)

    return hears


def speaking(probabilities: NDArray[Any], window: int) -> Speaks:
    """As `hearing`; of the times alone, since what is said before and after them is no copy of theirs."""
    sums = numpy.concatenate([numpy.zeros(1), numpy.cumsum(probabilities >= HARDLY_HEARD)])

    def speaks(start_s: float, end_s: float) -> float:
        first, last = (min(max(round(at_s * SAMPLE_RATE / window), 0), len(probabilities)) for at_s in (start_s, end_s))
        return float(sums[max(first, last)] - sums[first]) * window / SAMPLE_RATE

    return speaks


def sounding(path: Path) -> Hears:
    """Where nobody looked for speech: 0 where the decoded file holds no sound whatever, else None."""
    total = samples.count(path)

    def hears(start_s: float, end_s: float) -> float | None:
        first, last = int(start_s * SAMPLE_RATE), int((end_s + TIMES_ERR_S) * SAMPLE_RATE)
        span = Span(min(max(first, 0), total), min(max(last, 0), total))
        if span.samples <= 0:
            return None
        audio = samples.read(path, span)
        return 0.0 if float(audio.max()) - float(audio.min()) <= FLAT else None

    return hears


def told(dropped: Sequence[Dropped]) -> Finding:
    """That text was taken out: how much, where, and how to have it."""
    places = [f"{one.start_s:.1f}-{one.end_s:.1f} s: {one.text.strip()[:60]} ({one.reason})" for one in dropped[:5]]
    count = len(dropped)
    return Finding(
        id="invented-text-dropped",
        severity="info",
        area="engine",
        cause=Text(
            f"The engine wrote text that nobody said, or one phrase over and over"
            f" ({count} {'place' if count == 1 else 'places'}); it was left out.",
            f"誰も話していない文や、延々と続く同じ言葉をエンジンが出したため、結果から除きました（{count} か所）。",
        ),
        evidence=(*places, *((f"and {count - 5} more: `dropped` in json has all of them",) if count > 5 else ())),
        remedies=(
            Remedy(Text("Keep all that the engine writes", "エンジンの出力をすべて残す"), "--no-guard", "accuracy"),
        ),
    )
