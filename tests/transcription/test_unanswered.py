from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from yamabiko.audio.chunks import Chunk
from yamabiko.speech import SAMPLE_RATE, Segment, Span, Word
from yamabiko.transcription.unanswered import completed, unanswered


def seconds(start: float, end: float) -> Span:
    return Span(int(start * SAMPLE_RATE), int(end * SAMPLE_RATE))


def said(start_s: float, end_s: float, text: str = " x") -> Segment:
    return Segment(start_s, end_s, text)


CHUNK = Chunk(seconds(60, 90), (seconds(61, 66), seconds(67, 75), seconds(76, 89)))


def test_an_answer_that_ends_after_the_first_sentence_leaves_the_rest_to_ask():
    """Seen with Whisper base: one segment of 5 s for a chunk of 25 s, and 120 characters gone without a word."""
    assert unanswered(CHUNK, (said(1, 6),)) == (Chunk(seconds(67, 89), (seconds(67, 75), seconds(76, 89))),)


def test_a_passage_left_out_in_the_middle_is_found():
    assert unanswered(CHUNK, (said(1, 6), said(16, 29))) == (Chunk(seconds(67, 75), (seconds(67, 75),)),)


def test_two_passages_with_an_answer_between_are_asked_apart():
    found = unanswered(CHUNK, (said(7, 15),))

    assert [stretch.span for stretch in found] == [seconds(61, 66), seconds(76, 89)]


def test_times_that_are_a_second_off_are_no_loss():
    assert unanswered(CHUNK, (said(2, 5), said(8, 14), said(16, 28))) == ()


def test_segments_without_text_or_with_times_that_are_none_answer_nothing():
    whole = (Chunk(seconds(61, 89), CHUNK.speech),)

    assert unanswered(CHUNK, ()) == whole
    assert unanswered(CHUNK, (said(0, 30, "  "), said(float("nan"), 30), said(9, 4))) == whole


def test_what_is_said_to_the_rest_stands_in_its_place_on_the_chunks_clock():
    first, last = said(1, 6, " one"), said(16, 29, " three")
    (stretch,) = unanswered(CHUNK, (first, last))

    whole = completed(CHUNK, (first, last), [(stretch, (Segment(0, 7, " two", (Word(0, 1, " two"),)),))])

    assert [segment.text for segment in whole] == [" one", " two", " three"]
    assert (whole[1].start_s, whole[1].end_s, whole[1].words[0].start_s) == (7, 14, 7)
    assert unanswered(CHUNK, whole) == ()


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(1, 90_000), st.integers(1, 90_000)), max_size=8),
    st.lists(st.tuples(st.floats(-5, 40), st.floats(-5, 40)), max_size=8),
    st.floats(0, 5),
)
def test_only_speech_that_nothing_covers_is_asked_again_and_all_of_it(gaps, times, shortest_s):
    speech, at = [], 1_000_000
    for gap, length in gaps:
        speech.append(Span(at + gap, at + gap + length))
        at += gap + length
    chunk = Chunk(Span(1_000_000, at + 1), tuple(speech))
    segments = [said(start_s, end_s) for start_s, end_s in times]

    stretches = unanswered(chunk, segments, shortest_s)

    end = chunk.span.start_sample
    for stretch in stretches:
        assert end <= stretch.span.start_sample < stretch.span.end_sample <= chunk.span.end_sample
        assert sum(part.samples for part in stretch.speech) >= shortest_s * SAMPLE_RATE
        for segment in segments:
            if max(segment.start_s, 0) < min(segment.end_s, chunk.span.duration_s):
                start = chunk.span.start_sample + int(max(segment.start_s, 0) * SAMPLE_RATE)
                stop = chunk.span.start_sample + int(min(segment.end_s, chunk.span.duration_s) * SAMPLE_RATE)
                assert start == stop or stop <= stretch.span.start_sample or stretch.span.end_sample <= start
        end = stretch.span.end_sample
    answers = [(stretch, (said(0, stretch.span.duration_s + 0.001),)) for stretch in stretches]
    assert unanswered(chunk, completed(chunk, segments, answers), max(shortest_s, 0.001)) == ()
