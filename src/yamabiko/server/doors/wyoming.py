"""
Wyoming's door: Home Assistant and its like, on a TCP port of its own.

A connection carries any number of recordings, one after the other. What goes wrong
is told by an `error` event, and the connection ends with it: Home Assistant waits
for a transcript or for the end, and for nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from yamabiko import logs
from yamabiko.findings import Problem, our_bug
from yamabiko.formats.plain import receipt
from yamabiko.i18n import Text
from yamabiko.scheduling.turns import Cancelled, Ticket
from yamabiko.seams import continued, joined
from yamabiko.server.desk import STOPPING, Desk
from yamabiko.server.doors import wyoming_events as events
from yamabiko.server.doors.wyoming_events import Event, Gone
from yamabiko.server.doors.wyoming_info import info, own_model
from yamabiko.server.doors.wyoming_recording import Recording
from yamabiko.server.forms import Form
from yamabiko.server.problems import Refused, refused
from yamabiko.server.transcription_form import Asked, read
from yamabiko.speech import Segment, Transcript

IDLE_S = 300.0
"""So long a connection may stay open on which nothing happens."""
SILENCE_S = 60.0
"""So long a recording may pause: it holds a place in the queue."""
SEND_S = 30.0
"""So long a client may take to read what it asked for."""
LINGER_S = 10.0
"""So long an error waits to be read by a client that still sends."""
GRACE_S = 5.0
"""So long transcripts on their way may take when the server ends."""
_T = TypeVar("_T")


class WyomingDoor:
    """`open`, then `close`, both on the loop of the desk's server."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._server: asyncio.Server | None = None
        self._open: dict[asyncio.Task[None], _Connection] = {}

    async def open(self, ours: socket.socket) -> None:
        self._server = await asyncio.start_server(self._welcome, sock=ours, limit=events.LONGEST_LINE)

    async def close(self) -> None:
        """Nobody new comes in; who waits for a transcript gets it if that takes GRACE_S at most."""
        if self._server is not None:
            self._server.close()
        waiting = [task for task, connection in self._open.items() if connection.at_work]
        if waiting:
            await asyncio.wait(waiting, timeout=GRACE_S)
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(self._desk, reader, writer)
        task = asyncio.get_running_loop().create_task(connection.run(full=len(self._open) >= self._most))
        self._open[task] = connection
        task.add_done_callback(lambda done: self._open.pop(done, None))

    @property
    def _most(self) -> int:
        return 4 * self._desk.config.most_waiting


class _Connection:
    def __init__(self, desk: Desk, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._desk, self._reader, self._writer = desk, reader, writer
        name = writer.get_extra_info("peername")
        self._client = str(name[0]) if name else "local"
        self._wanted: dict[str, Any] = {}
        """What the last `transcribe` said; it is for one recording."""
        self._ahead: asyncio.Task[Event] | None = None
        self._said = ""
        self.at_work = False

    async def run(self, *, full: bool) -> None:
        try:
            if full:
                await self._fail(_busy())
            else:
                await self._serve()
        except (Gone, TimeoutError, ConnectionError):
            self._writer.transport.abort()
        except Problem as problem:
            await self._fail(problem)
        except asyncio.CancelledError:  # the server ends
            self._write("error", text=str(STOPPING), code="server-not-ready")
        except Exception as error:  # noqa: BLE001  a mistake of ours ends this connection and nothing else
            logs.event("bug", error=repr(error), route="wyoming")
            await self._fail(Problem(our_bug(error)))
        finally:
            await self._stop_reading()
            self._writer.close()

    async def _serve(self) -> None:
        while True:
            try:
                event = await self._next(IDLE_S)
            except TimeoutError:
                return
            if event.type in ("audio-start", "audio-chunk"):
                async with self._desk.place(self._client) as ticket, self._desk.folder() as folder:
                    await self._one_recording(event, ticket, folder)
            elif event.type == "audio-stop":
                await self._answer_nothing()
            else:
                await self._aside(event)

    async def _one_recording(self, first: Event, ticket: Ticket, folder: Path) -> None:
        """From its first event to its transcript. Raises: Problem, Gone, ConnectionError."""
        path = folder / "wyoming.wav"
        heard_anything = await self._take(first, path)
        wanted, self._wanted = self._wanted, {}
        if not heard_anything:
            await self._answer_nothing()
            return
        asked = _asked(wanted, self._desk)
        self.at_work = True
        try:
            transcript = await self._transcribe(path, asked, ticket)
            told = {"language": transcript.language, "yamabiko": receipt(transcript)}
            await self._send("transcript", text=transcript.text, **told)
            await self._send("transcript-stop")
        finally:
            self.at_work = False

    # ---- what comes in -------------------------------------------------------------------------------------------

    def _reading(self) -> asyncio.Task[Event]:
        """The next event, being read. Never cancelled in the middle, or half of a frame would be lost."""
        if self._ahead is None:
            self._ahead = asyncio.ensure_future(events.read(self._reader))
        return self._ahead

    async def _next(self, limit_s: float) -> Event:
        """Raises: TimeoutError, Gone, ConnectionError, Refused (event-malformed)."""
        reading = self._reading()
        await asyncio.wait({reading}, timeout=limit_s)
        if not reading.done():
            raise TimeoutError
        self._ahead = None
        return reading.result()

    async def _stop_reading(self) -> None:
        if self._ahead is not None:
            self._ahead.cancel()
            await asyncio.gather(self._ahead, return_exceptions=True)
            self._ahead = None

    async def _take(self, event: Event, path: Path) -> bool:
        """Until `audio-stop`. False: no sample came. Raises: Refused, Gone."""
        config, settings = self._desk.config, self._desk.settings
        recording = Recording(path, config.most_upload_bytes, settings.free_disk_bytes)
        try:
            while event.type != "audio-stop":
                if event.type == "audio-start":
                    recording.close()
                    recording = Recording(path, config.most_upload_bytes, settings.free_disk_bytes)
                    recording.announce(event.data)
                if event.type == "audio-chunk":
                    recording.chunk(event.data)
                    async with asyncio.timeout(SILENCE_S):
                        async for block in events.payload(self._reader, event):
                            await recording.add(block)
                else:
                    await self._aside(event)
                event = await self._next(SILENCE_S)
            await self._skip(event)
            return await recording.finish()
        except TimeoutError:
            raise _stalled(recording.bytes) from None
        finally:
            recording.close()

    async def _aside(self, event: Event) -> None:
        """What is no recording. Events that nobody here knows are passed over, as the protocol wants it."""
        await self._skip(event)
        if event.type == "describe":
            await self._send("info", **await asyncio.to_thread(info, self._desk))
        elif event.type == "ping":
            await self._send("pong", text=event.data.get("text"))
        elif event.type == "transcribe":
            self._wanted = event.data

    async def _skip(self, event: Event) -> None:
        async with asyncio.timeout(SILENCE_S):
            async for _ in events.payload(self._reader, event):
                pass

    # ---- work ----------------------------------------------------------------------------------------------------

    async def _transcribe(self, path: Path, asked: Asked, ticket: Ticket) -> Transcript:
        """Given up when the client goes away. Raises: Problem, Gone, ConnectionError."""
        wanted = await self._while_the_client_waits(asyncio.to_thread(self._desk.request, asked, ticket))
        loop = asyncio.get_running_loop()
        self._said = ""
        self._write("transcript-start", language=asked.options.language)

        def heard(segments: Sequence[Segment]) -> None:
            loop.call_soon_threadsafe(self._write_chunk, joined(segment.text for segment in segments))

        try:
            return await self._while_the_client_waits(self._desk.transcribe(path, "wyoming.wav", wanted, heard))
        except Cancelled:
            raise self._desk.stopping() from None

    async def _while_the_client_waits(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Meanwhile questions aside are answered; the first event that is none waits. Raises: Gone, as `work`."""
        task = asyncio.ensure_future(work)
        waits = False
        try:
            while not task.done():
                both: set[asyncio.Task[Any]] = {task} if waits else {task, self._reading()}
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
                if not waits and not task.done():
                    waits = self._reading().result().type not in ("ping", "describe")
                    if not waits:
                        await self._aside(await self._next(0))
            return await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    # ---- what goes out -------------------------------------------------------------------------------------------

    async def _answer_nothing(self) -> None:
        """Not one sample came: nobody can have said anything."""
        self._wanted = {}
        await self._send("transcript-start")
        await self._send("transcript", text="")
        await self._send("transcript-stop")

    async def _fail(self, problem: Problem) -> None:
        """Tells it and ends the connection, so that the client reads it though it may still be sending."""
        self._write("error", text=str(problem.finding.cause), code=problem.finding.id)
        await self._stop_reading()
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(LINGER_S):
                self._writer.write_eof()
                while await self._reader.read(events.BLOCK):
                    pass

    async def _send(self, kind: str, **data: Any) -> None:
        """Raises: TimeoutError, ConnectionError: nobody reads."""
        self._write(kind, **data)
        async with asyncio.timeout(SEND_S):
            await self._writer.drain()

    def _write(self, kind: str, **data: Any) -> None:
        if not self._writer.is_closing():
            self._writer.write(events.frame(kind, **data))

    def _write_chunk(self, text: str) -> None:
        if text:
            self._write("transcript-chunk", text=continued(self._said, text))
            self._said = text


def _asked(wanted: dict[str, Any], desk: Desk) -> Asked:
    """A `transcribe` event's words in ours. Raises: Refused (parameter-invalid, model-unknown)."""
    names = {"name": "model", "language": "language", "transcript_names": "keywords", "transcript_terms": "keywords"}
    fields: dict[str, list[str]] = {}
    for name, ours in names.items():
        value = wanted.get(name)
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(one, str) for one in values if one is not None):
            raise refused(
                "parameter-invalid",
                Text(f"“{name}” is no text.", f"「{name}」が文字列ではありません。"),
                f"wyoming: transcribe, {name} {str(value)[:100]}",
                param=name,
            )
        fields.setdefault(ours, []).extend(one for one in values if one)
    if fields["model"] == [own_model(desk)]:
        fields["model"] = []
    if not fields["language"] and desk.config.language is not None:
        fields["language"] = [desk.config.language]
    return read(Form(fields=fields), desk.default_wish())


def _stalled(taken: int) -> Refused:
    return refused(
        "upload-incomplete",
        Text(f"Nothing came for {SILENCE_S:.0f} s, and no audio-stop.", f"{SILENCE_S:.0f} 秒間何も届かず、audio-stop もありません。"),
        f"wyoming: {taken} bytes of samples had come",
    )  # fmt: skip


def _busy() -> Refused:
    return refused(
        "server-busy",
        Text("Too many connections are open.", "接続の数が上限に達しています。"),
        "wyoming: connections at their limit",
        retry_after_s=5,
    )
