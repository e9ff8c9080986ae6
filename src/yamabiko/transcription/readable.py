"""
Words as people read them, where the writing has no spaces: an engine times its tokens, which are often no words.

Pure. Tokens and characters are joined, never cut: what an engine timed as one has one time.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace

from yamabiko.formats.phrases import words_begin
from yamabiko.speech import Character, Segment, Word


def readable(segments: Sequence[Segment], language: str | None) -> tuple[Segment, ...]:
    """The segments, their words joined; with the times of characters where every one of a word was timed by itself."""
    return tuple(
        replace(segment, words=tuple(_words(segment.words, segment.language or language))) for segment in segments
    )


def _words(words: Sequence[Word], language: str | None) -> Iterator[Word]:
    begins = words_begin("".join(word.text for word in words), language) if words else []
    gathered: list[Word] = []
    at = 0
    for word in words:
        # No model knows the writing: the engine's own cut stands, as it does before a space and where another speaks.
        joined = begins[at] is False and not word.text[:1].isspace() if word.text else False
        if gathered and not (joined and word.speaker == gathered[-1].speaker):
            yield _joined(gathered)
            gathered = []
        gathered.append(word)
        at += len(word.text)
    if gathered:
        yield _joined(gathered)


def _joined(words: Sequence[Word]) -> Word:
    known = [word.probability for word in words if word.probability is not None]
    timed = [_characters(word) for word in words]
    return replace(
        words[0],
        end_s=words[-1].end_s,
        text="".join(word.text for word in words),
        probability=math.fsum(known) / len(known) if known else None,
        characters=tuple(one for characters in timed for one in characters) if all(timed) else (),
    )


def _characters(word: Word) -> tuple[Character, ...]:
    """A word of one character, with or without punctuation, has that character's times."""
    said = [character for character in word.text if unicodedata.category(character)[0] in "LNM"]
    if word.characters or len(said) != 1:
        return word.characters
    return (Character(word.start_s, word.end_s, said[0], word.probability),)
