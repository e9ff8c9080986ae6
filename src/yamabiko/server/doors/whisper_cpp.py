"""whisper.cpp's door: `POST /inference`, and `POST /load` for another model."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request, Response

from yamabiko.server import answers
from yamabiko.server.forms import Form
from yamabiko.server.sitting import desk_of, sitting
from yamabiko.server.transcription_form import read

router = APIRouter(tags=["whisper.cpp"])

_SAME = ("language", "prompt", "temperature", "response_format", "beam_size")
_YES = ("true", "1", "yes", "on")


@router.post("/inference")
async def inference(request: Request) -> Response:
    """Fields: file, language, detect_language, translate, prompt, temperature, response_format, beam_size, vad."""
    async with sitting(request) as here:
        upload = here.form.file()
        given = {name: here.form.fields[name] for name in _SAME if name in here.form.fields}
        if _yes(here.form, "detect_language"):
            given.pop("language", None)
        elif "language" not in given:
            given["language"] = ["en"]  # as whisper.cpp does
        if _yes(here.form, "translate"):
            given["task"] = ["translate"]
        if given.get("response_format") == ["verbose_json"]:
            given["timestamp_granularities"] = ["word", "segment"]  # its segments always carry their words
        if given.get("beam_size", ["-1"])[0].strip().startswith("-"):
            given.pop("beam_size", None)
        asked = read(Form(fields=given), here.desk.default_wish())
        transcript = await here.transcribe(upload, asked)
    content, media = answers.body(transcript, asked)
    return Response(content, media_type=media, headers=answers.headers(transcript, asked))


@router.post("/load")
async def load(request: Request) -> dict[str, Any]:
    """Field: model. The server's own model from now on; one that cannot be had leaves the old one in place."""
    async with sitting(request) as here:
        asked = read(here.form, here.desk.default_wish())
    desk = desk_of(request)
    outfit = await asyncio.to_thread(desk.change_model, asked.wish)
    return {"status": "ok", "model": outfit.model_name}


def _yes(form: Form, name: str) -> bool:
    return (form.first(name) or "").strip().lower() in _YES
