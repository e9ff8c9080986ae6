"""
Words of any engine's text, timed by an aligner: each chunk's text is laid over what is heard in that chunk.

A whole chunk at once, not segment by segment: an engine's own times may be off by seconds, or there are none. What
fails costs a notice, and the engine's own times stay.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.i18n import Text
from yamabiko.scheduling import signals
from yamabiko.scheduling.pool import Outfit
from yamabiko.scheduling.scheduler import Run
from yamabiko.speech import Span
from yamabiko.transcription.alignment import align, characters_of
from yamabiko.transcription.asking import Answers
from yamabiko.workers.messages import Stretch

ASKED_AT_ONCE = 16
"""Stretches: 8 minutes at most, between which others may have their turn."""


@dataclass(frozen=True, slots=True)
class Aligned:
    """The answers, with words where they could be timed."""

    answers: Answers
    notices: tuple[Finding, ...]
    spent_s: float
    """Loading the aligner, and listening."""


def time_words(
    answers: Answers, audio: Path, aligner: Outfit, run: Run, heard: Callable[[float], None] = lambda seconds: None
) -> Aligned:
    """`run`: the aligner's. `heard` is told how many seconds of speech are done. Raises nothing of the aligner's."""
    wanted = [number for number, (_, said) in enumerate(answers) if any(segment.text.strip() for segment in said)]
    timed = list(answers)
    failed: list[Span] = []
    done_s = 0.0
    for start in range(0, len(wanted), ASKED_AT_ONCE):
        now = wanted[start : start + ASKED_AT_ONCE]
        asked = [Stretch(answers[n][0].span, characters_of(answers[n][1])) for n in now]
        try:
            found = signals.align(run, audio, asked)
        except Problem as problem:
            return Aligned(timed, (_could_not(problem, aligner),), run.load_s + run.inference_s)
        for number, stretch, (log_probs, frame_s) in zip(now, asked, found, strict=False):  # fewer, if cancelled
            chunk, said = answers[number]
            words = align(said, log_probs, frame_s, stretch.characters)
            if words is None:
                failed.append(stretch.span)
            else:
                timed[number] = (chunk, words)
            done_s += stretch.span.duration_s
        heard(done_s)
    notices = (_not_everywhere(failed, aligner),) if failed else ()
    return Aligned(timed, (*notices, *run.notices), run.load_s + run.inference_s)


def _could_not(problem: Problem, aligner: Outfit) -> Finding:
    inner = problem.finding
    return Finding(
        id="words-not-aligned",
        severity="warning",
        area="worker",
        cause=Text(
            f"The words could not be timed by {aligner.model_name} ({inner.id}): {inner.cause.en}",
            f"{aligner.model_name} で単語の時刻を求められませんでした（{inner.id}）。{inner.cause.ja}",
        ),
        evidence=inner.evidence,
        remedies=inner.remedies,
        we_did=Text("kept the engine's own times", "エンジン自身の時刻を使いました"),
    )


def _not_everywhere(spans: list[Span], aligner: Outfit) -> Finding:
    places = ", ".join(f"{span.start_s:.1f}-{span.end_s:.1f} s" for span in spans[:5]) + " ..." * (len(spans) > 5)
    return Finding(
        id="words-not-aligned",
        severity="warning",
        area="worker",
        cause=Text(
            f"In {len(spans)} stretches the words could not be timed by {aligner.model_name}: it does not know most "
            "of these characters, or there is more text than could be said.",
            f"{len(spans)} か所で、{aligner.model_name} による単語の時刻が求められませんでした。モデルが知らない文字が大半か、"
            "話せる長さを超える文字数です。",
        ),
        evidence=(f"stretches: {places}",),
        remedies=(
            Remedy(
                Text("Use an alignment model of the language that is spoken", "話されている言語の整列用モデルを使う")
            ),
        ),
        we_did=Text("kept the engine's own times there", "その箇所はエンジン自身の時刻を使いました"),
    )
