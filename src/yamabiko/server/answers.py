"""A transcript as the client wants it: body, media type, and the receipt in headers."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any

from yamabiko import formats
from yamabiko.formats.diarized_json import spoken
from yamabiko.formats.plain import dump, openai_words, receipt, seconds, usage
from yamabiko.seams import continued, joined
from yamabiko.server.transcription_form import Asked
from yamabiko.speech import Segment, Transcript

_MEDIA = {
    "json": "application/json",
    "verbose_json": "application/json",
    "diarized_json": "application/json",
    "text": "text/plain; charset=utf-8",
    "srt": "application/x-subrip; charset=utf-8",
    "vtt": "text/vtt; charset=utf-8",
    "ass": "text/x-ssa; charset=utf-8",
    "lrc": "text/plain; charset=utf-8",
    "rttm": "text/plain; charset=utf-8",
    "tsv": "text/tab-separated-values; charset=utf-8",
}


def body(transcript: Transcript, asked: Asked) -> tuple[str, str]:
    """The answer and its media type."""
    name = asked.response_format
    if name == "json":
        who = {} if transcript.turns is None else {"segments": spoken(transcript)}
        return dump(_json(transcript, asked) | who), _MEDIA[name]
    if name == "verbose_json":
        return dump(_verbose_json(transcript, asked)), _MEDIA[name]
    if name == "text":
        # Who says what needs a line each; without speakers it is one, as OpenAI's.
        said = transcript.text + "\n" if transcript.turns is None else formats.render(transcript, "txt")
        return said, _MEDIA[name]
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
    }
    return {name: plain for name, value in found.items() if (plain := _plain(value))} | ignored(asked)


def ignored(asked: Asked) -> dict[str, str]:
    """The header that names what changed nothing; none, where everything did."""
    plain = _plain(",".join(asked.ignored))
    return {"x-yamabiko-ignored": plain} if plain else {}


# ---- server-sent events -------------------------------------------------------------------------------------------------


class Stretches:
    """What was heard in one stretch after the other, as events."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._said = ""
        self._count = 0

    def tell(self, segments: Sequence[Segment]) -> str:
        """A delta; where times were asked for, one event a segment besides. With their speakers they come at the end."""
        said = joined(segment.text for segment in segments)
        event: dict[str, Any] = {
            "type": "transcript.text.delta",
            "delta": continued(self._said, said),
        }
        self._said = said or self._said
        if self._asked.logprobs:
            event["logprobs"] = _logprobs(segments)
        return _event(event) + "".join(map(self._segment, segments))

    def _segment(self, segment: Segment) -> str:
        if self._asked.response_format != "verbose_json" or self._asked.speakers is not None:
            return ""
        self._count += 1
        return _event(
            {
                "type": "transcript.text.segment",
                "id": f"seg_{self._count:03}",
                "start": seconds(segment.start_s),
                "end": seconds(segment.end_s),
                "text": segment.text,
            }
        )


def done(transcript: Transcript, asked: Asked) -> str:
    """The whole text: what was asked again or mended is in it too. Before it, where asked for, who said what."""
    values = _verbose_json if asked.response_format == "verbose_json" else _json
    # A stretch is only settled at the end: what nobody said is left out, and what was passed over asked once more.
    told = map(_event, spoken(transcript)) if asked.speakers is not None else ()
    return "".join(told) + _event({"type": "transcript.text.done", **values(transcript, asked)})


def error(envelope: dict[str, Any]) -> str:
    """Of an answer that has begun there is no status left to tell it by."""
    return _event({"type": "error", **envelope})


def _event(values: dict[str, Any]) -> str:
    return f"data: {dump(values)}\n"


# ---- parts --------------------------------------------------------------------------------------------------------------


def _json(transcript: Transcript, asked: Asked) -> dict[str, Any]:
    values: dict[str, Any] = {"text": transcript.text}
    if transcript.task == "transcribe":
        values["languages"] = [{"code": transcript.language}] if transcript.language else []
    if asked.aligner is not None:
        values["words"] = openai_words(transcript)
    if asked.logprobs:
        values["logprobs"] = _logprobs(transcript.segments)
    return values | {"usage": usage(transcript), "yamabiko": receipt(transcript)}


def _verbose_json(transcript: Transcript, asked: Asked) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(formats.render(transcript, "verbose_json"))
    # A string by OpenAI's schema: where nobody speaks there is none.
    values["language"] = values["language"] or "unknown"
    words = values.pop("words", [])  # they may have been needed for something else
    if asked.words:
        values["words"] = words
    if not asked.segments:
        del values["segments"]
    if asked.logprobs:
        values["logprobs"] = _logprobs(transcript.segments)
    return values | {"usage": usage(transcript)}


def _logprobs(segments: Sequence[Segment]) -> list[dict[str, Any]]:
    """One entry a word: the engine tells the probability of words, and of no smaller part."""
    return [
        {"token": word.text, "logprob": math.log(word.probability), "bytes": list(word.text.encode())}
        for segment in segments
        for word in segment.words
        if word.probability
    ]


def _plain(value: str) -> str:
    """What a header can carry: of anything else h11 makes no answer at all."""
    return re.sub(r"[^ -~]", "?", value)[:500].strip()
