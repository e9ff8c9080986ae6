"""
Which environments there are, and whether they are whole: looks, and changes nothing.

A managed one comes first, else the interpreter that runs us. Nothing here imports an engine.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.machinery
import os
import re
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import filelock

from yamabiko.engines import building
from yamabiko.engines import environment_problems as problems
from yamabiko.engines.contract import Card, Profile
from yamabiko.engines.profile_choice import OWN
from yamabiko.findings import Finding, Problem
from yamabiko.settings import Settings


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


def find(card: Card, settings: Settings, profile: str = "cpu") -> Environment | None:
    """A ready environment: a managed one first, else the running interpreter. No network, no import."""
    if not card.profiles:
        return running(card, OWN)
    chosen = profile_of(card, profile)
    return managed(card, settings, chosen) or _in_running_interpreter(card, chosen)


def require(card: Card, settings: Settings, profile: str = "cpu") -> Environment:
    """As `find`. Raises: Problem (engine-not-installed, engine-environment-broken)."""
    found = find(card, settings, profile)
    if found:
        return found
    why = state(card, settings, profile).why
    raise Problem(why or problems.not_installed(card.name, profile))


def state(card: Card, settings: Settings, profile: str = "cpu", *, thorough: bool = False, sized: bool = True) -> State:
    """
    What there is, with every file of the size that its package's list says. `thorough` also compares the bytes, which
    takes about a second. Without `sized` nobody counts how much it takes of the disk.
    """
    found = find(card, settings, profile)
    if found and found.origin == "running interpreter":
        return State(card.name, profile, "ready", found, python=sys.version.split()[0])
    chosen = profile_of(card, profile)
    root, folder = root_of(settings), folder_of(card, settings, chosen)
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
            size_bytes=_size(folder) if sized else 0,
            python=marker.python if marker else None,
            packages=tuple(marker.packages.items()) if marker else (),
        )
    older = installed(root, card, chosen)
    left = sorted(path.name for path in root.glob(f".building@{name_of(card, chosen)}@*"))
    if left and held(root, card, chosen):
        return State(card.name, profile, "installing")
    notes = tuple(f"{name}: left by an installation that did not end" for name in left)
    status: Literal["outdated", "not installed"] = "outdated" if older else "not installed"
    return State(card.name, profile, status, notes=notes, size_bytes=sum(map(_size, older)))


# ---- where things are -----------------------------------------------------------------------------------------------


def profile_of(card: Card, name: str) -> Profile:
    found = card.profile(name)
    if found is None:
        raise Problem(problems.no_profile(card, name))
    return found


def root_of(settings: Settings) -> Path:
    return settings.data_dir / "engines"


def name_of(card: Card, profile: Profile) -> str:
    return f"{card.name}-{profile.name}"


def _id(profile: Profile) -> str:
    files = (building.lock_path(profile), building.overrides_path(profile))
    parts = (*(file.read_bytes() for file in files if file), building.built_for().encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]


def folder_of(card: Card, settings: Settings, profile: Profile) -> Path:
    return root_of(settings) / f"{name_of(card, profile)}-{_id(profile)}"


def installed(root: Path, card: Card, profile: Profile) -> list[Path]:
    pattern = re.compile(rf"{re.escape(name_of(card, profile))}-[0-9a-f]{{12}}")
    return sorted(path for path in root.glob("*") if pattern.fullmatch(path.name))


def managed(card: Card, settings: Settings, profile: Profile) -> Environment | None:
    folder = folder_of(card, settings, profile)
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


def running(card: Card, profile: str, library_paths: tuple[Path, ...] = ()) -> Environment:
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
    return running(card, profile.name, libraries)


def _size(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):  # removed while we looked
                total += os.lstat(os.path.join(parent, name)).st_size
    return total


def lock_file(root: Path, card: Card, profile: Profile) -> filelock.FileLock:
    return filelock.FileLock(root / f".{name_of(card, profile)}.lock")


def held(root: Path, card: Card, profile: Profile) -> bool:
    try:
        with lock_file(root, card, profile).acquire(blocking=False):
            return False
    except filelock.Timeout:
        return True
    except OSError:  # a folder that we may only read
        return False
