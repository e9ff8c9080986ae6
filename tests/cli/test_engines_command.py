"""`yamabiko engines`: real environments, real trials, in the real program."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from program import COMMAND, Result, environment, run_program
from yamabiko.engines import catalog
from yamabiko.engines.installer import blocks
from yamabiko.engines.verified import verified

COLUMNS = ["engine", "profile", "status", "version", "size", "runs on", "notes"]


def parsed(result: Result) -> dict[str, Any]:
    """Standard output must be one JSON value and nothing else."""
    value: dict[str, Any] = json.loads(result.out)
    return value


def no_index(folder: Path) -> dict[str, str]:
    """Nothing can be installed: no index answers, no wheel is at hand, uv has no cache."""
    return {
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_EXTRA_INDEX_URL": "",
        "PIP_FIND_LINKS": "",
        "PIP_CONFIG_FILE": "/dev/null",
        "UV_CACHE_DIR": str(folder / "cold-uv-cache"),
        "UV_HTTP_RETRIES": "0",
        "HF_ENDPOINT": "http://127.0.0.1:9",
    }


# ---- list -----------------------------------------------------------------------------------------------------------


def test_list_on_a_fresh_machine_says_what_is_not_installed_and_what_was_never_run(tmp_path: Path) -> None:
    result = run_program("engines", "list", home=tmp_path)
    head, *lines = result.out.splitlines()
    assert result.code == 0
    assert [word for word in COLUMNS if word in head] == COLUMNS
    cuda = next(line for line in lines if line.split()[:2] == ["faster-whisper", "cuda12"])
    assert "not installed" in cuda
    assert "never run by us on a GPU" in cuda
    scripted = next(line for line in lines if line.startswith("scripted"))
    assert "part of yamabiko" in scripted
    assert "for tests: writes what a script says" in scripted
    assert "transcribes; " in cuda
    assert "finds speech, writes no text" in next(line for line in lines if line.startswith("silero-vad"))
    made_up = {name for name, seen in verified().items() if not seen.real_weights}
    marked = {line.split()[0] for line in lines if "made-up weights alone" in line}
    assert marked | {"pyannote"} == made_up, "which has a mark of its own"


def test_list_in_japanese_keeps_its_columns_in_line(tmp_path: Path) -> None:
    """Full-width characters take two columns: what stands under 状態 begins where 状態 begins."""
    result = run_program("engines", "list", home=tmp_path, YAMABIKO_LANG="ja")
    table, _, below = result.out.partition("\n\n")
    assert below == "未確認: すべてのGPU、Windows、macOS、ARM。\n"
    head, *lines = table.splitlines()
    begins = width(head[: head.index("状態")])
    assert [line for line in lines if "未導入" in line]
    for line in lines:
        word = next(w for w in ("未導入", "使用可") if w in line)
        assert width(line[: line.index(word)]) == begins


def width(text: str) -> int:
    return sum(2 if ord(c) > 0x2E80 else 1 for c in text)


def test_list_as_json_has_the_facts_of_an_installed_engine(shared_home: Path, silero_installed: Result) -> None:
    engines = parsed(run_program("engines", "list", "--json", home=shared_home))["engines"]
    silero = next(e for e in engines if e["engine"] == "silero-vad")
    assert (silero["status"], silero["licence"], silero["devices"]) == ("ready", "MIT", ["cpu"])
    assert silero["version"] == dict(silero["packages"])["onnxruntime"]
    assert silero["size_bytes"] > 10**6
    assert Path(silero["environment"]["python"]).exists()


# ---- install --------------------------------------------------------------------------------------------------------


def test_install_ends_in_a_real_transcription_with_its_receipt(faster_whisper_installed: Result) -> None:
    result = faster_whisper_installed
    assert result.code == 0, result.err
    assert result.out.startswith("✓ faster-whisper (cpu)\n")
    assert "good morning and welcome" in result.out.lower()
    assert "今日は" in result.out
    receipts = [line for line in result.out.splitlines() if "RTF" in line]
    assert len(receipts) == 2
    assert all("cpu int8" in line and "faster-whisper base" in line for line in receipts)


def test_install_of_what_is_installed_says_so_and_verifies_it(shared_home: Path, silero_installed: Result) -> None:
    again = run_program("engines", "install", "silero-vad", home=shared_home, **no_index(shared_home))
    assert again.code == 0, again.err
    assert "already installed" in again.err
    assert again.out.startswith("✓ silero-vad (cpu)")


def test_install_without_verify_says_how_to_verify(shared_home: Path, silero_installed: Result) -> None:
    result = run_program("engines", "install", "silero-vad", "--no-verify", home=shared_home)
    assert (result.code, result.out) == (0, "")
    assert "yamabiko engines verify silero-vad --profile cpu" in result.err


def test_install_of_what_is_part_of_yamabiko_has_nothing_to_do_but_verify(tmp_path: Path) -> None:
    result = run_program("engines", "install", "scripted", home=tmp_path)
    assert result.code == 0
    assert "nothing to install" in result.err
    assert result.out.startswith("✓ scripted\n")


def test_install_without_an_index_is_a_finding_and_leaves_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    result = run_program("engines", "install", "silero-vad", home=home, **no_index(tmp_path))
    assert result.code == 4
    assert "index-unreachable" in result.err
    assert "127.0.0.1:9" in result.err
    assert result.out == ""
    assert not [path for path in (home / "data/engines").iterdir() if not path.name.endswith(".lock")]


@pytest.mark.parametrize("verb", ["install", "verify", "repair", "remove"])
def test_a_name_we_do_not_know_is_answered_with_the_nearest(verb: str, tmp_path: Path) -> None:
    result = run_program("engines", verb, "faster-wisper", home=tmp_path)
    assert (result.code, result.out) == (2, "")
    assert "engine-unknown" in result.err
    assert f"yamabiko engines {verb} faster-whisper" in result.err


def test_a_name_we_do_not_know_is_answered_with_what_each_engine_does(tmp_path: Path) -> None:
    """An engine that finds speech is offered to nobody who wants a transcript."""
    result = run_program("transcribe", tmp_path / "a.wav", "--engine", "silero", home=tmp_path)
    assert "engine-unknown" in result.err
    [writing] = [line for line in result.err.splitlines() if "that write what is said:" in line]
    assert "faster-whisper" in writing
    assert "silero-vad" not in writing
    assert "that find speech: silero-vad" in result.err
    assert "--engine silero-vad" not in result.err


def test_every_engine_that_may_be_meant_is_named_but_none_that_is_for_tests(tmp_path: Path) -> None:
    result = run_program("transcribe", tmp_path / "a.wav", "--engine", "wisper", home=tmp_path)
    for name in ("whisperx", "whisper.cpp", "openai-whisper", "faster-whisper"):
        assert f"--engine {name}\n" in result.err
    assert "scripted" not in result.err


def test_an_engine_spelt_without_its_dot_is_proposed_in_words_of_that_command(tmp_path: Path) -> None:
    result = run_program("engines", "install", "whispercpp", home=tmp_path)
    assert "yamabiko engines install whisper.cpp" in result.err
    assert "--engine" not in result.err
    assert "engines install whisperx" not in result.err


def test_a_name_we_do_not_know_in_japanese(tmp_path: Path) -> None:
    result = run_program("engines", "install", "faster-wisper", home=tmp_path, YAMABIKO_LANG="ja")
    assert "「faster-wisper」というエンジンはありません" in result.err
    assert "文字起こしをするエンジン: faster-whisper" in result.err
    assert "engines here" not in result.err
    assert "対処" in result.err


def test_a_profile_we_do_not_know_names_those_there_are(tmp_path: Path) -> None:
    result = run_program("engines", "install", "faster-whisper", "--profile", "cuda11", home=tmp_path)
    assert result.code == 2
    assert "engine-profile-unknown" in result.err
    assert "cpu, cuda12" in result.err


# ---- verify ---------------------------------------------------------------------------------------------------------


def test_verify_as_json_holds_checks_and_receipts(shared_home: Path, silero_installed: Result, tmp_path: Path) -> None:
    result = run_program("engines", "verify", "silero-vad", "--json", home=shared_home, HOME=str(tmp_path), CI="")
    (silero,) = parsed(result)["verifications"]
    assert result.code == 0
    assert silero["ok"] is True
    assert silero["finding"] is None
    names = [check["name"]["en"] for check in silero["checks"]]
    assert names == [
        "environment",
        "load",
        "kernel cpu/float32",
        "model",
        "speech (en)",
        "speech (ja)",
        "silence",
        "device",
    ]
    assert all(check["ok"] and check["evidence"]["en"] and check["evidence"]["ja"] for check in silero["checks"])
    assert {receipt["used_device"] for receipt in silero["receipts"]} == {"cpu"}
    assert not list(tmp_path.rglob("*Microsoft*")), "onnxruntime kept a number for this machine, to tell of it"


def test_verify_without_a_name_tries_what_is_installed(silero_home: Path) -> None:
    result = run_program("engines", "verify", home=silero_home, YAMABIKO_LANG="ja")
    heads = [line for line in result.out.splitlines() if line.startswith("✓")]
    assert result.code == 0
    assert heads == ["✓ silero-vad (cpu)"]
    assert "話し声（ja）" in result.out


def test_verify_does_not_take_the_engine_for_tests_for_one(tmp_path: Path) -> None:
    none = run_program("engines", "verify", home=tmp_path)
    assert (none.code, none.out) == (4, "")
    assert "engine-none-to-verify" in none.err
    assert "yamabiko engines install faster-whisper" in none.err
    asked = run_program("engines", "verify", "scripted", home=tmp_path)
    assert asked.code == 0
    assert "text-from-script" in asked.err


def test_verify_is_readable_where_the_encoding_has_no_check_marks(tmp_path: Path) -> None:
    result = run_program("engines", "verify", "scripted", home=tmp_path, PYTHONIOENCODING="ascii")
    assert result.out.startswith("ok")
    assert "✓" not in result.out


def test_verify_installs_nothing(tmp_path: Path) -> None:
    result = run_program("engines", "verify", "faster-whisper", "--device", "cpu", home=tmp_path)
    assert result.code == 4
    assert "engine-not-installed" in result.err
    assert not (tmp_path / "data/engines").exists()


def test_verify_fetches_no_model_and_names_the_command_that_does(silero_home: Path) -> None:
    shutil.rmtree(silero_home / "cache/models")
    result = run_program("engines", "verify", "silero-vad", home=silero_home)
    assert result.code == 4
    assert "model-not-here" in result.err
    assert "yamabiko models pull silero-vad-v6" in result.err
    assert not list((silero_home / "cache").rglob("*.onnx"))


def test_verify_of_a_missing_engine_does_not_keep_the_others_from_their_trial(tmp_path: Path) -> None:
    result = run_program("engines", "verify", "silero-vad", "scripted", "--json", home=tmp_path)
    silero, scripted = parsed(result)["verifications"]
    assert result.code == 7
    assert silero["finding"]["id"] == "engine-not-installed"
    assert scripted["ok"] is True


@pytest.mark.parametrize(
    ("asked", "finding"),
    [
        (("nonsense",), "engine-unknown"),
        (("scripted", "--device", "gpu0"), "device-unknown"),
        (("silero-vad", "--device", "cuda"), "engine-profile-unknown"),
        (("faster-whisper", "--profile", "cpu", "--device", "cuda"), "engine-profile-device"),
    ],
)
def test_what_was_asked_wrongly_is_json_too(asked: tuple[str, ...], finding: str, tmp_path: Path) -> None:
    result = run_program("engines", "verify", *asked, "--json", home=tmp_path)
    assert result.code == 2
    assert parsed(result)["finding"]["id"] == finding


def test_a_package_that_is_gone_fails_verification_and_repair_mends_it(silero_home: Path) -> None:
    (environment,) = (silero_home / "data/engines").glob("silero-vad-cpu-*")
    (package,) = environment.glob("lib/python3*/site-packages/onnxruntime")
    shutil.rmtree(package)

    broken = run_program("engines", "verify", "silero-vad", home=silero_home)
    assert broken.code == 4
    assert broken.out.startswith("✗ silero-vad (cpu)")
    assert "engine-environment-broken" in broken.err
    assert "onnxruntime is gone" in broken.err
    assert "yamabiko engines repair silero-vad" in broken.err
    assert "broken" in run_program("engines", "list", home=silero_home).out

    repaired = run_program("engines", "repair", "silero-vad", home=silero_home)
    assert repaired.code == 0, repaired.err
    assert repaired.out.startswith("✓ silero-vad (cpu)")


def test_a_library_that_was_changed_in_place_is_named(
    silero_home: Path, replace_file: Callable[[Path, bytes], None]
) -> None:
    """At a glance the folder looks whole; verify compares every file with its package's list."""
    (library,) = silero_home.glob("data/engines/*/lib/python3*/site-packages/onnxruntime/capi/*pybind11*.so")
    replace_file(library, library.read_bytes()[:1000])
    result = run_program("engines", "verify", "silero-vad", home=silero_home)
    assert result.code == 4
    assert f"{library.name} was changed" in result.err


def test_a_model_that_only_looks_untouched_fails_verification(silero_home: Path) -> None:
    """Same size, same time, other bytes: no glance finds that, the trial does."""
    (model,) = silero_home.glob("cache/models/silero-onnx/*/*.onnx")
    before = model.stat()
    model.write_bytes(bytes(before.st_size))
    os.utime(model, ns=(before.st_atime_ns, before.st_mtime_ns))
    result = run_program("engines", "verify", "silero-vad", "--json", home=silero_home)
    (silero,) = parsed(result)["verifications"]
    assert result.code != 0
    assert silero["ok"] is False
    assert silero["finding"]["evidence"]


# ---- remove ---------------------------------------------------------------------------------------------------------


def test_remove_takes_the_environment_and_leaves_the_model(silero_home: Path) -> None:
    first = run_program("engines", "remove", "silero-vad", home=silero_home)
    assert first.code == 0
    assert "removed silero-vad (cpu)" in first.err
    assert "models remove silero-vad-v6" in first.err
    assert not list((silero_home / "data/engines").glob("silero-vad-*"))
    assert list(silero_home.glob("cache/models/silero-onnx/*/*.onnx"))

    second = run_program("engines", "remove", "silero-vad", home=silero_home)
    assert second.code == 0
    assert "was not installed" in second.err


def test_remove_of_what_is_part_of_yamabiko_is_refused(tmp_path: Path) -> None:
    result = run_program("engines", "remove", "scripted", home=tmp_path)
    assert result.code == 2
    assert "engine-part-of-yamabiko" in result.err


def test_what_removes_is_offered_for_a_slip_of_the_fingers_alone(tmp_path: Path) -> None:
    other = run_program("engines", "remove", "some-engine", home=tmp_path)
    slip = run_program("engines", "remove", "faster-wisper", home=tmp_path)
    assert (other.code, slip.code) == (2, 2)
    assert "yamabiko engines remove" not in other.err
    assert "yamabiko engines remove faster-whisper" in slip.err


@pytest.mark.parametrize("language", ["en", "ja"])
def test_help_is_in_the_readers_language(language: str, tmp_path: Path) -> None:
    result = run_program("engines", "--help", home=tmp_path, YAMABIKO_LANG=language)
    assert result.code == 0
    assert ("環境を作り直し" in result.out) == (language == "ja")


def test_a_narrow_terminal_breaks_no_name_and_puts_the_notes_below(tmp_path: Path) -> None:
    """A name that is broken over two lines cannot be copied into the next command."""
    shown = on_a_terminal(tmp_path, 80, "engines", "list")
    lines = [line.split() for line in shown.splitlines()]
    rows = [card.name for card in catalog.cards() for _ in card.profiles or (None,)]
    assert [line[0] for line in lines[1 : len(rows) + 1]] == rows
    assert "faster-whisper cuda12: transcribes; never run by us on a GPU" in shown


def on_a_terminal(home: Path, columns: int, *arguments: str) -> str:
    """What the program draws on a terminal of so many columns."""
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            env=environment(home, COLUMNS=str(columns), NO_COLOR="1", TERM="dumb"),
            stdin=subprocess.DEVNULL,
            stdout=theirs,
        )
    finally:
        os.close(theirs)
    try:
        drawn = b"".join(blocks(ours))
    finally:
        os.close(ours)
    assert process.wait(60) == 0
    return drawn.decode()
