"""
What a live session is told to do, in OpenAI's shape of today and in the older one.

What is not known is left alone, as clients send more than transcription needs;
what is known and cannot be done is replaced by what can, and said.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from yamabiko.findings import Finding, Remedy
from yamabiko.i18n import Text
from yamabiko.scheduling.setup import Wish
from yamabiko.server.forms import Form
from yamabiko.server.problems import Refused, refused
from yamabiko.server.realtime.sound import FORMATS, Format
from yamabiko.server.realtime.turn_detection import ServerVad
from yamabiko.server.second_engines import KNOWN_SPEAKERS, SPEAKER_FIELDS
from yamabiko.server.transcription_form import Asked, read

LOGPROBS = "item.input_audio_transcription.logprobs"
_OLD_FORMATS = {"pcm16": "audio/pcm", "g711_ulaw": "audio/pcmu", "g711_alaw": "audio/pcma"}
_EAGERNESS_MS = {"high": 500, "auto": 800, "medium": 800, "low": 1500}
"""Silence that stands in for each: a pause for thought is longer than one between words."""
_IN = "session.audio.input"
SERVER_VAD = ServerVad()


@dataclass(frozen=True, slots=True)
class LiveSettings:
    format: Format = "audio/pcm"
    model: str | None = None
    """As the client named it; None: the server's own."""
    language: str | None = None
    assumed_language: str | None = None
    """The server's own, for a client that names neither one nor several."""
    languages: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    prompt: str | None = None
    vad: ServerVad | None = SERVER_VAD
    """None: the client says where a turn ends."""
    logprobs: bool = False

    @property
    def spoken(self) -> str | None:
        """The language that is expected; None: it is detected."""
        return self.language or (None if self.languages else self.assumed_language)

    def asked(self, default: Wish) -> Asked:
        """What it means for the engine. Raises: Refused (parameter-invalid, model-unknown)."""
        name = "" if self.model is None or self.model.startswith("gpt-") else self.model
        fields = {"model": [name], "languages": list(self.languages), "keywords": list(self.keywords)}
        fields |= {"language": [self.spoken or ""], "prompt": [self.prompt or ""]}
        fields |= {"include": ["logprobs"]} if self.logprobs else {}
        try:
            return read(Form(fields=fields), default)
        except Refused as error:
            raise Refused(error.finding, param=f"{_IN}.transcription.{error.param}") from None

    def updated(self, session: object) -> tuple[LiveSettings, tuple[Finding, ...]]:
        """With what a `session.update` holds, and what had to be replaced. Raises: Refused (parameter-invalid)."""
        given = _dict(session, "session")
        if given.get("type", "transcription") != "transcription":
            raise _invalid(
                "session.type", given["type"],
                Text("This server's sessions transcribe.", "このサーバーのセッションは文字起こし専用です。"),
            )  # fmt: skip
        sound = _dict(_dict(given.get("audio"), "session.audio").get("input"), _IN)
        changed, notices = self, []
        if "include" in given:
            changed = replace(changed, logprobs=LOGPROBS in _words(given["include"], "session.include"))
        if sound.get("format") is not None:
            changed = replace(changed, format=_format(sound["format"]))
        if "transcription" in sound:
            changed = _transcription(changed, _dict(sound["transcription"], f"{_IN}.transcription"))
            if _names_speakers(changed.model) and changed.model != self.model:
                notices.append(_speakers_later(changed.model))
            if (sound["transcription"] or {}).get("delay") is not None:
                notices.append(_replaced("delay", Text("ignored it", "無視しました")))
        if sound.get("noise_reduction") is not None:
            notices.append(_replaced("noise_reduction", Text("took the sound as it is", "音声をそのまま使います")))
        if "turn_detection" in sound:
            vad, notice = _turn_detection(changed.vad, sound["turn_detection"])
            changed = replace(changed, vad=vad)
            notices += [notice] if notice else []
        return changed, tuple(notices)

    def plain(self, id_: str, model: str) -> dict[str, Any]:
        """As it stands, in the shape of today. `model`: what the session really runs on."""
        return {
            "type": "transcription",
            "object": "realtime.transcription_session",
            "id": id_,
            "audio": {
                "input": {
                    "format": {"type": self.format, **({"rate": 24_000} if self.format == "audio/pcm" else {})},
                    "noise_reduction": None,
                    "transcription": self._transcription(model),
                    "turn_detection": self._vad(),
                }
            },
            "include": [LOGPROBS] if self.logprobs else [],
        }

    def plain_old(self, id_: str, model: str) -> dict[str, Any]:
        return {
            "object": "realtime.transcription_session",
            "id": id_,
            "input_audio_format": next(old for old, new in _OLD_FORMATS.items() if new == self.format),
            "input_audio_noise_reduction": None,
            "input_audio_transcription": self._transcription(model),
            "turn_detection": self._vad(),
            "include": [LOGPROBS] if self.logprobs else [],
        }

    def _transcription(self, model: str) -> dict[str, Any]:
        told: dict[str, Any] = {"model": model, "language": self.spoken, "prompt": self.prompt or ""}
        return told | ({"languages": list(self.languages)} if self.languages else {}) | (
            {"keywords": list(self.keywords)} if self.keywords else {}
        )  # fmt: skip

    def _vad(self) -> dict[str, Any] | None:
        if self.vad is None:
            return None
        return {
            "type": "server_vad",
            "threshold": self.vad.threshold,
            "prefix_padding_ms": self.vad.prefix_padding_ms,
            "silence_duration_ms": self.vad.silence_duration_ms,
            "idle_timeout_ms": self.vad.idle_timeout_ms,
        }


def from_old(session: object) -> dict[str, Any]:
    """`transcription_session.update` as a session of today. Raises: Refused (parameter-invalid)."""
    given = _dict(session, "session")
    sound: dict[str, Any] = {}
    if "input_audio_format" in given:
        old = given["input_audio_format"]
        sound["format"] = {"type": _OLD_FORMATS.get(old, old) if isinstance(old, str) else old}
    names = {"input_audio_transcription": "transcription", "input_audio_noise_reduction": "noise_reduction"}
    for name in (*names, "turn_detection"):
        if name in given:
            sound[names.get(name, name)] = given[name]
    return {"audio": {"input": sound}} | ({"include": given["include"]} if "include" in given else {})


# ---- parts --------------------------------------------------------------------------------------------------------------


def _format(given: object) -> Format:
    values = _dict(given, f"{_IN}.format")
    name = next((known for known in FORMATS if known == values.get("type")), None)
    if name is None:
        rule = Text(f"It is one of: {', '.join(FORMATS)}.", f"次のいずれかです: {', '.join(FORMATS)}")
        raise _invalid(f"{_IN}.format.type", values.get("type"), rule)
    if name == "audio/pcm" and values.get("rate", 24_000) != 24_000:
        rule = Text("PCM comes with 24000 samples a second.", "PCM は 24000 Hz です。")
        raise _invalid(f"{_IN}.format.rate", values["rate"], rule)
    return name


def _transcription(current: LiveSettings, given: dict[str, Any]) -> LiveSettings:
    changed: dict[str, Any] = {}
    for name in (*SPEAKER_FIELDS, *KNOWN_SPEAKERS, "align"):
        if given.get(name):
            raise _not_live(name, given[name])
    for name in ("model", "language", "prompt"):
        if name in given:
            value = given[name]
            if value is not None and not isinstance(value, str):
                raise _invalid(f"{_IN}.transcription.{name}", value, Text("It is text.", "文字列です。"))
            changed[name] = value or None
    for name in ("languages", "keywords"):
        if name in given:
            changed[name] = _words(given[name] or [], f"{_IN}.transcription.{name}")
    return replace(current, **changed)


def _turn_detection(current: ServerVad | None, given: object) -> tuple[ServerVad | None, Finding | None]:
    if given is None:
        return None, None
    values = _dict(given, f"{_IN}.turn_detection")
    kind = values.get("type", "server_vad")
    if kind == "semantic_vad":
        eagerness = values.get("eagerness") or "auto"
        silence_ms = _EAGERNESS_MS.get(eagerness, 800) if isinstance(eagerness, str) else 800
        we_did = Text(
            f"used server_vad with {silence_ms} ms of silence", f"server_vad（無音 {silence_ms} ms）で代用しました"
        )
        return ServerVad(silence_duration_ms=silence_ms), _replaced("semantic_vad", we_did)
    if kind != "server_vad":
        rule = Text("It is server_vad, or null.", "server_vad か null です。")
        raise _invalid(f"{_IN}.turn_detection.type", kind, rule)
    vad = current or ServerVad()
    return ServerVad(
        threshold=_number(values, "threshold", 0.01, 1, vad.threshold),
        prefix_padding_ms=round(_number(values, "prefix_padding_ms", 0, 5_000, vad.prefix_padding_ms)),
        silence_duration_ms=round(_number(values, "silence_duration_ms", 50, 30_000, vad.silence_duration_ms)),
        idle_timeout_ms=(
            None if values.get("idle_timeout_ms", vad.idle_timeout_ms) is None
            else round(_number(values, "idle_timeout_ms", 1_000, 60_000, vad.idle_timeout_ms or 0))
        ),
    ), None  # fmt: skip


def _number(values: dict[str, Any], name: str, lowest: float, highest: float, default: float) -> float:
    given = values.get(name)
    if given is None:
        return default
    number = float(given) if isinstance(given, int | float) and not isinstance(given, bool) else math.nan
    if not lowest <= number <= highest:
        rule = Text(f"It is a number of {lowest:g} - {highest:g}.", f"{lowest:g} - {highest:g} の数を指定します。")
        raise _invalid(f"{_IN}.turn_detection.{name}", given, rule)
    return number


def _dict(given: object, param: str) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise _invalid(param, given, Text("It is an object.", "オブジェクトです。"))
    return given


def _words(given: object, param: str) -> tuple[str, ...]:
    if not isinstance(given, list) or not all(isinstance(word, str) for word in given):
        raise _invalid(param, given, Text("It is a list of words.", "文字列の配列です。"))
    return tuple(given)


def _invalid(param: str, given: object, rule: Text) -> Refused:
    shown = repr(given)[:100]
    cause = Text(f"{shown} is not allowed for {param}. {rule.en}", f"{param} に {shown} は指定できません。{rule.ja}")
    return refused("parameter-invalid", cause, f"event: {param}={shown}", param=param)


def _names_speakers(model: str | None) -> bool:
    return model is not None and model.endswith("-diarize")


def _later(field: str) -> Remedy:
    return Remedy(
        Text(f"Send the whole recording with {field}=true, once it is over", f"終わった録音を {field}=true で送る"),
        "POST /v1/audio/transcriptions",
    )


def _speakers_later(model: str | None) -> Finding:
    return Finding(
        id="realtime-setting-replaced",
        severity="info",
        area="usage",
        cause=Text("Live captions tell no speakers apart.", "ライブ字幕では話者を区別しません。"),
        evidence=(f"event: session.update with {model}",),
        remedies=(_later("diarize"),),
        we_did=Text("writes captions without speakers", "話者の区別なしで字幕にします"),
    )


def _not_live(name: str, given: object) -> Refused:
    """Who speaks, and when each word was said, is settled over a whole recording."""
    shown = repr(given)[:100]
    return refused(
        "parameter-invalid",
        Text(
            f"Live captions have no {name}: a recording must be whole for it.",
            f"ライブ字幕では {name} を使えません。録音全体が必要です。",
        ),
        f"event: {_IN}.transcription.{name}={shown}",
        param=f"{_IN}.transcription.{name}",
        remedies=(_later("align" if name == "align" else "diarize"),),
    )


def _replaced(what: str, we_did: Text) -> Finding:
    return Finding(
        id="realtime-setting-replaced",
        severity="info",
        area="usage",
        cause=Text(f"This server has no {what}.", f"このサーバーは {what} に対応していません。"),
        evidence=(f"event: session.update with {what}",),
        we_did=we_did,
    )
