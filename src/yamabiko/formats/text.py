"""Text as files and screens can take it: no broken code units, no control characters, and how wide it is shown."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from itertools import pairwise

NO_BREAK_SPACES = frozenset("\u00a0\u2007\u202f")
"""Spaces that belong to the words beside them: French writes one before an exclamation mark."""
VARIATION_SELECTOR_EMOJI = "\ufe0f"
_ZWJ = "\u200d"
_ZERO_WIDTH_SPACE = "\u200b"
# Format characters that leave a mark on the screen (UAX #29, Prepended_Concatenation_Mark) and the soft hyphen.
_SHOWN_FORMAT_CHARACTERS = frozenset(
    "\u00ad\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd"
)


def encodable(text: str) -> str:
    """The text with surrogate pairs joined and lone surrogates as U+FFFD, so that UTF-8 can hold it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def one_line(text: str) -> str:
    """The text on one line: line ends, tabs and all other control characters become spaces; trimmed."""
    return "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in encodable(text)).strip()


def speaker_mark(speaker: str | None) -> str:
    """
    What stands before a phrase whose speaker is known: `[A]: `, as WhisperX writes it.

    The same in all text formats, WebVTT too: its `<v A>` would say it to programs, but players show nothing of it
    (FFmpeg's reader drops it), and who speaks is to be seen.
    """
    name = one_line(speaker or "")
    return f"[{name}]: " if name else ""


@lru_cache(maxsize=16_384)
def character_width(c: str) -> int:
    """
    Columns one character takes: Wide and Fullwidth two, marks and zero-width characters none (UAX #11).

    Ambiguous ones (… — ①) count one, as in most terminals and fonts.
    """
    category = unicodedata.category(c)
    if category in ("Mn", "Me") or (category == "Cf" and c not in _SHOWN_FORMAT_CHARACTERS):
        return 0
    if "\u1160" <= c <= "\u11ff" or "\ud7b0" <= c <= "\ud7ff":
        return 0  # vowels and finals of decomposed Hangul stand inside the block of their initial
    return 2 if unicodedata.east_asian_width(c) in "WF" else 1


def display_width(text: str) -> int:
    """
    Columns the text takes on a screen.

    An emoji joined from several counts all of them, since not every font joins
    them: a line is never wider than this says.
    """
    width = sum(map(character_width, text))
    if VARIATION_SELECTOR_EMOJI in text:  # ❤ is narrow, ❤️ is wide
        bases = pairwise(text)
        width += sum(1 for base, mark in bases if mark == VARIATION_SELECTOR_EMOJI and character_width(base) == 1)
    return width


def is_space(cluster: str) -> bool:
    """Whether it is a space at which a line may end."""
    return cluster.isspace() and cluster not in NO_BREAK_SPACES


def clusters(text: str) -> list[str]:
    """
    The text in pieces that a reader sees as one character, in order, nothing lost.

    An approximation of UAX #29 that never cuts inside what it cuts: marks,
    joined emoji, skin tones, flags, decomposed Hangul, half-width ﾞ and ﾟ.
    """
    pieces: list[list[str]] = []
    for c in text:
        if pieces and _continues(pieces[-1], c):
            pieces[-1].append(c)
        else:
            pieces.append([c])
    return ["".join(piece) for piece in pieces]


def _continues(piece: list[str], c: str) -> bool:
    last = piece[-1]
    if last.isspace() or c.isspace():
        return False
    if unicodedata.category(c) in ("Mn", "Me", "Mc", "Cf") or c in "ﾞﾟ" or "\U0001f3fb" <= c <= "\U0001f3ff":
        return True
    if last == _ZWJ or ("\u1160" <= c <= "\u11ff" and "\u1100" <= last <= "\u11ff"):
        return True
    if _is_flag_letter(c) and _is_flag_letter(last):
        return sum(map(_is_flag_letter, piece)) % 2 == 1
    # Marks that open a piece (a direction mark, say) belong to the character after them.
    return last != _ZERO_WIDTH_SPACE and len(piece) <= 8 and all(unicodedata.category(p) == "Cf" for p in piece)


def _is_flag_letter(c: str) -> bool:
    return "\U0001f1e6" <= c <= "\U0001f1ff"
