"""
Fixes that the doctor applied: a journal of what was changed, so that it holds for every worker and can be taken back.

A fix is first *tried*: it is in force for the process that tries it alone, so a
death in the middle leaves nothing in force. Only what passed is *kept*. The
journal is one file in the state folder; nothing outside our own folders changes.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from yamabiko import logs
from yamabiko.diagnosis.articles import article
from yamabiko.diagnosis.facts.records import UnreadJournal
from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.i18n import Text
from yamabiko.records import Malformed, from_plain, to_plain
from yamabiko.settings import Settings


@dataclass(frozen=True, slots=True)
class Applied:
    """One change."""

    finding: str
    variables: tuple[tuple[str, str | None], ...] = ()
    engine: str = ""
    """Of an environment that was made anew."""
    profile: str = ""
    aside: str = ""
    """Where the old environment is kept."""
    state: Literal["tried", "kept"] = "tried"
    pid: int = 0
    """Who tries it."""
    when: str = ""


def journal(settings: Settings) -> Path:
    return settings.state_dir / "fixes.json"


def read(settings: Settings) -> tuple[Applied, ...]:
    """All changes that were not taken back, oldest first. A journal that cannot be read has none in force: see `unread`."""
    try:
        return _read(settings)
    except _UNREADABLE as error:
        logs.event("fixes-unreadable", path=journal(settings), error=error)
        return ()


_UNREADABLE = (OSError, ValueError, KeyError, TypeError, Malformed)


def _read(settings: Settings) -> tuple[Applied, ...]:
    """Raises: `_UNREADABLE`."""
    try:
        plain = json.loads(journal(settings).read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return ()
    return tuple(from_plain(Applied, one) for one in plain["applied"])


def unread(settings: Settings) -> UnreadJournal | None:
    """Why the journal cannot be read, and what lies aside all the same; None where it can."""
    try:
        _read(settings)
    except _UNREADABLE as error:
        folders = sorted((settings.data_dir / "engines").glob(".aside@*/*"))
        aside = tuple(str(folder) for folder in folders if folder.is_dir())
        return UnreadJournal(str(journal(settings)), f"{type(error).__name__}: {error}"[:200], aside)
    return None


def require_readable(settings: Settings) -> None:
    """
    Before anything is changed, or said to be unchanged: what the journal held must not be written over.

    Raises: Problem (fixes-unreadable).
    """
    journal_ = unread(settings)
    if journal_ is not None:
        told, commands = lines_of(journal_), commands_for(journal_)
        finding = article("fixes-unreadable").finding(told)
        first, *others = finding.remedies
        raise Problem(replace(finding, remedies=(replace(first, command=commands), *others)))


def lines_of(unread: UnreadJournal) -> tuple[str, ...]:
    """As evidence."""
    return (f"{unread.path}: {unread.why}", *(f"set aside: {folder}" for folder in unread.aside))


def commands_for(unread: UnreadJournal) -> str:
    """What puts back what lies aside, and lets the doctor begin a new journal; nothing is removed."""
    lines = []
    for folder in map(Path, unread.aside):
        place, kept = folder.parent.parent / folder.name, folder.with_name(f"{folder.name}.newer")
        lines.append(f"mv {shlex.quote(str(place))} {shlex.quote(str(kept))}")
        lines.append(f"mv {shlex.quote(str(folder))} {shlex.quote(str(place))}")
    return "\n".join((*lines, f"mv {shlex.quote(unread.path)} {shlex.quote(f'{unread.path}.unreadable')}"))


def in_force(settings: Settings) -> tuple[Applied, ...]:
    """What is kept, and what a living process is trying; what a death left half tried is not."""
    return tuple(one for one in read(settings) if one.state == "kept" or _is_tried_by(one, one.pid))


def _is_tried_by(change: Applied, pid: int) -> bool:
    """Whether this process began it. A number alone does not tell: in a container the next process has it again."""
    import psutil

    if change.state != "tried" or change.pid != pid:
        return False
    try:
        began = datetime.fromisoformat(change.when).timestamp()
        return psutil.Process(pid).create_time() <= began + _CLOCK_S
    except (psutil.Error, ValueError):
        return False


_CLOCK_S = 1.5
"""The system's start, from which a process's is counted, is known to the second."""


def variables(settings: Settings) -> tuple[tuple[str, str | None], ...]:
    """For the environment of every worker and probe: what is kept, and what this process is trying."""
    found: list[tuple[str, str | None]] = []
    for one in read(settings):
        if one.state == "kept" or _is_tried_by(one, os.getpid()):
            found += one.variables
    return tuple(dict.fromkeys(found))


def begin(settings: Settings, change: Applied) -> Applied:
    """Written down before anything is changed. Raises: Problem (state-not-writable, fixes-unreadable)."""
    require_readable(settings)
    tried = replace(change, state="tried", pid=os.getpid(), when=datetime.now(UTC).isoformat())
    with _alone(settings):
        _write(settings, [*(one for one in read(settings) if not _was_left(one)), tried])
    logs.event("fix-tried", finding=change.finding)
    return tried


def _was_left(change: Applied) -> bool:
    """By a death, with nothing to put back: it was never in force for anybody else."""
    return change.state == "tried" and not change.engine and not _is_tried_by(change, change.pid)


def cut_short(settings: Settings) -> tuple[Applied, ...]:
    """By a death, with an environment that still lies aside: `--undo` puts it back."""
    return tuple(
        one
        for one in read(settings)
        if one.state == "tried" and one.engine and not _is_tried_by(one, one.pid) and os.path.isdir(one.aside)
    )


def amend(settings: Settings, change: Applied, **more: str) -> Applied:
    """The same, with more that is needed to take it back. Raises: Problem (state-not-writable)."""
    amended = replace(change, **more)  # type: ignore[arg-type]
    with _alone(settings):
        _write(settings, [amended if one == change else one for one in read(settings)])
    return amended


def keep(settings: Settings, change: Applied) -> None:
    """It passed. Raises: Problem (state-not-writable)."""
    with _alone(settings):
        _write(settings, [replace(one, state="kept", pid=0) if one == change else one for one in read(settings)])
    logs.event("fix-kept", finding=change.finding)


def forget(settings: Settings, change: Applied) -> None:
    """It was taken back. Raises: Problem (state-not-writable)."""
    with _alone(settings):
        _write(settings, [one for one in read(settings) if one != change])
    logs.event("fix-taken-back", finding=change.finding)


@contextmanager
def turn(settings: Settings, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """
    One process looks, tries and takes back at a time: what it sees meanwhile is its own doing. A death gives it back.

    `waiting` hears that another has it. Where nothing can be written nothing can be changed: `begin` says so.
    """
    path = settings.state_dir / "fixing.lock"
    with ExitStack() as held:
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(path)
            try:
                held.enter_context(lock.acquire(blocking=False))
            except Timeout:
                waiting()
                held.enter_context(lock.acquire(poll_interval=0.2))
        yield


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """One process changes the journal at a time. Raises: Problem (state-not-writable)."""
    path = journal(settings)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            yield
    except OSError as error:
        raise Problem(_unwritable(path, error)) from None


def _write(settings: Settings, changes: Sequence[Applied]) -> None:
    path = journal(settings)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    with fresh.open("w", encoding="utf-8") as file:
        json.dump({"applied": to_plain(tuple(changes))}, file, ensure_ascii=False, indent=1)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _unwritable(path: Path, error: OSError) -> Finding:
    return Finding(
        id="state-not-writable",
        severity="error",
        area="output",
        cause=Text(
            f"What the doctor changes cannot be written down, so nothing is changed: {path}",
            f"変更内容を記録できないため、何も変更しません: {path}",
        ),
        evidence=(f"file system: {error}",),
        remedies=(
            Remedy(
                Text("Keep yamabiko's files in a folder that you may write", "書き込めるフォルダーを保存先にする"),
                "YAMABIKO_HOME=/path/to/folder yamabiko ...",
            ),
        ),
    )
