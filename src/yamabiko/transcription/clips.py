"""The parts of a recording that are to be transcribed, where that is not all of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from yamabiko.audio import chunks as cutting
from yamabiko.audio.chunks import Chunk
from yamabiko.speech import SAMPLE_RATE, Span

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Clip:
    """From when to when, in seconds; without an end, up to the end of the recording."""

    start_s: float
    end_s: float | None = None


def spans(clips: Sequence[Clip], total_samples: int) -> tuple[Span, ...]:
    """
    The clips as far as they lie in the recording: ordered, disjoint, not empty. Without clips, all of the recording.
    """
    found: list[Span] = []
    for start, end in sorted(_samples(clip, total_samples) for clip in clips or (Clip(0.0),)):
        if found and start <= found[-1].end_sample:
            found[-1] = Span(found[-1].start_sample, max(end, found[-1].end_sample))
        elif start < end:
            found.append(Span(start, end))
    return tuple(found)


def within(spoken: Sequence[Span], clips: Sequence[Span]) -> tuple[Span, ...]:
    """What of `spoken` lies in `clips`, both ordered and disjoint."""
    parts = (
        Span(max(span.start_sample, clip.start_sample), min(span.end_sample, clip.end_sample))
        for clip in clips
        for span in spoken
        if span.start_sample < clip.end_sample and clip.start_sample < span.end_sample
    )
    return tuple(parts)


def cut(
    spoken: Sequence[Span],
    clips: Sequence[Span],
    *,
    longest_s: float,
    probabilities: NDArray[Any] | None = None,
    window_samples: int = 512,
) -> tuple[Chunk, ...]:
    """
    As `chunks.cut` of each clip by itself: no chunk takes in a sound that no clip holds.

    `spoken` lies inside the clips. `probabilities` are of the whole recording; a clip's begin with the window that
    it begins in.
    """
    found: list[Chunk] = []
    for clip in clips:
        at = clip.start_sample
        own = [_shifted(span, -at) for span in within(spoken, (clip,))]
        likely = None
        if probabilities is not None:
            likely = probabilities[at // window_samples : -(-clip.end_sample // window_samples)]
        inside = cutting.cut(
            own, clip.samples, longest_s=longest_s, probabilities=likely, window_samples=window_samples
        )
        found += [
            Chunk(_shifted(chunk.span, at), tuple(_shifted(span, at) for span in chunk.speech)) for chunk in inside
        ]
    return tuple(found)


def _samples(clip: Clip, total_samples: int) -> tuple[int, int]:
    end = total_samples if clip.end_s is None else int(min(clip.end_s * SAMPLE_RATE, total_samples))
    return int(min(max(clip.start_s, 0.0) * SAMPLE_RATE, total_samples)), end


def _shifted(span: Span, by: int) -> Span:
    return Span(span.start_sample + by, span.end_sample + by)
