"""
What server and worker say to each other: one dataclass a message, plain fields.

A frame on the wire is one line of JSON, `{"type": ..., "payload": bytes, ...}`,
then that many bytes. It can be read in a terminal. Imports with the standard
library alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from yamabiko.engines.contract import DetectedLanguage, Loaded, SpeakerCount, Voices
from yamabiko.speech import Evidence, Segment, Span, TranscribeOptions

# ---- server to worker ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Load:
    engine: str
    model: str
    """Path of the model; empty for an engine that needs none."""
    device: str
    compute_type: str
    threads: int
    mode: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """A chunk of one recording."""

    audio: str
    """Path of the decoded recording: raw float32, mono, 16 kHz."""
    span: Span


@dataclass(frozen=True, slots=True)
class Transcribe:
    request: int
    pieces: tuple[Piece, ...]
    """Of one recording or of several."""
    options: TranscribeOptions


@dataclass(frozen=True, slots=True)
class DetectLanguage:
    request: int
    audio: str
    span: Span
    languages: tuple[str, ...] = ()
    """That it may be; empty: any."""


@dataclass(frozen=True, slots=True)
class FindSpeech:
    request: int
    audio: str
    levelled: bool = True
    """False: taken as loud as it is, as a stretch of something longer must be."""


@dataclass(frozen=True, slots=True)
class FindSpeakers:
    request: int
    audio: str
    spans: tuple[Span, ...]
    """Where somebody speaks."""
    count: SpeakerCount


@dataclass(frozen=True, slots=True)
class Stretch:
    """Of a recording, with the characters of what is said there, each once."""

    span: Span
    characters: str


@dataclass(frozen=True, slots=True)
class Align:
    request: int
    audio: str
    stretches: tuple[Stretch, ...]


@dataclass(frozen=True, slots=True)
class Cancel:
    request: int


@dataclass(frozen=True, slots=True)
class Stop:
    pass


# ---- worker to server ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hello:
    """The worker has started and can be spoken to."""

    pid: int
    python: str


@dataclass(frozen=True, slots=True)
class Ready:
    """The model is loaded."""

    loaded: Loaded
    load_s: float


@dataclass(frozen=True, slots=True)
class SegmentFound:
    request: int
    index: int
    """Which chunk of the request; times in the segment are seconds from that chunk's start."""
    segment: Segment


@dataclass(frozen=True, slots=True)
class ChunkDone:
    """All segments of this chunk have been said."""

    request: int
    index: int


@dataclass(frozen=True, slots=True)
class LanguageFound:
    request: int
    detected: DetectedLanguage | None


@dataclass(frozen=True, slots=True)
class SpeechProbabilities:
    """The payload holds one little-endian float32 a window, continuing where the last message ended."""

    request: int
    window_samples: int


@dataclass(frozen=True, slots=True)
class VoicesHeard:
    """The payload holds the voice prints of its people, one after the other: little-endian float32."""

    request: int
    voices: Voices


@dataclass(frozen=True, slots=True)
class CharactersHeard:
    """Of one stretch after the other. The payload holds what `Aligner` says, frame by frame: little-endian float32."""

    request: int
    columns: int
    frame_s: float


@dataclass(frozen=True, slots=True)
class DeviceMemory:
    """Of the GPU that the worker sits on, in bytes."""

    taken: int
    """More in use on all of it than before the model was loaded."""
    free: int


@dataclass(frozen=True, slots=True)
class Done:
    """The request is finished, with what was observed while it ran."""

    request: int
    inference_s: float
    evidence: tuple[Evidence, ...]
    cancelled: bool = False
    device_memory: DeviceMemory | None = None
    """None on the CPU, and where no driver tells it."""


@dataclass(frozen=True, slots=True)
class Raised:
    """The engine raised an exception. The worker lives, but what the engine is worth now nobody knows."""

    request: int | None
    kind: str
    message: str
    trace: tuple[str, ...]


ToWorker = Load | Transcribe | DetectLanguage | FindSpeech | FindSpeakers | Align | Cancel | Stop
FromWorker = (
    Hello
    | Ready
    | SegmentFound
    | ChunkDone
    | LanguageFound
    | SpeechProbabilities
    | VoicesHeard
    | CharactersHeard
    | Done
    | Raised
)
Message = ToWorker | FromWorker

BY_NAME: dict[str, type[Message]] = {
    kind.__name__: kind
    for kind in (
        Load, Transcribe, DetectLanguage, FindSpeech, FindSpeakers, Align, Cancel, Stop,
        Hello, Ready, SegmentFound, ChunkDone, LanguageFound, SpeechProbabilities, VoicesHeard,
        CharactersHeard, Done, Raised,
    )
}  # fmt: skip
