"""The `verbose_json` answer of OpenAI's transcription API, with the receipt under `yamabiko`."""

from __future__ import annotations

from typing import Any

from yamabiko.formats.contract import Format, Layout
from yamabiko.formats.language_names import language_name
from yamabiko.formats.plain import characters, dump, receipt, seconds, segment_values, speaker
from yamabiko.i18n import Text
from yamabiko.speech import Transcript


def _render(transcript: Transcript, layout: Layout) -> str:
    values: dict[str, Any] = {
        "task": transcript.task,
        # OpenAI names the language of the text, in English and in full; a translation is always into English.
        "language": "english" if transcript.task == "translate" else language_name(transcript.language),
        "duration": seconds(transcript.duration_s),
        "text": transcript.text,
        "segments": [segment_values(number, segment) for number, segment in enumerate(transcript.segments)],
    }
    words = [word for segment in transcript.segments for word in segment.words]
    if words:  # they are there only when word times were asked for
        values["words"] = [
            {
                "word": word.text.strip(),
                "start": seconds(word.start_s),
                "end": seconds(word.end_s),
                **speaker(word),
                **characters(word),
            }
            for word in words
        ]
    values["yamabiko"] = receipt(transcript)
    return dump(values)


FORMAT = Format(
    Text("the answer of OpenAI's API, with the receipt", "OpenAI APIと同じ形のJSON（処理の記録つき）"), _render
)
