"""
Frames over a socket, for both sides.

Three outcomes that are never mixed up: the other side ended (`Ended`), it fell
silent (`Silent`), it spoke nonsense (`Nonsense`).
"""

from __future__ import annotations

import json
import select
import socket
import sys
import threading
import time
from typing import Any

from yamabiko.records import Malformed, from_plain, to_plain
from yamabiko.workers.messages import BY_NAME, Message

LONGEST_LINE = 8 * 1024 * 1024
LARGEST_PAYLOAD = 64 * 1024 * 1024


class Ended(Exception):
    """The other side closed the channel, or its process ended."""


class Silent(Exception):
    """Nothing came within the time given."""


class Nonsense(Exception):
    """What came is not a message; the text says what it was."""


class Channel:
    """
    One end of a conversation. Any thread may send; one thread receives.
    """

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._received = bytearray()
        self._sending = threading.Lock()

    def send(self, message: Message, payload: bytes = b"") -> None:
        """Raises: Ended."""
        head: dict[str, Any] = {"type": type(message).__name__, "payload": len(payload), **to_plain(message)}
        line = json.dumps(head, ensure_ascii=False, separators=(",", ":"))
        frame = line.encode("utf-8", "surrogatepass") + b"\n" + payload
        try:
            with self._sending:
                self._socket.sendall(frame)
        except OSError as error:
            raise Ended(f"cannot send: {error}") from None

    def receive(self, timeout_s: float | None = None) -> tuple[Message, bytes]:
        """
        The next message with its payload; what came of a frame so far is kept when time runs out.

        Raises: Ended, Silent, Nonsense.
        """
        # One limit for the whole frame: a byte now and then is no answer.
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            frame = self._take_frame()
            if frame is not None:
                return frame
            self._read_more(None if deadline is None else max(0.0, deadline - time.monotonic()))

    def close(self) -> None:
        self._socket.close()

    def _read_more(self, timeout_s: float | None) -> None:
        try:
            if timeout_s is not None and not _is_readable(self._socket, timeout_s):
                raise Silent("no message in the time given")
            block = self._socket.recv(256 * 1024)
        except (OSError, ValueError) as error:  # ValueError: closed by another thread
            raise Ended(f"cannot receive: {error}") from None
        if not block:
            raise Ended("closed")
        self._received += block

    def _take_frame(self) -> tuple[Message, bytes] | None:
        end = self._received.find(b"\n", 0, LONGEST_LINE)
        if end < 0:
            if len(self._received) >= LONGEST_LINE:
                raise Nonsense(f"a line longer than {LONGEST_LINE} bytes: {bytes(self._received[:60])!r}")
            return None
        line = bytes(self._received[:end])
        message, size = _parse(line)
        if len(self._received) < end + 1 + size:
            return None
        payload = bytes(self._received[end + 1 : end + 1 + size])
        del self._received[: end + 1 + size]
        return message, payload


def _is_readable(end: socket.socket, timeout_s: float) -> bool:
    if sys.platform == "win32":  # not verified: there select() counts sockets and has no highest number
        return bool(select.select([end], [], [], timeout_s)[0])
    poll = select.poll()  # select() knows descriptors up to 1023 only, and a server has more
    poll.register(end, select.POLLIN)
    return bool(poll.poll(timeout_s * 1000))


def _parse(line: bytes) -> tuple[Message, int]:
    try:
        head = json.loads(line.decode("utf-8", "surrogatepass"))
        size = head["payload"]
        if type(size) is not int or not 0 <= size <= LARGEST_PAYLOAD:
            raise Malformed(f"payload of {size!r} bytes")
        return from_plain(BY_NAME[head["type"]], head), size
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Nonsense(f"{line[:120]!r}: {error}") from None
