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
from yamabiko.settings import Settings

STOP_S = 10
"""How long answers on their way may take when the server is asked to end; the rest is cancelled."""


class _Server(uvicorn.Server):
    """One that takes SIGINT and SIGTERM for what they are to a server: its usual end."""

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


def serve(config: Config, settings: Settings, listening: Callable[[str], None]) -> None:
    """Listens until SIGINT or SIGTERM. Raises: OSError, if the address cannot be had; Problem (bind-without-key)."""
    config.check()
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as ours:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        ours.bind((config.host, config.port))
        ours.listen(128)
        host, port = ours.getsockname()[:2]
        shown = f"[{host}]" if family == socket.AF_INET6 else host
        logs.event("listening", host=host, port=port)
        listening(f"http://{shown}:{port}")
        server = _Server(
            uvicorn.Config(
                create_app(config, settings),
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=STOP_S,
            )
        )
        server.run(sockets=[ours])
