"""What Whisper writes where nobody speaks: the ends of videos, the credits of subtitles. The list is stock_phrases.toml."""

from __future__ import annotations

import unicodedata
from functools import cache
from importlib.resources import files
from typing import Literal

Kind = Literal["written", "spoken"]
"""`written`: nobody says it aloud; `spoken`: people do say it too."""


def stock_phrase(text: str) -> Kind | None:
    """
    Whether a text is a stock phrase, or several of them, and nothing else; in any language, since Whisper invents in others
    than that of the recording. `spoken`, if one of them is.
    """
    letters = "".join(c for c in bare(text) if not c.isdigit())  # years and programme numbers differ
    phrases, longest = _phrases()
    reached: dict[int, Kind] = {0: "written"}
    for start in range(len(letters)):
        if start not in reached:
            continue
        for end in range(start + 1, min(start + longest, len(letters)) + 1):
            kind = phrases.get(letters[start:end])
            if kind is not None and reached.get(end) != "written":
                reached[end] = "spoken" if "spoken" in (kind, reached[start]) else "written"
    return reached.get(len(letters)) if letters else None


def bare(text: str) -> str:
    """Letters, marks and digits alone, without case: what two spellings of one phrase have in common."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in folded if unicodedata.category(c)[0] in "LMN")


@cache
def _phrases() -> tuple[dict[str, Kind], int]:
    import tomllib  # not at every start

    told = tomllib.loads(files(__package__).joinpath("stock_phrases.toml").read_text("utf-8"))
    found: dict[str, Kind] = {}
    kinds: tuple[Kind, Kind] = ("written", "spoken")  # what people say wins, where two languages share a phrase
    for kind in kinds:
        for language in told.values():
            for phrase in language[kind]:
                found["".join(c for c in bare(phrase) if not c.isdigit())] = kind
    return found, max(map(len, found))
