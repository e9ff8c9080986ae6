"""The doctor's options: those that mean nothing together are refused, and JSON is JSON in every way of asking."""

from __future__ import annotations

import inspect
import json
import sys
from pathlib import Path

import pytest

from program import run_program
from yamabiko.cli import doctor, doctor_options
from yamabiko.findings import Problem

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the files of Linux")


@pytest.mark.parametrize(
    "together",
    [
        {"fix": True, "facts": ["f.json"]},  # would change this machine for another's troubles
        {"fix": True, "log": ["log.txt"]},
        {"fix": True, "quick": True},
        {"fix": True, "undo": True},
        {"fix": True, "save": ["r.json"]},
        {"undo": True, "quick": True, "log": ["-"]},
        {"undo": True, "engine": ["silero-vad"]},
        {"explain": ["cuda-oom"], "engine": ["silero-vad"]},
        {"facts": ["f.json"], "environment": [".venv"]},
        {"yes": True},
    ],
    ids=lambda together: " ".join(together),
)
def test_what_means_nothing_together_is_refused(together: dict[str, object]) -> None:
    with pytest.raises(Problem) as raised:
        doctor_options.check(together)
    assert raised.value.finding.id == "usage"
    for name in together:
        assert f"--{name}" in str(raised.value.finding.cause)


@pytest.mark.parametrize(
    "together",
    [
        {},
        {"fix": True, "yes": True, "json": True, "engine": ["silero-vad"]},
        {"undo": True, "json": True},
        {"explain": ["cuda-oom"], "json": True},
        {"facts": ["f.json"], "log": ["-"], "save": ["r.json"], "verbose": True},
        {"engine": ["silero-vad"], "quick": True, "environment": ["a", "b"], "log": ["-"], "save": ["r"], "json": True},
    ],
    ids=lambda together: " ".join(together),
)
def test_what_goes_together_is_taken(together: dict[str, object]) -> None:
    doctor_options.check(together)


def test_the_table_knows_every_option() -> None:
    """One that is added must say what it goes with."""
    known = {name for beside, _ in doctor_options._GOES_WITH.values() for name in beside}
    known |= {*doctor_options._GOES_WITH, "environment"}
    assert set(inspect.signature(doctor.command).parameters) == known


@pytest.mark.parametrize(
    "arguments",
    [("--facts", "a.json", "--facts", "b.json"), ("--fix", "--facts", "a.json"), ("--yes",)],
    ids=" ".join,
)
def test_the_program_refuses_before_it_looks(arguments: tuple[str, ...], tmp_path: Path) -> None:
    result = run_program("doctor", *arguments, home=tmp_path)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("usage: ")
    assert list(tmp_path.iterdir()) == []


def test_an_article_can_be_had_as_json(tmp_path: Path) -> None:
    told = json.loads(run_program("doctor", "--explain", "cuda-oom", "--json", home=tmp_path).out)
    assert told["article"]["id"] == "cuda-oom"
    assert told["article"]["remedies"]


def test_taking_back_can_be_had_as_json(tmp_path: Path) -> None:
    assert json.loads(run_program("doctor", "--undo", "--json", home=tmp_path).out) == {"taken_back": []}


@pytest.mark.parametrize(
    ("word", "meant"), [("cuda", "cuda-oom"), ("cuda35", "nemo-cuda35-bindings-newer-than-driver"), ("qqq", "")]
)
def test_a_word_finds_the_ids_that_hold_it(word: str, meant: str, tmp_path: Path) -> None:
    result = run_program("doctor", "--explain", word, home=tmp_path)
    assert result.code == 2
    assert meant in result.err
    assert "docs/findings.md" in result.err
