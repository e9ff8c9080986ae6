"""
Wyoming's frames: a line of JSON, then data, then a payload, each announced with its length.

The protocol's own package reads as much as a stranger announces, and takes a broken
frame for the end of the connection. Here everything has a limit, a payload is read
in blocks, and what is broken is told.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from yamabiko import __version__
from yamabiko.i18n import Text
from yamabiko.server.problems import Refused, refused

LONGEST_LINE = 1 << 16
LONGEST_DATA = 1 << 20
BLOCK = 1 << 16


class Gone(Exception):
    """The client closed the connection, or its half of it."""


@dataclass(slots=True)
class Event:
    type: str
    data: dict[str, Any] = field(default_factory=dict)
    payload_bytes: int = 0
    """So many bytes follow, and must be read before the next event."""


async def read(stream: asyncio.StreamReader) -> Event:
    """The next event, its payload still unread. Raises: Gone; Refused (event-malformed)."""
    try:
        line = await stream.readuntil(b"\n")
    except asyncio.IncompleteReadError:
        raise Gone from None
    except asyncio.LimitOverrunError:
        raise malformed(f"no end of line in {LONGEST_LINE} bytes") from None
    head = _object(line, "the line")
    kind = head.get("type")
    if not isinstance(kind, str):
        raise malformed("the line has no “type”")
    data = head.get("data") or {}
    if not isinstance(data, dict):
        raise malformed("“data” is no object")
    more = _length(head, "data_length")
    if more > LONGEST_DATA:
        raise malformed(f"data_length {more}: at most {LONGEST_DATA} bytes are read")
    if more:
        data |= _object(await _exactly(stream, more), "data")
    return Event(kind, data, _length(head, "payload_length"))


async def payload(stream: asyncio.StreamReader, event: Event) -> AsyncIterator[bytes]:
    """Its blocks, each of at most BLOCK bytes. Raises: Gone."""
    while event.payload_bytes:
        block = await stream.read(min(event.payload_bytes, BLOCK))
        if not block:
            raise Gone
        event.payload_bytes -= len(block)
        yield block


def frame(kind: str, **data: Any) -> bytes:
    """An event without a payload, ready to be sent. What is None is left out."""
    body = json.dumps({key: value for key, value in data.items() if value is not None}, ensure_ascii=False).encode(
        "utf-8", "replace"
    )
    line = json.dumps({"type": kind, "version": __version__, "data_length": len(body)})
    return line.encode() + b"\n" + body


def malformed(why: str) -> Refused:
    return refused(
        "event-malformed",
        Text("What was sent is no event of the Wyoming protocol.", "Wyomingプロトコルのイベントとして読めません。"),
        f"wyoming: {why}",
    )


async def _exactly(stream: asyncio.StreamReader, count: int) -> bytes:
    try:
        return await stream.readexactly(count)
    except asyncio.IncompleteReadError:
        raise Gone from None


def _object(text: bytes, what: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise malformed(f"{what} is no JSON") from None
    if not isinstance(found, dict):
        raise malformed(f"{what} is no JSON object")
    return found


def _length(head: dict[str, Any], name: str) -> int:
    value = head.get(name) or 0
    if not isinstance(value, int) or value < 0:
        raise malformed(f"{name} is no number of bytes")
    return int(value)
