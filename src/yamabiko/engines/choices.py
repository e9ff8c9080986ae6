"""
What is known of models when one is to be chosen: choices.toml holds the facts, this file gives them shape.

`measured.toml` beside it is what scripts/measure_engines.py saw on a machine of ours.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Literal, get_args

from yamabiko.engines.contract import AS_STORED
from yamabiko.i18n import Text
from yamabiko.records import from_plain


@dataclass(frozen=True, slots=True)
class Score:
    percent: float
    """Of characters (Japanese) or words that are wrong."""
    test: str
    """On which recordings, and whose figure: in brackets; the sources are named at the head of choices.toml."""


@dataclass(frozen=True, slots=True)
class Way:
    """An engine that runs the model, and the name under which it has it."""

    engine: str
    model: str
    device: str = ""
    """The only one that it is proposed for; empty: every one of its CARD."""
    aside: bool = False
    """Another way to run the same model suits most people better; `Purpose` says for whom this engine is."""
    compute_type: str = ""
    """Of its files, where that is not the first of the engine's on a device and the name does not end in it."""
    effort: float | None = None
    """As a `Choice` has it; None: the model's own."""
    errors: dict[str, Score] = field(default_factory=dict)
    """Of its precision, by language; where there is none, the model's own hold."""


@dataclass(frozen=True, slots=True)
class Purpose:
    """What an engine is good for, beside others that run the same models."""

    engine: str
    why: Text


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Models of the catalogue that are never proposed."""

    models: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Choice:
    name: str
    ways: tuple[Way, ...]
    weights_millions: float
    effort: float
    """Times the arithmetic of Whisper base on the CPU."""
    why: Text
    """What stands behind its place among the others: choices.toml has them in our order, best first."""
    languages: tuple[str, ...] = ()
    """Codes; empty: the 99 of Whisper."""
    errors: dict[str, Score] = field(default_factory=dict)
    """By language."""
    read_speech_only: str = ""
    """What shows that it loses much of conversation and television; empty: nothing known."""

    def score(self, way: Way, language: str) -> Score | None:
        """Of this way, else of the model; None: no figure is known to us."""
        return way.errors.get(language) or self.errors.get(language)


Weights = Literal["real", "random, true shape", "random, tiny"]
"""Real ones write what was said. Of random ones the memory is as true as their shape, and the work is the encoder's."""


def machine_in_japanese(machine: str) -> str:
    """Of `2 cores, x86_64, Linux, no GPU` what is no name."""
    return re.sub(r"(\d+) cores?", r"\1コア", machine).replace("no GPU", "GPUなし").replace(", ", "、")


@dataclass(frozen=True, slots=True)
class Measured:
    """One engine with one model, as it ran on a machine of ours."""

    engine: str
    version: str
    model: str
    """Its name in the catalogue; of tiny ones `tiny`."""
    weights: Weights
    device: str
    compute_type: str
    peak_bytes: int
    """Most memory of the worker's process (VmHWM) over loading and all answers."""
    weights_bytes: int
    """Of the model's files."""
    work: float
    """Processor seconds for one second of speech; 0: not measured, or of a tiny model."""
    times_base: float
    """The same, divided by that of faster-whisper with Whisper base on the CPU in the same run."""
    load_s: float
    environment_bytes: int
    """On the disk, as the engine's environment for the CPU was."""
    date: str
    machine: str
    """Such as `2 cores, x86_64, Linux, no GPU`."""
    command: str

    @property
    def beside_bytes(self) -> int:
        """What the engine needs beside the weights."""
        return max(0, self.peak_bytes - self.weights_bytes)


@dataclass(frozen=True, slots=True)
class Measurements:
    engines: tuple[Measured, ...]

    def of(self, engine: str) -> tuple[Measured, ...]:
        """What says most of the engine first: real weights, then the true shape."""
        found = [one for one in self.engines if one.engine == engine]
        return tuple(sorted(found, key=lambda one: get_args(Weights).index(one.weights)))

    def of_model(self, engine: str, model: str, compute_type: str) -> Measured | None:
        """
        `model`: its name in the catalogue. `compute_type`: as asked for; `model`: as the file has it.

        CTranslate2 makes `int8_float32` of the `int8` that it is asked for.
        """
        found = [one for one in self.of(engine) if one.model == model]
        kinds = (compute_type, f"{compute_type}_float32")
        return next((one for one in found if compute_type == AS_STORED or one.compute_type in kinds), None)


@dataclass(frozen=True, slots=True)
class _Known:
    models: tuple[Choice, ...]
    engines: tuple[Purpose, ...]
    left_out: tuple[LeftOut, ...]


@cache
def choices() -> tuple[Choice, ...]:
    """Raises: Malformed, if somebody broke choices.toml."""
    return _known().models


@cache
def purposes() -> dict[str, Text]:
    """By engine. Raises: Malformed, if somebody broke choices.toml."""
    return {one.engine: one.why for one in _known().engines}


@cache
def left_out() -> dict[str, str]:
    """Why a model of the catalogue is never proposed, by its name. Raises: Malformed, if somebody broke choices.toml."""
    return {model: one.why for one in _known().left_out for model in one.models}


@cache
def measurements() -> Measurements:
    """Raises: Malformed, if somebody broke measured.toml."""
    return from_plain(Measurements, _read("measured.toml"))


def _known() -> _Known:
    return from_plain(_Known, _read("choices.toml"))


def _read(name: str) -> dict[str, object]:
    return tomllib.loads(resources.files(__package__).joinpath(name).read_text(encoding="utf-8"))
