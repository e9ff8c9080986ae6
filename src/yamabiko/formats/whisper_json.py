"""openai-whisper's JSON, with the receipt under `yamabiko`."""

from __future__ import annotations

from typing import Any

from yamabiko.formats.contract import Format, Layout
from yamabiko.formats.plain import dump, receipt, segment_values, word_values
from yamabiko.i18n import Text
from yamabiko.speech import Segment, Transcript


def _segment(number: int, segment: Segment) -> dict[str, Any]:
    values = segment_values(number, segment)
    if segment.words:
        values["words"] = word_values(segment)
    if segment.language is not None:
        values["language"] = segment.language
    return values


def _render(transcript: Transcript, layout: Layout) -> str:
    return dump(
        {
            "text": transcript.text,
            "segments": [_segment(number, segment) for number, segment in enumerate(transcript.segments)],
            "language": transcript.language,
            "yamabiko": receipt(transcript),
        }
    )


FORMAT = Format(
    Text("everything: times, words, scores and the receipt", "すべての情報（時刻・単語・スコア・処理の記録）"), _render
)
