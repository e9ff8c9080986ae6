"""
What Linux shows of this process on a GPU of AMD or Intel: /proc/self/fdinfo, and the KFD's folder in /sys.

Files alone, no library. fdinfo is the process's own, so it holds in a container too.
Sources: Documentation/gpu/drm-usage-stats.rst; amdkfd/kfd_process.c.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_FAMILY = {"amdgpu": "rocm", "i915": "xpu", "xe": "xpu"}
_BYTES = {"": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_MEMORY = re.compile(r"drm-(?:memory|total)-(\w+)$")
_COMPUTING = ("drm-engine-compute", "drm-engine-gfx", "drm-engine-render")
"""Copying (dma) and video engines say nothing about inference."""


@dataclass(slots=True)
class Seen:
    """This process's part of the GPUs that the kernel's DRM serves, added up."""

    family: str = "gpu"
    memory_bytes: int = 0
    """Of all regions: VRAM, and for a GPU without its own what it maps of the system's."""
    computing_ns: int | None = None
    """Since the files were opened; None: the driver does not count it."""
    clients: set[tuple[str, str]] = field(default_factory=set)


def fdinfo(proc: Path) -> Seen | None:
    """
    `proc` is /proc/self. None: no file of such a driver is open.

    A GPU's file may be open several times; its figures are one client's, and count once.
    """
    seen = Seen()
    for number, _ in open_files(proc, ("/dev/dri/",)):
        with contextlib.suppress(OSError):  # closed meanwhile
            _add(seen, (proc / "fdinfo" / number).read_text(errors="replace"))
    return seen if seen.clients else None


def open_files(proc: Path, beginnings: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Number and name of every open file whose name begins so; none where there is no /proc."""
    folder = f"{proc}/fd"
    with contextlib.suppress(OSError):
        for number in os.listdir(folder):
            with contextlib.suppress(OSError):  # closed meanwhile, as the listing's own is
                if (name := os.readlink(f"{folder}/{number}")).startswith(beginnings):
                    yield number, name


def _add(seen: Seen, text: str) -> None:
    pairs = (line.partition(":") for line in text.splitlines())
    values = {key.strip(): value.strip() for key, _, value in pairs}
    client = (values.get("drm-pdev", ""), values.get("drm-client-id", ""))
    if "drm-driver" not in values or client in seen.clients:
        return
    seen.clients.add(client)
    seen.family = _FAMILY.get(values["drm-driver"], seen.family)
    regions: dict[str, int] = {}  # newer kernels give a region under both names
    for key, value in values.items():
        memory = _MEMORY.match(key)
        if memory is not None:
            regions[memory[1]] = max(regions.get(memory[1], 0), _bytes(value))
        elif key in _COMPUTING and value.endswith(" ns"):
            seen.computing_ns = (seen.computing_ns or 0) + int(value[:-3])
    regions.pop("cpu", None)
    seen.memory_bytes += sum(regions.values())


def _bytes(value: str) -> int:
    number, _, unit = value.partition(" ")
    return int(number) * _BYTES[unit.strip()]


def kfd_bytes(sys: Path, pid: int) -> int | None:
    """
    VRAM that ROCm's part of the kernel books on a process; None: it knows no such process. `sys` is /sys.

    Numbers of processes are the host's.
    """
    folder = sys / "class" / "kfd" / "kfd" / "proc" / str(pid)
    if not folder.is_dir():
        return None
    return sum(int(file.read_text()) for file in folder.glob("vram_*"))
