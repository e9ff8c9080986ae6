"""
Advanced SubStation Alpha (v4.00+) subtitles.

Grammar: the events of libass, as pysubs2 and FFmpeg read them too. Their text knows no escape that all players share
(\\{ is one for libass alone), so { } and \\ become their full-width twins: nothing said is taken for an order.
"""

from __future__ import annotations

from yamabiko.formats.contract import Format, Layout
from yamabiko.formats.cues import Run, cues, in_centiseconds
from yamabiko.formats.text import one_line
from yamabiko.i18n import Text
from yamabiko.speech import Transcript

# White letters with a black edge, below in the middle; sizes are of a screen of 1920 x 1080, and scale with it.
_HEAD = """\
[Script Info]
ScriptType: v4.00+
WrapStyle: 0
ScaledBorderAndShadow: yes
PlayResX: 1920
PlayResY: 1080

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, \
StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,64,&H00FFFFFF,&H000000FF,&H00000000,&H80000000,0,0,0,0,100,100,0,0,1,3,1,2,60,60,50,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""
_TWINS = str.maketrans("{}\\", "｛｝＼")
_NAME = str.maketrans("{}\\,", "｛｝＼，")
"""A comma would end the field."""


def _shown(run: Run) -> str:
    text = run.text.translate(_TWINS)
    return f"{{\\u1}}{text}{{\\u0}}" if run.underlined else text


def _clock(at_cs: int) -> str:
    minutes, cs = divmod(at_cs, 6000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{cs // 100:02d}.{cs % 100:02d}"


def _render(transcript: Transcript, layout: Layout) -> str:
    lines = [_HEAD]
    for start_cs, end_cs, cue in in_centiseconds(cues(transcript, layout)):
        name = one_line(cue.speaker or "").translate(_NAME)
        text = "\\N".join("".join(map(_shown, line)) for line in cue.lines)
        lines.append(f"Dialogue: 0,{_clock(start_cs)},{_clock(end_cs)},Default,{name},0,0,0,,{text}\n")
    return "".join(lines)


FORMAT = Format(Text("Advanced SubStation Alpha subtitles", "ASS字幕（Advanced SubStation Alpha）"), _render)
