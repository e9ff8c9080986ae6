"""Turns of speakers, and where the speech finder heard speech."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from yamabiko.speech import SAMPLE_RATE, Span
from yamabiko.transcription.diarizing import turns_in_speech
from yamabiko.transcription.speakers import Turn

seconds = st.integers(0, 60)


def spans(*times: tuple[int, int]) -> list[Span]:
    return [Span(a * SAMPLE_RATE, b * SAMPLE_RATE) for a, b in times]


def test_a_voice_where_nobody_speaks_is_noise() -> None:
    turns = [Turn(0.0, 2.0, "A"), Turn(4.0, 5.0, "B"), Turn(7.5, 9.0, "A")]

    assert turns_in_speech(turns, spans((0, 3), (8, 12))) == [turns[0], turns[2]]


def test_a_turn_that_only_reaches_the_edge_of_speech_is_not_in_it() -> None:
    assert turns_in_speech([Turn(3.0, 4.0, "A"), Turn(6.0, 8.0, "B")], spans((0, 3), (8, 12))) == []


@given(st.lists(st.tuples(seconds, st.integers(1, 9))), st.lists(st.tuples(seconds, st.integers(1, 9))))
def test_a_turn_stays_where_it_shares_a_moment_with_speech(
    turns: list[tuple[int, int]], speech: list[tuple[int, int]]
) -> None:
    told = [Turn(float(a), float(a + n), "A") for a, n in turns]
    heard = {second for a, n in speech for second in range(a, a + n)}

    kept = turns_in_speech(told, spans(*((a, a + n) for a, n in speech)))

    assert kept == [one for one, (a, n) in zip(told, turns, strict=True) if heard & set(range(a, a + n))]
