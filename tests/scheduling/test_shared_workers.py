"""Several threads share a pool: answers are never mixed up, and who is cancelled lets the others work."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from decoded import noise
from yamabiko.engines.contract import Placement
from yamabiko.scheduling.pool import Outfit, Pool
from yamabiko.scheduling.scheduler import Conduct, Run
from yamabiko.scheduling.turns import Cancelled, Ticket
from yamabiko.speech import Span, TranscribeOptions

CHUNKS = [Span(second * 16_000, (second + 1) * 16_000) for second in range(5)]


def texts(pool: Pool, outfit: Outfit, audio: Path, ticket: Ticket) -> list[str]:
    run = Run(pool, outfit, Conduct(), ticket=ticket)
    answers = run.answers(audio, CHUNKS, range(5), TranscribeOptions())
    return [segment.text for answer in answers for segment in answer.segments]


def test_runs_of_several_clients_take_turns_and_get_their_own_answers(pool, outfit, tmp_path) -> None:
    sounds = [noise(tmp_path / f"{seed}.f32", seed) for seed in range(6)]
    alone = [texts(pool, outfit(), sound, Ticket()) for sound in sounds]
    with ThreadPoolExecutor(6) as threads:
        tickets = [Ticket(f"client {number % 3}", urgent=number == 5) for number in range(6)]
        together = list(threads.map(lambda pair: texts(pool, outfit(), *pair), zip(sounds, tickets, strict=True)))
    assert together == alone
    assert len({tuple(text) for text in together}) == 6


@pytest.mark.parametrize("answered_before", [0, 2])
def test_who_is_cancelled_frees_the_worker_soon(pool, outfit, script, tmp_path, answered_before) -> None:
    """Within 2 s in the middle of an answer, though the engine never looks up; and no fallback is taken for it."""
    cue = {"at": "chunk", "skip": answered_before, "times": 1, "do": "stall"}
    stalling = outfit(script(cue), ladder=(Placement("cpu", "float32"),))
    sound, ticket = noise(tmp_path / "a.f32", 1), Ticket("gone")
    came: list[int] = []
    ended: list[float] = []
    notices: list[str] = []

    def work() -> None:
        run = Run(pool, stalling, Conduct(), lambda finding: notices.append(finding.id), ticket)
        try:
            for answer in run.answers(sound, CHUNKS, range(5), TranscribeOptions()):
                came.append(answer.chunk)
        except Cancelled:
            ended.append(time.monotonic())

    thread = threading.Thread(target=work)
    thread.start()
    while not (len(came) == answered_before and is_at_work(pool)):
        assert thread.is_alive()
    cancelled = time.monotonic()
    ticket.cancel()
    thread.join(10)

    assert len(ended) == 1
    assert ended[0] - cancelled < 2.0
    assert notices == []
    assert len(texts(pool, stalling, sound, Ticket("next"))) == 5


def is_at_work(pool: Pool) -> bool:
    return any(kept.worker.is_answering for kept in list(pool._kept.values()))


def test_an_engine_that_looks_up_is_cancelled_and_keeps_its_model(pool, outfit, script, tmp_path) -> None:
    """What was asked of it ends with the chunk in hand, and the same process answers the next."""
    sound, ticket = noise(tmp_path / "a.f32", 1), Ticket("gone")
    patient = outfit(script())
    assert len(texts(pool, patient, sound, Ticket())) == 5
    [before] = [kept.worker.pid for kept in pool._kept.values()]

    answers = Run(pool, patient, Conduct(), ticket=ticket).answers(sound, CHUNKS, range(5), TranscribeOptions())
    assert next(answers).chunk == 0
    ticket.cancel()
    with pytest.raises(Cancelled):
        next(answers)

    assert len(texts(pool, patient, sound, Ticket())) == 5
    assert [kept.worker.pid for kept in pool._kept.values()] == [before]
