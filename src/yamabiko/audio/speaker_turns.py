"""
Who is who: the people of many stretches become the speakers of one recording. Pure.

Voice prints are joined from the most alike downwards; people of one stretch
never become one. Then stretches that overlap vote on who speaks when.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy

from yamabiko.speech import SAMPLE_RATE, Span, Turn

if TYPE_CHECKING:
    from numpy.typing import NDArray

SAME_VOICE = 0.5
"""
Cosine of two mean voice prints from which they are one person's.

Measured with CAM++ on pieces of 3 s of 29 people's recordings: of the same person 0.56 and more in 95 of 100, of others
0.43 and less in 95 of 100; synthetic voices of one maker are as alike as one person's.
"""
KNOWN_VOICE = 0.6
"""As `SAME_VOICE`, for giving somebody a name: a stranger who is named is worse than a friend who is not."""
LEAST_SPEECH_S = 1.5
"""Somebody who speaks less than this in all is taken for the person most alike, if a number is not asked for."""
LONGEST_PAUSE_S = 0.35
"""A shorter pause does not end a turn."""
SHORTEST_TURN_S = 0.15
"""What is shorter is a noise of the mouth, or of the network."""
FRAME = 160
"""Samples: the clock on which stretches vote."""
_AT_ONCE = 1500
"""Voice prints compared each with each; more are first joined in parts."""


@dataclass(frozen=True, slots=True)
class Heard:
    """People told apart within one stretch, with their voice prints: shape (people, dimensions); NaN: none."""

    window: Span
    people: tuple[tuple[Span, ...], ...]
    prints: NDArray[Any]
    tracks: tuple[int, ...] = ()
    """A number for each: those who share one may be one person. Empty: everybody is somebody else."""


@dataclass(frozen=True, slots=True)
class Speakers:
    turns: tuple[Turn, ...]
    """Labels are "0", "1", ..., or the names of people who are known."""
    likeness: Mapping[str, float]
    """Of each known person, how much the voice most like theirs was like it, whether they were recognised or not."""


def speakers(
    heard: Sequence[Heard],
    *,
    at_least: int = 1,
    at_most: int | None = None,
    known: Mapping[str, NDArray[Any]] | None = None,
) -> Speakers:
    """The turns of a recording. `known`: mean voice prints by name; who is not like one keeps a number."""
    whose, prints = _who_is_who(heard, at_least, at_most)
    names, likeness = _recognised(prints, known or {})
    return Speakers(_turns(heard, whose, names), likeness)


def voice_print(heard: Sequence[Heard]) -> NDArray[Any] | None:
    """How the person sounds who speaks most in a recording of one person; None: too little was heard."""
    _, prints = _who_is_who(heard, 1, 1)
    return prints[0] if len(prints) else None


# ---- who is who -----------------------------------------------------------------------------------------------------


def _who_is_who(
    heard: Sequence[Heard], at_least: int, at_most: int | None
) -> tuple[list[list[int | None]], NDArray[Any]]:
    """For each stretch, the number of each of its people, None for somebody unknown; mean voice prints by number."""
    index = [(i, j) for i, one in enumerate(heard) for j in range(len(one.people)) if _has_print(one, j)]
    whose: list[list[int | None]] = [[None] * len(one.people) for one in heard]
    if not index:
        return whose, numpy.zeros((0, 0), numpy.float32)
    voices = numpy.stack([_unit(heard[i].prints[j]) for i, j in index])
    own = _own_seconds(heard)
    weights = numpy.array([own[i][j] for i, j in index])
    apart = numpy.array([(i, heard[i].tracks[j] if heard[i].tracks else j) for i, j in index])
    labels = cluster(voices, weights, apart, at_least=at_least, at_most=at_most)
    prints = numpy.stack([_unit(weights[labels == k] @ voices[labels == k]) for k in range(labels.max() + 1)])
    for (i, j), label in zip(index, labels, strict=True):
        whose[i][j] = int(label)
    return whose, prints


def _has_print(one: Heard, person: int) -> bool:
    return bool(numpy.isfinite(one.prints[person]).all() and numpy.any(one.prints[person]))


def _own_seconds(heard: Sequence[Heard]) -> list[list[float]]:
    """How long each person of each stretch speaks, a moment that lies in several stretches shared among them."""
    around = _around(heard)
    return [
        [sum(float((FRAME / SAMPLE_RATE / around[_frames(span)]).sum()) for span in spans) for spans in one.people]
        for one in heard
    ]


def _around(heard: Sequence[Heard]) -> NDArray[Any]:
    """In how many stretches each frame lies; 1 where it lies in none."""
    line = numpy.zeros(max(one.window.end_sample for one in heard) // FRAME + 2, numpy.int32)
    for one in heard:
        _count(line, one.window)
    return numpy.maximum(1, numpy.cumsum(line))


def _frames(span: Span) -> slice:
    return slice(round(span.start_sample / FRAME), round(span.end_sample / FRAME))


def _unit(vector: NDArray[Any]) -> NDArray[Any]:
    wide = vector.astype(numpy.float64)
    return wide / max(float(numpy.linalg.norm(wide)), 1e-12)


def cluster(
    voices: NDArray[Any], weights: NDArray[Any], apart: NDArray[Any], *, at_least: int = 1, at_most: int | None = None
) -> NDArray[Any]:
    """
    A number from 0 for each voice print, without gaps, the same for the same person.

    `voices`: shape (n, dimensions), length 1 each; `weights`: seconds each rests on; `apart`: shape (n, 2), a stretch
    and a track in it. Those of one stretch and two tracks are different people, unless `at_most` allows no more.
    """
    groups = [[i] for i in range(len(voices))]
    if len(groups) > _AT_ONCE:
        parts = [groups[i : i + _AT_ONCE // 2] for i in range(0, len(groups), _AT_ONCE // 2)]
        groups = [one for part in parts for one in _joined(part, voices, weights, apart, SAME_VOICE + 0.1, 1)]
    groups = _joined(groups, voices, weights, apart, SAME_VOICE, at_least)
    sizes = [float(weights[group].sum()) for group in groups]
    kept = [group for group, size in zip(groups, sizes, strict=True) if size >= LEAST_SPEECH_S]
    if at_most is not None and len(kept) > at_most:
        kept = _joined(kept, voices, weights, apart, -1.0, at_most)
        kept = _joined(kept, voices, weights, None, -1.0, at_most)
    if len(kept) < at_least:
        kept = sorted(groups, key=lambda group: -float(weights[group].sum()))[: max(1, at_least)]
    centres = numpy.stack([_unit(weights[group] @ voices[group]) for group in kept])
    labels: NDArray[Any] = numpy.argmax(voices @ centres.T, axis=1)
    for number, group in enumerate(kept):
        labels[group] = number
    return labels


def _joined(
    groups: list[list[int]], voices: NDArray[Any], weights: NDArray[Any], apart: NDArray[Any] | None,
    threshold: float, least: int,
) -> list[list[int]]:  # fmt: skip
    """Join the two groups most alike again and again, while they are alike enough and more than `least` are left."""
    members: list[list[int]] = [list(group) for group in groups]
    sums = numpy.stack([weights[group] @ voices[group] for group in groups])
    centres = sums / numpy.maximum(numpy.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    alike = centres @ centres.T
    numpy.fill_diagonal(alike, -numpy.inf)
    if apart is not None:
        alike[_told_apart(members, apart)] = -numpy.inf
    left = len(members)
    while left > least:
        best = int(numpy.argmax(alike))
        i, j = divmod(best, len(members))
        if not alike[i, j] >= threshold:
            break
        members[i] += members[j]
        members[j] = []
        sums[i] += sums[j]
        centre = _unit(sums[i])
        centres[i] = centre
        barred = numpy.isneginf(alike[i]) | numpy.isneginf(alike[j])
        alike[i] = alike[:, i] = numpy.where(barred, -numpy.inf, centres @ centre)
        alike[j] = alike[:, j] = -numpy.inf
        alike[i, i] = -numpy.inf
        left -= 1
    return [group for group in members if group]


def _told_apart(groups: Sequence[Sequence[int]], apart: NDArray[Any]) -> NDArray[Any]:
    """Shape (groups, groups): whether somewhere two of them were heard in one stretch, on two tracks."""
    seats, seat = numpy.unique(apart, axis=0, return_inverse=True)
    taken = numpy.zeros((len(groups), len(seats)), numpy.float32)
    for number, group in enumerate(groups):
        taken[number, seat.ravel()[group]] = 1.0
    stretches = numpy.add.reduceat(taken, numpy.flatnonzero(numpy.diff(seats[:, 0], prepend=-1)), axis=1)
    found: NDArray[Any] = stretches @ stretches.T > taken @ taken.T
    return found


def _recognised(prints: NDArray[Any], known: Mapping[str, NDArray[Any]]) -> tuple[dict[int, str], dict[str, float]]:
    """Names by number, each given once, to the voice most alike."""
    if not len(prints) or not known:
        return {}, dict.fromkeys(known, 0.0)
    names = list(known)
    alike = prints @ numpy.stack([_unit(known[name]) for name in names]).T
    likeness = {name: float(alike[:, k].max()) for k, name in enumerate(names)}
    given: dict[int, str] = {}
    while alike.max() >= KNOWN_VOICE:
        number, k = (int(place) for place in numpy.unravel_index(numpy.argmax(alike), alike.shape))
        given[number] = names[k]
        alike[number] = alike[:, k] = -numpy.inf
    return given, likeness


# ---- who speaks when ------------------------------------------------------------------------------------------------


def _turns(heard: Sequence[Heard], whose: Sequence[Sequence[int | None]], names: Mapping[int, str]) -> tuple[Turn, ...]:
    """
    Each moment belongs to those whom at least half of the stretches around it hear; to no more people than they hear in
    the mean, since stretches that give the same voice to two people make no second voice (pyannote's rule).
    """
    numbers = sorted({number for row in whose for number in row if number is not None})
    if not numbers:
        return ()
    around = _around(heard)
    votes = numpy.zeros((len(numbers), len(around)), numpy.int32)
    at_once = numpy.zeros(len(around), numpy.int32)
    place = {number: row for row, number in enumerate(numbers)}
    for one, row in zip(heard, whose, strict=True):
        for spans, number in zip(one.people, row, strict=True):
            for span in spans:
                _count(at_once, span)
                if number is not None:
                    _count(votes[place[number]], span)
    votes, at_once = numpy.cumsum(votes, axis=1), numpy.cumsum(at_once)
    before = numpy.argsort(numpy.argsort(-votes, axis=0, kind="stable"), axis=0)
    speaking = (2 * votes >= around) & (before < (2 * at_once + around) // (2 * around))
    found = [
        Turn(start * FRAME / SAMPLE_RATE, end * FRAME / SAMPLE_RATE, names.get(number, str(number)))
        for number in numbers
        for start, end in _runs(speaking[place[number]])
    ]
    return tuple(sorted(found, key=lambda turn: (turn.start_s, turn.end_s, turn.speaker)))


def _count(line: NDArray[Any], span: Span) -> None:
    """One more between two moments, as a difference: the sum from the left is the count."""
    frames = _frames(span)
    line[frames.start] += 1
    line[max(frames.start, frames.stop)] -= 1


def _runs(speaking: NDArray[Any]) -> list[tuple[int, int]]:
    """Frames of each turn: short pauses closed, and then short noises left out."""
    edges = numpy.flatnonzero(numpy.diff(numpy.concatenate(([False], speaking, [False])).astype(numpy.int8)))
    runs: list[tuple[int, int]] = []
    for start, end in edges.reshape(-1, 2).tolist():
        if runs and (start - runs[-1][1]) * FRAME < LONGEST_PAUSE_S * SAMPLE_RATE:
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((start, end))
    return [(a, b) for a, b in runs if (b - a) * FRAME >= SHORTEST_TURN_S * SAMPLE_RATE]
