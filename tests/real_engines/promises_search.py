"""How an engine is held to the search that its CARD promises: what it is asked, and what its library has to be given."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from promises import Bench, Recording

from yamabiko.engines import catalog, environments
from yamabiko.engines.contract import ALL_OF_SEARCH, Card
from yamabiko.speech import TranscribeOptions

USUAL: dict[str, Any] = {name: getattr(TranscribeOptions(), name) for name in sorted(ALL_OF_SEARCH)}
OTHER: dict[str, Any] = {
    "beam_size": 3,
    "best_of": 2,
    "patience": 1.5,
    "length_penalty": 0.75,
    "repetition_penalty": 1.25,
    "no_repeat_ngram_size": 3,
    "temperatures": (0.0, 0.25, 0.5, 0.75, 1.0),  # even steps up to 1: all that whisper.cpp can take
    "compression_ratio_threshold": 3.5,
    "logprob_threshold": -2.5,
    "no_speech_threshold": 0.75,
    "condition_on_previous_text": False,
    "suppress_tokens": (50, 51),
    "prepend_punctuations": "«",
    "append_punctuations": "»",
    "hallucination_silence_threshold": 2.0,
}
"""Another value for each, near enough to the usual one that text still comes of it."""
OFF: dict[str, Any] = USUAL | {
    "beam_size": 1,
    "best_of": 1,
    "temperatures": (0.5,),  # one, and not the first of the others
    "compression_ratio_threshold": None,
    "logprob_threshold": None,
    "no_speech_threshold": None,
    "suppress_tokens": (),
}
ALONE, TOGETHER = (USUAL, OTHER, OFF, USUAL), (OTHER, OFF)
"""The last one again: what was asked between is forgotten."""


@dataclass(frozen=True, slots=True)
class Given:
    """What arrived at an engine's library."""

    promised: set[str]
    """Names that the loaded model heeds."""
    alone: list[dict[str, Any]]
    together: list[dict[str, Any]]


def given(bench: Bench, recording: Recording) -> Given:
    """For each question of `ALONE`, and of `TOGETHER` where the engine takes many chunks in one pass."""
    questions = {"alone": ALONE, "together": TOGETHER if "batch" in bench.card.features else ()}
    found = environments.require(bench.card, bench.settings, "cpu") if bench.card.profiles else None
    inside, sources = Path(__file__).with_name("promises_search_inside.py"), Path(catalog.__file__).parents[2]
    command = [
        found.python if found else sys.executable, "-I", inside, sources, bench.card.name, bench.model, recording.path,
        recording.clip.language, json.dumps(questions),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    return Given(set(told["promised"]), told["alone"], told["together"])


def missed(asked: dict[str, Any], told: dict[str, Any], promised: set[str]) -> dict[str, tuple[Any, Any]]:
    """Of what is promised, what was asked and what arrived, where that is not the same; “nothing” where nothing did."""
    plain = json.loads(json.dumps(asked))
    both = {name: (plain[name], told.get(name, "nothing")) for name in sorted(promised)}
    return {name: pair for name, pair in both.items() if pair[0] != pair[1]}


def all_missed(card: Card, told: Given) -> list[dict[str, tuple[Any, Any]]]:
    """Likewise of every question."""
    together = zip(TOGETHER, told.together, strict="batch" in card.features)
    pairs = [
        *((asked, arrived, told.promised) for asked, arrived in zip(ALONE, told.alone, strict=True)),
        *((asked, arrived, told.promised - card.search_alone) for asked, arrived in together),
    ]
    return [found for pair in pairs if (found := missed(*pair))]
