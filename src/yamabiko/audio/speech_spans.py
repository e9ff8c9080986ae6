"""Speech probabilities to speech spans. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy

from yamabiko.speech import SAMPLE_RATE, Span

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class SpeechOptions:
    """
    When a window counts as speech. The names are faster-whisper's, the values ours.

    Chosen to lose nothing: what is taken for speech and is none costs seconds
    and is caught by the guard; what is lost here, nobody ever hears of. Measured
    by scripts/measure_speech_finding.py.
    """

    threshold: float = 0.35
    """Speech begins at a window at least this likely to be speech."""
    neg_threshold: float | None = None
    """It lasts while windows are at least this likely; None: 0.15 under `threshold`, and above 0."""
    min_speech_duration_ms: int = 100
    """Shorter stretches are thrown out: three windows of noise by chance. The shortest “はい” is twice as long."""
    min_silence_duration_ms: int = 500
    """A shorter silence does not end a stretch of speech."""
    speech_pad_ms: int = 400
    """Added before and after, halved where two stretches share a shorter silence."""

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise ValueError(f"threshold {self.threshold} is not in 0..1")
        if self.neg_threshold is not None and not 0 <= self.neg_threshold <= self.threshold:
            raise ValueError(f"neg_threshold {self.neg_threshold} is not in 0..{self.threshold}")
        if min(self.min_speech_duration_ms, self.min_silence_duration_ms, self.speech_pad_ms) < 0:
            raise ValueError("a duration is negative")


def spans(
    probabilities: Sequence[float] | NDArray[Any],
    window_samples: int,
    total_samples: int,
    options: SpeechOptions = SpeechOptions(),
) -> tuple[Span, ...]:
    """
    Where somebody speaks: ordered, disjoint, not empty, inside the recording.

    Raises: ValueError, if there is not one probability in 0..1 for each window
    (the last may be a part): a finder that stopped early has not found silence.
    """
    likely = numpy.asarray(probabilities, numpy.float32)
    if likely.ndim != 1 or likely.size != -(-total_samples // window_samples):
        raise ValueError(
            f"{likely.size} speech probabilities for {total_samples} samples in windows of {window_samples}"
        )
    if likely.size and not bool(numpy.all((likely >= 0) & (likely <= 1))):  # NaN fails both
        raise ValueError("a speech probability is not in 0..1")
    stretches = _stretches(likely, options)
    stretches = _without_short_gaps(stretches, _samples(options.min_silence_duration_ms) / window_samples)
    found = [Span(int(a) * window_samples, min(int(b) * window_samples, total_samples)) for a, b in stretches]
    shortest = _samples(options.min_speech_duration_ms)
    return _padded([s for s in found if s.samples >= shortest], _samples(options.speech_pad_ms), total_samples)


def _samples(milliseconds: int) -> int:
    return milliseconds * SAMPLE_RATE // 1000


def _stretches(likely: NDArray[Any], options: SpeechOptions) -> NDArray[Any]:
    """Shape (n, 2), windows: the runs above the lower threshold that reach the upper one."""
    lower = options.neg_threshold
    if lower is None:
        lower = max(options.threshold - 0.15, 0.01)
    inside = numpy.zeros(likely.size + 2, bool)
    inside[1:-1] = likely >= min(lower, options.threshold)
    runs = numpy.flatnonzero(inside[1:] != inside[:-1]).reshape(-1, 2)
    reached = numpy.concatenate(([0], numpy.cumsum(likely >= options.threshold)))
    return runs[reached[runs[:, 1]] > reached[runs[:, 0]]]


def _without_short_gaps(stretches: NDArray[Any], shortest: float) -> NDArray[Any]:
    """Neighbours with less than `shortest` windows between them become one."""
    if not len(stretches):
        return stretches
    apart = stretches[1:, 0] - stretches[:-1, 1] >= shortest
    starts = stretches[:, 0][numpy.concatenate(([True], apart))]
    ends = stretches[:, 1][numpy.concatenate((apart, [True]))]
    return numpy.stack((starts, ends), axis=1)


def _padded(found: Sequence[Span], pad: int, total_samples: int) -> tuple[Span, ...]:
    padded = []
    for i, span in enumerate(found):
        before = span.start_sample - (found[i - 1].end_sample if i else 0)
        after = (found[i + 1].start_sample if i + 1 < len(found) else total_samples) - span.end_sample
        padded.append(
            Span(
                span.start_sample - min(pad, before // 2 if i else before),
                span.end_sample + min(pad, after // 2 if i + 1 < len(found) else after),
            )
        )
    return tuple(padded)
