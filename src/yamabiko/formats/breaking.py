"""
Where a line may end, and how good a place it is.

Without a dictionary, a Japanese phrase (文節) shows in its script: it usually
ends in hiragana, and the next begins with kanji, katakana or Latin. The costs
put that, punctuation and the engine's own word boundaries in order; only their
order was tuned, on the sentences in tests/formats/test_line_ends.py.
Character classes: JIS X 4051 and W3C jlreq (行頭禁則, 行末禁則, 分離禁止).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from yamabiko.formats.text import NO_BREAK_SPACES, is_space

NEVER = float("inf")
"""Not even when the line runs over."""
INSIDE_WORD = 300.0
"""From here on: inside a word, only where a word is wider than a line."""

SENTENCE, CLAUSE, SPACE, PHRASE, LOOSE = 0.0, 6.0, 20.0, 16.0, 40.0
MIXED, TIGHT, ENDING, COUNTER = 55.0, 80.0, 100.0, 130.0

NEVER_FIRST = frozenset(
    "、。，．｡､」』）］｝〉》】〕〗〙〛｠｣〟"  # closing brackets, commas, stops
    "！？‼⁇⁈⁉・･：；゛゜ﾞﾟヽヾゝゞ々〻ー—―─‥…‐゠–〜～％‰℃℉￠°′″’”»›"
    "ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶｧｨｩｪｫｯｬｭｮｰ"
    "ㇰㇱㇲㇳㇴㇵㇶㇷㇸㇹㇺㇻㇼㇽㇾㇿ"
)
"""A line never begins with one of these, whatever it costs."""
NEVER_LAST = frozenset("「『（［｛〈《【〔〖〘〚｟｢〝‘“«‹￥＄￡＃№")
"""A line never ends with one of these, whatever it costs."""

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
_PARTICLES = frozenset("はがをにでともへやのねよかてば")
_LONG_PARTICLES = ("から", "まで", "より", "ので", "のに", "けど", "けれど", "って", "など", "だけ", "ながら", "として")
_LEADING_WORDS = frozenset(
    word
    for words in (
        "a an the of to in on at by for from with and or but nor that which who if as than my your his her its our",
        "their un une le la les des de du et ou el los las y o der die das ein eine und oder von zu mit",
    )
    for word in words.split()
)

Script = Literal["space", "hiragana", "katakana", "han", "digit", "word", "unspaced", "other"]


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


@lru_cache(maxsize=16_384)
def base(cluster: str) -> str:
    """The character that decides how a cluster behaves: its first that is not a format character."""
    return next((c for c in cluster if unicodedata.category(c) != "Cf"), cluster[0])


@lru_cache(maxsize=16_384)
def script(c: str) -> Script:
    """What kind of writing a character belongs to, as far as line ends care."""
    if is_space(c):
        return "space"
    if "ぁ" <= c <= "ゟ":
        return "hiragana"
    if c in "々〆〇ヶヵ" or "㐀" <= c <= "鿿" or "豈" <= c <= "\ufaff" or "\U00020000" <= c <= "\U0003ffff":
        return "han"
    if "ァ" <= c <= "ヿ" or "ㇰ" <= c <= "ㇿ" or "ｦ" <= c <= "ﾟ":
        return "katakana" if c not in "・･" else "other"
    if "\u0e00" <= c <= "\u0eff" or "\u1000" <= c <= "\u109f" or "\u1780" <= c <= "\u17ff":
        return "unspaced"  # Thai, Lao, Burmese, Khmer: words without spaces, and no way to tell them here
    if c.isdigit():
        return "digit"
    if unicodedata.category(c) == "So" or c in NEVER_FIRST or c in NEVER_LAST:
        return "other"
    return "word"


def costs(glyphs: Sequence[Glyph], words_known: bool) -> list[float]:
    """
    For each glyph, what it costs to end a line after it (0 is best, NEVER is never).

    With `words_known`, the engine told the words apart: a boundary between
    two of its words is better than the same place inside one.
    """
    found = [NEVER] * len(glyphs)
    for i in range(len(glyphs) - 1):
        if glyphs[i + 1].is_space:
            continue  # the line ends after the space, which is then not shown
        if glyphs[i].is_space:
            found[i] = _after_space(glyphs, i)
            continue
        cost = _between(glyphs, i, words_known and glyphs[i].word != glyphs[i + 1].word)
        if words_known and cost < INSIDE_WORD:
            apart = glyphs[i].word != glyphs[i + 1].word
            cost += -12.0 if apart and cost >= PHRASE else 0.0 if apart or cost <= CLAUSE else 45.0
        found[i] = cost
    return found


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
    return SPACE + (15.0 if _word_before(glyphs, i) in _LEADING_WORDS else 0.0)


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


def _between(glyphs: Sequence[Glyph], i: int, new_word: bool) -> float:
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
        return SPACE if new_word else INSIDE_WORD + 100.0
    if a == b == "katakana":
        return INSIDE_WORD + (0.0 if new_word or before in "ーｰ" else 100.0)  # many words end in ー
    ended = (
        _punctuation(glyphs, i) if before in _SENTENCE_ENDS or before in _CLAUSE_ENDS or before in _CLOSERS else None
    )
    if ended is not None:
        # 「はい」と: what follows a quotation in hiragana belongs to it.
        return MIXED if b == "hiragana" and before in _CLOSERS else ended
    if after in NEVER_LAST:
        return PHRASE
    return _japanese(glyphs, i, a, b)


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


def _japanese(glyphs: Sequence[Glyph], i: int, a: Script, b: Script) -> float:
    if a == "hiragana":
        return _after_hiragana(glyphs, i, b)
    if b == "hiragana":
        return LOOSE if a == "other" else ENDING  # 走|る, データ|を, AI|は
    if a == "digit":
        return COUNTER  # 10|月
    if a == b == "han":
        return TIGHT
    if "other" in (a, b):
        return LOOSE
    return MIXED


def _after_hiragana(glyphs: Sequence[Glyph], i: int, b: Script) -> float:
    before = base(glyphs[i].text)
    earlier = script(base(glyphs[i - 1].text)) if i > 0 else "space"
    tail = "".join(base(glyph.text) for glyph in glyphs[max(0, i - 3) : i + 1])
    long_particle = tail.endswith(_LONG_PARTICLES)
    if b != "hiragana":
        if before in "おご" and earlier != "han":
            return TIGHT  # お|願い
        if b == earlier == "han" and before in "きぎしちびみり":
            return MIXED  # 話し|合う, 取り|組む
        return PHRASE if before in _PARTICLES or long_particle else PHRASE + 14.0
    if before == "を":
        return PHRASE + 4.0  # nothing but a particle
    if long_particle:
        return MIXED
    if before in "はがに" and earlier in ("han", "katakana", "word", "digit"):
        return MIXED + 5.0
    return TIGHT + 10.0
