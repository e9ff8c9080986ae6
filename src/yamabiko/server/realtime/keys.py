"""
Short-lived keys for live sessions: what a page in a browser is given, so that it never holds the real one.

Only what they hash to is kept, in memory, until they expire. They open the
realtime WebSocket and nothing else.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yamabiko.i18n import Text
from yamabiko.server.problems import refused
from yamabiko.server.realtime.session_settings import LiveSettings

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

PATH = "/v1/realtime"
MOST = 10_000
"""Keys at a time: a client in a loop must not fill the memory."""
SUBPROTOCOL = "openai-insecure-api-key."
"""How a browser, which can set no header, sends a key to a WebSocket."""


@dataclass(frozen=True, slots=True)
class LiveKey:
    owner: str
    """Name of the real key."""
    expires_at: float
    settings: LiveSettings


class LiveKeys:
    def __init__(self) -> None:
        self._by_hash: dict[str, LiveKey] = {}

    def mint(self, owner: str, seconds: float, settings: LiveSettings) -> tuple[str, int]:
        """The key, told this once, and when it expires in seconds since 1970. Raises: Refused (server-busy)."""
        now = time.time()
        self._by_hash = {name: key for name, key in self._by_hash.items() if key.expires_at > now}
        if len(self._by_hash) >= MOST:
            cause = Text("Too many short-lived keys are in use.", "短期キーの発行数が上限に達しています。")
            raise refused("server-busy", cause, f"server: {MOST} short-lived keys", retry_after_s=60)
        secret = f"ek_{secrets.token_hex(24)}"
        self._by_hash[_hash(secret)] = LiveKey(owner, now + seconds, settings)
        return secret, int(now + seconds)

    def find(self, secret: str) -> LiveKey | None:
        """By its hash, so the time that it takes tells nothing of the key."""
        key = self._by_hash.get(_hash(secret))
        return key if key is not None and key.expires_at > time.time() else None

    def owner(self, connection: HTTPConnection) -> str | None:
        """Whose short-lived key this WebSocket brings, if it brings one."""
        if connection.scope["type"] != "websocket" or connection.url.path != PATH:
            return None
        key = self.find(secret_of(connection))
        return key.owner if key else None


def secret_of(connection: HTTPConnection) -> str:
    """From the header, or from a WebSocket's subprotocols; empty if there is none."""
    scheme, _, secret = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and secret.strip():
        return secret.strip()
    offered = connection.scope.get("subprotocols") or []
    return next((name.removeprefix(SUBPROTOCOL) for name in offered if name.startswith(SUBPROTOCOL)), "")


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
