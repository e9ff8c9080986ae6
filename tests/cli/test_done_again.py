"""A remedy beside a result that is written does it again: none ends in “done already”."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from program import Result, noise_file, run_program, script_file
from yamabiko.cli.inputs import Recording
from yamabiko.cli.outputs import Ledger, Rule, place, plan
from yamabiko.cli.shaping import once_written, only_a_test, told
from yamabiko.diagnosis.articles import article, ids
from yamabiko.findings import Finding, Remedy
from yamabiko.i18n import Text


def scripted(folder: Path, *more: str, **facts: Any) -> Result:
    script_file(folder / "script.json", **facts)
    return run_program(
        noise_file(folder / "talk.wav", 0.5), "--engine", "scripted", "--model", "script.json", "--vad-filter", "False",
        "-f", "json", *more, home=folder,
    )  # fmt: skip


def typed(command: str | None) -> str | None:
    remedy = Remedy(Text("Do", "する"), command)
    notice = Finding("option-not-supported", "warning", "usage", Text("So.", "そう。"), (), (remedy,))
    return once_written(notice).remedies[0].command


@pytest.mark.parametrize(
    "command",
    [
        "--engine faster-whisper",
        "--no-guard",
        "--compute-type float32",
        "yamabiko FILE --vad-threshold 0.2",
        "--diarize",
    ],
)
def test_what_changes_the_result_says_that_it_is_done_again(command: str) -> None:
    assert typed(command) == f"{command} --overwrite"


@pytest.mark.parametrize(
    "command",
    [
        None, "--device cpu", "--device cuda --require-gpu", "--model small --overwrite", "yamabiko engines repair parakeet",
        "yamabiko engines recommend --language en", 'WhisperModel("small", compute_type="auto")', "--output-dir FOLDER",
    ],
)  # fmt: skip
def test_what_changes_no_result_stays_as_it_is(command: str | None) -> None:
    assert typed(command) == command


@pytest.mark.parametrize("id_", [id_ for id_ in ids() if article(id_).severity in ("info", "warning")])
def test_the_article_on_a_notice_says_it_as_the_notice_does(id_: str) -> None:
    commands = [advice.command for advice in article(id_).remedies]
    assert list(map(typed, commands)) == commands


def test_the_notice_and_the_receipt_both_name_what_does_it_again(tmp_path: Path) -> None:
    done = scripted(tmp_path, "--hotwords", "Yamabiko", features=["segment-times"])

    assert done.code == 0, done.err
    assert "--engine faster-whisper --overwrite" in done.err
    notices = json.loads((tmp_path / "talk.json").read_text("utf-8"))["yamabiko"]["notices"]
    commands = [remedy["command"] for notice in notices for remedy in notice["remedies"] if remedy["command"]]
    assert commands
    assert all("--overwrite" in command for command in commands), commands


def test_who_says_overwrite_already_is_not_told_to(tmp_path: Path) -> None:
    done = scripted(tmp_path, "--overwrite", "--hotwords", "Yamabiko", features=["segment-times"])

    assert done.code == 0, done.err
    assert "--overwrite" not in done.err


REAL, TEST = told({"engine": "faster-whisper"}), told({"engine": "scripted"})


@pytest.mark.parametrize(
    ("before", "now", "nothing_yet"),
    [(TEST, REAL, True), (REAL, TEST, False), (TEST, TEST, False), (REAL, REAL, False), ("spoiled", REAL, False)],
)
def test_only_a_real_engine_after_one_for_tests_finds_nothing_done(before: str, now: str, nothing_yet: bool) -> None:
    assert only_a_test(before, now) is nothing_yet


def test_what_an_engine_for_tests_wrote_is_not_done_for_a_real_one(tmp_path: Path) -> None:
    """`--engine faster-whisper` after `--engine scripted` said “done already”, and the text of the script stayed."""
    ledger, recording = Ledger(tmp_path / "ledger"), Recording(tmp_path / "talk.wav", Path())
    recording.path.write_bytes(b"sound")
    (tmp_path / "talk.txt").write_text("of a script")
    ledger.record(tmp_path / "talk.txt", recording.path, TEST)

    [after] = plan([recording], ("txt",), None, ledger, Rule(REAL))
    assert after.to_write == ("txt",)
    assert place(after, "txt", ledger) == tmp_path / "talk.txt"

    ledger.record(tmp_path / "talk.txt", recording.path, REAL)
    [back] = plan([recording], ("txt",), None, ledger, Rule(TEST))
    assert back.finished, "a test takes nothing away"


def test_what_a_person_made_of_a_scripts_text_is_theirs(tmp_path: Path) -> None:
    ledger, recording = Ledger(tmp_path / "ledger"), Recording(tmp_path / "talk.wav", Path())
    recording.path.write_bytes(b"sound")
    (tmp_path / "talk.txt").write_text("of a script")
    ledger.record(tmp_path / "talk.txt", recording.path, TEST)
    (tmp_path / "talk.txt").write_text("corrected by hand")

    [after] = plan([recording], ("txt",), None, ledger, Rule(REAL))
    assert after.foreign == (tmp_path / "talk.txt",)
