"""The server's sockets: opened before anything large is read, so that whoever asks early waits and is not refused."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING

from yamabiko import logs
from yamabiko.server.config import Config
from yamabiko.settings import Settings

if TYPE_CHECKING:
    from yamabiko.server.desk import Say


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
    with contextlib.suppress(_EndedEarly), _ends_as_usual(), contextlib.ExitStack() as stack:
        ours = stack.enter_context(_listen("--port", config.host, config.port))
        wyoming = None
        if config.wyoming_port is not None:
            wyoming = stack.enter_context(_listen("--wyoming-port", config.wyoming_host, config.wyoming_port))
        listening(_address("http", ours))
        if wyoming is not None:
            listening(_address("tcp", wyoming))
        from yamabiko.server.running import run

        run(config, settings, ours, wyoming, say)


class _EndedEarly(BaseException):
    """A signal came before anything stood that takes signals."""


@contextlib.contextmanager
def _ends_as_usual() -> Iterator[None]:
    """SIGINT and SIGTERM are a server's usual end also before uvicorn takes them over."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        raise _EndedEarly

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
