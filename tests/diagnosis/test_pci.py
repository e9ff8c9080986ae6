"""Whether a machine has an NVIDIA GPU at all: its PCI devices tell, in a container too."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from casebook import facts, platform
from yamabiko.diagnosis.examine import Symptom, explain
from yamabiko.diagnosis.facts import gpus
from yamabiko.diagnosis.facts.records import Facts, Unavailable
from yamabiko.findings import Finding

DOCKER = {"kind": "docker", "evidence": "/.dockerenv is there"}
NO_DRIVER = "RuntimeError: CUDA failed with error CUDA driver version is insufficient for CUDA runtime version"


def told(**different: object) -> Finding:
    seen: Facts = facts({**platform("cpu-only-linux"), **different})
    [finding] = explain(Symptom((NO_DRIVER,)), seen).confirmed
    return finding


def commands(finding: Finding) -> list[str]:
    return [remedy.command for remedy in finding.remedies if remedy.command]


def test_a_container_without_marks_of_a_gpu_is_not_told_why() -> None:
    finding = told(container=DOCKER)

    assert "either" in finding.cause.en
    assert "the machine has no NVIDIA GPU" in finding.cause.en
    assert any("--gpus all" in command for command in commands(finding))


@pytest.mark.parametrize("more", [{"container": DOCKER}, {}])
def test_where_no_nvidia_is_on_the_bus_no_container_option_and_no_driver_helps(more) -> None:
    finding = told(pci_vendors=["0x1af4", "0x8086"], **more)

    assert "has no NVIDIA GPU" in finding.cause.en
    assert "either" not in finding.cause.en
    assert any("0x1af4" in line for line in finding.evidence)
    assert commands(finding) == ["--device cpu", 'device="cpu"']


def test_where_nvidia_is_on_the_bus_the_container_was_started_without_it() -> None:
    finding = told(container=DOCKER, pci_vendors=["0x10de", "0x8086"])

    assert "started without access" in finding.cause.en
    assert "either" not in finding.cause.en
    assert "--gpus all" in commands(finding)[0]


@pytest.mark.parametrize("name", ["jetson", "wsl2"])
def test_where_gpus_are_not_on_the_bus_it_tells_nothing(name) -> None:
    assert facts({**platform(name), "pci_vendors": ["0x1414"]}).has_no_nvidia is False


@pytest.mark.skipif(sys.platform != "linux", reason="the files of Linux")
def test_vendors_are_read_from_the_bus(tmp_path: Path) -> None:
    for number, vendor in enumerate(("0x8086", "0x10de", "0x8086")):
        device = tmp_path / f"sys/bus/pci/devices/0000:0{number}:00.0"
        device.mkdir(parents=True)
        (device / "vendor").write_text(f"{vendor}\n")

    assert gpus.pci_vendors(tmp_path) == ("0x10de", "0x8086")


@pytest.mark.skipif(sys.platform != "linux", reason="the files of Linux")
def test_a_bus_that_cannot_be_read_is_no_bus_without_nvidia(tmp_path: Path) -> None:
    assert isinstance(gpus.pci_vendors(tmp_path), Unavailable)
    (tmp_path / "sys/bus/pci/devices/0000:00:00.0").mkdir(parents=True)
    assert isinstance(gpus.pci_vendors(tmp_path), Unavailable)
