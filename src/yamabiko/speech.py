"""
The words all rooms use: spans, words, segments, transcripts, options, receipts.

Times are seconds on the clock of the original recording unless a name says
otherwise; positions are samples of the 16 kHz mono file that decoding made.
Imports with the standard library alone, since workers share these words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from yamabiko.findings import Finding
from yamabiko.i18n import Text
from yamabiko.seams import joined

SAMPLE_RATE = 16_000
"""Samples a second of every decoded recording: what all speech models here expect."""

Task = Literal["transcribe", "translate"]
Verdict = Literal["proved", "not proved", "refuted"]
VERDICTS: dict[Verdict, Text] = {
    "proved": Text("proved", "確認済み"),
    "not proved": Text("not proved", "未確認"),
    "refuted": Text("refuted: it ran elsewhere than claimed", "申告と異なる場所で実行"),
}
"""As people read them."""
EvidenceKind = Literal[
    "introspection",  # what the engine says of itself
    "device-files", "libraries", "cpu-time",  # what the kernel shows of the process
    "device-memory", "process-activity",  # what a driver books on the process
    "device-memory-rise", "device-activity",  # what a driver says of a whole device, whoever uses it
    "last-words", "speed",
]  # fmt: skip


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of the recording, in samples: start included, end excluded."""

    start_sample: int
    end_sample: int

    @property
    def samples(self) -> int:
        return self.end_sample - self.start_sample

    @property
    def start_s(self) -> float:
        return self.start_sample / SAMPLE_RATE

    @property
    def end_s(self) -> float:
        return self.end_sample / SAMPLE_RATE

    @property
    def duration_s(self) -> float:
        return self.samples / SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Character:
    """One character of a word, as an engine or an alignment timed it."""

    start_s: float
    end_s: float
    text: str
    probability: float | None = None


@dataclass(frozen=True, slots=True)
class Word:
    start_s: float
    end_s: float
    text: str
    """With the space that stands before it, if the language writes one."""
    probability: float | None = None
    characters: tuple[Character, ...] = ()
    """Empty where nobody timed them. Spaces, and characters that got no time, are left out."""
    speaker: str | None = None
    """Who says it, by the label of a `Turn`; None where that is not known."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A phrase as the engine cut it. Values an engine does not measure are None, never zero."""

    start_s: float
    end_s: float
    text: str
    words: tuple[Word, ...] = ()
    tokens: tuple[int, ...] = ()
    avg_logprob: float | None = None
    no_speech_prob: float | None = None
    compression_ratio: float | None = None
    temperature: float | None = None
    seek: int | None = None
    """Where the window begins in which the engine found it, in hundredths of a second, on the clock of `start_s`."""
    language: str | None = None
    """Only where the language was detected for each chunk."""
    speaker: str | None = None
    """Who says it, by the label of a `Turn`; None where that is not known."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Somebody speaks without a break. Turns of several may overlap."""

    start_s: float
    end_s: float
    speaker: str
    """As people see it: "A", "B", ... in the order of first speech, or the name of a person who is known."""


@dataclass(frozen=True, slots=True)
class TranscribeOptions:
    """
    How to transcribe. The defaults are Whisper's own; what an engine lacks is told by its CARD (`scheduling/heeding`).
    """

    language: str | None = None
    """ISO 639-1 code; None means: detect."""
    languages: tuple[str, ...] = ()
    """Where it is detected: the codes that it may be; empty: any."""
    task: Task = "transcribe"
    word_timestamps: bool = False
    initial_prompt: str | None = None
    hotwords: str | None = None
    beam_size: int = 5
    best_of: int = 5
    patience: float = 1.0
    length_penalty: float = 1.0
    repetition_penalty: float = 1.0
    no_repeat_ngram_size: int = 0
    temperatures: tuple[float, ...] = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    compression_ratio_threshold: float | None = 2.4
    logprob_threshold: float | None = -1.0
    no_speech_threshold: float | None = 0.6
    condition_on_previous_text: bool = True
    suppress_tokens: tuple[int, ...] = (-1,)
    prepend_punctuations: str = "\"'“¿([{-"
    """Joined to the word after them, where words have times."""
    append_punctuations: str = "\"'.。,，!！?？:：”)]}、"
    """Joined to the word before them."""
    hallucination_silence_threshold: float | None = None
    """Seconds of silence around unlikely words from which they are taken as invented; needs word times."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """
    One observation about where the work ran, made while it ran.

    `says` is the device it speaks for ("cpu", "cuda:0", ...), or None where the
    observation was made but points to no device.
    """

    kind: EvidenceKind
    says: str | None
    value: str


@dataclass(frozen=True, slots=True)
class Timings:
    """Wall seconds spent, by what they were spent on. The whole holds more than the parts: attempts that failed."""

    decode_s: float = 0.0
    find_speech_s: float = 0.0
    find_speakers_s: float = 0.0
    queue_s: float = 0.0
    """Waiting for the work of others."""
    load_s: float = 0.0
    """Starting workers, and loading models in them."""
    inference_s: float = 0.0
    total_s: float = 0.0

    @property
    def work_s(self) -> float:
        """All but the wait for others' work."""
        return max(0.0, self.total_s - self.queue_s)


@dataclass(frozen=True, slots=True)
class Dropped:
    """Text that an engine gave and we did not keep, with the reason: nothing vanishes unseen."""

    start_s: float
    end_s: float
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class SpeakerReceipt:
    """What told the speakers apart, and where it ran."""

    engine: str
    engine_version: str
    model: str
    model_revision: str | None
    used_device: str
    verdict: Verdict
    evidence: tuple[Evidence, ...] = ()
    fallbacks: tuple[Finding, ...] = ()
    people: int = 0
    """How many were heard."""
    likeness: tuple[tuple[str, float], ...] = ()
    """Of each known person: the cosine of the voice most like theirs, recognised or not."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was really done: the part of a transcript that can be held against us."""

    engine: str
    engine_version: str
    environment: str
    model: str
    model_revision: str | None
    requested_device: str
    requested_compute_type: str
    used_device: str
    used_compute_type: str
    verdict: Verdict
    evidence: tuple[Evidence, ...] = ()
    timings: Timings = Timings()
    audio_s: float = 0.0
    speech_s: float = 0.0
    chunks: int = 0
    chunks_resumed: int = 0
    """Of these, taken over from an interrupted run."""
    fallbacks: tuple[Finding, ...] = ()
    notices: tuple[Finding, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    speakers: SpeakerReceipt | None = None
    """None where nobody was to be told apart, or where that failed."""

    @property
    def real_time_factor(self) -> float | None:
        """
        Seconds of work per second of audio: under 1 is faster than real time. Waiting for others' work is none.

        None where an earlier run did a part of the work: that says nothing about the speed of this one.
        """
        return self.timings.work_s / self.audio_s if self.audio_s > 0 and not self.chunks_resumed else None


@dataclass(frozen=True, slots=True)
class Transcript:
    """The whole answer for one recording. No segments is an answer too: nothing was said."""

    source: str
    """Name of the recording as the user gave it."""
    duration_s: float
    task: Task
    language: str | None
    language_probability: float | None
    segments: tuple[Segment, ...]
    receipt: Receipt
    turns: tuple[Turn, ...] | None = None
    """Who spoke when, by their start; None where nobody looked, empty where nobody was heard."""

    @property
    def text(self) -> str:
        """All segments as one text."""
        return joined(segment.text for segment in self.segments).strip()
