"""
whisper-asr-webservice's door, which Bazarr and its like knock at: `POST /asr`, `POST /detect-language`.

Parameters stand in the query, or in the form beside the file. `encode=false` means
that the upload is bare 16-bit samples, 16 kHz, mono, little-endian: no file at all.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from yamabiko import formats
from yamabiko.formats.language_names import language_name
from yamabiko.i18n import Text
from yamabiko.server import answers
from yamabiko.server.doors import bare_samples
from yamabiko.server.fields import Fields
from yamabiko.server.forms import Form, Upload
from yamabiko.server.problems import refused
from yamabiko.server.sitting import Sitting, sitting
from yamabiko.server.transcription_form import Asked, read

router = APIRouter(tags=["whisper-asr-webservice"])

OUTPUTS = ("txt", "vtt", "srt", "tsv", "json")
_OURS = {"initial_prompt": "prompt", "vad_filter": "vad_filter", "task": "task", "language": "language"}
_PEOPLE = ("min_speakers", "max_speakers")
_ASR = {*_OURS, *_PEOPLE, "diarize", "encode", "word_timestamps", "output"}


@router.post("/asr")
async def asr(request: Request) -> Response:
    """
    encode, task, language, initial_prompt, vad_filter, word_timestamps, output (txt, vtt, srt, tsv, json), diarize,
    min_speakers, max_speakers.
    """
    _output(Form(fields=_query(request)))  # before the upload has come, where it can be told
    async with sitting(request) as here:
        given = _given(here)
        output = _output(given)
        asked = _telling(_asked(here, given), given, _ASR)
        transcript = await here.transcribe(await _recording(here, given), asked)
    name = here.form.file("audio_file").name
    headers = answers.headers(transcript, asked) | {
        "asr-engine": transcript.receipt.engine,
        "content-disposition": f'attachment; filename="{quote(name)}.{output}"',
    }
    return Response(formats.render(transcript, output), media_type="text/plain; charset=utf-8", headers=headers)


@router.post("/detect-language")
async def detect_language(request: Request, response: Response) -> dict[str, Any]:
    """encode. The language of the recording, and how sure the engine is; nothing is transcribed for it."""
    async with sitting(request) as here:
        given = _given(here)
        asked = _telling(_asked(here, Form()), given, {"encode"})
        asked = replace(asked, options=replace(asked.options, language=None))
        transcript = await here.transcribe(await _recording(here, given), asked, language_only=True)
    if transcript.language is None:
        raise refused("language-unknown", Text("No language could be told.", "言語を判定できませんでした。"))
    response.headers.update(answers.headers(transcript, asked))
    return {
        "detected_language": language_name(transcript.language),
        "language_code": transcript.language,
        "confidence": transcript.language_probability,
    }


def _query(request: Request) -> dict[str, list[str]]:
    return {name: [value] for name, value in request.query_params.items() if value}


def _given(here: Sitting) -> Form:
    """Upstream reads the query alone; clients that put the same names into the form mean the same."""
    return Form(fields=here.form.fields | _query(here.request))


def _output(given: Form) -> str:
    """Raises: Refused (parameter-invalid)."""
    return Fields(given).one_of("output", OUTPUTS, "txt")


def _asked(here: Sitting, given: Form) -> Asked:
    """Its words in ours; speech is looked for unless told otherwise, or Whisper writes sentences into silence."""
    fields = {ours: given.fields[name] for name, ours in _OURS.items() if name in given.fields}
    # Upstream, numbers of people turn nothing on.
    fields["diarize"] = [str(Fields(given).flag("diarize", default=False))]
    fields |= {name: given.fields[name] for name in _PEOPLE if name in given.fields}
    asked = read(Form(fields=fields), here.desk.default_wish(), own=here.desk.config.own)
    words = Fields(given).flag("word_timestamps", default=False) or asked.options.word_timestamps
    return replace(asked, options=replace(asked.options, word_timestamps=words))


def _telling(asked: Asked, given: Form, taken: set[str]) -> Asked:
    """With the names of what changes nothing, which the answer's header tells."""
    return replace(asked, ignored=(*asked.ignored, *(name for name in given.fields if name not in taken)))


async def _recording(here: Sitting, given: Form) -> Upload:
    """Raises: Refused (file-missing, parameter-invalid)."""
    upload = here.form.file("audio_file")
    if Fields(given).flag("encode", default=True):
        return upload
    named = here.folder / "samples" / (Path(upload.path.name).stem + ".wav")
    named.parent.mkdir()
    await asyncio.to_thread(bare_samples.as_wav, upload.path, named)
    upload.path.unlink()
    return Upload(named, upload.name, upload.size_bytes)
