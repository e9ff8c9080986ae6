"""SubRip subtitles, in the grammar openai-whisper writes."""

from __future__ import annotations

import re

from yamabiko.formats.contract import Format, Layout
from yamabiko.formats.cues import Run, cues
from yamabiko.formats.times import clock
from yamabiko.i18n import Text
from yamabiko.speech import Transcript

# SubRip has no escape; Whisper shortens the arrow too, but lets "--->" become one.
_ARROW = re.compile(r"-{2,}>")


def _shown(run: Run) -> str:
    text = _ARROW.sub("->", run.text)
    return f"<u>{text}</u>" if run.underlined else text


def _render(transcript: Transcript, layout: Layout) -> str:
    blocks = []
    for number, cue in enumerate(cues(transcript, layout), start=1):
        times = " --> ".join(clock(at_ms, ",", always_hours=True) for at_ms in (cue.start_ms, cue.end_ms))
        lines = "\n".join("".join(map(_shown, line)) for line in cue.lines)
        blocks.append(f"{number}\n{times}\n{lines}\n\n")
    return "".join(blocks)


FORMAT = Format(Text("SubRip subtitles", "SubRip字幕"), _render)
