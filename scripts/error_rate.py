"""
Error rates: what counts as the same text, and how many edits lie between two texts.

Rates are micro-averages: edits of the whole set over the length of its references, never a mean of rates of files.
The normalisers are Whisper's own, as the package `whisper-normalizer` carries them, so that the numbers stand beside
published ones. Japanese follows kotoba-whisper's recipe: Whisper's basic normaliser (lower case, NFKC, punctuation and
[bracketed] text out), then no spaces at all; characters are counted.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # an invalid escape in a docstring of version 0.1.15, seen at its first import
    from whisper_normalizer.basic import BasicTextNormalizer
    from whisper_normalizer.english import EnglishTextNormalizer

_basic = BasicTextNormalizer()
_english = EnglishTextNormalizer()
# Vowel signs and viramas are marks: without them a Hindi word is another word.
_keeping_marks = BasicTextNormalizer(preserve_marks=True)


@dataclass(frozen=True, slots=True)
class Measure:
    """One way of counting errors; its name belongs beside every number that it gave."""

    name: str
    unit: str
    units: Callable[[str], list[str]]


def _japanese(text: str) -> list[str]:
    return list(_basic(text).replace(" ", ""))


MEASURES = {
    measure.name: measure
    for measure in (
        Measure("wer[whisper-english]", "words", lambda text: _english(text).split()),
        Measure("wer[whisper-basic]", "words", lambda text: _basic(text).split()),
        Measure("cer[ja-basic]", "characters", _japanese),
        Measure("cer[basic+marks]", "characters", lambda text: list(_keeping_marks(text).replace(" ", ""))),
    )
}


@dataclass(frozen=True, slots=True)
class Rate:
    """Errors of a set, with the counts that they come from."""

    errors: int
    units: int
    samples: int
    substitutions: int
    deletions: int
    insertions: int

    @property
    def percent(self) -> float:
        """Over 100 where more was invented than said. A set without a word has no rate: NaN."""
        return 100 * self.errors / self.units if self.units else float("nan")


def rate(measure: Measure, pairs: Iterable[tuple[str, str]]) -> Rate:
    """Over (reference, hypothesis) pairs. A file that gave no text counts as all deletions: pass an empty string."""
    units = samples = substitutions = deletions = insertions = 0
    for reference, hypothesis in pairs:
        expected = measure.units(reference)
        for edit in Levenshtein.editops(expected, measure.units(hypothesis)):
            substitutions += edit.tag == "replace"
            deletions += edit.tag == "delete"
            insertions += edit.tag == "insert"
        units += len(expected)
        samples += 1
    return Rate(substitutions + deletions + insertions, units, samples, substitutions, deletions, insertions)
