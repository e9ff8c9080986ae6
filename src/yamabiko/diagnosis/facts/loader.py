"""Which shared libraries the loader would find, in its own order. Looked up, never loaded."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from yamabiko.diagnosis.facts.reading import not_on
from yamabiko.diagnosis.facts.records import Library, Unavailable

# Those that decide whether, where and which way an engine runs.
WANTED = re.compile(
    r"(?:libcuda|libcudart|libcublas|libcublasLt|libcudnn(?:_\w+)?|libcufft|libcurand|libcusparse|libnvrtc"
    r"|libnvinfer|libnvidia-ml|libnvidia-ptxjitcompiler|libamdhip64|libhsa-runtime64|librocblas|libhipblas(?:lt)?"
    r"|libMIOpen|libvulkan|libonnxruntime|libavcodec|libstdc\+\+|libgomp|libiomp5|libomp)\.so[.\d]*"
)
_WSL = "usr/lib/wsl/lib"
_LDCONFIG_LIMIT_S = 5.0
PROGRAMS = ("cc", "gcc", "clang", "nvcc", "nvidia-smi", "rocminfo", "vulkaninfo", "ffmpeg", "cmake")


def libraries(root: Path, environ: Mapping[str, str]) -> tuple[Library, ...] | Unavailable:
    """Every find for every wanted name; of two with one name, the first is the one that counts."""
    if sys.platform != "linux":
        return not_on(sys.platform)
    found = list(_on_path(root, environ.get("LD_LIBRARY_PATH", "")))
    cached = _cached(root)
    if isinstance(cached, Unavailable):
        return cached if not found else tuple(found)
    found += cached
    known = {library.path for library in found}
    found += [lib for lib in _in_folder(root / _WSL, "WSL's folder") if lib.path not in known]
    return tuple(found)


def _on_path(root: Path, path: str) -> Iterator[Library]:
    for folder in path.split(":"):
        if folder:
            yield from _in_folder(_below(root, folder), "LD_LIBRARY_PATH")


def _below(root: Path, path: str) -> Path:
    return root / path.lstrip("/")


def _in_folder(folder: Path, found_by: str) -> Iterator[Library]:
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    for name in names:
        if WANTED.fullmatch(name):
            yield Library(name, os.path.realpath(folder / name), found_by)


def _cached(root: Path) -> list[Library] | Unavailable:
    """From the loader's cache, as `ldconfig -p` prints it."""
    tool = shutil.which("ldconfig") or shutil.which("ldconfig", path="/sbin:/usr/sbin")
    if tool is None:
        return Unavailable("there is no ldconfig: this C library keeps no cache")
    try:
        done = subprocess.run(
            [tool, "-p", *([] if root == Path("/") else ["-C", str(root / "etc/ld.so.cache")])],
            capture_output=True, text=True, timeout=_LDCONFIG_LIMIT_S, check=False,
            env={"LC_ALL": "C"}, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return Unavailable(f"ldconfig -p: {error}")
    found = []
    for line in done.stdout.splitlines():
        entry = re.match(r"\s+(\S+) \(.*\) => (\S+)$", line)
        if entry and WANTED.fullmatch(entry[1]):
            found.append(Library(entry[1], os.path.realpath(entry[2]), "ldconfig"))
    return found


def commands(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Of the programs that engines and people call for, those that are on PATH."""
    return tuple(name for name in PROGRAMS if shutil.which(name, path=environ.get("PATH")))
