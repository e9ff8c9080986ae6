"""
Who may come in: keys, and the names that the server is called by.

A page of the web, opened in a browser on this machine, could otherwise use a
server on loopback: its name is made to point here (then the Host header is a
stranger's), or it posts a form (then the Origin is).
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from yamabiko.findings import Remedy
from yamabiko.i18n import Text
from yamabiko.server.config import Config
from yamabiko.server.problems import refused

if TYPE_CHECKING:
    from fastapi import Request

OPEN = ("/health", "/ready")
"""Told without a key: a supervisor has none."""
_OWN_NAMES = ("localhost", "127.0.0.1", "::1")
_READING = ("GET", "HEAD", "OPTIONS")


class Gate:
    def __init__(self, config: Config) -> None:
        self._config = config
        self._names = {name.lower() for name in (*_OWN_NAMES, config.host, *config.hosts)}

    def admit(self, request: Request) -> str:
        """The client's name, for fairness and limits. Raises: Refused."""
        self._check_names(request)
        if not self._config.keys or request.url.path in OPEN:
            return request.client.host if request.client else "local"
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secret:
            raise refused(
                "key-missing",
                Text("This server wants a key.", "このサーバーにはキーが必要です。"),
                "header: no “Authorization: Bearer ...”",
                remedies=(Remedy(Text("Send it", "キーを送る"), "Authorization: Bearer KEY"),),
            )
        named = [
            key.name for key in self._config.keys if key.fits(secret.strip())
        ]  # all of them: the time tells nothing
        if not named:
            raise refused("key-unknown", Text("This key is not known here.", "このキーは登録されていません。"))
        return named[0]

    def _check_names(self, request: Request) -> None:
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
                    Remedy(Text("Allow the name", "名前を許可する"), f"yamabiko serve --allow_host {called[:100]}"),
                ),
            )
        origin = request.headers.get("origin")
        if origin is None or request.method in _READING:
            return
        if _host(origin) != called and _host(origin) not in self._config.hosts:
            raise refused(
                "origin-not-allowed",
                Text(
                    "A page from elsewhere asked for this; only this server's own may.",
                    "別のサイトのページからの要求です。このサーバー自身のページからだけ使えます。",
                ),
                f"header: origin {origin[:200]}",
            )


def _host(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").lower()
    except ValueError:
        return ""
