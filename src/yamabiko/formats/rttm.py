"""
Who spoke when, as NIST's Rich Transcription Time Marked: what tools that score diarization read.

A line a turn: SPEAKER, recording, channel 1, start and duration in seconds, and the speaker in the eighth of ten
fields; <NA> where there is nothing to say. Names may hold no spaces, so an underscore stands for each.
Source: NIST, The 2009 (RT-09) Rich Transcription Meeting Recognition Evaluation Plan, appendix A.
"""

from __future__ import annotations

from pathlib import PurePath

from yamabiko.formats.contract import Format, Layout
from yamabiko.formats.text import one_line
from yamabiko.formats.times import milliseconds, usable
from yamabiko.i18n import Text
from yamabiko.speech import Transcript


def _field(text: str) -> str:
    return "_".join(one_line(text).split()) or "<NA>"


def _render(transcript: Transcript, layout: Layout) -> str:
    recording = _field(PurePath(transcript.source).stem)
    lines = []
    for turn in transcript.turns or ():
        start_ms = milliseconds(usable(turn.start_s, 0.0))
        length_ms = milliseconds(usable(turn.end_s, 0.0)) - start_ms
        if length_ms > 0:
            times = f"{start_ms / 1000:.3f} {length_ms / 1000:.3f}"
            lines.append(f"SPEAKER {recording} 1 {times} <NA> <NA> {_field(turn.speaker)} <NA> <NA>\n")
    return "".join(lines)


FORMAT = Format(Text("who spoke when, without text", "話者ごとの発言時刻（本文なし）"), _render, needs_speakers=True)
