"""
Models whose files are code: pickled Python objects run what their maker wrote in them, at the moment they are read.

`.pt`, `.pth`, `.ckpt`, `pytorch_model.bin` and `.nemo` are such files. What they are is told by their bytes, since a
name can be anything. Known bytes (pinned by hash) are let in, everything else only where the user says so.
"""

from __future__ import annotations

import contextlib
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from yamabiko.engines.models import problems
from yamabiko.engines.models.catalogue import FORMATS, Catalogue, catalogue
from yamabiko.engines.models.own_folders import recognised
from yamabiko.engines.models.store import LocalModel
from yamabiko.findings import Problem

_PROTOCOLS = tuple(bytes((0x80, number)) for number in range(2, 6))
"""How a pickle begins, from protocol 2 on (pickletools: PROTO)."""
_NAMES = (".ckpt", ".pt", ".pth", ".pkl", ".pickle")
_MAGIC_TAR, _AT = b"ustar", 257


def refuse_code(model: LocalModel, format: str, among: Catalogue | None = None) -> None:  # noqa: A002
    """
    Refuse a model that holds pickled objects, unless its bytes are pinned.

    A file of the user's that has a pinned model's size is hashed first: it may be that very one.
    Raises: Problem (model-carries-code), OSError.
    """
    if model.pinned:
        return
    found = tuple(pickled(model, format))
    if not found:
        return
    with contextlib.suppress(Problem):  # of that size, and not that one
        if model.origin == "path" and recognised(model, format, among).pinned:
            return
    known = [entry.name for entry in (among or catalogue()).models if entry.format == format and entry.pinned]
    raise Problem(problems.carries_code(model.name, [str(path) for path in found], known))


def pickled(model: LocalModel, format: str) -> Iterator[Path]:  # noqa: A002
    """
    Files of the model that hold pickles.

    Where weights stand as safetensors too, engines read those, and the pickle beside them stays shut.
    """
    files: Sequence[Path] = [model.path]
    if not FORMATS[format].single_file:
        files = sorted(path for path in model.path.rglob("*") if path.is_file())
        if any(path.suffix == ".safetensors" for path in files):
            return
    yield from (path for path in files if is_pickle(path))


def is_pickle(path: Path) -> bool:
    """By its bytes: a pickle, a zip or a tar with one inside. What is packed in another way counts as one."""
    with path.open("rb") as file:
        head = file.read(_AT + len(_MAGIC_TAR))
    if head.startswith(_PROTOCOLS):
        return True
    if head.startswith(b"PK"):
        try:
            with zipfile.ZipFile(path) as archive:
                return any(name.endswith((*_NAMES, "/data.pkl")) for name in archive.namelist())
        except zipfile.BadZipFile:
            return False  # no engine can read it either
    if head[_AT:] == _MAGIC_TAR:
        try:
            with tarfile.open(path, "r:") as archive:
                return any(member.name.endswith(_NAMES) for member in archive)
        except tarfile.TarError:
            return False
    return head.startswith(b"\x1f\x8b") and path.suffix in (".nemo", ".tar", ".tgz", ".gz")
