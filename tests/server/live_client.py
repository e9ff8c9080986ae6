"""A client of live captions over a plain WebSocket."""

from __future__ import annotations

import base64
import functools
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy
from websockets.sync.client import ClientConnection, connect

from served import Served
from yamabiko.audio.decode import decode
from yamabiko.bundled import Clip, clips
from yamabiko.settings import Settings

EN = next(clip for clip in clips() if clip.language == "en")
JA = next(clip for clip in clips() if clip.language == "ja")
TRANSCRIPTION = "conversation.item.input_audio_transcription"
OVER = (f"{TRANSCRIPTION}.completed", f"{TRANSCRIPTION}.failed")
WAIT_S = 120


@functools.cache
def pcm(clip: Clip) -> bytes:
    """24 kHz PCM16 of a clip with a second of silence behind it, by linear interpolation."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.f32"
        decode(clip.path, path, Settings())
        sound = numpy.concatenate((numpy.fromfile(path, "<f4"), numpy.zeros(16_000, "<f4")))
    at = numpy.arange(sound.size * 3 // 2) * 2 / 3
    return (numpy.interp(at, numpy.arange(sound.size), sound) * 32767).astype("<i2").tobytes()


class Client:
    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def say(self, kind: str, **more: Any) -> None:
        self.socket.send(json.dumps({"type": kind, **more}))

    def hear(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.socket.recv(WAIT_S))
        return event

    def until(self, *kinds: str) -> list[dict[str, Any]]:
        events = [self.hear()]
        while events[-1]["type"] not in kinds:
            events.append(self.hear())
        return events

    def update(self, **sound: Any) -> dict[str, Any]:
        self.say("session.update", session={"type": "transcription", "audio": {"input": sound}})
        return self.until("session.updated", "error")[-1]

    def append(self, sound: bytes, size: int = 24_000) -> None:
        for at in range(0, len(sound), size):
            self.say("input_audio_buffer.append", audio=base64.b64encode(sound[at : at + size]).decode())


@contextmanager
def live(served: Served, query: str = "intent=transcription", **how: Any) -> Iterator[Client]:
    address = f"{served.url.replace('http', 'ws', 1)}/v1/realtime?{query}"
    with connect(address, proxy=None, **how) as socket:
        client = Client(socket)
        assert client.hear()["type"] in ("session.created", "transcription_session.created")
        yield client


def joined(events: list[dict[str, Any]]) -> str:
    return "".join(event["delta"] for event in events if event["type"] == f"{TRANSCRIPTION}.delta")
