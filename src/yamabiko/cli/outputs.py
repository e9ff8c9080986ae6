"""
Where results go, and what is already there.

Named as Whisper names them, `<stem>.<format>`, unless that name belongs to
another recording: then `<full name>.<format>`. A small ledger in the state
folder knows which output came from which recording and settings, so that a
finished file is skipped, a changed recording is done again, and what somebody
else wrote or edited is left alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from yamabiko.cli.inputs import Recording
from yamabiko.records import Malformed, from_plain, to_plain


@dataclass(frozen=True, slots=True)
class Made:
    """The ledger's entry for one output."""

    source: str
    source_size: int
    source_mtime_ns: int
    settings: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write for one recording."""

    recording: Recording
    targets: dict[str, Path]
    """By format: every output, also those that are done."""
    to_write: tuple[str, ...]
    foreign: tuple[Path, ...] = ()
    """Outputs that exist and are not ours to replace."""
    other_settings: bool = False
    """What is there was made from this recording with other settings."""

    @property
    def finished(self) -> bool:
        return not self.to_write


class Ledger:
    """Which output came from which recording. Losing it costs nothing but caution."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def entry(self, output: Path) -> Made | None:
        """None if we did not make it, or it was changed since."""
        try:
            made = from_plain(Made, json.loads(self._file(output).read_text("utf-8")))
            status = output.stat()
        except (OSError, ValueError, Malformed):
            return None
        return made if (status.st_size, status.st_mtime_ns) == (made.size, made.mtime_ns) else None

    def record(self, output: Path, source: Path, settings: str) -> None:
        with contextlib.suppress(OSError):  # then the next run is more careful than it need be
            self._folder.mkdir(parents=True, exist_ok=True)
            origin, result = source.stat(), output.stat()
            made = Made(
                source=str(source.resolve()),
                source_size=origin.st_size,
                source_mtime_ns=origin.st_mtime_ns,
                settings=settings,
                size=result.st_size,
                mtime_ns=result.st_mtime_ns,
            )
            beside = self._file(output).with_suffix(f".{os.getpid()}")
            beside.write_text(json.dumps(to_plain(made)), "utf-8")
            beside.replace(self._file(output))

    def _file(self, output: Path) -> Path:
        name = os.path.normcase(os.path.abspath(output))
        return self._folder / f"{hashlib.sha256(os.fsencode(name)).hexdigest()[:32]}.json"


def settings_id(shaping: object) -> str:
    """A short name for everything that shapes what is written."""
    return hashlib.sha256(json.dumps(to_plain(shaping), sort_keys=True).encode()).hexdigest()[:16]


def plan(
    recordings: Sequence[Recording],
    formats: Sequence[str],
    output_dir: Path | None,
    ledger: Ledger,
    settings: str,
    *,
    overwrite: bool,
) -> list[Plan]:
    """What to write for each recording; no two of them, and no recording itself, are ever written over."""
    inputs = {_same(r.path) for r in recordings}
    folders = [_folder(r, output_dir) for r in recordings]
    short = [folder / r.path.stem for r, folder in zip(recordings, folders, strict=True)]
    full = [folder / r.path.name for r, folder in zip(recordings, folders, strict=True)]
    wanted = Counter(map(_same, short))
    plans, taken = [], set[str]()
    for recording, stem, name in zip(recordings, short, full, strict=True):
        mine = _is_mine(stem, formats, recording, ledger)
        candidates = [stem, name] if mine or (wanted[_same(stem)] == 1 and mine is None) else [name]
        if not mine and _is_mine(name, formats, recording, ledger):
            candidates = [name]  # it was done in the company of a file of the same stem, and keeps that name
        base = next((c for c in candidates if _is_free(c, formats, taken, inputs)), None)
        if base is None:  # another folder's file of the same name, into one output folder
            mark = hashlib.sha256(os.fsencode(recording.path.resolve())).hexdigest()[:6]
            base = name.with_name(f"{name.name}.{mark}")
        targets = {fmt: base.with_name(f"{base.name}.{fmt}") for fmt in formats}
        taken |= {_same(path) for path in targets.values()}
        plans.append(_decide(recording, targets, ledger, settings, overwrite))
    return plans


def _folder(recording: Recording, output_dir: Path | None) -> Path:
    return recording.path.parent if output_dir is None else output_dir / recording.folder


def _same(path: Path) -> str:
    """One name for what a file system may hold to be one file: some do not tell A from a."""
    return os.path.abspath(path).casefold()


def _is_mine(base: Path, formats: Sequence[str], recording: Recording, ledger: Ledger) -> bool | None:
    """Whether the outputs there came from this recording; None if none of them is known."""
    owners = {made.source for fmt in formats if (made := ledger.entry(base.with_name(f"{base.name}.{fmt}")))}
    return None if not owners else str(recording.path.resolve()) in owners


def _is_free(base: Path, formats: Sequence[str], taken: set[str], inputs: set[str]) -> bool:
    names = {_same(base.with_name(f"{base.name}.{fmt}")) for fmt in formats}
    return not names & taken and not names & inputs


def _decide(recording: Recording, targets: dict[str, Path], ledger: Ledger, settings: str, overwrite: bool) -> Plan:
    if overwrite:
        return Plan(recording, targets, tuple(targets))
    to_write, foreign, other_settings = [], [], False
    for fmt, path in targets.items():
        made = ledger.entry(path)
        if not os.path.lexists(path):
            to_write.append(fmt)
        elif made is None:
            foreign.append(path)
        elif not _is_of(made, recording.path):
            to_write.append(fmt)  # the recording has changed since
        else:
            other_settings |= made.settings != settings
    return Plan(recording, targets, tuple(to_write), tuple(foreign), other_settings)


def _is_of(made: Made, source: Path) -> bool:
    try:
        status = source.stat()
    except OSError:
        return True
    return (made.source_size, made.source_mtime_ns) == (status.st_size, status.st_mtime_ns)
