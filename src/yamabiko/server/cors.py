"""Pages of other origins that may use this server: those that are named, and for nobody else a header is ever sent."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

TOLD = (
    "x-yamabiko-device",
    "x-yamabiko-verdict",
    "x-yamabiko-finding",
    "x-yamabiko-model",
    "x-yamabiko-rtf",
    "retry-after",
)


class Cors:
    """Starlette's, for the origins that are named alone: it would answer preflights of all others too."""

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        self._app, self._origins = app, frozenset(origin.lower() for origin in origins)
        self._open = CORSMiddleware(
            app, allow_origins=list(self._origins), allow_methods=("GET", "POST", "DELETE"), allow_headers=("*",),
            expose_headers=TOLD,
        )  # fmt: skip

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        origin = Headers(scope=scope).get("origin", "") if scope["type"] == "http" else ""
        await (self._open if origin in self._origins else self._app)(scope, receive, send)
