from __future__ import annotations

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yamabiko.audio.speech_spans import SpeechOptions, spans
from yamabiko.speech import Span

WINDOW = 512
BARE = SpeechOptions(threshold=0.5, min_speech_duration_ms=0, min_silence_duration_ms=0, speech_pad_ms=0)


def windows(*likely: float, options: SpeechOptions = BARE) -> list[tuple[int, int]]:
    """Spans for these probabilities, counted in windows."""
    found = spans(likely, WINDOW, len(likely) * WINDOW, options)
    return [(span.start_sample // WINDOW, span.end_sample // WINDOW) for span in found]


options = st.builds(
    SpeechOptions,
    threshold=st.floats(0.05, 1.0),
    min_speech_duration_ms=st.just(0),
    min_silence_duration_ms=st.integers(0, 3000),
    speech_pad_ms=st.integers(0, 1000),
)


@given(st.lists(st.floats(0, 1), max_size=300), st.integers(0, WINDOW - 1), options)
def test_spans_are_ordered_disjoint_inside_and_hold_every_window_of_speech(likely, missing, options):
    total = max(len(likely) * WINDOW - missing, 0) if likely else 0

    found = spans(likely, WINDOW, total, options)

    end = 0
    for span in found:
        assert end <= span.start_sample < span.end_sample <= total
        end = span.end_sample
    for i, one in enumerate(numpy.asarray(likely, numpy.float32)):
        if one >= options.threshold:
            start, stop = i * WINDOW, min((i + 1) * WINDOW, total)
            assert any(span.start_sample <= start and stop <= span.end_sample for span in found)


@given(st.lists(st.floats(0, 1), max_size=300), options)
def test_no_window_likely_enough_means_no_speech(likely, options):
    likely = [min(one, options.threshold - 0.01) for one in likely]

    assert spans(likely, WINDOW, len(likely) * WINDOW, options) == ()


def test_speech_begins_at_the_upper_threshold_and_lasts_to_the_lower():
    """A voice that falls at the end of a sentence stays one span, from where it rose."""
    assert windows(0.1, 0.4, 0.9, 0.4, 0.36, 0.3, 0.4, 0.1) == [(1, 5)]


def test_what_never_reaches_the_upper_threshold_is_no_speech():
    assert windows(0.4, 0.45, 0.49) == []


def test_a_short_silence_does_not_end_the_span_and_a_long_one_does():
    options = SpeechOptions(
        threshold=0.5, min_speech_duration_ms=0, min_silence_duration_ms=96, speech_pad_ms=0
    )  # three windows

    assert windows(1, 0, 0, 1, 0, 0, 0, 1, options=options) == [(0, 4), (7, 8)]


def test_padding_stops_at_the_edges_and_is_halved_between_neighbours():
    options = SpeechOptions(threshold=0.5, min_speech_duration_ms=0, min_silence_duration_ms=0, speech_pad_ms=96)

    assert windows(0, 1, 0, 0, 0, 0, 1, 0, options=options) == [(0, 4), (4, 8)]


def test_speech_at_the_very_end_stops_with_the_recording():
    assert spans([0.0, 1.0], WINDOW, WINDOW + 100, BARE) == (Span(WINDOW, WINDOW + 100),)


def test_a_recording_of_nothing_has_no_spans():
    assert spans([], WINDOW, 0) == ()


@pytest.mark.parametrize(("likely_windows", "found"), [(3, 0), (4, 1)])
def test_noise_that_looks_like_speech_for_a_moment_is_none_and_the_shortest_yes_is(likely_windows, found):
    """White noise reached 0.36 in one window of 40 s; the shortest “はい” is a fifth of a second."""
    likely = [0.0] * 20 + [0.9] * likely_windows + [0.0] * 20

    assert len(spans(likely, WINDOW, len(likely) * WINDOW)) == found


@pytest.mark.parametrize("likely", [[0.5], [0.5] * 3, [[0.5, 0.5]]])
def test_a_finder_that_stopped_early_has_not_found_silence(likely):
    with pytest.raises(ValueError, match="probabilities"):
        spans(likely, WINDOW, 2 * WINDOW)


@pytest.mark.parametrize("nonsense", [float("nan"), 1.5, -0.1, float("inf")])
def test_a_probability_that_is_none_is_refused_not_taken_for_silence(nonsense):
    with pytest.raises(ValueError, match=r"not in 0\.\.1"):
        spans([0.2, nonsense], WINDOW, 2 * WINDOW)


@pytest.mark.parametrize(
    "nonsense", [{"threshold": 0}, {"threshold": 1.2}, {"neg_threshold": 0.9}, {"speech_pad_ms": -1}]
)
def test_options_that_make_no_sense_are_refused(nonsense):
    with pytest.raises(ValueError):
        SpeechOptions(**nonsense)
