from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from made_transcripts import any_text, broken_text

from yamabiko.formats.text import clusters, display_width, encodable, one_line


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("abc", 3),
        ("日本語", 6),
        ("ｱｲｳ", 3),
        ("ＡＢＣ", 6),
        ("か\u3099", 2),
        ("e\u0301", 1),
        ("\u200b\u200d\ufeff", 0),
        ("한", 2),
        ("\u1112\u1161\u11ab", 2),  # the same syllable, decomposed
        ("❤", 1),
        ("❤\ufe0f", 2),
        ("🇯🇵", 2),
        ("שלום", 4),
        ("", 0),
    ],
)
def test_width_is_what_a_terminal_shows(text: str, columns: int) -> None:
    """Expected values are those of the wcwidth package 0.2.13."""
    assert display_width(text) == columns


@settings(deadline=None)  # the machine may be busy
@given(any_text)
def test_width_is_never_less_than_the_east_asian_width_property_says(text: str) -> None:
    wide = sum(2 for c in text if unicodedata.east_asian_width(c) in "WF" and not unicodedata.combining(c))
    assert display_width(text) >= wide


@settings(deadline=None)  # the machine may be busy
@given(broken_text)
def test_clusters_lose_nothing(text: str) -> None:
    assert "".join(clusters(text)) == text


@pytest.mark.parametrize(
    "whole", ["👨‍👩‍👧‍👦", "🇯🇵", "👍🏽", "か\u3099", "ﾊﾞ", "e\u0301\u0302", "\u1112\u1161\u11ab", "❤\ufe0f", "\u200fש"]
)
def test_what_is_seen_as_one_character_is_one_cluster(whole: str) -> None:
    assert clusters("x" + whole)[1:] == [whole] or clusters(whole) == [whole]


def test_two_flags_are_two_clusters() -> None:
    assert clusters("🇯🇵🇫🇷") == ["🇯🇵", "🇫🇷"]


@settings(deadline=None)  # the machine may be busy
@given(broken_text)
def test_any_text_becomes_one_line_of_valid_utf8(text: str) -> None:
    line = one_line(text)
    line.encode("utf-8")
    assert len(line.splitlines()) <= 1
    assert not any(unicodedata.category(c) == "Cc" for c in line)


def test_a_lone_surrogate_becomes_a_replacement_character_and_a_pair_becomes_its_character() -> None:
    assert encodable("a\ud800b") == "a\ufffdb"
    assert encodable("\ud83d\ude00") == "😀"
