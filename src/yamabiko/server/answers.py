"""A transcript as the client wants it: body, media type, and the receipt in headers."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from yamabiko import formats
from yamabiko.formats.plain import dump, receipt
from yamabiko.server.transcription_form import Asked
from yamabiko.speech import Segment, Transcript

_MEDIA = {
    "json": "application/json",
    "verbose_json": "application/json",
    "text": "text/plain; charset=utf-8",
    "srt": "application/x-subrip; charset=utf-8",
    "vtt": "text/vtt; charset=utf-8",
}


def body(transcript: Transcript, asked: Asked) -> tuple[str, str]:
    """The answer and its media type."""
    name = asked.response_format
    if name == "json":
        return dump(_json(transcript, asked)), _MEDIA[name]
    if name == "verbose_json":
        values = json.loads(formats.render(transcript, "verbose_json"))
        values["usage"] = usage(transcript)
        if not asked.words:
            values.pop("words", None)  # they were needed for something else
        return dump(values), _MEDIA[name]
    if name == "text":
        return transcript.text + "\n", _MEDIA[name]
    return formats.render(transcript, name), _MEDIA[name]


def headers(transcript: Transcript, asked: Asked) -> dict[str, str]:
    """What was really done, for formats that have no place for it."""
    done = transcript.receipt
    factor = done.real_time_factor
    found = {
        "x-yamabiko-engine": done.engine,
        "x-yamabiko-model": done.model,
        "x-yamabiko-device": done.used_device,
        "x-yamabiko-compute-type": done.used_compute_type,
        "x-yamabiko-verdict": done.verdict,
        "x-yamabiko-rtf": "" if factor is None else f"{factor:.4f}",
        "x-yamabiko-fallbacks": ",".join(finding.id for finding in done.fallbacks),
        "x-yamabiko-notices": ",".join(finding.id for finding in done.notices),
        "x-yamabiko-ignored": ",".join(asked.unknown),
    }
    return {name: _plain(value) for name, value in found.items() if value}


def usage(transcript: Transcript) -> dict[str, Any]:
    return {"type": "duration", "seconds": math.ceil(transcript.duration_s)}


# ---- server-sent events -------------------------------------------------------------------------------------------------


def delta(segments: Sequence[Segment], asked: Asked) -> str:
    """What was heard in one stretch, as it comes."""
    event: dict[str, Any] = {"type": "transcript.text.delta", "delta": "".join(segment.text for segment in segments)}
    if asked.logprobs:
        event["logprobs"] = _logprobs(segments)
    return _event(event)


def done(transcript: Transcript, asked: Asked) -> str:
    """The whole text: what was asked again or mended is in it too."""
    event = {"type": "transcript.text.done", **_json(transcript, asked)}
    return _event(event)


def error(envelope: dict[str, Any]) -> str:
    """Of an answer that has begun there is no status left to tell it by."""
    return _event({"type": "error", **envelope})


def _event(values: dict[str, Any]) -> str:
    return f"data: {dump(values)}\n"


# ---- parts --------------------------------------------------------------------------------------------------------------


def _json(transcript: Transcript, asked: Asked) -> dict[str, Any]:
    values: dict[str, Any] = {"text": transcript.text}
    if transcript.language is not None:
        values["languages"] = [{"code": transcript.language}]
    if asked.logprobs:
        values["logprobs"] = _logprobs(transcript.segments)
    return values | {"usage": usage(transcript), "yamabiko": receipt(transcript)}


def _logprobs(segments: Sequence[Segment]) -> list[dict[str, Any]]:
    """One entry a word: the engine tells the probability of words, and of no smaller part."""
    return [
        {"token": word.text, "logprob": math.log(word.probability), "bytes": list(word.text.encode())}
        for segment in segments
        for word in segment.words
        if word.probability
    ]


def _plain(value: str) -> str:
    return value.encode("ascii", "replace").decode()[:500]
