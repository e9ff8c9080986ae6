"""Mistakes on the command line: a Finding and exit 2, never a traceback, in the reader's language."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import filelock
import pytest

from program import COMMAND, environment, run_program


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("talk.wav --beam_size many", "--beam-size takes a whole number from 1 to 100, not “many”."),
        ("talk.wav --beam_size=0", "--beam-size takes a whole number from 1 to 100, not “0”."),
        ("talk.wav --temperature hot", "--temperature takes a number from 0 to 1, not “hot”."),
        ("talk.wav --threads 2.5 -o x", "--threads takes a whole number from 0 to 1024, not “2.5”."),
        ("talk.wav --languag ja", "Did you mean this?   --language"),
        ("talk.wav --outputt_format srt", "Did you mean this?   --output-format"),
        ("talk.wav --no_overwite", "Did you mean this?   --no-overwrite"),
        ("talk.wav -z", "yamabiko transcribe has no option -z."),
        ("talk.wav --output_format str", "srt"),
        ("talk.wav --language Japanes", "japanese"),
        ("talk.wav --task summarise", "transcribe"),
        ("talk.wav --device gpu", "--device cuda\n"),
        ("talk.wav --device GPU:1", "--device cuda:1\n"),
        ("talk.wav --output_format srt,", "Did you mean srt?"),
        ("talk.wav --compute_type float17", "float16"),
        ("talk.wav --engine whisper", "faster-whisper"),
        ("talk.wav --model", "--model needs a value (NAME) after it, and none is there."),
        ("talk.wav --model --language ja", "--model needs a value (NAME) after it, and none is there."),
        ("talk.wav --word_timestamps=perhaps", "--word-timestamps is a switch"),
        ("transcribe", "yamabiko transcribe needs FILE"),
        ("transcibe talk.wav", "Did you mean this?   yamabiko transcribe"),
        ("engine list", "Did you mean this?   yamabiko engines"),
        ("help", "Did you mean this?   yamabiko --help"),
        ("engines nothing", "yamabiko engines has no command “nothing”."),
        ("engines instal", "Did you mean this?   yamabiko engines install"),
        ("engines install", "yamabiko engines install needs NAME"),
        ("engines list all", "yamabiko engines list was given more than it takes."),
        ("models path bas", "base"),
    ],
)
def test_a_mistake_names_what_is_right(line: str, told: str, tmp_path: Path) -> None:
    result = run_program(*line.split(), home=tmp_path, timeout_s=60)
    assert result.code == 2, result.err
    assert told in result.err
    assert result.out == ""


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("talk.wav --temperature hot", "--temperature には0〜1の数値を指定してください（指定値: 「hot」）。"),
        ("talk.wav --languag ja", "もしかして   --language"),
        ("talk.wav --model", "--model の後に値（名前）が必要ですが、指定されていません。"),
        ("transcribe", "yamabiko transcribe にはファイルの指定が必要です"),
        ("engine list", "「engine」というコマンドもファイルもありません。"),
    ],
)
def test_a_mistake_is_told_in_japanese(line: str, told: str, tmp_path: Path) -> None:
    result = run_program(*line.split(), home=tmp_path, YAMABIKO_LANG="ja")
    assert result.code == 2
    assert told in result.err


def test_a_file_may_be_called_as_a_command_nearly_is(tmp_path: Path) -> None:
    """It is there, so it is meant."""
    (tmp_path / "engine").write_bytes(b"no sound")
    result = run_program(
        "engine", "--engine", "scripted", "--model", "m", "--vad_filter", "False", home=tmp_path, cwd=tmp_path
    )
    assert "neither a command" not in result.err


def test_words_after_two_dashes_are_no_options(tmp_path: Path) -> None:
    result = run_program("transcribe", "--model", "m", "--engine", "scripted", "--", "--languag", home=tmp_path)
    assert "no option" not in result.err
    assert "--languag" in result.err


def test_a_file_that_begins_with_a_dash_is_told_from_an_option(tmp_path: Path) -> None:
    """`yamabiko *` in a folder that has one."""
    (tmp_path / "-dash.wav").write_bytes(b"no sound")
    result = run_program("-dash.wav", "talk.wav", home=tmp_path, cwd=tmp_path)
    assert result.code == 2
    assert "took “-dash.wav” for options" in result.err
    assert "yamabiko transcribe -- -dash.wav" in result.err
    assert "yamabiko transcribe ./-dash.wav" in result.err
    for words in (("--", "-dash.wav"), ("./-dash.wav",)):
        line = ("transcribe", "--engine", "scripted", "--model", "m", *words)
        taken = run_program(*line, home=tmp_path, cwd=tmp_path)
        assert "for options" not in taken.err, "what is proposed is understood"
        assert "dash.wav: " in taken.err
    absent = run_program("-dish.wav", home=tmp_path, cwd=tmp_path)
    assert "no option -d" in absent.err


@pytest.mark.parametrize("line", ["", "engines", "models"])
def test_no_command_at_all_shows_the_help(line: str, tmp_path: Path) -> None:
    result = run_program(*line.split(), home=tmp_path)
    assert result.code == 2
    assert result.out.startswith("Usage:")
    assert result.err == ""


def test_a_setting_that_is_no_number_is_named(tmp_path: Path) -> None:
    result = run_program("talk.wav", home=tmp_path, YAMABIKO_WORKER_LOAD_S="soon")
    assert result.code == 2
    assert "YAMABIKO_WORKER_LOAD_S" in result.err


def test_ctrl_c_ends_any_command_with_a_word(tmp_path: Path) -> None:
    """Typer would have ended it in silence. What it waits for here does not come: it has no end of its own."""
    root = tmp_path / "data/engines"
    root.mkdir(parents=True)
    with filelock.FileLock(root / ".silero-vad-cpu.lock"):
        program = subprocess.Popen(
            [*COMMAND, "engines", "install", "silero-vad"],
            env=environment(tmp_path),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert program.stderr is not None
        first = program.stderr.readline()
        program.send_signal(signal.SIGINT)
        _, rest = program.communicate(timeout=60)
    assert b"silero-vad (cpu) gets an environment" in first
    assert program.returncode == 130
    assert b"Stopped." in rest
    assert b"Traceback" not in rest


@pytest.mark.parametrize(("option", "words"), [("--model_dir", "HF_HOME"), ("--num_speakers", "--speakers 2")])
def test_whispers_options_that_are_not_here_name_what_does_it(option: str, words: str, tmp_path: Path) -> None:
    result = run_program("talk.wav", option, "False", home=tmp_path)
    assert result.code == 2
    assert words in result.err
    assert "Possible options" not in result.err


@pytest.mark.parametrize("language", ["日本語", "nihongo", "jp", "Japanese", "ja-JP"])
def test_a_language_may_be_called_what_people_call_it(language: str, tmp_path: Path) -> None:
    result = run_program("nowhere.wav", "--language", language, "--no_install", home=tmp_path)
    assert "language-unknown" not in result.err


def test_a_mistake_of_ours_names_what_a_report_needs(tmp_path: Path) -> None:
    """With a bug put in: nobody knows one to call."""
    bug = "from yamabiko.cli import main; main.rewrite = lambda *_: 1 // 0; main.run()"
    done = subprocess.run(
        [COMMAND[0], "-P", "-c", bug], env=environment(tmp_path), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "yamabiko-bug: yamabiko itself failed (ZeroDivisionError)" in done.stderr
    assert "YAMABIKO_DEBUG=1 yamabiko" in done.stderr
    assert "yamabiko doctor --save " in done.stderr
