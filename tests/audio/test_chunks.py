from __future__ import annotations

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yamabiko.audio.chunks import Chunk, CutOptions, cut
from yamabiko.speech import SAMPLE_RATE, Span

WINDOW = 512


def seconds(start: float, end: float) -> Span:
    return Span(int(start * SAMPLE_RATE), int(end * SAMPLE_RATE))


def ends(chunks: tuple[Chunk, ...]) -> list[tuple[float, float]]:
    return [(round(c.speech[0].start_s, 2), round(c.speech[-1].end_s, 2)) for c in chunks]


@st.composite
def recordings(draw: st.DrawFn) -> tuple[tuple[Span, ...], int]:
    """Spans of any length and gap, in samples, zero gaps included; and the length of the recording."""
    at, spans = draw(st.integers(0, 100_000)), []
    for length, gap in draw(
        st.lists(st.tuples(st.integers(1, 900_000), st.one_of(st.just(0), st.integers(0, 300_000))), max_size=25)
    ):
        spans.append(Span(at, at + length))
        at += length + gap
    end = spans[-1].end_sample if spans else 0
    return tuple(spans), end + draw(st.integers(0, 100_000))


longest = st.one_of(st.floats(0.001, 60.0), st.sampled_from([5.0, 20.0, 30.0]))


@settings(deadline=None)
@given(recordings(), longest, st.integers(0, 2**32 - 1), st.booleans())
def test_chunks_are_ordered_inside_the_recording_and_hold_every_sample_of_speech_once(
    recording, longest_s, seed, given
):
    """A lost sample is a lost word, a doubled one a word said twice, a long chunk one that the engine cuts off."""
    spans, total = recording
    longest_s = max(longest_s, total / SAMPLE_RATE / 300)  # keeps the example small: at most some hundred chunks
    windows = -(-total // WINDOW)
    probabilities = numpy.random.default_rng(seed).random(windows, numpy.float32) if given else None

    chunks = cut(spans, total, longest_s=longest_s, probabilities=probabilities)

    limit = max(int(longest_s * SAMPLE_RATE), 1)
    end = 0
    for chunk in chunks:
        assert end <= chunk.span.start_sample < chunk.span.end_sample <= total
        assert chunk.span.samples <= limit
        assert chunk.span.start_sample <= chunk.speech[0].start_sample
        assert chunk.speech[-1].end_sample <= chunk.span.end_sample
        end = chunk.span.end_sample
    parts = [span for chunk in chunks for span in chunk.speech]
    assert joined(parts) == joined(spans)
    assert sum(part.samples for part in parts) == sum(span.samples for span in spans)
    assert chunks == cut(spans, total, longest_s=longest_s, probabilities=probabilities)


def joined(spans) -> list[Span]:
    """The same stretches, with neighbours that touch made one."""
    whole: list[Span] = []
    for span in spans:
        if whole and whole[-1].end_sample == span.start_sample:
            whole[-1] = Span(whole[-1].start_sample, span.end_sample)
        else:
            whole.append(span)
    return whole


@settings(deadline=None)
@given(recordings())
def test_a_span_that_fits_is_never_cut_inside(recording):
    """A cut in the middle of a word costs that word."""
    spans, total = recording
    fitting = {span for span in spans if span.samples <= 30 * SAMPLE_RATE}

    chunks = cut(spans, total, longest_s=30.0)

    assert fitting <= {span for chunk in chunks for span in chunk.speech}


def test_silence_has_no_chunks():
    assert cut((), 30 * SAMPLE_RATE, longest_s=30.0) == ()


def test_the_cut_is_made_at_the_longest_silence_of_the_later_half_not_at_the_last():
    """A breath at 28 s is a worse place than the end of the sentence at 20 s."""
    spans = (seconds(0, 8), seconds(9, 20), seconds(20.9, 28), seconds(28.1, 35))

    chunks = cut(spans, 40 * SAMPLE_RATE, longest_s=30.0)

    assert ends(chunks) == [(0, 20), (20.9, 35)]


def test_of_two_good_silences_the_later_makes_fewer_chunks():
    spans = (seconds(0, 16), seconds(17.4, 25), seconds(26.2, 35))

    assert ends(cut(spans, 40 * SAMPLE_RATE, longest_s=30.0)) == [(0, 25), (26.2, 35)]


def test_without_a_silence_in_the_later_half_the_last_one_is_taken():
    spans = (seconds(0, 4), seconds(5, 29), seconds(29.5, 40))

    assert ends(cut(spans, 40 * SAMPLE_RATE, longest_s=28.0)) == [(0, 4), (5, 29), (29.5, 40)]


def test_a_span_that_is_too_long_is_cut_where_speech_is_least_likely():
    probabilities = numpy.ones(-(-70 * SAMPLE_RATE // WINDOW), numpy.float32)
    breath = int(24.3 * SAMPLE_RATE / WINDOW)
    probabilities[breath - 4 : breath + 5] = 0.5
    one_window = int(28.0 * SAMPLE_RATE / WINDOW)
    probabilities[one_window] = 0.2  # shorter than a sound: chance, not a pause

    chunks = cut((seconds(0, 70),), 70 * SAMPLE_RATE, longest_s=30.0, probabilities=probabilities)

    assert chunks[0].speech[-1].end_s == pytest.approx(24.3, abs=0.1)
    assert len(chunks) == 3
    assert chunks[0].span.end_sample == chunks[1].span.start_sample


def test_a_span_just_too_long_leaves_no_crumb():
    """A chunk of a tenth of a second has no context: Whisper invents text for it."""
    chunks = cut((seconds(0, 30.1),), 40 * SAMPLE_RATE, longest_s=30.0)

    assert min(chunk.span.duration_s for chunk in chunks) > 3


def test_a_long_silence_ends_a_chunk_that_has_room_left():
    """Whisper tends to pass over what follows a long pause."""
    spans = (seconds(0, 5), seconds(8.5, 14))

    assert ends(cut(spans, 20 * SAMPLE_RATE, longest_s=30.0)) == [(0, 5), (8.5, 14)]


def test_tiny_neighbours_share_a_chunk_over_a_longer_silence():
    """“Yes.” alone has no context, and costs as much work as half a minute."""
    spans = (seconds(0, 1), seconds(5, 6), seconds(20, 21))

    assert ends(cut(spans, 30 * SAMPLE_RATE, longest_s=30.0)) == [(0, 6), (20, 21)]


def test_chunks_take_in_silence_where_there_is_room_and_never_each_others():
    spans = (seconds(0.05, 5), seconds(8.3, 25), seconds(25.1, 41))

    first, second, third = cut(spans, 50 * SAMPLE_RATE, longest_s=30.0, options=CutOptions(far_s=3.0, padding_s=0.2))

    assert first.span == seconds(0, 5.2)
    assert second.span.start_s == pytest.approx(8.1)
    assert second.span.end_s == pytest.approx(25.05)
    assert third.span.start_s == pytest.approx(25.05)
    assert third.span.end_s == pytest.approx(41.2)


def test_a_full_chunk_takes_no_padding():
    chunks = cut((seconds(5, 35),), 50 * SAMPLE_RATE, longest_s=30.0)

    assert [chunk.span for chunk in chunks] == [seconds(5, 35)]


@pytest.mark.parametrize(
    "spans",
    [(seconds(5, 9), seconds(0, 2)), (seconds(0, 5), seconds(4, 6)), (seconds(0, 99),), (Span(7, 7),), (Span(-5, 9),)],
)
def test_spans_that_cannot_be_true_are_refused(spans):
    with pytest.raises(ValueError, match="spans"):
        cut(spans, 10 * SAMPLE_RATE, longest_s=30.0)
