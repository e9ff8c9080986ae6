"""
Who may come in: keys, and the names that the server is called by.

A page of the web, opened in a browser on this machine, could otherwise use a
server on loopback: its name is made to point here (then the Host header is a
stranger's), or it posts a form (then the Origin is).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from yamabiko.findings import Remedy
from yamabiko.i18n import Text
from yamabiko.server.config import Config, Key
from yamabiko.server.limits import KeyLimits
from yamabiko.server.problems import refused
from yamabiko.server.realtime.keys import LiveKeys, secret_of

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

OPEN = ("/health", "/ready", "/", "/docs", "/openapi.json")
"""Told without a key: a supervisor has none, nor has a browser that wants to read how to use one."""
_OWN_NAMES = ("localhost", "127.0.0.1", "::1")
_READING = ("GET", "HEAD", "OPTIONS")
_WORKING = ("POST", "WEBSOCKET")


class Gate:
    def __init__(self, config: Config, live_keys: LiveKeys) -> None:
        self._config = config
        self._live_keys = live_keys
        self._origins = {origin.lower() for origin in config.cors_origins}
        self._limits = {key: KeyLimits(key) for key in config.keys}
        self._names = {name.lower() for name in (*_OWN_NAMES, config.host, *config.hosts)}

    @contextmanager
    def admitted(self, request: HTTPConnection) -> Iterator[None]:
        """
        While a request is at work. Its state says whose it is (`client`) and how much may be sent (`most_upload_bytes`).

        Raises: Refused (key-missing, key-unknown, key-limit, host-not-allowed, origin-not-allowed).
        """
        key = self._key(request)
        request.state.client = key.name if key else request.client.host if request.client else "local"
        request.state.most_upload_bytes = (key.most_upload_bytes if key else 0) or self._config.most_upload_bytes
        if key is None or _method(request) not in _WORKING:  # only these bring work; looking on costs a client nothing
            yield
            return
        limits = self._limits[key]
        limits.enter()
        try:
            yield
        finally:
            limits.leave()

    def _key(self, request: HTTPConnection) -> Key | None:
        """Whose request it is; None where no key is asked for. Raises: Refused."""
        self._check_names(request)
        if not self._config.keys or request.url.path in OPEN:
            return None
        secret = secret_of(request)
        if not secret:
            raise refused(
                "key-missing",
                Text("This server wants a key.", "このサーバーにはキーが必要です。"),
                "header: no “Authorization: Bearer ...”",
                remedies=(Remedy(Text("Send it", "キーを送る"), "Authorization: Bearer KEY"),),
            )
        fitting = [key for key in self._config.keys if key.fits(secret)]  # all of them: the time tells nothing
        owner = self._live_keys.owner(request)
        fitting += [key for key in self._config.keys if key.name == owner]
        if not fitting:
            raise refused("key-unknown", Text("This key is not known here.", "このキーは登録されていません。"))
        return fitting[0]

    def _check_names(self, request: HTTPConnection) -> None:
        called = _host(f"//{request.headers.get('host', '')}")
        wild = "*" in self._config.hosts or self._config.host in ("0.0.0.0", "::")
        if not wild and called not in self._names:
            raise refused(
                "host-not-allowed",
                Text(
                    f"This server does not go by the name “{called[:100]}”.",
                    f"このサーバーは「{called[:100]}」という名前では呼び出せません。",
                ),
                f"header: host {request.headers.get('host', '')[:200]}",
                remedies=(
                    Remedy(Text("Allow the name", "名前を許可する"), f"yamabiko serve --allow-host {called[:100]}"),
                ),
            )
        origin = request.headers.get("origin")
        if origin is None or _method(request) in _READING or origin.lower() in self._origins:
            return
        if not _same(origin, request) and _host(origin) not in self._config.hosts:
            raise refused(
                "origin-not-allowed",
                Text(
                    "A page from elsewhere asked for this; only this server's own may.",
                    "別のサイトのページからの要求です。このサーバー自身のページからだけ使えます。",
                ),
                f"header: origin {origin[:200]}",
            )


def _same(origin: str, request: HTTPConnection) -> bool:
    """A page of this server's own address: another port of this machine is somebody else's program."""
    default = 443 if origin.lower().startswith("https:") else 80
    called = f"//{request.headers.get('host', '')}"
    return _host(origin) == _host(called) and _port(origin, default) == _port(called, default)


def _port(address: str, default: int) -> int | None:
    try:
        return urlsplit(address).port or default
    except ValueError:
        return None


def _method(request: HTTPConnection) -> str:
    return str(request.scope.get("method", "WEBSOCKET"))


def _host(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").lower()
    except ValueError:
        return ""
