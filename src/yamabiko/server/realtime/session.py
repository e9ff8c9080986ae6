"""
One live session: sound comes in, turns are found in it, their text goes out.

Three tasks share it: one reads what the client sends, one listens for speech,
one writes. Each waits for the workers on threads of this session alone. What the
client does wrong is told and survived; when it goes away, all of it ends.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import json
from dataclasses import replace
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from yamabiko import logs
from yamabiko.findings import Finding, Problem, our_bug
from yamabiko.i18n import Text
from yamabiko.scheduling.turns import Cancelled, Ticket
from yamabiko.server.desk import Desk
from yamabiko.server.problems import Refused, refused
from yamabiko.server.realtime import captions, events
from yamabiko.server.realtime.ears import MOST_AT_ONCE, Ears
from yamabiko.server.realtime.events import Event
from yamabiko.server.realtime.scribe import Scribe, Turn
from yamabiko.server.realtime.session_settings import LiveSettings, from_old
from yamabiko.server.realtime.sound import Decoder
from yamabiko.server.realtime.turn_detection import WINDOW, ServerVad, TurnDetector
from yamabiko.server.realtime.work import Work
from yamabiko.speech import SAMPLE_RATE, Span
from yamabiko.transcription.pipeline import Request

LONGEST_TURN = 600 * SAMPLE_RATE
MOST_HELD = 1200 * SAMPLE_RATE
"""Sound that is not text yet, in samples: 77 MB. A client that is faster than that waits, and nothing is lost."""
MOST_APPEND = 15 * 2**20
LISTEN_AFTER = 3 * WINDOW
INLINE = 1 << 18
"""Characters of base64 that are decoded without a thread: 4 s of sound."""
GOING_AWAY, BROKEN, NORMAL = 1001, 1011, 1000


class Session:
    """`run` it once; `close` it from another task."""

    def __init__(self, socket: WebSocket, desk: Desk, settings: LiveSettings, *, old: bool) -> None:
        self._socket = socket
        self._desk = desk
        self._old = old
        """The client speaks the API's older names."""
        self.id = events.new_id("sess")
        self._settings = settings
        self._decoder = Decoder(settings.format)
        self._before: str | None = None
        self._turn: Turn | None = None
        """In which somebody speaks now."""
        self._turn_id = ""
        self._open_from = 0
        """Sound before this belongs to turns that have ended, or was cleared."""
        self._epoch = 0
        """Another after every word of the client about where turns end: what was being listened to is void."""
        self._close = NORMAL, ""

    def begin(self, work: Work) -> None:
        self._work = work
        self._ears = Ears(work)
        self._scribe = Scribe(work, self._ears)
        self._detector = TurnDetector(self._settings.vad or ServerVad())

    async def run(self, idle_s: float) -> None:
        """Until the client goes, says nothing for `idle_s`, or `close`."""
        await self.send(self._described("created"))
        parts = (self._read(idle_s), self._listen(), self._scribe.write())
        tasks = [asyncio.ensure_future(part) for part in parts]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                await task
        except (WebSocketDisconnect, Cancelled):
            pass
        except Exception as error:  # noqa: BLE001 - whatever we did wrong ends this session alone
            logs.event("bug", error=type(error).__name__, route="realtime")
            self._close = BROKEN, ""
            with contextlib.suppress(WebSocketDisconnect):
                await self.send(events.error(Problem(our_bug(error)), None))
        finally:
            self._work.request.ticket.cancel()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await self.close(*self._close)

    async def close(self, code: int = GOING_AWAY, reason: str = "") -> None:
        if self._socket.application_state is WebSocketState.CONNECTED:
            with contextlib.suppress(Exception):  # it is gone already
                await self._socket.close(code, reason)

    async def send(self, event: Event) -> None:
        """Raises: WebSocketDisconnect."""
        try:
            await self._socket.send_text(events.text(event))
        except (RuntimeError, OSError):  # closed by us meanwhile, or by the client
            raise WebSocketDisconnect from None

    async def change(self, given: object) -> tuple[Finding, ...]:
        """As a `session.update`. Raises: Problem, and then nothing is changed."""
        changed, notices = self._settings.updated(given)
        self._work.request = await request(self._desk, changed, self._work.request.ticket)
        if changed.format != self._settings.format:
            self._decoder = Decoder(changed.format)
        if changed.vad != self._settings.vad:
            await self._change_detection(changed.vad)
        self._settings = self._work.settings = changed
        self._work.bell.ring()
        return notices

    # ---- what the client says ----------------------------------------------------------------------------------

    async def _read(self, idle_s: float) -> None:
        while True:
            try:
                message = await asyncio.wait_for(self._socket.receive(), idle_s)
            except TimeoutError:
                self._close = NORMAL, "idle"
                await self.send(events.error(_idle(idle_s), None))
                return
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect
            await self._take(message.get("text"))
            while self._work.buffer.held > MOST_HELD:
                self._work.bell.ring()
                await self._work.bell.wait(1.0)

    async def _take(self, text: str | None) -> None:
        event: dict[str, Any] = {}
        try:
            event = _parsed(text)
            kind = event.get("type")
            does = self._DOES.get(kind) if isinstance(kind, str) else None
            if does is None:
                raise _invalid(f"there is no event {repr(kind)[:60]} in a transcription session")
            await does(self, event)
        except Problem as problem:
            await self.send(events.error(problem, event.get("event_id")))

    async def _update(self, event: dict[str, Any]) -> None:
        if not isinstance(event.get("session"), dict):
            raise _invalid("session.update without a session")
        self._old = event["type"] == "transcription_session.update"
        notices = await self.change(from_old(event["session"]) if self._old else event["session"])
        await self.send(self._described("updated"))
        for finding in notices:
            await self.send(events.notice(finding))

    async def _append(self, event: dict[str, Any]) -> None:
        coded = event.get("audio")
        if not isinstance(coded, str):
            raise _invalid("input_audio_buffer.append without audio")
        if len(coded) > MOST_APPEND:
            raise _invalid(f"{len(coded)} characters of audio in one event; {MOST_APPEND} are the most")
        try:
            if len(coded) > INLINE:
                block = await self._work.on_a_thread(lambda: self._decoder.samples(_bytes(coded)))
            else:
                block = self._decoder.samples(_bytes(coded))
        except ValueError as error:
            raise _invalid(str(error)) from None
        self._work.buffer.append(block)
        self._work.bell.ring()
        if self._settings.vad is None and self._work.buffer.end - self._open_from >= LONGEST_TURN:
            await self._commit_open()

    async def _commit(self, event: dict[str, Any]) -> None:
        if self._work.buffer.end <= self._open_from:
            raise _empty()
        await self._commit_open()

    async def _clear(self, event: dict[str, Any]) -> None:
        if self._turn is not None:
            self._scribe.discard(self._turn)
            self._turn = None
        self._move_on()
        await self.send({"type": "input_audio_buffer.cleared"})

    _DOES = {  # noqa: RUF012 - never changed
        "session.update": _update,
        "transcription_session.update": _update,
        "input_audio_buffer.append": _append,
        "input_audio_buffer.commit": _commit,
        "input_audio_buffer.clear": _clear,
    }

    # ---- where turns begin and end -----------------------------------------------------------------------------

    async def _listen(self) -> None:
        buffer = self._work.buffer
        while True:
            self._forget()
            detector = self._detector
            new = (buffer.end - detector.place) // WINDOW * WINDOW
            if self._settings.vad is None or new < LISTEN_AFTER:
                await self._work.bell.wait()
                continue
            epoch = self._epoch
            values = await self._ears.listen(Span(detector.place, detector.place + min(new, MOST_AT_ONCE)))
            for value in values:
                if epoch != self._epoch:
                    break
                await self._step(value)
            self._work.bell.ring()

    async def _step(self, value: float) -> None:
        detector = self._detector
        heard = detector.step(value)
        if heard is None and self._turn is not None and detector.place - self._turn.start >= LONGEST_TURN:
            heard = detector.cut()
        self._scribe.heard_to = detector.place
        if heard is not None and heard.what == "speech":
            self._turn = self._scribe.begin(events.new_id("item"), heard.place)
            await self.send(
                {"type": "input_audio_buffer.speech_started", "audio_start_ms": _ms(heard.place),
                 "item_id": self._turn.item_id}
            )  # fmt: skip
        elif heard is not None and self._turn is not None:
            await self.send(
                {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": _ms(heard.place),
                 "item_id": self._turn.item_id}
            )  # fmt: skip
            await self._commit_turn(self._turn, heard.place)
        elif self._turn is None:
            await self._look_at_the_clock()

    async def _look_at_the_clock(self) -> None:
        """On the clock of the sound: nobody has spoken for so long."""
        vad, place = self._detector.vad, self._detector.place
        silent = place - self._open_from
        if vad.idle_timeout_ms is None or silent < vad.idle_timeout_ms * SAMPLE_RATE // 1000:
            return
        turn = self._scribe.begin(events.new_id("item"), max(self._open_from, self._work.buffer.start))
        told = {"audio_start_ms": _ms(turn.start), "audio_end_ms": _ms(place), "item_id": turn.item_id}
        await self.send({"type": "input_audio_buffer.timeout_triggered", **told})
        await self._commit_turn(turn, place)

    async def _commit_open(self) -> None:
        """All that has come since the last turn is one."""
        buffer = self._work.buffer
        start = max(self._open_from, buffer.start)
        turn = self._turn or self._scribe.begin(events.new_id("item"), start)
        end = buffer.end
        self._move_on()
        await self._commit_turn(turn, end)

    async def _commit_turn(self, turn: Turn, place: int) -> None:
        before, self._before = self._before, turn.item_id
        self._turn = None
        self._open_from = place
        self._scribe.end(turn, place)
        await self.send(
            {"type": "input_audio_buffer.committed", "previous_item_id": before, "item_id": turn.item_id}
        )  # fmt: skip
        for kind in ("created",) if self._old else ("added", "done"):
            await self.send(events.item(kind, turn.item_id, before))

    async def _change_detection(self, vad: ServerVad | None) -> None:
        if self._turn is not None and vad is None:
            await self._commit_open()
        if vad is not None and self._settings.vad is None:
            self._detector = TurnDetector(vad, max(self._open_from, self._work.buffer.start))
            self._epoch += 1
        elif vad is not None:
            self._detector.vad = vad

    def _move_on(self) -> None:
        self._epoch += 1
        self._open_from = self._work.buffer.end
        self._detector.move_to(self._open_from)

    def _forget(self) -> None:
        """What nobody needs any more."""
        needed = [self._open_from]
        vad = self._settings.vad
        if vad is not None:
            kept = max(vad.prefix + LISTEN_AFTER + WINDOW, 64 * WINDOW)
            idle = vad.idle_timeout_ms is not None
            needed = [min(self._detector.place - kept, self._open_from) if idle else self._detector.place - kept]
        if self._scribe.needs_from is not None:
            needed.append(self._scribe.needs_from)
        self._work.buffer.forget_before(min(needed))
        self._ears.forget_before(self._work.buffer.start)

    def _described(self, what: str) -> Event:
        model = self._settings.model or self._work.request.outfit.model_name or self._work.request.outfit.card.name
        if self._old:
            return {
                "type": f"transcription_session.{what}",
                "session": self._settings.plain_old(self.id, model),
            }
        return {"type": f"session.{what}", "session": self._settings.plain(self.id, model)}


async def request(desk: Desk, settings: LiveSettings, ticket: Ticket) -> Request:
    """What the workers are to do; engines and models may have to be fetched for it. Raises: Problem."""
    asked = settings.asked(desk.default_wish())
    found = await asyncio.to_thread(desk.request, asked, ticket)
    return replace(found, speech=captions.live_speech((settings.vad or ServerVad()).threshold))


def _parsed(text: str | None) -> dict[str, Any]:
    if text is None:
        raise _invalid("a binary message; events are JSON text")
    try:
        event = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _invalid(f"no JSON ({type(error).__name__})") from None
    if not isinstance(event, dict):
        raise _invalid("an event is an object")
    return event


def _bytes(coded: str) -> bytes:
    try:
        return base64.b64decode(coded, validate=True)
    except binascii.Error as error:
        raise ValueError(f"audio is no base64: {error}") from None


def _ms(place: int) -> int:
    return place * 1000 // SAMPLE_RATE


def _invalid(why: str) -> Refused:
    return refused(
        "realtime-event-invalid",
        Text(f"This event cannot be used: {why}.", f"このイベントは処理できません: {why}"),
        f"event: {why}",
    )


def _empty() -> Refused:
    return refused(
        "audio-buffer-empty",
        Text("There is no sound to commit.", "確定する音声がありません。"),
        "buffer: 0.00 ms of sound since the last turn",
    )


def _idle(idle_s: float) -> Refused:
    return refused(
        "session-idle",
        Text(
            f"Nothing came for {idle_s:g} s, so the session is closed.",
            f"{idle_s:g} 秒間何も届かなかったため、セッションを終了します。",
        ),
        f"session: idle for {idle_s:g} s",
    )
