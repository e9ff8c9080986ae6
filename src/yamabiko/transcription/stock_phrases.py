"""What Whisper writes where nobody speaks: the ends of videos, the credits of subtitles. The list is stock_phrases.toml."""

from __future__ import annotations

import unicodedata
from functools import cache
from importlib.resources import files
from typing import Literal

Kind = Literal["everyday", "spoken", "written"]
"""`everyday`: people say it often, and several times on end; `spoken`: they say it once; `written`: nobody says it aloud."""
_KINDS: tuple[Kind, ...] = ("everyday", "spoken", "written")


def stock_phrase(text: str) -> Kind | None:
    """
    Whether a text is a stock phrase, or several of them, and nothing else; in any language, since Whisper invents in others
    than that of the recording. The kind is that of the one that is said least.
    """
    letters = "".join(c for c in bare(text) if not c.isdigit())  # years and programme numbers differ
    phrases, longest = _phrases()
    reached = {0: 0}
    for start in range(len(letters)):
        if start not in reached:
            continue
        for end in range(start + 1, min(start + longest, len(letters)) + 1):
            kind = phrases.get(letters[start:end])
            if kind is not None:
                reached[end] = max(_KINDS.index(kind), reached[start], reached.get(end, 0))
    return _KINDS[reached[len(letters)]] if letters and len(letters) in reached else None


def bare(text: str) -> str:
    """Letters, marks and digits alone, without case: what two spellings of one phrase have in common."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in folded if unicodedata.category(c)[0] in "LMN")


@cache
def _phrases() -> tuple[dict[str, Kind], int]:
    import tomllib  # not at every start

    told = tomllib.loads(files(__package__).joinpath("stock_phrases.toml").read_text("utf-8"))
    found: dict[str, Kind] = {}
    for kind in reversed(_KINDS):  # what people say wins, where two languages share a phrase
        for language in told.values():
            for phrase in language[kind]:
                found["".join(c for c in bare(phrase) if not c.isdigit())] = kind
    return found, max(map(len, found))
