"""
One environment an engine profile, made from a lock that we ship, or found in the running interpreter.

    <data>/engines/<engine>-<profile>-<id>        whole: it came here by one rename
    <data>/engines/.building@<engine>-<profile>@  being made, or left by a death
    <data>/engines/.removing@<engine>-<profile>@  on its way out
    <data>/engines/.aside@<engine>-<profile>@     kept by the doctor, to be put back
    <data>/engines/.<engine>-<profile>.lock       held by the one process that makes or removes

The id is the hash of the lock's bytes, the Python and the platform: another
lock is another folder, so a folder of the right name needs no comparing.
`environment_finding` looks at them; here they are made and removed, by one process at a time. Nothing here imports an
engine; only a child does, at the end of an installation.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import filelock

from yamabiko import logs
from yamabiko.engines import building
from yamabiko.engines import environment_problems as problems
from yamabiko.engines.contract import Card, Profile
from yamabiko.engines.environment_finding import (
    Environment,
    State,
    find,
    folder_of,
    installed,
    lock_file,
    managed,
    name_of,
    profile_of,
    require,
    root_of,
    running,
    state,
)
from yamabiko.engines.installer import Progress, Report
from yamabiko.engines.profile_choice import OWN
from yamabiko.findings import Problem
from yamabiko.i18n import Text
from yamabiko.settings import Settings

__all__ = [
    "Environment", "Progress", "State", "find", "has", "install", "profile_of", "put_back", "remove", "repair", "require",
    "set_aside", "state",
]  # fmt: skip


def has(card: Card, settings: Settings) -> Callable[[Profile], bool]:
    """Whether an environment is there, whole at a glance."""
    return lambda profile: find(card, settings, profile.name) is not None


def install(card: Card, settings: Settings, profile: str = "cpu", *, progress: Report | None = None) -> Environment:
    """
    The managed environment of this profile, made now unless a whole one is there; a broken one is replaced.

    Of several processes that ask at once, one makes it and the others wait.
    Killed at any moment, it leaves nothing that `find` would take for ready.

    Raises: Problem (index-unreachable, engine-hash-mismatch, disk-full, ...).
    """
    if not card.profiles:
        return running(card, OWN)
    chosen = profile_of(card, profile)
    ready = managed(card, settings, chosen)
    if ready:
        return ready
    with _alone(card, settings, chosen, progress) as root:
        return managed(card, settings, chosen) or _make(card, settings, chosen, root, progress)


def repair(card: Card, settings: Settings, profile: str = "cpu", *, progress: Report | None = None) -> Environment:
    """The environment made anew; the old one serves until the new one is whole. Raises: as `install`."""
    if not card.profiles:
        return running(card, OWN)
    chosen = profile_of(card, profile)
    with _alone(card, settings, chosen, progress) as root:
        return _make(card, settings, chosen, root, progress)


def set_aside(
    card: Card, settings: Settings, profile: str = "cpu", tell: Callable[[Path], None] = lambda path: None
) -> Path | None:
    """
    The environment, whole or not, out of the way in one rename; None if there is none. `put_back` undoes it.

    `tell` hears the new place before the rename: who writes it down can undo what a death cut short.
    `remove` clears it away. Raises: Problem, and whatever `tell` raises.
    """
    if not card.profiles:
        return None
    chosen = profile_of(card, profile)
    with _alone(card, settings, chosen, None) as root:
        folder = folder_of(card, settings, chosen)
        if not folder.is_dir():
            return None
        try:
            yard = Path(tempfile.mkdtemp(prefix=f".aside@{name_of(card, chosen)}@", dir=root))
            tell(yard / folder.name)
            os.rename(folder, yard / folder.name)
        except OSError as error:
            raise Problem(problems.folder_trouble(root, error)) from error
        return yard / folder.name


def put_back(card: Card, settings: Settings, profile: str, aside: Path) -> bool:
    """
    What `set_aside` took away, in the place of what is there now. False if it is gone, or was never taken.

    Raises: Problem.
    """
    chosen = profile_of(card, profile)
    with _alone(card, settings, chosen, None) as root:
        _sweep(root, card, chosen)
        if not aside.is_dir():
            with contextlib.suppress(OSError):
                aside.parent.rmdir()
            return False
        final = root / aside.name
        try:
            if final.exists():
                _discard(final, root, card, chosen)
            os.rename(aside, final)
            aside.parent.rmdir()
        except OSError as error:
            raise Problem(problems.folder_trouble(root, error)) from error
        return True


def remove(card: Card, settings: Settings, profile: str = "cpu") -> bool:
    """
    Remove this profile's environments, of every lock and Python. False if there was none.

    Raises: Problem (engine-in-use) where a running process can be seen using one.
    """
    if not card.profiles or not root_of(settings).is_dir():
        return False
    chosen = profile_of(card, profile)
    with _alone(card, settings, chosen, None) as root:
        folders = installed(root, card, chosen)
        users = sorted({pid for folder in folders for pid in _users(folder)})
        if users:
            raise Problem(problems.in_use(card.name, users))
        for folder in folders:
            _discard(folder, root, card, chosen)
        _sweep(root, card, chosen, ("building", "removing", "aside"))
    return bool(folders)


# ---- one process at a time ------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _alone(card: Card, settings: Settings, profile: Profile, progress: Report | None) -> Iterator[Path]:
    """Hold the lock of this profile; a process that dies lets go of it. Raises: Problem."""
    root = root_of(settings)
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = lock_file(root, card, profile)
        try:
            lock.acquire(blocking=False)
        except filelock.Timeout:
            if progress:
                progress(Progress(0, 0, Text("waiting for another yamabiko", "別の yamabiko の作業を待っています")))
            lock.acquire(poll_interval=0.2)
    except OSError as error:
        raise Problem(problems.folder_trouble(root, error)) from error
    try:
        yield root
    finally:
        lock.release()


def _make(card: Card, settings: Settings, profile: Profile, root: Path, progress: Report | None) -> Environment:
    """With the lock held. Raises: Problem."""
    _sweep(root, card, profile)
    final = folder_of(card, settings, profile)
    try:
        free = shutil.disk_usage(root).free
        if free < settings.free_disk_bytes:
            raise Problem(problems.too_little_space(root, free, settings.free_disk_bytes))
        yard = Path(tempfile.mkdtemp(prefix=f".building@{name_of(card, profile)}@", dir=root))
        try:
            marker = building.make(card, profile, yard / "environment", progress)
            if final.exists():
                _discard(final, root, card, profile)
            os.rename(yard / "environment", final)
        finally:
            shutil.rmtree(yard, ignore_errors=True)
    except OSError as error:
        raise Problem(problems.folder_trouble(root, error)) from error
    logs.event("engine-installed", engine=card.name, profile=profile.name, packages=len(marker.packages))
    made = managed(card, settings, profile)
    if made is None:
        raise Problem(problems.broken(card.name, final, building.complaints(final)))
    _retire_older(root, card, profile, final)
    return made


def _sweep(
    root: Path, card: Card, profile: Profile, kinds: tuple[str, ...] = ("building", "removing")
) -> None:  # fmt: skip
    """With the lock held, whatever is under a passing name belongs to nobody alive."""
    for kind in kinds:
        for path in root.glob(f".{kind}@{name_of(card, profile)}@*"):
            logs.event("engine-leftover-removed", folder=path.name)
            shutil.rmtree(path, ignore_errors=True)


def _discard(folder: Path, root: Path, card: Card, profile: Profile) -> None:
    """First out of sight by one rename, then file by file: half of an environment is never found."""
    yard = Path(tempfile.mkdtemp(prefix=f".removing@{name_of(card, profile)}@", dir=root))
    os.rename(folder, yard / folder.name)
    shutil.rmtree(yard, ignore_errors=True)


def _retire_older(root: Path, card: Card, profile: Profile, current: Path) -> None:
    """
    Environments of an earlier lock and this same Python, where we can see that nobody uses them.

    Only Linux shows who uses a file; elsewhere they stay until `remove`.
    """
    if sys.platform != "linux":
        return
    for folder in installed(root, card, profile):
        marker = building.read_marker(folder)
        if folder == current or (marker and marker.built_for != building.built_for()) or _users(folder):
            continue
        with contextlib.suppress(OSError):  # a nuisance, no reason to fail an installation that is done
            _discard(folder, root, card, profile)
            logs.event("engine-outdated-removed", folder=folder.name)


def _users(folder: Path) -> list[int]:
    """Processes that run this environment's Python or have mapped its libraries. Linux; ours to see only."""
    needles = {os.fsencode(folder) + b"/", os.fsencode(os.path.realpath(folder)) + b"/"}
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # ended, or another user's
            said = (entry / "cmdline").read_bytes().split(b"\0", 1)[0] + b"\n" + (entry / "maps").read_bytes()
            if any(needle in said for needle in needles):
                found.append(int(entry.name))
    return found
