"""
openai-whisper's JSON, with the receipt under `yamabiko`, and where they are known: speakers, turns, characters.
"""

from __future__ import annotations

from typing import Any

from yamabiko.formats.contract import Format, Layout
from yamabiko.formats.plain import characters, dump, receipt, seconds, segment_values, word_values
from yamabiko.i18n import Text
from yamabiko.speech import Segment, Transcript, Turn


def _segment(number: int, segment: Segment) -> dict[str, Any]:
    values = segment_values(number, segment)
    if segment.words:
        values["words"] = [
            {**said, **characters(word)} for said, word in zip(word_values(segment), segment.words, strict=True)
        ]
    if segment.language is not None:
        values["language"] = segment.language
    return values


def _turn(turn: Turn) -> dict[str, Any]:
    return {"start": seconds(turn.start_s), "end": seconds(turn.end_s), "speaker": turn.speaker}


def _render(transcript: Transcript, layout: Layout) -> str:
    turns = {} if transcript.turns is None else {"turns": [_turn(turn) for turn in transcript.turns]}
    return dump(
        {
            "text": transcript.text,
            "segments": [_segment(number, segment) for number, segment in enumerate(transcript.segments)],
            "language": transcript.language,
            **turns,
            "yamabiko": receipt(transcript),
        }
    )


FORMAT = Format(
    Text(
        "everything: times, words, scores, speakers and the receipt",
        "すべての情報（時刻・単語・スコア・話者・処理の記録）",
    ),
    _render,
)
