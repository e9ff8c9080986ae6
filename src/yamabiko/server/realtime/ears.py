"""How likely each window of a session is speech, asked of the speech finder in stretches as they come."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import numpy

from yamabiko.findings import Finding, Problem
from yamabiko.i18n import Text
from yamabiko.scheduling import signals
from yamabiko.scheduling.scheduler import Conduct, Run
from yamabiko.server.realtime.buffer import write
from yamabiko.server.realtime.events import notice
from yamabiko.server.realtime.turn_detection import WINDOW
from yamabiko.server.realtime.work import Work
from yamabiko.speech import SAMPLE_RATE, Span

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from yamabiko.engines.contract import Audio

CONTEXT = 64 * WINDOW
"""Samples in front of a stretch that are listened to with it: 2 s, so that the finder's memory is as if it had heard all."""
MOST_AT_ONCE = 30 * SAMPLE_RATE // WINDOW * WINDOW
QUIET_DB, LOUD_DB, MOST_GAIN = -35.0, -10.0, 10.0
"""Between the two levels the finder hears the same; beyond 20 dB a silent room would become a voice."""


class Ears:
    def __init__(self, work: Work) -> None:
        self._work = work
        self._places: list[int] = []
        self._likely: list[float] = []
        self._loudest = 0.0
        """Mean square of the loudest second so far."""
        self._deaf = False
        self._one_at_a_time = asyncio.Lock()

    async def listen(self, span: Span) -> list[float]:
        """
        One value a window of `span`, the last padded; kept for `likely`.

        A speech finder that fails costs a notice: then everything counts as speech. Raises: Cancelled.
        """
        buffer = self._work.buffer
        first = max(buffer.start, span.start_sample - CONTEXT)
        first = span.start_sample - (span.start_sample - first) // WINDOW * WINDOW
        sound = buffer.read(Span(first, span.end_sample))
        async with self._one_at_a_time:
            found = await self._asked(self._levelled(sound))
        mine = [float(value) for value in found[(span.start_sample - first) // WINDOW :]]
        self._keep(span.start_sample, mine)
        return mine

    def likely(self, span: Span) -> NDArray[Any]:
        """For each window of `span`; what was never listened to counts as speech."""
        count = -(-span.samples // WINDOW)
        middles = span.start_sample + numpy.arange(count) * WINDOW + WINDOW // 2
        if not self._places:
            return numpy.ones(count, numpy.float32)
        places = numpy.asarray(self._places)
        at = numpy.clip(numpy.searchsorted(places, middles, "right") - 1, 0, None)
        known = (places[at] <= middles) & (middles < places[at] + WINDOW)
        return numpy.where(known, numpy.asarray(self._likely, numpy.float32)[at], 1.0).astype(numpy.float32)

    def knows(self, span: Span) -> bool:
        """All but a last part of a window."""
        last = self._places[-1] + WINDOW if self._places else 0
        return bool(self._places) and self._places[0] <= span.start_sample + WINDOW and last > span.end_sample - WINDOW

    def forget_before(self, place: int) -> None:
        gone = next((i for i, at in enumerate(self._places) if at + WINDOW > place), len(self._places))
        del self._places[:gone]
        del self._likely[:gone]

    async def _asked(self, sound: Audio) -> NDArray[Any]:
        count = -(-sound.size // WINDOW)
        if self._deaf:
            return numpy.ones(count, numpy.float32)
        work = self._work
        assert work.request.speech_finder is not None
        run = Run(work.finders, work.request.speech_finder, Conduct(), ticket=work.request.ticket)

        def ask() -> NDArray[Any]:
            return signals.find_speech(run, write(sound, work.folder / "heard.f32"), levelled=False)[0]

        try:
            found = await work.on_a_thread(ask)
            if found.size == count:
                return found
            why = Finding(
                "speech-finder-failed", "warning", "worker", Text("", ""), (f"{found.size} of {count} values",)
            )
        except Problem as problem:
            why = problem.finding
        self._deaf = True
        await work.send(notice(_failed(why)))
        return numpy.ones(count, numpy.float32)

    def _levelled(self, sound: Audio) -> Audio:
        """Brought to where the finder hears well; one gain for the whole session, so silence stays silence."""
        for at in range(0, sound.size, SAMPLE_RATE):
            self._loudest = max(self._loudest, float(numpy.square(sound[at : at + SAMPLE_RATE]).mean()))
        level_db = 10 * numpy.log10(max(self._loudest, 1e-12))
        if QUIET_DB <= level_db <= LOUD_DB:
            return sound
        wanted_db = QUIET_DB if level_db < QUIET_DB else LOUD_DB - 10
        return sound * numpy.float32(min(10 ** ((wanted_db - level_db) / 20), MOST_GAIN))

    def _keep(self, start: int, values: list[float]) -> None:
        for number, value in enumerate(values):
            place = start + number * WINDOW
            if not self._places or place > self._places[-1]:
                self._places.append(place)
                self._likely.append(value)


def _failed(why: Finding) -> Finding:
    return Finding(
        id="speech-finder-failed",
        severity="warning",
        area="worker",
        cause=Text(f"The speech finder failed ({why.id}).", f"音声区間の検出に失敗しました（{why.id}）。"),
        evidence=why.evidence,
        we_did=Text(
            "take everything for speech; turns end when the client commits them, or by their length",
            "すべてを話し声として扱います。発話の区切りはクライアントの指定か長さで決まります",
        ),
    )
