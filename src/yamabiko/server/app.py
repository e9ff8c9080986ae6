"""The routes put together, with what holds for all of them: who may come in, and how failures are told."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from yamabiko import __version__, logs
from yamabiko.findings import Problem, our_bug
from yamabiko.i18n import Text
from yamabiko.server import docs_page, jobs_api, native_api, openai_api, openapi, problems
from yamabiko.server.config import Config
from yamabiko.server.cors import Cors
from yamabiko.server.desk import Desk, Say
from yamabiko.server.doors import asr, whisper_cpp
from yamabiko.server.doors.wyoming import WyomingDoor
from yamabiko.server.gate import Gate
from yamabiko.server.metrics import Counted
from yamabiko.server.realtime import live as realtime
from yamabiko.server.realtime.live import Live
from yamabiko.settings import Settings

ROUTERS = (
    openai_api.router, jobs_api.router, native_api.router, asr.router, whisper_cpp.router, realtime.router,
)  # fmt: skip
MOST_ASIDE = 32
"""Threads for what would hold the event loop up: files, looks at the machine, downloads of models."""


def create_app(
    config: Config, settings: Settings, wyoming: socket.socket | None = None, say: Say = lambda _: None
) -> FastAPI:
    """
    Everything over HTTP, and Wyoming where it has a socket. The desk opens with the application and closes with it.

    `say` is told what whoever started the server should read.
    """

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        aside = ThreadPoolExecutor(MOST_ASIDE, thread_name_prefix="aside")
        asyncio.get_running_loop().set_default_executor(aside)
        desk = Desk(config, settings, say)
        app.state.desk = desk
        desk.start()
        door = WyomingDoor(desk)
        if wyoming is not None:
            await door.open(wyoming)
        try:
            yield
        finally:
            await door.close()
            desk.close()

    app = FastAPI(title="yamabiko", version=__version__, lifespan=life, docs_url=None, redoc_url=None)
    app.state.live = live = Live(settings)
    app.add_middleware(_Admission, gate=Gate(config, live.keys))
    app.add_middleware(Counted, metrics=lambda: app.state.desk.metrics)
    if config.cors_origins:
        app.add_middleware(Cors, origins=config.cors_origins)

    @app.exception_handler(Problem)
    async def told(request: Request, problem: Problem) -> Response:
        return tell(problem)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        methods = ", ".join(_methods(request) if error.status_code == 405 else ())
        answer = tell(_no_route(request, error.status_code, methods))
        answer.headers.update({**(error.headers or {}), **({"allow": methods} if methods else {})})
        return answer

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return tell(problems.invalid_request(error.errors()))

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> Response:
        logs.event("bug", error=repr(error), route=request.url.path)
        return tell(Problem(our_bug(error)))

    @app.get("/", include_in_schema=False)
    async def front() -> Response:
        return RedirectResponse("/docs")

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> Response:
        return docs_page.answer(request)

    for router in ROUTERS:
        app.include_router(router)

    @app.websocket("/{path:path}")
    async def nowhere(socket: WebSocket, path: str) -> None:
        await socket.send_denial_response(tell(_no_route(socket, 404)))

    app.openapi = openapi.describe(app)  # type: ignore[method-assign]
    return app


class _Admission:
    """Asks the gate before anything else. Plain ASGI: what wraps the request would hide that its client went away."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app, self._gate = app, gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        request = HTTPConnection(scope)
        with ExitStack() as stack:
            try:
                stack.enter_context(self._gate.admitted(request))
            except Problem as problem:
                await tell(problem)(scope, receive, send)
                return
            await self._app(scope, receive, send)


def tell(problem: Problem) -> Response:
    return JSONResponse(
        problems.body(problem), status_code=problems.status(problem.finding), headers=problems.headers(problem)
    )


def _methods(request: Request) -> list[str]:
    """All that this address takes: several routes may share it."""
    found: set[str] = set()
    for route in (route for router in ROUTERS for route in router.routes):
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
            found |= route.methods or set()
    return sorted(found)


def _no_route(request: HTTPConnection, code: int, methods: str = "") -> Problem:
    """`methods`: those that the address takes, where it is one."""
    asked = f"{request.scope.get('method', 'WebSocket')} {request.url.path}"[:200]
    if code == 405:
        return problems.refused(
            "method-not-allowed",
            Text(f"{asked}: this address takes {methods}.", f"{asked}: この宛先で使えるメソッドは {methods} です。"),
            f"request: {asked}",
        )
    return problems.refused(
        "route-unknown",
        Text(
            f"Nothing is at {asked}. GET /docs shows what there is.",
            f"{asked} はありません。一覧は GET /docs にあります。",
        ),
        f"request: {asked}",
    )
