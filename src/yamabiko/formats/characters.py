"""
What kind of character it is, as far as line ends care.

Classes: JIS X 4051 and W3C jlreq (行頭禁則, 行末禁則, 分離禁止).
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Literal

from yamabiko.formats.text import is_space

Script = Literal["space", "hiragana", "katakana", "han", "digit", "word", "unspaced", "other"]

NEVER_FIRST = frozenset(
    "、。，．｡､」』）］｝〉》】〕〗〙〛｠｣〟"  # closing brackets, commas, stops
    "！？‼⁇⁈⁉・･：；゛゜ﾞﾟヽヾゝゞ々〻ー—―─‥…‐゠–〜～％‰℃℉￠°′″’”»›"
    "ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶｧｨｩｪｫｯｬｭｮｰ"
    "ㇰㇱㇲㇳㇴㇵㇶㇷㇸㇹㇺㇻㇼㇽㇾㇿ"
)
"""A line never begins with one of these, whatever it costs."""
NEVER_LAST = frozenset("「『（［｛〈《【〔〖〘〚｟｢〝‘“«‹￥＄￡＃№")
"""A line never ends with one of these, whatever it costs."""


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
    if c in "々〆〇ヶヵ" or "㐀" <= c <= "鿿" or "\uf900" <= c <= "\ufaff" or "\U00020000" <= c <= "\U0003ffff":
        return "han"
    if "ァ" <= c <= "ヿ" or "ㇰ" <= c <= "ㇿ" or "ｦ" <= c <= "ﾟ":
        return "katakana" if c not in "・･" else "other"
    if "\u0e00" <= c <= "\u0eff" or "\u1000" <= c <= "\u109f" or "\u1780" <= c <= "\u17ff":
        return "unspaced"  # Thai, Lao, Burmese, Khmer: words without spaces
    if c.isdigit():
        return "digit"
    if unicodedata.category(c) == "So" or c in NEVER_FIRST or c in NEVER_LAST:
        return "other"
    return "word"
