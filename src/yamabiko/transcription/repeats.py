"""
A phrase that an engine wrote over and over: where, how many copies can have been said, what a second hearing says. Pure.

People repeat themselves, and decoders do. The text does not tell the two apart: real repetition compresses as well as a
loop, has the same scores, and where somebody really says a phrase eight times the decoder may write it 32 times. So a
copy goes only for what the text does not say of itself: figures in docs/guard.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from yamabiko.seams import written_without_spaces
from yamabiko.speech import Dropped, Segment
from yamabiko.transcription.stock_phrases import bare

TIMES, LETTERS = 4, 20
"""So many copies and letters on end are a repetition to look at; no reason to drop anything."""
LONGEST_PHRASE = 200
FAST_UNSPACED = 15.0
"""Letters a second that nobody speaks: Japanese news has 6 to 9, a rapid talker 12."""
FAST_SPACED = 30.0
"""As above, where words have spaces: fast English is 20, an auctioneer 28."""
SLOW_SHARE = 0.15
"""Of those letters a second, what the slowest speech has at least: 4.5 where words have spaces, else 2.25."""
NO_TIME_S = 0.03
ALIKE = 1 / 3
"""Two spellings of a phrase differ by so many of its letters at most: “7F clubs” is “seven of clubs” heard badly."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """One phrase over and over, to the end of segment `last`."""

    phrase: str
    """Its letters, without case, spaces and punctuation."""
    copies: tuple[tuple[int, int], ...]
    """Where each copy from the second on begins: its segment, and the character in it."""
    last: int

    @property
    def times(self) -> int:
        return len(self.copies) + 1


_bare = lru_cache(4096)(bare)


def repeats(segments: Sequence[Segment], times: int = TIMES, letters: int = LETTERS) -> tuple[Repeat, ...]:
    """
    In order, disjoint. A phrase may fill a part of a segment, or go on over many; it ends with one of them, or where
    another phrase begins to repeat itself.
    """
    places = [
        (index, place, letter)
        for index, segment in enumerate(segments)
        for place, character in enumerate(segment.text)
        if (letter := _bare(character))
    ]
    units = [letter for _, _, letter in places]
    found: list[Repeat] = []
    end = len(units)
    while end:
        begun = _begun(units, end, times, letters)
        if begun is None:
            index = places[end - 1][0]
            while end and places[end - 1][0] == index:
                end -= 1
            continue
        at, period = begun
        second = _settled(segments, places, at + period, period)
        copies = tuple(_place(segments, places, n) for n in range(second, end, period))
        found.append(Repeat("".join(units[second - period : second]), copies, places[end - 1][0]))
        end = at
    return tuple(found[::-1])


def _begun(units: Sequence[str], end: int, times: int, least: int) -> tuple[int, int] | None:
    """Where the shortest phrase begins that repeats itself up to `end`, and its letters."""
    last = units[end - 1]
    for period in range(1, min(end // times, LONGEST_PHRASE) + 1):
        if units[end - 1 - period] != last:
            continue
        at = end - period
        while at > 0 and units[at - 1] == units[at - 1 + period]:
            at -= 1
        if end - at >= max(least, period * times):
            return at, period
    return None


def _settled(segments: Sequence[Segment], places: Sequence[tuple[int, int, str]], second: int, period: int) -> int:
    """
    Where the second copy begins: with a segment, if one begins in it, else with a word, since the letters before the
    first copy may be alike by chance.
    """
    within = range(second, min(second + period, len(places)))
    for at in within:
        if places[at - 1][0] != places[at][0]:
            return at
    return next((at for at in within if segments[places[at][0]].text[places[at][1] - 1].isspace()), second)


def _place(segments: Sequence[Segment], places: Sequence[tuple[int, int, str]], at: int) -> tuple[int, int]:
    index, place, _ = places[at]
    if not at or places[at - 1][0] != index:
        return index, 0  # what stands before its first letter is the copy's
    return index, len(segments[index].text[:place].rstrip())  # a space belongs to the word after it


# ---- how much can be said ----------------------------------------------------------------------------------------------


def shortest_s(text: str) -> float:
    """Seconds that nobody needs less of to say `text`."""
    letters = bare(text)
    unspaced = sum(map(written_without_spaces, letters))
    return unspaced / FAST_UNSPACED + (len(letters) - unspaced) / FAST_SPACED


def surplus(segments: Sequence[Segment], repeat: Repeat, room_s: float) -> int | None:
    """
    From which of `repeat.copies` on there is no time to say them, if the rest is said as fast as can be; None: all fit.

    `room_s`: between what is said before the first and after the last segment that holds a copy.
    """
    first, place = repeat.copies[0]
    whole = "".join(segment.text for segment in segments[first : repeat.last + 1])
    if not math.isfinite(room_s) or shortest_s(whole) <= room_s:
        return None
    said = int((room_s - shortest_s(segments[first].text[:place])) / max(shortest_s(repeat.phrase), 1e-6))
    return max(said, 0) if said < len(repeat.copies) else None


def without_time(segments: Sequence[Segment], repeat: Repeat) -> int | None:
    """From which of `repeat.copies` on every segment is over as it begins: the decoder went on behind the sound."""
    first = repeat.last + 1
    while first > repeat.copies[0][0] + 1 and segments[first - 1].end_s - segments[first - 1].start_s < NO_TIME_S:
        first -= 1
    return next((n for n, (index, place) in enumerate(repeat.copies) if index >= first and place == 0), None)


# ---- a second hearing --------------------------------------------------------------------------------------------------


def refuted(phrase: str, heard: Sequence[str], spoken_s: float) -> bool:
    """
    Whether a second hearing, in short pieces, tells that somebody says something else than `phrase` over and over.

    `heard`: the text of each piece; `spoken_s`: seconds of speech in them all. It does if its text is as much as is said
    in that time, neither holds the phrase nor repeats itself. Anything else proves nothing: a decoder that is asked about
    a phrase said ten times may write it once, or nothing.
    """
    text = "".join(heard)
    if not bare(text) or shortest_s(text) < SLOW_SHARE * spoken_s:
        return False
    if any(repeats((Segment(0.0, 1.0, one),), 3, 6) for one in (*heard, text)):
        return False
    return not heard_again(phrase, heard)


def heard_again(phrase: str, heard: Sequence[str]) -> bool:
    return _nearest(phrase, bare("".join(heard))) <= ALIKE * len(phrase)


def _nearest(phrase: str, text: str) -> int:
    """The fewest letters to change, put in or leave out, so that `phrase` stands somewhere in `text`."""
    row = [0] * (len(text) + 1)
    for count, letter in enumerate(phrase, 1):
        before, row = row, [count]
        for at, other in enumerate(text, 1):
            row.append(min(before[at] + 1, row[at - 1] + 1, before[at - 1] + (letter != other)))
    return min(row)


# ---- taking copies out -------------------------------------------------------------------------------------------------


def cut_off(
    segments: Sequence[Segment], repeat: Repeat, copy: int, reason: str, *, covered: bool
) -> tuple[tuple[Segment, ...], tuple[Dropped, ...]]:
    """
    `segments` without the copies from `repeat.copies[copy]` on, and what was taken out.

    `covered`: what stays was said in all of that time, so its last segment keeps it. Else it ends with its last word, or
    with the share of its time that its letters have.
    """
    index, place = repeat.copies[copy]
    gone = list(segments[index : repeat.last + 1])
    kept = list(segments[:index])
    if place:
        whole, gone[0] = _cut(gone[0], place)
        kept.append(whole)
    if covered and kept and kept[-1].end_s < gone[-1].end_s:
        kept[-1] = replace(kept[-1], end_s=gone[-1].end_s)
    dropped = tuple(Dropped(one.start_s, one.end_s, one.text, reason) for one in gone)
    return (*kept, *segments[repeat.last + 1 :]), dropped


def begins_s(segments: Sequence[Segment], repeat: Repeat) -> float:
    """When the second copy begins, as near as the times of the segments tell."""
    index, place = repeat.copies[0]
    return _cut(segments[index], place)[1].start_s if place else segments[index].start_s


def _cut(segment: Segment, place: int) -> tuple[Segment, Segment]:
    """`segment` before and from the character `place` of its text on."""
    head, tail = segment.text[:place], segment.text[place:]
    words, written = 0, 0
    for word in segment.words:
        written += len(word.text)
        if written > place:
            break
        words += 1
    if 0 < words < len(segment.words) and math.isfinite(segment.words[words - 1].end_s):
        cut_s = segment.words[words - 1].end_s
    else:
        cut_s = segment.start_s + (segment.end_s - segment.start_s) * place / len(segment.text)
    cut_s = min(max(cut_s, segment.start_s), segment.end_s) if segment.start_s <= segment.end_s else segment.end_s
    kept = replace(segment, text=head, end_s=cut_s, words=segment.words[:words], tokens=(), compression_ratio=None)
    return kept, replace(segment, start_s=cut_s, text=tail, words=segment.words[words:])
