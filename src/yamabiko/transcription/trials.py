"""
What an engine is put to, by its job: recordings that we know, through the same walk as any recording.

A trial collects: what is known when it ends early is not lost. A new kind of engine is one function here, and one line
in `BY_JOB`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy

from yamabiko import bundled
from yamabiko.audio import speaker_turns, speech_spans
from yamabiko.audio.decode import Decoded, decode
from yamabiko.engines.contract import Job, SpeakerCount
from yamabiko.findings import Finding
from yamabiko.scheduling import signals
from yamabiko.scheduling.pool import Outfit, Pool
from yamabiko.scheduling.scheduler import Conduct, Run
from yamabiko.settings import Settings
from yamabiko.speech import SAMPLE_RATE, Receipt, Segment, Span, Timings
from yamabiko.transcription import asking, pipeline
from yamabiko.transcription.alignment import align, characters_of
from yamabiko.transcription.verification_checks import (
    Check,
    coverage_check,
    silence_check,
    speakers_check,
    speaks,
    transcript_checks,
    words_check,
)
from yamabiko.workers.messages import Stretch

SILENCE_S = 5.0
SILENCE_LEVEL = 1e-4
"""-80 dBFS of noise, as a quiet converter gives: digital zeros would be too easy."""


@dataclass(frozen=True, slots=True)
class Found:
    """What came of it so far."""

    checks: list[Check] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    """One a recording."""
    texts: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Trial:
    outfit: Outfit
    pool: Pool
    settings: Settings
    """Journals and decoded audio of a trial live and go with it: an answer from last time would prove nothing."""
    device: str
    """As asked."""
    progress: Callable[[int, int], None]
    found: Found

    def run(self) -> None:
        """Raises: Problem, where the engine gives no answer."""
        BY_JOB[self.outfit.card.job](self)

    @property
    def conduct(self) -> Conduct:
        return Conduct(may_fall=self.device == "auto")

    def ask(self) -> Run:
        return Run(self.pool, self.outfit, self.conduct)

    def decoded(self, clip: bundled.Clip) -> Decoded:
        return decode(clip.path, self.settings.work_dir / f"{clip.language}.f32", self.settings)

    def keep_receipt(self, run: Run, decoded: Decoded, spans: Sequence[Span], decode_s: float, total_s: float) -> None:
        """Of a recording that was answered with no transcript."""
        assert run.ready is not None
        assert run.ruling is not None
        outfit = self.outfit
        self.found.receipts.append(
            Receipt(
                engine=outfit.card.name,
                engine_version=run.ready.loaded.engine_version,
                environment=str(next(iter(outfit.environments.values()))),
                model=outfit.model_name,
                model_revision=outfit.model_revision,
                requested_device=self.device,
                requested_compute_type="auto",
                used_device=run.used_device,
                used_compute_type=run.ready.loaded.compute_type,
                verdict=run.ruling.verdict,
                evidence=run.evidence,
                timings=Timings(decode_s=decode_s, load_s=run.load_s, inference_s=run.inference_s, total_s=total_s),
                audio_s=decoded.duration_s,
                speech_s=sum(span.duration_s for span in spans),
                fallbacks=tuple(run.fallbacks),
                notices=tuple(run.notices),
            )
        )


# ---- transcribers ---------------------------------------------------------------------------------------------------


def transcribe(trial: Trial) -> None:
    request = pipeline.Request(
        outfit=trial.outfit,
        speech_finder=None,  # the engine alone is on trial
        conduct=trial.conduct,
        requested_device=trial.device,
    )
    card = trial.outfit.card
    # Those in a language of the engine; if there is none, the first will show whether it answers at all.
    clips = [clip for clip in bundled.clips() if speaks(card, clip.language)] or bundled.clips()[:1]
    for number, clip in enumerate(clips):
        trial.progress(number, len(clips))
        transcript = pipeline.transcribe(clip.path, request, trial.pool, trial.settings, _Quiet())
        known = _languages(trial)
        if clip.language not in known and any(other.language in known for other in clips):
            continue  # this model writes other languages, and one of the other clips is in one of them
        trial.found.receipts.append(transcript.receipt)
        trial.found.texts.append(" ".join(segment.text.strip() for segment in transcript.segments))
        trial.found.checks.extend(transcript_checks(card, clip, transcript))


def _languages(trial: Trial) -> tuple[str, ...]:
    """Those that the loaded model says it knows; empty where it does not say."""
    run = trial.ask()
    run.survive(lambda worker: None)  # the worker is there; it is asked for what it said when it had loaded
    return run.ready.loaded.languages if run.ready else ()


class _Quiet:
    """A Watcher that leaves everything to the receipt."""

    def progress(self, stage: asking.Stage, done_s: float, total_s: float | None) -> None:
        pass

    def segments(self, segments: Sequence[Segment]) -> None:
        pass

    def notice(self, finding: Finding) -> None:
        pass


# ---- speech finders -------------------------------------------------------------------------------------------------


def find_speech(trial: Trial) -> None:
    clips, checks = bundled.clips(), trial.found.checks
    for number, clip in enumerate(clips):
        trial.progress(number, len(clips) + 1)
        begun = time.perf_counter()
        decoded = trial.decoded(clip)
        found = _listen(trial, decoded, time.perf_counter() - begun)
        checks.append(coverage_check(clip.language, numpy.fromfile(decoded.path, "<f4"), found))
    trial.progress(len(clips), len(clips) + 1)
    silence = _silence(trial.settings.work_dir / "silence.f32")
    checks.append(silence_check(SILENCE_S, _listen(trial, silence, 0.0)))


def _listen(trial: Trial, decoded: Decoded, decode_s: float) -> tuple[Span, ...] | ValueError:
    """The spans, or why the answer makes none. Raises: Problem."""
    begun = time.perf_counter()
    run = trial.ask()
    probabilities, window = signals.find_speech(run, decoded.path)
    found: tuple[Span, ...] | ValueError
    try:
        found = speech_spans.spans(probabilities, window, decoded.samples)
    except ValueError as error:
        found = error
    spans = () if isinstance(found, ValueError) else found
    trial.keep_receipt(run, decoded, spans, decode_s, decode_s + time.perf_counter() - begun)
    return found


def _silence(path: Path) -> Decoded:
    samples = int(SILENCE_S * SAMPLE_RATE)
    numpy.random.default_rng(0).normal(0.0, SILENCE_LEVEL, samples).astype("<f4").tofile(path)
    return Decoded(path, samples, SILENCE_S, "none", "none", SAMPLE_RATE, 1, 0)


# ---- aligners -------------------------------------------------------------------------------------------------------


def align_words(trial: Trial) -> None:
    """Each clip's text over its sound; the model knows one language, as a rule, and so one of the clips."""
    clips, found = bundled.clips(), []
    for number, clip in enumerate(clips):
        trial.progress(number, len(clips))
        begun = time.perf_counter()
        decoded = trial.decoded(clip)
        decode_s = time.perf_counter() - begun
        said = (Segment(0.0, decoded.duration_s, clip.text),)
        stretch = Stretch(Span(0, decoded.samples), characters_of(said))
        run = trial.ask()
        [(log_probs, frame_s)] = signals.align(run, decoded.path, [stretch])
        found.append((clip, align(said, log_probs, frame_s, stretch.characters)))
        trial.keep_receipt(run, decoded, (stretch.span,), decode_s, time.perf_counter() - begun)
    trial.found.checks.append(words_check(found))


# ---- speaker finders ------------------------------------------------------------------------------------------------


def find_speakers(trial: Trial) -> None:
    """The bundled clips, one after the other: each is read by somebody else."""
    trial.progress(0, 1)
    begun = time.perf_counter()
    decoded = [trial.decoded(clip) for clip in bundled.clips()]
    joined = numpy.concatenate([numpy.fromfile(one.path, "<f4") for one in decoded])
    path = trial.settings.work_dir / "joined.f32"
    joined.tofile(path)
    decode_s = time.perf_counter() - begun
    whole = Decoded(path, joined.size, joined.size / SAMPLE_RATE, "none", "none", SAMPLE_RATE, 1, 0)
    everything = (Span(0, joined.size),)
    run = trial.ask()
    voices = signals.find_speakers(run, path, everything, SpeakerCount())
    found = speaker_turns.speakers(
        [speaker_turns.Heard(one.window, one.people, prints, one.tracks) for one, prints in voices]
    )
    trial.keep_receipt(run, whole, everything, decode_s, time.perf_counter() - begun)
    ends = numpy.cumsum([one.samples for one in decoded]) / SAMPLE_RATE
    trial.found.checks.append(speakers_check(found.turns, [0.0, *ends.tolist()]))


BY_JOB: Mapping[Job, Callable[[Trial], None]] = {
    "transcribe": transcribe,
    "find-speech": find_speech,
    "find-speakers": find_speakers,
    "align": align_words,
}
