"""OpenAI's audio API: what its clients send, and what they read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from yamabiko.audio.speech_spans import SpeechOptions
from yamabiko.engines import catalog, models
from yamabiko.findings import Problem
from yamabiko.i18n import Text
from yamabiko.scheduling.scheduler import Conduct
from yamabiko.scheduling.setup import Wish
from yamabiko.scheduling.turns import Cancelled, Ticket
from yamabiko.server import answers, problems
from yamabiko.server.desk import Desk
from yamabiko.server.forms import Upload, read_form
from yamabiko.server.transcription_form import OPENAI_MODELS, Asked, read
from yamabiko.speech import Segment, Task, Transcript
from yamabiko.transcription import pipeline

router = APIRouter(prefix="/v1", tags=["OpenAI"])

LOOK_S = 0.25
"""How often it is seen whether the client is still there."""


@router.post("/audio/transcriptions")
async def transcriptions(request: Request) -> Response:
    """Speech to text, in the language spoken."""
    return await _answer(request, "transcribe")


@router.post("/audio/translations")
async def translations(request: Request) -> Response:
    """Speech to English text."""
    return await _answer(request, "translate")


@router.get("/models")
async def list_models(request: Request) -> dict[str, Any]:
    """Models that can be named, the server's own first."""
    return {"object": "list", "data": _models(_desk(request))}


@router.get("/models/{name:path}")
async def one_model(request: Request, name: str) -> dict[str, Any]:
    found = next((model for model in _models(_desk(request)) if model["id"] == name), None)
    if found is None:
        raise problems.refused(
            "model-unknown",
            Text(f"There is no model named “{name[:100]}” here.", f"「{name[:100]}」というモデルはありません。"),
            "GET /v1/models lists what there is",
            param="model",
        )
    return found


def _models(desk: Desk) -> list[dict[str, Any]]:
    card = catalog.card(desk.config.engine)
    own = desk.config.model or card.default_model
    named = [entry.name for entry in models.catalogue().models if entry.format == card.model_format]
    ordered = dict.fromkeys([name for name in (own,) if name] + named)
    described = [{"id": name, "object": "model", "created": 0, "owned_by": card.name} for name in ordered]
    return described + [
        {"id": alias, "object": "model", "created": 0, "owned_by": "openai", "yamabiko": {"means": own}}
        for alias in OPENAI_MODELS
        if not alias.endswith("-diarize")
    ]


# ---- one answer ---------------------------------------------------------------------------------------------------------


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


async def _answer(request: Request, task: Task) -> Response:
    """Raises: Problem."""
    desk = _desk(request)
    place = desk.place(request.state.client)
    ticket = await place.__aenter__()
    folder = desk.folder()
    kept = await folder.__aenter__()

    async def leave() -> None:
        await folder.__aexit__(None, None, None)
        await place.__aexit__(None, None, None)

    try:
        form = await read_form(request, kept, desk.config.most_upload_bytes, desk.settings.free_disk_bytes)
        upload = form.file()
        asked = read(form, desk.config, desk.default_wish(), task)
        wanted = await asyncio.to_thread(_wanted, desk, asked, ticket)
        if asked.stream:
            # The events go on after we have returned: they give the place back.
            return StreamingResponse(_events(desk, upload, wanted, asked, leave), media_type="text/event-stream")
        transcript = await _while_wanted(request, desk.transcribe(upload.path, upload.name, wanted))
    except BaseException:
        await leave()
        raise
    await leave()
    content, media = answers.body(transcript, asked)
    return Response(content, media_type=media, headers=answers.headers(transcript, asked))


def _wanted(desk: Desk, asked: Asked, ticket: Ticket) -> pipeline.Request:
    """On a thread: engines and models may have to be fetched. Raises: Problem."""
    finder = Wish(catalog.SPEECH_FINDER, may_install=desk.config.may_install)
    return pipeline.Request(
        outfit=desk.outfit(asked.wish),
        speech_finder=desk.outfit(finder) if asked.speech is not None else None,
        options=asked.options,
        speech=asked.speech or SpeechOptions(),
        conduct=Conduct(),
        ticket=ticket,
        requested_device=asked.wish.device,
        requested_compute_type=asked.wish.compute_type,
    )


async def _while_wanted(request: Request, work: Any) -> Transcript:
    """The work's result; it is cancelled when its client goes away."""
    task = asyncio.ensure_future(work)
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=LOOK_S)
            if not task.done() and await request.is_disconnected():
                task.cancel()
        transcript: Transcript = await task
        return transcript
    except (asyncio.CancelledError, Cancelled):
        task.cancel()
        raise problems.refused("cancelled", Text("The client went away.", "クライアントが切断しました。")) from None


async def _events(desk: Desk, upload: Upload, wanted: pipeline.Request, asked: Asked, leave: Any) -> AsyncIterator[str]:
    """Deltas as they come, then the whole; cancelled with the connection."""
    loop = asyncio.get_running_loop()
    heard: asyncio.Queue[Sequence[Segment] | None] = asyncio.Queue()

    def tell(segments: Sequence[Segment]) -> None:
        loop.call_soon_threadsafe(heard.put_nowait, segments)

    work = asyncio.ensure_future(desk.transcribe(upload.path, upload.name, wanted, tell))
    work.add_done_callback(lambda _: heard.put_nowait(None))
    try:
        while (segments := await heard.get()) is not None:
            if segments:
                yield answers.delta(segments, asked)
        try:
            yield answers.done(await work, asked)
        except Problem as problem:
            yield answers.error(problems.body(problem))
    finally:
        work.cancel()
        await leave()
