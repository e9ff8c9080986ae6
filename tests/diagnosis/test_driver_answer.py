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
from yamabiko.diagnosis.checkup import ask_driver, check_facts
from yamabiko.diagnosis.examine import examine
from yamabiko.diagnosis.facts.learned import learned
from yamabiko.diagnosis.facts.records import Facts, Probed
from yamabiko.diagnosis.report import lines
from yamabiko.findings import Finding

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


def remedies(finding: Finding) -> str:
    return " ".join(f"{remedy.what.en} {remedy.command}" for remedy in finding.remedies)


@pytest.mark.parametrize("init", ["hang", "crash", "999"])
def test_remedies_for_other_answers_are_left_out(driver: Path, init: str) -> None:
    [finding] = [one for one in examine(asked(driver, init)) if one.id == ID]

    assert "sudo reboot" in remedies(finding)
    assert "802" not in remedies(finding)
    assert "ELF" not in remedies(finding)


def test_only_a_system_that_is_not_ready_is_sent_to_the_fabric_manager(driver: Path) -> None:
    [finding] = [one for one in examine(asked(driver, "802")) if one.id == ID]
    assert "nvidia-fabricmanager" in remedies(finding)


def with_device_files(variables: dict[str, str], driver: Path) -> Facts:
    """A machine that shows a GPU in its files, whose driver answers and counts none."""
    plain = platform("bare-ada")
    plain["nvidia"]["gpus"] = []
    plain["variables"] = variables
    fake = (("LD_LIBRARY_PATH", str(driver)), ("FAKE_CUDA", "12090"))
    return ask_driver(facts(plain), lambda text: None, fake)


def test_a_driver_that_counts_no_gpu_where_there_is_one_is_not_well(driver: Path) -> None:
    seen = with_device_files({}, driver)

    [finding] = [one for one in examine(seen) if one.severity != "info"]
    assert (finding.id, finding.severity) == (ID, "unknown")
    assert any("counts 0" in line for line in finding.evidence), finding.evidence
    assert [str(line.mark) for line in lines(check_facts(seen)) if line.what.en == "NVIDIA"] == ["wrong"]


def test_a_variable_that_may_hide_the_gpu_is_tried_without(driver: Path) -> None:
    seen = with_device_files({"CUDA_VISIBLE_DEVICES": "7"}, driver)

    [finding] = [one for one in examine(seen) if one.severity != "info"]
    assert finding.id == ID
    assert "environment: CUDA_VISIBLE_DEVICES=7" in finding.evidence
    assert any("without CUDA_VISIBLE_DEVICES" in line and "0" in line for line in finding.evidence), finding.evidence


def test_a_gpu_that_shows_itself_without_the_variable_was_hidden_by_it() -> None:
    values = {"cuda": "12.9", "init": "0", "count": "1", "gpu.0.name": "NVIDIA L4", "gpu.0.capability": "8.9"}
    plain = platform("bare-ada") | {"variables": {"CUDA_VISIBLE_DEVICES": "7"}}
    plain["nvidia"]["gpus"] = []
    hidden = Probed("driver", values={"cuda": "12.9", "init": "100", "said": "cuInit: 100 CUDA_ERROR_NO_DEVICE"})
    bare = Probed("driver", "without CUDA_VISIBLE_DEVICES", values=values)

    assert [one.id for one in examine(learned(facts(plain), hidden, bare)) if one.severity != "info"] == [
        "cuda-visible-devices-empty"
    ]


@pytest.mark.parametrize(
    ("capabilities", "named"),
    [("utility", True), ("graphics,video", True), (None, False), ("all", False), ("compute,utility", False)],
)
def test_a_capability_is_blamed_only_where_it_was_left_out(capabilities: str | None, named: bool) -> None:
    """`--device /dev/nvidia0`, `--privileged` and a host without the toolkit look the same otherwise."""
    plain = platform("container")
    plain["libraries"] = [one for one in plain["libraries"] if "libcuda" not in one["soname"]]
    plain["nvidia"]["cuda"] = {"because": "no driver"}
    plain["variables"] = {"NVIDIA_DRIVER_CAPABILITIES": capabilities} if capabilities else {}

    [finding] = examine(facts(plain))

    assert finding.id == "driver-none-or-container-without-runtime"
    assert ("was started without the" in finding.cause.en) is named, finding.cause.en
    assert ("We do not know" in finding.cause.en) is not named


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
