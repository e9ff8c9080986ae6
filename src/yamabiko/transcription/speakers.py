"""Who says what: words and segments joined to turns by their times. Pure."""

from __future__ import annotations

import string
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, count, groupby, product

from yamabiko.speech import Segment, Turn, Word

NEAREST_S = 0.5
"""How far from a turn a word may lie that lies in none: diarizers cut the first and last sounds of a turn."""


def labelled(turns: Iterable[Turn], known: Collection[str] = ()) -> tuple[Turn, ...]:
    """
    The turns by their start, with labels that people see: A, B, ..., Z, AA, ... in the order of first speech.

    Labels in `known` are names of persons and stay as they are; no letter is given that is such a name.
    """
    ordered = sorted(turns, key=lambda turn: (turn.start_s, turn.end_s))
    letters = (label for label in _letters() if label not in known)
    labels: dict[str, str] = {name: name for name in known}
    for turn in ordered:
        if turn.speaker not in labels:
            labels[turn.speaker] = next(letters)
    return tuple(replace(turn, speaker=labels[turn.speaker]) for turn in ordered)


def tell_apart(segments: Sequence[Segment], turns: Sequence[Turn]) -> tuple[Segment, ...]:
    """
    The segments with the speaker of each, cut where the speaker changes between two words.

    A word belongs to whoever speaks most of its time; one outside all turns to the nearest turn within `NEAREST_S`,
    else to nobody that is known, which is a change too. A segment without words, or with words that are not its text,
    is not cut: it belongs to whoever speaks most of it, and so do its words. Texts and times stay as they are, so that
    the texts of the parts are the text of the segment; tokens cannot be shared out, and a part has none.
    """
    ears = _Ears(turns)
    return tuple(part for segment in segments for part in _parts(segment, ears))


def _letters() -> Iterator[str]:
    for length in count(1):
        for letters in product(string.ascii_uppercase, repeat=length):
            yield "".join(letters)


class _Ears:
    """Turns, in an order in which those around a moment are found without looking at all of them."""

    def __init__(self, turns: Iterable[Turn]) -> None:
        self._turns = sorted(turns, key=lambda turn: (turn.start_s, turn.end_s, turn.speaker))
        self._starts = [turn.start_s for turn in self._turns]
        self._reach = list(accumulate((turn.end_s for turn in self._turns), max))
        """The latest end of a turn and of all before it: unlike ends, never falling where turns overlap."""

    def speaker(self, start_s: float, end_s: float) -> str | None:
        """Who speaks most of that time; nobody: the nearest within reach. Of equals, who began first."""
        first = bisect_left(self._reach, start_s - NEAREST_S)
        last = bisect_left(self._starts, end_s + NEAREST_S + 1e-9)
        shares: dict[str, float] = {}
        nearest: tuple[float, str] | None = None
        for turn in self._turns[first:last]:
            shared_s = min(end_s, turn.end_s) - max(start_s, turn.start_s)
            if shared_s > 0:
                shares[turn.speaker] = shares.get(turn.speaker, 0.0) + shared_s
            elif -shared_s <= NEAREST_S and (nearest is None or -shared_s < nearest[0]):
                nearest = (-shared_s, turn.speaker)
        if shares:
            return max(shares, key=lambda speaker: shares[speaker])
        return nearest[1] if nearest else None


def _parts(segment: Segment, ears: _Ears) -> Iterator[Segment]:
    texts = _texts_of_words(segment)
    speakers = [ears.speaker(word.start_s, word.end_s) for word in segment.words]
    if texts is None or len(set(speakers)) < 2:
        own = speakers[0] if texts is not None else ears.speaker(segment.start_s, segment.end_s)
        yield replace(segment, speaker=own, words=_said_by(own, segment.words))
        return
    at = 0
    for speaker, group in groupby(speakers):
        until = at + len(list(group))
        words = segment.words[at:until]
        yield replace(
            segment,
            start_s=segment.start_s if at == 0 else words[0].start_s,
            end_s=segment.end_s if until == len(speakers) else words[-1].end_s,
            text="".join(texts[at:until]),
            words=_said_by(speaker, words),
            tokens=(),
            speaker=speaker,
        )
        at = until


def _said_by(speaker: str | None, words: Iterable[Word]) -> tuple[Word, ...]:
    return tuple(replace(word, speaker=speaker) for word in words)


def _texts_of_words(segment: Segment) -> list[str] | None:
    """The segment's text cut before each word, spaces with the word after them; None if its words are not its text."""
    if not segment.words:
        return None
    starts: list[int] = []
    at = 0
    for word in segment.words:
        said = word.text.strip()
        found = segment.text.find(said, at)
        if found < 0 or segment.text[at:found].strip():
            return None
        starts.append(at)
        at = found + len(said)
    if segment.text[at:].strip():
        return None
    return [segment.text[a:b] for a, b in zip(starts, [*starts[1:], len(segment.text)], strict=True)]
