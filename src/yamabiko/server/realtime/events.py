"""What the server says in a live session: OpenAI's events, and one of ours."""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Sequence
from typing import Any

from yamabiko.findings import Finding, Problem
from yamabiko.formats.plain import receipt, usage
from yamabiko.records import to_plain
from yamabiko.server import problems
from yamabiko.speech import Segment, Transcript

Event = dict[str, Any]
TRANSCRIPTION = "conversation.item.input_audio_transcription"


def new_id(kind: str) -> str:
    return f"{kind}_{secrets.token_hex(12)}"


def text(event: Event) -> str:
    return json.dumps({"event_id": new_id("event"), **event}, ensure_ascii=False)


def error(problem: Problem, caused_by: object) -> Event:
    """`caused_by`: the event_id that the client gave the event which went wrong."""
    return {
        "type": "error",
        "error": {**_error(problem), "event_id": caused_by if isinstance(caused_by, str) else None},
    }


def notice(finding: Finding) -> Event:
    """Ours: clients that do not know it pass over it."""
    return {"type": "yamabiko.notice", "finding": to_plain(finding)}


def item(kind: str, item_id: str, before: str | None) -> Event:
    content = {"type": "input_audio", "audio": None, "transcript": None}
    told = {"id": item_id, "object": "realtime.item", "type": "message", "role": "user", "status": "completed"}
    return {"type": f"conversation.item.{kind}", "previous_item_id": before, "item": {**told, "content": [content]}}


def delta(item_id: str, words: str, logprobs: list[dict[str, Any]] | None = None) -> Event:
    event: Event = {"type": f"{TRANSCRIPTION}.delta", "item_id": item_id, "content_index": 0, "delta": words}
    return event if logprobs is None else event | {"logprobs": logprobs}


def completed(item_id: str, transcript: Transcript, whole: str, *, logprobs: bool, deltas_differ: bool) -> Event:
    language = transcript.language
    return {
        "type": f"{TRANSCRIPTION}.completed",
        "item_id": item_id,
        "content_index": 0,
        "transcript": whole,
        "usage": usage(transcript),
        "languages": [{"code": language}] if language else [],
        **({"logprobs": word_logprobs(transcript.segments)} if logprobs else {}),
        "yamabiko": {**receipt(transcript), "deltas_differ": deltas_differ},
    }


def failed(item_id: str, problem: Problem) -> Event:
    return {"type": f"{TRANSCRIPTION}.failed", "item_id": item_id, "content_index": 0, "error": _error(problem)}


def word_logprobs(segments: Sequence[Segment]) -> list[dict[str, Any]]:
    """One entry a word: the engine tells the probability of words, and of no smaller part."""
    return [
        {"token": word.text, "logprob": math.log(word.probability), "bytes": list(word.text.encode())}
        for segment in segments
        for word in segment.words
        if word.probability
    ]


def _error(problem: Problem) -> dict[str, Any]:
    told: dict[str, Any] = problems.body(problem)["error"]
    return told
