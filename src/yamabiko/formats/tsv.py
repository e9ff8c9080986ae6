"""Tab-separated start, end and text, times in whole milliseconds, as openai-whisper writes it; with who speaks, where known."""

from __future__ import annotations

from yamabiko.formats.contract import Format, Layout
from yamabiko.formats.text import one_line, speaker_mark
from yamabiko.formats.times import in_order, milliseconds
from yamabiko.i18n import Text
from yamabiko.speech import Transcript


def _render(transcript: Transcript, layout: Layout) -> str:
    rows = ["start\tend\ttext\n"]
    for segment, start_s, end_s in in_order(transcript.segments):
        text = one_line(segment.text)  # tabs are gone with the other control characters
        if text:
            rows.append(f"{milliseconds(start_s)}\t{milliseconds(end_s)}\t{speaker_mark(segment.speaker)}{text}\n")
    return "".join(rows)


FORMAT = Format(Text("table of times in milliseconds and text", "時刻（ミリ秒）と本文の表（タブ区切り）"), _render)
