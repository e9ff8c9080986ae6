"""
The worker's side: one engine, one inference thread, a channel to the server.

The main thread loads, warms up and runs the model (CUDA graphs are tied to the
thread that recorded them). A second thread reads the channel, so that a
`Cancel` or the server's end is noticed while the model computes. Standard
output and error belong to the native libraries; the server keeps them.
"""

from __future__ import annotations

import argparse
import os
import platform
import queue
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any, TypeVar

from yamabiko import children
from yamabiko.audio import samples
from yamabiko.engines import catalog
from yamabiko.engines.contract import Placement
from yamabiko.speech import SAMPLE_RATE, Character, Segment, Word
from yamabiko.workers import observe
from yamabiko.workers.channel import Channel, Ended, Nonsense
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
    Raised,
    Ready,
    SegmentFound,
    SpeechProbabilities,
    Stop,
    Transcribe,
    VoicesHeard,
)

_Timed = TypeVar("_Timed", Segment, Word, Character)

SPEECH_BLOCK_S = 30
"""Seconds of audio looked at between two answers of the speech finder; its memory does not depend on it."""


def main(arguments: Sequence[str]) -> None:
    given = _arguments(arguments)
    children.die_with_parent(given.parent)
    children.be_first_to_die()
    children.never_dump_core()
    children.limit_memory(given.memory)
    if sys.platform != "win32":
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the server's business
    channel = Channel(_inherited_socket(given.channel))
    Worker(channel).serve()


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--channel", type=int, required=True, help="descriptor of our end of the socket pair")
    parser.add_argument("--parent", type=int, required=True, help="process number of the server")
    parser.add_argument("--memory", type=int, default=0, help="cap on private memory, bytes; 0: none")
    return parser.parse_args(arguments)


def _inherited_socket(descriptor: int) -> socket.socket:
    if sys.platform == "win32":  # not verified: the server sends a description of the socket on standard input
        return socket.fromshare(sys.stdin.buffer.read())
    return socket.socket(fileno=descriptor)


class Worker:
    """Answers one request after the other, on the thread that calls `serve`."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._requests: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._cancelled: set[int] = set()
        self._engine: Any = None
        self._observer: observe.Observer | None = None

    def serve(self) -> None:
        """Returns on `Stop`; the process ends at once when the server goes away."""
        threading.Thread(target=self._listen, name="channel", daemon=True).start()
        self._channel.send(Hello(os.getpid(), platform.python_version()))
        while not isinstance(message := self._requests.get(), Stop):
            try:
                self._answer(message)
            except Ended:
                os._exit(0)
            except BaseException as error:  # noqa: BLE001 - whatever an engine raises is a fact to report
                self._channel.send(_raised(getattr(message, "request", None), error))

    def _listen(self) -> None:
        while True:
            try:
                message, _ = self._channel.receive()
            except (Ended, Nonsense):
                os._exit(0)  # nobody is there to answer to; the model may be busy for minutes yet
            if isinstance(message, Cancel):
                self._cancelled.add(message.request)
            else:
                self._requests.put(message)

    def _answer(self, message: Message) -> None:
        if isinstance(message, Load):
            self._load(message)
        elif isinstance(message, Transcribe):
            self._transcribe(message)
        elif isinstance(message, DetectLanguage):
            audio = samples.read(Path(message.audio), message.span)
            detected = self._engine.detect_language(audio, message.languages)
            self._channel.send(LanguageFound(message.request, detected))
        elif isinstance(message, FindSpeech):
            self._find_speech(message)
        elif isinstance(message, FindSpeakers):
            self._find_speakers(message)
        elif isinstance(message, Align):
            self._align(message)
        else:
            raise TypeError(f"a worker has no answer to {type(message).__name__}")

    def _load(self, message: Load) -> None:
        begun = time.perf_counter()
        # Once, before anything is loaded: a second load finds the first model in memory.
        self._observer = self._observer or observe.Observer(message.device)
        self._engine = catalog.adapter(message.engine).create()
        placement = Placement(message.device, message.compute_type, mode=message.mode)
        loaded = self._engine.load(Path(message.model), placement, message.threads)
        self._channel.send(Ready(loaded, time.perf_counter() - begun))

    def _transcribe(self, message: Transcribe) -> None:
        watch = self._watch()
        batch = [samples.read(Path(piece.audio), piece.span) for piece in message.pieces]
        chunk = 0
        for index, segment in self._engine.transcribe(batch, message.options):
            if message.request in self._cancelled:
                break
            while chunk < index:
                self._channel.send(ChunkDone(message.request, chunk))
                chunk += 1
            longest_s = len(batch[index]) / SAMPLE_RATE
            self._channel.send(SegmentFound(message.request, index, _within(segment, longest_s)))
        else:
            for done in range(chunk, len(batch)):
                self._channel.send(ChunkDone(message.request, done))
        self._finish(message.request, watch)

    def _find_speech(self, message: FindSpeech) -> None:
        watch = self._watch()
        finder = self._engine
        size = SPEECH_BLOCK_S * SAMPLE_RATE // finder.window_samples * finder.window_samples
        read = samples.levelled_blocks if message.levelled else samples.blocks
        blocks: Iterator[Any] = read(Path(message.audio), size)
        wanted = takewhile(lambda _: message.request not in self._cancelled, finder.probabilities(blocks))
        for probabilities in wanted:
            payload = probabilities.astype("<f4").tobytes()
            self._channel.send(SpeechProbabilities(message.request, finder.window_samples), payload)
        self._finish(message.request, watch)

    def _find_speakers(self, message: FindSpeakers) -> None:
        watch = self._watch()
        recording = samples.Recording(Path(message.audio))
        for voices, prints in self._engine.voices(recording, message.spans, message.count):
            if message.request in self._cancelled:
                break
            self._channel.send(VoicesHeard(message.request, voices), prints.astype("<f4").tobytes())
        self._finish(message.request, watch)

    def _align(self, message: Align) -> None:
        watch = self._watch()
        for stretch in message.stretches:
            if message.request in self._cancelled:
                break
            audio = samples.read(Path(message.audio), stretch.span)
            heard, frame_s = self._engine.log_probabilities(audio, stretch.characters)
            told = CharactersHeard(message.request, heard.shape[1], frame_s)
            self._channel.send(told, heard.astype("<f4").tobytes())
        self._finish(message.request, watch)

    def _watch(self) -> observe.Watch:
        if self._observer is None:
            raise RuntimeError("asked before anything was loaded")
        return self._observer.watch()

    def _finish(self, request: int, watch: observe.Watch) -> None:
        seconds = watch.wall_s
        evidence = (*self._engine.evidence(), *watch.evidence())
        cancelled = request in self._cancelled
        self._cancelled.discard(request)
        held = self._observer.device_memory() if self._observer else None
        self._channel.send(Done(request, seconds, evidence, cancelled, held))


def _within(segment: Segment, longest_s: float) -> Segment:
    """Engines count in frames, or in windows that they fill up with silence: what they find ends with the chunk."""

    def held(item: _Timed) -> _Timed:
        start_s, end_s = min(item.start_s, longest_s), min(item.end_s, longest_s)
        return item if (start_s, end_s) == (item.start_s, item.end_s) else replace(item, start_s=start_s, end_s=end_s)

    words = tuple(replace(held(word), characters=tuple(map(held, word.characters))) for word in segment.words)
    return replace(held(segment), words=words)


def _raised(request: int | None, error: BaseException) -> Raised:
    trace = traceback.format_exception(error)
    return Raised(request, type(error).__name__, str(error)[:4000], tuple(line[:2000] for line in trace[-12:]))
