"""
Our cache of models: what is in it, whether it still is what we checked, how new files enter.

    models/<format>/<name>-<revision>/            the files, and .verified.json
    models/<format>/.<name>-<revision>.building/  what a pull has so far (*.part: unfinished)
    models/<format>/.<name>.lock                  one pull at a time
    models/<format>/.seen/                        stamps of folders that are not ours
    downloads/<name>-<revision>/                  uv's cache of an unfinished pull from a package index

Hashing a model takes a second, and every start would pay it; so a *stamp* keeps
each file's size, time and sha256 as they were when all was hashed. While size
and time stand, the file is taken for the same; when they differ it is hashed again.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from yamabiko import logs
from yamabiko.engines.models import problems
from yamabiko.engines.models.catalogue import FORMATS, HubSource, ModelEntry, ModelFile, short, slug
from yamabiko.engines.models.fetch import sha256_of
from yamabiko.findings import Problem
from yamabiko.records import Malformed, from_plain, to_plain
from yamabiko.settings import Settings

Origin = Literal["path", "our cache", "hugging face cache", "hub", "authors", "package index"]
STAMP = ".verified.json"


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model that can be loaded now."""

    name: str
    path: Path
    """What the engine is given: the folder, or the file where its format is one file."""
    revision: str | None
    """None: a folder of the user's, which says nothing about it."""
    origin: Origin
    """Where it is; just pulled, where it came from."""
    pinned: bool
    """Its files have the hashes of the catalogue."""
    files: tuple[ModelFile, ...] = ()
    """With their hashes, where they were ever computed."""
    tried: tuple[str, ...] = ()
    """Sources that failed before this one served, a line of evidence each."""
    beside: tuple[str, ...] = ()
    """Of the files of a pinned one in a folder of the user's, those that the catalogue does not know."""


@dataclass(frozen=True, slots=True)
class Seen:
    name: str
    size: int
    mtime_ns: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Stamp:
    """What was hashed, and how it looked then."""

    model: str
    revision: str
    source: str
    files: tuple[Seen, ...]
    path: str = ""
    """Of a folder that is not ours."""


@dataclass(slots=True)
class Inspection:
    files: tuple[Seen, ...] = ()
    complaints: list[str] = field(default_factory=list)
    """A line for each file that is not what it should be."""
    bad: list[Path] = field(default_factory=list)
    hashed: bool = False
    """Something had to be hashed, so the stamp is worth writing anew."""
    undecided: bool = False
    """Something would have had to be hashed, and we were asked not to."""

    def and_(self, other: Inspection) -> Inspection:
        """What is wrong here and there."""
        return Inspection(
            complaints=self.complaints + other.complaints,
            bad=self.bad + other.bad,
            undecided=self.undecided or other.undecided,
        )


def inspect(
    folder: Path, wanted: Sequence[ModelFile], stamp: Stamp | None, hashing: Literal["never", "if needed", "always"]
) -> Inspection:
    """Compare files with what they should be. Reads their bytes only as `hashing` allows; changes nothing."""
    result, seen = Inspection(), []
    known = {file.name: file for file in stamp.files} if stamp and hashing != "always" else {}
    for want in wanted:
        path, before = folder / want.name, known.get(want.name)
        try:
            now = path.stat()
            if want.size is not None and now.st_size != want.size:
                result.complaints.append(
                    f"{path}: cut short or replaced: expected {want.size} bytes, found {now.st_size}"
                )
                result.bad.append(path)
                continue
            same = before and (before.size, before.mtime_ns) == (now.st_size, now.st_mtime_ns)
            if before and same and want.sha256 in (None, before.sha256):
                seen.append(before)
                continue
            if hashing == "never":
                result.undecided = True
                continue
            found = sha256_of(path)
        except OSError as error:
            result.complaints.append(f"{path}: {error.strerror or error}")
            continue
        result.hashed = True
        if want.sha256 not in (None, found):
            result.complaints.append(f"{path}: wrong bytes: expected sha256 {want.sha256}, found {found}")
            result.bad.append(path)
            continue
        seen.append(Seen(want.name, now.st_size, now.st_mtime_ns, found))
    result.files = tuple(seen)
    return result


# ---- where things are -----------------------------------------------------------------------------------------------


def shelf(settings: Settings, entry: ModelEntry) -> Path:
    return settings.cache_dir / "models" / entry.format


def folder_of(settings: Settings, entry: ModelEntry, revision: str) -> Path:
    return shelf(settings, entry) / f"{slug(entry.name)}-{short(revision)}"


def building_of(settings: Settings, entry: ModelEntry, revision: str) -> Path:
    return shelf(settings, entry) / f".{slug(entry.name)}-{short(revision)}.building"


def lock_of(settings: Settings, entry: ModelEntry) -> Path:
    return shelf(settings, entry) / f".{slug(entry.name)}.lock"


def downloads(settings: Settings) -> Path:
    return settings.cache_dir / "downloads"


def wheel_cache(settings: Settings, entry: ModelEntry) -> Path:
    return downloads(settings) / f"{slug(entry.name)}-{short(entry.revision)}"


def leftovers(settings: Settings, entry: ModelEntry) -> list[Path]:
    """What pulls of this model, interrupted or of an older commit, have left."""
    own = re.compile(rf"\.{re.escape(slug(entry.name))}-([0-9a-f]{{8}}|{re.escape(short(entry.revision))})\.building")
    found = [path for path in shelf(settings, entry).iterdir() if own.fullmatch(path.name)]
    found += shelf(settings, entry).glob(".*.removed")  # whose deletion was interrupted
    if entry.packages:
        cache = wheel_cache(settings, entry)
        found += [cache] if cache.exists() else []
        found += downloads(settings).glob(f".{cache.name}.*.removed")
    return found


def others(settings: Settings, known: Sequence[ModelEntry]) -> list[ModelEntry]:
    """Models that we hold and `known` does not name: pulled by their hub id."""
    names = {entry.name for entry in known}
    found: dict[tuple[str, str], ModelEntry] = {}
    for format_ in FORMATS:
        for path in (settings.cache_dir / "models" / format_).glob(f"*/{STAMP}"):
            stamp = read_stamp(path)
            if stamp and stamp.model not in names:
                hub = HubSource(stamp.model) if "/" in stamp.model else None
                entry = ModelEntry(stamp.model, format_, "unknown", "", "main", hub=hub)
                found[format_, stamp.model] = entry
    return list(found.values())


def engine_path(entry: ModelEntry, folder: Path, names: Sequence[str]) -> Path:
    return folder / names[0] if FORMATS[entry.format].single_file else folder


# ---- our cache ------------------------------------------------------------------------------------------------------


def folders(settings: Settings, entry: ModelEntry) -> list[tuple[Path, Stamp | None]]:
    """Folders of this model, the newest first. Of a pinned one there is one, whether it has a stamp or not."""
    if entry.pinned:
        folder = folder_of(settings, entry, entry.revision)
        return [(folder, read_stamp(folder / STAMP))] if folder.is_dir() else []
    found: list[tuple[int, Path, Stamp | None]] = []
    for path in shelf(settings, entry).glob(f"{slug(entry.name)}-*/{STAMP}"):
        stamp = read_stamp(path)  # large-v3-* is also how large-v3-turbo begins: the stamp knows
        if stamp and stamp.model == entry.name:
            with contextlib.suppress(FileNotFoundError):  # removed this moment
                found.append((path.stat().st_mtime_ns, path.parent, stamp))
    return [(folder, stamp) for _, folder, stamp in sorted(found, reverse=True, key=lambda item: item[0])]


def find(
    settings: Settings, entry: ModelEntry, hashing: Literal["never", "if needed", "always"] = "if needed"
) -> tuple[LocalModel | None, Inspection]:
    """The model in our cache, if it is there and whole; else what is wrong with what is there."""
    worst = Inspection()
    for folder, stamp in folders(settings, entry):
        recorded = tuple(ModelFile(f.name, f.size, f.sha256) for f in stamp.files) if stamp else ()
        result = inspect(folder, entry.files or recorded, stamp, hashing)
        if result.complaints or result.undecided:
            worst = worst.and_(result)
            continue
        revision = stamp.revision if stamp else entry.revision
        if result.hashed:
            write_stamp(
                folder / STAMP, Stamp(entry.name, revision, stamp.source if stamp else "our cache", result.files)
            )
        return local_model(entry, folder, revision, "our cache", result.files), result
    return None, worst


def local_model(entry: ModelEntry, folder: Path, revision: str, origin: Origin, files: Sequence[Seen]) -> LocalModel:
    return LocalModel(
        name=entry.name,
        path=engine_path(entry, folder, [file.name for file in files]),
        revision=revision,
        origin=origin,
        pinned=entry.pinned,
        files=tuple(ModelFile(file.name, file.size, file.sha256) for file in files),
    )


def distrust(settings: Settings, entry: ModelEntry) -> None:
    """The next look hashes everything again: a full check found wrong bytes that size and time had hidden."""
    for folder, stamp in folders(settings, entry):
        if stamp:
            write_stamp(folder / STAMP, replace(stamp, files=tuple(replace(f, mtime_ns=0) for f in stamp.files)))


def salvage(settings: Settings, entry: ModelEntry, bad: Sequence[Path]) -> None:
    """
    Turn a broken folder of ours into the start of a new pull: wrong files are deleted, good ones kept.

    Only while the model's lock is held.
    """
    for folder, stamp in folders(settings, entry):
        for path in bad:
            if path.parent == folder:
                path.unlink(missing_ok=True)
        building = building_of(settings, entry, stamp.revision if stamp else entry.revision)
        if building.exists():
            discard(folder)
        else:
            (folder / STAMP).unlink(missing_ok=True)
            folder.rename(building)


def keep_good(building: Path, wanted: Sequence[ModelFile]) -> set[str]:
    """Names of files that an earlier pull finished and that still are right; wrong ones are deleted."""
    result = inspect(building, [file for file in wanted if (building / file.name).exists()], None, "always")
    for path in result.bad:
        path.unlink(missing_ok=True)
    return {file.name for file in result.files}


def adopt(
    settings: Settings, entry: ModelEntry, revision: str, files: Sequence[ModelFile], origin: Origin
) -> LocalModel:
    """A finished building becomes the model, in one rename. Its files have been checked. Lock held."""
    building, folder = building_of(settings, entry, revision), folder_of(settings, entry, revision)
    names = {file.name.split("/")[0] for file in files}
    for path in building.iterdir():
        if path.name not in names:
            discard(path)
    seen = []
    for file in files:
        now = (building / file.name).stat()
        seen.append(Seen(file.name, now.st_size, now.st_mtime_ns, file.sha256 or sha256_of(building / file.name)))
    stamp = Stamp(entry.name, revision, origin, tuple(seen))
    (building / STAMP).write_text(json.dumps(to_plain(stamp), indent=1), encoding="utf-8")
    if folder.exists():
        discard(folder)
    building.rename(folder)
    return local_model(entry, folder, revision, origin, seen)


def discard(path: Path) -> None:
    """Gone in one rename, so that nobody finds half of it; then deleted."""
    if not path.is_dir():
        path.unlink(missing_ok=True)
        return
    grave = path.with_name(f".{path.name.lstrip('.')}.{os.getpid()}.removed")
    try:
        path.rename(grave)
    except FileNotFoundError:  # another process sweeps too
        return
    shutil.rmtree(grave, ignore_errors=True)


def ensure_space(settings: Settings, need_bytes: int) -> None:
    """Raises: Problem (disk-full), before a byte is written."""
    place = settings.cache_dir
    place.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(place).free
    if need_bytes + settings.free_disk_bytes > free:
        raise Problem(problems.no_space(place, need_bytes, free, settings.free_disk_bytes))


# ---- stamps ---------------------------------------------------------------------------------------------------------


def read_stamp(path: Path) -> Stamp | None:
    """None if there is none, or if it is damaged: then everything is hashed anew."""
    try:
        return from_plain(Stamp, json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, Malformed):
        return None


def write_stamp(path: Path, stamp: Stamp) -> None:
    """A cache that we may not write costs hashing at each start, and nothing else."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        fresh.write_text(json.dumps(to_plain(stamp), indent=1), encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        logs.event("model-stamp-not-written", path=path, error=error)


@contextlib.contextmanager
def disk_trouble(settings: Settings) -> Iterator[None]:
    """Errors of the disk as Problems (disk-full, model-cache-unwritable)."""
    try:
        yield
    except OSError as error:
        raise Problem(problems.cache_trouble(settings.cache_dir / "models", error)) from error
