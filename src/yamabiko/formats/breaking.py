"""
Where a line may end, and how good a place it is.

The costs put punctuation, spaces, the phrases and words that BudouX finds and
the engine's own word boundaries in order; only their order was tuned, on the
sentences in tests/formats/marked_sentences.py and test_line_ends.py.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from yamabiko.formats.characters import NEVER_FIRST, NEVER_LAST, Script, base, script
from yamabiko.formats.phrases import Joint, joints
from yamabiko.formats.text import NO_BREAK_SPACES, is_space

NEVER = float("inf")
"""Not even when the line runs over."""
INSIDE_WORD = 300.0
"""From here on: inside a word, only where a word is wider than a line."""

SENTENCE, CLAUSE, PHRASE, SPACE, LOOSE, TIGHT = 0.0, 6.0, 16.0, 20.0, 40.0, 80.0
WORD = 200.0
"""Within a phrase: dearer than another line and another cue, so only where a phrase is wider than a line."""

_QUOTES = frozenset("“”‘’«»‹›")
"""Open in one language, close in another: what a space beside them says counts for more."""
_INSIDE_LATIN = frozenset("’”»›‐–—―…‥°′″·")
"""Between two letters or digits they belong to the word: don’t, 2020–2024."""
_ASCII_CLOSERS = frozenset("!),.:;?]}%")
_ASCII_OPENERS = frozenset("([{$")
_GLUE = NO_BREAK_SPACES | {"\u2060", "\ufeff"}
_SENTENCE_ENDS = frozenset("。．！？｡‼⁇⁈⁉.!?…؟۔।॥")
_CLAUSE_ENDS = frozenset("、，､；：,;:،؛—―")
_CLOSERS = frozenset("」』）］｝〉》】〕〗〙〛｠｣〟’”»›\"')]}")
_VERB_STEM_ENDS = frozenset("きぎしちびみりけげせべめれえ")
_COUNTING_KA = frozenset("かカヵケヶ")
_HAN_NUMBERS = frozenset("一二三四五六七八九十百千万数何")
_LEADING_WORDS = frozenset(
    word
    for words in (
        "a an the of to in on at by for from with and or but nor that which who if as than my your his her its our",
        "their un une le la les des de du et ou el los las y o der die das ein eine und oder von zu mit",
    )
    for word in words.split()
)


@dataclass(frozen=True, slots=True)
class Glyph:
    """One character as a reader sees it, with when it is said."""

    text: str
    width: int
    word: int
    """Number of the word it belongs to."""
    start_s: float
    end_s: float

    @property
    def is_space(self) -> bool:
        return is_space(self.text)


def costs(glyphs: Sequence[Glyph], words_known: bool, language: str | None) -> list[float]:
    """
    For each glyph, what it costs to end a line after it (0 is best, NEVER is never).

    With `words_known`, the engine told the words apart: a boundary between
    two of its words is better than the same place inside one.
    """
    found = [NEVER] * len(glyphs)
    texts = [_composed(glyph.text) for glyph in glyphs]
    begins = joints("".join(texts), language)
    at = 0
    for i in range(len(glyphs) - 1):
        at += len(texts[i])
        if glyphs[i + 1].is_space:
            continue  # the line ends after the space, which is then not shown
        if glyphs[i].is_space:
            found[i] = _after_space(glyphs, i)
            continue
        cost = _between(glyphs, i, begins[at], words_known and glyphs[i].word != glyphs[i + 1].word)
        if words_known and cost < INSIDE_WORD:
            apart = glyphs[i].word != glyphs[i + 1].word
            cost += -12.0 if apart and cost >= PHRASE else 0.0 if apart or cost <= CLAUSE else 45.0
        found[i] = cost
    return found


@lru_cache(maxsize=16_384)
def _composed(cluster: str) -> str:
    """The cluster in the characters that the models have learnt: ﾊﾞ as バ."""
    composed = unicodedata.normalize("NFKC", cluster)
    return composed if len(composed) == 1 else cluster


def _forbidden(before: str, after: str) -> bool:
    return after in NEVER_FIRST or before in NEVER_LAST or before in _GLUE or after in _GLUE


def _after_space(glyphs: Sequence[Glyph], i: int) -> float:
    """The cost of ending a line at the space `glyphs[i]`."""
    if i == 0:
        return NEVER
    before, after = base(glyphs[i - 1].text), base(glyphs[i + 1].text)
    if _forbidden("" if before in _QUOTES else before, "" if after in _QUOTES else after):
        return NEVER
    if after in _ASCII_CLOSERS or before in _ASCII_OPENERS or _forbidden(before, after):
        return TIGHT
    ended = _punctuation(glyphs, i - 1)
    if ended is not None:
        return ended
    word = _word_before(glyphs, i)
    number = word[-1:].isdigit() and not any(map(str.isalpha, word))
    return SPACE + (15.0 if word in _LEADING_WORDS or number else 0.0)  # of|the, 10|o'clock


def _punctuation(glyphs: Sequence[Glyph], i: int) -> float | None:
    """The cost after punctuation that ends at `glyphs[i]`, looking through closing brackets; None if it is none."""
    bracketed = False
    while i > 0 and base(glyphs[i].text) in _CLOSERS:
        bracketed = True
        i -= 1
    mark = base(glyphs[i].text)
    if mark in _SENTENCE_ENDS:
        return SENTENCE
    if mark in _CLAUSE_ENDS:
        return CLAUSE
    return SPACE - 5.0 if bracketed else None


def _word_before(glyphs: Sequence[Glyph], i: int) -> str:
    letters: list[str] = []
    for glyph in reversed(glyphs[max(0, i - 6) : i]):
        if glyph.is_space:
            break
        letters.append(glyph.text)
    return "".join(reversed(letters)).lower()


def _between(glyphs: Sequence[Glyph], i: int, joint: Joint | None, new_word: bool) -> float:
    """The cost of ending a line between two glyphs that no space parts."""
    before, after = base(glyphs[i].text), base(glyphs[i + 1].text)
    if _forbidden(before, after):
        return NEVER
    if glyphs[i].text.endswith("\u200b"):
        return SPACE  # a zero-width space says: here
    a, b = script(before), script(after)
    if b == "digit" and before in "，．：・,.:" and i > 0 and script(base(glyphs[i - 1].text)) == "digit":
        return INSIDE_WORD  # １，０００
    latin = ("word", "digit")
    if b in latin and (a in latin or _is_inside_latin(glyphs, i)):
        return _inside_latin(before, after)
    if after in _ASCII_CLOSERS or before in _ASCII_OPENERS or (a in latin and after in _QUOTES):
        return INSIDE_WORD + 200.0
    if a == b == "unspaced" or ("unspaced" in (a, b) and "word" in (a, b)):
        return _unspaced(joint, new_word)
    ended = (
        _punctuation(glyphs, i) if before in _SENTENCE_ENDS or before in _CLAUSE_ENDS or before in _CLOSERS else None
    )
    if ended is not None:
        # 「はい」と: what follows a quotation in hiragana may belong to it.
        return WORD if b == "hiragana" and before in _CLOSERS and joint != "phrase" else ended
    if after in NEVER_LAST:
        return PHRASE
    return _japanese(glyphs, i, joint, new_word)


def _unspaced(joint: Joint | None, new_word: bool) -> float:
    """Thai by its model and the engine's words; Lao, Khmer and Burmese by the words alone."""
    if joint == "phrase" or (joint is None and new_word):
        return SPACE
    return TIGHT if new_word else INSIDE_WORD + 100.0


def _is_inside_latin(glyphs: Sequence[Glyph], i: int) -> bool:
    """Whether `glyphs[i]` is punctuation that a Latin word before it carries on through."""
    while i > 0 and base(glyphs[i].text) in _INSIDE_LATIN:
        i -= 1
        if script(base(glyphs[i].text)) in ("word", "digit"):
            return True
    return False


def _inside_latin(before: str, after: str) -> float:
    """Addresses are broken after / and - and before nothing that closes."""
    if not after.isalnum():
        return INSIDE_WORD + 200.0
    return INSIDE_WORD + 100.0 if before.isalnum() else INSIDE_WORD


def _japanese(glyphs: Sequence[Glyph], i: int, joint: Joint | None, new_word: bool) -> float:
    """The cost between two glyphs of a writing without spaces, by what begins with the second."""
    before, after = base(glyphs[i].text), base(glyphs[i + 1].text)
    a, b = script(before), script(after)
    if "other" in (a, b):
        return LOOSE  # a picture, a sign: the models know none
    if joint is None:
        return _by_script(a, b)
    if before in _COUNTING_KA and i > 0 and _is_number(base(glyphs[i - 1].text)):
        return INSIDE_WORD  # 42か|国
    if a == "digit":
        return INSIDE_WORD  # 10|月
    if before in _VERB_STEM_ENDS and b == "han" and i > 0 and script(base(glyphs[i - 1].text)) == "han":
        return INSIDE_WORD  # 飛び|上がる: the model of phrases parts some verbs of two
    if joint == "phrase":
        # 検証する|ための: what begins in hiragana often leans on what is before it.
        return LOOSE if b == "hiragana" else PHRASE
    if b == "digit":
        return _before_a_number(glyphs, i)
    if joint == "inside" or before == "っ":
        known = new_word and b != "hiragana" and not a == b == "katakana"  # engines part long katakana anywhere
        return WORD + 35.0 if known else INSIDE_WORD
    # A verb that helps another (進めて|いる) before a particle or an ending.
    return WORD + (50.0 if b == "hiragana" and not (before in "てで" and after in "いくしみお") else 0.0)


def _before_a_number(glyphs: Sequence[Glyph], i: int) -> float:
    """The models slip at numbers: 第|35回 is one word, 10月|15日 and 会議には|42か国 are not."""
    before = base(glyphs[i].text)
    if script(before) == "hiragana":
        return LOOSE
    dated = script(before) == "han" and i > 0 and script(base(glyphs[i - 1].text)) == "digit"
    return WORD if dated else INSIDE_WORD


def _is_number(c: str) -> bool:
    return c.isdigit() or c in _HAN_NUMBERS


def _by_script(a: Script, b: Script) -> float:
    """Where no model knows the writing: a Japanese phrase mostly ends in hiragana, and none begins in it."""
    if b == "hiragana" or a == "digit":
        return WORD
    return PHRASE if a == "hiragana" else TIGHT
