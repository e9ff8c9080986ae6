"""
A package index on the loopback that serves wheels made here, and misbehaves on cue.

With it come engines small enough to be installed in a second: a CARD, a lock,
and a wheel that holds one module.
"""

from __future__ import annotations

import base64
import hashlib
import http.server
import io
import os
import sys
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from yamabiko.engines.contract import Card, Profile
from yamabiko.i18n import Text


def wheel(
    name: str,
    version: str = "1.0",
    files: Mapping[str, str | bytes] | None = None,
    tag: str = "py3-none-any",
    requires: Sequence[str] = (),
) -> tuple[str, bytes]:
    """File name and bytes of a wheel, as its specification says (PEP 427), RECORD with digests."""
    info = f"{name}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {one}\n" for one in requires)
    content: dict[str, str | bytes] = {
        **(files or {f"{name}/__init__.py": f"version = {version!r}\n"}),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record = ""
    for path, held in content.items():
        data = held if isinstance(held, bytes) else held.encode()
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        record += f"{path},sha256={digest},{len(data)}\n"
    content[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for path, held in content.items():
            archive.writestr(zipfile.ZipInfo(path, (2024, 1, 1, 0, 0, 0)), held)
    return f"{name}-{version}-{tag}.whl", file.getvalue()


def lock_line(file: tuple[str, bytes]) -> str:
    name, version = file[0].removesuffix(".tar.gz").split("-")[:2]
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(file[1]).hexdigest()}\n"


def engine(lock: Path, *imports: str, library_packages: tuple[str, ...] = ()) -> Card:
    """A CARD whose only profile is made from `lock`."""
    words = Text("an engine for a test", "テスト用のエンジン")
    profile = Profile("cpu", str(lock), ("cpu",), library_packages)
    return Card(
        "tiny", "transcribe", words, "tiny", imports or ("tiny",), "MIT", "en", frozenset(), None, None, (), (profile,)
    )


class Index(http.server.ThreadingHTTPServer):
    """`mode`: ok, a status (404), hang (no answer), stall (half of a file, then none), cut (half, then closed)."""

    daemon_threads = True

    def __init__(self, *files: tuple[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = dict(files)
        self.mode = "ok"
        self.spared = 0
        """So many files are sent as they should be before `mode` holds for them."""
        self.credentials = ""
        """`name:password` that every request must carry."""
        self.asked: list[str] = []
        self.waits = threading.Event()
        """Set when a client waits for what does not come."""
        self.go_on = threading.Event()
        """Ends all waiting: half a file is then followed by the other half."""

    @property
    def sent(self) -> list[str]:
        """Names of the files that were asked for, in order."""
        return [path.rsplit("/", 1)[-1] for path in self.asked if path.startswith("/files/")]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/simple"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what half of these tests are about."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Index
    protocol_version = "HTTP/1.0"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        index, path = self.server, self.path.split("?")[0]
        index.asked.append(path)
        wanted = f"Basic {base64.b64encode(index.credentials.encode()).decode()}"
        if index.credentials and self.headers.get("Authorization") != wanted:
            self.send_error(401)
        elif index.mode.isdigit():
            self.send_error(int(index.mode))
        elif index.mode == "hang":
            index.waits.set()
            index.go_on.wait(60)
        elif path.startswith("/simple/"):
            package = path.split("/")[2]
            distribution = package.replace("-", "_")
            links = [
                f'<a href="/files/{name}">{name}</a>' for name in index.files if name.startswith(f"{distribution}-")
            ]
            self._send("".join(links).encode() if links else None)
        else:
            mode = "ok" if index.spared > 0 else index.mode
            index.spared -= 1
            self._send(index.files.get(path.rsplit("/", 1)[-1]), mode)

    do_HEAD = do_GET

    def _send(self, body: bytes | None, mode: str = "ok") -> None:
        if body is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if body.startswith(b"<") else "application/octet-stream")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        half = len(body) // 2
        self.wfile.write(body[:half])
        if mode == "cut":
            return
        if mode == "stall":
            self.wfile.flush()
            self.server.waits.set()
            self.server.go_on.wait(60)
        self.wfile.write(body[half:])


@contextmanager
def serving(*files: tuple[str, bytes]) -> Iterator[Index]:
    index = Index(*files)
    thread = threading.Thread(target=index.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield index
    finally:
        index.go_on.set()
        index.shutdown()
        index.server_close()
        thread.join()


def clean_environment(folder: Path, index_url: str | None) -> dict[str, str]:
    """An environment without anything this machine's user set for pip, uv or yamabiko."""
    dropped = ("PIP_", "UV_", "PYTHON", "VIRTUAL_ENV", "CONDA_", "YAMABIKO_", "SSL_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(dropped) and not k.lower().endswith("_proxy")}
    given = {
        "HOME": str(folder / "user"),
        "XDG_CONFIG_HOME": str(folder / "user/.config"),
        "XDG_CACHE_HOME": str(folder / "user/.cache"),
        "PIP_CONFIG_FILE": os.devnull,
        "UV_CACHE_DIR": str(folder / "uv-cache"),
        "UV_NO_CONFIG": "1",
        "UV_HTTP_RETRIES": "0",
        "YAMABIKO_HOME": str(folder / "home"),
        "YAMABIKO_FREE_DISK_BYTES": "0",
    }
    return {**kept, **given, **({"PIP_INDEX_URL": index_url} if index_url else {})}


def main() -> None:
    """`python package_index.py LOCK`: install the tiny engine in this process, a line for each step."""
    from yamabiko import settings
    from yamabiko.engines import environments

    card = engine(Path(sys.argv[1]))
    made = environments.install(
        card, settings.current(), progress=lambda step: print(step.what.en, step.done, step.total, flush=True)
    )
    print("ready", made.path, flush=True)


if __name__ == "__main__":
    main()
