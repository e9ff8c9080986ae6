"""
Lyrics with times: `[mm:ss.xx]` and a line, which stands until the next one.

A line without text ends one that is followed by a pause.
"""

from __future__ import annotations

from dataclasses import replace

from yamabiko.formats.contract import Format, Layout
from yamabiko.formats.cues import cues, in_centiseconds
from yamabiko.i18n import Text
from yamabiko.speech import Transcript

_PAUSE_CS = 200
"""Shorter ones would only make the line flicker."""


def _clock(at_cs: int) -> str:
    minutes, cs = divmod(at_cs, 6000)
    return f"[{minutes:02d}:{cs // 100:02d}.{cs % 100:02d}]"


def _render(transcript: Transcript, layout: Layout) -> str:
    # One line at a time is shown, and none of its words can be underlined.
    timed = list(in_centiseconds(cues(transcript, replace(layout, max_line_count=1, highlight_words=False))))
    texts = ["".join(run.text for line in cue.lines for run in line) for _, _, cue in timed]
    # Behind a time, what begins with a bracket would be read as one more time, or as a tag. One way in the whole file.
    gap = " " if any(text.startswith("[") for text in texts) else ""
    lines = []
    for number, ((start_cs, end_cs, _), text) in enumerate(zip(timed, texts, strict=True)):
        lines.append(f"{_clock(start_cs)}{gap}{text}\n")
        if number + 1 == len(timed) or timed[number + 1][0] - end_cs >= _PAUSE_CS:
            lines.append(f"{_clock(end_cs)}\n")
    return "".join(lines)


FORMAT = Format(Text("lyrics with times, for music players", "時刻つき歌詞（音楽プレーヤー用）"), _render)
