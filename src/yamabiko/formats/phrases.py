"""
Where phrases and words begin in writing that puts no spaces between them: Japanese, Chinese, Thai.

BudouX (https://github.com/google/budoux) decides from the three characters on
either side. Of Japanese it knows phrases (文節) and words: its phrases are
sound, but both slip in long rows of kanji or katakana, so that there a phrase
is believed only where its model of words agrees.
"""

from __future__ import annotations

import json
import logging
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Literal

from yamabiko.formats.characters import NEVER_FIRST, NEVER_LAST, script

if TYPE_CHECKING:
    from budoux import Parser

Joint = Literal["phrase", "word", "inside"]

_logger = logging.getLogger(__name__)
_REACH = 3
"""BudouX looks at so many characters on either side of a place, and no further."""
_WINDOW = 1000
"""BudouX copies an unbroken chunk for every character it adds: 100,000 at once take seconds."""
_CHINESE = frozenset({"zh", "yue", "cmn", "wuu", "nan", "hak"})
_TRADITIONAL = frozenset({"hant", "tw", "hk", "mo"})
_SIMPLIFIED = frozenset({"hans", "cn", "sg"})
_CHINESE_NEVER_FIRST = frozenset("的了吗嗎呢吧啊着著过過们們个個地得")
"""Particles and the measure word of all trades: they belong to the word before them."""
_BROKEN = (ImportError, OSError, ValueError, TypeError, AttributeError, LookupError)
"""What a broken installation of BudouX raises: it costs good line ends, not the subtitles."""


def joints(text: str, language: str | None) -> list[Joint | None]:
    """
    For each character what begins with it: a phrase, a word within a phrase, or nothing.

    `language` is an ISO 639 code, maybe with a script or region; the writing
    overrules it. None stands where no model knows the writing. Takes time in
    proportion to the length of the text.
    """
    found: list[Joint | None] = [None] * len(text)
    model = _model_for(text, language)
    if model == "ja":
        found = _japanese(text)
    elif model is not None:
        found = _chinese(text, model)
    if any(map(_is_thai, text)):
        begins = _begins("th", text)
        for i in range(1, len(text)):
            if begins is not None and _is_thai(text[i - 1]) and _is_thai(text[i]):
                found[i] = "phrase" if i in begins else "inside"
    return found


def words_begin(text: str, language: str | None) -> list[bool | None]:
    """
    For each character whether a word begins with it, as people read; None where no model knows the writing.

    In Japanese a row of kanji, or of katakana, stays whole (明日, 大阪府): BudouX cuts some of them, and nobody reads
    them by halves. What a line never begins with stays with what stands before it.
    """
    found: list[bool | None] = [None if joint is None else joint != "inside" for joint in joints(text, language)]
    japanese = _model_for(text, language) == "ja"
    for at in range(1, len(text)):
        alike = japanese and script(text[at - 1]) == script(text[at]) in ("han", "katakana")
        if alike or (found[at] is not None and (text[at] in NEVER_FIRST or text[at - 1] in NEVER_LAST)):
            found[at] = False
    return found


def _japanese(text: str) -> list[Joint | None]:
    phrases = _begins("ja", text)
    if phrases is None:
        return [None] * len(text)
    words = _begins("ja_word", text) or set()
    found: list[Joint | None] = []
    for i, c in enumerate(text):
        alike = i > 0 and script(text[i - 1]) == script(c) in ("han", "katakana")
        if i in phrases and (i in words or not alike):
            found.append("phrase")
        else:
            found.append("word" if i in phrases or i in words else "inside")
    return found


def _chinese(text: str, model: str) -> list[Joint | None]:
    begins = _begins(model, text)
    if begins is None:
        return [None] * len(text)
    return [
        "inside" if i not in begins else "word" if c in _CHINESE_NEVER_FIRST else "phrase" for i, c in enumerate(text)
    ]


# ---- which model -----------------------------------------------------------------------------------------------------


def _model_for(text: str, language: str | None) -> str | None:
    """The model for the kana and Han characters of the text, None if it has none of them."""
    scripts = [script(c) for c in text]
    kana, han = scripts.count("hiragana") + scripts.count("katakana"), scripts.count("han")
    code, *subtags = (language or "").lower().replace("_", "-").split("-")
    # A の in a Chinese sentence does not make it Japanese.
    if (kana or han) and (code == "ja" or kana * (4 if code in _CHINESE else han + 1) > han):
        return "ja"
    if not han:
        return None
    if _TRADITIONAL & set(subtags):
        return "zh-hant"
    if _SIMPLIFIED & set(subtags):
        return "zh-hans"
    traditional, simplified = len(text.encode("big5", "ignore")), len(text.encode("gb2312", "ignore"))
    return "zh-hant" if traditional > simplified else "zh-hans"


def _is_thai(c: str) -> bool:
    return "\u0e00" <= c <= "\u0e7f"


# ---- the library -----------------------------------------------------------------------------------------------------


def _begins(model: str, text: str) -> set[int] | None:
    """Where the pieces of the text begin; None if the library cannot say. The same as without windows."""
    parser = _parser(model)
    if parser is None:
        return None
    found: set[int] = set()
    try:
        for start in range(0, len(text), _WINDOW):
            at = max(0, start - _REACH)
            for chunk in parser.parse(text[at : start + _WINDOW + _REACH]):
                if start <= at < start + _WINDOW:
                    found.add(at)
                at += len(chunk)
    except _BROKEN as error:
        _logger.warning("phrases-not-found model=%s error=%s", model, type(error).__name__)
        return None
    return found


@lru_cache
def _parser(model: str) -> Parser | None:
    try:
        from budoux import Parser

        weights = (files("budoux") / "models" / f"{model}.json").read_text("utf-8")
        return Parser(json.loads(weights))
    except _BROKEN as error:
        _logger.warning("phrases-not-found model=%s error=%s", model, type(error).__name__)
        return None
