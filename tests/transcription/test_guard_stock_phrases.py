"""How often a stock phrase stays that nobody is known to say over and over: as often as somebody has time to say it."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
from numpy.typing import NDArray

from yamabiko.speech import SAMPLE_RATE, Segment, Span
from yamabiko.transcription.guard import Guarded, guard
from yamabiko.transcription.guarding import Guarding, hearing


def said(text: str, start_s: float, end_s: float) -> Segment:
    return Segment(start_s, end_s, text, avg_logprob=-0.3, no_speech_prob=0.1)


def everybody(start_s: float, end_s: float) -> float:
    return 0.97


def texts(judged: Guarded) -> tuple[str, list[str]]:
    return "".join(s.text for s in judged.kept), [d.text for d in judged.dropped]


SUBSCRIBE = " Please subscribe."


def kept_of(
    segments: tuple[Segment, ...], likely: NDArray[Any], begins_s: int | None
) -> tuple[tuple[Segment, ...], int]:
    """
    What stays by these probabilities of speech, and in how many places something went.

    `begins_s`: where the answer begins in the recording, behind silence; None: the answers stand in a row.
    """
    silence = numpy.zeros(round((begins_s or 0) * SAMPLE_RATE / 512), numpy.float32)
    heard = numpy.concatenate([silence, likely])
    guarding = Guarding(hearing(heard, 512), heard, 512)
    if begins_s is None:
        return guarding.whole(segments), len(guarding.all_dropped())
    span = Span(begins_s * SAMPLE_RATE, begins_s * SAMPLE_RATE + len(likely) * 512)
    return guarding.answer(span, segments), len(guarding.all_dropped())


def test_a_stock_phrase_stays_as_often_as_somebody_surely_has_time_to_say_it():
    """Nobody is known to say it four times on end; but where somebody speaks all the time, who knows?"""
    row = tuple(said(SUBSCRIBE, n * 1.5, n * 1.5 + 1.2) for n in range(4))
    together = (said(SUBSCRIBE * 4, 0, 6),)
    likely = numpy.full(200, 0.95, numpy.float32)  # 6.4 s
    quiet = likely.copy()
    quiet[38:] = 0.05  # from 1.2 s on

    for segments in (row, together):
        for begins_s in (0, 16, None):
            judged, dropped = kept_of(segments, likely, begins_s)
            assert (judged, dropped) == (segments, 0)
            judged, dropped = kept_of(segments, quiet, begins_s)
            assert "".join(segment.text for segment in judged).count("subscribe") < 3
            assert dropped


def test_of_a_stock_phrase_no_more_copies_stay_than_there_is_speech_for():
    """Somebody speaks for 3 s: no longer than it takes to say it six times at 30 letters a second."""
    segment = said(SUBSCRIBE * 20, 0, 12)

    judged = guard((segment,), everybody, 12, lambda start_s, end_s: 3.0)

    assert texts(judged) == (SUBSCRIBE * 6, [SUBSCRIBE * 14])
    assert judged.kept[0].end_s == 12
    assert guard(judged.kept, everybody, 12, lambda start_s, end_s: 3.0).kept == judged.kept


@pytest.mark.parametrize("speech_s", [None, 0.0, 0.4])
def test_of_a_stock_phrase_over_and_over_one_stays_where_hardly_anybody_speaks(speech_s: float | None):
    row = tuple(said(SUBSCRIBE, n * 2.0, n * 2.0 + 2) for n in range(9))
    speaks = None if speech_s is None else lambda start_s, end_s: speech_s / 8

    assert guard(row, everybody, 18, speaks).kept == row[:1]


def test_speech_before_the_copies_does_not_speak_for_them():
    """A talk ends with the phrase, and with applause in which the speech finder hears voices."""
    talk = said(" So much for the harbour, and for the ships that lie in it.", 0, 20)
    row = tuple(said(SUBSCRIBE, 20 + n * 1.5, 21.5 + n * 1.5) for n in range(5))

    judged = guard((talk, *row), everybody, 30, lambda start_s, end_s: max(min(end_s, 21.5) - start_s, 0.0))

    assert judged.kept == (talk, row[0])
