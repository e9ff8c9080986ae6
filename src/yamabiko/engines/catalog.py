"""
The engines, as data: adding one is one adapter file and one line here.

Nobody else names an adapter. Reading a CARD imports no engine.
"""

from __future__ import annotations

import importlib
from functools import cache
from types import ModuleType

from yamabiko.engines.contract import Card
from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.i18n import Text

ADAPTERS = {
    "faster-whisper": "yamabiko.engines.adapters.faster_whisper",
    "silero-vad": "yamabiko.engines.adapters.silero_vad",
    "scripted": "yamabiko.engines.adapters.scripted",
}

DEFAULT_ENGINE = "faster-whisper"
SPEECH_FINDER = "silero-vad"


@cache
def adapter(name: str) -> ModuleType:
    """The adapter's module: `CARD` and `create()`. Raises: Problem (engine-unknown)."""
    if name not in ADAPTERS:
        raise Problem(
            Finding(
                id="engine-unknown",
                severity="error",
                area="usage",
                cause=Text(f"There is no engine named “{name}”.", f"「{name}」というエンジンはありません。"),
                evidence=(f"engines known here: {', '.join(ADAPTERS)}",),
                remedies=(Remedy(Text("See what there is", "一覧を見る"), "yamabiko engines list"),),
            )
        )
    return importlib.import_module(ADAPTERS[name])


def card(name: str) -> Card:
    """Raises: Problem (engine-unknown)."""
    found: Card = adapter(name).CARD
    return found


def cards() -> tuple[Card, ...]:
    return tuple(card(name) for name in ADAPTERS)
