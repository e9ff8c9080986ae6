"""
The five files as openai-whisper itself writes them, byte for byte: for scripts that read them.

Our own formats lay subtitles out for readers; these follow the rules of whisper/utils.py at openai/whisper
c0d2f62 (20250625), its lines, cues and rounding included.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from yamabiko.formats.contract import Layout
from yamabiko.formats.plain import finite, segment_values, word_values
from yamabiko.formats.text import encodable
from yamabiko.formats.times import clock, milliseconds
from yamabiko.seams import joined
from yamabiko.speech import Segment, Transcript

NAMES = ("txt", "vtt", "srt", "tsv", "json")
"""In the order in which openai-whisper writes them for `all`."""

_LONG_PAUSE_S = 3.0
"""From the beginning of one word to that of the next: then a cue ends, where lines are limited in width and number."""
_NO_LIMIT = 1000
"""Columns and words where none were asked for."""


def result(transcript: Transcript, *, word_timestamps: bool, language: str | None = None) -> dict[str, Any]:
    """
    What openai-whisper's `transcribe` gives: text, segments and language, under its keys and in its order.

    A value that the engine does not measure is None. `language`: as it was asked for, which openai-whisper repeats;
    None: what was heard, which is None too where nobody speaks.
    """
    segments = [_segment(number, one, word_timestamps) for number, one in enumerate(transcript.segments)]
    return {
        "text": joined(segment["text"] for segment in segments),
        "segments": segments,
        "language": language or transcript.language,
    }


def render(name: str, found: dict[str, Any], layout: Layout) -> str:
    """The file `name` (one of NAMES) of what `result` gave. Limits of `layout` are for subtitles with times of words."""
    if name == "json":
        return json.dumps(finite(found))
    if name == "txt":
        return encodable("".join(f"{segment['text'].strip()}\n" for segment in found["segments"]))
    if name == "tsv":
        rows = (
            f"{milliseconds(one['start'])}\t{milliseconds(one['end'])}\t{_untabbed(one)}\n" for one in found["segments"]
        )
        return encodable("start\tend\ttext\n" + "".join(rows))
    cues = _cues(found["segments"], layout, always_hours=name == "srt", decimal="," if name == "srt" else ".")
    if name == "vtt":
        return encodable("WEBVTT\n\n" + "".join(f"{start} --> {end}\n{text}\n\n" for start, end, text in cues))
    blocks = (f"{number}\n{start} --> {end}\n{text}\n\n" for number, (start, end, text) in enumerate(cues, start=1))
    return encodable("".join(blocks))


def _segment(number: int, segment: Segment, word_timestamps: bool) -> dict[str, Any]:
    values = segment_values(number, segment) | {"seek": None}  # docs/yamabiko-whisper.md: never told here
    if word_timestamps:
        values["words"] = word_values(segment)
    return values


def _untabbed(segment: dict[str, Any]) -> str:
    return str(segment["text"]).strip().replace("\t", " ")


# ---- subtitles -------------------------------------------------------------------------------------------------------

_Piece = dict[str, Any]
"""A word as it stands in a cue: its text with the space or the line end before it, its start and end in seconds."""


def _cues(
    segments: Sequence[dict[str, Any]], layout: Layout, *, always_hours: bool, decimal: str
) -> Iterator[tuple[str, str, str]]:
    """Start, end and text of each cue."""

    def at(time_s: float) -> str:
        return clock(milliseconds(time_s), decimal, always_hours)

    if not segments or "words" not in segments[0]:
        for segment in segments:
            yield at(segment["start"]), at(segment["end"]), segment["text"].strip().replace("-->", "->")
        return
    for cue in _laid_out([_words(segment) for segment in segments], layout):
        start, end, texts = at(cue[0]["start"]), at(cue[-1]["end"]), [piece["word"] for piece in cue]
        if not layout.highlight_words:
            yield start, end, "".join(texts)
            continue
        shown_until = start
        for number, piece in enumerate(cue):
            begins, ends = at(piece["start"]), at(piece["end"])
            if shown_until != begins:
                yield shown_until, begins, "".join(texts)
            yield begins, ends, "".join([*texts[:number], _underlined(texts[number]), *texts[number + 1 :]])
            shown_until = ends


def _words(segment: dict[str, Any]) -> list[_Piece]:
    """
    The segment's words; where an engine gave text without words, all of it as one: openai-whisper, whose segments
    with text have words, would leave it out.
    """
    words: list[_Piece] = segment["words"]
    if words or not segment["text"].strip():
        return words
    return [{"word": segment["text"], "start": segment["start"], "end": segment["end"]}]


def _laid_out(segments: Sequence[Sequence[_Piece]], layout: Layout) -> Iterator[list[_Piece]]:
    """
    Cues of words.

    With a width and a number of lines cues fill up across segments, and end at a long pause; otherwise each segment
    begins a cue, and so does each `max_words_per_line` words of it.
    """
    joined = layout.max_line_width is not None and layout.max_line_count is not None
    width, most_words = layout.max_line_width or _NO_LIMIT, layout.max_words_per_line or _NO_LIMIT
    cue: list[_Piece] = []
    columns, lines = 0, 1
    before_s = next((words[0]["start"] for words in segments if words), 0.0)
    for words in segments:
        for number, word in enumerate(words):
            text = word["word"]
            paused = joined and word["start"] - before_s > _LONG_PAUSE_S
            fresh = not joined and number % most_words == 0 and bool(cue)
            before_s = word["start"]
            if columns > 0 and columns + len(text) <= width and not paused and not fresh:
                columns += len(text)
                cue.append(word)
                continue
            text = text.strip()
            full = layout.max_line_count is not None and (paused or lines >= layout.max_line_count)
            if fresh or (cue and full):
                yield cue
                cue, lines = [], 1
            elif columns > 0:
                lines += 1
                text = f"\n{text}"
            columns = len(text.strip())
            cue.append({**word, "word": text})
    if cue:
        yield cue


def _underlined(text: str) -> str:
    bare = text.lstrip()
    return f"{text[: len(text) - len(bare)]}<u>{bare}</u>"
