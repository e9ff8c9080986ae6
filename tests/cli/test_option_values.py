"""Values of options: every number has its limits, an empty value is a mistake, and Whisper's words are understood."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from program import Result, noise_file, run_program, script_file
from yamabiko.cli import asked

SCRIPTED = ("--engine", "scripted", "--model", "script.json", "--vad_filter", "False", "-f", "json")


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    script_file(tmp_path / "script.json")
    return noise_file(tmp_path / "talk.wav", 0.5)


def transcribe(talk: Path, *more: str, **environment: str) -> Result:
    return run_program(talk.name, *SCRIPTED, *more, home=talk.parent, **environment)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("--temperature nan", "--temperature takes a number from 0 to 1, not “nan”."),
        ("--length_penalty=inf", "--length-penalty takes a number from -10 to 10, not “inf”."),
        ("--vad_speech_pad_ms 99999999999", "--vad-speech-pad-ms takes a whole number from 0 to 600000"),
        ("--max_line_width 1e3", "--max-line-width takes a whole number from 1 to 10000, not “1e3”."),
        ("--device cuda:99999999999999999999", "“cuda:99999999999999999999” is not a device we know."),
    ],
)
def test_a_number_beyond_its_limits_is_a_mistake(line: str, told: str, talk: Path) -> None:
    result = transcribe(talk, *line.split())
    assert result.code == 2, result.err
    assert told in result.err
    assert "parser:" not in result.err
    assert "range" not in result.err


def test_every_number_has_two_limits(tmp_path: Path) -> None:
    page = run_program("transcribe", "--help", home=tmp_path, COLUMNS="200").out
    numbers = [line for line in page.splitlines() if " INTEGER" in line or " NUMBER" in line]
    described = " ".join(page.split())
    assert len(numbers) > 15
    assert " or more" not in described
    assert " or less" not in described


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("-m", ""), "--model was given an empty value."),
        (("--output_dir", ""), "--output-dir was given an empty value."),
        (("--output_dir= ",), "--output-dir was given an empty value."),
    ],
)
def test_an_empty_value_is_a_mistake(given: tuple[str, ...], told: str, talk: Path) -> None:
    """`--output_dir "$UNSET"` wrote into the current folder, and `--model ""` took another model."""
    result = transcribe(talk, *given)
    assert result.code == 2, result.err
    assert told in result.err
    assert not (talk.parent / "talk.json").exists()


@pytest.mark.parametrize("line", [("models", "path", ""), ("doctor", "--save", "")])
def test_an_empty_value_is_a_mistake_of_every_command(line: tuple[str, ...], tmp_path: Path) -> None:
    result = run_program(*line, home=tmp_path)
    assert result.code == 2, result.err
    assert "was given an empty value." in result.err


def test_an_empty_hint_is_no_hint(talk: Path) -> None:
    assert transcribe(talk, "--initial_prompt", "", "--hotwords=", "--suppress_tokens", "").code == 0


OFF = (
    "--beam_size --best_of --patience --length_penalty --temperature_increment_on_fallback --compression_ratio_threshold "
    "--logprob_threshold --no_speech_threshold --max_line_width --max_line_count --max_words_per_line --threads"
)


def test_none_is_taken_where_whisper_takes_it(talk: Path) -> None:
    result = transcribe(talk, *(word for option in OFF.split() for word in (option, "None")))
    assert result.code == 0, result.err
    assert (talk.parent / "talk.json").exists()


def test_none_is_no_number_elsewhere(talk: Path) -> None:
    result = transcribe(talk, "--temperature", "None")
    assert result.code == 2
    assert "--temperature takes a number from 0 to 1, not “None”." in result.err


def receipt(talk: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((talk.parent / "talk.json").read_text("utf-8"))["yamabiko"]
    return found


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("--fp16 False --carry_initial_prompt False", "float32"),
        ("--fp16 True --carry_initial_prompt True --initial_prompt Museum --suppress_tokens 11,13", "auto"),
        ("--fp16 False --compute_type int8", "int8"),
    ],
)
def test_whispers_options_are_taken(line: str, asked: str, talk: Path) -> None:
    result = transcribe(talk, *line.split())
    assert result.code == 0, result.err
    assert receipt(talk)["requested_compute_type"] == asked


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("--clip_timestamps 0,10", "ffmpeg"),
        ("--hallucination_silence_threshold 2", "--vad-threshold"),
        ("--prepend_punctuations x", "as Whisper does by itself"),
        ("--hf_token abc", "HF_TOKEN="),
        ("--carry_initial_prompt False --initial_prompt Museum", "every stretch of speech hears the prompt"),
        ("--suppress_tokens 11,comma", "not “11,comma”"),
        ("--suppress_tokens 99999999999", "not “99999999999”"),
    ],
)
def test_whispers_options_that_are_not_taken_name_the_way(line: str, told: str, talk: Path) -> None:
    result = transcribe(talk, *line.split())
    assert result.code == 2, result.err
    assert told in result.err
    assert "Possible options" not in result.err
    assert "Did you mean" not in result.err


def test_a_mistake_in_japanese_holds_no_english_of_ours(talk: Path) -> None:
    for line in (
        "--temperature nan",
        "--language Klingon",
        "--model --language ja",
        "--clip_timestamps 1",
    ):
        result = transcribe(talk, *line.split(), YAMABIKO_LANG="ja")
        assert result.code == 2
        assert "parser:" not in result.err
        assert " known:" not in result.err
        assert " given:" not in result.err


def test_a_language_like_none_that_is_known_has_a_way_out_too(tmp_path: Path) -> None:
    result = run_program("x.wav", "--language", "klingon", home=tmp_path)
    assert result.code == 2
    assert [line.split("   ")[-1] for line in result.err.splitlines() if "to fix" in line] == [
        "--language auto", "--language ja",
    ]  # fmt: skip


def test_align_auto_takes_the_model_of_the_language_and_asks_for_one_where_none_is_named(talk: Path) -> None:
    result = run_program(talk, *SCRIPTED, "--align", "auto", home=talk.parent)
    assert result.code == 2
    assert "there is one for en, ja" in result.err
    assert [line.split("   ")[-1] for line in result.err.splitlines() if "to fix" in line] == [
        "--align auto --language en", "--align auto --language ja",
    ]  # fmt: skip
    for language, model in (("ja", "align-ja"), ("English", "align-en")):
        assert asked.aligner_model(SimpleNamespace(align="auto", language=language)) == model
