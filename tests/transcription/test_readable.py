"""Tokens become words that people read, and characters keep the times that they really have."""

from __future__ import annotations

import pytest

from yamabiko.speech import Character, Segment, Word
from yamabiko.transcription.readable import readable


def words_of(tokens: str, language: str | None = "ja") -> list[Word]:
    """`_` in a token stands for a space before it; each takes a second."""
    said = [token.replace("_", " ") for token in tokens.split()]
    words = tuple(Word(float(at), at + 1.0, text, 0.5) for at, text in enumerate(said))
    [segment] = readable([Segment(0.0, len(said), "".join(said), words)], language)
    return list(segment.words)


@pytest.mark.parametrize(
    ("tokens", "read"),
    [
        ("明 日 は 東 京 へ 行 き ま す。", "明日 は 東京 へ 行き ます。"),
        ("大 阪 府 の 天 気 は 晴 れ で す 。", "大阪府 の 天気 は 晴れ です。"),
        ("朝 か ら 雨", "朝 から 雨"),
        ("コ ン ピュ ー タ ー で", "コンピューター で"),
        ("今日 は 1 0 時 に N H K", "今日 は 10 時 に NHK"),
        ("「 は い 」 と", "「はい」 と"),
        ("彼は 来 た", "彼は 来 た"),
    ],
)
def test_japanese_tokens_become_words(tokens: str, read: str) -> None:
    """BudouX's words, rows of kanji and of katakana whole; a token is never cut, though a word ends within it."""
    assert " ".join(word.text for word in words_of(tokens)) == read


def test_a_word_has_the_times_and_the_characters_of_its_tokens() -> None:
    tomorrow, particle, *_ = words_of("明 日 は 東 京 へ。")

    assert (tomorrow.start_s, tomorrow.end_s, tomorrow.probability) == (0.0, 2.0, 0.5)
    assert tomorrow.characters == (Character(0.0, 1.0, "明", 0.5), Character(1.0, 2.0, "日", 0.5))
    assert [character.text for character in particle.characters] == ["は"]


def test_what_was_timed_as_one_has_no_times_of_characters() -> None:
    morning, since = words_of("朝 から")

    assert [character.text for character in morning.characters] == ["朝"]
    assert since.characters == ()


@pytest.mark.parametrize(
    ("tokens", "language"), [("_Good _mor ning", "en"), ("_Guten _Tag", None), ("안녕 _하세요", "ko")]
)
def test_writing_with_spaces_stays_as_the_engine_cut_it(tokens: str, language: str | None) -> None:
    assert [word.text.strip() for word in words_of(tokens, language)] == tokens.replace("_", "").split()


def test_a_word_belongs_to_one_speaker() -> None:
    words = (Word(0.0, 1.0, "明", speaker="A"), Word(1.0, 2.0, "日", speaker="B"))
    [segment] = readable([Segment(0.0, 2.0, "明日", words)], "ja")

    assert [(word.text, word.speaker) for word in segment.words] == [("明", "A"), ("日", "B")]


def test_chinese_is_cut_as_chinese() -> None:
    read = [word.text for word in words_of("今 天 天 气 很 好", "zh")]

    assert "".join(read) == "今天天气很好"
    assert len(read) > 1
