"""What hands know from Whisper is understood."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yamabiko.cli.whisper_grammar import rewrite

VERBS = ("transcribe", "engines")
OWN = ("--help", "--version")
SWITCHES = frozenset({"--word-timestamps", "--overwrite"})


def rewritten(line: str) -> str:
    return " ".join(rewrite(line.split(), VERBS, OWN, SWITCHES))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("talk.mp4", "transcribe talk.mp4"),
        ("--model base talk.mp4", "transcribe --model base talk.mp4"),
        ("transcribe talk.mp4", "transcribe talk.mp4"),
        ("engines list", "engines list"),
        ("--help", "--help"),
        ("--version", "--version"),
        ("a.wav --output_format srt", "transcribe a.wav --output-format srt"),
        ("a.wav --output_format=verbose_json", "transcribe a.wav --output-format=verbose_json"),
        ("a.wav --word_timestamps True", "transcribe a.wav --word-timestamps"),
        ("a.wav --word_timestamps False --overwrite", "transcribe a.wav --no-word-timestamps --overwrite"),
        ("a.wav --word_timestamps=True b.wav", "transcribe a.wav --word-timestamps b.wav"),
        ("a.wav --word_timestamps=perhaps", "transcribe a.wav --word-timestamps=perhaps"),  # once it never ended
        ("--word_timestamps a.wav", "transcribe --word-timestamps a.wav"),
        ("--no_word_timestamps a.wav", "transcribe --no-word-timestamps a.wav"),
        ("-- --strange_name.wav True", "transcribe -- --strange_name.wav True"),
        ("a_b.wav", "transcribe a_b.wav"),
        ("", ""),
    ],
)
def test_a_line_is_understood(typed: str, meant: str) -> None:
    assert rewritten(typed) == meant


@given(st.lists(st.text(min_size=1), max_size=6))
def test_what_follows_two_dashes_is_never_changed(names: list[str]) -> None:
    assert rewrite(["transcribe", "--", *names], VERBS, OWN, SWITCHES)[1:] == ["--", *names]


@given(st.lists(st.text(min_size=1).filter(lambda word: not word.startswith("-")), min_size=1, max_size=6))
def test_file_names_are_never_changed(names: list[str]) -> None:
    assert rewrite(["transcribe", *names], VERBS, OWN, SWITCHES) == ["transcribe", *names]
