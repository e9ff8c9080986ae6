"""The recordings that the words on the command line mean: files, folders, patterns."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from yamabiko.findings import Finding, Remedy
from yamabiko.i18n import Text

_SUFFIXES = """
3ga 3gp 8svx aa aac ac3 adts aif aifc aiff alac amr ape asf au avi awb caf dts dv eac3 f4v flac flv gsm m2ts m4a m4b m4v
mka mkv mov mp2 mp3 mp4 mpc mpeg mpg mts mxf nut oga ogg ogv opus qt ra rm rmvb snd spx tak tta ts voc vob w64 wav webm
wma wmv wv
"""
MEDIA_SUFFIXES = frozenset(f".{name}" for name in _SUFFIXES.split())
"""What is taken from a folder. A file that is named is taken whatever its name."""


@dataclass(frozen=True, slots=True)
class Recording:
    path: Path
    folder: Path
    """Where it lies below the folder that was named; `.` for a file that was named itself."""


def gather(named: Sequence[str], *, recursive: bool) -> tuple[list[Recording], list[Finding]]:
    """
    Recordings in the order named, folders sorted, none twice; and what could not be taken.
    """
    found: dict[Path, Recording] = {}
    problems: list[Finding] = []
    for word in named:
        taken = 0
        for path in _expanded(word) if word.strip() else ():  # an empty name, of a variable unset, is not this folder
            for recording in _taken(path, recursive):
                found.setdefault(recording.path.resolve(), recording)
                taken += 1
        if not taken:
            problems.append(_nothing(word, recursive))
    return list(found.values()), problems


def _expanded(word: str) -> Iterator[Path]:
    """A pattern that the shell left as it is (Windows, quotes); a name that exists is never a pattern."""
    path = Path(word).expanduser()
    if not os.path.lexists(path) and glob.has_magic(word):
        yield from map(Path, sorted(glob.glob(str(path), recursive=True)))
    else:
        yield path


def _taken(path: Path, recursive: bool) -> Iterator[Recording]:
    if not path.is_dir():
        yield Recording(path, Path())  # missing and unreadable files too: decoding says what is the matter
        return
    pattern = "**/*" if recursive else "*"
    for child in sorted(path.glob(pattern)):
        hidden = any(part.startswith(".") for part in child.relative_to(path).parts)
        # A link to nothing and a pipe are taken too: decoding says what is the matter, and nothing vanishes unseen.
        if child.suffix.lower() in MEDIA_SUFFIXES and not hidden and not child.is_dir():
            yield Recording(child, child.parent.relative_to(path))


def _nothing(word: str, recursive: bool) -> Finding:
    below = Text("", "") if recursive else Text(" (not in its subfolders)", "（サブフォルダーは除く）")
    looked = Text(f"looked in: {word}{below.en}", f"探した場所: {word}{below.ja}")
    if not word.strip():
        looked = Text(
            "named: nothing (a variable of the shell that is not set?)", "指定: 空の名前（シェルの変数が未設定？）"
        )
        recursive = True
    remedies = () if recursive else (Remedy(Text("Look in subfolders too", "サブフォルダーも探す"), "--recursive"),)
    return Finding(
        id="input-no-recordings",
        severity="error",
        area="input",
        cause=Text(f"There is no recording here: {word}", f"音声・動画ファイルが見つかりません: {word}"),
        evidence=(str(looked),),
        remedies=remedies,
    )
