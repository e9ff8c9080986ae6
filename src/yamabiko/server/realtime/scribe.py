"""
Turns to text, in their order: what will not change any more while somebody speaks, and the whole at the end.

A long turn is settled stretch by stretch, each cut where speech is least likely,
so that neither the work for a hypothesis nor the wait at the end grows with it.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field

from yamabiko import logs
from yamabiko.audio import chunks as cutting
from yamabiko.findings import Problem
from yamabiko.server.realtime import captions, events
from yamabiko.server.realtime.agreement import agreed, continued, joined
from yamabiko.server.realtime.buffer import write
from yamabiko.server.realtime.captions import Stretch
from yamabiko.server.realtime.ears import MOST_AT_ONCE, Ears
from yamabiko.server.realtime.pace import Pace
from yamabiko.server.realtime.turn_detection import WINDOW
from yamabiko.server.realtime.work import Work
from yamabiko.speech import SAMPLE_RATE, Span, Transcript

LONGEST_STRETCH_S = 25.0
FIRST_GUESS_S = 1.0
"""Of a stretch, before it is guessed at: less is rarely a word."""
NEW_S = 0.6
"""More of it, before it is guessed at again."""


@dataclass(slots=True, eq=False)
class Turn:
    item_id: str
    start: int
    end: int | None = None
    """None: somebody still speaks."""
    settled_to: int = 0
    ended_at: float = 0.0
    parts: list[Transcript] = field(default_factory=list)
    whole: str = ""
    """Text of all stretches that are settled."""
    shown: str = ""
    """Of the stretch in hand: sent, and not to change."""
    guess: str = ""
    guessed_to: int = 0
    not_before: float = 0.0
    differs: bool = False
    problem: Problem | None = None

    @property
    def language(self) -> str | None:
        return next((part.language for part in self.parts if part.language), None)


class Scribe:
    def __init__(self, work: Work, ears: Ears) -> None:
        self._work = work
        self._ears = ears
        self._turns: deque[Turn] = deque()
        self._pace = Pace()
        self._told_slow = False
        self.heard_to = 0
        """Up to here it is known where somebody speaks."""

    @property
    def needs_from(self) -> int | None:
        """The earliest sample that is still to become text."""
        return self._turns[0].settled_to if self._turns else None

    def begin(self, item_id: str, start: int) -> Turn:
        turn = Turn(item_id, start, settled_to=start, guessed_to=start)
        self._turns.append(turn)
        return turn

    def end(self, turn: Turn, place: int) -> None:
        turn.end, turn.ended_at = place, time.monotonic()
        self._work.bell.ring()

    def discard(self, turn: Turn) -> None:
        self._turns.remove(turn)

    async def write(self) -> None:
        """For ever. Raises: Cancelled, and what sending raises."""
        while True:
            turn = self._turns[0] if self._turns else None
            if turn is None:
                await self._work.bell.wait()
                continue
            to = self.heard_to if turn.end is None else turn.end
            left = Span(turn.settled_to, max(to, turn.settled_to))
            if left.duration_s > self._longest_s:
                await self._settle(turn, await self._first_part(left))
            elif turn.end is not None:
                if left.samples:
                    await self._settle(turn, left)
                await self._complete(turn)
            elif self._may_guess(turn, left):
                await self._guess(turn, left)
            else:
                await self._work.bell.wait(max(0.05, turn.not_before - time.monotonic()))

    # ---- inside ------------------------------------------------------------------------------------------------

    @property
    def _longest_s(self) -> float:
        return min(LONGEST_STRETCH_S, self._work.request.outfit.card.longest_chunk_s)

    async def _first_part(self, left: Span) -> Span:
        await self._listen_to(left)
        found = cutting.cut(
            [Span(0, left.samples)], left.samples, longest_s=self._longest_s,
            probabilities=self._ears.likely(left), window_samples=WINDOW,
        )  # fmt: skip
        return Span(left.start_sample, left.start_sample + found[0].span.end_sample)

    async def _listen_to(self, span: Span) -> None:
        """Only where turns end at the client's word has nobody listened yet."""
        if self._ears.knows(span):
            return
        for start in range(span.start_sample, span.end_sample, MOST_AT_ONCE):
            await self._ears.listen(Span(start, min(start + MOST_AT_ONCE, span.end_sample)))

    async def _settle(self, turn: Turn, span: Span) -> None:
        work = self._work
        await self._listen_to(span)
        begun = time.monotonic()
        ready_at = turn.ended_at if turn.end is not None else begun
        try:
            part = await work.on_a_thread(
                captions.transcribe, self._stretch(span, "stretch"), work.request, work.pool, turn.language, _log
            )  # fmt: skip
        except Problem as problem:
            turn.problem = turn.problem or problem
            turn.differs = turn.differs or bool(turn.shown)
        else:
            if turn in self._turns:
                await self._tell(turn, part)
            engine_s = part.receipt.timings.inference_s
            now = time.monotonic()
            self._pace.finished(span.duration_s, now - begun, engine_s, now - ready_at)
            if self._pace.behind and not self._told_slow:
                self._told_slow = True
                await work.send(events.notice(self._pace.finding(part.receipt.model)))
        turn.settled_to = turn.guessed_to = span.end_sample
        turn.shown = turn.guess = ""
        work.bell.ring()

    async def _tell(self, turn: Turn, part: Transcript) -> None:
        turn.parts.append(part)
        between = joined(turn.whole, part.text) if part.text else ""
        rest, same = continued(turn.shown, part.text)
        turn.differs = turn.differs or not same
        turn.whole += between + part.text
        words = rest if turn.shown else between + rest
        if words:
            await self._work.send(events.delta(turn.item_id, words))

    async def _complete(self, turn: Turn) -> None:
        self._turns.popleft()
        if turn.problem is not None:
            logs.event("turn-failed", finding=turn.problem.finding.id)
            self._work.metrics.failed(turn.problem.finding)
            await self._work.send(events.failed(turn.item_id, turn.problem))
        elif turn.parts:
            wanted = self._work.settings.logprobs
            told = captions.together(turn.parts)
            if told.receipt.chunks:  # silence asks no engine, so there is nothing that it ran on
                self._work.metrics.answered(told)
            await self._work.send(
                events.completed(turn.item_id, told, turn.whole, logprobs=wanted, deltas_differ=turn.differs)
            )
        self._work.bell.ring()

    def _may_guess(self, turn: Turn, left: Span) -> bool:
        new_s = (left.end_sample - turn.guessed_to) / SAMPLE_RATE
        long_enough = left.duration_s >= FIRST_GUESS_S and new_s >= NEW_S
        return long_enough and not self._pace.behind and time.monotonic() >= turn.not_before

    async def _guess(self, turn: Turn, left: Span) -> None:
        """At most half of the time goes into guesses: the rest is for what stays, and for others."""
        work = self._work
        begun = time.monotonic()
        try:
            said = await work.on_a_thread(
                captions.hypothesis, self._stretch(left, "guess"), work.request, work.pool, turn.language
            )
        except Problem as problem:  # what is to stay will be asked for in any case, and tells of it
            logs.event("guess-failed", finding=problem.finding.id)
            said = ""
        turn.guessed_to = left.end_sample
        turn.not_before = 2 * time.monotonic() - begun
        sure, turn.guess = agreed(turn.guess, said), said
        if turn in self._turns and sure.startswith(turn.shown) and len(sure) > len(turn.shown):
            between = "" if turn.shown else joined(turn.whole, sure)
            words, turn.shown = between + sure[len(turn.shown) :], sure
            await work.send(events.delta(turn.item_id, words))

    def _stretch(self, span: Span, name: str) -> Stretch:
        path = write(self._work.buffer.read(span), self._work.folder / f"{name}.f32")
        return Stretch(path, span.samples, self._ears.likely(span))


def _log(finding: object) -> None:
    logs.event("notice", finding=getattr(finding, "id", ""))
