"""
What an engine promises: a CARD of facts, and an adapter that a worker drives.

An adapter file exports `CARD` and `create()`. It imports this module and the
bottom row of rooms; its heavy imports stand inside `load()`. Nothing here needs
more than the standard library (numpy arrives with the engine).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

from yamabiko.gpu_marks import Maker
from yamabiko.i18n import Text
from yamabiko.speech import Evidence, Segment, Span, TranscribeOptions

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Audio = NDArray[numpy.float32]
    """Mono, 16 kHz, -1..1, shape (samples,)."""

Job = Literal["transcribe", "find-speech", "find-speakers", "align"]

Feature = Literal[
    "segment-times",
    "word-times",
    "character-times",
    "punctuation",
    "language-detection",
    "translation",
    "prompt",
    "hotwords",
    "batch",
    "streaming",
]
"""`streaming`: decodes while sound arrives. None does today; live captions listen again to what is new, with any engine."""

Search = Literal[
    "beam_size", "best_of", "patience", "length_penalty", "repetition_penalty", "no_repeat_ngram_size", "temperatures",
    "compression_ratio_threshold", "logprob_threshold", "no_speech_threshold", "condition_on_previous_text",
    "suppress_tokens", "prepend_punctuations", "append_punctuations", "hallucination_silence_threshold",
]  # fmt: skip
"""Fields of `TranscribeOptions` that steer how the text is found. Its other options stand under `Feature`."""
ALL_OF_SEARCH: frozenset[Search] = frozenset(get_args(Search))


Lack = tuple[str, Text]
"""An environment that people look for, `GPU` for every one of a GPU, and why it cannot be had."""
GPU = "gpu"


AS_STORED = "model"
"""A compute_type: as precise as the model's weights are stored, which the engine tells once it has loaded them."""


@dataclass(frozen=True, slots=True)
class Placement:
    """One rung of the ladder: where and how precisely to run."""

    device: str
    """`cpu`, `cuda` (also AMD's GPUs, as PyTorch's builds for ROCm call them), `vulkan` or `mps` (Apple's Metal). Which of
    several GPUs is the worker's environment, not the engine's business."""
    compute_type: str
    costs_accuracy: bool = False
    """True if the text may differ from the rung above."""
    answers: tuple[str, ...] = ()
    """Ids of known issues that this rung avoids."""
    mode: str = ""
    """In which of its ways the engine decodes, where it has several; empty: in its best one."""

    def __str__(self) -> str:
        return f"{self.device}/{self.compute_type}" + (f"+{self.mode}" if self.mode else "")

    @property
    def told(self) -> Text:
        """As people read it."""
        if self.compute_type != AS_STORED:
            return Text(str(self), str(self))
        return Text(f"{self.device} in the model's own precision", f"{self.device}（モデルの精度のまま）")


OWN_BUILD: dict[Maker, str] = {"nvidia": "cuda", "amd": "rocm", "apple": "metal"}
"""How profiles for the GPUs of one maker alone are called, but for a version."""


@dataclass(frozen=True, slots=True)
class Profile:
    """An environment for an engine: which machine it is for, and the lock that makes it."""

    name: str
    """`cpu`, `cuda` or `rocm` with the number of a version, `vulkan`, `metal`."""
    lock: str
    """File name in engines/locks. `*.txt`: every package with its hash. `*.in`: what is wanted, and no hashes, where a
    lock could not be made by us."""
    devices: tuple[str, ...]
    library_packages: tuple[str, ...] = ()
    """Folders under site-packages whose lib/ goes on the worker's library path, e.g. `nvidia/cublas`."""
    index: str | None = None
    """Address of an index beside the user's own, for builds that the default index does not have."""
    built: tuple[str, ...] = ()
    """Packages that have no wheel and are built here, from a source with a hash, with the lock's own tools."""
    unwanted: tuple[str, ...] = ()
    """Files under site-packages that are taken out again, as patterns: native parts that cannot load on these devices."""
    not_verified: Text | None = None
    """What was never run by us, in the words that `engines list` shows."""
    by_request: bool = False
    """Never made unasked: it needs a compiler, or is large and was never run by us."""
    find_links: str | None = None
    """Address of a page of wheels beside the indexes."""
    variables: tuple[tuple[str, str], ...] = ()
    """For the building of what is `built`."""
    built_with: Text | None = None
    """What must be here for the building, in a person's words."""

    @property
    def maker(self) -> Maker | None:
        """Whose GPU it is for; None: anybody's, or none."""
        return next((maker for maker, name in OWN_BUILD.items() if name == self.name.rstrip("0123456789")), None)


@dataclass(frozen=True, slots=True)
class Card:
    name: str
    job: Job
    summary: Text
    distribution: str | None
    """The package whose version is the engine's version; None if it is part of yamabiko."""
    imports: tuple[str, ...]
    """Modules that must be importable for the engine to run."""
    licence: str
    languages: str | tuple[str, ...]
    """Codes, or a word such as `99 (Whisper)`."""
    features: frozenset[Feature]
    default_model: str | None
    model_format: str | None
    """What `models` entries must be of, e.g. `ctranslate2-whisper`."""
    placements: tuple[Placement, ...]
    """From best to safest."""
    profiles: tuple[Profile, ...] = ()
    """Empty: runs in yamabiko's own interpreter."""
    lacking: tuple[Lack, ...] = ()
    longest_chunk_s: float = 30.0
    evidence: tuple[str, ...] = ()
    """Kinds of evidence of its device that the engine itself can give."""
    search: frozenset[Search] = frozenset()
    """What of the search it heeds. Who sets anything else is told that it changed nothing."""
    search_alone: frozenset[Search] = frozenset()
    """Of these, what it heeds only where it is asked for one chunk at a time."""
    for_tests: bool = False
    """What it writes was not heard: each transcript says so, and where engines are counted it is none."""

    def profile(self, name: str) -> Profile | None:
        """Its environment of this name."""
        return next((one for one in self.profiles if one.name == name), None)

    def why_without(self, wanted: str) -> Text | None:
        """Why there is no environment of this name, or none for this device (`cuda:1`, `mps`); None: nothing is known."""
        name = {"mps": "metal"}.get(wanted, wanted).partition(":")[0]
        known = dict(self.lacking)
        if name in known or name == "cpu":
            return known.get(name)
        return known.get(GPU) if name.rstrip("0123456789") in (*OWN_BUILD.values(), "vulkan") else None


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the engine says it loaded, from its own introspection, not from what was asked."""

    device: str
    compute_type: str
    engine_version: str
    languages: tuple[str, ...] = ()
    """Codes, where this model knows fewer than its CARD says; empty: as the CARD says."""
    features: tuple[Feature, ...] | None = None
    """All of them, where this model has others than its CARD says; None: as the CARD says."""
    search: tuple[Search, ...] | None = None
    """Likewise what of the search it heeds."""


@dataclass(frozen=True, slots=True)
class DetectedLanguage:
    language: str
    probability: float


def likeliest(every: Iterable[tuple[str, float]], languages: Sequence[str]) -> DetectedLanguage | None:
    """Of all codes and their probabilities the best of `languages`, its probability among them; as `detect_language`."""
    possible = [(code, likely) for code, likely in every if not languages or code in languages]
    if not possible:
        return None
    best, likely = max(possible, key=lambda pair: pair[1])
    return DetectedLanguage(best, likely / (sum(pair[1] for pair in possible) or 1.0) if languages else likely)


class ModelUnreadable(Exception):
    """Raised by `load`: these files are no whole model of this engine. The message names the file and what is wrong."""


class NoSpeechModel(ModelUnreadable):
    """These files are a whole model, and none that writes down speech."""


class Transcriber(Protocol):
    """Driven by the one inference thread of a worker, start to end."""

    def load(self, model: Path, placement: Placement, threads: int) -> Loaded:
        """Load and be ready. `threads` 0: the engine's own choice. Raises whatever the library raises."""

    def transcribe(self, batch: Sequence[Audio], options: TranscribeOptions) -> Iterator[tuple[int, Segment]]:
        """
        Yield (index in batch, segment) as they come, ordered within each index.

        Times are seconds from the start of that chunk. The caller may stop
        iterating at any yield: that is how work is cancelled.
        """

    def detect_language(self, audio: Audio, languages: Sequence[str] = ()) -> DetectedLanguage | None:
        """
        The language of up to 30 s of speech, one of `languages` unless they are empty; its probability among them.

        None if the model knows one language only, or none of `languages`.
        """

    def evidence(self) -> tuple[Evidence, ...]:
        """Where the engine itself says it runs, asked now."""


class SpeechFinder(Protocol):
    """Says how likely each window of a recording holds speech."""

    window_samples: int

    def load(self, model: Path, placement: Placement, threads: int) -> Loaded: ...

    def probabilities(self, blocks: Iterator[Audio]) -> Iterator[NDArray[Any]]:
        """
        One float32 in 0..1 a window, in order, for consecutive blocks of one recording.

        Every block but the last is a multiple of `window_samples`; the last
        window is padded with zeros.
        """

    def evidence(self) -> tuple[Evidence, ...]: ...


MOST_SPEAKERS = 50
"""That may be asked for."""


@dataclass(frozen=True, slots=True)
class SpeakerCount:
    """How many people speak, as far as that was said."""

    at_least: int = 1
    at_most: int | None = None


@dataclass(frozen=True, slots=True)
class Voices:
    """People told apart within one stretch of a recording. Who of them is who in another is not said."""

    window: Span
    people: tuple[tuple[Span, ...], ...]
    """Of each: where they speak, in samples of the recording. Two may speak at once."""
    tracks: tuple[int, ...] = ()
    """A number for each: those who share one may still prove to be one person. Empty: everybody is somebody else."""


class Recording(Protocol):
    """A decoded recording, of which no more is in memory than is asked for."""

    samples: int

    def read(self, span: Span) -> Audio: ...


class Aligner(Protocol):
    """Says how likely each character of a text is, moment by moment: when it was said is settled outside."""

    def load(self, model: Path, placement: Placement, threads: int) -> Loaded: ...

    def log_probabilities(self, audio: Audio, characters: str) -> tuple[NDArray[numpy.float32], float]:
        """
        Shape (frames, 2 + characters), and the seconds of a frame.

        First comes the column of nothing said, then that of the likeliest sound of all, then one for each character:
        NaN throughout where the model does not know it. A space is the gap between two words.
        """

    def evidence(self) -> tuple[Evidence, ...]: ...


class SpeakerFinder(Protocol):
    """
    Hears who speaks, and how their voices sound.

    An engine that listens to short stretches yields one `Voices` for each, and they may overlap: what was heard twice
    is put together outside, and who is who is settled by the voice prints. One that settles it itself yields a single
    `Voices` for the whole recording, since people of one stretch are never taken for one, save those of one track.
    """

    def load(self, model: Path, placement: Placement, threads: int) -> Loaded: ...

    def voices(
        self, recording: Recording, spans: Sequence[Span], count: SpeakerCount
    ) -> Iterator[tuple[Voices, NDArray[numpy.float32]]]:
        """
        Stretches in order, each with the voice prints of its people: shape (people, dimensions).

        Only where `spans` say that somebody speaks need be listened to. A voice print of NaN: too little was heard.
        The caller may stop iterating at any yield.
        """

    def evidence(self) -> tuple[Evidence, ...]: ...
