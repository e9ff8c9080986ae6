"""
The `diarized_json` answer of OpenAI's transcription API, with the receipt under `yamabiko`.

Shape: TranscriptionDiarized and TranscriptionDiarizedSegment of openai-python. `text` is what was said, with no
names in it, as the description there has it and its example has not; `task` is translate where that was asked.
"""

from __future__ import annotations

from typing import Any

from yamabiko.formats.contract import Format, Layout
from yamabiko.formats.plain import dump, receipt, seconds, usage
from yamabiko.i18n import Text
from yamabiko.speech import Segment, Transcript

UNKNOWN = "unknown"
"""Of a segment in no turn: the field is required, and a string."""


def segment_values(number: int, segment: Segment) -> dict[str, Any]:
    """`number` counts from 1. Also the event that tells a segment of a stream."""
    return {
        "type": "transcript.text.segment",
        "id": f"seg_{number:03}",
        "start": seconds(segment.start_s),
        "end": seconds(segment.end_s),
        "text": segment.text.strip(),
        "speaker": segment.speaker or UNKNOWN,
    }


def spoken(transcript: Transcript) -> list[dict[str, Any]]:
    """The segments in which something is said."""
    said = (segment for segment in transcript.segments if segment.text.strip())
    return [segment_values(number, segment) for number, segment in enumerate(said, start=1)]


def _render(transcript: Transcript, layout: Layout) -> str:
    return dump(
        {
            "task": transcript.task,
            "duration": seconds(transcript.duration_s),
            "text": transcript.text,
            "segments": spoken(transcript),
            "usage": usage(transcript),
            "yamabiko": receipt(transcript),
        }
    )


FORMAT = Format(
    Text("the answer of OpenAI's API, with who says what", "OpenAI APIと同じ形のJSON（話者つき）"),
    _render,
    "diarized.json",
    needs_speakers=True,
)
