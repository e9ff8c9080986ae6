"""
Models whose files are code: pickled Python objects run what their maker wrote in them, at the moment they are read.

`.pt`, `.pth`, `.ckpt`, `pytorch_model.bin` and `.nemo` are such files. What is read as one is told by the format, since
bytes can be made to look like anything: of a kind whose library unpickles, a file is code unless no library could unpickle
it. Known bytes (pinned by hash) are let in, everything else only where the user says so.
"""

from __future__ import annotations

import contextlib
import json
import pickletools
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from yamabiko.engines.models import problems
from yamabiko.engines.models.catalogue import FORMATS, Catalogue, Format, catalogue
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
_OPCODES = frozenset(ord(one.code) for one in pickletools.opcodes)
"""How any may begin: those of protocols 0 and 1 have no mark."""
_PICKLES = (".ckpt", ".pt", ".pth", ".pkl", ".pickle")
_ROLES = (*_PICKLES, ".bin", ".th")
"""How files are called that a library unpickles."""
_ARCHIVES = (b"PK", b"\x1f\x8b", b"BZh", b"\xfd7zX")
_SAFE = ("model.safetensors", "model.safetensors.index.json")
"""Where one of these is, transformers reads it and no pytorch_model.bin (modeling_utils.py, 5.23.0)."""


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
    """Files of the model that are code, or may be, to the library that reads this format."""
    shape = FORMATS[format]
    if shape.single_file:
        files: Sequence[Path] = [model.path]
    elif shape.unpickled == "never":
        files = [model.path / file.name for file in model.files]
    else:
        files = sorted(path for path in model.path.rglob("*") if path.is_file())
    if shape.unpickled == "never":
        yield from (path for path in files if is_pickle(path))
    elif shape.unpickled == "always":
        yield from [path for path in files if path.suffix in _ROLES] or [model.path]
    elif shape.single_file:
        yield from filter(may_be_unpickled, files)
    else:
        roles = () if _has_safetensors(model.path, shape) else _ROLES
        named = _read_by_name(model.path)
        yield from (p for p in files if (p.suffix in roles or p.name in named) and may_be_unpickled(p))


def _has_safetensors(folder: Path, shape: Format) -> bool:
    return shape.numbers_alone and any((folder / name).is_file() for name in _SAFE)


def _read_by_name(folder: Path) -> frozenset[str]:
    """What is read also beside safetensors: files that an index of the weights names, and adapters without their own."""
    found = {path.name for path in folder.glob("adapter.*.bin") if not path.with_suffix(".safetensors").is_file()}
    for index in ("model.safetensors.index.json", "pytorch_model.bin.index.json"):
        with contextlib.suppress(OSError, ValueError, AttributeError, TypeError, KeyError):
            told = json.loads((folder / index).read_text(encoding="utf-8"))
            found.update(Path(str(name)).name for name in told["weight_map"].values())
    return frozenset(name for name in found if not name.endswith(".safetensors"))


def may_be_unpickled(path: Path) -> bool:
    """
    False where no library could unpickle it: it begins as no pickle of any protocol does, and is no archive.

    torch.load takes a zip, a bare pickle and, of old, a tar.
    """
    with path.open("rb") as file:
        head = file.read(4)
    return head[:1] != b"" and (head[0] in _OPCODES or head.startswith(_ARCHIVES) or _is_tar(path))


def is_pickle(path: Path) -> bool:
    """By its bytes: a pickle, a zip or a tar with one inside. What is packed in another way counts as one."""
    with path.open("rb") as file:
        head = file.read(4)
    if head.startswith(_PROTOCOLS):
        return True
    if head.startswith(b"PK"):
        try:
            with zipfile.ZipFile(path) as archive:
                return any(name.endswith((*_PICKLES, "/data.pkl")) for name in archive.namelist())
        except zipfile.BadZipFile:
            return False  # no engine can read it either
    return head.startswith(_ARCHIVES) or _is_tar(path)


def _is_tar(path: Path) -> bool:
    """Of any age. A file of zeros is an empty one, and holds nothing."""
    try:
        with tarfile.open(path, "r:") as archive:
            return archive.next() is not None
    except (tarfile.TarError, OSError, ValueError):
        return False
