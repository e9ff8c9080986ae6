"""WebVTT subtitles, in the grammar openai-whisper writes, with the escapes that WebVTT asks for."""

from __future__ import annotations

from yamabiko.formats.contract import Format, Layout
from yamabiko.formats.cues import Run, cues
from yamabiko.formats.times import clock
from yamabiko.i18n import Text
from yamabiko.speech import Transcript


def _shown(run: Run) -> str:
    # An arrow becomes --&gt;, which no reader takes for a time: nothing is shortened.
    text = run.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"<u>{text}</u>" if run.underlined else text


def _render(transcript: Transcript, layout: Layout) -> str:
    blocks = ["WEBVTT\n\n"]
    for cue in cues(transcript, layout):
        times = " --> ".join(clock(at_ms, ".", always_hours=False) for at_ms in (cue.start_ms, cue.end_ms))
        lines = "\n".join("".join(map(_shown, line)) for line in cue.lines)
        blocks.append(f"{times}\n{lines}\n\n")
    return "".join(blocks)


FORMAT = Format(Text("WebVTT subtitles, for web players", "WebVTT字幕（ウェブ用）"), _render)
