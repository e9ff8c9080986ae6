"""A part of a recording: what lies outside of it is never given to an engine."""

from __future__ import annotations

import numpy
from hypothesis import given
from hypothesis import strategies as st

from yamabiko.audio import chunks as cutting
from yamabiko.speech import SAMPLE_RATE, Span
from yamabiko.transcription.clips import Clip, cut, spans, within

S = SAMPLE_RATE
SECONDS = st.floats(0, 200, allow_nan=False)
CLIPS = st.lists(st.builds(Clip, SECONDS, st.none() | SECONDS), max_size=5)


@st.composite
def speech(draw: st.DrawFn) -> tuple[Span, ...]:
    edges = sorted(draw(st.sets(st.integers(0, 100 * S), max_size=12)))
    return tuple(Span(a, b) for a, b in zip(edges[::2], edges[1::2], strict=False))


def test_clips_are_put_in_order_joined_where_they_overlap_and_end_with_the_recording() -> None:
    asked = [Clip(50, None), Clip(10, 20), Clip(15, 30), Clip(8, 8), Clip(7, 3), Clip(500, 600)]
    assert spans(asked, 60 * S) == (Span(10 * S, 30 * S), Span(50 * S, 60 * S))


def test_without_clips_all_of_the_recording_is_one() -> None:
    assert spans((), 60 * S) == (Span(0, 60 * S),)
    assert spans((), 0) == ()


@given(speech())
def test_all_of_a_recording_is_cut_as_if_there_were_no_clips(spoken: tuple[Span, ...]) -> None:
    assert cut(spoken, spans((), 100 * S), longest_s=30) == cutting.cut(spoken, 100 * S, longest_s=30)


@given(speech(), CLIPS)
def test_every_chunk_lies_in_a_clip_and_all_speech_of_the_clips_in_a_chunk(
    spoken: tuple[Span, ...], clips: list[Clip]
) -> None:
    allowed = spans(clips, 100 * S)
    inside = within(spoken, allowed)
    likely = numpy.linspace(0, 1, -(-100 * S // 512), dtype="f4")
    chunks = cut(inside, allowed, longest_s=30, probabilities=likely)
    for chunk in chunks:
        assert any(c.start_sample <= chunk.span.start_sample < chunk.span.end_sample <= c.end_sample for c in allowed)
    assert sum(part.samples for chunk in chunks for part in chunk.speech) == sum(span.samples for span in inside)
    assert [chunk.span for chunk in chunks] == sorted(chunk.span for chunk in chunks)
