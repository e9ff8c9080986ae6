"""What is said of a result that is there already and was made otherwise."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yamabiko.cli.shaping import differences, told

BEFORE = {
    "engine": "faster-whisper",
    "model": "small",
    "align": None,
    "beam_size": 5,
    "initial_prompt": "Dr. Sato's patients",
}


@pytest.mark.parametrize(
    ("now", "english", "japanese"),
    [
        ({}, "", ""),
        ({"engine": "whisper.cpp"}, "--engine faster-whisper", "--engine faster-whisper"),
        (
            {"model": None, "align": "auto"},
            "--model small, no --align",
            "--model small、--align なし",
        ),
        ({"diarize": ("speakers", 2)}, "no --diarize", "--diarize なし"),
        ({"beam_size": 1}, "another --beam_size", "--beam_size が別の値"),
    ],
)
def test_what_was_otherwise_is_named(now: dict[str, object], english: str, japanese: str) -> None:
    found = differences(told(BEFORE), told(BEFORE | now))
    assert (found.en, found.ja) == (english, japanese)


def test_a_prompt_is_kept_by_its_mark_alone() -> None:
    assert "Sato" not in told(BEFORE)
    assert differences(told(BEFORE), told(BEFORE | {"initial_prompt": "Mr. Ito"})).en == "another --initial_prompt"


@given(st.text() | st.recursive(st.none() | st.integers(), st.lists).map(json.dumps))
def test_a_ledger_of_another_version_or_a_spoiled_one_says_nothing(line: str) -> None:
    assert differences(line, told(BEFORE)).en == ""
