"""The server process: a socket of ours, uvicorn on it, and an end that leaves nothing behind."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator

import uvicorn

from yamabiko import logs
from yamabiko.server.app import create_app
from yamabiko.server.config import Config
from yamabiko.server.desk import Say
from yamabiko.server.realtime.live import Live
from yamabiko.settings import Settings

STOP_S = 10
"""How long answers on their way may take when the server is asked to end; the rest is cancelled."""


class _Server(uvicorn.Server):
    """One that takes SIGINT and SIGTERM for what they are to a server: its usual end. `live` hears of it first."""

    def __init__(self, config: uvicorn.Config, live: Live) -> None:
        super().__init__(config)
        self._live = live

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._live.close()
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


class CannotListen(OSError):
    """An address that cannot be had, and the option that asked for it."""

    def __init__(self, error: OSError, option: str, host: str, port: int) -> None:
        super().__init__(error.errno, str(error))
        self.option, self.host, self.port = option, host, port


def serve(config: Config, settings: Settings, listening: Callable[[str], None], say: Say) -> None:
    """
    Listens until SIGINT or SIGTERM; `listening` is told each address, HTTP's first, and `say` how the start goes on.

    Raises: CannotListen; Problem (bind-without-key).
    """
    config.check()
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(_listen("--port", config.host, config.port))
        wyoming = None
        if config.wyoming_port is not None:
            wyoming = stack.enter_context(_listen("--wyoming-port", config.wyoming_host, config.wyoming_port))
        listening(_address("http", ours))
        if wyoming is not None:
            listening(_address("tcp", wyoming))
        app = create_app(config, settings, wyoming, say)
        server = _Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=STOP_S,
            ),
            app.state.live,
        )
        server.run(sockets=[ours])


def _listen(option: str, host: str, port: int) -> socket.socket:
    """Raises: CannotListen."""
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=128
        )
    except OSError as error:
        raise CannotListen(error, option, host, port) from None


def _address(scheme: str, ours: socket.socket) -> str:
    host, port = ours.getsockname()[:2]
    logs.event("listening", scheme=scheme, host=host, port=port)
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
