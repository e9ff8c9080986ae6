"""A driver that hangs, crashes or refuses is a finding, on whatever machine its library or its device files are."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from casebook import facts, platform
from program import run_program
from yamabiko.diagnosis import probes
from yamabiko.diagnosis.examine import examine
from yamabiko.diagnosis.facts.learned import learned
from yamabiko.diagnosis.facts.records import Facts

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None, reason="the loader of Linux, and a stand-in to be built"
)
ID = "driver-does-not-answer"


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("driver")
    source = Path(__file__).with_name("fake_libcuda.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", folder / "libcuda.so.1", source], check=True)
    return folder


def asked(driver: Path, init: str) -> Facts:
    """A healthy machine with a GPU, whose cuInit does this."""
    place = probes.Place(library_paths=(driver,), variables=(("FAKE_CUDA", "13000"), ("FAKE_INIT", init)))
    return learned(facts(platform("bare-ada")), probes.run("driver", place, limit_s=2))


@pytest.mark.parametrize(
    ("init", "words"),
    [("hang", "nothing for 2 s"), ("crash", "SIGSEGV"), ("999", "cuInit: 999"), ("2", "cuInit: 2"), ("3", "cuInit: 3"),
     ("100", "cuInit: 100"), ("802", "cuInit: 802")],
)  # fmt: skip
def test_what_the_driver_did_is_the_evidence(driver: Path, init: str, words: str) -> None:
    [finding] = [one for one in examine(asked(driver, init)) if one.severity != "info"]

    assert (finding.id, finding.severity) == (ID, "unknown")
    assert any(words in line for line in finding.evidence), finding.evidence
    assert any("cuInit" in line for line in finding.evidence), finding.evidence


def test_a_library_that_is_no_library_is_said_so_where_nothing_else_shows_a_gpu(tmp_path: Path) -> None:
    (tmp_path / "libcuda.so.1").write_bytes(b"this is no library")
    result = run_program("doctor", "--json", home=tmp_path / "home", cwd=tmp_path, LD_LIBRARY_PATH=str(tmp_path))
    assert result.code == 1, result.out
    [finding] = json.loads(result.out)["findings"]
    assert finding["id"] == ID
    assert any("file too short" in line or "invalid ELF header" in line for line in finding["evidence"])


def test_a_library_without_a_gpu_is_worth_a_note_alone(driver: Path, tmp_path: Path) -> None:
    """Many systems install the driver's library as a part of something else."""
    result = run_program(
        "doctor", "--json", home=tmp_path, LD_LIBRARY_PATH=str(driver), FAKE_CUDA="13000", FAKE_INIT="100"
    )
    assert result.code == 0, result.out
    assert [(f["id"], f["severity"]) for f in json.loads(result.out)["findings"]] == [(ID, "info")]


def test_the_machine_that_answers_is_well(driver: Path, tmp_path: Path) -> None:
    result = run_program("doctor", "--json", home=tmp_path, LD_LIBRARY_PATH=str(driver), FAKE_CUDA="13000")
    assert result.code == 0, result.out
    assert json.loads(result.out)["findings"] == []
