"""Chunk answers to one list of segments on the clock of the recording. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from yamabiko.audio.chunks import Chunk
from yamabiko.findings import Finding, Problem
from yamabiko.i18n import Text
from yamabiko.seams import glued
from yamabiko.speech import Character, Segment, Span, Word

SHORTEST_S = 0.02
"""Length given to what has none, where there is room: one step of Whisper's clock."""

_Timed = TypeVar("_Timed", Segment, Word, Character)


class ChunkMissing(Problem):
    """A stretch that was to be transcribed has no answer: never a silent hole in the text."""

    def __init__(self, span: Span) -> None:
        times = f"{span.start_s:.2f}–{span.end_s:.2f} s"
        super().__init__(
            Finding(
                id="chunk-missing",
                severity="error",
                area="worker",
                cause=Text(
                    f"No answer for {times} of the recording, so the transcript would have a hole.",
                    f"録音の {times} の結果が届いていません。このままでは書き起こしに穴があきます。",
                ),
                evidence=(f"merge: samples {span.start_sample} to {span.end_sample} were not answered",),
            )
        )
        self.span = span


def merge(
    results: Iterable[tuple[Chunk | Span, Sequence[Segment] | None]], *, speech: Sequence[Span] = ()
) -> tuple[Segment, ...]:
    """
    Put chunk results back on the clock of the original recording.

    `results` are in the order of the recording; segment times arrive in seconds
    from the start of their chunk and leave in seconds from the start of the
    file: ordered, inside their chunk, never overlapping. A time that is no
    number is taken as unknown. Texts stay as they are, but for one space where two
    segments would glue two words together.

    Raises: ChunkMissing, if an answer is None, or some of `speech` lies in no
    chunk; ValueError, if chunks overlap or are out of order.
    """
    merged: list[Segment] = []
    covered: list[Span] = []
    before = ""
    for chunk, segments in results:
        span = chunk.span if isinstance(chunk, Chunk) else chunk
        if segments is None:
            raise ChunkMissing(span)
        if covered and span.start_sample < covered[-1].end_sample:
            raise ValueError(f"chunks overlap or are out of order: {covered[-1]}, {span}")
        covered.append(span)
        placed = _placed(segments, span)
        for segment in placed:
            merged.append(_spaced(segment) if glued(before, segment.text) else segment)
            before = segment.text or before
    _raise_for_hole(speech, covered)
    return tuple(merged)


def _spaced(segment: Segment) -> Segment:
    words = segment.words
    if words and segment.text.startswith(words[0].text):
        words = (replace(words[0], text=" " + words[0].text), *words[1:])
    return replace(segment, text=" " + segment.text, words=words)


def within_speech(chunk: Chunk, segments: Sequence[Segment]) -> tuple[Segment, ...]:
    """
    `segments`, on the clock of the chunk, without the silence that was taken in around its speech.

    Whisper begins a first phrase with the audio it is given, so a subtitle would
    come a second before the voice. What lies wholly outside keeps its times.
    """
    first_s = chunk.speech[0].start_s - chunk.span.start_s
    last_s = chunk.speech[-1].end_s - chunk.span.start_s
    return tuple(
        replace(
            _pulled_in(segment, first_s, last_s),
            words=tuple(_held(_pulled_in(word, first_s, last_s)) for word in segment.words),
        )
        for segment in segments
    )


def _pulled_in(item: _Timed, first_s: float, last_s: float) -> _Timed:
    start_s = first_s if item.start_s < first_s < item.end_s - SHORTEST_S else item.start_s
    end_s = last_s if start_s + SHORTEST_S < last_s < item.end_s else item.end_s
    return replace(item, start_s=start_s, end_s=end_s)


def _placed(segments: Sequence[Segment], span: Span) -> list[Segment]:
    shifted = [
        replace(
            segment,
            start_s=segment.start_s + span.start_s,
            end_s=segment.end_s + span.start_s,
            seek=None if segment.seek is None else segment.seek + round(span.start_s * 100),
            words=tuple(
                replace(
                    _shifted(word, span.start_s),
                    characters=tuple(_shifted(character, span.start_s) for character in word.characters),
                )
                for word in segment.words
            ),
        )
        for segment in segments
    ]
    return [
        replace(segment, words=tuple(_held(word) for word in _in_order(segment.words, segment.start_s, segment.end_s)))
        for segment in _in_order(shifted, span.start_s, span.end_s)
    ]


def _shifted(item: _Timed, by_s: float) -> _Timed:
    return replace(item, start_s=item.start_s + by_s, end_s=item.end_s + by_s)


def _held(word: Word) -> Word:
    """The word with its characters inside its times."""
    if not word.characters:
        return word
    return replace(word, characters=tuple(_in_order(word.characters, word.start_s, word.end_s)))


def _in_order(timed: Sequence[_Timed], start_s: float, end_s: float) -> list[_Timed]:
    """
    The same items between `start_s` and `end_s`, each ending before the next begins.

    Where two overlap the earlier one gives way: a phrase that appears late is
    noticed more than one that ends early.
    """
    starts: list[float] = []
    for item in timed:
        earliest = starts[-1] if starts else start_s
        starts.append(earliest if math.isnan(item.start_s) else min(max(item.start_s, earliest), end_s))
    placed: list[_Timed] = []
    free_s = start_s
    for i, item in enumerate(timed):
        begin, limit = starts[i], starts[i + 1] if i + 1 < len(starts) else end_s
        end = limit if math.isnan(item.end_s) else min(max(item.end_s, begin), limit)
        if end - begin < SHORTEST_S:
            end = min(begin + SHORTEST_S, limit)
            if end == limit:
                begin = max(min(begin, end - SHORTEST_S), free_s)
        placed.append(replace(item, start_s=begin, end_s=end))
        free_s = end
    return placed


def _raise_for_hole(speech: Sequence[Span], covered: Sequence[Span]) -> None:
    chunks = iter(covered)
    chunk = next(chunks, None)
    for span in speech:
        at = span.start_sample
        while at < span.end_sample:
            while chunk is not None and chunk.end_sample <= at:
                chunk = next(chunks, None)
            if chunk is None or chunk.start_sample > at:
                end = span.end_sample if chunk is None else min(chunk.start_sample, span.end_sample)
                raise ChunkMissing(Span(at, end))
            at = chunk.end_sample
