"""What the JSON formats share: values that JSON can hold, and the receipt."""

from __future__ import annotations

import json
import math
from typing import Any

from yamabiko.formats.times import usable
from yamabiko.records import to_plain
from yamabiko.speech import Segment, Transcript, Word


def dump(value: dict[str, Any]) -> str:
    """One line of JSON. A number that is not finite was not measured: null."""
    return json.dumps(finite(value), ensure_ascii=False, allow_nan=False) + "\n"


def receipt(transcript: Transcript) -> dict[str, Any]:
    """
    The transcript's `Receipt` as `records.from_plain` reads it, and what else the answer's own keys have no place for.
    """
    plain: dict[str, Any] = to_plain(transcript.receipt)
    return plain | {
        "real_time_factor": transcript.receipt.real_time_factor,
        "source": transcript.source,
        "duration_s": transcript.duration_s,
        "task": transcript.task,
        "language": transcript.language,
        "language_probability": transcript.language_probability,
    }


def segment_values(number: int, segment: Segment) -> dict[str, Any]:
    """
    A segment under Whisper's keys, which are OpenAI's too.

    What the engine did not measure is null; tokens that it did not give are an
    empty list.
    """
    return {
        "id": number,
        "seek": segment.seek,
        "start": seconds(segment.start_s),
        "end": seconds(segment.end_s),
        "text": segment.text,
        "tokens": list(segment.tokens),
        "temperature": segment.temperature,
        "avg_logprob": segment.avg_logprob,
        "compression_ratio": segment.compression_ratio,
        "no_speech_prob": segment.no_speech_prob,
        **speaker(segment),
    }


def word_values(segment: Segment) -> list[dict[str, Any]]:
    return [
        {
            "word": word.text,
            "start": seconds(word.start_s),
            "end": seconds(word.end_s),
            "probability": word.probability,
            **speaker(word),
        }
        for word in segment.words
    ]


def openai_words(transcript: Transcript) -> list[dict[str, Any]]:
    """All words under OpenAI's keys: they are there only when word times were asked for."""
    return [
        {
            "word": word.text.strip(),
            "start": seconds(word.start_s),
            "end": seconds(word.end_s),
            **speaker(word),
            **characters(word),
        }
        for segment in transcript.segments
        for word in segment.words
    ]


def speaker(said: Segment | Word) -> dict[str, Any]:
    """Who says it; nothing, where that is not known."""
    return {} if said.speaker is None else {"speaker": said.speaker}


def characters(word: Word) -> dict[str, Any]:
    """Of a word, with their times; nothing where nobody timed them."""
    found = [
        {"character": c.text, "start": seconds(c.start_s), "end": seconds(c.end_s), "probability": c.probability}
        for c in word.characters
    ]
    return {"characters": found} if found else {}


def seconds(value: float) -> float:
    """To the millisecond: sums of chunk offsets else show as 12.340000000000002."""
    return round(value, 3)


def usage(transcript: Transcript) -> dict[str, Any]:
    """What OpenAI counts: begun seconds of sound."""
    return {"type": "duration", "seconds": math.ceil(usable(transcript.duration_s, 0.0))}


def finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    return value
