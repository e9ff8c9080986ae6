"""
What a client of OpenAI's audio API may ask for, and what it means here.

OpenAI's own fields first, then ours, under Whisper's names. A field that nobody
knows is refused by none of OpenAI's clients, so it is not refused here either:
it is named in the answer's header.
"""

from __future__ import annotations

import difflib
import json
import math
from dataclasses import dataclass
from typing import Any

from yamabiko.audio.speech_spans import SpeechOptions
from yamabiko.engines import catalog, models
from yamabiko.findings import Remedy
from yamabiko.formats.language_names import LANGUAGE_NAMES, language_code
from yamabiko.i18n import Text
from yamabiko.scheduling.setup import Wish
from yamabiko.server.forms import Form
from yamabiko.server.problems import Refused, refused
from yamabiko.speech import Task, TranscribeOptions

FORMATS = ("json", "text", "srt", "verbose_json", "vtt", "diarized_json")
OPENAI_MODELS = (
    "whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "gpt-4o-mini-transcribe-2025-12-15", "gpt-transcribe",
    "gpt-4o-transcribe-diarize",
)  # fmt: skip
"""Names that clients send because they must send one: they mean the server's own model."""
GRANULARITIES = ("word", "segment")
KNOWN = {
    "file", "model", "language", "languages", "prompt", "temperature", "response_format", "timestamp_granularities",
    "stream", "include", "chunking_strategy", "keywords", "known_speaker_names", "known_speaker_references",
    "engine", "device", "compute_type", "hotwords", "beam_size", "vad_filter", "task",
}  # fmt: skip


def _described() -> dict[str, Any]:
    """The form for the OpenAPI document: it is read as it comes, so nothing else describes it."""

    def words(description: str, **more: Any) -> dict[str, Any]:
        return {"type": "string", "description": description, **more}

    def several(description: str, **items: Any) -> dict[str, Any]:
        return {"type": "array", "items": {"type": "string", **items}, "description": description}

    properties = {
        "file": {"type": "string", "format": "binary", "description": "Recording or video, of any format."},
        "model": words("A name of GET /v1/models; OpenAI's own names mean the server's model."),
        "language": words("Code or English name; left out: detected."),
        "languages[]": several("Languages that it may be."),
        "prompt": words("Text that shows the style and the spelling to follow."),
        "keywords[]": several("Words to expect."),
        "response_format": words("Form of the answer.", enum=list(FORMATS), default="json"),
        "temperature": {"type": "number", "minimum": 0, "maximum": 1, "default": 0},
        "timestamp_granularities[]": several("For verbose_json.", enum=list(GRANULARITIES)),
        "include[]": several("More in the answer.", enum=["logprobs"]),
        "stream": {"type": "boolean", "default": False, "description": "Server-sent events; not with whisper-1."},
        "chunking_strategy": words("auto, or a server_vad object as JSON."),
        "engine": words("Ours: an engine by name."),
        "device": words("Ours: auto, cpu, cuda, cuda:N."),
        "compute_type": words("Ours: auto, int8, float16, float32 ..."),
        "beam_size": {"type": "integer", "minimum": 1, "maximum": 100, "default": 5, "description": "Ours."},
        "vad_filter": {"type": "boolean", "default": True, "description": "Ours: only where somebody speaks."},
    }
    schema = {"type": "object", "required": ["file"], "properties": properties}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


FORM = _described()


@dataclass(frozen=True, slots=True)
class Asked:
    wish: Wish
    options: TranscribeOptions
    response_format: str
    stream: bool
    speech: SpeechOptions | None
    """None: everything is transcribed, speech or not."""
    logprobs: bool
    words: bool
    segments: bool
    candidates: tuple[str, ...]
    """Languages that it may be; empty: any."""
    unknown: tuple[str, ...]
    """Fields that nobody knows."""


def read(form: Form, default: Wish, task: Task = "transcribe") -> Asked:
    """Raises: Refused (parameter-invalid, model-unknown)."""
    fields = _Fields(form)
    response_format = fields.one_of("response_format", FORMATS, "json")
    if response_format == "diarized_json":
        raise _invalid(
            "response_format", "diarized_json",
            Text("Speakers are not told apart yet.", "話者の区別にはまだ対応していません。"),
        )  # fmt: skip
    granularities = fields.some_of("timestamp_granularities", GRANULARITIES) or ("segment",)
    logprobs = "logprobs" in fields.some_of("include", ("logprobs",))
    words = "word" in granularities
    model = form.first("model") or ""
    candidates = tuple(fields.language("languages", given) for given in form.fields.get("languages", ()))
    language = fields.language("language", form.first("language"))
    if language is None and len(set(candidates)) == 1:
        language = candidates[0]
    keywords = [*form.fields.get("keywords", ()), *form.fields.get("hotwords", ())]
    temperature = fields.number("temperature", 0.0, 1.0, 0.0)
    count = math.floor((1.0 - temperature) / 0.2 + 1e-6)
    options = TranscribeOptions(
        language=language,
        task=fields.task(task),
        word_timestamps=words or logprobs,
        initial_prompt=form.first("prompt") or None,
        hotwords=", ".join(word for word in keywords if word.strip()) or None,
        beam_size=round(fields.number("beam_size", 1, 100, 5)),
        temperatures=tuple(round(temperature + 0.2 * step, 6) for step in range(count + 1)),
    )
    return Asked(
        wish=_wish(form, model, default),
        options=options,
        response_format=response_format,
        stream=fields.flag("stream", default=False) and model != "whisper-1",  # which ignores it at OpenAI's too
        speech=_speech(form, fields),
        logprobs=logprobs,
        words=words,
        segments="segment" in granularities,
        candidates=tuple(code for code in candidates if code),
        unknown=tuple(name for name in form.fields if name not in KNOWN),
    )


def _wish(form: Form, model: str, default: Wish) -> Wish:
    """The server's own engine and model unless the client names another that is known. Raises: Refused."""
    from dataclasses import replace

    wish = replace(
        default,
        engine=form.first("engine") or default.engine,
        device=form.first("device") or default.device,
        compute_type=form.first("compute_type") or default.compute_type,
    )
    if model in ("", *OPENAI_MODELS):
        return wish
    card = catalog.card(wish.engine)
    known = sorted({e.name for e in models.catalogue().models if e.format == card.model_format})
    if model in (card.name, default.model):
        return wish
    if model not in known:
        near = difflib.get_close_matches(model, [*known, *OPENAI_MODELS], 1)
        raise refused(
            "model-unknown",
            Text(f"There is no model named “{model[:100]}” here.", f"「{model[:100]}」というモデルはありません。"),
            f"models of {card.name}: {', '.join(known)}",
            param="model",
            remedies=(
                Remedy(Text("Did you mean this one?", "これではありませんか？"), f"model={near[0]}")
                if near
                else Remedy(Text("See which there are", "一覧を見る"), "GET /v1/models"),
            ),
        )
    return replace(wish, model=model)


def _speech(form: Form, fields: _Fields) -> SpeechOptions | None:
    """OpenAI's `chunking_strategy`: `auto`, or server_vad with its figures; ours is `vad_filter`."""
    if not fields.flag("vad_filter", default=True):
        return None
    given = (form.first("chunking_strategy") or "auto").strip()
    if given in ("auto", "null"):
        return SpeechOptions()
    values = {key: found for key in ("type", "threshold", "prefix_padding_ms", "silence_duration_ms")
              if (found := form.first(f"chunking_strategy[{key}]")) is not None}  # fmt: skip
    if not values:
        try:
            values = json.loads(given)
        except ValueError:
            values = {}
    if not isinstance(values, dict) or values.get("type") != "server_vad":
        raise _invalid(
            "chunking_strategy", given, Text("It is “auto” or a server_vad object.", "auto か server_vad です。")
        )
    own = SpeechOptions()
    try:
        return SpeechOptions(
            threshold=float(values.get("threshold", own.threshold)),
            min_silence_duration_ms=int(values.get("silence_duration_ms", own.min_silence_duration_ms)),
            speech_pad_ms=int(values.get("prefix_padding_ms", own.speech_pad_ms)),
        )
    except (TypeError, ValueError) as error:
        raise _invalid("chunking_strategy", given, Text(str(error), str(error))) from None


class _Fields:
    """Values of a form, each held against what it may be. Every method raises Refused (parameter-invalid)."""

    def __init__(self, form: Form) -> None:
        self._form = form

    def one_of(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        given = (self._form.first(name) or default).strip()
        if given not in allowed:
            raise _invalid(name, given, _allowed(allowed), allowed)
        return given

    def some_of(self, name: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
        given = [word.strip() for value in self._form.fields.get(name, ()) for word in value.split(",") if word.strip()]
        for word in given:
            if word not in allowed:
                raise _invalid(name, word, _allowed(allowed), allowed)
        return tuple(dict.fromkeys(given))

    def flag(self, name: str, *, default: bool) -> bool:
        given = (self._form.first(name) or str(default)).strip().lower()
        if given in ("true", "1", "yes", "on"):
            return True
        if given in ("false", "0", "no", "off"):
            return False
        raise _invalid(name, given, _allowed(("true", "false")))

    def number(self, name: str, lowest: float, highest: float, default: float) -> float:
        given = self._form.first(name)
        if given is None or not given.strip():
            return default
        try:
            number = float(given)
        except ValueError:
            number = math.nan
        if not lowest <= number <= highest:
            shown = f"{lowest:g} - {highest:g}"
            raise _invalid(name, given, Text(f"It is a number of {shown}.", f"{shown} の数を指定します。"))
        return number

    def task(self, default: Task) -> Task:
        return "translate" if self.one_of("task", ("transcribe", "translate"), default) == "translate" else "transcribe"

    def language(self, name: str, given: str | None) -> str | None:
        if given is None or given.strip().lower() in ("", "auto"):
            return None
        code = language_code(given)
        if code is None:
            near = tuple(difflib.get_close_matches(given.lower(), [*LANGUAGE_NAMES, *LANGUAGE_NAMES.values()], 1))
            raise _invalid(
                name, given, Text("It is a code such as ja or en.", "ja や en などのコードを指定します。"), near
            )
        return code


def _allowed(values: tuple[str, ...]) -> Text:
    return Text(f"It is one of: {', '.join(values)}.", f"次のいずれかです: {', '.join(values)}")


def _invalid(name: str, given: str, rule: Text, near: tuple[str, ...] = ()) -> Refused:
    meant = difflib.get_close_matches(given, near, 1)
    return refused(
        "parameter-invalid",
        Text(
            f"“{given[:100]}” is not allowed for {name}. {rule.en}",
            f"{name} に「{given[:100]}」は指定できません。{rule.ja}",
        ),
        f"form: {name}={given[:200]}",
        param=name,
        remedies=tuple(Remedy(Text("Did you mean this?", "これではありませんか？"), f"{name}={one}") for one in meant),
    )
