"""
What a client of OpenAI's audio API may ask for, and what it means here.

OpenAI's own fields first, then ours, under Whisper's names. A field that nobody
knows is refused by none of OpenAI's clients, so it is not refused here either:
it is named in the answer's header, as is one that changes nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from yamabiko.audio.speech_spans import SpeechOptions
from yamabiko.engines import catalog
from yamabiko.findings import Remedy
from yamabiko.i18n import Text
from yamabiko.scheduling import heeding
from yamabiko.scheduling.ladder import parse_device
from yamabiko.scheduling.setup import Wish
from yamabiko.server import model_names, second_engines
from yamabiko.server.config import OWN, Own
from yamabiko.server.fields import Fields, invalid
from yamabiko.server.forms import Form
from yamabiko.server.problems import refused
from yamabiko.server.second_engines import KNOWN_SPEAKERS, SPEAKER_FIELDS, SpeakersWanted
from yamabiko.speech import Task, TranscribeOptions
from yamabiko.transcription.diarizing import KnownSpeaker

FORMATS = ("json", "text", "srt", "verbose_json", "vtt", "diarized_json", "ass", "lrc", "tsv", "rttm")
STREAMED = ("json", "text", "verbose_json", "diarized_json")
OPENAI_MODELS = (
    "whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "gpt-4o-mini-transcribe-2025-12-15", "gpt-transcribe",
    "gpt-4o-transcribe-diarize",
)  # fmt: skip
"""Names that clients send because they must send one: they mean the server's own model."""
GRANULARITIES = ("word", "segment")
KNOWN = {
    "file", "model", "language", "languages", "prompt", "temperature", "response_format", "timestamp_granularities",
    "stream", "include", "chunking_strategy", "keywords", *KNOWN_SPEAKERS,
    "engine", "device", "compute_type", "hotwords", "beam_size", "vad_filter", "guard", "task", *SPEAKER_FIELDS, "align",
}  # fmt: skip
LONGEST_PAUSE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Asked:
    wish: Wish
    options: TranscribeOptions
    response_format: str
    stream: bool
    speech: SpeechOptions | None
    """None: everything is transcribed, speech or not."""
    guard: bool | None
    """Whether text that nobody said is left out; None: as the server has it."""
    logprobs: bool
    words: bool
    segments: bool
    speakers: SpeakersWanted | None
    """None: they are not told apart."""
    known_speakers: tuple[KnownSpeaker, ...]
    """Whose voices are known, where speakers are told apart."""
    aligner: Wish | None
    """What times the words; None: the engine itself, where it can."""
    ignored: tuple[str, ...]
    """Fields that nobody knows, or that change nothing in this answer."""


def read(form: Form, default: Wish, task: Task = "transcribe", own: Own = OWN) -> Asked:
    """Raises: Refused (parameter-invalid, speakers-not-told-apart, model-unknown)."""
    fields = Fields(form)
    model = form.first("model") or ""
    response_format = _response_format(fields, task)
    stream = _stream(fields, model, task, response_format)
    granularities = fields.some_of("timestamp_granularities", GRANULARITIES) or ("segment",)
    logprobs = "logprobs" in fields.some_of("include", ("logprobs",)) and response_format in ("json", "verbose_json")
    words = "word" in granularities and response_format not in ("json", "text", "diarized_json")
    wish = wish_of(form, default)
    speakers = second_engines.speakers(form, response_format, default, own)
    # Words are shared out among speakers where the engine has their times; whole segments where it has not.
    to_share = speakers is not None and "word-times" in catalog.card(wish.engine).features
    options = _options(form, fields, task, word_times=words or logprobs or to_share)
    aligner = second_engines.aligner(form, options.task, default, own)
    return Asked(
        wish=wish,
        options=options,
        response_format=response_format,
        stream=stream,
        speech=_speech(form, fields),
        guard=fields.flag("guard", default=True) if form.first("guard") else None,
        logprobs=logprobs,
        words=words or aligner is not None,
        segments="segment" in granularities,
        speakers=speakers,
        known_speakers=(),
        aligner=aligner,
        ignored=_ignored(form, wish, options, response_format, stream, speakers),
    )


def _response_format(fields: Fields, task: Task) -> str:
    name = fields.one_of("response_format", FORMATS, "json")
    if name == "diarized_json" and task == "translate":
        raise refused(
            "speakers-not-told-apart",
            Text(
                "OpenAI's translations have no diarized_json; their speakers stand in the other forms.",
                "OpenAI の翻訳に diarized_json はありません。話者は、ほかの形式で受け取れます。",
            ),
            "form: response_format=diarized_json",
            param="response_format",
            remedies=(Remedy(Text("Take the times with speakers in another form", "話者つきの時刻を別の形式で受け取る"),
                             "response_format=verbose_json diarize=true"),),
        )  # fmt: skip
    return name


def _stream(fields: Fields, model: str, task: Task, response_format: str) -> bool:
    asked = fields.flag("stream", default=False)
    if not asked or model == "whisper-1" or task == "translate":  # which ignore it at OpenAI's too
        return False
    if response_format not in STREAMED:
        rule = Text(
            "This form comes whole: ask for it without stream, or stream json.",
            "この形式はまとめて返します。stream を外すか、json で受け取ってください。",
        )
        raise invalid("response_format", response_format, rule)
    return True


def _options(form: Form, fields: Fields, task: Task, *, word_times: bool) -> TranscribeOptions:
    candidates = tuple(
        dict.fromkeys(
            code for given in form.fields.get("languages", ()) if (code := fields.language("languages", given))
        )
    )
    language = fields.language("language", form.first("language"))
    if language is None and len(candidates) == 1:
        language = candidates[0]
    temperature = fields.number("temperature", 0.0, 1.0, 0.0)
    asked = TranscribeOptions(
        language=language,
        languages=() if language else candidates,
        task=task if task == "translate" else fields.task(task),
        word_timestamps=word_times,
        initial_prompt=form.first("prompt") or None,
        hotwords=", ".join(word.strip() for word in _keywords(form) if word.strip()) or None,
        beam_size=fields.whole("beam_size", 1, 100, 5),
    )
    # OpenAI's 0 means: higher where the text is bad. Any other figure is meant as it stands.
    return replace(asked, temperatures=(temperature,)) if temperature else asked


def _keywords(form: Form) -> list[str]:
    return [*form.fields.get("keywords", ()), *form.fields.get("hotwords", ())]


_FIELDS = {
    "initial_prompt": {"prompt"}, "hotwords": {"keywords", "hotwords"}, "beam_size": {"beam_size"},
    "temperatures": {"temperature"},
}  # fmt: skip
"""Of a form, by the option that they set."""


def _ignored(
    form: Form, wish: Wish, options: TranscribeOptions, response_format: str, stream: bool,
    speakers: SpeakersWanted | None,
) -> tuple[str, ...]:  # fmt: skip
    names = dict.fromkeys([*form.fields, *(name for name, _ in form.files)])
    without_effect = second_engines.without_effect(form, speakers)
    if response_format == "text" and speakers is None:
        without_effect.add("align")
    if response_format in ("json", "text", "diarized_json"):
        without_effect.add("timestamp_granularities")
    if response_format not in ("json", "verbose_json"):
        without_effect.add("include")
    if not stream and Fields(form).flag("stream", default=False):
        without_effect.add("stream")
    if Fields(form).language("language", form.first("language")) is not None:
        without_effect.add("languages")
    for name in heeding.unheeded(catalog.card(wish.engine), options):
        without_effect |= _FIELDS.get(name, set())
    return tuple(name for name in names if name.partition("[")[0] not in KNOWN or name in without_effect)


def wish_of(form: Form, default: Wish) -> Wish:
    """
    The server's own engine and model unless the client names another that is known: never a path.

    Raises: Refused, Problem (engine-unknown, device-unknown).
    """
    model, engine = form.first("model") or "", form.first("engine") or default.engine
    wish = replace(
        default,
        engine=engine,
        model=default.model if engine == default.engine else None,
        device=form.first("device") or default.device,
        compute_type=form.first("compute_type") or default.compute_type,
    )
    parse_device(wish.device)
    card = catalog.card(wish.engine)
    if card.job != "transcribe":
        rule = Text("It writes no text.", "文字起こしをするエンジンではありません。")
        raise invalid("engine", wish.engine, rule)
    if model in ("", *OPENAI_MODELS):
        return wish
    if model in (card.name, wish.model):
        return wish
    return replace(wish, model=model_names.named(model, card, wish.model, "model", "GET /v1/models", OPENAI_MODELS))


# ---- where somebody speaks ---------------------------------------------------------------------------------------------


def _speech(form: Form, fields: Fields) -> SpeechOptions | None:
    """OpenAI's `chunking_strategy`: `auto`, or server_vad with its figures; ours is `vad_filter`."""
    if not fields.flag("vad_filter", default=True):
        return None
    values = {key: found for key in ("type", "threshold", "prefix_padding_ms", "silence_duration_ms")
              if (found := form.first(f"chunking_strategy[{key}]")) is not None}  # fmt: skip
    given = (form.first("chunking_strategy") or "auto").strip()
    if not values and given in ("auto", "null"):
        return SpeechOptions()
    return _server_vad(values or _object(given), given if not values else str(values))


def _object(given: str) -> dict[str, Any]:
    try:
        found = json.loads(given)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _server_vad(values: dict[str, Any], given: str) -> SpeechOptions:
    """OpenAI's defaults where a figure is left out. Raises: Refused."""
    name = "chunking_strategy"
    if values.get("type") != "server_vad":
        raise invalid(name, given, Text("It is “auto” or a server_vad object.", "auto か server_vad です。"))

    def figure(key: str, highest: float, default: float) -> float:
        try:
            number = float(values.get(key, default))
        except (TypeError, ValueError, OverflowError):
            number = -1.0
        if not 0 <= number <= highest:
            rule = Text(f"{key} is a number of 0 - {highest:g}.", f"{key} は 0 - {highest:g} の数です。")
            raise invalid(name, given, rule)
        return number

    return SpeechOptions(
        threshold=max(figure("threshold", 1.0, 0.5), 0.001),  # 0: everything that is not surely silence
        min_silence_duration_ms=round(figure("silence_duration_ms", LONGEST_PAUSE_MS, 200)),
        speech_pad_ms=round(figure("prefix_padding_ms", LONGEST_PAUSE_MS, 300)),
    )
