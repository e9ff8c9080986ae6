"""
Where two pieces of text meet: whether a space has to stand between them.

Whisper gives a phrase the space before it in the languages that write one, but
told "ja" it writes English without; some engines never give any.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable


def joined(texts: Iterable[str]) -> str:
    """The texts of segments in their order as one, with a space where two words would be glued together."""
    whole: list[str] = []
    before = ""
    for text in texts:
        whole.append(continued(before, text))
        before = text or before
    return "".join(whole)


def continued(before: str, text: str) -> str:
    """`text` as it goes on behind `before`: with a space, if the two would be glued together."""
    return f" {text}" if glued(before, text) else text


def glued(left: str, right: str) -> bool:
    """
    Whether `left` and `right` lack a space between them.

    Decided by the characters at the seam, not by the language: a transcript may
    hold several, and half of Japanese recordings hold English words.
    """
    if not left or not right or left[-1].isspace() or right[0].isspace():
        return False
    a, b = left[-1], right[0]
    if written_without_spaces(a) or written_without_spaces(b):
        return False
    return unicodedata.category(a) not in ("Ps", "Pi") and not (
        unicodedata.category(b) in ("Pe", "Pf", "Mn", "Mc", "Me") or b in ".,!?:;%…'’"
    )


_NO_SPACES = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x0F00, 0x0FFF),  # Tibetan
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x312F),  # radicals, CJK punctuation 、。「」, kana, bopomofo
    (0x3190, 0x31FF),  # kanbun, strokes, small katakana
    (0x3200, 0x9FFF),  # enclosed and compatibility characters, ideographs
    (0xA9E0, 0xA9FF),  # Myanmar
    (0xAA60, 0xAA7F),  # Myanmar
    (0xF900, 0xFAFF),  # compatibility ideographs
    (0xFE30, 0xFE4F),  # vertical punctuation
    (0xFF00, 0xFF9F),  # full-width letters and punctuation, half-width katakana
    (0x1AFF0, 0x1B16F),  # more kana
    (0x20000, 0x3FFFF),  # more ideographs
)
"""Scripts that put no space between words. Hangul (0xAC00, and half-width at 0xFFA0) does."""


def written_without_spaces(character: str) -> bool:
    return any(first <= ord(character) <= last for first, last in _NO_SPACES)
