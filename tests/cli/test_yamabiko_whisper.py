"""The command that takes the place of openai-whisper's: its grammar, its lines, its files, and what may happen."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from program import Result, children_of, environment, script_file
from yamabiko.bundled import clips
from yamabiko.cli import whisper_options
from yamabiko.i18n import reader_language

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-P", "-c", "from yamabiko.__main__ import run_whisper; run_whisper()")
OFFLINE = {"HF_ENDPOINT": "http://127.0.0.1:9", "PIP_INDEX_URL": "http://127.0.0.1:9", "PIP_FIND_LINKS": ""}
SMALL = ("--model", "tiny.en", "--beam_size", "1")
ENGLISH, JAPANESE = clips()


def whisper(*arguments: str | Path, home: Path, cwd: Path, **more: Any) -> Result:
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        env=environment(home, **OFFLINE, **more),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=300,
        check=False,
    )
    result = Result(done.returncode, done.stdout.decode(), done.stderr.decode())
    assert "Traceback" not in result.err, result.err
    return result


@pytest.fixture(autouse=True)
def in_english(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("YAMABIKO_LANG", "en")
    reader_language.cache_clear()
    yield
    reader_language.cache_clear()


# ---- the grammar -----------------------------------------------------------------------------------------------------

# cli() of whisper/transcribe.py at openai/whisper c0d2f624c09dc18e709e37c2ad90c039a4eb72a2 (20250625); there --device
# is "cuda" where torch sees one, else "cpu": here None, which is chosen the same way.
DEFAULTS = {
    "audio": ["a.wav"], "model": "turbo", "model_dir": None, "device": None, "output_dir": ".", "output_format": "all",
    "verbose": True, "task": "transcribe", "language": None, "temperature": 0, "best_of": 5, "beam_size": 5,
    "patience": None, "length_penalty": None, "suppress_tokens": "-1", "initial_prompt": None,
    "carry_initial_prompt": False, "condition_on_previous_text": True, "fp16": True,
    "temperature_increment_on_fallback": 0.2, "compression_ratio_threshold": 2.4, "logprob_threshold": -1.0,
    "no_speech_threshold": 0.6, "word_timestamps": False, "prepend_punctuations": "\"'“¿([{-",
    "append_punctuations": "\"'.。,，!！?？:：”)]}、", "highlight_words": False, "max_line_width": None,
    "max_line_count": None, "max_words_per_line": None, "threads": 0, "clip_timestamps": "0",
    "hallucination_silence_threshold": None,
}  # fmt: skip


def test_options_and_defaults_are_openai_whispers_and_no_more() -> None:
    given = vars(whisper_options.read(["a.wav"]))
    assert given.pop("clip_timestamps") == (0.0,)
    assert given == {name: value for name, value in DEFAULTS.items() if name != "clip_timestamps"}


@pytest.mark.parametrize(
    ("typed", "name", "value"),
    [
        ("--lang ja", "language", "ja"),
        ("--verb False", "verbose", False),
        ("--verbose=False", "verbose", False),
        ("-ojson", "output_dir", "json"),
        ("-fjson", "output_format", "json"),
        ("-f json", "output_format", "json"),
        ("--language Japanese", "language", "Japanese"),
        ("--language japanese", "language", "Japanese"),
        ("--language JA", "language", "ja"),
        ("--language Castilian", "language", "Castilian"),
        ("--language None", "language", None),
        ("--beam_size None", "beam_size", None),
        ("--logprob_threshold None", "logprob_threshold", None),
        ("--temperature_increment_on_fallback None", "temperature_increment_on_fallback", None),
        ("--suppress_tokens=", "suppress_tokens", ""),
        ("--clip_timestamps 1.5,3,10", "clip_timestamps", (1.5, 3.0, 10.0)),
        ("b.wav c.wav", "audio", ["a.wav", "b.wav", "c.wav"]),
        ("--word_timestamps True --max_line_width 40", "max_line_width", 40),
    ],
)
def test_values_are_read_as_openai_whisper_reads_them(typed: str, name: str, value: object) -> None:
    assert getattr(whisper_options.read(["a.wav", *typed.split()]), name) == value


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("", "the following arguments are required: audio"),
        ("a.wav --highlight_words True", "--highlight_words requires --word_timestamps True"),
        ("a.wav --max_line_count 2", "--max_line_count requires --word_timestamps True"),
        ("a.wav --max_line_width 2", "--max_line_width requires --word_timestamps True"),
        ("a.wav --max_words_per_line 2", "--max_words_per_line requires --word_timestamps True"),
        ("a.wav --verbose yes", "argument --verbose: invalid str2bool value: 'yes'"),
        ("a.wav --beam_size five", "argument --beam_size: invalid optional_int value: 'five'"),
        ("a.wav --temperature hot", "argument --temperature: invalid float value: 'hot'"),
        ("a.wav --temperature nan", "argument --temperature: nan is not from 0 to 1"),
        ("a.wav --clip_timestamps 1,x", "argument --clip_timestamps: invalid clip_timestamps value: '1,x'"),
        ("a.wav --output-format json", "unrecognized arguments: --output-format json"),
        ("a.wav --no_such 1", "unrecognized arguments: --no_such 1"),
    ],
)
def test_a_mistake_ends_with_openai_whispers_line_and_status(
    typed: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        whisper_options.read(typed.split())
    said = capsys.readouterr()
    assert (left.value.code, said.out) == (2, "")
    assert said.err.startswith("usage: yamabiko-whisper ")
    assert said.err.splitlines()[-1] == f"yamabiko-whisper: error: {message}"


@pytest.mark.parametrize("typed", ["--language xx", "--output_format ass", "--task summarise"])
def test_a_choice_that_there_is_not_is_told_with_those_there_are(
    typed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        whisper_options.read(["a.wav", *typed.split()])
    assert re.search(r"error: argument --\S+: invalid choice: '\w+' \(choose from .+\)$", capsys.readouterr().err)


def test_what_has_no_effect_is_said() -> None:
    typed = "a.wav --model base.en --language ja --word_timestamps True --max_line_count 2 --initial_prompt x"
    said = [note.en for note in whisper_options.notes(whisper_options.read(typed.split()))]
    assert said == [
        "base.en is an English-only model but receipted 'ja'; using English instead.",
        "--max_line_count has no effect without --max_line_width",
        "--carry_initial_prompt False has no effect: here every stretch of speech hears the prompt.",
    ]


def test_nothing_is_said_of_a_plain_line() -> None:
    assert whisper_options.notes(whisper_options.read(["a.wav"])) == ()


def test_the_help_page_names_every_option_in_both_languages(tmp_path: Path) -> None:
    english = whisper("--help", home=tmp_path, cwd=tmp_path)
    japanese = whisper("-h", home=tmp_path, cwd=tmp_path, YAMABIKO_LANG="ja")
    for page in (english, japanese):
        assert page.code == 0
        assert [name for name in DEFAULTS if name != "audio" and f"--{name} " not in page.out] == []
    assert "（既定: turbo）" in japanese.out
    assert "(default: turbo)" in english.out


def test_the_help_page_imports_little(tmp_path: Path) -> None:
    """What makes it quick, in a figure that no busy machine changes."""
    python = [COMMAND[0], "-X", "importtime", *COMMAND[1:], "--help"]
    done = subprocess.run(python, env=environment(tmp_path), capture_output=True, text=True, check=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "yamabiko.cli.whisper_command" in imported
    assert imported.isdisjoint({"numpy", "pydantic", "httpx", "psutil", "budoux", "packaging", "asyncio", "fastapi"})
    assert len(imported) < 300


def test_the_command_is_installed_under_its_name() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    assert scripts["yamabiko-whisper"] == "yamabiko.__main__:run_whisper"


# ---- a run -----------------------------------------------------------------------------------------------------------


def test_a_file_is_done_another_is_skipped_and_the_run_ends_with_0(ready_home: Path, tmp_path: Path) -> None:
    """Standard output is openai-whisper's lines and nothing else; the file with its name stands in this folder."""
    (tmp_path / "bad.mp3").write_bytes(b"no sound at all")
    done = whisper("bad.mp3", ENGLISH.path, "gone.wav", *SMALL, home=ready_home, cwd=tmp_path)
    assert done.code == 0, done.err
    stem = ENGLISH.path.stem
    written = sorted(path.name for path in tmp_path.iterdir())
    assert written == sorted(["bad.mp3", *(f"{stem}.{name}" for name in ("txt", "vtt", "srt", "tsv", "json"))])
    first, *lines, last = done.out.splitlines()
    assert first.startswith("Skipping bad.mp3 due to input-not-audio: ")
    assert last == "Skipping gone.wav due to input-missing: There is no file gone.wav"
    found = json.loads((tmp_path / f"{stem}.json").read_text("utf-8"))
    assert list(found) == ["text", "segments", "language"]
    assert found["language"] == "en", "a model for English alone"
    assert "museum" in found["text"]
    assert [line.partition("] ")[2] for line in lines] == [segment["text"] for segment in found["segments"]]
    times = r"\[\d\d:\d\d\.\d{3} --> \d\d:\d\d\.\d{3}\]"
    assert all(re.match(times, line) for line in lines)
    vtt = (tmp_path / f"{stem}.vtt").read_text("utf-8")
    assert [line[1:].partition("]")[0] for line in lines] == re.findall(r"^.+ --> .+$", vtt, re.MULTILINE)
    assert "cpu int8" in done.err, "the receipt"
    assert "input-missing" in done.err


@pytest.fixture(scope="module")
def part(ready_home: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    """The Japanese clip's second sentence, with all that hangs on words."""
    folder = tmp_path_factory.mktemp("part")
    typed = "--model base --beam_size 1 --clip_timestamps 2.6,20 --word_timestamps True --max_words_per_line 3"
    done = whisper(
        JAPANESE.path, *typed.split(), "--highlight_words", "True", "-o", "new/folder", home=ready_home, cwd=folder
    )
    return done, folder / "new/folder"


def test_the_language_is_printed_before_the_first_line(part: tuple[Result, Path]) -> None:
    done, _ = part
    assert done.code == 0, done.err
    assert done.out.splitlines()[:2] == [
        "Detecting language using up to the first 30 seconds. Use `--language` to specify the language",
        "Detected language: Japanese",
    ]
    assert done.out.splitlines()[2].startswith("[00:0")


def test_nothing_before_a_clip_is_transcribed(part: tuple[Result, Path]) -> None:
    """The clip says: 今日は朝から雨が降っています。明日は晴れるでしょう。"""
    done, folder = part
    found = json.loads((folder / f"{JAPANESE.path.stem}.json").read_text("utf-8"))
    assert "雨" not in found["text"]
    assert "明日" in found["text"]
    assert all(segment["start"] >= 2.6 for segment in found["segments"])
    assert "雨" not in done.out


def test_words_are_timed_and_underlined(part: tuple[Result, Path]) -> None:
    _, folder = part
    found = json.loads((folder / f"{JAPANESE.path.stem}.json").read_text("utf-8"))
    words = [word for segment in found["segments"] for word in segment["words"]]
    assert "".join(word["word"] for word in words) == found["text"]
    assert all(0 <= word["probability"] <= 1 for word in words)
    subtitles = (folder / f"{JAPANESE.path.stem}.srt").read_text("utf-8")
    assert subtitles.count("<u>") == len(words)


def test_a_folder_of_model_dir_with_the_models_name_is_the_model(ready_home: Path, tmp_path: Path) -> None:
    weights = next((ready_home / "cache/models/ctranslate2-whisper").glob("tiny.en-*"))
    (tmp_path / "mine").symlink_to(weights)
    typed = ("--model", "mine", "--model_dir", tmp_path, "--beam_size", "1", "-f", "txt", "--verbose", "False")
    done = whisper(ENGLISH.path, *typed, "--language", "English", home=ready_home, cwd=tmp_path)
    assert (done.code, done.out) == (0, ""), done.err
    assert "museum" in (tmp_path / f"{ENGLISH.path.stem}.txt").read_text("utf-8")
    assert "--model_dir" not in done.err


# ---- what may happen -------------------------------------------------------------------------------------------------


def scripted(*arguments: str | Path, home: Path, cwd: Path, **facts: Any) -> Result:
    """With the engine that breaks on cue; the finder of speech is the real one."""
    script = script_file(cwd / "script.model", *facts.pop("cues", ()), **facts)
    return whisper(*arguments, "--model", script, home=home, cwd=cwd, YAMABIKO_WHISPER_ENGINE="scripted")


def test_a_worker_that_dies_for_good_costs_its_file_alone(ready_home: Path, tmp_path: Path) -> None:
    cue = {"at": "chunk", "do": "die", "signal": "SIGSEGV"}
    done = scripted(ENGLISH.path, "--language", "en", home=ready_home, cwd=tmp_path, cues=[cue])
    assert done.code == 0
    assert re.fullmatch(rf"Skipping {re.escape(str(ENGLISH.path))} due to [a-z-]+: .+\n", done.out)
    assert "SIGSEGV" in done.err
    assert list(tmp_path.glob("museum*")) == [], "no empty success"


def test_a_worker_that_dies_once_costs_a_notice(ready_home: Path, tmp_path: Path) -> None:
    cue = {"at": "chunk", "do": "die", "signal": "SIGSEGV", "times": 1}
    done = scripted(ENGLISH.path, "-f", "txt", home=ready_home, cwd=tmp_path, cues=[cue], says=" Hello.")
    assert done.code == 0
    assert done.out.splitlines()[1:] == ["Detected language: English", done.out.splitlines()[2]]
    assert done.out.splitlines()[2].endswith("]  Hello.")
    assert "SIGSEGV" in done.err
    assert (tmp_path / f"{ENGLISH.path.stem}.txt").read_text("utf-8") == "Hello.\n"


def test_control_characters_of_an_engine_are_shown_and_not_obeyed(ready_home: Path, tmp_path: Path) -> None:
    done = scripted(ENGLISH.path, "-f", "txt", home=ready_home, cwd=tmp_path, says=" a\x1b[2J\nb")
    assert done.out.splitlines()[-1].endswith("]  a\\x1b[2J\\x0ab")


@pytest.mark.parametrize(("closed", "code"), [(">&-", 8), ("| head -c 1", 0)])
def test_the_files_are_written_though_nobody_reads_the_lines(
    closed: str, code: int, ready_home: Path, tmp_path: Path
) -> None:
    """A reader that has gone has read enough; where nothing can be printed at all, that is told."""
    script = script_file(tmp_path / "script.model", says=" Hello.")
    (tmp_path / "run.py").write_text(COMMAND[-1])
    line = f'set -o pipefail; "{sys.executable}" -P run.py "{ENGLISH.path}" --model "{script}" -f txt {closed}'
    done = subprocess.run(
        ["bash", "-c", line],
        env=environment(ready_home, **OFFLINE, YAMABIKO_WHISPER_ENGINE="scripted"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / f"{ENGLISH.path.stem}.txt").read_text("utf-8") == "Hello.\n"


def test_a_recording_is_never_replaced_by_a_result(ready_home: Path, tmp_path: Path) -> None:
    recording = tmp_path / "talk.json"
    recording.write_bytes(ENGLISH.path.read_bytes())
    done = scripted("talk.json", home=ready_home, cwd=tmp_path, says=" Hello.")
    assert done.out.startswith("Skipping talk.json due to output-is-input: ")
    assert recording.read_bytes() == ENGLISH.path.read_bytes()
    assert [path.name for path in tmp_path.glob("talk.*")] == ["talk.json"]


def test_results_of_one_name_are_announced_and_the_last_one_stays(ready_home: Path, tmp_path: Path) -> None:
    for name in ("talk.flac", "talk.mp3"):
        (tmp_path / name).write_bytes(ENGLISH.path.read_bytes())
    (tmp_path / "talk.txt").write_text("what an earlier run wrote")
    done = scripted("talk.flac", "talk.mp3", "-f", "txt", home=ready_home, cwd=tmp_path, says=" Hello.")
    assert done.code == 0, done.err
    assert "several recordings have the results talk.*" in done.err
    assert (tmp_path / "talk.txt").read_text("utf-8") == "Hello.\n"


@pytest.mark.parametrize(
    ("typed", "finding", "code"),
    [
        ("--model nosuch", "model-unknown", 2),
        ("--device tpu --model tiny.en", "device-unknown", 2),
        ("--suppress_tokens x --model tiny.en", "usage", 2),
        ("--model tiny.en -o taken", "output-not-writable", 8),
    ],
)
def test_what_concerns_every_file_ends_the_run_with_a_finding(
    typed: str, finding: str, code: int, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("a file")
    done = whisper("a.wav", *typed.split(), home=tmp_path / "home", cwd=tmp_path)
    assert (done.code, done.out) == (code, "")
    assert f"{finding}: " in done.err


def test_a_run_that_is_ended_leaves_no_process(ready_home: Path, tmp_path: Path) -> None:
    script = script_file(tmp_path / "script.model", {"at": "chunk", "do": "stall", "words": "STALLED"})
    process = subprocess.Popen(
        [*COMMAND, str(ENGLISH.path), "--model", str(script)],
        env=environment(ready_home, **OFFLINE, YAMABIKO_WHISPER_ENGINE="scripted"),
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout as lines:
        next(line for line in lines if line.startswith("Detected language"))
        children = children_of(process.pid)
        process.terminate()
        assert process.wait(60) == 143
    assert children
    assert [pid for pid in children if Path(f"/proc/{pid}").exists()] == []
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("museum")] == []
