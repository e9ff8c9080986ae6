"""
One recording's chunks through an engine, whatever becomes of its workers.

A `Run` asks a worker for what is not yet answered. When the worker fails, the
autopsy says what it means, the fallback picks a rung, and only the unanswered
chunks are asked again. A chunk counts as answered when all of it has come.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from yamabiko import logs
from yamabiko.diagnosis.autopsy import explain_exit
from yamabiko.diagnosis.examine import Symptom
from yamabiko.diagnosis.fallback import next_step
from yamabiko.diagnosis.verdict import Ruling, backend_lines, decide
from yamabiko.engines.contract import DetectedLanguage
from yamabiko.findings import Finding, Problem
from yamabiko.i18n import Text
from yamabiko.scheduling import heeding, run_findings
from yamabiko.scheduling.ladder import ANY_PRECISION
from yamabiko.scheduling.pool import Outfit, Pool
from yamabiko.scheduling.riding import Ride, Told
from yamabiko.scheduling.turns import Ticket
from yamabiko.speech import Evidence, Segment, Span, TranscribeOptions
from yamabiko.workers.exits import WorkerFailed
from yamabiko.workers.messages import Done, Piece, Ready, SegmentFound
from yamabiko.workers.process import Worker

if TYPE_CHECKING:
    pass

T = TypeVar("T")
M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class Answer:
    """All that was said in one chunk, on the chunk's own clock."""

    chunk: int
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Conduct:
    """What the user allows."""

    require_gpu: bool = False
    may_fall: bool = True
    batch_size: int = 1


class Run:
    """One recording on one engine; its fields after the last answer are what the receipt tells."""

    def __init__(
        self, pool: Pool, outfit: Outfit, conduct: Conduct, notice: Callable[[Finding], None] = lambda _: None,
        ticket: Ticket | None = None,
    ) -> None:  # fmt: skip
        self._ticket = ticket or Ticket()
        self._pool = pool
        self._outfit = outfit
        self._conduct = conduct
        self._notice = notice
        self._rung = pool.first_rung(outfit)
        self._failures_here = 0
        self._alone = False
        """The last question failed: the next is asked without others'."""
        self._most_at_once = 1
        """Chunks in one question, others' too."""
        self.loading: Callable[[bool], None] = lambda begun: None
        """Told when a model begins to load, and when it is there."""
        self.ready: Ready | None = None
        self.ruling: Ruling | None = None
        self.evidence: tuple[Evidence, ...] = ()
        self.fallbacks: list[Finding] = []
        why = pool.why_benched(outfit, self._rung)
        self.notices = [*outfit.notices]
        if why is not None:
            self.notices.append(run_findings.passed_over(why, outfit.ladder[self._rung]))
            notice(self.notices[-1])
        self.load_s = 0.0
        self.inference_s = 0.0

    @property
    def rung(self) -> int:
        """Of the ladder, where it works now."""
        return self._rung

    @property
    def loaded(self) -> bool:
        """Whether the next question finds its model loaded."""
        return self._pool.holds(self._outfit, self._rung)

    @property
    def used_device(self) -> str:
        return self._outfit.device_name(self.ruling.used_device) if self.ruling else "none"

    def answers(
        self, audio: Path, chunks: Sequence[Span], wanted: Sequence[int], options: TranscribeOptions
    ) -> Iterator[Answer]:
        """
        Yield an Answer for every chunk of `wanted` (indexes into `chunks`), in order.

        Each question waits for its turn; between two of them others may have theirs.
        Raises: Problem, when no rung is left, with what was tried in its evidence; Cancelled.
        """
        pending = list(wanted)
        while pending:
            asked = pending[: self._conduct.batch_size]
            came: list[Answer] = []
            failure = self._asked(audio, chunks, asked, options, came)
            self._tell_what_it_does_not_heed(options)
            for answer in came:
                pending.remove(answer.chunk)
                self._failures_here = 0
                yield answer
            if failure is not None and pending:
                self._climb_down(failure, f"{asked[0] + 1}/{len(chunks)}")
            elif failure is not None:
                self._all_had_come(failure)

    def _asked(
        self, audio: Path, chunks: Sequence[Span], asked: Sequence[int], options: TranscribeOptions, came: list[Answer]
    ) -> WorkerFailed | None:
        """One question, in its turn or in another's: whole answers go to `came`, also those before a failure."""
        pieces = [Piece(str(audio), chunks[index]) for index in asked]
        ride = Ride((self._pool.name(self._outfit, self._rung), options), pieces, self._ticket)
        if self._may_share:
            self._pool.riding.offer(ride)
        try:
            with self._pool.turn(self._outfit, self._rung, self._ticket, lambda: ride.taken) as mine:
                self._pool.riding.withdraw(ride)
                if mine:
                    return self._lead(ride, asked, options, came)
        finally:
            self._pool.riding.withdraw(ride)
        ride.wait()
        came += [Answer(asked[number], said) for number, said in sorted(ride.answers.items())]
        if ride.told is not None:
            self.ready = ride.told.ready
            self.observe(ride.told.done, ride.told.words)
            self._most_at_once = max(self._most_at_once, len(pieces) + 1)  # at least one is of whoever took us along
        self._alone = ride.told is None
        return None

    @property
    def _may_share(self) -> bool:
        """What just failed is asked alone, so that nobody suffers from another's audio for long."""
        return self._conduct.batch_size > 1 and not self._conduct.require_gpu and not self._alone

    def _lead(
        self, own: Ride, asked: Sequence[int], options: TranscribeOptions, came: list[Answer]
    ) -> WorkerFailed | None:
        """The question of this turn, with whoever may ride along."""
        rung = self._rung
        free = self._conduct.batch_size - len(asked) if self._may_share else 0
        guests = self._pool.riding.board(own.fits, free)
        told: Told | None = None
        self._alone = True
        try:
            told = self._ask(own, guests, options, lambda number, said: came.append(Answer(asked[number], said)))
            self._alone = False
        except WorkerFailed as failure:
            self._pool.discard(self._outfit, rung)
            self._ticket.hold()  # it was ended because nobody waits for it
            return failure
        except BaseException:  # a half-read answer would poison the next question
            self._pool.discard(self._outfit, rung)
            raise
        finally:
            for guest in guests:
                guest.end(told)
        self._ticket.hold()
        return None

    def detect_language(self, audio: Path, span: Span, languages: tuple[str, ...] = ()) -> DetectedLanguage | None:
        """One of `languages` unless they are empty. Raises: Problem, when no rung is left."""

        def listen(worker: Worker) -> DetectedLanguage | None:
            begun = time.perf_counter()
            try:
                return worker.detect_language(audio, span, languages)
            finally:
                self.inference_s += time.perf_counter() - begun

        return self.survive(listen)

    def survive(self, work: Callable[[Worker], T]) -> T:
        """
        Do `work` with a loaded worker, again and further down the ladder until it succeeds.

        Raises: Problem, when no rung is left.
        """
        while True:
            with self._pool.turn(self._outfit, self._rung, self._ticket):
                try:
                    worker = self._worker()
                    with self._ticket.on_cancel(worker.interrupt):
                        result = work(worker)
                    self._failures_here = 0
                    return result
                except WorkerFailed as error:
                    self._pool.discard(self._outfit, self._rung)
                    self._ticket.hold()
                    failure = error
                except BaseException:
                    self._pool.discard(self._outfit, self._rung)
                    raise
            self._climb_down(failure, "")

    def observe(self, done: Done, words: Sequence[str] = ()) -> None:
        """Take in what a worker saw while it answered, and what its libraries printed: the verdict of the receipt."""
        assert self.ready is not None
        self.inference_s += done.inference_s
        self._pool.measure(self._outfit, self._rung, done)
        self.evidence = (*done.evidence, *backend_lines(words))
        self.ruling = decide(self.ready.loaded.device, self.evidence)
        self._hold_to_promise()

    # ---- inside ------------------------------------------------------------------------------------------------

    def _worker(self) -> Worker:
        if waiting := not self.loaded:
            self.loading(True)
        begun = time.perf_counter()
        worker, self.ready, fresh = self._pool.worker(self._outfit, self._rung)
        if waiting:
            self.loading(False)
        self.load_s += time.perf_counter() - begun if fresh else 0.0
        return worker

    def _ask(
        self, own: Ride, guests: Sequence[Ride], options: TranscribeOptions,
        answered: Callable[[int, tuple[Segment, ...]], None],
    ) -> Told | None:  # fmt: skip
        """
        One question for the pieces of all rides; `answered` is told the own ones, by number, as they are whole.

        None, if it was cancelled before its end.
        """
        owners = [(own, number) for number in range(len(own.pieces))]
        owners += [(guest, number) for guest in guests for number in range(guest.boarded)]
        said: dict[int, list[Segment]] = {index: [] for index in range(len(owners))}
        held: list[int] = []  # what must run on a GPU is no answer before that is proved
        told: Told | None = None
        self._most_at_once = max(self._most_at_once, len(owners))
        worker = self._worker()
        assert self.ready is not None
        heeding.refuse(self._outfit.card, self.ready.loaded, self._outfit.model_name, options)
        with self._ticket.on_cancel(worker.interrupt):
            for message in worker.answer([ride.pieces[number] for ride, number in owners], options):
                if isinstance(message, SegmentFound):
                    said[message.index].append(message.segment)
                    continue
                if isinstance(message, Done):
                    told = self._told(message, worker, len(owners))
                    continue
                ride, number = owners[message.index]
                if ride is not own:
                    ride.answers[number] = tuple(said.pop(message.index))
                elif self._conduct.require_gpu:
                    held.append(number)
                else:
                    answered(number, tuple(said.pop(message.index)))
        for number in held:
            answered(number, tuple(said.pop(number)))
        return told

    def _told(self, done: Done, worker: Worker, pieces: int) -> Told | None:
        """Of the time, each piece took its share."""
        assert self.ready is not None
        words = worker.last_words()
        each = replace(done, inference_s=done.inference_s / max(1, pieces))
        self.observe(done, words)
        return None if done.cancelled else Told(self.ready, each, words)

    def _tell_what_it_does_not_heed(self, options: TranscribeOptions) -> None:
        """Once a run, when it is known which model answered."""
        if self.ready is None or any(one.id == "option-not-supported" for one in self.notices):
            return
        outfit, loaded = self._outfit, self.ready.loaded
        told = heeding.another_precision(outfit.card, loaded, outfit.model_name, outfit.compute_type)
        findings = [] if told is None else [told]
        if names := heeding.unheeded(outfit.card, options, loaded, self._conduct.batch_size):
            findings.append(heeding.told(outfit.card, loaded, outfit.model_name, names))
        if names := heeding.lost_together(outfit.card, options, loaded, self._most_at_once):
            findings.append(heeding.told_of_several(outfit.card, options, names, self._most_at_once))
        for finding in findings:
            self.notices.append(finding)
            self._notice(finding)

    def _climb_down(self, failure: WorkerFailed, where: str) -> None:
        """Decide on the next rung, and say so. Raises: Problem, when there is none."""
        explanation = explain_exit(failure.exit, self._pool.witness.explain)
        self._failures_here += 1
        step = next_step(
            self._outfit.ladder, self._rung, explanation, self._failures_here, may_fall=self._conduct.may_fall
        )
        finding = explanation.finding
        logs.event("worker-failed", finding=finding.id, placement=failure.exit.placement, next=step, chunk=where)
        if step is not None and self._conduct.require_gpu and self._outfit.ladder[step.rung].device == "cpu":
            step = None
        if step is None:
            if self._conduct.require_gpu:
                finding = run_findings.where_a_gpu_is_required(finding)
            tried = tuple(
                str(Text(f"before: {one.id} on {(where := _where(one))}", f"これより前: {one.id}（{where}）"))
                for one in self.fallbacks
            )
            kept = self._precision_kept_to() if explanation.spoils == "precision" else ()
            raise Problem(replace(finding, severity="error", evidence=(*finding.evidence, *tried, *kept)))
        if not step.again:
            if not explanation.unknown:
                # And what the cause rules out with it.
                self._pool.bench(self._outfit, range(self._rung, step.rung), finding)
            self._failures_here = 0
        self._rung = step.rung
        told = finding.with_we_did(run_findings.went_on(self._outfit.ladder[step.rung], again=step.again))
        self.fallbacks.append(told)
        self._notice(told)

    def _precision_kept_to(self) -> tuple[str, ...]:
        """Why no rung was left: who names a precision has it or nothing."""
        named = self._outfit.compute_type
        if named in ANY_PRECISION or not self._conduct.may_fall:
            return ()
        return (f"asked: --compute_type {named}, so no other precision is taken",)

    def _all_had_come(self, failure: WorkerFailed) -> None:
        """The worker failed behind its last answer: nothing is lost but what it saw of itself."""
        finding = replace(
            explain_exit(failure.exit, self._pool.witness.explain).finding,
            severity="warning",
            we_did=Text("kept the answers, which had all come", "応答はすべて届いていたので、そのまま使いました"),
        )
        self.notices.append(finding)
        self._notice(finding)
        if self.ruling is None and self.ready is not None:
            self.ruling = decide(self.ready.loaded.device, ())

    def _hold_to_promise(self) -> None:
        """A GPU was wanted and the CPU did the work: a notice, or the end of it under --require-gpu."""
        assert self.ruling is not None
        wanted_gpu = self._outfit.ladder[self._rung].device != "cpu"
        on_gpu = self.ruling.used_device != "cpu"
        if self._conduct.require_gpu and (not on_gpu or self.ruling.verdict != "proved"):
            raise Problem(run_findings.gpu_not_used(self.ruling, self.evidence, "error", self._without_gpu()))
        if wanted_gpu and not on_gpu and not any(n.id == "gpu-not-used" for n in self.notices):
            causes = self._why_not_used()
            for_cuda = self._outfit.ladder[self._rung].device == "cuda"
            told = run_findings.gpu_not_used(
                self.ruling, self.evidence, "warning", self._without_gpu(), causes,
                none_here=self._pool.witness.no_gpu_here() if for_cuda else (),
            )  # fmt: skip
            for finding in (told, *causes):
                self.notices.append(finding)
                self._notice(finding)

    def _without_gpu(self) -> str | None:
        """The environment, where it was made for no device of this rung: there was no use for the one that is."""
        card, device = self._outfit.card, self._outfit.ladder[self._rung].device
        profile = card.profile(self._outfit.environments[device].profile)
        return None if profile is None or device in profile.devices else f"{card.name} {profile.name}"

    def _why_not_used(self) -> list[Finding]:
        """Causes that what the libraries printed of the device tells, and the machine confirms."""
        printed = tuple(one.value for one in self.evidence if one.kind == "last-words")
        if not printed:
            return []
        explained = self._pool.witness.explain(Symptom(printed, "", self._outfit.card.name))
        return [replace(finding, severity="warning") for finding in explained.confirmed]


def _where(finding: Finding) -> str:
    return next((line.removeprefix("worker: ") for line in finding.evidence if line.startswith("worker: ")), "?")
