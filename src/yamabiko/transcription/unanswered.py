"""
Speech inside a chunk that the engine passed over. Pure.

Whisper at times ends its answer after the first sentence of a chunk, although
somebody speaks for 20 s more: the text looks whole and is not. The spans of
speech know better, so what they hold and no segment covers is asked again.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from yamabiko.audio.chunks import Chunk
from yamabiko.speech import SAMPLE_RATE, Segment, Span

SHORTEST_S = 3.0
"""
Less speech than this without a segment is no sign of loss: times of segments are
whole seconds at worst, and spans hold up to 0.8 s of padding.
"""


def unanswered(chunk: Chunk, segments: Sequence[Segment], shortest_s: float = SHORTEST_S) -> tuple[Chunk, ...]:
    """
    The stretches of `chunk` to ask again: speech of at least `shortest_s` under no segment with text.

    Segment times are on the clock of the chunk. Stretches are ordered, disjoint
    and hold nothing that is answered; silence between two passages that were
    passed over in one go lies inside. Empty, if nothing was passed over.
    """
    answered = sorted(_answered(chunk.span, segments))
    groups: list[list[Span]] = []
    for part in _without(chunk.speech, answered):
        if groups and not any(groups[-1][-1].end_sample <= a.start_sample < part.start_sample for a in answered):
            groups[-1].append(part)
        else:
            groups.append([part])
    return tuple(
        Chunk(Span(group[0].start_sample, group[-1].end_sample), tuple(group))
        for group in groups
        if sum(part.samples for part in group) >= shortest_s * SAMPLE_RATE
    )


def completed(
    chunk: Chunk, segments: Sequence[Segment], more: Iterable[tuple[Chunk, Sequence[Segment]]]
) -> tuple[Segment, ...]:
    """`segments` with what was said to the stretches of `unanswered`, all on the clock of `chunk` and by time."""
    found = list(segments)
    for stretch, said in more:
        shift_s = stretch.span.start_s - chunk.span.start_s
        found.extend(_shifted(segment, shift_s) for segment in said)
    return tuple(sorted(found, key=lambda segment: segment.start_s))


def _shifted(segment: Segment, by_s: float) -> Segment:
    words = tuple(replace(word, start_s=word.start_s + by_s, end_s=word.end_s + by_s) for word in segment.words)
    return replace(segment, start_s=segment.start_s + by_s, end_s=segment.end_s + by_s, words=words)


def _answered(span: Span, segments: Sequence[Segment]) -> Iterable[Span]:
    for segment in segments:
        if not segment.text.strip() or math.isnan(segment.start_s) or math.isnan(segment.end_s):
            continue
        start_s, end_s = max(segment.start_s, 0.0), min(segment.end_s, span.duration_s)
        if start_s < end_s:
            yield Span(span.start_sample + int(start_s * SAMPLE_RATE), span.start_sample + int(end_s * SAMPLE_RATE))


def _without(speech: Sequence[Span], answered: Sequence[Span]) -> Iterable[Span]:
    """What is left of `speech` when the ordered spans `answered`, which may overlap, are taken away."""
    for span in speech:
        at = span.start_sample
        for taken in answered:
            if taken.end_sample <= at or taken.start_sample >= span.end_sample:
                continue
            if taken.start_sample > at:
                yield Span(at, taken.start_sample)
            at = max(at, taken.end_sample)
        if at < span.end_sample:
            yield Span(at, span.end_sample)
