"""
Which engine, model, precision and batch size for this machine and this language. Pure: facts in, ways out, best first.

Among what fits into memory and keeps up with the speaker our order of the models decides (choices.toml). Every figure says
whether it was measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from yamabiko.engines import catalog, models
from yamabiko.engines.choices import Choice, Measured, Measurements, Score, Way
from yamabiko.engines.contract import AS_STORED, OWN_BUILD, Card, Profile
from yamabiko.formats.language_names import LANGUAGE_NAMES
from yamabiko.gpu_marks import Maker
from yamabiko.i18n import Text

BYTES_A_WEIGHT = {"float32": 4.0, "float16": 2.0, "bfloat16": 2.0, "int8": 1.0, "int8_float16": 1.0, "q5_0": 0.6875}
"""ggml's q5_0 stores 32 weights in 22 bytes."""
USABLE = 0.8
"""Of the free memory: the rest is for recordings, and for what else runs."""
MOST_CORES = 8
"""More make these models no faster on most machines (scheduling/setup.py)."""
GPU_BATCH = 8
A_CHUNK_MORE_BYTES = 400_000_000
"""On a GPU, for each further chunk of 30 s decoded at once. Estimated; never measured by us."""
UNKNOWN_BESIDE_BYTES = 600_000_000
"""What an engine needs beside its weights, where nobody measured it."""
FIRST = "faster-whisper"
"""All work was measured against its, with Whisper base."""
SLOWEST = 0.7
"""Seconds of work for a second of speech. From 1.0 on a model does not keep up with a speaker, and ours are estimates."""


@dataclass(frozen=True, slots=True)
class Gpu:
    name: str
    free_bytes: int | None
    """None: the driver does not say."""


@dataclass(frozen=True, slots=True)
class OtherGpu:
    """Of another maker than NVIDIA. Its memory is not known here, and none was ever at hand to measure with."""

    maker: Maker
    name: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    cores: int
    memory_bytes: int | None
    """That may be used now; None: not known, and left out of what is judged."""
    gpus: tuple[Gpu, ...] = ()
    """NVIDIA's."""
    others: tuple[OtherGpu, ...] = ()


@dataclass(frozen=True, slots=True)
class Option:
    """One way to transcribe on this machine."""

    family: str
    """The model by its one name, whatever engines call it."""
    why: Text
    """What stands behind the place of the model in our order."""

    engine: str
    model: str
    device: str
    compute_type: str
    precision: str
    """Of the weights, where the compute_type leaves it to the model."""
    batch_size: int
    memory_bytes: int
    memory_measured: bool
    """Of this very model, or of its true shape; else from the number of weights, and what the engine needs beside them."""
    pace: float | None
    """Seconds of work for a second of speech, from our machine's figure; None: on a GPU, where we never ran one."""
    score: Score | None
    read_speech_only: str
    against: Text | None
    """Why not; None: it can be used."""
    aside: bool = False
    """Another engine that runs the same model suits most people better."""
    measured: Measured | None = None
    """Of this very model on this kind of device; None: never run by us."""

    @property
    def pace_told(self) -> float | None:
        """Two digits, rounded up: what is told as within a limit is."""
        return None if self.pace is None else _rounded_up(self.pace)

    @property
    def heard(self) -> bool:
        """Whether its real weights were run by us here."""
        return self.measured is not None and self.measured.weights == "real"

    @property
    def command(self) -> str:
        precision = "" if self.compute_type == AS_STORED else f" --compute-type {self.compute_type}"
        return (
            f"yamabiko FILE --engine {self.engine} --model {self.model}"
            f" --device {self.device}{precision} --batch-size {self.batch_size}"
        )

    @property
    def why_batch(self) -> Text:
        if self.batch_size > 1:
            return Text(
                f"{self.batch_size} chunks at once: as many as the free memory holds (estimated), and {GPU_BATCH} at most",
                f"同時に {self.batch_size} 区間（空きメモリから見積もった数、最大 {GPU_BATCH}）",
            )
        if self.device == "cpu":
            return Text(
                "one chunk at a time: it keeps the cores of a CPU at work by itself",
                "1区間ずつ（CPUのコアは1区間の処理で使い切ります）",
            )
        return Text(
            "one chunk at a time: the free memory holds no more, or the engine takes no more",
            "1区間ずつ（空きメモリかエンジンの都合による）",
        )


def options(
    machine: Machine, language: str, known: Sequence[Choice], measured: Measurements,
    *, read_speech: bool = False, slowest: float = SLOWEST,
) -> tuple[Option, ...]:  # fmt: skip
    """
    All ways for a language, the best first; those that cannot be used come last, with the reason.

    `read_speech`: nothing but clear, read speech; else models that are known to lose conversation come behind the others.
    """
    found = [
        (place, option)
        for place, choice in enumerate(known)
        if _knows(choice, language)
        for way in choice.ways
        for option in _ways(choice, way, machine, language, measured, slowest)
    ]

    def order(pair: tuple[int, Option]) -> tuple[object, ...]:
        place, option = pair
        wrong = option.score.percent if option.score else 0.0
        worth = option.against is not None, _behind(option.read_speech_only, read_speech), place, wrong
        return *worth, option.device == "cpu", option.aside, option.pace or 0.0

    return tuple(option for _, option in sorted(found, key=order))


def compared(best: Option, usable: Sequence[Option]) -> tuple[Option, ...]:
    """Of each other model that can be used the way with the least errors on the test that `best` has a figure of."""
    found: dict[str, Option] = {}
    for one in usable:
        if one.score and best.score and one.score.test == best.score.test and one.family != best.family:
            seen = found.get(one.family)
            if seen is None or seen.score is None or one.score.percent < seen.score.percent:
                found[one.family] = one
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class OnRequest:
    """An environment for a GPU that we never had: its maker's own, or for anybody's, and the best model in it."""

    engine: str
    model: str
    profile: str
    device: str
    untried: Text | None

    @property
    def install(self) -> str:
        return f"yamabiko engines install {self.engine} --profile {self.profile}"

    @property
    def command(self) -> str:
        return f"yamabiko FILE --engine {self.engine} --model {self.model} --device {self.device}"


def on_request(
    machine: Machine, language: str, known: Sequence[Choice], *, read_speech: bool = False
) -> tuple[OnRequest, ...]:
    """What the GPUs of other makers could run, an environment once; the engine with the best model for the language first."""
    able = [choice for choice in known if _knows(choice, language)]
    pairs = [(choice, way) for choice in able for way in choice.ways]
    pairs.sort(key=lambda pair: (_behind(pair[0].read_speech_only, read_speech), known.index(pair[0]), pair[1].aside))
    found: dict[tuple[str, str], OnRequest] = {}
    for maker in dict.fromkeys(gpu.maker for gpu in machine.others):
        for _, way in pairs:
            for profile in catalog.card(way.engine).profiles:
                device = profile.devices[0]
                if device != "cpu" and way.device in ("", device) and _serves(profile, maker):
                    option = OnRequest(way.engine, way.model, profile.name, device, profile.not_verified)
                    found.setdefault((way.engine, profile.name), option)
    return tuple(found.values())


def lacking(machine: Machine, language: str, known: Sequence[Choice]) -> dict[str, Text]:
    """By engine, why the GPUs of other makers are of no use to it, as its CARD says."""
    named = {OWN_BUILD[gpu.maker] for gpu in machine.others}
    engines = {way.engine: None for choice in known if _knows(choice, language) for way in choice.ways}
    return {engine: why for engine in engines for name in named if (why := catalog.card(engine).why_without(name))}


def _serves(profile: Profile, maker: Maker) -> bool:
    """Apple's GPUs have no Vulkan of their own."""
    return profile.maker == maker or (profile.maker is None and maker != "apple")


def _behind(read_speech_only: str, read_speech: bool) -> bool:
    return bool(read_speech_only) and not read_speech


def _knows(choice: Choice, language: str) -> bool:
    return language in (choice.languages or LANGUAGE_NAMES)


def _ways(
    choice: Choice, way: Way, machine: Machine, language: str, measured: Measurements, slowest: float
) -> Iterator[Option]:
    card = catalog.card(way.engine)
    for device in dict.fromkeys(rung.device for rung in card.placements):
        if way.device not in ("", device) or (device != "cpu" and not (machine.gpus and unasked(card, device))):
            continue
        kinds = [rung.compute_type for rung in card.placements if rung.device == device]
        compute_type = way.compute_type or next((kind for kind in kinds if way.model.endswith(kind)), kinds[0])
        gpu = max(machine.gpus, key=lambda one: one.free_bytes or 0) if device != "cpu" else None
        need, is_measured = _memory(choice, way, device, compute_type, measured)
        pace = _pace(choice, way, compute_type, machine, measured) if gpu is None else None
        free = machine.memory_bytes if gpu is None else gpu.free_bytes
        yield Option(
            family=choice.name,
            why=choice.why,
            engine=way.engine,
            model=way.model,
            device=device,
            compute_type=compute_type,
            precision=_stored(way) if compute_type == AS_STORED else compute_type,
            batch_size=_batch(card, need, free) if gpu else 1,
            memory_bytes=need,
            memory_measured=is_measured,
            pace=pace,
            score=choice.score(way, language),
            read_speech_only=choice.read_speech_only,
            against=_against(need, free, pace, slowest),
            aside=way.aside,
            measured=_same(way, compute_type, measured) if gpu is None else None,
        )


def unasked(card: Card, device: str) -> Profile | None:
    """The environment that is made unasked for the CPU, or for a GPU of NVIDIA; None: there is none."""
    if device not in ("cpu", "cuda"):
        return None
    serving = (one for one in card.profiles if device in one.devices)
    return next(
        (one for one in serving if device == "cpu" or (one.maker in ("nvidia", None) and not one.by_request)), None
    )


def _stored(way: Way) -> str:
    """Of a ggml model, by its name: those without a mark are published in float16 (whisper.cpp, models/README.md)."""
    return "q5_0" if way.model.endswith("q5_0") else "float16"


def _same(way: Way, compute_type: str, measured: Measurements) -> Measured | None:
    """What was measured of this very model, on the CPU."""
    name = models.find_entry(way.model, catalog.card(way.engine).model_format).name
    return measured.of_model(way.engine, name, compute_type)


def _memory(choice: Choice, way: Way, device: str, compute_type: str, measured: Measurements) -> tuple[int, bool]:
    """Bytes while it transcribes, and whether they were measured for this very model."""
    stored = next((kind for kind in ("q5_0", "int8") if way.model.endswith(kind)), compute_type)
    weights = round(choice.weights_millions * 1e6 * BYTES_A_WEIGHT.get(stored, 2.0))
    if device != "cpu":
        return weights + UNKNOWN_BESIDE_BYTES, False
    same = _same(way, compute_type, measured)
    if same is not None:
        return same.peak_bytes, True
    seen = measured.of(way.engine)
    return weights + (seen[0].beside_bytes if seen else UNKNOWN_BESIDE_BYTES), False


def _pace(choice: Choice, way: Way, compute_type: str, machine: Machine, measured: Measurements) -> float:
    cores = max(1, min(machine.cores, MOST_CORES))
    base = next(iter(measured.of(FIRST)), None)
    work = base.work if base else 1.0
    same = _same(way, compute_type, measured)
    if same is not None and same.work:
        return work * same.times_base / cores
    seen = next((one for one in measured.of(way.engine) if one.weights == "real"), None)
    # Less work than the reference with the small base says nothing sure of a large model.
    return work * max(1.0, seen.times_base if seen else 1.0) * (way.effort or choice.effort) / cores


def _batch(card: Card, need: int, free: int | None) -> int:
    if free is None or "batch" not in card.features:
        return 1
    return max(1, min(GPU_BATCH, int((free * USABLE - need) // A_CHUNK_MORE_BYTES)))


def _against(need: int, free: int | None, pace: float | None, slowest: float) -> Text | None:
    if free is None and pace is None:
        return Text("the driver does not say how much memory is free", "空きメモリをドライバーが返さない")
    if free is not None and need > free * USABLE:
        return Text(
            f"needs {need / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free",
            f"必要 {need / 1e9:.1f} GB に対し、空きは {free / 1e9:.1f} GB",
        )
    if pace is not None and pace > slowest:
        return Text(
            f"too slow on these cores: about {_rounded_up(pace):.2f} s for a second of speech (limit {slowest:g} s)",
            f"このCPUでは遅い: 音声1秒あたり約 {_rounded_up(pace):.2f} 秒（上限 {slowest:g} 秒）",
        )
    return None


def _rounded_up(pace: float) -> float:
    return math.ceil(pace * 100 - 1e-9) / 100
