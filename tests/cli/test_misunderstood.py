"""What was probably meant: what other programs call it, or a slip of the finger, and no guess where neither is near."""

from __future__ import annotations

from pathlib import Path

import pytest

from program import noise_file, run_program, script_file
from yamabiko.cli import engines, misunderstood, models, whisper_options
from yamabiko.cli.whisper_options import str2bool

GUESS = "Did you mean"


def meant(word: str, group: str) -> list[str]:
    """What is proposed for a word behind `yamabiko engines` or `yamabiko models`."""
    app = {"engines": engines.app, "models": models.app}[group]
    known = [str(command.name) for command in app.registered_commands]
    found = misunderstood.unknown_command(word, known, f"yamabiko {group}")
    commands = [one.command or "" for one in found.remedies if one.what.en.startswith(GUESS)]
    return [command.rpartition(" ")[2] for command in commands]


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("engines uninstall", "remove"),
        ("engines delete", "remove"),
        ("models delete", "remove"),
        ("models rm", "remove"),
        ("engines ls", "list"),
        ("engines info", "show"),
        ("engines add", "install"),
        ("engines upgrade", "install"),
        ("models download", "pull"),
        ("models install", "pull"),
        ("models GET", "pull"),
        ("models check", "verify"),
    ],
)
def test_what_other_programs_call_a_command_is_answered_with_ours(line: str, command: str) -> None:
    group, word = line.split()
    assert meant(word, group) == [command]


@pytest.mark.parametrize(
    ("line", "command"), [("engines instal", "install"), ("engines repare", "repair"), ("models verfy", "verify")]
)
def test_a_slip_of_the_finger_is_answered_with_the_command(line: str, command: str) -> None:
    group, word = line.split()
    assert meant(word, group) == [command]


@pytest.mark.parametrize("line", ["engines restore", "engines nothing", "models update", "models info"])
def test_what_is_near_no_command_is_answered_with_no_guess(line: str) -> None:
    """`restore` was taken for `remove`."""
    group, word = line.split()
    assert meant(word, group) == []


@pytest.mark.parametrize(
    ("typed", "option"),
    [
        ("--lang", "--language"),
        ("--temp", "--temperature"),
        ("--beam", "--beam-size"),
        ("--no_recursve", "--no-recursive"),
        ("--word_timestamp", "--word-timestamps"),
    ],
)
def test_an_option_is_found_by_its_beginning_or_nearly_its_name(typed: str, option: str, tmp_path: Path) -> None:
    result = run_program("talk.wav", typed, "x", home=tmp_path)
    assert result.code == 2
    assert f"{GUESS} this?   {option}\n" in result.err


@pytest.mark.parametrize(
    "line",
    [
        "talk.wav --no-resume",  # dashes are no likeness to --no-recursive
        "talk.wav --no-gpu",  # nor is `--no-` to --no-guard
        "talk.wav --output_format html",  # which is no rttm
        "engines show nope",  # nor is this openai-whisper
    ],
)
def test_what_is_far_from_everything_is_answered_with_no_guess(line: str, tmp_path: Path) -> None:
    result = run_program(*line.split(), home=tmp_path)
    assert result.code == 2
    assert "to fix" in result.err
    assert GUESS not in result.err


@pytest.mark.parametrize(("typed", "engine"), [("reazon", "reazonspeech"), ("camp", "campplus")])
def test_an_engine_is_found_by_its_beginning(typed: str, engine: str, tmp_path: Path) -> None:
    result = run_program("engines", "show", typed, home=tmp_path)
    assert result.code == 2
    assert f"yamabiko engines show {engine}\n" in result.err


# ---- a word behind a switch of Whisper's ----------------------------------------------------------------------------


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    script_file(tmp_path / "script.json")
    return noise_file(tmp_path / "talk.wav", 0.5)


SCRIPTED = ("--engine", "scripted", "--model", "script.json", "--vad_filter", "False", "-f", "json")


@pytest.mark.parametrize("line", ["--fp16 maybe", "--word_timestamps Flase", "--condition_on_previous_text None"])
def test_a_word_behind_a_switch_that_is_no_file_is_told_before_any_work(line: str, talk: Path) -> None:
    """The recording was done, the switch turned on, and then “there is no file maybe” said."""
    option, word = line.replace("_", "-").split()
    result = run_program(talk.name, *SCRIPTED, *line.split(), home=talk.parent)
    assert result.code == 2, result.err
    assert f"“{word}” behind {option} is neither True nor False, and no file of that name is there." in result.err
    assert f"   {option}\n" in result.err
    assert f"   --no-{option.removeprefix('--')}\n" in result.err
    assert not (talk.parent / "talk.json").exists()


def test_a_file_behind_a_switch_is_a_file(talk: Path) -> None:
    named = talk.rename(talk.parent / "maybe")
    result = run_program(*SCRIPTED, "--fp16", named.name, home=talk.parent)
    assert result.code == 0, result.err
    missing = run_program(*SCRIPTED, "--fp16", "nowhere.wav", home=talk.parent)
    assert "input-missing" in missing.err
    value = run_program(*SCRIPTED, "--fp16", "--language", "ja", named.name, home=talk.parent)
    assert value.code == 0, value.err


def test_every_switch_of_whispers_is_one_of_those() -> None:
    theirs = {
        f"--{action.dest.replace('_', '-')}" for action in whisper_options.parser()._actions if action.type is str2bool
    }
    assert len(theirs) == 6
    assert theirs <= set(misunderstood.WHISPERS_SWITCHES)
