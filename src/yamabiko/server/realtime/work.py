"""What the halves of a live session share: the sound, the workers, the way back to the client."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import ParamSpec, TypeVar

from yamabiko.scheduling.pool import Pool
from yamabiko.server.metrics import Metrics
from yamabiko.server.realtime.buffer import Buffer
from yamabiko.server.realtime.events import Event
from yamabiko.server.realtime.session_settings import LiveSettings
from yamabiko.transcription.pipeline import Request

P = ParamSpec("P")
R = TypeVar("R")


class Bell:
    """Rung at every change; who waits looks again. For one event loop."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def ring(self) -> None:
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self, most_s: float | None = None) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(waiter)
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(waiter, most_s)
        finally:
            self._waiting.discard(waiter)


@dataclass(slots=True)
class Work:
    request: Request
    """Of the settings in force; another after a change."""
    settings: LiveSettings
    pool: Pool
    finders: Pool
    """Workers of live sessions alone: a two-hour recording is one question to a speech finder."""
    folder: Path
    send: Callable[[Event], Awaitable[None]]
    threads: ThreadPoolExecutor
    metrics: Metrics
    buffer: Buffer = field(default_factory=Buffer)
    bell: Bell = field(default_factory=Bell)

    async def on_a_thread(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.threads, lambda: work(*args, **kwargs))
