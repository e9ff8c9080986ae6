"""The recordings that the words on the command line mean: files, folders, patterns."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from yamabiko.cli import input_findings
from yamabiko.findings import Finding

_SUFFIXES = """
3ga 3gp 8svx aa aac ac3 adts aif aifc aiff alac amr ape asf au avi awb caf dts dv eac3 f4v flac flv gsm m2ts m4a m4b m4v
mka mkv mov mp2 mp3 mp4 mpc mpeg mpg mts mxf nut oga ogg ogv opus qt ra rm rmvb snd spx tak tta ts voc vob w64 wav webm
wma wmv wv
"""
MEDIA_SUFFIXES = frozenset(f".{name}" for name in _SUFFIXES.split())
"""What is taken from a folder. A file that is named is taken whatever its name."""
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/{1,2}")


@dataclass(frozen=True, slots=True)
class Recording:
    path: Path
    folder: Path
    """Where it lies below the folder that was named; `.` for a file that was named itself."""
    trouble: Finding | None = None
    """Why it cannot be read: known before anything is set up for it."""


def gather(named: Sequence[str], *, recursive: bool) -> tuple[list[Recording], list[Finding]]:
    """
    Recordings in the order named, folders sorted, none twice; and what could not be taken.

    Of a file and links to it the file's own name counts.
    """
    found: dict[Path, Recording] = {}
    problems: list[Finding] = []
    for word in named:
        refusal = _refusal(word)
        if refusal is not None:
            problems.append(refusal)
            continue
        taken = 0
        for one in _taken(word, recursive):
            taken += 1
            if isinstance(one, Finding):
                problems.append(one)
                continue
            real = Path(os.path.realpath(one.path))
            if real not in found or (found[real].path.is_symlink() and not one.path.is_symlink()):
                found[real] = one
        if not taken:
            problems.append(input_findings.nothing_found(word, recursive=recursive))
    return list(found.values()), problems


def trouble(word: str) -> Finding | None:
    """Why what is named cannot be a recording, where it is to be a file and nothing else; None: it may be one."""
    return _refusal(word) or input_findings.trouble(Path(word))


def _refusal(word: str) -> Finding | None:
    if not word.strip():  # an empty name, of a variable unset, is not this folder
        return input_findings.nothing_found(word, recursive=True)
    if os.path.lexists(word):
        return None
    if word == "-":
        return input_findings.standard_input()
    return input_findings.address(word) if _ADDRESS.match(word) else None


def _taken(word: str, recursive: bool) -> Iterator[Recording | Finding]:
    path = Path(os.path.expanduser(word))
    pattern = ""
    if not os.path.lexists(path) and glob.has_magic(word):  # that the shell left as it is; what exists is no pattern
        matches = sorted(glob.glob(str(path), recursive=True))
        if matches or "*" in word:
            for match in map(Path, matches):
                yield from _inside(match, recursive) if match.is_dir() else (_recording(match, Path()),)
            return
        pattern = word  # `Title [id].mp4` is a name that is missing
    if os.path.isdir(path):
        yield from _inside(path, recursive)
    else:
        yield Recording(path, Path(), input_findings.trouble(path, pattern))


def _inside(top: Path, recursive: bool) -> Iterator[Recording | Finding]:
    """Recordings of a folder, and the folders in it that may not be read: nothing vanishes unseen."""
    found: list[Path] = []
    closed: list[Finding] = []

    def cannot(error: OSError) -> None:
        closed.append(input_findings.closed_folder(Path(error.filename or top), error))

    for folder, subfolders, names in os.walk(top, onerror=cannot):
        subfolders[:] = [name for name in subfolders if recursive and not name.startswith(".")]
        if not os.access(folder, os.X_OK):  # its names can be seen, its files not
            closed.append(input_findings.closed_folder(Path(folder), None))
            subfolders.clear()
        else:
            found += [Path(folder, name) for name in names if not name.startswith(".")]
    # A link to nothing and a pipe are taken too, and told.
    yield from (
        _recording(path, path.parent.relative_to(top))
        for path in sorted(found)
        if path.suffix.lower() in MEDIA_SUFFIXES
    )
    yield from closed


def _recording(path: Path, folder: Path) -> Recording:
    return Recording(path, folder, input_findings.trouble(path))
