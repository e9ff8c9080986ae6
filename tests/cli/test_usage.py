"""Mistakes on the command line: a Finding and exit 2, never a traceback, in the reader's language."""

from __future__ import annotations

from pathlib import Path

import pytest

from program import run_program


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("talk.wav --beam_size many", "--beam-size"),
        ("talk.wav --outputt_format srt", "--output-format"),
        ("talk.wav --output_format str", "srt"),
        ("talk.wav --language Japanes", "japanese"),
        ("talk.wav --task summarise", "transcribe"),
        ("talk.wav --device gpu", "cuda"),
        ("talk.wav --compute_type float17", "float16"),
        ("talk.wav --engine whisper", "faster-whisper"),
        ("transcribe", "FILE"),
        ("engines nothing", "nothing"),
        ("models path bas", "base"),
    ],
)
def test_a_mistake_names_what_is_right(line: str, told: str, tmp_path: Path) -> None:
    result = run_program(*line.split(), home=tmp_path)
    assert result.code == 2, result.err
    assert told in result.err
    assert result.out == ""


def test_a_mistake_is_told_in_japanese(tmp_path: Path) -> None:
    assert "対処" in run_program("talk.wav", "--beam_size", "x", home=tmp_path, YAMABIKO_LANG="ja").err


@pytest.mark.parametrize("line", ["", "engines", "models"])
def test_no_command_at_all_shows_the_help(line: str, tmp_path: Path) -> None:
    result = run_program(*line.split(), home=tmp_path)
    assert result.code == 2
    assert result.out.startswith("Usage:")


@pytest.mark.parametrize("line", ["--help", "-h", "transcribe --help", "engines install --help"])
@pytest.mark.parametrize("language", ["en", "ja"])
def test_help_is_there_in_both_languages(line: str, language: str, tmp_path: Path) -> None:
    result = run_program(*line.split(), home=tmp_path, YAMABIKO_LANG=language)
    assert result.code == 0
    assert any("ぁ" <= c <= "ん" for c in result.out) == (language == "ja")


def test_a_setting_that_is_no_number_is_named(tmp_path: Path) -> None:
    result = run_program("talk.wav", home=tmp_path, YAMABIKO_WORKER_LOAD_S="soon")
    assert result.code == 2
    assert "YAMABIKO_WORKER_LOAD_S" in result.err
