"""Questions of several recordings asked together: everybody gets the own answers, and nobody pays for another's fault."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoded import noise
from yamabiko.scheduling.pool import Outfit, Pool
from yamabiko.scheduling.riding import Ride, Riding
from yamabiko.scheduling.scheduler import Conduct, Run
from yamabiko.scheduling.turns import Cancelled, Ticket
from yamabiko.speech import Span, TranscribeOptions
from yamabiko.workers.messages import Piece

CHUNKS = [Span(second * 16_000, (second + 1) * 16_000) for second in range(5)]
TOGETHER = Conduct(batch_size=8)


def heard(
    pool: Pool,
    outfit: Outfit,
    audio: Path,
    options: TranscribeOptions = TranscribeOptions(),
    ticket: Ticket | None = None,
) -> tuple[list[str], Run]:
    run = Run(pool, outfit, TOGETHER, ticket=ticket or Ticket())
    answers = list(run.answers(audio, CHUNKS[:2], range(2), options))
    assert [answer.chunk for answer in answers] == [0, 1]
    return [segment.text for answer in answers for segment in answer.segments], run


@pytest.fixture
def sounds(tmp_path) -> list[Path]:
    return [noise(tmp_path / f"{seed}.f32", seed) for seed in range(6)]


def held_back(pool: Pool, outfit: Outfit, work, count: int) -> None:
    """Lets `count` threads do `work` while the turn is ours, until all of them wait for it; then goes."""
    with ThreadPoolExecutor(count) as threads:
        with pool.turn(outfit, pool.first_rung(outfit), Ticket("first")):
            futures = [threads.submit(work, number) for number in range(count)]
            while pool.waiting < count and not any(future.done() for future in futures):
                threading.Event().wait(0.01)
        for future in futures:
            future.result()


def test_who_waits_rides_along_and_gets_the_own_answers(pool, outfit, script, sounds) -> None:
    engine = outfit(script())
    alone = [heard(pool, engine, sound)[0] for sound in sounds]
    asked = Counter[int]()
    came: dict[int, list[str]] = {}

    def work(number: int) -> None:
        came[number], run = heard(pool, engine, sounds[number])
        asked[round(run.inference_s * 1e9)] += 1
        assert run.ruling is not None
        assert run.fallbacks == []

    held_back(pool, engine, work, 6)
    assert [came[number] for number in range(6)] == alone
    assert len(asked) < 6  # some were told the end of one and the same question


def test_other_options_are_other_questions(pool, outfit, script, sounds) -> None:
    engine = outfit(script())
    worded = TranscribeOptions(word_timestamps=True)
    alone = [heard(pool, engine, sound)[0] for sound in sounds[:4]]
    came: dict[int, list[str]] = {}

    def work(number: int) -> None:
        came[number], _ = heard(pool, engine, sounds[number], worded if number % 2 else TranscribeOptions())

    held_back(pool, engine, work, 4)
    assert [came[number] for number in range(4)] == alone


@pytest.mark.parametrize("do", [{"do": "die", "signal": "SIGSEGV"}, {"do": "raise"}], ids=["died", "raised"])
def test_a_worker_that_fails_costs_its_leader_a_notice_and_the_riders_nothing(pool, outfit, script, sounds, do) -> None:
    alone = [heard(pool, outfit(script()), sound)[0] for sound in sounds[:4]]
    engine = outfit(script({"at": "chunk", "skip": 1, "times": 1, **do}), ladder=outfit().ladder[1:])
    came: dict[int, list[str]] = {}
    told: list[str] = []

    def work(number: int) -> None:
        came[number], run = heard(pool, engine, sounds[number])
        told.extend(finding.id for finding in run.fallbacks)

    held_back(pool, engine, work, 4)
    assert [came[number] for number in range(4)] == alone
    assert len(told) == 1


def test_a_rider_that_is_cancelled_takes_nothing_from_the_others(pool, outfit, script, sounds) -> None:
    engine = outfit(script())
    alone = [heard(pool, engine, sound)[0] for sound in sounds[:3]]
    gone = Ticket("gone")
    came: dict[int, list[str]] = {}

    def work(number: int) -> None:
        if number == 1:
            threading.Timer(0.05, gone.cancel).start()
            with pytest.raises(Cancelled):
                heard(pool, outfit(script({"at": "chunk", "do": "stall"})), sounds[number], ticket=gone)
        else:
            came[number], _ = heard(pool, engine, sounds[number])

    held_back(pool, engine, work, 3)
    assert [came[0], came[2]] == [alone[0], alone[2]]


@given(st.lists(st.tuples(st.integers(1, 5), st.sampled_from("ab"), st.booleans()), max_size=8), st.integers(-1, 12))
def test_no_more_board_than_there_are_seats_and_the_longest_waiting_first(offers, seats) -> None:
    riding = Riding()
    rides = []
    for count, fits, gone in offers:
        ticket = Ticket()
        if gone:
            ticket.cancel()
        rides.append(Ride(fits, [Piece("a", Span(0, 1))] * count, ticket))
        riding.offer(rides[-1])
    taken = riding.board("a", seats)
    could = [ride for ride, (_, fits, gone) in zip(rides, offers, strict=True) if fits == "a" and not gone]

    assert taken == could[: len(taken)]
    assert sum(ride.boarded for ride in taken) == max(0, min(seats, sum(len(ride.pieces) for ride in could)))
    assert all(ride.boarded == len(ride.pieces) for ride in taken[:-1])
    assert [ride for ride in rides if ride.taken] == taken
    assert riding.board("a", 100) == could[len(taken) :]
