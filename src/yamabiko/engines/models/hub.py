"""
A model hub that speaks Hugging Face's addresses: `{endpoint}/{repo}/resolve/{revision}/{file}`.

`HF_ENDPOINT`, `HF_TOKEN` (or the token file) and `HF_HUB_OFFLINE` mean here what
they mean to Hugging Face's own libraries. Of an unpinned model the branch's
commit is asked first, then every file is taken from that one commit.
"""

from __future__ import annotations

import json
import re
import shutil
import urllib.request
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from yamabiko.engines.models import fetch, huggingface_cache, store
from yamabiko.engines.models.catalogue import FORMATS, HubSource, ModelFile
from yamabiko.engines.models.fetch import FetchFailed
from yamabiko.engines.models.sources import Brought, Pull, Reason, Source, SourceFailed
from yamabiko.engines.pip_settings import mask

if TYPE_CHECKING:
    import httpx

OFFICIAL = "https://huggingface.co"
_TRUE = ("1", "on", "yes", "true")
_MOST_OF_AN_INDEX = 4 * 1024 * 1024
_PLAIN = re.compile(r"[\w.+ /-]{1,200}", re.ASCII)


def endpoint(environ: Mapping[str, str]) -> str:
    return (environ.get("HF_ENDPOINT") or OFFICIAL).rstrip("/")


def is_offline(environ: Mapping[str, str]) -> bool:
    return any(environ.get(name, "").lower() in _TRUE for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"))


def token(environ: Mapping[str, str]) -> str | None:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        if environ.get(name, "").strip():
            return environ[name].strip()
    if environ.get("HF_HUB_DISABLE_IMPLICIT_TOKEN", "").lower() in _TRUE:
        return None
    chosen = environ.get("HF_TOKEN_PATH")
    file = huggingface_cache.expanded(chosen, environ) if chosen else huggingface_cache.home(environ) / "token"
    try:
        return file.read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def refuse_offline(pull: Pull, address: str, source: Source) -> None:
    """Raises: SourceFailed, where nobody may be asked."""
    if pull.offline:
        raise SourceFailed(f"{address}: not asked: nothing may be fetched", source, "offline")
    if is_offline(pull.environ):
        why = "HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE is set"
        raise SourceFailed(f"{address}: not asked: {why}", source, "told offline")


def bring(pull: Pull, source: HubSource) -> Brought:
    """Raises: SourceFailed, Problem (disk-full), OSError of the disk."""
    address = endpoint(pull.environ)
    refuse_offline(pull, f"hub {address}", "hub")
    try:
        if urlsplit(address).scheme not in urllib.request.getproxies():
            fetch.check_reachable(address, pull.patience.connect_s)
        with fetch.open_client(pull.environ, pull.patience) as client:
            visit = _Visit(pull, source, client)
            try:
                return visit.bring()
            except FetchFailed as failed:
                unlike = failed.kind == "missing" and not pull.entry.pinned
                raise _failed(address, source, failed, visit.names() if unlike else None) from None
    except FetchFailed as failed:
        raise _failed(address, source, failed) from None


def _failed(address: str, source: HubSource, why: FetchFailed, holds: tuple[str, ...] | None = None) -> SourceFailed:
    """`holds`: of a repository that lacks what we asked for; None: it is not that."""
    reason: Reason = "gated" if why.kind == "gated" else "failed" if holds is None else "another kind"
    if "RepoNotFound" in str(why):
        reason = "no repository"
    return SourceFailed(mask(f"hub {address}, {source.repo}: {why}"), "hub", reason, holds or ())


class _Visit:
    """One pull from one repository."""

    def __init__(self, pull: Pull, source: HubSource, client: httpx.Client) -> None:
        self.pull, self.source, self.client = pull, source, client
        access = token(pull.environ)
        self.headers = {"Authorization": f"Bearer {access}"} if access else {}

    def bring(self) -> Brought:
        entry = self.pull.entry
        revision = self.source.revision if entry.pinned else self._commit()
        building = store.building_of(self.pull.settings, entry, revision)
        store.ensure_space(self.pull.settings, max(0, entry.size_bytes - _bytes_in(building)))
        building.mkdir(parents=True, exist_ok=True)
        if entry.pinned:
            return Brought(revision, self._pinned(building, revision))
        return Brought(revision, self._unpinned(building, revision))

    def _pinned(self, building: Path, revision: str) -> tuple[ModelFile, ...]:
        entry = self.pull.entry
        there, done = store.keep_good(building, entry.files), 0
        for file in entry.files:
            if file.name not in there:
                self._file(building, revision, file, done, entry.size_bytes)
            done += file.size or 0
        return entry.files

    def _unpinned(self, building: Path, revision: str) -> tuple[ModelFile, ...]:
        shape, done = FORMATS[self.pull.entry.format], 0
        if any("*" in group[0] for group in shape.required):
            raise FetchFailed("missing", f"which file of a {shape.name} model to take is not known")
        files: list[ModelFile] = []
        for group in (*shape.required, *((name, "") for name in shape.optional)):
            part = re.fullmatch(r"(.+\.onnx)[._]data", group[0])
            if part and part[1] not in (file.name for file in files):
                continue  # the weights, gigabytes, of a file that was not taken
            found = self._one_of(building, revision, group, done)
            if found:
                files.append(found)
                done += found.size or 0
        return tuple(files)

    def _one_of(self, building: Path, revision: str, names: tuple[str, ...], done: int) -> ModelFile | None:
        """The first of `names` that the repository has; "" at the end: none is fine too."""
        for name in names:
            if not name:
                return None
            if "*" in name:
                continue  # what stands for it in this repository is not known
            ready = building / name
            if ready.exists():  # finished by an earlier pull, of this very commit
                return ModelFile(name, ready.stat().st_size, fetch.sha256_of(ready))
            try:
                return self._file(building, revision, ModelFile(name), done, self.pull.entry.size_bytes)
            except FetchFailed as failed:
                if failed.kind != "missing":
                    raise
        raise FetchFailed("missing", f"the repository has no {' or '.join(name for name in names if name)}")

    def _file(self, building: Path, revision: str, file: ModelFile, done: int, total: int) -> ModelFile:
        part = building / f"{file.name}.part"
        part.parent.mkdir(parents=True, exist_ok=True)
        wanted = fetch.Wanted(
            self._url(revision, file.name), part, file.size, file.sha256, self._room(file), self.headers
        )

        def came(count: int) -> None:
            self.pull.progress(done + count, max(total, done + count), f"hub: {file.name}")

        try:
            got = fetch.fetch(self.client, wanted, came, self.pull.patience)
        except FetchFailed as failed:
            raise FetchFailed(failed.kind, f"{file.name}: {failed}") from None
        self._check_against_hub(file.name, part, got)
        part.rename(building / file.name)
        return replace(file, size=got.size, sha256=got.sha256)

    def _check_against_hub(self, name: str, part: Path, got: fetch.Fetched) -> None:
        """A large file's linked ETag is its sha256: that catches a cut file, though not a false one."""
        said = got.headers.get("x-linked-etag", "").removeprefix("W/").strip('"')
        if re.fullmatch(r"[0-9a-f]{64}", said) and said != got.sha256:
            part.unlink(missing_ok=True)
            raise FetchFailed("wrong", f"{name}: the hub says sha256 {said}, found {got.sha256}; deleted")

    def _room(self, file: ModelFile) -> int:
        if file.size is not None:
            return file.size
        free = shutil.disk_usage(store.shelf(self.pull.settings, self.pull.entry)).free
        return max(0, free - self.pull.settings.free_disk_bytes)

    def _commit(self) -> str:
        """The commit that the branch points at now; the branch's name, if the hub does not tell."""
        import httpx

        first = FORMATS[self.pull.entry.format].required[0][0]
        try:
            with self.client.stream("GET", self._url(self.source.revision, first), headers=self.headers) as answer:
                fetch.check_status(answer)
                chain = [*answer.history, answer]
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise FetchFailed("unreachable", f"{first}: {type(error).__name__}: {error}") from None
        except FetchFailed as failed:
            raise FetchFailed(failed.kind, f"{first}: {failed}") from None
        commits = [response.headers.get("x-repo-commit", "") for response in chain]
        return next((commit for commit in commits if re.fullmatch(r"[0-9a-f]{40}", commit)), self.source.revision)

    def names(self) -> tuple[str, ...]:
        """What the repository holds, as the hub's index of it says; empty where it says nothing."""
        import httpx

        try:
            with self.client.stream(
                "GET", f"{endpoint(self.pull.environ)}/api/models/{self.source.repo}", headers=self.headers
            ) as answer:
                fetch.check_status(answer)
                told = b""
                for block in answer.iter_bytes():
                    told += block
                    if len(told) > _MOST_OF_AN_INDEX:
                        return ()
            listed = [one["rfilename"] for one in json.loads(told)["siblings"]]
        except (httpx.HTTPError, httpx.InvalidURL, FetchFailed, ValueError, KeyError, TypeError):
            return ()
        return tuple(one for one in listed if isinstance(one, str) and _PLAIN.fullmatch(one))

    def _url(self, revision: str, file: str) -> str:
        return f"{endpoint(self.pull.environ)}/{self.source.repo}/resolve/{revision}/{file}"


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir()) if folder.is_dir() else 0
