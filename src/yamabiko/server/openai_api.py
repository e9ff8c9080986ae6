"""OpenAI's audio API: what its clients send, and what they read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from yamabiko import logs
from yamabiko.engines import catalog, models
from yamabiko.findings import Problem, our_bug
from yamabiko.i18n import Text
from yamabiko.server import answers, problems, speakers
from yamabiko.server.desk import Desk
from yamabiko.server.forms import Upload
from yamabiko.server.sitting import Sitting, desk_of, sitting
from yamabiko.server.transcription_form import OPENAI_MODELS, Asked, read
from yamabiko.speech import Segment, Task, Transcript
from yamabiko.transcription import pipeline

router = APIRouter(prefix="/v1", tags=["OpenAI"])


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
    return {"object": "list", "data": _models(desk_of(request))}


@router.get("/models/{name:path}")
async def one_model(request: Request, name: str) -> dict[str, Any]:
    found = next((model for model in _models(desk_of(request)) if model["id"] == name), None)
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
    ]


async def _answer(request: Request, task: Task) -> Response:
    """Raises: Problem."""
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(sitting(request))
        upload = here.form.only_file()
        asked = read(here.form, here.desk.default_wish(), task, here.desk.config.own)
        known = await asyncio.to_thread(speakers.known, here.form, here.folder, here.desk.settings)
        asked = replace(asked, known_speakers=known)
        if asked.stream:
            wanted = await here.wanted(asked)
            leaving = stack.pop_all()  # the events go on after we have returned: they give the place back
            told = _events(here, upload, wanted, asked, leaving)
            return StreamingResponse(told, media_type="text/event-stream", headers=answers.ignored(asked))
        transcript = await here.transcribe(upload, asked)
    content, media = answers.body(transcript, asked)
    return Response(content, media_type=media, headers=answers.headers(transcript, asked))


async def _events(
    here: Sitting, upload: Upload, wanted: pipeline.Request, asked: Asked, leaving: AsyncExitStack
) -> AsyncIterator[str]:
    """Deltas as they come, then the whole; cancelled with the connection."""
    loop = asyncio.get_running_loop()
    heard: asyncio.Queue[Sequence[Segment] | None] = asyncio.Queue()

    def tell(segments: Sequence[Segment]) -> None:
        loop.call_soon_threadsafe(heard.put_nowait, segments)

    async with leaving:
        work = here.begin(upload, wanted, tell)
        work.add_done_callback(lambda _: heard.put_nowait(None))
        stretches = answers.Stretches(asked)
        try:
            while (segments := await heard.get()) is not None:
                if segments:
                    yield stretches.tell(segments)
            yield _last(work, asked)
        finally:
            work.cancel()


def _last(work: asyncio.Task[Transcript], asked: Asked) -> str:
    """The whole text, or what went wrong: the status has been sent long ago."""
    if work.cancelled():
        stopped = Text("The work was ended before its end.", "処理が途中で打ち切られました。")
        return answers.error(problems.body(problems.refused("cancelled", stopped)))
    error = work.exception()
    if error is None:
        return answers.done(work.result(), asked)
    if not isinstance(error, Problem):
        assert isinstance(error, Exception)
        logs.event("bug", error=repr(error), route="/v1/audio/transcriptions")
        error = Problem(our_bug(error))
    return answers.error(problems.body(error))
