"""What a CTC model's likeliest path says, and when: no model and no library."""

from __future__ import annotations

import pytest

from yamabiko.engines import wording
from yamabiko.engines.transformers_ctc import _pieces, _segments
from yamabiko.speech import Word

ALPHABET = {0: None, 1: "", 2: " ", 3: "a", 4: "b", 5: "今", 6: "日"}
STEP_S = 0.02


def heard(path: list[int], length_s: float = 9.0) -> list[wording.Piece]:
    return list(_pieces(path, [0.5] * len(path), STEP_S, length_s, ALPHABET.get))


def test_a_token_that_lasts_is_one_and_a_blank_between_makes_it_two():
    pieces = heard([0, 3, 3, 0, 3, 4, 0])

    assert [(piece.text, piece.start_s, piece.end_s) for piece in pieces] == [
        (" a", pytest.approx(0.02), pytest.approx(0.06)),
        ("a", pytest.approx(0.08), pytest.approx(0.10)),
        ("b", pytest.approx(0.10), pytest.approx(0.12)),
    ]


def test_words_are_joined_by_spaces_and_japanese_by_characters():
    def words(path: list[int]) -> list[Word]:
        return [word for segment in _segments(heard(path), None, words=True) for word in segment.words]

    assert [word.text for word in words([2, 3, 2, 0, 2, 4, 3, 2])] == [" a", " ba"]
    assert [word.text for word in words([5, 0, 6, 6])] == ["今", "日"]
    assert [character.text for character in words([3, 4, 3])[0].characters] == ["a", "b", "a"]


def test_what_is_no_text_is_left_out_and_times_end_with_the_chunk():
    assert heard([0, 1, 0, 2, 0]) == []
    assert heard([0, 0, 5], length_s=0.05)[-1].end_s == 0.05


def test_a_pause_ends_a_segment():
    path = [5, 6] + [0] * 60 + [5]
    segments = list(_segments(heard(path), "ja", words=False))

    assert [(segment.text, segment.language, segment.words) for segment in segments] == [
        ("今日", "ja", ()),
        ("今", "ja", ()),
    ]
