"""
JSON schemas of what comes back.

A record's schema is read off its dataclass, as `records.to_plain` writes every field of it; tests/server/test_openapi_document.py
holds real answers against all of them.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from yamabiko.diagnosis.facts.records import AmdGpu, Library, NvidiaGpu
from yamabiko.engines.environments import State as EnvironmentState
from yamabiko.engines.models import ModelState
from yamabiko.findings import Finding
from yamabiko.i18n import Text
from yamabiko.jobs.store import HIDDEN, Job
from yamabiko.server.desk import Readiness
from yamabiko.server.realtime.sound import FORMATS
from yamabiko.speech import Evidence, Receipt, Verdict

Schema = dict[str, Any]

_PLAIN_TYPES: dict[Any, str] = {
    str: "string",
    Path: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
}
_NAMED = {Finding: "Finding", Text: "Text"}
"""Records that stand in the document once."""


def of(shape: Any) -> Schema:
    """The schema of what `records.to_plain` makes of a value of this type."""
    if shape in _NAMED:
        return ref(_NAMED[shape])
    if shape in _PLAIN_TYPES:
        return {"type": _PLAIN_TYPES[shape]}
    if dataclasses.is_dataclass(shape):
        return record(shape)
    origin, arguments = get_origin(shape), get_args(shape)
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is Union or origin is types.UnionType:
        return {"anyOf": [of(one) for one in arguments]}
    if origin is dict:
        return {"type": "object", "additionalProperties": of(arguments[1])}
    if origin in (tuple, list) and len(arguments) == (2 if origin is tuple else 1):
        return {"type": "array", "items": of(arguments[0])}
    raise TypeError(f"{shape} has no schema")


def record(shape: Any, *, hidden: tuple[str, ...] = ()) -> Schema:
    """Of a dataclass: an object of all its fields but the hidden ones, none of them left out."""
    hints = get_type_hints(shape)
    fields = {field.name: of(hints[field.name]) for field in dataclasses.fields(shape) if field.name not in hidden}
    return object_of(" ".join(fields), **fields)


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def object_of(required: str, /, **properties: Schema) -> Schema:
    """`required`: names with spaces between them; what is named nowhere else is not answered."""
    return {"type": "object", "required": required.split(), "properties": properties}


def whole(**properties: Schema) -> Schema:
    """An object of which nothing is left out."""
    return object_of(" ".join(properties), **properties)


def list_of(items: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": items, **more}


def words(description: str, **more: Any) -> Schema:
    return {"type": "string", "description": description, **more}


def or_null(kind: str, description: str = "") -> Schema:
    return {"type": [kind, "null"], **({"description": description} if description else {})}


_TEXT: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "number"}
_WHOLE: Schema = {"type": "integer"}
_TRUE: Schema = {"type": "boolean"}
_MEASURED = or_null("number", "null where the engine does not measure it.")

# ---- what stands in the document once ------------------------------------------------------------------------------------

ERROR = whole(
    error=whole(
        message=words("What went wrong, in the server's language."),
        type={"enum": ["invalid_request_error", "requests", "server_error"]},
        param=or_null("string", "The field that is meant."),
        code=words("OpenAI's word where it has one, else the finding's id."),
        yamabiko=ref("Finding"),
    )
)
RECEIPT: Schema = record(Receipt) | {
    "description": "What was really done: device, verdict, evidence, timings, notices."
}
_ADDED: dict[str, Schema] = {
    "real_time_factor": _MEASURED,
    "source": _TEXT,
    "duration_s": _NUMBER,
    "task": {"enum": ["transcribe", "translate"]},
    "language": or_null("string"),
    "language_probability": or_null("number"),
}
_ANSWERED = whole(**RECEIPT["properties"], **_ADDED) | {"description": RECEIPT["description"]}
JOB = record(Job, hidden=HIDDEN)
JOB["required"] = ["object", *JOB["required"]]
JOB["properties"] = {
    "object": {"const": "job"},
    **JOB["properties"],
    "waits_for": ref("Finding") | {"description": "Only where the server can do nothing at all: why."},
    "receipt": ref("Receipt"),
}
MODEL = object_of(
    "id object created owned_by",
    id=_TEXT,
    object={"const": "model"},
    created=_WHOLE,
    owned_by=words("The engine; openai for OpenAI's own names."),
    yamabiko=whole(means=or_null("string", "The model that OpenAI's name stands for here.")),
)
NAMED_MODEL = whole(engine=_TEXT, model=_TEXT, device=_TEXT)
LOADED = whole(
    **NAMED_MODEL["properties"],
    compute_type=_TEXT,
    pid=_WHOLE,
    load_s=_NUMBER,
    host_bytes={"type": ["integer", "null"]},
    device_bytes={"type": ["integer", "null"]},
    idle_s=or_null("number", "null while it is at work."),
)
COMPONENTS: dict[str, Schema] = {
    "Error": ERROR,
    "Finding": record(Finding),
    "Text": whole(en=_TEXT, ja=_TEXT),
    "Receipt": RECEIPT,
    "AnswerReceipt": _ANSWERED,
    "Job": JOB,
    "Model": MODEL,
    "LoadedModel": LOADED,
}

# ---- transcripts ---------------------------------------------------------------------------------------------------------

_SPEAKER = words("A, B, ... in the order of first speech, or the name of a person who is known.")
_SEGMENT = object_of(
    "id seek start end text tokens temperature avg_logprob compression_ratio no_speech_prob",
    id=_WHOLE,
    seek=or_null("integer", "Where the engine's window began, in hundredths of a second."),
    start=_NUMBER,
    end=_NUMBER,
    text=_TEXT,
    tokens=list_of(_WHOLE),
    temperature=_MEASURED,
    avg_logprob=_MEASURED,
    compression_ratio=_MEASURED,
    no_speech_prob=_MEASURED,
    speaker=_SPEAKER,
)
_CHARACTERS = list_of(whole(character=_TEXT, start=_NUMBER, end=_NUMBER, probability=_MEASURED))
_WORD = object_of("word start end", word=_TEXT, start=_NUMBER, end=_NUMBER, speaker=_SPEAKER, characters=_CHARACTERS)
_SCORED_WORD = object_of("word start end probability", **_WORD["properties"], probability=_MEASURED)
_LOGPROB = whole(
    token=words("A word: no smaller part is measured."),
    logprob={"type": "number", "maximum": 0},
    bytes=list_of({"type": "integer", "minimum": 0, "maximum": 255}),
)
_USAGE = whole(type={"enum": ["duration"]}, seconds={"type": "integer", "minimum": 0})
_SPOKEN = words("In English and in full; unknown where nobody speaks.")
_SAID = whole(
    type={"const": "transcript.text.segment"},
    id=_TEXT,
    start=_NUMBER,
    end=_NUMBER,
    text=_TEXT,
    speaker=words("As above; unknown, where nobody was told apart."),
)
_JSON = object_of(
    "text usage yamabiko",
    text=_TEXT,
    languages=list_of(whole(code=_TEXT), description="Empty: none could be told."),
    segments=list_of(_SAID, description="Where speakers were told apart: who says what."),
    words=list_of(_WORD, description="Where an aligner timed them."),
    logprobs=list_of(_LOGPROB),
    usage=_USAGE,
    yamabiko=ref("AnswerReceipt"),
)
_TIMED: dict[str, Schema] = {
    "task": _ADDED["task"],
    "language": _SPOKEN,
    "duration": _NUMBER,
    "text": _TEXT,
    "segments": list_of(_SEGMENT),
    "words": list_of(_WORD),
}
_VERBOSE = object_of(
    "task language duration text usage yamabiko",
    **_TIMED, logprobs=list_of(_LOGPROB), usage=_USAGE, yamabiko=ref("AnswerReceipt"),
)  # fmt: skip
_STORED_VERBOSE = object_of(
    "task language duration text segments yamabiko",
    **_TIMED | {"language": or_null("string")}, yamabiko=ref("AnswerReceipt"),
)  # fmt: skip
_WHISPER_JSON = object_of(
    "text segments language yamabiko",
    text=_TEXT,
    segments=list_of(
        object_of(
            " ".join(_SEGMENT["required"]),
            **_SEGMENT["properties"],
            words=list_of(_SCORED_WORD),
            language=_TEXT,
        )
    ),
    language=or_null("string"),
    turns=list_of(whole(start=_NUMBER, end=_NUMBER, speaker=_SPEAKER)),
    yamabiko=ref("AnswerReceipt"),
)
_DIARIZED = whole(
    task=_ADDED["task"],
    duration=_NUMBER,
    text=_TEXT,
    segments=list_of(_SAID),
    usage=_USAGE,
    yamabiko=ref("AnswerReceipt"),
)
_CPP_SEGMENT = object_of(
    "id text tokens words temperature avg_logprob no_speech_prob",
    **{
        name: _SEGMENT["properties"][name] for name in _SEGMENT["required"] if name not in ("seek", "compression_ratio")
    },
    words=list_of(_SCORED_WORD),
)
_CPP = object_of(
    "text yamabiko",
    task=_ADDED["task"],
    language=or_null("string"),
    duration=_NUMBER,
    text=_TEXT,
    segments=list_of(_CPP_SEGMENT),
    detected_language=_TEXT,
    detected_language_probability=_NUMBER,
    yamabiko=ref("AnswerReceipt"),
)
_EVENT = object_of(
    "data",
    data={"type": "string", "contentMediaType": "application/json"}, event={"type": "string"}, id={"type": "string"},
)  # fmt: skip

Answer = dict[str, Schema]
"""By media type."""

JSON = "application/json"
_SUBTITLES: Answer = dict.fromkeys(
    ("text/plain", "application/x-subrip", "text/vtt", "text/x-ssa", "text/tab-separated-values"), _TEXT
)
TRANSLATION: Answer = {JSON: {"anyOf": [_JSON, _VERBOSE]}, **_SUBTITLES}
TRANSCRIPT: Answer = {JSON: {"anyOf": [_JSON, _VERBOSE, _DIARIZED]}, **_SUBTITLES, "text/event-stream": _EVENT}
CPP_TRANSCRIPT: Answer = {JSON: _CPP, **_SUBTITLES}
JOB_RESULT: Answer = {JSON: {"anyOf": [_STORED_VERBOSE, _WHISPER_JSON, _DIARIZED]}, "text/plain": _TEXT}
TEXT: Answer = {"text/plain": _TEXT}
EVENTS: Answer = {"text/event-stream": _EVENT}

# ---- yamabiko's own ------------------------------------------------------------------------------------------------------

_ON_GPU = or_null("boolean", "Of the last transcription; true only where it was proved. null: there was none yet.")


def _listed(items: Schema) -> Schema:
    return whole(object={"const": "list"}, data=list_of(items))


HEALTH = whole(status={"const": "ok"}, version=_TEXT, readiness=of(Readiness), gpu_actually_enabled=_ON_GPU)
READY = object_of(
    "ready readiness", ready=_TRUE, readiness=of(Readiness), preparing=ref("Text"), finding=ref("Finding")
)
GPU_STATUS = whole(
    gpu_enabled_in_config=_TRUE,
    requested_device=_TEXT,
    gpu_actually_enabled=_ON_GPU,
    used_device=or_null("string"),
    verdict={"anyOf": [of(Verdict), {"type": "null"}]},
    last_requested_device=or_null("string"),
    last_fallbacks=list_of(_TEXT),
    evidence=list_of(of(Evidence)),
    gpus=list_of({"anyOf": [of(NvidiaGpu), of(AmdGpu)]}),
    libraries=list_of(of(Library)),
    environment_variables={"type": "object", "additionalProperties": _TEXT},
    recommendations=list_of(
        whole(
            finding=_TEXT,
            severity=_TEXT,
            cause=ref("Text"),
            remedy={"anyOf": [ref("Text"), {"type": "null"}]},
            command=or_null("string"),
        )
    ),
)
STATS = whole(
    uptime_s=_NUMBER,
    requests_at_work=_WHOLE,
    requests_answered=_WHOLE,
    requests_failed=_WHOLE,
    requests_cancelled=_WHOLE,
    audio_s=_NUMBER,
    work_s=_NUMBER,
    real_time_factor=_MEASURED,
    fallbacks=_WHOLE,
)
LOADED_MODELS = whole(models=list_of(ref("LoadedModel")))
LOADED_NOW = whole(loaded={"anyOf": [ref("LoadedModel"), {"type": "null"}]}, fallbacks=list_of(ref("Finding")))
UNLOADED = whole(unloaded=list_of(NAMED_MODEL), at_work=list_of(NAMED_MODEL))
CATALOGUE = whole(models=list_of(of(ModelState)))
LANGUAGES = whole(languages=list_of(whole(code=_TEXT, name=_TEXT)))
ENGINES = whole(
    engines=list_of(
        whole(
            engine=_TEXT,
            job=_TEXT,
            summary=ref("Text"),
            environments=list_of(
                whole(
                    profile=_TEXT,
                    status=of(typing.get_type_hints(EnvironmentState)["status"]),
                    not_verified={"anyOf": [ref("Text"), {"type": "null"}]},
                )
            ),
        )
    )
)
DOCTOR = whole(well=_TRUE, findings=list_of(ref("Finding")))
MODELS = _listed(ref("Model"))
JOBS = _listed(ref("Job"))
DELETED = whole(id=_TEXT, deleted={"const": True})
LANGUAGE = whole(detected_language=_TEXT, language_code=_TEXT, confidence=_MEASURED)
MODEL_CHANGED = whole(status={"const": "ok"}, model=_TEXT)

# ---- live sessions -------------------------------------------------------------------------------------------------------

_VAD = {
    "anyOf": [
        {"type": "null"},
        whole(
            type={"const": "server_vad"}, threshold=_NUMBER, prefix_padding_ms=_NUMBER, silence_duration_ms=_NUMBER,
            idle_timeout_ms=or_null("number"),
        ),
    ]
}  # fmt: skip
_TRANSCRIPTION = object_of(
    "model language prompt",
    model=_TEXT, language=or_null("string"), prompt=_TEXT, languages=list_of(_TEXT), keywords=list_of(_TEXT),
)  # fmt: skip
_SESSION: dict[str, Schema] = {"object": {"const": "realtime.transcription_session"}, "id": _TEXT}
CLIENT_SECRET = whole(
    value=words("ek_..."),
    expires_at=_WHOLE,
    session=whole(
        type={"const": "transcription"},
        **_SESSION,
        audio=whole(
            input=whole(
                format=object_of("type", type={"enum": list(FORMATS)}, rate=_WHOLE),
                noise_reduction={"type": "null"},
                transcription=_TRANSCRIPTION,
                turn_detection=_VAD,
            )
        ),
        include=list_of(_TEXT),
        expires_at=_WHOLE,
    ),
)
OLD_SESSION = whole(
    **_SESSION,
    input_audio_format=_TEXT,
    input_audio_noise_reduction={"type": "null"},
    input_audio_transcription=_TRANSCRIPTION,
    turn_detection=_VAD,
    include=list_of(_TEXT),
    client_secret=whole(value=words("ek_..."), expires_at=_WHOLE),
)
