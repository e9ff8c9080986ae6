"""
From what a model writes, token by token, to what people read: words, or characters where a language has no spaces.

Pure, for adapters: the standard library and `speech` alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from yamabiko.speech import Character, Word

WIDE = "\u2e80"
"""Chinese and Japanese characters, kana and Hangul begin here."""
_STAYS = frozenset("、。，．・…！？」』）】〕》〉”’,.!?;:)]}ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮー々ゝゞヽヾ")
"""Read with what stands before: closing punctuation, small kana and marks that repeat or lengthen."""
_OPENS = frozenset("「『（【〔《〈“‘([{")
_ENDS = frozenset("。．？！?!")
_CLOSES = "」』）】〕》〉”’)]} "


@dataclass(frozen=True, slots=True)
class Piece:
    """A token's part of the text, with the spaces before it; seconds from the start of the chunk."""

    text: str
    start_s: float
    end_s: float
    probability: float | None = None


def begins_a_word(text: str, before: str) -> bool:
    """After a space; in writing without spaces with every character but those that are read with their neighbour."""
    if text.startswith(" "):
        return True
    if before[-1:] in _OPENS or text[:1] in _STAYS:
        return False
    return text[:1] >= WIDE or before[-1:] >= WIDE


def words(pieces: Sequence[Piece]) -> Iterator[Word]:
    """Words in order; with the times of their characters where every piece is one character."""
    gathered: list[Piece] = []
    for piece in _without_blanks(pieces):
        if gathered and begins_a_word(piece.text, gathered[-1].text):
            yield _word(gathered)
            gathered = []
        gathered.append(piece)
    if gathered:
        yield _word(gathered)


def _without_blanks(pieces: Sequence[Piece]) -> list[Piece]:
    """Spaces alone are no word: they stand before the piece that follows, or at the end behind the last one."""
    found: list[Piece] = []
    spaces = ""
    for piece in pieces:
        if not piece.text.strip():
            spaces += piece.text
            continue
        found.append(replace(piece, text=spaces + piece.text))
        spaces = ""
    if spaces and found:
        found[-1] = replace(found[-1], text=found[-1].text + spaces)
    return found


def _word(pieces: Sequence[Piece]) -> Word:
    known = [piece.probability for piece in pieces if piece.probability is not None]
    characters = tuple(
        Character(piece.start_s, piece.end_s, said, piece.probability)
        for piece in pieces
        if (said := piece.text.strip())
    )
    return Word(
        start_s=pieces[0].start_s,
        end_s=pieces[-1].end_s,
        text="".join(piece.text for piece in pieces),
        probability=math.fsum(known) / len(known) if known else None,
        characters=characters if all(len(character.text) == 1 for character in characters) else (),
    )


def phrases(pieces: Sequence[Piece], pause_s: float) -> Iterator[list[Piece]]:
    """Cut between words, where a sentence ends and where nothing is said for so long."""
    gathered: list[Piece] = []
    for piece in pieces:
        if gathered and begins_a_word(piece.text, gathered[-1].text):
            said = "".join(one.text for one in gathered[-3:]).rstrip(_CLOSES)
            if said[-1:] in _ENDS or piece.start_s - gathered[-1].end_s >= pause_s:
                yield gathered
                gathered = []
        gathered.append(piece)
    if gathered:
        yield gathered


def spaced(text: str) -> str:
    """With the space that has to stand before it when texts are joined: none in writing without spaces."""
    return text if not text or text[0] >= WIDE or text[0] == " " else f" {text}"


def laid_out(text: str, tokens: Sequence[str]) -> list[str] | None:
    """
    `text` cut where its tokens begin, spaces before what they stand before; joined, the parts are the text.

    Tokens may be marked as SentencePiece (`▁`) and Paraformer (`@@`) mark them. None where they do not spell the text.
    """
    parts: list[str] = []
    at = 0
    for token in tokens:
        said = token.replace("▁", " ").removesuffix("@@").strip()
        begin = at
        while said and at < len(text) and text[at].isspace():
            at += 1
        if not text.startswith(said, at):
            return None
        at += len(said)
        parts.append(text[begin:at])
    if parts and not text[at:].strip():
        parts[-1] += text[at:]
        return parts
    return [] if not text.strip() and not parts else None
