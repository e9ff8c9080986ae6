"""Plain text, one segment a line, as openai-whisper writes it; with who speaks, where that is known."""

from __future__ import annotations

from yamabiko.formats.contract import Format, Layout
from yamabiko.formats.text import one_line, speaker_mark
from yamabiko.i18n import Text
from yamabiko.speech import Transcript


def _render(transcript: Transcript, layout: Layout) -> str:
    lines = ((speaker_mark(segment.speaker), one_line(segment.text)) for segment in transcript.segments)
    return "".join(f"{mark}{line}\n" for mark, line in lines if line)


FORMAT = Format(Text("plain text, one phrase a line", "プレーンテキスト（1行に1区切り）"), _render)
