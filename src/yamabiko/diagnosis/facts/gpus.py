"""Marks that GPUs and their drivers leave in /proc, /dev and /sys. No driver is asked: that is a probe's work."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from yamabiko.diagnosis.facts.reading import not_on, text_of
from yamabiko.diagnosis.facts.records import Amd, AmdGpu, Nvidia, NvidiaGpu, Unavailable
from yamabiko.diagnosis.tables import newest_cuda

_DEVICE_FILES = re.compile(r"nvidia(\d+|ctl|-uvm|-uvm-tools|-modeset)")


def nvidia(root: Path) -> Nvidia:
    if sys.platform != "linux":
        return Nvidia(not_on(sys.platform), not_on(sys.platform), gpus=not_on(sys.platform))
    files = sorted(path for path in _entries(root / "dev") if _DEVICE_FILES.fullmatch(path.name))
    driver = _driver(root)
    cuda = newest_cuda(driver) if isinstance(driver, str) else None
    return Nvidia(
        driver=driver,
        cuda=cuda or Unavailable("no driver of a known version is loaded here; a probe asks it"),
        cuda_from=f"table: driver {driver}" if cuda else "",
        device_files=tuple(f"/dev/{path.name}" for path in files),
        closed_files=tuple(f"/dev/{path.name}" for path in files if not os.access(path, os.R_OK | os.W_OK)),
        gpus=_nvidia_gpus(root),
    )


def _driver(root: Path) -> str | Unavailable:
    text = text_of(root / "proc/driver/nvidia/version")
    if isinstance(text, Unavailable):
        return text
    found = re.search(r"(?:Kernel Module|Open Kernel Module for \S+)\s+(\d+\.\d+(?:\.\d+)?)", text)
    return found[1] if found else Unavailable(f"/proc/driver/nvidia/version: “{text[:60]}” is not understood")


def _nvidia_gpus(root: Path) -> tuple[NvidiaGpu, ...]:
    found = []
    for folder in _entries(root / "proc/driver/nvidia/gpus"):
        text = text_of(folder / "information")
        if not isinstance(text, Unavailable) and (name := re.search(r"^Model:\s*(.+)$", text, re.MULTILINE)):
            found.append(NvidiaGpu(name[1].strip()))
    return tuple(found)


def amd(root: Path) -> Amd:
    if sys.platform != "linux":
        return Amd(gpus=not_on(sys.platform))
    kfd = root / "dev/kfd"
    there = kfd.exists()
    nodes = [path for path in _entries(root / "dev/dri") if path.name.startswith("renderD")]
    return Amd(
        kfd=there,
        kfd_open=os.access(kfd, os.R_OK | os.W_OK) if there else Unavailable("there is no /dev/kfd"),
        closed_files=tuple(f"/dev/dri/{path.name}" for path in nodes if not os.access(path, os.R_OK | os.W_OK)),
        gpus=_kfd_gpus(root),
        rocm=_rocm(root),
        groups=_groups(),
    )


def _kfd_gpus(root: Path) -> tuple[AmdGpu, ...]:
    """
    From the KFD topology. `gfx_target_version` 90006 is gfx906: major, minor, stepping as decimals of two digits,
    written in hexadecimal after `gfx` (amdkfd, kfd_topology.c). A processor has 0.
    """
    found = []
    for node in _entries(root / "sys/class/kfd/kfd/topology/nodes"):
        text = text_of(node / "properties")
        if isinstance(text, Unavailable):
            continue
        version = re.search(r"^gfx_target_version (\d+)$", text, re.MULTILINE)
        if version and int(version[1]):
            number = int(version[1])
            gfx = f"gfx{number // 10_000}{number // 100 % 100:x}{number % 100:x}"
            name = text_of(node / "name")
            found.append(AmdGpu(gfx, "" if isinstance(name, Unavailable) else name))
    return tuple(found)


def _rocm(root: Path) -> str | Unavailable:
    return text_of(root / "opt/rocm/.info/version")


def pci_vendors(root: Path) -> tuple[str, ...] | Unavailable:
    """Of every device on the bus, which a container shows as its host does; one that cannot be read leaves all untold."""
    if sys.platform != "linux":
        return not_on(sys.platform)
    told = [text_of(device / "vendor") for device in _entries(root / "sys/bus/pci/devices")]
    unread = next((vendor for vendor in told if isinstance(vendor, Unavailable)), None)
    if unread is not None or not told:
        return unread or Unavailable("/sys/bus/pci/devices shows nothing")
    return tuple(sorted({str(vendor) for vendor in told}))


def _groups() -> tuple[str, ...] | Unavailable:
    """Those of this process: `usermod` counts from the next login on."""
    if sys.platform == "win32":
        return not_on(sys.platform)
    import grp

    names = []
    for number in {*os.getgroups(), os.getegid()}:
        try:
            names.append(grp.getgrgid(number).gr_name)
        except KeyError:  # a group of the host, without a name in this container
            continue
    return tuple(sorted({"render", "video"} & set(names)))


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
