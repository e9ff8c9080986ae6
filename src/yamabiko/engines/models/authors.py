"""A model at an address of its authors' own, outside any hub: one file, pinned, so it does not matter who sends it."""

from __future__ import annotations

import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from yamabiko.engines.models import fetch, hub, store
from yamabiko.engines.models.catalogue import AuthorsSource, ModelFile
from yamabiko.engines.models.fetch import FetchFailed
from yamabiko.engines.models.sources import Brought, Pull, SourceFailed
from yamabiko.engines.pip_settings import mask


def bring(pull: Pull, source: AuthorsSource) -> Brought:
    """Raises: SourceFailed, Problem (disk-full), OSError of the disk."""
    entry, host = pull.entry, "{0.scheme}://{0.netloc}".format(urlsplit(source.url))
    hub.refuse_offline(pull, host, "authors")
    [file] = entry.files
    building = store.building_of(pull.settings, entry, entry.revision)
    store.ensure_space(pull.settings, entry.size_bytes)
    building.mkdir(parents=True, exist_ok=True)
    if not store.keep_good(building, entry.files):
        try:
            _fetch(pull, source, building, file)
        except FetchFailed as failed:
            raise SourceFailed(mask(f"{host}, {file.name}: {failed}"), "authors") from None
    return Brought(entry.revision, entry.files)


def _fetch(pull: Pull, source: AuthorsSource, building: Path, file: ModelFile) -> None:
    """Raises: FetchFailed."""
    if urlsplit(source.url).scheme not in urllib.request.getproxies():
        fetch.check_reachable(source.url, pull.patience.connect_s)
    part, size = building / f"{file.name}.part", file.size or 0
    wanted = fetch.Wanted(source.url, part, file.size, file.sha256, size)

    def came(count: int) -> None:
        pull.progress(count, size, f"{urlsplit(source.url).hostname}: {file.name}")

    with fetch.open_client(pull.environ, pull.patience) as client:
        fetch.fetch(client, wanted, came, pull.patience)
    part.rename(building / file.name)
