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
from dataclasses import dataclass
from pathlib import Path

from yamabiko.engines.models import problems
from yamabiko.engines.models.catalogue import FORMATS, Catalogue, catalogue
from yamabiko.engines.models.own_folders import recognised, refuse_altered
from yamabiko.engines.models.store import LocalModel
from yamabiko.findings import Problem


@dataclass(frozen=True, slots=True)
class Instead:
    """What a model is proposed for, instead of one that is refused."""

    model: str | None = None
    """The engine's own."""
    language: str | None = None
    """ISO 639-1; None: it is not known yet."""


_PROTOCOLS = tuple(bytes((0x80, number)) for number in range(2, 6))
"""How a pickle begins, from protocol 2 on (pickletools: PROTO)."""
_NAMES = (".ckpt", ".pt", ".pth", ".pkl", ".pickle")
_MAGIC_TAR, _AT = b"ustar", 257


def refuse_unknown(
    model: LocalModel, format: str, among: Catalogue | None = None, *,  # noqa: A002
    trust_model: bool = False, trust_pickle: bool = False, instead: Instead = Instead(),
) -> None:  # fmt: skip
    """
    Refuse what is not the model that it looks like, and what is code; what is both in one answer.

    Raises: Problem (model-differs-from-known, model-carries-code), OSError.
    """
    try:
        if not trust_model:
            refuse_altered(model, format, among)
    except Problem as differs:
        try:
            if not trust_pickle:
                refuse_code(model, format, among, instead)
        except Problem as carries:
            both = problems.differs_and_carries_code(differs.finding, carries.finding)
            raise Problem(both) from None
        raise
    if not trust_pickle:
        refuse_code(model, format, among, instead)


def refuse_code(
    model: LocalModel, format: str, among: Catalogue | None = None, instead: Instead = Instead()  # noqa: A002
) -> None:  # fmt: skip
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
    other = _proposed(format, among or catalogue(), instead)
    files = [str(path) for path in found]
    numbers_alone = FORMATS[format].numbers_alone
    raise Problem(problems.carries_code(model.name, files, other, numbers_alone=numbers_alone))


def _proposed(format: str, among: Catalogue, instead: Instead) -> str | None:  # noqa: A002
    """A pinned model that knows the language: the engine's own if it does, else the first of the list."""
    known = [entry for entry in among.models if entry.format == format and entry.pinned]
    known.sort(key=lambda entry: instead.model not in (entry.name, *entry.aliases))
    if (language := instead.language) is not None:
        known.sort(key=lambda entry: not _knows(entry.languages, language))
    return known[0].name if known else None


def _knows(languages: str, language: str) -> bool:
    """`languages`: codes with commas between them, or words such as `99 (Whisper)`, which tell of many."""
    codes = languages.split(", ")
    return language in codes or any(len(code) != 2 for code in codes)


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
