"""
One request from its upload to its transcript: the same for every door.

A sitting holds a place in the queue and a folder for what the client sent; both
are given back at its end, whatever that is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fastapi import Request

from yamabiko.i18n import Text
from yamabiko.scheduling.turns import Cancelled, Ticket
from yamabiko.server.arrivals import arrived
from yamabiko.server.desk import Desk
from yamabiko.server.forms import Form, Upload
from yamabiko.server.problems import refused
from yamabiko.server.transcription_form import Asked
from yamabiko.speech import Segment, Transcript
from yamabiko.transcription import pipeline
from yamabiko.transcription.clips import Clip

LOOK_S = 0.25
"""How often it is seen whether the client is still there."""


def desk_of(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


@asynccontextmanager
async def sitting(request: Request) -> AsyncIterator[Sitting]:
    """Raises: Problem (server-busy, server-not-ready, form-malformed, upload-too-large ...)."""
    desk = desk_of(request)
    async with desk.place(request.state.client) as ticket, desk.folder() as folder:
        form = await arrived(request, folder, desk.config, desk.settings.free_disk_bytes)
        yield Sitting(request, desk, ticket, folder, form)


@dataclass(frozen=True, slots=True)
class Sitting:
    request: Request
    desk: Desk
    ticket: Ticket
    folder: Path
    form: Form

    async def wanted(self, asked: Asked) -> pipeline.Request:
        """On a thread, as engines and models may have to be fetched. Raises: Problem."""
        return await asyncio.to_thread(self.desk.request, asked, self.ticket)

    async def transcribe(
        self, upload: Upload, asked: Asked, *, clips: tuple[Clip, ...] = (), language_only: bool = False
    ) -> Transcript:
        """Of the clips, if there are any; or no text at all. Cancelled when the client goes away. Raises: Problem."""
        wanted = replace(await self.wanted(asked), clips=clips, language_only=language_only)
        return await self._while_the_client_waits(self.desk.transcribe(upload.path, upload.name, wanted))

    def begin(
        self, upload: Upload, wanted: pipeline.Request, heard: Callable[[Sequence[Segment]], None]
    ) -> asyncio.Task[Transcript]:
        """The same without waiting; `heard` is told each stretch, on a thread of work."""
        return asyncio.ensure_future(self.desk.transcribe(upload.path, upload.name, wanted, heard))

    async def _while_the_client_waits(self, work: Coroutine[Any, Any, Transcript]) -> Transcript:
        task = asyncio.ensure_future(work)
        try:
            while not task.done():
                await asyncio.wait({task}, timeout=LOOK_S)
                if not task.done() and await self.request.is_disconnected():
                    task.cancel()
            return await task
        except (asyncio.CancelledError, Cancelled):
            task.cancel()
            if self.desk.leaving:
                raise self.desk.stopping() from None
            raise refused("cancelled", Text("The client went away.", "クライアントが切断しました。")) from None
