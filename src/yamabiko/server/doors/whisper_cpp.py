"""whisper.cpp's door: `POST /inference`, and `POST /load` for another model."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from fastapi import APIRouter, Request, Response

from yamabiko import formats
from yamabiko.audio.speech_spans import SpeechOptions
from yamabiko.formats import Layout
from yamabiko.formats.language_names import language_name
from yamabiko.formats.plain import dump, receipt, seconds
from yamabiko.scheduling.setup import Wish
from yamabiko.server import answers
from yamabiko.server.fields import Fields
from yamabiko.server.forms import Form
from yamabiko.server.sitting import desk_of, sitting
from yamabiko.server.transcription_form import Asked, read
from yamabiko.speech import Segment, Transcript
from yamabiko.transcription.clips import Clip

router = APIRouter(tags=["whisper.cpp"])

FORMATS = ("json", "text", "srt", "verbose_json", "vtt")
_SAME = ("language", "prompt", "response_format")
_TAKEN = {
    *_SAME, "temperature", "temperature_inc", "detect_language", "translate", "beam_size", "best_of",
    "logprob_thold", "no_speech_thold", "offset_t", "duration", "no_timestamps", "max_len", "no_language_probabilities",
    "vad", "vad_threshold", "vad_min_speech_duration_ms", "vad_min_silence_duration_ms", "vad_speech_pad_ms",
}  # fmt: skip
_LONGEST_MS = 1e9
_MEDIA = {
    "json": "application/json",
    "srt": "application/x-subrip; charset=utf-8",
    "vtt": "text/vtt; charset=utf-8",
}


@router.post("/inference")
async def inference(request: Request) -> Response:
    """
    Fields: file, and whisper.cpp's as far as they mean something here (docs/server.md lists them); the answer's header
    `x-yamabiko-ignored` names the rest.
    """
    async with sitting(request) as here:
        upload, fields = here.form.file(), Fields(here.form)
        asked = _asked(here.form, here.desk.default_wish())
        transcript = await here.transcribe(
            upload, asked, clips=_clips(fields), language_only=fields.flag("detect_language", default=False)
        )
        content, media = _body(transcript, asked, fields)
    return Response(content, media_type=media, headers=answers.headers(transcript, asked))


@router.post("/load")
async def load(request: Request) -> dict[str, Any]:
    """Field: model. The server's own model from now on; one that cannot be had leaves the old one in place."""
    async with sitting(request) as here:
        given = Form(fields={"model": [_model_name(here.form.first("model") or "")]})
        asked = read(given, here.desk.default_wish())
    desk = desk_of(request)
    outfit = await asyncio.to_thread(desk.change_model, asked.wish)
    return {"status": "ok", "model": outfit.model_name}


# ---- what is asked ------------------------------------------------------------------------------------------------------


def _asked(form: Form, default: Wish) -> Asked:
    """Raises: Refused (parameter-invalid)."""
    fields = Fields(form)
    given = {name: form.fields[name] for name in _SAME if name in form.fields}
    given.setdefault("language", ["en"])  # as whisper.cpp does
    given["response_format"] = [fields.one_of("response_format", FORMATS, "json")]
    if fields.flag("detect_language", default=False):
        del given["language"]
    if fields.flag("translate", default=False):
        given["task"] = ["translate"]
    asked = read(Form(fields=given), default)
    options = asked.options
    if fields.flag("detect_language", default=False):
        options = replace(options, language=None)
    beams, best_of = fields.number("beam_size", -1, 100, -1), fields.number("best_of", -1, 100, -1)
    return replace(
        asked,
        ignored=(*asked.ignored, *(name for name in form.fields if name not in _TAKEN)),
        speech=_speech(fields),
        options=replace(
            options,
            word_timestamps=asked.response_format == "verbose_json" or fields.number("max_len", 0, 1e6, 0) > 0,
            beam_size=round(beams) if beams >= 1 else options.beam_size,
            best_of=round(best_of) if best_of >= 1 else options.best_of,
            temperatures=_temperatures(fields),
            logprob_threshold=fields.number("logprob_thold", -100, 0, -1.0),
            no_speech_threshold=fields.number("no_speech_thold", 0, 1, 0.6),
        ),
    )


def _temperatures(fields: Fields) -> tuple[float, ...]:
    """From `temperature` up to 1 in steps of `temperature_inc`, as long as the text is bad; 0: no second try."""
    first = fields.number("temperature", 0, 1, 0.0)
    step = fields.number("temperature_inc", 0, 1, 0.2)
    count = int((1.0 - first) / max(step, 0.01) + 1e-6) if step else 0
    return tuple(round(first + step * number, 6) for number in range(count + 1))


def _speech(fields: Fields) -> SpeechOptions | None:
    """Only where somebody speaks, unless `vad` is false: or Whisper writes sentences into silence."""
    if not fields.flag("vad", default=True):
        return None
    own = SpeechOptions()
    return SpeechOptions(
        threshold=max(fields.number("vad_threshold", 0, 1, own.threshold), 0.001),
        min_speech_duration_ms=round(
            fields.number("vad_min_speech_duration_ms", 0, _LONGEST_MS, own.min_speech_duration_ms)
        ),
        min_silence_duration_ms=round(
            fields.number("vad_min_silence_duration_ms", 0, _LONGEST_MS, own.min_silence_duration_ms)
        ),
        speech_pad_ms=round(fields.number("vad_speech_pad_ms", 0, _LONGEST_MS, own.speech_pad_ms)),
    )


def _clips(fields: Fields) -> tuple[Clip, ...]:
    start_s = fields.number("offset_t", 0, _LONGEST_MS, 0) / 1000
    long_s = fields.number("duration", 0, _LONGEST_MS, 0) / 1000
    return (Clip(start_s, start_s + long_s if long_s else None),) if start_s or long_s else ()


def _model_name(given: str) -> str:
    """`base.en` for models/ggml-base.en.bin, which is what whisper.cpp's clients send."""
    last = PurePosixPath(given.strip().replace("\\", "/")).name
    return last.removeprefix("ggml-").removesuffix(".bin") if last.endswith(".bin") else given


# ---- what is answered ---------------------------------------------------------------------------------------------------


def _body(transcript: Transcript, asked: Asked, fields: Fields) -> tuple[str, str]:
    """The answer in whisper.cpp's shape, and its media type; a text has a line a segment."""
    lines = "".join(segment.text + "\n" for segment in transcript.segments)
    name = asked.response_format
    if name == "text":
        return lines, "text/plain; charset=utf-8"
    if name in ("srt", "vtt"):
        width = round(fields.number("max_len", 0, 1e6, 0))
        layout = Layout(max_line_width=width, max_line_count=1) if width else None
        return formats.render(transcript, name, layout), _MEDIA[name]
    values: dict[str, Any] = {"text": lines}
    if name == "verbose_json":
        timed = not fields.flag("no_timestamps", default=False)
        values = {
            "task": transcript.task,
            "language": language_name(transcript.language),
            "duration": seconds(transcript.duration_s),
            "text": lines,
            "segments": [_segment(*numbered, timed=timed) for numbered in enumerate(transcript.segments)],
        }
        untold = fields.flag("no_language_probabilities", default=False)
        if transcript.language_probability is not None and not untold:
            values["detected_language"] = language_name(transcript.language)
            values["detected_language_probability"] = transcript.language_probability
    return dump(values | {"yamabiko": receipt(transcript)}), _MEDIA["json"]


def _segment(number: int, segment: Segment, *, timed: bool) -> dict[str, Any]:
    """What the engine did not measure is null."""
    return {
        "id": number,
        "text": segment.text,
        **({"start": seconds(segment.start_s), "end": seconds(segment.end_s)} if timed else {}),
        "tokens": list(segment.tokens),
        "words": [
            {
                "word": word.text,
                **({"start": seconds(word.start_s), "end": seconds(word.end_s)} if timed else {}),
                "probability": word.probability,
            }
            for word in segment.words
        ],
        "temperature": segment.temperature,
        "avg_logprob": segment.avg_logprob,
        "no_speech_prob": segment.no_speech_prob,
    }
