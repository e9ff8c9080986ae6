"""
The server's side of a worker: start it, speak to it, and report how it ended.

Whatever goes wrong is one `WorkerFailed` with a `WorkerExit` of facts: the
phase, the signal or status, the last words, the placement, the request in hand.
What it means is for `diagnosis` to say.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from yamabiko import children, logs
from yamabiko.children import Ending, LastWords
from yamabiko.engines.contract import DetectedLanguage, SpeakerCount
from yamabiko.settings import Settings
from yamabiko.speech import Span, TranscribeOptions
from yamabiko.workers import bootstrap
from yamabiko.workers.channel import Channel, Ended, Nonsense, Silent
from yamabiko.workers.exits import Phase, WorkerExit, WorkerFailed
from yamabiko.workers.launch import Launch
from yamabiko.workers.messages import (
    Align,
    Cancel,
    CharactersHeard,
    ChunkDone,
    DetectLanguage,
    Done,
    FindSpeakers,
    FindSpeech,
    Hello,
    LanguageFound,
    Load,
    Message,
    Piece,
    Raised,
    Ready,
    SegmentFound,
    SpeechProbabilities,
    Stop,
    Stretch,
    ToWorker,
    Transcribe,
    VoicesHeard,
)

WATCH_S = 0.25
"""How often the memory of a worker is looked at while we wait for it."""
CANCEL_GRACE_S = 1.5
"""For giving up an answer; loading the model anew costs more than this."""

M = TypeVar("M")


class Worker:
    """
    A started worker. Used by one thread; every method may raise WorkerFailed.

    After a WorkerFailed the process is gone, except when the engine merely
    raised: then `alive` is still true, and the caller decides.
    """

    def __init__(self, launch: Launch, settings: Settings) -> None:
        self.launch = launch
        self._settings = settings
        self._requests = itertools.count(1)
        self._phase: Phase = "start"
        self._foreign_model = ""
        self._answering: int | None = None
        """The request that can be cancelled now."""
        self._cancelled: set[int] = set()
        self._killed = False
        self._resident: int | None = None
        self._watched_at = time.monotonic()
        self.memory_cap_bytes = _memory_cap(settings)
        self._process, self._channel = self._spawn()
        assert self._process.stdout is not None
        self._words = LastWords(self._process.stdout)
        try:
            self._expect(Hello, settings.worker_start_s)
        except BaseException:  # Ctrl-C too: nobody else knows of this process yet
            self.kill()
            raise
        logs.event("worker-started", engine=launch.engine, placement=launch.placement, pid=self.pid)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def is_answering(self) -> bool:
        """In the middle of an answer that can be interrupted."""
        return self._answering is not None

    def last_words(self) -> tuple[str, ...]:
        return self._words.lines()

    def load(self, model: str, threads: int) -> Ready:
        self._phase = "load"
        ours = Path(model).is_relative_to(self._settings.cache_dir / "models")
        self._foreign_model = "" if ours else model
        place = self.launch.placement
        self._send(Load(self.launch.engine, model, place.device, place.compute_type, threads, place.mode))
        ready = self._expect(Ready, self._settings.worker_load_s)
        self._phase = "first answer"
        return ready

    def transcribe(
        self, audio: Path, chunks: Sequence[Span], options: TranscribeOptions
    ) -> Iterator[SegmentFound | ChunkDone | Done]:
        """As `answer`, for chunks of one recording."""
        return self.answer([Piece(str(audio), span) for span in chunks], options)

    def answer(self, pieces: Sequence[Piece], options: TranscribeOptions) -> Iterator[SegmentFound | ChunkDone | Done]:
        """Segments as they come, a ChunkDone after the last of each piece, a Done at the end."""
        request = self._answering = next(self._requests)
        open_chunks = set(range(len(pieces)))
        self._send(Transcribe(request, tuple(pieces), options))
        while True:
            message, _ = self._next(self._answer_limit())
            if not isinstance(message, SegmentFound | ChunkDone | Done) or message.request != request:
                raise self._fail("nonsense", f"{type(message).__name__} was not asked for")
            if not isinstance(message, Done) and message.index not in open_chunks:
                raise self._fail("nonsense", f"chunk {message.index} of {len(pieces)}, or it was done before")
            self._phase = "answers"
            if isinstance(message, ChunkDone):
                open_chunks.discard(message.index)
            if isinstance(message, Done) and open_chunks and request not in self._cancelled:
                raise self._fail("nonsense", f"done, but not with chunks {sorted(open_chunks)}")
            if isinstance(message, Done):
                self._answering = None
                yield message
                return
            yield message

    def detect_language(self, audio: Path, span: Span, languages: tuple[str, ...] = ()) -> DetectedLanguage | None:
        request = next(self._requests)
        self._send(DetectLanguage(request, str(audio), span, languages))
        return self._expect(LanguageFound, self._answer_limit()).detected

    def find_speech(self, audio: Path, *, levelled: bool = True) -> Iterator[tuple[SpeechProbabilities, bytes] | Done]:
        """Probabilities (message, float32 bytes) as they come, then a Done."""
        asked = FindSpeech(next(self._requests), str(audio), levelled)
        for item in self._streamed(asked, SpeechProbabilities):
            if not isinstance(item, Done) and len(item[1]) % 4:
                raise self._fail("nonsense", f"{type(item[0]).__name__} was not asked for")
            yield item

    def find_speakers(
        self, audio: Path, spans: Sequence[Span], count: SpeakerCount
    ) -> Iterator[tuple[VoicesHeard, bytes] | Done]:
        """Who was heard (message, float32 bytes) as it comes, then a Done."""
        asked = FindSpeakers(next(self._requests), str(audio), tuple(spans), count)
        for item in self._streamed(asked, VoicesHeard):
            if not isinstance(item, Done):
                message, payload = item
                people = len(message.voices.people)
                if len(payload) % (4 * people or len(payload) + 1):
                    raise self._fail("nonsense", f"{len(payload)} bytes of voice prints for {people} people")
            yield item

    def align(self, audio: Path, stretches: Sequence[Stretch]) -> Iterator[tuple[CharactersHeard, bytes] | Done]:
        """What was heard in each stretch (message, float32 bytes), in their order, then a Done."""
        asked = Align(next(self._requests), str(audio), tuple(stretches))
        due = [2 + len(stretch.characters) for stretch in stretches]
        for item in self._streamed(asked, CharactersHeard):
            if not isinstance(item, Done):
                message, payload = item
                if not due:
                    raise self._fail("nonsense", f"{type(message).__name__} was not asked for")
                if message.columns != due.pop(0) or len(payload) % (4 * message.columns):
                    raise self._fail("nonsense", f"{len(payload)} bytes in {message.columns} columns")
            elif due and asked.request not in self._cancelled:
                raise self._fail("nonsense", f"done, but {len(due)} stretches have no answer")
            yield item

    def _streamed(self, asked: FindSpeech | FindSpeakers | Align, kind: type[M]) -> Iterator[tuple[M, bytes] | Done]:
        """Messages of this kind, each with its payload, as they come, then a Done."""
        self._answering = asked.request
        self._send(asked)
        while True:
            message, payload = self._next(self._answer_limit())
            self._phase = "answers"
            if isinstance(message, Done):
                self._answering = None
                yield message
                return
            if not isinstance(message, kind):
                raise self._fail("nonsense", f"{type(message).__name__} was not asked for")
            yield message, payload

    def interrupt(self) -> None:
        """
        Give up the answer that is being made: the next message is a Done. May be called from any thread.

        An engine looks up between two segments; one that does not in `CANCEL_GRACE_S` is ended, and its death is a
        WorkerFailed for whoever listens.
        """
        request = self._answering
        if request is None:
            return
        self._cancelled.add(request)
        with contextlib.suppress(Ended):  # whoever listens hears of it
            self._channel.send(Cancel(request))
        timer = threading.Timer(CANCEL_GRACE_S, self._end_if_still_at, (request,))
        timer.daemon = True
        timer.start()

    def _end_if_still_at(self, request: int) -> None:
        if self._answering == request and not self._killed:
            children.kill_group(self._process)

    def stop(self) -> None:
        """End the process: politely, then not. Nothing else frees all the memory of a GPU."""
        if self.alive:
            try:
                self._channel.send(Stop())
                self._process.wait(self._settings.worker_stop_s)
            except (Ended, subprocess.TimeoutExpired):
                pass  # it is not listening any more: kill_group below ends it
        self.kill()

    def kill(self) -> None:
        """Twice is once: the number of a dead worker may be another's by then."""
        if not self._killed:
            self._killed = True
            children.kill_group(self._process)
            self._channel.close()

    # ---- inside ------------------------------------------------------------------------------------------------

    def _spawn(self) -> tuple[subprocess.Popen[bytes], Channel]:
        ours, theirs = socket.socketpair()
        # On the CPU a cap inside the process makes an allocation fail there, with words. CUDA maps too much for that.
        cap = self.memory_cap_bytes if self.launch.placement.device == "cpu" else 0
        command = [
            str(self.launch.python), "-P", bootstrap.__file__,
            "--channel", str(theirs.fileno()), "--parent", str(os.getpid()), "--memory", str(cap),
        ]  # fmt: skip
        handed: dict[str, Any] = {"stdin": subprocess.DEVNULL, "pass_fds": (theirs.fileno(),)}
        if sys.platform == "win32":
            handed = {"stdin": subprocess.PIPE}
        try:
            process = children.start_lasting(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=self.launch.environment(dict(os.environ)),
                **handed,
            )
            if sys.platform == "win32":  # not verified: descriptors are not inherited there, sockets can be shared
                with process.stdin as stdin:
                    stdin.write(theirs.share(process.pid))
        except OSError as error:
            ours.close()
            raise WorkerFailed(
                WorkerExit("not-started", "start", self.launch.engine, self.launch.placement, None, str(error))
            ) from None
        finally:
            theirs.close()
        return process, Channel(ours)

    def _answer_limit(self) -> float:
        first = self._phase == "first answer"
        return self._settings.worker_first_answer_s if first else self._settings.worker_silence_s

    def _send(self, message: ToWorker) -> None:
        try:
            self._channel.send(message)
        except Ended as error:
            raise self._fail("died", str(error)) from None

    def _expect(self, kind: type[M], limit_s: float) -> M:
        message, _ = self._next(limit_s)
        if not isinstance(message, kind):
            raise self._fail("nonsense", f"{type(message).__name__} where {kind.__name__} was due")
        return message

    def _next(self, limit_s: float) -> tuple[Message, bytes]:
        """The next message; the worker's memory is watched while we wait."""
        deadline = time.monotonic() + limit_s
        message: Message | None
        while True:
            try:
                message, payload = self._channel.receive(min(WATCH_S, max(0.0, deadline - time.monotonic())))
            except Silent:
                message = None
                if time.monotonic() >= deadline:
                    raise self._fail("silent", f"no answer for {limit_s:g} s") from None
            except Ended as error:
                raise self._fail("died", str(error)) from None
            except Nonsense as error:
                raise self._fail("nonsense", str(error)) from None
            if isinstance(message, Raised):
                raise WorkerFailed(self._exit("raised", message.message, message))
            self._watch_memory()  # also of a worker that talks without a pause
            if message is not None:
                return message, payload

    def _watch_memory(self) -> None:
        if time.monotonic() - self._watched_at < WATCH_S:
            return
        self._watched_at = time.monotonic()
        self._resident = children.resident_bytes(self.pid) or self._resident
        if self._resident is not None and 0 < self.memory_cap_bytes < self._resident:
            raise self._fail("over-memory", f"{self._resident} bytes resident, {self.memory_cap_bytes} allowed")

    def _fail(self, kind: Literal["died", "silent", "nonsense", "over-memory"], message: str) -> WorkerFailed:
        """End what is left of the process and say how it was."""
        ended = None
        if kind == "died":
            try:  # the channel closes a moment before the process is gone
                ended = children.ending(self._process.wait(self._settings.worker_stop_s))
            except subprocess.TimeoutExpired:
                message += "; the process closed its channel and lived on"
        self.kill()
        return WorkerFailed(self._exit(kind, message, ended=ended))

    def _exit(
        self,
        kind: Literal["died", "silent", "nonsense", "raised", "over-memory"],
        message: str,
        raised: Raised | None = None,
        ended: Ending | None = None,
    ) -> WorkerExit:
        return WorkerExit(
            kind=kind,
            phase=self._phase,
            engine=self.launch.engine,
            placement=self.launch.placement,
            ending=ended,
            message=message,
            raised_kind=raised.kind if raised else None,
            last_words=self._words.lines(wait_s=0.0 if raised else 1.0),
            trace=raised.trace if raised else (),
            resident_bytes=self._resident,
            memory_cap_bytes=self.memory_cap_bytes,
            foreign_model=self._foreign_model,
        )


def _memory_cap(settings: Settings) -> int:
    if settings.worker_memory_bytes:
        return settings.worker_memory_bytes
    available = children.available_memory_bytes()
    return int(available * 0.9) if available else 0
