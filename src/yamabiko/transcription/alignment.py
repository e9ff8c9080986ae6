"""
When each character of a known text was said, by a CTC model's log-probabilities. Pure.

The best path through blank, first character, blank, second character, ..., blank: every character in order, one frame
at least each, a blank between two that are equal (Graves et al. 2006; Kürzinger et al. 2020). A character that the
model does not know may be any sound (WhisperX's wildcard); punctuation has no sound and no time.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy

from yamabiko.engines.wording import begins_a_word
from yamabiko.seams import written_without_spaces
from yamabiko.speech import Character, Segment, Word

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLANK, ANY = 0, 1
"""Columns before those of the characters: nothing is said, and the likeliest of all that is said."""


@dataclass(frozen=True, slots=True)
class Said:
    """Frames of one token: the first one, the one behind its last, and the mean probability over them."""

    first: int
    end: int
    probability: float


@dataclass(frozen=True, slots=True)
class _Place:
    segment: int
    at: int
    """Position in the segment's text."""


def characters_of(segments: Sequence[Segment]) -> str:
    """What an aligner has to be asked of: each character once."""
    return "".join(dict.fromkeys(character for segment in segments for character in segment.text))


def align(
    segments: Sequence[Segment], log_probs: NDArray[Any], frame_s: float, characters: str
) -> tuple[Segment, ...] | None:
    """
    The segments of one stretch with words, and characters in them, where the model hears them.

    `log_probs`: shape (frames, 2 + characters): BLANK, ANY, then a column for each of `characters`, NaN throughout
    where the model does not know it. A segment begins and ends with its words; one without a sound keeps its times.
    None, if the stretch is too short for so much text, most of it is in characters that the model does not know, or
    there is nothing to align.
    """
    columns = {character: 2 + number for number, character in enumerate(characters)}
    known = {c for c, column in columns.items() if log_probs.size and not numpy.isnan(log_probs[0, column])}
    places, tokens = _tokens(segments, columns, known)
    if 2 * tokens.count(ANY) > len(tokens):
        return None
    found = best_path(log_probs, tokens)
    if found is None:
        return None
    times = {place: said for place, said in zip(places, found, strict=True) if place is not None}
    return tuple(_timed(number, segment, times, frame_s) for number, segment in enumerate(segments))


def best_path(log_probs: NDArray[Any], tokens: Sequence[int]) -> list[Said] | None:
    """
    Where each token (a column) lies on the likeliest path. None, if there are more of them than frames can hold.
    """
    frames = len(log_probs)
    repeats = sum(one == other != ANY for one, other in itertools.pairwise(tokens))
    if not tokens or frames < len(tokens) + repeats:
        return None
    labels = numpy.full(2 * len(tokens) + 1, BLANK)
    labels[1::2] = tokens
    scores = numpy.maximum(numpy.nan_to_num(log_probs[:, labels], nan=-1e4, neginf=-1e4), -1e4).astype(numpy.float64)
    may_skip = numpy.zeros(len(labels), bool)
    may_skip[3::2] = (labels[3::2] != labels[1:-2:2]) | (labels[3::2] == ANY)
    came = numpy.zeros((frames, len(labels)), numpy.int8)
    """How many states back the best path to here was in the frame before: 0, 1 or 2."""
    best = numpy.full(len(labels), -numpy.inf)
    best[:2] = scores[0, :2]
    ways = numpy.full((3, len(labels)), -numpy.inf)
    for frame in range(1, frames):
        ways[0] = best
        ways[1, 1:] = best[:-1]
        ways[2, 2:] = numpy.where(may_skip[2:], best[:-2], -numpy.inf)
        came[frame] = ways.argmax(0)
        best = ways.max(0) + scores[frame]
    state = len(labels) - 1 - int(best[-2] > best[-1])
    path = numpy.empty(frames, numpy.intp)
    for frame in range(frames - 1, -1, -1):
        path[frame] = state
        state -= int(came[frame, state])
    likely = numpy.exp(scores[numpy.arange(frames), path])
    found = []
    for number in range(len(tokens)):
        own = numpy.flatnonzero(path == 2 * number + 1)
        found.append(Said(int(own[0]), int(own[-1]) + 1, float(likely[own].mean())))
    return found


def _tokens(
    segments: Sequence[Segment], columns: dict[str, int], known: set[str]
) -> tuple[list[_Place | None], list[int]]:
    """What is to be heard, in order; None for a gap between words, which a model that knows spaces hears too."""
    places: list[_Place | None] = []
    tokens: list[int] = []
    before = ""
    gap = False
    for number, segment in enumerate(segments):
        for at, character in enumerate(segment.text):
            if character.isspace():
                gap = True
            elif character in known or unicodedata.category(character)[0] in "LNM":
                apart = before and not (written_without_spaces(before) or written_without_spaces(character))
                if gap and apart and " " in known:
                    places.append(None)
                    tokens.append(columns[" "])
                places.append(_Place(number, at))
                tokens.append(columns[character] if character in known else ANY)
                before, gap = character, False
    return places, tokens


def _timed(number: int, segment: Segment, times: dict[_Place, Said], frame_s: float) -> Segment:
    words = tuple(_words(segment.text, {p.at: said for p, said in times.items() if p.segment == number}, frame_s))
    if not words:
        return segment
    return replace(segment, start_s=words[0].start_s, end_s=words[-1].end_s, words=words)


def _words(text: str, times: dict[int, Said], frame_s: float) -> Iterator[Word]:
    """What has no sound stays with the word before it, and in front of the first with the word after it."""
    runs: list[list[int]] = []
    for at in range(len(text)):
        begins = not runs or begins_a_word(text[at], text[at - 1])
        joined = bool(runs) and (text[runs[-1][-1]].isspace() or not any(place in times for place in runs[-1]))
        if begins and not joined:
            runs.append([])
        runs[-1].append(at)
    if len(runs) > 1 and not any(place in times for place in runs[-1]):
        last = runs.pop()
        runs[-1] += last
    for run in runs:
        timed = [at for at in run if at in times]
        if not timed:
            return
        characters = tuple(_characters(text, timed, times, frame_s))
        known = [times[at].probability for at in timed]
        yield Word(
            start_s=characters[0].start_s,
            end_s=characters[-1].end_s,
            text="".join(text[at] for at in run),
            probability=sum(known) / len(known),
            characters=characters,
        )


def _characters(text: str, timed: Sequence[int], times: dict[int, Said], frame_s: float) -> Iterator[Character]:
    """Within a word each lasts until the next begins: a CTC model says a character once, and then nothing."""
    for number, at in enumerate(timed):
        end = times[timed[number + 1]].first if number + 1 < len(timed) else times[at].end
        yield Character(times[at].first * frame_s, end * frame_s, text[at], times[at].probability)
