"""What is said of a result that is there already and was made otherwise."""

from __future__ import annotations

import inspect
import json

import click
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from yamabiko.cli import transcribe
from yamabiko.cli.shaping import differences, told

BEFORE = {
    "engine": "faster-whisper", "model": "small", "align": None, "beam_size": 5, "initial_prompt": "Dr. Sato's patients",
    "diarize": False, "guard": True, "known_speaker": [], "device": "cpu",
    "temperature_increment": 0.2,
}  # fmt: skip


@pytest.mark.parametrize(
    ("now", "english", "japanese"),
    [
        ({}, "", ""),
        ({"device": "cuda"}, "", ""),
        ({"engine": "whisper.cpp"}, "--engine faster-whisper", "--engine faster-whisper"),
        ({"model": None, "align": "auto"}, "--model small, without --align", "--model small、--align なし"),
        ({"diarize": True, "guard": False}, "without --diarize, with --guard", "--diarize なし、--guard あり"),
        ({"known_speaker": ["Aki=a.wav"]}, "without --known-speaker", "--known-speaker なし"),
        ({"beam_size": 1}, "--beam-size 5", "--beam-size 5"),
        ({"temperature_increment": None}, *["--temperature-increment-on-fallback 0.2"] * 2),
    ],
)
def test_what_was_otherwise_is_named(now: dict[str, object], english: str, japanese: str) -> None:
    found = differences(told(BEFORE), told(BEFORE | now))
    assert (found.en, found.ja) == (english, japanese)


def test_a_prompt_is_kept_by_its_mark_alone() -> None:
    assert "Sato" not in told(BEFORE)
    assert differences(told(BEFORE), told(BEFORE | {"initial_prompt": "Mr. Ito"})).en == "another --initial-prompt"


def test_an_option_that_an_older_version_did_not_know_is_not_told() -> None:
    assert differences(told(BEFORE), told(BEFORE | {"newer": 3})).en == ""


@given(st.text() | st.recursive(st.none() | st.integers(), st.lists).map(json.dumps))
def test_a_ledger_of_another_version_or_a_spoiled_one_says_nothing(line: str) -> None:
    assert differences(line, told(BEFORE)).en == ""


def test_every_option_that_can_be_told_is_one_that_can_be_typed() -> None:
    spoken = {name for option in transcribe_options() for name in option.opts}
    values = {"print" if name == "print_" else name for name in inspect.signature(transcribe.command).parameters}
    told_of = json.loads(told(dict.fromkeys(values - {"context"}, 1)))
    named = {differences(told({name: 2}), told({name: 1})).en.split()[0] for name in told_of}
    assert len(named) > 20
    assert named - spoken == set()


def transcribe_options() -> list[click.Parameter]:
    application = typer.Typer()
    application.command()(transcribe.command)
    return typer.main.get_command(application).params
