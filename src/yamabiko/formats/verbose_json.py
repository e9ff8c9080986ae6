"""The `verbose_json` answer of OpenAI's transcription API, with the receipt under `yamabiko`."""

from __future__ import annotations

from typing import Any

from yamabiko.formats.contract import Format, Layout
from yamabiko.formats.language_names import language_name
from yamabiko.formats.plain import dump, openai_words, receipt, seconds, segment_values
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
    if words := openai_words(transcript):
        values["words"] = words
    values["yamabiko"] = receipt(transcript)
    return dump(values)


FORMAT = Format(
    Text("the answer of OpenAI's API, with the receipt", "OpenAI APIと同じ形のJSON（処理の記録つき）"),
    _render,
    "verbose.json",
)
