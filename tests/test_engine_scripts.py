"""What is written of engines comes from reports and measurements, not from hands."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from yamabiko.engines.choices import Measured, Measurements
from yamabiko.engines.verified import Promise
from yamabiko.records import from_plain

SCRIPTS = Path(__file__).parents[1] / "scripts"
sys.path.append(str(SCRIPTS))

import measured_table  # noqa: E402

ROW = Measured(
    "parakeet", "3.0.0", "tiny", "random, tiny", "cpu", "float32", 9, 2, 0.4, 0.0, 1.5, 7, "2026-11-22", "ours", "-"
)
PROMISES = """
import pytest
engines = pytest.mark.parametrize("card", ["parakeet", "whisper.cpp"])
@engines
def test_words_have_times_where_the_card_says_so(card):
    if card == "whisper.cpp":
        pytest.skip("the CARD promises none")
@engines
def test_installing_ends_in_a_verification_that_it_passes(card):
    if card == "parakeet":
        pytest.skip("random weights write nothing that could be verified")
@engines
def test_a_model_that_is_cut_off_is_named_as_the_cause(card):
    assert card == "parakeet"
@pytest.mark.parametrize("language", ["en", "ja"])
@engines
def test_words_are_timed_where_they_were_put(card, language):
    assert (card, language) != ("whisper.cpp", "ja")
@pytest.mark.parametrize("language", ["en", "ja"])
def test_all_whisper_engines_hear_the_same(language):
    pass
"""
OWN = """
def test_one(): pass
def test_two(): assert False
"""


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """As pytest itself writes one."""
    folder = tmp_path / "tests/real_engines"
    folder.mkdir(parents=True)
    (folder / "test_promises.py").write_text(PROMISES)
    (folder / "test_whisper_cpp.py").write_text(OWN)
    asked = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--junitxml",
        "report.xml",
        "--rootdir",
        ".",
    ]
    subprocess.run(
        [*asked, "tests"], cwd=tmp_path, capture_output=True, check=False, env={**os.environ, "PYTHONPATH": ""}
    )
    return tmp_path / "report.xml"


def test_what_was_verified_is_what_the_tests_report(report: Path) -> None:
    import write_verified

    cases = list(write_verified.read(report))
    parakeet, whisper_cpp = (write_verified.of_engine(name, cases) for name in ("parakeet", "whisper.cpp"))
    assert parakeet is not None
    assert whisper_cpp is not None
    assert parakeet.promises == (
        Promise("test_words_have_times_where_the_card_says_so", "kept"),
        Promise("test_words_are_timed_where_they_were_put", "kept"),
        Promise("test_a_model_that_is_cut_off_is_named_as_the_cause", "kept"),
        Promise("test_installing_ends_in_a_verification_that_it_passes", "needs real weights"),
    )
    assert (parakeet.own_tests, parakeet.real_weights, len(parakeet.date)) == (0, False, 10)
    assert [one.outcome for one in whisper_cpp.promises] == ["not promised", "broken", "broken", "kept", "kept"]
    assert (whisper_cpp.own_tests, whisper_cpp.own_broken) == (1, 1)
    assert whisper_cpp.files == ("tests/real_engines/test_whisper_cpp.py",)
    again = [replace(case, outcome="kept") for case in cases]
    mended = write_verified.of_engine("whisper.cpp", write_verified.together([cases, again]))
    assert mended is not None
    assert {one.outcome for one in mended.promises} == {"kept"}, "asked again, and kept"
    assert write_verified.of_engine("onnx-asr", cases) is None, "nothing was asked of it in this run"


def test_what_is_measured_anew_takes_the_place_of_what_stood_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measured_table, "FILE", tmp_path / "measured.toml")
    before = measured_table.measurements().engines
    anew = replace(before[0], peak_bytes=before[0].peak_bytes + 1)
    assert written(tmp_path, anew) == {anew, *before[1:]}
    tiny = measured_table.with_work(ROW, 0.4, 2.0)
    assert (tiny.work, tiny.times_base) == (0.0, 0.0), "the speed of a tiny model says nothing"
    assert written(tmp_path, tiny) == set(before), "nor its memory, where a model of the true size was measured"


def written(folder: Path, row: Measured) -> set[Measured]:
    measured_table.write([row])
    return set(from_plain(Measurements, tomllib.loads((folder / "measured.toml").read_text("utf-8"))).engines)
