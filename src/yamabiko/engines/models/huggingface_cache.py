"""
The cache that Hugging Face's libraries keep: used where it is, read only, hashed once.

    <cache>/models--org--name/refs/<branch>             the commit
    <cache>/models--org--name/snapshots/<commit>/<file>  links into ../../blobs

Source: huggingface_hub, constants.py and "Understand caching"; a blob of a large
file is named by its sha256, which checks even a model that we have no pins for.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from yamabiko.engines.models import store
from yamabiko.engines.models.catalogue import FORMATS, ModelEntry, ModelFile, short, slug
from yamabiko.settings import Settings

_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def home(environ: Mapping[str, str]) -> Path:
    """`HF_HOME`, where the token lies too."""
    if environ.get("HF_HOME"):
        return expanded(environ["HF_HOME"], environ)
    caches = environ.get("XDG_CACHE_HOME")
    return (expanded(caches, environ) if caches else user_home(environ) / ".cache") / "huggingface"


def cache_folder(environ: Mapping[str, str]) -> Path:
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if environ.get(name):
            return expanded(environ[name], environ)
    return home(environ) / "hub"


def user_home(environ: Mapping[str, str]) -> Path:
    given = environ.get("HOME") or environ.get("USERPROFILE")
    return Path(given) if given else Path.home()


def expanded(path: str, environ: Mapping[str, str]) -> Path:
    return user_home(environ) / path[2:] if path.startswith(("~/", "~\\")) else Path(path)


def find(
    settings: Settings,
    entry: ModelEntry,
    environ: Mapping[str, str],
    hashing: Literal["never", "if needed", "always"] = "if needed",
) -> tuple[store.LocalModel | None, store.Inspection]:
    """The model in that cache, if it is there and whole; else what is wrong with what is there."""
    worst = store.Inspection()
    for commit, folder in _snapshots(entry, environ):
        stamp_path = _stamp_path(settings, entry, folder, commit)
        stamp = store.read_stamp(stamp_path)
        if stamp and stamp.path != str(folder):
            stamp = None
        wanted = entry.files or _whole(folder, entry.format)
        if not wanted or not all((folder / file.name).exists() for file in wanted):
            continue  # a pull of theirs that has not come to its end, or another revision with other files
        result = store.inspect(folder, wanted, stamp, hashing)
        if result.complaints or result.undecided:
            worst = worst.and_(result)
            continue
        if result.hashed:
            store.write_stamp(
                stamp_path, store.Stamp(entry.name, commit, "hugging face cache", result.files, str(folder))
            )
        return store.local_model(entry, folder, commit, "hugging face cache", result.files), result
    return None, worst


def _stamp_path(settings: Settings, entry: ModelEntry, folder: Path, commit: str) -> Path:
    place = hashlib.sha256(str(folder).encode()).hexdigest()[:8]
    return store.shelf(settings, entry) / ".seen" / f"{slug(entry.name)}-{short(commit)}-{place}.json"


def _snapshots(entry: ModelEntry, environ: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    """The wanted revision first, then the branch's, then, where hashes will tell, any other."""
    if entry.hub is None:
        return
    repo = cache_folder(environ) / f"models--{entry.hub.repo.replace('/', '--')}"
    wanted = [entry.hub.revision]
    with contextlib.suppress(OSError, UnicodeDecodeError):  # no such branch was ever fetched
        wanted.append((repo / "refs" / entry.hub.revision).read_text(encoding="utf-8").strip())
    if entry.pinned:
        with contextlib.suppress(OSError):  # nothing of this model, or not for us to read
            wanted += sorted(path.name for path in (repo / "snapshots").iterdir())
    for commit in dict.fromkeys(wanted):
        folder = repo / "snapshots" / commit
        if _COMMIT.fullmatch(commit) and folder.is_dir():
            yield commit, folder


def _whole(folder: Path, format: str) -> tuple[ModelFile, ...]:  # noqa: A002
    """The files of an unpinned model, with the hashes that their blobs are named by; empty if one is missing."""
    shape = FORMATS[format]
    names = []
    for group in shape.required:
        there = [name for name in group if (folder / name).exists()]
        if not there:
            return ()
        names.append(there[0])
    names += [name for name in shape.optional if (folder / name).exists()]
    files = []
    for name in names:
        blob = (folder / name).resolve().name
        files.append(ModelFile(name, None, blob if _SHA256.fullmatch(blob) else None))
    return tuple(files)
