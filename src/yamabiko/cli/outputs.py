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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from yamabiko.cli.inputs import Recording
from yamabiko.formats import FORMATS
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
    base: Path
    """The outputs' name without its format."""
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

    @contextlib.contextmanager
    def claim(self, base: Path, source: Path) -> Iterator[bool]:
        """
        Hold the names that begin with `base` for one recording, while the block lasts.

        False if another process holds them for another recording. Two on one
        recording write the same, and need not wait for each other.
        """
        held = self._folder / hashlib.sha256(os.fsencode(_same(base))).hexdigest()[:32]
        lock, note = FileLock(held.with_suffix(".lock"), timeout=0), held.with_suffix(".claim")
        own = str(source.resolve())
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout:
            yield _text(note) in ("", own)
            return
        except OSError:  # a state folder that cannot be written: then nobody can be warned
            yield True
            return
        try:
            with contextlib.suppress(OSError):
                note.write_text(own, "utf-8", "surrogateescape")
            yield True
        finally:
            with contextlib.suppress(OSError):
                note.unlink()
            lock.release()  # its file stays: two could hold a lock whose file was taken away between them

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
    strict: bool = False,
) -> list[Plan]:
    """
    What to write for each recording; no two of them, and no recording itself, are ever written over.

    `strict`: what was made with other settings is made again, since these are a promise.
    """
    inputs = {_same(r.path) for r in recordings}
    folders = [_folder(r, output_dir) for r in recordings]
    short = [folder / r.path.stem for r, folder in zip(recordings, folders, strict=True)]
    full = [folder / r.path.name for r, folder in zip(recordings, folders, strict=True)]
    wanted = Counter(map(_same, short))
    plans, taken = [], set[str]()
    for recording, stem, name in zip(recordings, short, full, strict=True):
        mine = _is_mine(stem, recording, ledger)
        candidates = [stem, name] if mine or (wanted[_same(stem)] == 1 and mine is None) else [name]
        if not mine and _is_mine(name, recording, ledger):
            candidates = [name]  # it was done in the company of a file of the same stem, and keeps that name
        free = (c for c in candidates if _is_mine(c, recording, ledger) is not False)
        base = next((c for c in free if _is_free(c, formats, taken, inputs)), None) or _marked(recording, name)
        plans.append(_decide(recording, base, formats, ledger, settings, overwrite, strict))
        taken |= {_same(path) for path in plans[-1].targets.values()}
    return plans


def elsewhere(plan: Plan, ledger: Ledger, settings: str, *, overwrite: bool) -> Plan:
    """The same recording under a name that nobody else has: another process has just taken the usual one."""
    base = _marked(plan.recording, plan.base.with_name(plan.recording.path.name))
    return _decide(plan.recording, base, tuple(plan.targets), ledger, settings, overwrite)


def _marked(recording: Recording, name: Path) -> Path:
    """Another folder's file of the same name, into one output folder."""
    mark = hashlib.sha256(os.fsencode(recording.path.resolve())).hexdigest()[:6]
    return name.with_name(f"{name.name}.{mark}")


def _folder(recording: Recording, output_dir: Path | None) -> Path:
    return recording.path.parent if output_dir is None else output_dir / recording.folder


def _same(path: Path) -> str:
    """One name for what a file system may hold to be one file: some do not tell A from a."""
    return os.path.abspath(path).casefold()


def _is_mine(base: Path, recording: Recording, ledger: Ledger) -> bool | None:
    """
    Whether all outputs of that name came from this recording, in whatever format; None if none of them is known.

    Of two recordings with one stem, the one that came first keeps the short name for all that it will ever be asked.
    """
    names = (base.with_name(f"{base.name}.{fmt}") for fmt in FORMATS)
    owners = {made.source for name in names if (made := ledger.entry(name))}
    return None if not owners else owners == {str(recording.path.resolve())}


def _is_free(base: Path, formats: Sequence[str], taken: set[str], inputs: set[str]) -> bool:
    names = {_same(base.with_name(f"{base.name}.{fmt}")) for fmt in formats}
    return not names & taken and not names & inputs


def _decide(
    recording: Recording, base: Path, formats: Sequence[str], ledger: Ledger, settings: str, overwrite: bool,
    strict: bool = False,
) -> Plan:  # fmt: skip
    targets = {fmt: base.with_name(f"{base.name}.{fmt}") for fmt in formats}
    if overwrite:
        return Plan(recording, base, targets, tuple(targets))
    to_write, foreign, other_settings = [], [], False
    for fmt, path in targets.items():
        made = ledger.entry(path)
        if not os.path.lexists(path):
            to_write.append(fmt)
        elif made is None or made.source != str(recording.path.resolve()):
            foreign.append(path)
        elif not _is_of(made, recording.path) or (strict and made.settings != settings):
            to_write.append(fmt)  # the recording has changed since, or something else is promised now
        else:
            other_settings |= made.settings != settings
    return Plan(recording, base, targets, tuple(to_write), tuple(foreign), other_settings)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "surrogateescape")
    except OSError:
        return ""


def _is_of(made: Made, source: Path) -> bool:
    try:
        status = source.stat()
    except OSError:
        return True
    return (made.source_size, made.source_mtime_ns) == (status.st_size, status.st_mtime_ns)
