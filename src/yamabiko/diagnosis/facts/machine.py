"""The machine around the engines: system, WSL, container, processor, memory, disks. Reads files; asks nobody."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from pathlib import Path

from yamabiko.diagnosis.facts.reading import not_on, number_of, text_of
from yamabiko.diagnosis.facts.records import (
    Container,
    Cpu,
    Disk,
    Memory,
    System,
    Unavailable,
    Wsl,
)
from yamabiko.settings import Settings

# x86: what wheels are built for, and dispatch on. ARM: asimd is NEON.
_FLAGS = (
    "sse4_1", "sse4_2", "avx", "avx2", "fma", "f16c", "bmi2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8",
    "asimd", "asimddp", "i8mm", "sve",
)  # fmt: skip
_NO_LIMIT_BYTES = 1 << 60
"""cgroup v1 writes "no limit" as a number near 2^63."""


def system(root: Path) -> System:
    linux = sys.platform == "linux"
    return System(
        name=sys.platform,
        machine=platform.machine(),
        release=platform.release() or Unavailable("the system gives no release"),
        distribution=_distribution(root),
        glibc=_glibc() if linux else not_on(sys.platform),
        glibcxx=_glibcxx(root) if linux else not_on(sys.platform),
        python=platform.python_version(),
    )


def _distribution(root: Path) -> str | Unavailable:
    if sys.platform == "darwin":
        return f"macOS {platform.mac_ver()[0]}"
    if sys.platform == "win32":
        return f"Windows {platform.version()}"
    text = text_of(root / "etc/os-release")
    if isinstance(text, Unavailable):
        return text
    found = re.search(r'^PRETTY_NAME="?([^"\n]+)', text, re.MULTILINE)
    return found[1] if found else Unavailable("/etc/os-release has no PRETTY_NAME")


def _glibc() -> str | Unavailable:
    name, version = platform.libc_ver()
    return version if name == "glibc" else Unavailable("the C library is not glibc")


def _glibcxx(root: Path) -> str | Unavailable:
    """The newest symbol version of the system's libstdc++, read from the file."""
    folders = ("usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu", "usr/lib64", "usr/lib", "lib64")
    for folder in folders:
        path = root / folder / "libstdc++.so.6"
        try:
            found = re.findall(rb"GLIBCXX_(\d+\.\d+(?:\.\d+)?)\x00", path.read_bytes())
        except OSError:
            continue
        newest = max(found, key=lambda v: [int(part) for part in v.split(b".")], default=b"")
        return newest.decode() or Unavailable(f"{path}: no GLIBCXX version in it")
    return Unavailable("no libstdc++.so.6 in the usual folders")


def wsl(root: Path) -> Wsl | None:
    """None: not WSL. WSL 1 has no kernel of its own and no GPU."""
    version = text_of(root / "proc/version")
    if isinstance(version, Unavailable) or "microsoft" not in version.lower():
        return None
    release = text_of(root / "proc/sys/kernel/osrelease")
    second = "WSL2" in str(release) or "microsoft-standard" in version or (root / "run/WSL").is_dir()
    return Wsl(
        version=2 if second else 1,
        dxg=(root / "dev/dxg").exists(),
        package=Unavailable("only Windows knows it: wsl.exe --version"),
    )


def container(root: Path) -> Container | None:
    for name, kind in (("run/.containerenv", "podman"), (".dockerenv", "docker")):
        if (root / name).exists():
            return Container(kind, f"/{name} is there")
    if "KUBERNETES_SERVICE_HOST" in os.environ:
        return Container("kubernetes", "KUBERNETES_SERVICE_HOST is set")
    groups = text_of(root / "proc/1/cgroup")
    found = re.search(r"docker|kubepods|containerd|lxc", "" if isinstance(groups, Unavailable) else groups)
    return Container(found[0], f"/proc/1/cgroup names {found[0]}") if found else None


def cpu(root: Path) -> Cpu:
    count = os.cpu_count() or 1
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else count
    if sys.platform != "linux":
        return Cpu(platform.processor() or not_on(sys.platform), count, usable, None, not_on(sys.platform))
    text = text_of(root / "proc/cpuinfo")
    if isinstance(text, Unavailable):
        return Cpu(text, count, usable, _quota(root), text)
    model = re.search(r"^(?:model name|Model)\s*:\s*(.+)$", text, re.MULTILINE)
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", text, re.MULTILINE)
    has = set(flags[1].split()) if flags else set()
    return Cpu(
        model=model[1].strip() if model else Unavailable("/proc/cpuinfo names no model"),
        count=count,
        usable=usable,
        quota=_quota(root),
        flags=tuple(f for f in _FLAGS if f in has) if flags else Unavailable("/proc/cpuinfo lists no flags"),
    )


def _quota(root: Path) -> float | Unavailable | None:
    text = text_of(root / "sys/fs/cgroup/cpu.max")
    if isinstance(text, Unavailable):
        return None  # no such cgroup version, or no limit
    try:
        quota, period = text.split()
        return None if quota == "max" else int(quota) / int(period)
    except (ValueError, ZeroDivisionError):
        return Unavailable(f"/sys/fs/cgroup/cpu.max: “{text[:40]}” is not understood")


def memory(root: Path) -> Memory:
    if sys.platform != "linux":
        import psutil

        seen = psutil.virtual_memory()
        return Memory(seen.total, seen.available, None)
    text = text_of(root / "proc/meminfo")
    if isinstance(text, Unavailable):
        return Memory(text, text, _limit(root))
    kib = {m[1]: int(m[2]) for m in re.finditer(r"^(\w+):\s+(\d+) kB", text, re.MULTILINE)}
    missing = Unavailable("/proc/meminfo does not say")
    total, available = kib.get("MemTotal"), kib.get("MemAvailable")
    return Memory(
        total * 1024 if total is not None else missing,
        available * 1024 if available is not None else missing,
        _limit(root),
    )


def _limit(root: Path) -> int | Unavailable | None:
    for name in ("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"):
        if (root / name).exists():
            text = text_of(root / name)
            if text == "max":
                return None
            value = number_of(root / name)
            return None if isinstance(value, int) and value > _NO_LIMIT_BYTES else value
    return None


def disks(settings: Settings) -> tuple[Disk, ...]:
    folders = (("data", settings.data_dir), ("cache", settings.cache_dir), ("state", settings.state_dir))
    return tuple(_disk(what, folder, settings.free_disk_bytes) for what, folder in folders)


def _disk(what: str, folder: Path, reserve_bytes: int) -> Disk:
    # os.path.exists: a folder above that this user may not even look into is one that is not there for him
    there = next((place for place in (folder, *folder.parents) if os.path.exists(place)), folder)
    try:
        usage = shutil.disk_usage(there)
    except OSError as error:
        unknown = Unavailable(f"{there}: {error.strerror}")
        return Disk(what, str(folder), unknown, unknown, False, reserve_bytes, there=str(there))
    why = _refused(there, usage.total)
    return Disk(what, str(folder), usage.free, usage.total, not why, reserve_bytes, why, str(there))


def _refused(there: Path, total_bytes: int) -> str:
    """Why nothing may be written there; empty where it may. Root may write where the file system may not be written."""
    if not there.is_dir():
        return "ENOTDIR"
    if total_bytes == 0:  # /proc and its like let root write, and hold no file of ours: they have no size
        return "no files"
    if hasattr(os, "statvfs") and os.statvfs(there).f_flag & os.ST_RDONLY:
        return "EROFS"
    return "" if os.access(there, os.W_OK | os.X_OK) else "EACCES"
