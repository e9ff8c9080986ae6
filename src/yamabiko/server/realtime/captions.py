"""
The text of a stretch of a live session, and what may be said of it while it grows.

A stretch is samples that are there already, so nothing is decoded; where somebody
speaks in it is known from the turn's detection. Everything else is as for a
recording: cut, asked, asked again where speech was passed over, merged.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yamabiko.audio import chunks as cutting
from yamabiko.audio import speech_spans
from yamabiko.audio.chunks import Chunk
from yamabiko.audio.speech_spans import SpeechOptions
from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.i18n import Text
from yamabiko.scheduling.pool import Pool
from yamabiko.scheduling.scheduler import Run
from yamabiko.seams import joined
from yamabiko.server.realtime.turn_detection import WINDOW
from yamabiko.speech import SAMPLE_RATE, Receipt, Segment, Span, Timings, TranscribeOptions, Transcript
from yamabiko.transcription.asking import Asking, Stage
from yamabiko.transcription.guarding import Guarding, hearing, told
from yamabiko.transcription.journal import Journal
from yamabiko.transcription.listening import SURE_SPEECH, likelihood
from yamabiko.transcription.merge import merge, within_speech
from yamabiko.transcription.pipeline import Request, ran

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Stretch:
    """Samples on the disk, and how likely each window of them is speech."""

    path: Path
    samples: int
    probabilities: NDArray[Any]

    @property
    def whole(self) -> Span:
        return Span(0, self.samples)


class _Watcher:
    """Ends work that nobody waits for."""

    def __init__(self, request: Request, notice: Callable[[Finding], None]) -> None:
        self._ticket = request.ticket
        self.notice = notice

    def progress(self, stage: Stage, done_s: float, total_s: float | None) -> None:
        self._ticket.hold()

    def segments(self, segments: Sequence[Segment]) -> None:
        self._ticket.hold()


def hypothesis(stretch: Stretch, request: Request, pool: Pool, language: str | None) -> str:
    """What it sounds like so far; no second tries. Raises: Problem, Cancelled."""
    run = Run(pool, request.outfit, replace(request.conduct, batch_size=1), ticket=request.ticket)
    options = replace(_with_language(request.options, language), temperatures=(0.0,), word_timestamps=False)
    answers = list(run.answers(stretch.path, [stretch.whole], [0], options))
    return joined(segment.text for answer in answers for segment in answer.segments).strip()


def transcribe(
    stretch: Stretch, request: Request, pool: Pool, language: str | None, notice: Callable[[Finding], None]
) -> Transcript:
    """
    The text that stays. Empty where nobody speaks.

    Raises: Problem, also where somebody surely speaks and no text comes (no-text-for-speech); Cancelled.
    """
    begun, waited_before_s = time.perf_counter(), request.ticket.waited_s
    options = _with_language(request.options, language)
    spans = speech_spans.spans(stretch.probabilities, WINDOW, stretch.samples, request.speech)
    chunks = cutting.cut(
        spans, stretch.samples, longest_s=request.outfit.card.longest_chunk_s, probabilities=stretch.probabilities,
        window_samples=WINDOW,
    )  # fmt: skip
    run = Run(pool, request.outfit, request.conduct, notice, request.ticket)
    likely = stretch.probabilities
    guarding = Guarding(hearing(likely, WINDOW), likely, WINDOW) if request.guard else None
    asking = Asking(run, stretch.path, options, Journal(None), _Watcher(request, notice), guarding)
    answers = asking.again_what_is_repeated(asking.everything(chunks))
    answers = asking.again_what_was_passed_over(answers, lambda span: _surely(stretch, [span]))
    segments = merge([(chunk, within_speech(chunk, said)) for chunk, said in answers], speech=spans)
    if not any(segment.text.strip() for segment in segments) and _surely(stretch, spans):
        raise Problem(_no_text(request, run, spans))
    dropped = guarding.all_dropped() if guarding else ()
    if dropped:
        notice(told(dropped))
    total_s, waited_s = time.perf_counter() - begun, request.ticket.waited_s - waited_before_s
    receipt = _receipt(stretch, request, run, chunks, spans, waited_s, total_s)
    return Transcript(
        source="live",
        duration_s=stretch.samples / SAMPLE_RATE,
        task=options.task,
        language=options.language or next((s.language for s in segments if s.language), None),
        language_probability=None,
        segments=segments,
        receipt=replace(
            receipt,
            notices=(*asking.notices, *run.notices, *((told(dropped),) if dropped else ())),
            dropped=dropped,
        ),
    )


def together(parts: Sequence[Transcript]) -> Transcript:
    """One for all stretches of a turn: figures added up; where it ran is told of the last."""
    last = parts[-1]
    done = [part.receipt for part in parts]
    receipt = replace(
        last.receipt,
        timings=Timings(
            queue_s=sum(one.timings.queue_s for one in done),
            load_s=sum(one.timings.load_s for one in done),
            inference_s=sum(one.timings.inference_s for one in done),
            total_s=sum(one.timings.total_s for one in done),
        ),
        audio_s=sum(one.audio_s for one in done),
        speech_s=sum(one.speech_s for one in done),
        chunks=sum(one.chunks for one in done),
        fallbacks=tuple(finding for one in done for finding in one.fallbacks),
        notices=tuple(finding for one in done for finding in one.notices),
        dropped=tuple(text for one in done for text in one.dropped),
    )
    return replace(
        last,
        duration_s=sum(part.duration_s for part in parts),
        language=next((part.language for part in parts if part.language), None),
        segments=tuple(segment for part in parts for segment in part.segments),
        receipt=receipt,
    )


def live_speech(threshold: float) -> SpeechOptions:
    """What found the turn must find its speech."""
    own = SpeechOptions()
    return replace(own, threshold=min(own.threshold, threshold))


def _with_language(options: TranscribeOptions, language: str | None) -> TranscribeOptions:
    return replace(options, language=language, languages=()) if language else options


def _surely(stretch: Stretch, spans: Sequence[Span]) -> bool:
    found = likelihood(stretch.probabilities, spans, WINDOW)
    return found is not None and found >= SURE_SPEECH


def _receipt(
    stretch: Stretch,
    request: Request,
    run: Run,
    chunks: Sequence[Chunk],
    spans: Sequence[Span],
    waited_s: float,
    total_s: float,
) -> Receipt:
    return replace(
        ran(request, run),
        timings=Timings(
            queue_s=waited_s, load_s=run.load_s, inference_s=run.inference_s, total_s=total_s,
        ),
        audio_s=stretch.samples / SAMPLE_RATE,
        speech_s=sum(span.duration_s for span in spans),
        chunks=len(chunks),
    )  # fmt: skip


def _no_text(request: Request, run: Run, spans: Sequence[Span]) -> Finding:
    name = request.outfit.card.name
    speech_s = sum(span.duration_s for span in spans)
    return Finding(
        id="no-text-for-speech",
        severity="error",
        area="worker",
        cause=Text(
            f"{speech_s:.1f} s of speech were heard, and {name} gave no text for them.",
            f"{speech_s:.1f} 秒の話し声を検出しましたが、{name} の結果は空でした。",
        ),
        evidence=(f"engine: ran on {run.used_device}, all answers empty",),
        remedies=(Remedy(Text("Check the engine", "エンジンを確かめる"), f"yamabiko engines verify {name}"),),
    )
