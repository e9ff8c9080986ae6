"""
One voice or several: a segmentation network at times takes two people who speak in turn for one.

Voice prints of pieces of 1.5 s, one every 0.75 s, tell: the lengths that 3D-Speaker cuts speech into
(speakerlab/bin/infer_diarization.py). Where they fall into groups that are less alike than one person's, there are
several people. Measured with CAM++: the halves into which a stretch of one person falls most readily are 0.59 alike
and more (32 stretches of 28 recordings), those of two people 0.22 and less in 95 of 100 (228 pairs).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy
from numpy.typing import NDArray

PIECE, STEP = 150, 75
"""Hundredths of a second: of a piece, and from one to the next on the clock of the recording."""
FULL = 0.8
"""The share of a piece in which the person must speak, and alone."""
OTHER_VOICE = 0.5
"""Cosine of the mean voice prints of two groups of pieces below which they are two people's."""
LEAST_PIECES = 2
"""Of a group: one piece alone may be a laugh, or hold the end of one turn and the beginning of another."""
_ROUNDS = 6
_SEEN_ALIKE = 9
_NEAR = 40
"""Frames around the middle between two pieces in which the quietest moment is where one ends and the other begins."""


def starts(own: NDArray[Any], first: int) -> list[int]:
    """
    The frames at which pieces of a person begin. `own`: where this person speaks alone, a frame every hundredth of a
    second; `first`: what number the first of them has in the recording, so that overlapping stretches have the same.
    """
    begin = -first % STEP
    return [at for at in range(begin, len(own) - PIECE + 1, STEP) if own[at : at + PIECE].mean() >= FULL]


def voices(prints: NDArray[Any]) -> NDArray[Any]:
    """A number from 0 for each piece, the same for the same voice. `prints`: shape (pieces, dimensions), length 1."""
    found = numpy.zeros(len(prints), int)
    open_ = [numpy.arange(len(prints))]
    count = 0
    while open_:
        group = open_.pop()
        halves = _halves(prints[group])
        if halves is None:
            found[group] = count
            count += 1
        else:
            open_ += [group[halves == 1], group[halves == 0]]
    return found


def owners(voices: NDArray[Any], starts: Sequence[int], features: NDArray[Any]) -> NDArray[Any]:
    """Whose each frame is: voices change where it is quietest between pieces of two. `features`: log mel."""
    found = numpy.full(len(features), voices[0])
    loudness = numpy.convolve(features.mean(axis=1), numpy.ones(_SEEN_ALIKE), "same")
    for (one, at), (other, then) in itertools.pairwise(zip(voices, starts, strict=True)):
        if one != other:
            middle = (at + then + PIECE) // 2
            first = max(0, middle - _NEAR)
            found[first + int(loudness[first : middle + _NEAR].argmin()) :] = other
    return found


def _halves(prints: NDArray[Any]) -> NDArray[Any] | None:
    """0 or 1 for each, from the best of all pairs of pieces to begin with; None: one voice."""
    if len(prints) < 2 * LEAST_PIECES:
        return None
    best, halves, alike = -numpy.inf, numpy.zeros(len(prints), int), 1.0
    for pair in itertools.combinations(range(len(prints)), 2):
        centres = prints[list(pair)]
        for _ in range(_ROUNDS):
            nearest = (prints @ centres.T).argmax(axis=1)
            if nearest.all() or not nearest.any():
                break
            sums = numpy.stack([prints[nearest == k].sum(axis=0) for k in (0, 1)])
            centres = sums / numpy.linalg.norm(sums, axis=1, keepdims=True)
        else:
            score = float((prints * centres[nearest]).sum())
            if score > best:
                best, halves, alike = score, nearest, float(centres[0] @ centres[1])
    enough = min(int(halves.sum()), len(halves) - int(halves.sum())) >= LEAST_PIECES
    return halves if enough and alike < OTHER_VOICE else None
