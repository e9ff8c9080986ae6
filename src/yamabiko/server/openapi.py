"""
The OpenAPI document: what FastAPI cannot read off the code, since forms are read while they come.

Forms and answers of OpenAI's routes, and the one envelope that every error of every route has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI

from yamabiko.server.transcription_form import FORMATS, GRANULARITIES

Schema = dict[str, Any]


def describe(app: FastAPI) -> Callable[[], Schema]:
    """What is to stand in for `app.openapi`: the same document, told truly."""
    made = app.openapi

    def document() -> Schema:
        if app.openapi_schema is None:
            _tell_errors(made())
        return made()

    return document


def _tell_errors(document: Schema) -> None:
    """Every error is an envelope; FastAPI's own 422 is never sent."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Error"] = ERROR
    told = {"description": "What went wrong.", "content": _json({"$ref": "#/components/schemas/Error"})}
    for methods in document["paths"].values():
        for operation in methods.values():
            responses = operation["responses"]
            responses.pop("422", None)
            responses.setdefault("4XX", told)
            responses.setdefault("5XX", told)


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}


def _object(required: str, **properties: Schema) -> Schema:
    return {"type": "object", "required": required.split(), "properties": properties}


def _list(items: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": items, **more}


def _words(description: str, **more: Any) -> Schema:
    return {"type": "string", "description": description, **more}


# ---- errors -------------------------------------------------------------------------------------------------------------

_TEXT = _object("en ja", en={"type": "string"}, ja={"type": "string"})
_FINDING = _object(
    "id severity area cause",
    id=_words("docs/findings.md has its article."),
    severity={"enum": ["error", "warning", "info"]},
    area={"type": "string"},
    cause=_TEXT,
    evidence=_list({"type": "string"}),
    remedies=_list({"type": "object"}, description="Cheapest first."),
)
ERROR = _object(
    "error",
    error=_object(
        "message type param code yamabiko",
        message={"type": "string"},
        type={"enum": ["invalid_request_error", "requests", "server_error"]},
        param={"type": ["string", "null"], "description": "The field that is meant."},
        code=_words("OpenAI's word where it has one, else the finding's id."),
        yamabiko=_FINDING,
    ),
)


# ---- what is sent -------------------------------------------------------------------------------------------------------


def _form() -> Schema:
    properties = {
        "file": {"type": "string", "format": "binary", "description": "Recording or video, of any format."},
        "path": _words("Ours: instead of file, one that lies in an allowed folder of the server's machine."),
        "model": _words("A name of GET /v1/models; OpenAI's own names mean the server's model."),
        "language": _words("Code or English name; left out: detected."),
        "languages[]": _list(_words("Code or English name."), description="Languages that it may be."),
        "prompt": _words("Text that shows the style and the spelling to follow."),
        "keywords[]": _list({"type": "string"}, description="Words to expect."),
        "response_format": _words("Form of the answer.", enum=list(FORMATS), default="json"),
        "temperature": {"type": "number", "minimum": 0, "maximum": 1, "default": 0},
        "timestamp_granularities[]": _list({"enum": list(GRANULARITIES)}, description="For verbose_json."),
        "include[]": _list({"enum": ["logprobs"]}, description="For json and verbose_json: of each word."),
        "stream": {"type": "boolean", "default": False, "description": "Server-sent events; not with whisper-1."},
        "chunking_strategy": _words("auto, or a server_vad object as JSON."),
        "known_speaker_names[]": _list({"type": "string"}, maxItems=4, description="Checked, and not used yet."),
        "known_speaker_references[]": _list(
            {"type": "string"}, maxItems=4, description="Data URLs of 2 to 10 s, one a name. Checked, and not used yet."
        ),
        "engine": _words("Ours: an engine by name."),
        "device": _words("Ours: auto, cpu, cuda, cuda:N."),
        "compute_type": _words("Ours: auto, int8, float16, float32 ..."),
        "beam_size": {"type": "integer", "minimum": 1, "maximum": 100, "default": 5, "description": "Ours."},
        "vad_filter": {"type": "boolean", "default": True, "description": "Ours: only where somebody speaks."},
    }
    schema = {"type": "object", "required": ["file"], "properties": properties}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


FORM = _form()


# ---- what comes back ----------------------------------------------------------------------------------------------------

_NUMBER = {"type": "number"}
_MEASURED = {"type": ["number", "null"], "description": "null where the engine does not measure it."}
_SEGMENT = _object(
    "id seek start end text tokens temperature avg_logprob compression_ratio no_speech_prob",
    id={"type": "integer"},
    seek={"type": ["integer", "null"], "description": "Where the engine's window began, in hundredths of a second."},
    start=_NUMBER,
    end=_NUMBER,
    text={"type": "string"},
    tokens=_list({"type": "integer"}),
    temperature=_MEASURED,
    avg_logprob=_MEASURED,
    compression_ratio=_MEASURED,
    no_speech_prob=_MEASURED,
)
_WORD = _object("word start end", word={"type": "string"}, start=_NUMBER, end=_NUMBER)
_LOGPROB = _object(
    "token logprob bytes",
    token=_words("A word: no smaller part is measured."),
    logprob={"type": "number", "maximum": 0},
    bytes=_list({"type": "integer", "minimum": 0, "maximum": 255}),
)
_USAGE = _object("type seconds", type={"enum": ["duration"]}, seconds={"type": "integer", "minimum": 0})
_RECEIPT = {"type": "object", "description": "What was really done: device, verdict, evidence, timings, notices."}
_PLAIN = _object(
    "text usage yamabiko",
    text={"type": "string"},
    languages=_list(_object("code", code={"type": "string"}), description="Empty: none could be told."),
    logprobs=_list(_LOGPROB),
    usage=_USAGE,
    yamabiko=_RECEIPT,
)
_VERBOSE = _object(
    "task language duration text usage yamabiko",
    task={"enum": ["transcribe", "translate"]},
    language=_words("In English and in full; unknown where nobody speaks."),
    duration=_NUMBER,
    text={"type": "string"},
    segments=_list(_SEGMENT),
    words=_list(_WORD),
    logprobs=_list(_LOGPROB),
    usage=_USAGE,
    yamabiko=_RECEIPT,
)


_EVENT = _object("data", data={"type": "string", "contentMediaType": "application/json"}, event={"type": "string"})


def _answers(*, stream: bool) -> dict[int | str, Schema]:
    text: Schema = {"schema": {"type": "string"}}
    content = {
        **_json({"anyOf": [_PLAIN, _VERBOSE]}),
        "text/plain": text,
        "application/x-subrip": text,
        "text/vtt": text,
    }
    if stream:
        content["text/event-stream"] = {"schema": _EVENT}
    return {200: {"description": "The text, in the form that was asked for.", "content": content}}


PROMETHEUS: dict[int | str, Schema] = {
    200: {"description": "In Prometheus's words.", "content": {"text/plain": {"schema": {"type": "string"}}}}
}
TRANSCRIPT = _answers(stream=True)
TRANSLATION = _answers(stream=False)
