"""
What is known of models when one is to be chosen: choices.toml holds the facts, this file gives them shape.

`measured.toml` beside it is what scripts/measure_engines.py saw on a machine of ours.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

from yamabiko.records import from_plain


@dataclass(frozen=True, slots=True)
class Way:
    """An engine that runs the model, and the name under which it has it."""

    engine: str
    model: str
    device: str = ""
    """The only one that it is proposed for; empty: every one of its CARD."""


@dataclass(frozen=True, slots=True)
class Score:
    percent: float
    """Of characters (Japanese) or words that are wrong."""
    test: str
    """On which recordings, and whose figure: in brackets; the sources are named at the head of choices.toml."""


@dataclass(frozen=True, slots=True)
class Choice:
    name: str
    ways: tuple[Way, ...]
    weights_millions: float
    effort: float
    """Times the arithmetic of Whisper base on the CPU."""
    rank: int
    """Among those that know a language: 1 is best. For languages without a figure it decides."""
    languages: tuple[str, ...] = ()
    """Codes; empty: the 99 of Whisper."""
    errors: dict[str, Score] = field(default_factory=dict)
    """By language."""
    read_speech_only: str = ""
    """What shows that it loses much of conversation and television; empty: nothing known."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One engine with one model, as it ran on a machine of ours."""

    engine: str
    version: str
    model: str
    device: str
    compute_type: str
    peak_bytes: int
    """Most memory of the worker's process (VmHWM) over loading and all answers."""
    weights_bytes: int
    """Of the model's files."""
    work: float
    """Processor seconds for one second of speech."""
    times_base: float
    """The same, divided by that of faster-whisper with Whisper base on the CPU in the same run."""
    load_s: float
    environment_bytes: int = 0
    """On the disk, as the engine's environment for the CPU was."""
    true_text: bool = True
    """False: a tiny model of random weights, whose memory says something of the engine and whose speed says nothing."""

    @property
    def beside_bytes(self) -> int:
        """What the engine needs beside the weights."""
        return max(0, self.peak_bytes - self.weights_bytes)


@dataclass(frozen=True, slots=True)
class Measurements:
    date: str
    machine: str
    command: str
    engines: tuple[Measured, ...]

    def of(self, engine: str) -> Measured | None:
        return next((one for one in self.engines if one.engine == engine), None)


@dataclass(frozen=True, slots=True)
class _Models:
    models: tuple[Choice, ...]


@cache
def choices() -> tuple[Choice, ...]:
    """Raises: Malformed, if somebody broke choices.toml."""
    return from_plain(_Models, _read("choices.toml")).models


@cache
def measurements() -> Measurements:
    """Raises: Malformed, if somebody broke measured.toml."""
    return from_plain(Measurements, _read("measured.toml"))


def _read(name: str) -> dict[str, object]:
    return tomllib.loads(resources.files(__package__).joinpath(name).read_text(encoding="utf-8"))
