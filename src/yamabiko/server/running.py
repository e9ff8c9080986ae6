"""uvicorn on a socket of ours, with an end that leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import threading
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

from yamabiko import logs
from yamabiko.server.app import create_app
from yamabiko.server.config import Config
from yamabiko.server.desk import STOP_S, Say
from yamabiko.settings import Settings


class _Server(uvicorn.Server):
    """One that takes SIGINT and SIGTERM for what they are to a server: its usual end, of which its rooms hear first."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.desk.leave()
        await self._app.state.live.close()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class _Told(logging.Handler):
    """uvicorn's own lines are events like ours, seen where ours are: anybody can make it say that a request was invalid."""

    def emit(self, record: logging.LogRecord) -> None:
        logs.event("uvicorn", level=record.levelname, said=record.getMessage()[:300].splitlines()[0])


def run(config: Config, settings: Settings, ours: socket.socket, wyoming: socket.socket | None, say: Say) -> None:
    """Until SIGINT or SIGTERM; a second one ends what is at work at once."""
    uvicorn_says = logging.getLogger("uvicorn")
    uvicorn_says.handlers, uvicorn_says.propagate = [_Told()], False
    app = create_app(config, settings, wyoming, say)
    server = _Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=STOP_S,
        ),
        app,
    )
    with contextlib.suppress(asyncio.CancelledError):  # by a second Ctrl-C
        server.run(sockets=[ours])
