"""
One environment an engine profile, made from a lock that we ship, or found in the running interpreter.

    <data>/engines/<engine>-<profile>-<id>        whole: it came here by one rename
    <data>/engines/.building@<engine>-<profile>@  being made, or left by a death
    <data>/engines/.removing@<engine>-<profile>@  on its way out
    <data>/engines/.aside@<engine>-<profile>@     kept by the doctor, to be put back
    <data>/engines/.<engine>-<profile>.lock       held by the one process that makes or removes

The id is the hash of the lock's bytes, the Python and the platform: another
lock is another folder, so a folder of the right name needs no comparing.
Nothing here imports an engine; only a child does, at the end of an installation.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.machinery
import os
import re
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import filelock

from yamabiko import logs
from yamabiko.engines import building
from yamabiko.engines import environment_problems as problems
from yamabiko.engines.contract import Card, Profile
from yamabiko.engines.installer import Progress, Report
from yamabiko.findings import Finding, Problem
from yamabiko.i18n import Text
from yamabiko.settings import Settings

__all__ = [
    "Environment", "Progress", "State", "choose_profile", "find", "install", "remove", "repair", "require", "state",
]  # fmt: skip


OWN = "own"
"""The profile's name of an engine that is part of yamabiko."""


@dataclass(frozen=True)
class Environment:
    """Where an engine can run."""

    engine: str
    profile: str
    path: Path
    python: Path
    lock_hash: str
    """The id in the folder's name; empty for the running interpreter, which no lock describes."""
    origin: Literal["managed", "running interpreter"]
    library_paths: tuple[Path, ...] = ()
    """For the library path of a worker, to be set before it starts."""

    def __str__(self) -> str:
        return self.path.name if self.origin == "managed" else self.origin


@dataclass(frozen=True)
class State:
    """One line of `engines list`."""

    engine: str
    profile: str
    status: Literal["ready", "not installed", "installing", "broken", "outdated"]
    """`outdated`: what is installed was made from an earlier lock, or for another Python."""
    environment: Environment | None = None
    why: Finding | None = None
    """For `broken`."""
    notes: tuple[str, ...] = ()
    size_bytes: int = 0
    """Files linked from uv's cache counted in full."""
    python: str | None = None
    packages: tuple[tuple[str, str], ...] = ()


def choose_profile(card: Card, device: str) -> Profile:
    """
    The environment for `cpu`, `cuda`, `cuda:N` or `auto`.

    `auto` takes a CUDA profile only where NVIDIA's driver library is present,
    since it means a large download; which device is then used, evidence says.

    Raises: Problem (engine-profile-unknown).
    """
    if not card.profiles:
        return Profile(name=OWN, lock="", devices=(device,))
    wanted = device.split(":", 1)[0]
    if wanted == "auto":
        wanted = "cuda" if _nvidia_driver_is_here() else "cpu"
        return next((p for p in card.profiles if wanted in p.devices), card.profiles[0])
    for profile in card.profiles:
        if wanted in profile.devices:
            return profile
    raise Problem(problems.no_profile(card.name, device, [p.name for p in card.profiles]))


def _nvidia_driver_is_here() -> bool:
    """Not verified on a machine with a GPU."""
    if sys.platform == "win32":
        return Path(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "nvcuda.dll").exists()
    return Path("/dev/nvidiactl").exists() or Path("/usr/lib/wsl/lib/libcuda.so.1").exists()


def find(card: Card, settings: Settings, profile: str = "cpu") -> Environment | None:
    """A ready environment: a managed one first, else the running interpreter. No network, no import."""
    if not card.profiles:
        return _running(card, OWN)
    chosen = _profile(card, profile)
    return _managed(card, settings, chosen) or _in_running_interpreter(card, chosen)


def require(card: Card, settings: Settings, profile: str = "cpu") -> Environment:
    """As `find`. Raises: Problem (engine-not-installed, engine-environment-broken)."""
    found = find(card, settings, profile)
    if found:
        return found
    why = state(card, settings, profile).why
    raise Problem(why or problems.not_installed(card.name, profile))


def install(card: Card, settings: Settings, profile: str = "cpu", *, progress: Report | None = None) -> Environment:
    """
    The managed environment of this profile, made now unless a whole one is there; a broken one is replaced.

    Of several processes that ask at once, one makes it and the others wait.
    Killed at any moment, it leaves nothing that `find` would take for ready.

    Raises: Problem (index-unreachable, engine-hash-mismatch, disk-full, ...).
    """
    if not card.profiles:
        return _running(card, OWN)
    chosen = _profile(card, profile)
    ready = _managed(card, settings, chosen)
    if ready:
        return ready
    with _alone(card, settings, chosen, progress) as root:
        return _managed(card, settings, chosen) or _make(card, settings, chosen, root, progress)


def repair(card: Card, settings: Settings, profile: str = "cpu", *, progress: Report | None = None) -> Environment:
    """The environment made anew; the old one serves until the new one is whole. Raises: as `install`."""
    if not card.profiles:
        return _running(card, OWN)
    chosen = _profile(card, profile)
    with _alone(card, settings, chosen, progress) as root:
        return _make(card, settings, chosen, root, progress)


def set_aside(card: Card, settings: Settings, profile: str = "cpu") -> Path | None:
    """
    The environment, whole or not, out of the way in one rename; None if there is none. `put_back` undoes it.

    `remove` clears it away. Raises: Problem.
    """
    if not card.profiles:
        return None
    chosen = _profile(card, profile)
    with _alone(card, settings, chosen, None) as root:
        folder = _folder(card, settings, chosen)
        if not folder.is_dir():
            return None
        try:
            yard = Path(tempfile.mkdtemp(prefix=f".aside@{_name(card, chosen)}@", dir=root))
            os.rename(folder, yard / folder.name)
        except OSError as error:
            raise Problem(problems.folder_trouble(root, error)) from error
        return yard / folder.name


def put_back(card: Card, settings: Settings, profile: str, aside: Path) -> bool:
    """What `set_aside` took away, in the place of what is there now. False if it is gone. Raises: Problem."""
    chosen = _profile(card, profile)
    with _alone(card, settings, chosen, None) as root:
        if not aside.is_dir():
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
    if not card.profiles or not _root(settings).is_dir():
        return False
    chosen = _profile(card, profile)
    with _alone(card, settings, chosen, None) as root:
        folders = _installed(root, card, chosen)
        users = sorted({pid for folder in folders for pid in _users(folder)})
        if users:
            raise Problem(problems.in_use(card.name, users))
        for folder in folders:
            _discard(folder, root, card, chosen)
        _sweep(root, card, chosen, ("building", "removing", "aside"))
    return bool(folders)


def state(card: Card, settings: Settings, profile: str = "cpu", *, thorough: bool = False) -> State:
    """
    What there is, with every file of the size that its package's list says. `thorough` also compares the bytes, which
    takes about a second.
    """
    found = find(card, settings, profile)
    if found and found.origin == "running interpreter":
        return State(card.name, profile, "ready", found, python=sys.version.split()[0])
    chosen = _profile(card, profile)
    root, folder = _root(settings), _folder(card, settings, chosen)
    if folder.exists():
        wrong = building.complaints(folder)
        site = building.site_packages(folder)
        if site and not wrong:
            wrong = tuple(building.changed_files(site) if thorough else building.resized_files(site))
        marker = building.read_marker(folder)
        return State(
            card.name,
            profile,
            "broken" if wrong else "ready",
            None if wrong else found,
            why=problems.broken(card.name, folder, wrong[:10]) if wrong else None,
            size_bytes=_size(folder),
            python=marker.python if marker else None,
            packages=tuple(marker.packages.items()) if marker else (),
        )
    older = _installed(root, card, chosen)
    left = sorted(path.name for path in root.glob(f".building@{_name(card, chosen)}@*"))
    if left and _held(root, card, chosen):
        return State(card.name, profile, "installing")
    notes = tuple(f"{name}: left by an installation that did not end" for name in left)
    status: Literal["outdated", "not installed"] = "outdated" if older else "not installed"
    return State(card.name, profile, status, notes=notes, size_bytes=sum(map(_size, older)))


# ---- where things are -----------------------------------------------------------------------------------------------


def _profile(card: Card, name: str) -> Profile:
    for profile in card.profiles:
        if profile.name == name:
            return profile
    raise Problem(problems.no_profile(card.name, name, [p.name for p in card.profiles]))


def _root(settings: Settings) -> Path:
    return settings.data_dir / "engines"


def _name(card: Card, profile: Profile) -> str:
    return f"{card.name}-{profile.name}"


def _id(profile: Profile) -> str:
    parts = (building.lock_path(profile).read_bytes(), building.built_for().encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]


def _folder(card: Card, settings: Settings, profile: Profile) -> Path:
    return _root(settings) / f"{_name(card, profile)}-{_id(profile)}"


def _installed(root: Path, card: Card, profile: Profile) -> list[Path]:
    pattern = re.compile(rf"{re.escape(_name(card, profile))}-[0-9a-f]{{12}}")
    return sorted(path for path in root.glob("*") if pattern.fullmatch(path.name))


def _managed(card: Card, settings: Settings, profile: Profile) -> Environment | None:
    folder = _folder(card, settings, profile)
    if not folder.is_dir() or building.complaints(folder):
        return None
    site = building.site_packages(folder)
    return Environment(
        engine=card.name,
        profile=profile.name,
        path=folder,
        python=building.interpreter(folder),
        lock_hash=_id(profile),
        origin="managed",
        library_paths=building.library_paths(site, profile) if site else (),
    )


def _running(card: Card, profile: str, library_paths: tuple[Path, ...] = ()) -> Environment:
    return Environment(
        card.name, profile, Path(sys.prefix), Path(sys.executable), "", "running interpreter", library_paths
    )


def _in_running_interpreter(card: Card, profile: Profile) -> Environment | None:
    """If its modules and the profile's native libraries are there. Looks, does not import."""
    for name in card.imports:
        spec = importlib.machinery.PathFinder.find_spec(name.split(".", 1)[0])
        if spec is None or spec.origin is None:  # no origin: a folder that a removed package left
            return None
    libraries = building.library_paths(Path(sysconfig.get_path("platlib")), profile)
    if not card.imports or len(libraries) < len(profile.library_packages):
        return None
    return _running(card, profile.name, libraries)


def _size(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):  # removed while we looked
                total += os.lstat(os.path.join(parent, name)).st_size
    return total


# ---- making and removing, one process at a time ---------------------------------------------------------------------


def _lock_file(root: Path, card: Card, profile: Profile) -> filelock.FileLock:
    return filelock.FileLock(root / f".{_name(card, profile)}.lock")


def _held(root: Path, card: Card, profile: Profile) -> bool:
    try:
        with _lock_file(root, card, profile).acquire(blocking=False):
            return False
    except filelock.Timeout:
        return True
    except OSError:  # a folder that we may only read
        return False


@contextlib.contextmanager
def _alone(card: Card, settings: Settings, profile: Profile, progress: Report | None) -> Iterator[Path]:
    """Hold the lock of this profile; a process that dies lets go of it. Raises: Problem."""
    root = _root(settings)
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = _lock_file(root, card, profile)
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
    final = _folder(card, settings, profile)
    try:
        free = shutil.disk_usage(root).free
        if free < settings.free_disk_bytes:
            raise Problem(
                problems.disk_full(
                    (f"{root}: {free} bytes free, of which {settings.free_disk_bytes} are to be left untouched",)
                )
            )
        yard = Path(tempfile.mkdtemp(prefix=f".building@{_name(card, profile)}@", dir=root))
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
    made = _managed(card, settings, profile)
    if made is None:
        raise Problem(problems.broken(card.name, final, building.complaints(final)))
    _retire_older(root, card, profile, final)
    return made


def _sweep(
    root: Path, card: Card, profile: Profile, kinds: tuple[str, ...] = ("building", "removing")
) -> None:  # fmt: skip
    """With the lock held, whatever is under a passing name belongs to nobody alive."""
    for kind in kinds:
        for path in root.glob(f".{kind}@{_name(card, profile)}@*"):
            logs.event("engine-leftover-removed", folder=path.name)
            shutil.rmtree(path, ignore_errors=True)


def _discard(folder: Path, root: Path, card: Card, profile: Profile) -> None:
    """First out of sight by one rename, then file by file: half of an environment is never found."""
    yard = Path(tempfile.mkdtemp(prefix=f".removing@{_name(card, profile)}@", dir=root))
    os.rename(folder, yard / folder.name)
    shutil.rmtree(yard, ignore_errors=True)


def _retire_older(root: Path, card: Card, profile: Profile, current: Path) -> None:
    """
    Environments of an earlier lock and this same Python, where we can see that nobody uses them.

    Only Linux shows who uses a file; elsewhere they stay until `remove`.
    """
    if sys.platform != "linux":
        return
    for folder in _installed(root, card, profile):
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
