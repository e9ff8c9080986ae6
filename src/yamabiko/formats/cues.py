"""
From a transcript to cues: what is on the screen, from when to when.

No text is lost or said twice; every cue has text and lasts at least a
millisecond; none begins before the one before it has ended, and none ends after
the recording. A cue never joins two segments, and so never two speakers; the
first of a phrase says whose it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from yamabiko.formats.breaking import Glyph
from yamabiko.formats.contract import Layout
from yamabiko.formats.lines import Lines, cut
from yamabiko.formats.text import clusters, display_width, is_space, one_line, speaker_mark
from yamabiko.formats.times import in_order, milliseconds, usable
from yamabiko.speech import Segment, Transcript

READABLE_MS = 833
"""Shortest time on the screen, where the next cue leaves room: 5/6 s (Netflix Timed Text Style Guide, Duration)."""
_COLUMNS_A_SECOND = 20
"""How fast a segment without a duration is taken to be spoken; only to share out its cues."""


@dataclass(frozen=True, slots=True)
class Run:
    """Text on one line that looks alike."""

    text: str
    underlined: bool = False


@dataclass(frozen=True, slots=True)
class Cue:
    start_ms: int
    end_ms: int
    lines: tuple[tuple[Run, ...], ...]
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class _Timed:
    start_ms: int
    end_ms: int
    lines: Lines
    words_known: bool
    latest_ms: int
    """Until when it is said to last. For a segment without a duration `end_ms` is a guess, and may be later."""
    speaker: str | None
    mark: str
    """What stands before its first line: who speaks, where a phrase begins."""


def cues(transcript: Transcript, layout: Layout) -> list[Cue]:
    """The cues of the whole recording, in order."""
    found: list[Cue] = []
    for timed in _apart(list(_laid_out(transcript, layout)), transcript.duration_s):
        if layout.highlight_words and timed.words_known:
            found += _highlighted(timed)
        else:
            found.append(Cue(timed.start_ms, timed.end_ms, _shown(timed, None), timed.speaker))
    return found


def in_centiseconds(cues: Sequence[Cue]) -> Iterator[tuple[int, int, Cue]]:
    """
    Start and end of each cue on a clock that knows no milliseconds.

    Still none lasts no time at all, none overlap, and no two begin at once: many cues within a hundredth of a second
    follow a hundredth apart.
    """
    starts: list[int] = []
    for cue in cues:
        starts.append(max(cue.start_ms // 10, starts[-1] + 1 if starts else 0))
    for number, (start, cue) in enumerate(zip(starts, cues, strict=True)):
        end = max(cue.end_ms // 10, start + 1)
        yield start, min([end, *starts[number + 1 : number + 2]]), cue


# ---- from segments to glyphs with times ------------------------------------------------------------------------------

_Spoken = tuple[Segment, float, float]
"""With its start and end, in seconds."""


def _laid_out(transcript: Transcript, layout: Layout) -> Iterator[_Timed]:
    timed = [(s, a, b) for s, a, b in in_order(transcript.segments) if one_line(s.text)]
    spoken = _one_by_one(timed, usable(transcript.duration_s, 0.0) or math.inf)
    for number, (segment, start_s, end_s) in enumerate(spoken):
        next_s = spoken[number + 1][1] if number + 1 < len(spoken) else math.inf
        glyphs, words_known = _glyphs(segment, start_s, end_s, next_s)
        mark = speaker_mark(segment.speaker)
        glyphs[0] = replace(glyphs[0], width=glyphs[0].width + display_width(mark))  # the mark is never parted from it
        for lines in cut(glyphs, words_known, layout, segment.language or transcript.language):
            start_ms, end_ms = milliseconds(lines[0][0].start_s), milliseconds(lines[-1][-1].end_s)
            latest_ms = end_ms if words_known or end_s > start_s else milliseconds(end_s)
            yield _Timed(start_ms, end_ms, lines, words_known, latest_ms, segment.speaker, mark)
            mark = ""


def _one_by_one(spoken: Sequence[_Spoken], closing_s: float) -> list[_Spoken]:
    """Segments without a duration that fall on one moment, one after the other, where the next leaves room."""
    found: list[_Spoken] = []
    for (start_s, end_s), group in groupby(spoken, key=lambda timed: timed[1:]):
        crowd = [segment for segment, *_ in group]
        step_s = 0.0
        if end_s <= start_s:
            after = len(found) + len(crowd)
            next_s = spoken[after][1] if after < len(spoken) else closing_s
            step_s = min(READABLE_MS / 1000, max(0.0, next_s - start_s) / len(crowd))
        found += [(segment, start_s + i * step_s, end_s + i * step_s) for i, segment in enumerate(crowd)]
    return found


def _glyphs(segment: Segment, start_s: float, end_s: float, next_s: float) -> tuple[list[Glyph], bool]:
    """The segment's characters, timed by its words where it has them that fit its text; and whether it has."""
    texts = _single_spaced(clusters(one_line(segment.text)))
    owners = _owners(texts, segment)
    if owners is not None:
        times = _word_times(segment, start_s, end_s)
        if times is not None:
            return _timed(texts, owners, times), True
    if end_s <= start_s:
        needed_s = max(READABLE_MS / 1000, display_width("".join(texts)) / _COLUMNS_A_SECOND)
        end_s = min(start_s + needed_s, next_s) if next_s > start_s else start_s + needed_s
    spaces = 0
    numbers = []
    for text in texts:
        numbers.append(spaces)
        spaces += is_space(text)
    plain = _timed(texts, [0] * len(texts), [(start_s, end_s)])
    return [Glyph(g.text, g.width, n, g.start_s, g.end_s) for g, n in zip(plain, numbers, strict=True)], False


def _single_spaced(texts: Sequence[str]) -> list[str]:
    """One space where there were several; an ideographic one stays, where it comes first."""
    kept: list[str] = []
    for text in texts:
        if not is_space(text):
            kept.append(text)
        elif not is_space(kept[-1]):
            kept.append(text if text == "\u3000" else " ")
    return kept


def _owners(texts: Sequence[str], segment: Segment) -> list[int] | None:
    """For each cluster the number of the word it belongs to; None if the words are not the text."""
    letters = [number for number, word in enumerate(segment.words) for c in one_line(word.text) if not c.isspace()]
    said = "".join(c for word in segment.words for c in one_line(word.text) if not c.isspace())
    if not letters or said != "".join(c for text in texts for c in text if not c.isspace()):
        return None
    owners, at = [], 0
    for text in texts:
        # A space goes with the word before it.
        owners.append(letters[min(max(0, at - is_space(text)), len(letters) - 1)])
        at += sum(not c.isspace() for c in text)
    return owners


def _word_times(segment: Segment, start_s: float, end_s: float) -> list[tuple[float, float]] | None:
    """The words' times, in order and within the segment; None if they say nothing."""
    times: list[tuple[float, float]] = []
    before = 0.0
    for word in segment.words:
        a = max(usable(word.start_s, before), before)
        b = max(usable(word.end_s, a), a)
        if end_s > start_s:
            a, b = (min(max(t, start_s), end_s) for t in (a, b))
        times.append((a, b))
        before = b
    return times if times and times[-1][1] > times[0][0] else None


def _timed(texts: Sequence[str], owners: Sequence[int], times: Sequence[tuple[float, float]]) -> list[Glyph]:
    """Glyphs that share out the time of their word by how wide they are; spaces take none."""
    glyphs: list[Glyph] = []
    for owner, group in groupby(zip(texts, owners, strict=True), key=lambda pair: pair[1]):
        own = [text for text, _ in group]
        widths = [0 if is_space(text) else display_width(text) for text in own]
        start_s, end_s = times[owner]
        a_column = (end_s - start_s) / max(1, sum(widths))
        said = 0
        for text, width in zip(own, widths, strict=True):
            columns = display_width(text)
            glyphs.append(Glyph(text, columns, owner, start_s + said * a_column, start_s + (said + width) * a_column))
            said += width
    return glyphs


# ---- cue times ------------------------------------------------------------------------------------------------------


def _apart(timed: Sequence[_Timed], duration_s: float) -> Iterator[_Timed]:
    """
    The same cues, none overlapping.

    Where two overlap, the earlier gives way, so that each begins with its
    words; one that has no time at all begins earlier, out of a pause or of what
    is said before it.
    """
    starts: list[int] = []
    for cue in timed:
        starts.append(max([cue.start_ms, *starts[-1:]]))
    last_ms = milliseconds(usable(duration_s, 0.0))
    closing_ms = _closing_ms(timed, last_ms)
    starts = _with_room(starts, timed, closing_ms)
    for number, cue in enumerate(timed):
        start_ms = starts[number]
        end_ms = max(cue.end_ms, start_ms + 1)
        end_ms = max(end_ms, min(start_ms + READABLE_MS, last_ms))
        if number + 1 < len(starts):
            end_ms = min(end_ms, starts[number + 1])
        elif closing_ms is not None:
            end_ms = min(end_ms, closing_ms)
        yield replace(cue, start_ms=start_ms, end_ms=end_ms)


def _closing_ms(timed: Sequence[_Timed], last_ms: int) -> int | None:
    """When the last cue has ended: with the recording, or with what is said to last longer. None: nobody knows."""
    if not last_ms:
        return None
    return max(last_ms, len(timed), *(cue.latest_ms for cue in timed))


def _with_room(starts: Sequence[int], timed: Sequence[_Timed], closing_ms: int | None) -> list[int]:
    """
    The starts, with room to be read behind each whose time is a guess, and behind the last up to `closing_ms`.

    It is taken from the pause before, or from cues that are spoken for longer than half of the shortest that can be
    read; all others begin with their words.
    """
    found = list(starts)
    for number in reversed(range(len(found))):
        cue, is_last = timed[number], number + 1 == len(found)
        next_ms = closing_ms if is_last else found[number + 1]
        if next_ms is None:
            continue
        spoken_ms = min(cue.latest_ms - cue.start_ms, READABLE_MS)
        guessed = spoken_ms <= 0 and not cue.words_known and next_ms - found[number] < READABLE_MS // 2
        room_ms = 1
        if is_last or guessed or next_ms < starts[number + 1]:
            room_ms = max(1, spoken_ms // 2) if spoken_ms > 0 else READABLE_MS
        found[number] = min(found[number], next_ms - room_ms)
    return _from_zero(found, starts, closing_ms)


def _from_zero(found: list[int], starts: Sequence[int], closing_ms: int | None) -> list[int]:
    """None begins before the recording: the first ones, as far as they were moved, share what room there is."""
    late = next((number for number, start_ms in enumerate(found) if start_ms >= 0), len(found))
    if late == 0:
        return found
    for number in range(min(late, len(found) - 1), len(found)):
        is_last = number + 1 == len(found)
        next_ms = closing_ms if is_last else found[number + 1]
        share_ms = READABLE_MS if next_ms is None else min(READABLE_MS, next_ms // (number + 1))
        if share_ms > 0 and (is_last or found[number + 1] == starts[number + 1]):
            shared = [i * share_ms for i in range(number)] + [max(found[number], number * share_ms)]
            return shared + found[number + 1 :]
    return list(range(len(found)))


# ---- what is shown --------------------------------------------------------------------------------------------------


def _shown(cue: _Timed, underlined: int | None) -> tuple[tuple[Run, ...], ...]:
    """The lines, with the word of that number underlined; the spaces around it are not, nor who speaks."""
    shown = []
    for number, line in enumerate(cue.lines):
        marks = [glyph.word == underlined and not glyph.is_space for glyph in line]
        for i, glyph in enumerate(line):
            # A space inside a word, as in some engines' "New York", is underlined with it.
            if glyph.is_space and 0 < i < len(line) - 1 and marks[i - 1] and line[i + 1].word == underlined:
                marks[i] = True
        runs = [Run(cue.mark)] if cue.mark and number == 0 else []
        for mark, group in groupby(zip(line, marks, strict=True), key=lambda pair: pair[1]):
            runs.append(Run("".join(glyph.text for glyph, _ in group), mark))
        shown.append(tuple(runs))
    return tuple(shown)


def _highlighted(cue: _Timed) -> Iterator[Cue]:
    """The cue once for each of its words, underlined while it is said, and plain in between."""
    plain = _shown(cue, None)
    at_ms = cue.start_ms
    glyphs = [glyph for line in cue.lines for glyph in line if not glyph.is_space]
    for word, group in groupby(glyphs, key=lambda glyph: glyph.word):
        own = list(group)
        start_ms = min(max(milliseconds(own[0].start_s), at_ms), cue.end_ms)
        end_ms = min(max(milliseconds(own[-1].end_s), start_ms), cue.end_ms)
        if start_ms > at_ms:
            yield Cue(at_ms, start_ms, plain, cue.speaker)
        if end_ms > start_ms:
            yield Cue(start_ms, end_ms, _shown(cue, word), cue.speaker)
        at_ms = end_ms
    if at_ms < cue.end_ms:
        yield Cue(at_ms, cue.end_ms, plain, cue.speaker)
