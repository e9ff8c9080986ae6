"""Speech spans to chunks that an engine can take, cut in silence. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy

from yamabiko.speech import SAMPLE_RATE, Span

if TYPE_CHECKING:
    from numpy.typing import NDArray

GOOD_GAP_S = 1.0
"""A longer silence is no better place to cut; of two good ones the later makes fewer chunks."""
SMOOTH_S = 0.16
"""Width over which speech must be unlikely for a cut inside it: one window may be chance."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of the recording for one call of the engine, and where it is spoken in."""

    span: Span
    speech: tuple[Span, ...]
    """Ordered, inside `span`, not empty. A span cut in two has a part in each chunk."""


@dataclass(frozen=True, slots=True)
class CutOptions:
    far_s: float = 3.0
    """
    A longer silence between two spans always ends a chunk, unless both sides are tiny.

    Spans are padded, so this is 3.8 s without a voice. Measured with Whisper base, int8, temperature 0,
    on twice five minutes of joined clips: 3.0 and 1.5 gave 24 % and 23 % CER in Japanese (2323 characters,
    what was passed over asked again), 5 % and 13 % WER in English (946 words), with 45 and 83 chunks.
    """
    tiny_s: float = 3.0
    """Speech up to this long is joined to its neighbours over a silence up to `tiny_far_s`."""
    tiny_far_s: float = 8.0
    padding_s: float = 1.0
    """
    Silence taken in before and after, where there is room.

    Measured with Whisper base (scripts/score_data.py): with 0.2, Japanese clips lost a
    character in 206 against being given whole; with 1.0, none, and English none.
    """


def cut(
    spans: Sequence[Span],
    total_samples: int,
    *,
    longest_s: float,
    probabilities: Sequence[float] | NDArray[Any] | None = None,
    window_samples: int = 512,
    options: CutOptions = CutOptions(),
) -> tuple[Chunk, ...]:
    """
    Chunks in order, disjoint, none longer than `longest_s`; every sample of `spans` lies in exactly one.

    Where speech must be divided, it is at the longest silence in the later half
    of what is allowed, or else at the last one. Only a span longer than
    `longest_s` is cut inside, where speech is least likely in the later half
    (`probabilities`, one a window of `window_samples`; without them: at the limit).

    Raises: ValueError, if `spans` are not ordered, disjoint and inside the recording.
    """
    longest = int(longest_s * SAMPLE_RATE)
    if longest < 1:
        raise ValueError(f"chunks of {longest_s} s")
    _check(spans, total_samples)
    quiet = None if probabilities is None else _smoothed(probabilities, window_samples)
    groups: list[tuple[Span, ...]] = []
    rest = list(spans)[::-1]  # the next span is the last item
    while rest:
        group = [rest.pop()]
        if group[0].samples > longest:
            at = _quietest(group[0], longest, quiet, window_samples)
            rest.append(Span(at, group[0].end_sample))
            groups.append((Span(group[0].start_sample, at),))
            continue
        while rest and _belongs(group, rest[-1], longest, options):
            group.append(rest.pop())
        keep = len(group)
        if rest and rest[-1].end_sample - group[0].start_sample > longest and not _far(group, rest[-1], options):
            keep = _best_cut([*group, rest[-1]], longest)
        rest.extend(reversed(group[keep:]))
        groups.append(tuple(group[:keep]))
    return _with_padding(groups, total_samples, longest, int(options.padding_s * SAMPLE_RATE))


def _check(spans: Sequence[Span], total_samples: int) -> None:
    end = 0
    for span in spans:
        if not end <= span.start_sample < span.end_sample <= total_samples:
            raise ValueError(f"spans must be ordered, disjoint, not empty and inside the recording: {span}")
        end = span.end_sample


def _belongs(group: Sequence[Span], span: Span, longest: int, options: CutOptions) -> bool:
    return span.end_sample - group[0].start_sample <= longest and not _far(group, span, options)


def _far(group: Sequence[Span], span: Span, options: CutOptions) -> bool:
    """Whether the silence before `span` ends the chunk, whatever room there is."""
    gap_s = (span.start_sample - group[-1].end_sample) / SAMPLE_RATE
    spoken_s = (group[-1].end_sample - group[0].start_sample) / SAMPLE_RATE
    both_tiny = spoken_s <= options.tiny_s and span.duration_s <= options.tiny_s
    return gap_s > (options.tiny_far_s if both_tiny else options.far_s)


def _best_cut(spans: Sequence[Span], longest: int) -> int:
    """How many of `spans` to keep; the last of them does not fit."""
    earliest = spans[0].start_sample + longest // 2
    best, best_gap = len(spans) - 1, -1.0
    for i in range(1, len(spans)):
        if spans[i - 1].end_sample < earliest:
            continue
        gap = min((spans[i].start_sample - spans[i - 1].end_sample) / SAMPLE_RATE, GOOD_GAP_S)
        if gap >= best_gap:
            best, best_gap = i, gap
    return best


def _smoothed(probabilities: Sequence[float] | NDArray[Any], window_samples: int) -> NDArray[Any]:
    likely = numpy.asarray(probabilities, numpy.float32)
    width = max(1, round(SMOOTH_S * SAMPLE_RATE / window_samples)) | 1
    if likely.size < width:
        return likely
    edged = numpy.pad(likely, width // 2, mode="edge")
    summed = numpy.concatenate(([0.0], numpy.cumsum(edged, dtype=numpy.float64)))
    smooth: NDArray[Any] = ((summed[width:] - summed[:-width]) / width).astype(numpy.float32)
    return smooth


def _quietest(span: Span, longest: int, quiet: NDArray[Any] | None, window_samples: int) -> int:
    """
    Where to cut a span that is too long, so that both parts are worth having.

    The middle of the quietest window in the later half of what is allowed, but
    leaving at least an eighth for the rest; of equals, the latest.
    """
    latest = min(span.start_sample + longest, span.end_sample - longest // 8)
    earliest = min(span.start_sample + max(longest // 2, 1), latest)
    if quiet is not None:
        first = -(-(earliest - window_samples // 2) // window_samples)
        last = min((latest - window_samples // 2) // window_samples, quiet.size - 1)
        if last >= first >= 0:
            window = last - int(numpy.argmin(quiet[first : last + 1][::-1]))
            return window * window_samples + window_samples // 2
    return latest


def _with_padding(
    groups: Sequence[tuple[Span, ...]], total_samples: int, longest: int, padding: int
) -> tuple[Chunk, ...]:
    """Silence around each group: half of the gap to its neighbours at most, and never beyond `longest`."""
    chunks = []
    for i, group in enumerate(groups):
        start, end = group[0].start_sample, group[-1].end_sample
        before = (start - groups[i - 1][-1].end_sample) // 2 if i else start
        after = (groups[i + 1][0].start_sample - end) // 2 if i + 1 < len(groups) else total_samples - end
        room = longest - (end - start)
        take_after = min(padding, after, max(room - min(padding, before, room // 2), 0))
        take_before = min(padding, before, room - take_after)
        chunks.append(Chunk(Span(start - take_before, end + take_after), group))
    return tuple(chunks)
