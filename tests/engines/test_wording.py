"""From tokens to what people read: words, characters where there are no spaces, phrases."""

from __future__ import annotations

import pytest

from yamabiko.engines.wording import Piece, laid_out, phrases, spaced, words


def pieces(*texts: str, step_s: float = 0.2) -> list[Piece]:
    return [Piece(text, at * step_s, (at + 1) * step_s, 0.5) for at, text in enumerate(texts)]


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ("今 日 は 、 雨 。", ["今", "日", "は、", "雨。"]),
        ("き ょ う は コ ー ト", ["きょ", "う", "は", "コー", "ト"]),
        ("彼 は 「 は い 」 と", ["彼", "は", "「は", "い」", "と"]),
        ("1 0 時 に N H K", ["10", "時", "に", "NHK"]),
    ],
)
def test_japanese_is_read_by_characters(tokens: str, expected: list[str]) -> None:
    assert [word.text for word in words(pieces(*tokens.split()))] == expected


def test_words_are_read_from_space_to_space() -> None:
    found = list(words(pieces(" Good", " mor", "ning", ",", " all")))

    assert [word.text for word in found] == [" Good", " morning,", " all"]
    assert [(round(word.start_s, 3), round(word.end_s, 3)) for word in found] == [(0.0, 0.2), (0.2, 0.8), (0.8, 1.0)]
    assert all(word.characters == () for word in found), "no piece was one character: nobody timed those"


def test_characters_keep_their_times() -> None:
    [word] = words(pieces("き", "ょ"))

    assert [(c.text, round(c.start_s, 3)) for c in word.characters] == [("き", 0.0), ("ょ", 0.2)]
    assert word.probability == 0.5


def test_a_phrase_ends_with_its_sentence_and_at_a_pause() -> None:
    said = [*pieces("は", "い", "。", "」", "そ"), Piece("れ", 3.0, 3.2)]

    assert ["".join(p.text for p in phrase) for phrase in phrases(said, 0.6)] == ["はい。」", "そ", "れ"]


def test_no_phrase_begins_within_a_word() -> None:
    said = [Piece(" mor", 0.0, 0.2), Piece("ning", 3.0, 3.2), Piece(" all", 6.0, 6.2)]

    assert ["".join(p.text for p in phrase) for phrase in phrases(said, 0.6)] == [" morning", " all"]


@pytest.mark.parametrize(
    ("text", "tokens", "parts"),
    [
        ("今日は", ["今", "日", "は"], ["今", "日", "は"]),
        ("it's fine", ["▁it", "'", "s", "▁f", "ine"], ["it", "'", "s", " f", "ine"]),
        ("it is fine", [" it", " is", " fine"], ["it", " is", " fine"]),
        (" morning 早", ["mor@@", "ning", "早"], [" mor", "ning", " 早"]),
        ("今日", ["今", "明"], None),
        ("今日は", ["今", "日"], None),
        ("", [], []),
    ],
)
def test_tokens_are_laid_along_the_text(text: str, tokens: list[str], parts: list[str] | None) -> None:
    assert laid_out(text, tokens) == parts
    assert parts is None or "".join(parts) == text


@pytest.mark.parametrize(("text", "expected"), [("今日", "今日"), ("Good", " Good"), (" Good", " Good"), ("", "")])
def test_texts_are_joined_with_the_space_that_their_writing_has(text: str, expected: str) -> None:
    assert spaced(text) == expected


def test_spaces_alone_are_no_word() -> None:
    pieces = [Piece(text, n, n + 1.0) for n, text in enumerate([" ", "朝", " ", " go", "od", "  "])]
    assert [(word.text, word.start_s) for word in words(pieces)] == [(" 朝", 1), ("  good  ", 3)]
