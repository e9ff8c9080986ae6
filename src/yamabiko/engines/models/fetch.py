"""
One file over HTTP: resumed where it was cut, checked before anyone sees it.

Our own, with httpx, and not huggingface_hub: that brings a native transfer
library, tqdm and a YAML reader, while the base install has a size limit.
"""

from __future__ import annotations

import hashlib
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from yamabiko.engines.pip_settings import mask

if TYPE_CHECKING:
    import httpx

Kind = Literal["unreachable", "refused", "gated", "missing", "cut", "wrong"]
_RESUMES = 4
"""How often a transfer that is cut, but moves on each time, is taken up again within one call."""


class FetchFailed(Exception):
    """Why a file did not come, as one line of evidence."""

    def __init__(self, kind: Kind, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


class _Cut(Exception):
    """The transfer ended early; what came is kept."""


class _StartOver(Exception):
    """The server would not go on from where we were; what was there is gone."""


@dataclass(frozen=True)
class Patience:
    connect_s: float = 5.0
    read_s: float = 30.0
    """Longest silence."""
    window_s: float = 30.0
    window_bytes: int = 32 * 1024
    """Fewer bytes than this in a window, and the transfer counts as stalled: a trickle would never end."""


@dataclass(frozen=True)
class Wanted:
    url: str
    part: Path
    """Where the bytes gather; `<part>.json` beside it says which answer they are of."""
    size: int | None = None
    sha256: str | None = None
    limit_bytes: int = 1 << 40
    """Never take more than this, whatever the server says."""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Fetched:
    size: int
    sha256: str
    headers: Mapping[str, str]
    """Of the whole chain of redirects, the last word winning; empty if nothing had to be asked."""


@contextmanager
def open_client(
    environ: Mapping[str, str],
    patience: Patience,
) -> Iterator[httpx.Client]:
    """
    A client that follows redirects; httpx drops our token when one leads to another host.

    Raises: FetchFailed, if the certificates or the proxies of the environment make no sense.
    """
    import httpx

    try:
        authorities = next(
            (environ[name] for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE") if environ.get(name)), None
        )
        verify: ssl.SSLContext | bool = True
        if authorities:
            folder = Path(authorities).is_dir()
            verify = ssl.create_default_context(
                cafile=None if folder else authorities, capath=authorities if folder else None
            )
        client = httpx.Client(
            verify=verify,
            follow_redirects=True,
            timeout=httpx.Timeout(patience.read_s, connect=patience.connect_s),
            headers={"Accept-Encoding": "identity", "User-Agent": "yamabiko"},
        )
    except (OSError, ValueError, httpx.InvalidURL) as error:
        raise FetchFailed("unreachable", f"certificates or proxy: {type(error).__name__}: {error}") from None
    with client:
        yield client


def sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def check_reachable(url: str, within_s: float) -> None:
    """
    Connect once and hang up; give up after `within_s` for the name and all its addresses together.

    An HTTP client waits that long for each address, and without limit for the
    name: behind a firewall that swallows packets a person would wait a minute.
    Raises: FetchFailed (unreachable).
    """
    parts = urlsplit(url)
    address = (parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
    failure: list[OSError] = []

    def connect() -> None:
        try:
            socket.create_connection(address, timeout=within_s).close()
        except OSError as error:
            failure.append(error)

    thread = threading.Thread(target=connect, name="reach", daemon=True)
    thread.start()
    thread.join(within_s)
    if thread.is_alive():
        raise FetchFailed("unreachable", f"{address[0]}:{address[1]} did not answer within {within_s:g} s")
    if failure:
        raise FetchFailed("unreachable", f"{address[0]}:{address[1]}: {type(failure[0]).__name__}: {failure[0]}")


def fetch(client: httpx.Client, wanted: Wanted, came: Callable[[int], None], patience: Patience) -> Fetched:
    """
    Bring `wanted` to its `part`, whole and with the right hash; `came` hears how many bytes are there.

    What an earlier call left is taken up where its bytes can only be of the same
    file: the hash is known, or the server confirms it (If-Range). A resumed file
    with a wrong hash is fetched once more from the start, then refused and deleted.
    Raises: FetchFailed; OSError of the disk.
    """
    headers: dict[str, str] = {}
    for fresh in (False, True):
        if fresh:
            _forget(wanted.part)
        resumed = _size(wanted.part) > 0
        headers = {**headers, **_all_of_it(client, wanted, came, patience)}
        found, size = sha256_of(wanted.part), _size(wanted.part)
        if wanted.sha256 in (None, found):
            _meta(wanted.part).unlink(missing_ok=True)
            return Fetched(size, found, headers)
        if not resumed:
            break
    _forget(wanted.part)
    reason = f"wrong bytes: expected sha256 {wanted.sha256}, found {found} ({size} bytes); deleted"
    raise FetchFailed("wrong", reason)


def _all_of_it(
    client: httpx.Client, wanted: Wanted, came: Callable[[int], None], patience: Patience
) -> Mapping[str, str]:
    import httpx

    reason = ""
    for _ in range(_RESUMES + 1):
        before = _size(wanted.part)
        if wanted.sha256 and wanted.part.exists() and before == wanted.size:
            came(before)
            return {}
        try:
            return _one_try(client, wanted, came, patience)
        except _StartOver as over:
            reason = str(over)
            continue
        except _Cut as cut:
            reason = str(cut)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise FetchFailed("unreachable", f"{type(error).__name__}: {error}") from None
        except (httpx.TooManyRedirects, httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.ProxyError) as error:
            raise FetchFailed("refused", f"{type(error).__name__}: {error}") from None
        except httpx.HTTPError as error:
            reason = f"{type(error).__name__}: {error}"
        if _size(wanted.part) <= before:
            break
    raise FetchFailed("cut", mask(f"cut short after {_size(wanted.part)} of {wanted.size or '?'} bytes: {reason}"))


def _one_try(
    client: httpx.Client, wanted: Wanted, came: Callable[[int], None], patience: Patience
) -> Mapping[str, str]:
    start = _resumable(wanted)
    headers = dict(wanted.headers)
    if start:
        headers["Range"] = f"bytes={start}-"
        seen = _seen(wanted)
        if seen:
            headers["If-Range"] = seen
    with client.stream("GET", wanted.url, headers=headers) as answer:
        if start and (answer.status_code == 416 or (answer.status_code == 206 and not _continues(answer, start))):
            _forget(wanted.part)
            sent = answer.headers.get("content-range", "no range")
            raise _StartOver(f"asked for bytes from {start}: HTTP {answer.status_code}, {sent}")
        check_status(answer)
        if answer.status_code == 206 and not start:
            raise FetchFailed("refused", "HTTP 206: a piece of the file, which was not asked for")
        if answer.status_code == 200:
            start = 0
        _check_length(wanted, answer, start)
        etag = answer.headers.get("etag", "")
        _meta(wanted.part).write_text(json.dumps({"url": wanted.url, "etag": etag}), encoding="utf-8")
        _receive(wanted, answer, start, came, patience)
        merged: dict[str, str] = {}
        for response in (*answer.history, answer):
            merged.update({name.lower(): value for name, value in response.headers.items()})
        return merged


def check_status(answer: httpx.Response) -> None:
    """Raises: FetchFailed, if this is not an answer with the file in it."""
    status = answer.status_code
    if status in (200, 206):
        first = answer.history[0].url if answer.history else answer.url
        if first.scheme == "https" and answer.url.scheme != "https":
            raise FetchFailed("refused", f"redirected from https to {answer.url.scheme}://{answer.url.host}")
        encoding = answer.headers.get("content-encoding", "identity").lower()
        if encoding not in ("identity", ""):
            raise FetchFailed("refused", f"sent with Content-Encoding {encoding}, which was not asked for")
        return
    told = answer.headers.get("x-error-code") or answer.headers.get("x-error-message") or answer.reason_phrase
    kind: Kind = "gated" if status in (401, 403) else "missing" if status in (404, 410) else "refused"
    raise FetchFailed(kind, f"HTTP {status} {told[:200]}".strip())


def _continues(answer: httpx.Response, start: int) -> bool:
    return re.match(rf"bytes {start}-\d+/", answer.headers.get("content-range", "")) is not None


def _check_length(wanted: Wanted, answer: httpx.Response, start: int) -> None:
    said = answer.headers.get("content-length", "")
    total = start + int(said) if said.isdigit() else None
    if total is not None and wanted.size is not None and total != wanted.size:
        raise FetchFailed("wrong", f"the server has {total} bytes, expected {wanted.size}; not taken")
    if total is not None and total > wanted.limit_bytes:
        raise FetchFailed("refused", f"the server has {total} bytes, more than the {wanted.limit_bytes} we can take")


def _receive(
    wanted: Wanted, answer: httpx.Response, start: int, came: Callable[[int], None], patience: Patience
) -> None:
    limit = wanted.limit_bytes if wanted.size is None else wanted.size
    window_start, window_bytes = time.monotonic(), 0
    with wanted.part.open("ab" if start else "wb", buffering=0) as out:
        there = start
        came(there)
        for block in answer.iter_raw():  # as they come: gathered into blocks, a cut would lose the last one
            if there + len(block) > limit:
                out.truncate(0)
                raise FetchFailed("wrong", f"the server sent more than {limit} bytes; deleted")
            out.write(block)
            there += len(block)
            came(there)
            window_bytes += len(block)
            now = time.monotonic()
            if now - window_start >= patience.window_s:
                if window_bytes < patience.window_bytes:
                    raise _Cut(f"stalled: {window_bytes} bytes in {now - window_start:.0f} s")
                window_start, window_bytes = now, 0
    if wanted.size is not None and there != wanted.size:
        raise _Cut("the server said that this was all")


def _resumable(wanted: Wanted) -> int:
    """From which byte to go on; 0 if what is there may be of another file."""
    size = _size(wanted.part)
    if wanted.size is not None and size >= wanted.size:
        return 0
    return size if wanted.sha256 or _seen(wanted) else 0


def _seen(wanted: Wanted) -> str | None:
    """The strong ETag of the answer that the part is of, from this very URL."""
    try:
        meta = json.loads(_meta(wanted.part).read_text(encoding="utf-8"))
        etag = str(meta["etag"]) if meta["url"] == wanted.url else ""
    except (OSError, ValueError, KeyError, TypeError):
        return None  # no record: nothing to compare with
    return etag if etag.startswith('"') else None


def _size(part: Path) -> int:
    try:
        return part.stat().st_size
    except FileNotFoundError:
        return 0


def _meta(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _meta(part).unlink(missing_ok=True)
