"""Alignment: times of characters, out of log-probabilities whose times we made ourselves."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from yamabiko.speech import Segment
from yamabiko.transcription.alignment import ANY, BLANK, Said, align, best_path, characters_of

FRAME_S = 0.02


def sounds(said: Sequence[tuple[str, int]], vocabulary: str, likely: float = 0.9) -> NDArray[numpy.float64]:
    """(character or "" for nothing, frames) one after the other, as a model with this vocabulary hears them."""
    rows = []
    for character, frames in said:
        row = numpy.full(len(vocabulary) + 1, (1 - likely) / len(vocabulary))
        row[vocabulary.index(character) + 1 if character else 0] = likely
        rows += [row] * frames
    return numpy.log(numpy.array(rows))


def heard(said: Sequence[tuple[str, int]], text: str, vocabulary: str, likely: float = 0.9) -> NDArray[Any]:
    """As an aligner answers, asked for the characters of this text."""
    own = sounds(said, vocabulary, likely)
    columns = [own[:, 0], own[:, 1:].max(1)]
    columns += [
        own[:, vocabulary.index(c) + 1] if c in vocabulary else numpy.full(len(own), numpy.nan)
        for c in characters_of([Segment(0, 1, text)])
    ]
    return numpy.stack(columns, 1)


def aligned(said: Sequence[tuple[str, int]], *texts: str, vocabulary: str) -> tuple[Segment, ...]:
    segments = [Segment(0.0, 9.0, text) for text in texts]
    characters = characters_of(segments)
    found = align(segments, heard(said, "".join(texts), vocabulary), FRAME_S, characters)
    assert found is not None
    return found


def test_a_pause_that_the_model_hears_as_a_space_is_no_part_of_the_word_after_it() -> None:
    """It half hears the next letter already, and no blank."""
    segments = [Segment(0.0, 9.0, "go in")]
    characters = characters_of(segments)
    rows = []
    for likely, frames in (
        ({"g": 0.9}, 2),
        ({"o": 0.9}, 2),
        ({" ": 0.6, "i": 0.3}, 10),
        ({"i": 0.9}, 2),
        ({"n": 0.9}, 2),
    ):
        row = {character: likely.get(character, 1e-4) for character in characters}
        rows += [[1e-4, max(likely.values()), *row.values()]] * frames

    found = align(segments, numpy.log(numpy.array(rows)), FRAME_S, characters)

    assert found is not None
    assert [(w.text, round(w.start_s, 2)) for w in found[0].words] == [("go", 0.0), (" in", 14 * FRAME_S)]


def test_each_word_has_the_time_at_which_it_was_said() -> None:
    said = [("", 10), ("g", 2), ("o", 3), ("", 5), (" ", 2), ("", 20), ("i", 1), ("n", 4), ("", 8)]

    [segment] = aligned(said, " Go in.".lower(), vocabulary="gino ")

    assert [(w.text, round(w.start_s, 3), round(w.end_s, 3)) for w in segment.words] == [
        (" go", 0.2, 0.3), (" in.", 0.84, 0.94)
    ]  # fmt: skip
    assert (segment.start_s, segment.end_s) == (segment.words[0].start_s, segment.words[-1].end_s)
    assert segment.words[0].probability == pytest.approx(0.9)
    assert [(c.text, round(c.start_s, 2)) for c in segment.words[1].characters] == [("i", 0.84), ("n", 0.86)]


def test_a_character_lasts_until_the_next_of_its_word_begins_and_the_word_until_its_last_was_said() -> None:
    """A CTC model says a character once, in a frame or two, and then nothing: the sound goes on, until another begins."""
    said = [("", 5), ("g", 1), ("", 4), ("o", 2), ("", 10), ("i", 1), ("", 3), ("n", 2), ("", 4)]

    [segment] = aligned(said, "go in", vocabulary="gino")

    assert [[(c.text, round(c.start_s, 2), round(c.end_s, 2)) for c in word.characters] for word in segment.words] == [
        [("g", 0.1, 0.2), ("o", 0.2, 0.24)], [("i", 0.44, 0.52), ("n", 0.52, 0.56)]
    ]  # fmt: skip
    assert [(word.start_s, word.end_s) for word in segment.words] == [
        (word.characters[0].start_s, word.characters[-1].end_s) for word in segment.words
    ]


def test_japanese_is_told_by_what_people_read_as_one() -> None:
    said = [("き", 2), ("ょ", 2), ("", 3), ("う", 1), ("", 10), ("雨", 4), ("", 2)]

    first, second = aligned(said, "きょう、", "「雨。」", vocabulary="きょう雨")

    assert [(w.text, round(w.start_s, 2), round(w.end_s, 2)) for w in first.words] == [
        ("きょ", 0.0, 0.08), ("う、", 0.14, 0.16)
    ]  # fmt: skip
    assert [(w.text, round(w.start_s, 2), round(w.end_s, 2)) for w in second.words] == [("「雨。」", 0.36, 0.44)]


def test_what_the_model_does_not_know_is_heard_between_its_neighbours() -> None:
    said = [("a", 3), ("", 4), ("x", 5), ("", 4), ("b", 2)]

    [segment] = aligned(said, "a ß b", vocabulary="abx")

    assert [(w.text, round(w.start_s, 2), round(w.end_s, 2)) for w in segment.words] == [
        ("a", 0.0, 0.06), (" ß", 0.14, 0.24), (" b", 0.32, 0.36)
    ]  # fmt: skip


def test_a_segment_without_a_sound_keeps_its_times_and_gets_no_words() -> None:
    first, second = aligned([("a", 3), ("b", 3)], "…", "ab", vocabulary="ab")

    assert (first.start_s, first.end_s, first.words) == (0.0, 9.0, ())
    assert [word.text for word in second.words] == ["ab"]


def test_a_text_in_characters_of_another_language_is_not_aligned() -> None:
    segments = [Segment(0.0, 1.0, "шум a")]
    assert align(segments, heard([("a", 30)], "шум a", "a"), FRAME_S, characters_of(segments)) is None


def test_more_text_than_the_stretch_can_hold_is_not_aligned() -> None:
    segments = [Segment(0.0, 1.0, "abab")]
    for said, holds in (([("a", 3)], False), ([("a", 4)], True)):
        found = align(segments, heard(said, "abab", "ab"), FRAME_S, characters_of(segments))
        assert (found is not None) == holds
    assert align([Segment(0, 1, "、")], heard([("a", 3)], "、", "a"), FRAME_S, "、") is None
    assert align([], numpy.zeros((0, 2)), FRAME_S, "") is None


SPOKEN = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(1, 4), st.integers(0, 4)), min_size=1, max_size=12
)  # character, its frames, silence after it


@given(SPOKEN, st.integers(0, 5))
@settings(max_examples=100, deadline=None)
def test_the_path_is_exact_where_the_model_is_sure(spoken: list[tuple[str, int, int]], before: int) -> None:
    said, expected, at = [("", before)], [], before
    for number, (character, frames, silence) in enumerate(spoken):
        if number + 1 < len(spoken) and spoken[number + 1][0] == character:
            silence = max(1, silence)  # what is said twice is told from what is held by the pause alone
        said += [(character, frames), ("", silence)]
        expected.append((at, at + frames))
        at += frames + silence
    own = sounds(said, "abc")
    found = best_path(
        numpy.stack([own[:, 0], own[:, 1:].max(1), *own[:, 1:].T], 1), [2 + "abc".index(c) for c, _, _ in spoken]
    )
    assert found is not None
    assert [(one.first, one.end) for one in found] == expected


@given(st.integers(1, 4).flatmap(lambda n: st.tuples(st.lists(st.sampled_from([1, 2, 3]), min_size=n, max_size=n),
                                                     st.integers(n, 7), st.integers(0, 10**6))))  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_no_other_path_is_likelier(case: tuple[list[int], int, int]) -> None:
    """Every way through is tried, for texts and stretches small enough."""
    tokens, frames, seed = case
    scores = numpy.log(numpy.random.default_rng(seed).dirichlet(numpy.ones(4), frames))
    found = best_path(scores, tokens)
    best = max((path for path in _paths(tokens, frames)), key=lambda p: _score(scores, p), default=None)
    assert (found is None) == (best is None)
    if found is not None and best is not None:
        assert _likelihood(scores, tokens, found) == pytest.approx(_score(scores, best))


def _paths(tokens: list[int], frames: int) -> list[tuple[int, ...]]:
    """Labels frame by frame that collapse to these tokens; any sound beside any sound needs no pause."""
    found = []
    for starts in itertools.combinations(range(frames), len(tokens)):
        for ends in itertools.product(
            *(range(s + 1, e + 1) for s, e in zip(starts, (*starts[1:], frames), strict=True))
        ):
            pairs = zip(tokens, tokens[1:], ends[:-1], starts[1:], strict=False)
            if all(one != other or one == ANY or end < start for one, other, end, start in pairs):
                path = [BLANK] * frames
                for token, start, end in zip(tokens, starts, ends, strict=True):
                    path[start:end] = [token] * (end - start)
                found.append(tuple(path))
    return found


def _score(scores: NDArray[Any], path: Sequence[int]) -> float:
    return float(sum(scores[frame, label] for frame, label in enumerate(path)))


def _likelihood(scores: NDArray[Any], tokens: list[int], found: list[Said]) -> float:
    path = [BLANK] * len(scores)
    for token, one in zip(tokens, found, strict=True):
        path[one.first : one.end] = [token] * (one.end - one.first)
    return _score(scores, path)
