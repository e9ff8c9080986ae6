"""
Words for people, in English and Japanese, side by side.

A sentence that a person reads is written once, as a `Text`, where it is needed:
both languages stand in one place, so neither can be forgotten or grow stale.
`str(text)` speaks the reader's language; records keep both.
"""

from __future__ import annotations

import locale
import os
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Language = Literal["en", "ja"]


@dataclass(frozen=True, slots=True)
class Text:
    """One sentence in both languages; `str()` gives the reader's."""

    en: str
    ja: str

    def __str__(self) -> str:
        return self.ja if reader_language() == "ja" else self.en


@lru_cache(maxsize=1)
def reader_language() -> Language:
    """`YAMABIKO_LANG` if set, else the locale's language where we speak it, else English."""
    asked = os.environ.get("YAMABIKO_LANG", "")
    if asked:
        return "ja" if asked.lower().startswith("ja") else "en"
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name, "")
        if value:
            return "ja" if value.lower().startswith("ja") else "en"
    system = locale.getlocale()[0] or ""  # Windows keeps it elsewhere than in LANG
    return "ja" if system.lower().startswith(("ja", "japanese")) else "en"
