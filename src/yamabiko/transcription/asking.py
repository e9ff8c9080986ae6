"""
Chunks asked, answers kept: every stretch of speech gets its answer, once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from yamabiko.audio.chunks import Chunk
from yamabiko.findings import Finding, Remedy
from yamabiko.i18n import Text
from yamabiko.scheduling.scheduler import Run
from yamabiko.speech import Segment, Span, TranscribeOptions
from yamabiko.transcription.guarding import Guarding
from yamabiko.transcription.journal import Journal
from yamabiko.transcription.merge import merge, within_speech
from yamabiko.transcription.second_hearing import Verdict, repetition_kept, second_hearings
from yamabiko.transcription.unanswered import completed, unanswered

Stage = Literal["decode", "find speech", "find speakers", "load", "transcribe", "align"]

Answers = list[tuple[Chunk, tuple[Segment, ...]]]


class Watcher(Protocol):
    """Is told how far a recording is, and what people should know."""

    def progress(self, stage: Stage, done_s: float, total_s: float | None) -> None: ...

    def segments(self, segments: Sequence[Segment]) -> None:
        """The answers of one chunk, on the recording's clock, as soon as they are whole."""

    def notice(self, finding: Finding) -> None: ...


@runtime_checkable
class HearsLanguage(Protocol):
    """A watcher that is told of the language too, where it had to be found, before any segment."""

    def language(self, code: str) -> None: ...


class Asking:
    """One recording's questions to one engine. Every method may raise Problem."""

    def __init__(
        self,
        run: Run,
        audio: Path,
        options: TranscribeOptions,
        journal: Journal,
        watcher: Watcher,
        guarding: Guarding | None = None,
    ) -> None:
        """`guarding`: what takes out text that nobody said; None: everything stays. The journal keeps whole answers."""
        self._run = run
        self._audio = audio
        self._options = options
        self._journal = journal
        self._watcher = watcher
        self._guarding = guarding
        self.resumed = 0
        """Chunks whose answer came from an interrupted run."""
        self.notices: list[Finding] = []

    def everything(self, chunks: Sequence[Chunk]) -> Answers:
        """An answer for every chunk, from the journal or from the engine."""
        by_span = {chunk.span: chunk for chunk in chunks}
        spans = list(by_span)
        kept = {span: self._guarded(span, said) for span in spans if (said := self._journal.answer(span)) is not None}
        self.resumed = len(kept)
        total_s = sum(span.duration_s for span in spans)
        done_s = sum(span.duration_s for span in kept)
        self._run.loading = lambda begun: self._watcher.progress("load" if begun else "transcribe", done_s, total_s)
        if self._run.loaded or len(kept) == len(spans):
            self._watcher.progress("transcribe", done_s, total_s)
        for span, said in self._ask(spans):
            kept[span] = segments = self._guarded(span, said)
            done_s += span.duration_s
            chunk = by_span[span]
            self._watcher.segments(merge([(chunk, within_speech(chunk, segments))]))  # with the times they will keep
            self._watcher.progress("transcribe", done_s, total_s)
        return [(chunk, kept[chunk.span]) for chunk in chunks]

    def again_what_is_repeated(self, answers: Answers) -> Answers:
        """
        One phrase over and over is asked once more, in short pieces: a person says it again, a decoder seldom does.

        Where the pieces hold other speech instead, that takes the place of all copies but the first. What is left as it
        was may still be invented; where nothing was heard that confirms it, that is told.
        """
        if self._guarding is None:
            return answers
        hearings = [
            hearing
            for owner, (chunk, said) in enumerate(answers)
            for hearing in second_hearings(owner, chunk, said, self._guarding.pieces)
        ]
        spans = list(dict.fromkeys(span for hearing in hearings for span in hearing.spans))
        if not spans:
            return answers
        heard = {span: answer for span in spans if (answer := self._journal.answer(span)) is not None}
        heard |= dict(self._ask(spans))
        found, kept = list(answers), []
        for hearing in reversed(hearings):  # from the end on: places of those before it hold
            chunk, said = found[hearing.owner]
            verdict = hearing.verdict(heard)
            if verdict is Verdict.OTHER:
                left, dropped = hearing.without(said)
                self._guarding.leave_out(chunk.span, dropped)
                more = [(piece, self._guarded(piece.span, heard[piece.span])) for piece in hearing.pieces]
                found[hearing.owner] = (chunk, completed(chunk, left, more))
            elif verdict is Verdict.OPEN:
                kept.append(hearing)
        if kept:
            self._tell(repetition_kept(kept[::-1]))
        return found

    def again_what_was_passed_over(self, answers: Answers, surely: Callable[[Span], bool]) -> Answers:
        """
        Speech under no segment is asked once more, by itself; what stays without text is told.

        Whisper at times ends a chunk after its first sentence, although somebody
        speaks for 20 s more. `surely` says of a stretch whether somebody surely
        speaks in it: silence about music is no loss.
        """
        stretches = [(owner, part) for owner, (chunk, said) in enumerate(answers) for part in unanswered(chunk, said)]
        if not stretches:
            return answers
        spans = [part.span for _, part in stretches]
        said = {span: answer for span in spans if (answer := self._journal.answer(span)) is not None}
        said |= dict(self._ask(spans))
        said = {span: self._guarded(span, answer) for span, answer in said.items()}
        recovered = [span for span in spans if any(segment.text.strip() for segment in said[span])]
        if recovered:
            self._tell(_asked_again(recovered))
        lost = [span for span in spans if span not in recovered and surely(span)]
        if lost:
            self._tell(_without_text(lost))
        more: dict[int, list[tuple[Chunk, Sequence[Segment]]]] = {}
        for owner, part in stretches:
            more.setdefault(owner, []).append((part, said[part.span]))
        return [(chunk, completed(chunk, found, more.get(i, ()))) for i, (chunk, found) in enumerate(answers)]

    def _ask(self, spans: Sequence[Span]) -> Iterator[tuple[Span, tuple[Segment, ...]]]:
        """Answers of the engine for what the journal does not have; each is kept before it is given on."""
        wanted = [index for index, span in enumerate(spans) if self._journal.answer(span) is None]
        for answer in self._run.answers(self._audio, spans, wanted, self._options):
            self._journal.keep(spans[answer.chunk], answer.segments)
            yield spans[answer.chunk], answer.segments

    def _guarded(self, span: Span, said: tuple[Segment, ...]) -> tuple[Segment, ...]:
        return said if self._guarding is None else self._guarding.answer(span, said)

    def _tell(self, finding: Finding) -> None:
        self.notices.append(finding)
        self._watcher.notice(finding)


def _places(spans: Sequence[Span]) -> str:
    named = ", ".join(f"{span.start_s:.1f}-{span.end_s:.1f} s" for span in spans[:5])
    return f"{named}{' ...' if len(spans) > 5 else ''}"


def _without_text(spans: Sequence[Span]) -> Finding:
    seconds = sum(span.duration_s for span in spans)
    return Finding(
        id="speech-without-text",
        severity="warning",
        area="worker",
        cause=Text(
            f"Somebody speaks for {seconds:.1f} s of this recording of which the engine gave no text, twice.",
            f"計 {seconds:.1f} 秒の話し声について、エンジンから二度とも文字が得られませんでした。",
        ),
        evidence=(f"speech finder: speech without text at {_places(spans)}",),
        remedies=(
            Remedy(Text("Listen to these places", "その箇所を聞いて確かめる"), None, "effort"),
            Remedy(Text("Try a larger model", "より大きいモデルで試す"), "--model small --overwrite", "speed"),
        ),
    )


def _asked_again(spans: Sequence[Span]) -> Finding:
    seconds = sum(span.duration_s for span in spans)
    return Finding(
        id="speech-asked-again",
        severity="info",
        area="worker",
        cause=Text(
            f"The engine passed over {seconds:.1f} s of speech at first, and gave their text when asked again.",
            f"エンジンが最初に飛ばした話し声（計 {seconds:.1f} 秒）をもう一度処理し、文字を得ました。",
        ),
        evidence=(f"speech finder: speech without text at {_places(spans)}",),
    )
