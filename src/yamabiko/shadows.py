"""
What stands before the libraries and modules that yamabiko needs, and hides them: LD_LIBRARY_PATH, PYTHONPATH, the folder it is in.

Asked when nothing else can be imported any more, so it takes no more than Python itself and reads files byte by byte:
what reads ELF files for us needs zlib, which may be the very one that is hidden.
"""

from __future__ import annotations

import os
import re
import struct
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Shadow:
    """A file that is found before ours."""

    path: str
    hides: str
    """`libstdc++.so.6`, or the name of a module."""
    found_by: str
    """LD_LIBRARY_PATH, PYTHONPATH, or `working directory`."""
    because: str
    """Why it cannot stand in for what it hides; empty where it may."""

    @property
    def folder(self) -> str:
        parent = os.path.dirname(self.path)
        return os.path.dirname(parent) if os.path.basename(self.path) == "__init__.py" else parent


# ---- libraries ------------------------------------------------------------------------------------------------------

_VERSIONS = {
    "libstdc++": b"GLIBCXX CXXABI", "libgcc_s": b"GCC", "libz": b"ZLIB", "libssl": b"OPENSSL", "libcrypto": b"OPENSSL",
    "libffi": b"LIBFFI_BASE LIBFFI_CLOSURE", "liblzma": b"XZ", "libbz2": b"", "libsqlite3": b"", "libexpat": b"",
}  # fmt: skip
"""
Libraries that a system has once, and that Python and nearly every extension module are built against; and how the versions
of their symbols are named, where they have any.
"""
_SYSTEMS_OWN = re.compile(rf"({'|'.join(map(re.escape, _VERSIONS))})\.so\.[\d.]+")
_ASKS = re.compile(rb"\0(lib[a-z0-9_+]+\.so\.[0-9.]+|[A-Z]+(?:_[A-Z]+)?_[0-9][0-9.]*)(?=\0)")
_LARGEST = 64 * 2**20


def libraries(environ: Mapping[str, str] | None = None) -> tuple[Shadow, ...]:
    """
    Libraries of a system's names in the folders of LD_LIBRARY_PATH that cannot do what our own extension modules ask of
    them. One that can, as conda's and spack's newer ones do, is none.
    """
    if sys.platform != "linux":
        return ()
    path = (os.environ if environ is None else environ).get("LD_LIBRARY_PATH", "")
    found: dict[str, Shadow | None] = {}
    for folder in filter(None, re.split("[:;]", path)):
        for name in _entries(folder):
            if _SYSTEMS_OWN.fullmatch(name) and name not in found:
                why = _unfit(Path(folder, name), name)
                if why is not None:  # of another processor: the loader goes on to the next folder
                    found[name] = Shadow(os.path.join(folder, name), name, "LD_LIBRARY_PATH", why) if why else None
    return tuple(shadow for shadow in found.values() if shadow)


def _unfit(file: Path, name: str) -> str | None:
    """Why our modules cannot use it; empty where they can; None where the loader passes it by."""
    try:
        data = _read(file)
    except OSError:
        return None
    wanted = _asked().get(name)
    if wanted is None:
        return ""
    if data[:4] != b"\x7fELF":
        return "it is no ELF file"
    if data[4:6] + data[18:20] != _own_kind():
        return None
    if _is_cut(data):
        return "it is cut short"
    missing = sorted(wanted - _versions(name, _ASKS.findall(data)), key=_by_number)
    return f"it lacks {', '.join(one.decode() for one in missing[-3:])}" if missing else ""


def _is_cut(data: bytes) -> bool:
    """Whether less is there than the loader maps."""
    if data[4:6] != b"\x02\x01":
        return False  # of 32 bits, or of the other byte order: nobody of us
    try:
        (start,) = struct.unpack_from("<Q", data, 32)
        size, count = struct.unpack_from("<HH", data, 54)
        for number in range(count):
            kind, _, offset, _, _, length = struct.unpack_from("<IIQQQQ", data, start + number * size)
            if kind == 1 and offset + length > len(data):
                return True
    except struct.error:
        return True
    return False


@cache
def _own_kind() -> bytes:
    """Class, byte order and processor of the interpreter that asks."""
    head = _read(Path(sys.executable), 20)
    return head[4:6] + head[18:20]


@cache
def _asked() -> dict[str, frozenset[bytes]]:
    """Of each library that our extension modules ask for, the versions of its symbols that they need."""
    found: dict[str, set[bytes]] = {}
    for file in _modules_of_ours():
        try:
            said = set(_ASKS.findall(_read(file)))
        except OSError:
            continue
        for name in filter(_SYSTEMS_OWN.fullmatch, (one.decode() for one in said)):
            found.setdefault(name, set()).update(_versions(name, said))
    return {name: frozenset(versions) for name, versions in found.items()}


def _modules_of_ours() -> Iterator[Path]:
    """Python's own, numpy's and those that read recordings; what they bring along is found beside them, not by a path."""
    libraries = Path(sysconfig.get_path("platlib"))
    for folder in (*map(Path, sys.path), libraries / "numpy/_core", libraries / "av"):
        if folder.name in ("lib-dynload", "_core", "av"):
            yield from sorted(folder.glob("*.so"))


def _versions(name: str, said: Iterable[bytes]) -> set[bytes]:
    """Those of this library, of all that a file says."""
    families = _VERSIONS[name.partition(".so.")[0]].split()
    return {one for one in said if one.rpartition(b"_")[0] in families}


def _by_number(version: bytes) -> list[int]:
    return [int(part) for part in re.findall(rb"\d+", version)]


def _read(file: Path, most: int = _LARGEST) -> bytes:
    with file.open("rb") as stream:
        return stream.read(most)


def _entries(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


# ---- modules --------------------------------------------------------------------------------------------------------

_PACKAGES = frozenset(
    {"av", "budoux", "fastapi", "filelock", "httpx", "numpy", "packaging", "psutil",
     "elftools", "platformdirs", "rich", "starlette", "typer", "uvicorn", "pydantic"}
)  # fmt: skip
"""Packages that yamabiko itself imports."""


def modules(environ: Mapping[str, str] | None = None) -> tuple[Shadow, ...]:
    """
    Modules found before Python's and ours of the same name. `because` is told where one cannot be what it hides: a lone
    file in the place of a package of ours. A whole package of another version may do.
    """
    named = (os.environ if environ is None else environ).get("PYTHONPATH", "")
    before = [(entry, "PYTHONPATH") for entry in named.split(os.pathsep) if entry]
    before += [(entry or os.getcwd(), "working directory") for entry in sys.path[:1]]
    ours = tuple(dict.fromkeys(map(sysconfig.get_path, ("platlib", "purelib", "stdlib"))))
    real = {os.path.realpath(place) for place in ours}
    found: dict[str, Shadow] = {}
    for folder, found_by in before:
        if os.path.realpath(folder) in real:
            continue
        for entry in _entries(folder):
            name = entry.partition(".")[0]
            path = _module(folder, name) if name.isidentifier() and name not in found else None
            hidden = next(filter(None, (_module(place, name) for place in ours)), None) if path else None
            if path and hidden and os.path.realpath(path) != os.path.realpath(hidden):
                lone = name in _PACKAGES and hidden.endswith("__init__.py") and not path.endswith("__init__.py")
                why = f"a lone file, and “{name}” is a package" if lone else ""
                found[name] = Shadow(path, name, found_by, why)
    return tuple(found.values())


def _module(folder: str, name: str) -> str | None:
    """The file that `import name` would read there."""
    for path in (os.path.join(folder, name, "__init__.py"), os.path.join(folder, f"{name}.py")):
        if os.path.isfile(path):
            return path
    return None


def named_in(words: Iterable[str], shadows: Iterable[Shadow]) -> tuple[Shadow, ...]:
    """Those modules that an error speaks of: by file, or by name between quotation marks."""
    said = "\n".join(words)
    return tuple(
        one for one in shadows if one.path in said or re.search(rf"['“]{re.escape(one.hides)}[.'”]", said)
    )  # fmt: skip
