"""How the command line names a model of an engine: what a remedy says is typed as it stands."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import replace

from yamabiko.engines import catalog
from yamabiko.engines.contract import Card
from yamabiko.findings import Problem, Remedy

_MODEL = re.compile(r"(?<![\w-])--model (?=\S)")


def option(card: Card) -> str:
    """What stands before a model's name or path: `--model`, `--engine whisper.cpp --model`, `--align`, ..."""
    if card.job == "align":
        return "--align"
    if card.job == "find-speakers":
        usual = card.name == catalog.SPEAKER_FINDER
        return "--speaker-model" if usual else f"--speaker-engine {card.name} --speaker-model"
    return "--model" if card.name == catalog.DEFAULT_ENGINE else f"--engine {card.name} --model"


def reader(model_format: str) -> Card:
    """The engine that reads models of this format; of several the first in the catalog."""
    return next(card for card in catalog.cards() if card.model_format == model_format)


@contextlib.contextmanager
def named_for(card: Card) -> Iterator[None]:
    """Remedies of a Problem that name a model, of the rooms below, name it as this engine's."""
    try:
        yield
    except Problem as problem:
        remedies = tuple(_for(card, remedy) for remedy in problem.finding.remedies)
        raise Problem(replace(problem.finding, remedies=remedies)) from None


def _for(card: Card, remedy: Remedy) -> Remedy:
    command = remedy.command
    if command is None or "--engine" in command:
        return remedy
    return replace(remedy, command=_MODEL.sub(f"{option(card)} ", command))
