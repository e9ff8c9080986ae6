"""
whisper-asr-webservice's door, which Bazarr and its like knock at: `POST /asr`, `POST /detect-language`.

Parameters stand in the query. `encode=false` means that the upload is bare
16-bit samples, 16 kHz, mono, little-endian: no file at all.
"""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from yamabiko import formats
from yamabiko.formats.language_names import language_name
from yamabiko.i18n import Text
from yamabiko.server import answers
from yamabiko.server.forms import Form, Upload
from yamabiko.server.problems import refused
from yamabiko.server.sitting import Sitting, sitting
from yamabiko.server.transcription_form import Asked, read
from yamabiko.speech import SAMPLE_RATE

router = APIRouter(tags=["whisper-asr-webservice"])

OUTPUTS = ("txt", "vtt", "srt", "tsv", "json")
_BLOCK = 1 << 20


@router.post("/asr")
async def asr(request: Request) -> Response:
    """Query: encode, task, language, initial_prompt, vad_filter, word_timestamps, output (txt, vtt, srt, tsv, json)."""
    asked_for = request.query_params
    output = asked_for.get("output") or "txt"
    if output not in OUTPUTS:
        raise refused(
            "parameter-invalid",
            Text(f"“{output[:100]}” is not allowed for output. It is one of: {', '.join(OUTPUTS)}.",
                 f"output に「{output[:100]}」は指定できません。次のいずれかです: {', '.join(OUTPUTS)}"),
            f"query: output={output[:200]}",
            param="output",
        )  # fmt: skip
    async with sitting(request) as here:
        upload = _recording(here, asked_for.get("encode"))
        asked = _asked(here, dict(asked_for))
        transcript = await here.transcribe(upload, asked)
    headers = answers.headers(transcript, asked) | {
        "asr-engine": transcript.receipt.engine,
        "content-disposition": f'attachment; filename="{quote(upload.name)}.{output}"',
    }
    return Response(formats.render(transcript, output), media_type="text/plain; charset=utf-8", headers=headers)


@router.post("/detect-language")
async def detect_language(request: Request) -> dict[str, Any]:
    """The language of the recording's beginning, and how sure the engine is."""
    async with sitting(request) as here:
        upload = _recording(here, request.query_params.get("encode"))
        transcript = await here.transcribe(upload, _asked(here, {}))
    if transcript.language is None:
        raise refused("language-unknown", Text("No language could be told.", "言語を判定できませんでした。"))
    return {
        "detected_language": language_name(transcript.language),
        "language_code": transcript.language,
        "confidence": transcript.language_probability,
    }


def _asked(here: Sitting, query: dict[str, str]) -> Asked:
    """Its words in ours. Raises: Refused."""
    ours = {"initial_prompt": "prompt", "vad_filter": "vad_filter", "task": "task", "language": "language"}
    fields = {ours[name]: [value] for name, value in query.items() if name in ours and value}
    fields.setdefault("vad_filter", ["true"])  # without it Whisper writes sentences into silence
    if query.get("word_timestamps", "").lower() in ("true", "1"):
        fields["timestamp_granularities"] = ["word", "segment"]
    return read(Form(fields=fields), here.desk.default_wish())


def _recording(here: Sitting, encode: str | None) -> Upload:
    """Raises: Refused (file-missing)."""
    upload = here.form.file("audio_file")
    if (encode or "true").lower() not in ("false", "0"):
        return upload
    named = here.folder / "samples" / (Path(upload.path.name).stem + ".wav")
    named.parent.mkdir()
    with wave.open(str(named), "wb") as made, upload.path.open("rb") as bare:
        made.setparams((1, 2, SAMPLE_RATE, 0, "NONE", "not compressed"))
        while block := bare.read(_BLOCK):
            made.writeframes(block[: len(block) // 2 * 2])
    upload.path.unlink()
    return Upload(named, upload.name, upload.size_bytes)
