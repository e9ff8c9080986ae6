"""One voice or several in what was heard as one person: from voice prints that are made up, so that the truth is known."""

from __future__ import annotations

import numpy
import pytest

from yamabiko.engines.voices.splitting import PIECE, STEP, owners, starts, voices

DIMENSIONS = 32


def prints(people: list[int]) -> numpy.ndarray:
    """Pieces of one person 0.8 alike, those of two people not at all."""
    noise = numpy.random.default_rng(5).normal(size=(len(people), DIMENSIONS))
    found = numpy.eye(DIMENSIONS)[people] + 0.5 * noise / numpy.linalg.norm(noise, axis=1, keepdims=True)
    return found / numpy.linalg.norm(found, axis=1, keepdims=True)


@pytest.mark.parametrize("people", [[0] * 12, [0, 0, 0, 1, 1, 1], [0, 0, 1, 1, 0, 0, 1], [2, 2, 0, 0, 0, 1, 1, 2], []])
def test_pieces_of_a_voice_are_found_together_and_those_of_others_apart(people: list[int]) -> None:
    told = numpy.array(people)
    found = voices(prints(people))
    assert numpy.array_equal(found[:, None] == found[None], told[:, None] == told[None])


@pytest.mark.parametrize("people", [[0], [0, 1], [0, 1, 1], [0, 0, 0, 1, 0, 0]])
def test_one_piece_alone_makes_nobody_new(people: list[int]) -> None:
    assert not voices(prints(people)).any()


@pytest.mark.parametrize("first", [0, 1, 74, 75, 250])
def test_pieces_lie_where_the_person_speaks_on_a_clock_that_all_stretches_share(first: int) -> None:
    own = numpy.zeros(1000, bool)
    own[100:500] = True
    found = starts(own, first)
    assert all((first + at) % STEP == 0 and own[at : at + PIECE].mean() >= 0.8 for at in found)
    assert len(found) >= 4
    assert not starts(own[: PIECE - 1], first)


def test_a_voice_ends_in_the_pause_before_the_next() -> None:
    features = numpy.zeros((900, 80))
    features[330:350] = -8.0
    begins = list(range(0, 751, STEP))
    whose = numpy.array([0 if at + PIECE / 2 < 340 else 1 for at in begins])
    change = int(numpy.flatnonzero(numpy.diff(owners(whose, begins, features)))[0])
    assert 330 <= change <= 350
    assert not owners(numpy.zeros(3, int), [0, 75, 150], features).any()
