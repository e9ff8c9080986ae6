"""The addresses of live sessions, and all sessions that there are."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket, WebSocketDisconnect

from yamabiko.findings import Problem
from yamabiko.i18n import Text
from yamabiko.scheduling.pool import Pool
from yamabiko.server import problems
from yamabiko.server.desk import Desk
from yamabiko.server.problems import refused
from yamabiko.server.realtime import events
from yamabiko.server.realtime.keys import PATH, LiveKeys, secret_of
from yamabiko.server.realtime.session import Session, request
from yamabiko.server.realtime.session_settings import LiveSettings, from_old
from yamabiko.server.realtime.work import Work
from yamabiko.server.sitting import desk_of
from yamabiko.settings import Settings

router = APIRouter(tags=["OpenAI"])

EXPIRES_S = 600
SHORTEST_S, LONGEST_S = 10, 7200
MOST_BODY_BYTES = 1 << 20


class Live:
    """Kept by the application."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.keys = LiveKeys()
        self._sessions: set[Session] = set()
        self._finders: Pool | None = None

    @asynccontextmanager
    async def place(self, session: Session, most: int) -> AsyncIterator[Pool]:
        """The speech finders of live sessions, which go with the last of them. Raises: Refused (server-busy)."""
        if len(self._sessions) >= most:
            raise refused(
                "server-busy",
                Text(
                    f"{len(self._sessions)} live sessions are open, as many as this server takes.",
                    f"ライブセッションが {len(self._sessions)} 件あり、上限に達しています。",
                ),
                f"server: {len(self._sessions)} of {most} live sessions",
                retry_after_s=30,
            )
        self._sessions.add(session)
        self._finders = self._finders or Pool(self._settings)
        try:
            yield self._finders
        finally:
            self._sessions.discard(session)
            if not self._sessions and self._finders is not None:
                finders, self._finders = self._finders, None
                await asyncio.to_thread(finders.close)

    async def close(self) -> None:
        """Tells every client that the server goes away."""
        await asyncio.gather(*(session.close() for session in list(self._sessions)))


def live_of(connection: HTTPConnection) -> Live:
    live: Live = connection.app.state.live
    return live


@router.websocket(PATH)
async def realtime(socket: WebSocket) -> None:
    desk: Desk = socket.app.state.desk
    live = live_of(socket)
    offered = socket.scope.get("subprotocols") or []
    old = "openai-beta.realtime-v1" in offered or "realtime=v1" in socket.headers.get("openai-beta", "")
    try:
        async with AsyncExitStack() as stack:
            key = live.keys.find(secret_of(socket))
            settings = key.settings if key else _settings(desk, socket.query_params.get("model"))
            session = Session(socket, desk, settings, old=old)
            ticket = await stack.enter_async_context(desk.place(socket.state.client))
            finders = await stack.enter_async_context(live.place(session, max(1, desk.config.most_waiting // 2)))
            folder = await stack.enter_async_context(desk.folder())
            threads = ThreadPoolExecutor(2, thread_name_prefix="live")
            stack.push_async_callback(asyncio.to_thread, threads.shutdown)
            wanted = await request(desk, settings, ticket)
            await socket.accept("realtime" if "realtime" in offered else None)
            session.begin(Work(wanted, settings, desk.pool, finders, folder, session.send, threads, desk.metrics))
            await session.run(desk.settings.live_idle_s)
    except Problem as problem:
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):  # the client went first
            await socket.send_denial_response(
                JSONResponse(problems.body(problem), problems.status(problem.finding), problems.headers(problem))
            )
    except WebSocketDisconnect:
        pass


@router.post(f"{PATH}/client_secrets")
async def client_secret(request: Request) -> dict[str, Any]:
    """A short-lived key for a browser, with the session that it opens."""
    asked = await _body(request)
    expires = asked.get("expires_after") or {}
    seconds = expires.get("seconds", EXPIRES_S) if isinstance(expires, dict) else None
    if not isinstance(seconds, int) or not SHORTEST_S <= seconds <= LONGEST_S:
        rule = Text(
            f"expires_after.seconds is a number of {SHORTEST_S} - {LONGEST_S}.",
            f"expires_after.seconds は {SHORTEST_S} - {LONGEST_S} の整数です。",
        )
        raise refused("parameter-invalid", rule, f"body: {str(expires)[:100]}", param="expires_after.seconds")
    settings, _ = _settings(desk_of(request)).updated(asked.get("session"))
    value, expires_at = _mint(request, seconds, settings)
    session = settings.plain(events.new_id("sess"), _model(request, settings))
    return {"value": value, "expires_at": expires_at, "session": {**session, "expires_at": expires_at}}


@router.post(f"{PATH}/transcription_sessions")
async def transcription_session(request: Request) -> dict[str, Any]:
    """The same in the API's older shape."""
    settings, _ = _settings(desk_of(request)).updated(from_old(await _body(request)))
    value, expires_at = _mint(request, EXPIRES_S, settings)
    session = settings.plain_old(events.new_id("sess"), _model(request, settings))
    return {**session, "client_secret": {"value": value, "expires_at": expires_at}}


def _settings(desk: Desk, model: str | None = None) -> LiveSettings:
    """Before the client has said anything."""
    return LiveSettings(model=model, assumed_language=desk.config.language)


def _mint(request: Request, seconds: float, settings: LiveSettings) -> tuple[str, int]:
    settings.asked(desk_of(request).default_wish())  # what cannot be had is told now, not to the browser
    return live_of(request).keys.mint(request.state.client, seconds, settings)


def _model(request: Request, settings: LiveSettings) -> str:
    desk = desk_of(request)
    return settings.model or desk.config.model or desk.config.engine


async def _body(request: Request) -> dict[str, Any]:
    """Raises: Refused (parameter-invalid)."""
    read = b""
    async for part in request.stream():
        read += part
        if len(read) > MOST_BODY_BYTES:
            break
    try:
        found = json.loads(read or b"{}") if len(read) <= MOST_BODY_BYTES else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        cause = Text("The body is a JSON object of at most 1 MiB.", "本文は 1 MiB 以下の JSON オブジェクトです。")
        raise refused("parameter-invalid", cause, f"body: {len(read)} bytes", param="session")
    return found
