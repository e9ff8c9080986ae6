"""What has a cross on the doctor's page is a finding, and the exit code says so: no cross above “Nothing is wrong”."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casebook import facts, platform
from program import run_program
from yamabiko.diagnosis import report
from yamabiko.diagnosis.checkup import Checkup, check_facts
from yamabiko.diagnosis.facts.learned import learned
from yamabiko.diagnosis.facts.machine import disks
from yamabiko.diagnosis.facts.records import Amd, AmdGpu, Disk, Environment, Package, Probed, Unavailable
from yamabiko.settings import Settings

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the files of Linux")
GIB = 2**30

_DISKS = st.lists(
    st.builds(
        Disk,
        what=st.sampled_from(["data", "cache", "state"]),
        path=st.sampled_from(["/a", "/b/c"]),
        free_bytes=st.sampled_from([0, 100, GIB, 90 * GIB]) | st.just(Unavailable("gone")),
        total_bytes=st.sampled_from([0, 100, 90 * GIB]),
        writable=st.booleans(),
        reserve_bytes=st.sampled_from([0, GIB // 2]),
    ),
    max_size=3,
).map(tuple)
_AMD = st.builds(
    Amd,
    kfd=st.booleans(),
    kfd_open=st.booleans() | st.just(Unavailable("there is no /dev/kfd")),
    gpus=st.sampled_from([(), (AmdGpu("gfx906"),)]),
)
_DRIVER = st.builds(
    Probed,
    probe=st.just("driver"),
    ended=st.sampled_from(["well", "raised", "died", "silent", "not run"]),
    ending=st.sampled_from(["", "SIGSEGV"]),
    values=st.sampled_from(
        [{}, {"init": "0"}, *({"init": code, "said": f"cuInit: {code}"} for code in ("100", "999", "803"))]
    ),
    words=st.sampled_from([(), ("OSError: libcuda.so.1: file too short",)]),
)
_ENVIRONMENTS = st.lists(
    st.builds(
        Environment,
        name=st.sampled_from(["ours", "theirs"]),
        path=st.just("/a"),
        engine=st.sampled_from([None, "silero-vad"]),
        packages=st.sampled_from([(), (Package("torch", "2.9.1+cpu"),)]),
        broken=st.sampled_from(["", "flatbuffers is gone"]),
    ),
    max_size=2,
).map(tuple)


def crosses(checkup: Checkup) -> list[str]:
    return [line.what.en for line in report.lines(checkup) if line.mark == "wrong"]


@given(st.sampled_from(["bare-ada", "cpu-only-linux", "amd-supported", "container", "wsl2"]), st.data())
def test_no_page_shows_a_cross_without_a_finding(name: str, data: st.DataObject) -> None:
    machine = replace(facts(platform(name)), disks=data.draw(_DISKS), environments=data.draw(_ENVIRONMENTS))
    if data.draw(st.booleans()):
        machine = replace(machine, amd=data.draw(_AMD))
    if data.draw(st.booleans()):
        machine = learned(machine, data.draw(_DRIVER))
    checkup = check_facts(machine)
    assert not crosses(checkup) or any(finding.severity != "info" for finding in checkup.findings)


def test_a_refusal_has_its_cross() -> None:
    machine = facts(platform("bare-ada"))
    refused = Probed("driver", values={"init": "999", "said": "cuInit: 999"})

    assert crosses(check_facts(learned(machine, refused))) == ["NVIDIA"]


@pytest.mark.parametrize(("home", "finding"), [("/proc/nope", "home-not-writable"), ("file", "home-not-writable")])
def test_a_home_that_cannot_be_one_is_a_finding(home: str, finding: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    result = run_program("doctor", "--quick", home=tmp_path, YAMABIKO_HOME=str(tmp_path / home))
    assert result.code == 1, result.out
    assert finding in result.out
    assert "Nothing is wrong" not in result.out


def test_a_disk_with_less_than_is_to_stay_free_is_a_finding(tmp_path: Path) -> None:
    result = run_program("doctor", "--quick", home=tmp_path, YAMABIKO_FREE_DISK_BYTES="1e18")
    assert result.code == 1, result.out
    assert "disk-full" in result.out
    line = next(line for line in result.out.splitlines() if " disk " in line)
    assert line.startswith(("✗", "BAD"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look everywhere")
def test_a_folder_that_may_not_be_looked_into_is_a_fact(tmp_path: Path) -> None:
    (tmp_path / "shut").mkdir(mode=0)
    assert [disk.writable for disk in disks(Settings(home=tmp_path / "shut/home"))] == [False] * 3
