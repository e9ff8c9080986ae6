"""Workers are kept while they are good, and ended when they are not."""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from yamabiko.engines import catalog
from yamabiko.engines.environments import Environment
from yamabiko.scheduling import pool as pools
from yamabiko.scheduling.pool import Pool
from yamabiko.scheduling.room import Room
from yamabiko.scheduling.turns import Ticket
from yamabiko.settings import Settings
from yamabiko.workers.exits import WorkerFailed
from yamabiko.workers.process import Worker


def is_running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_a_worker_is_kept_for_the_next_file(pool, outfit):
    first, ready, fresh = pool.worker(outfit(), 1)
    second, again, fresh_again = pool.worker(outfit(), 1)

    assert first is second
    assert ready is again
    assert (fresh, fresh_again) == (True, False)  # its load is counted once


def test_one_worker_a_job_another_model_takes_its_place(pool, outfit, script):
    first, _, _ = pool.worker(outfit(script()), 1)
    second, _, _ = pool.worker(outfit(script()), 1)

    assert not is_running(first.pid)
    assert second.alive


def test_another_rung_takes_the_place_of_the_first(pool, outfit):
    first, _, _ = pool.worker(outfit(), 0)
    second, _, _ = pool.worker(outfit(), 1)

    assert not is_running(first.pid)
    assert second.launch.placement.device == "cpu"


def test_workers_of_two_jobs_stand_side_by_side(pool, outfit, script):
    finder = dataclasses.replace(catalog.card("scripted"), job="find-speech")
    first, _, _ = pool.worker(outfit(), 1)
    second, _, _ = pool.worker(outfit(script(), card=finder), 1)

    assert first.alive
    assert second.alive


@pytest.mark.parametrize("difference", [{"device_index": 1}, {"threads": 3}], ids=["gpu", "threads"])
def test_a_worker_made_for_another_wish_is_not_passed_off_as_this_one(pool, outfit, difference):
    """A user who asks for cuda:1 must not get the worker that sits on cuda:0."""
    first, _, _ = pool.worker(outfit(device_index=0), 0)
    second, _, _ = pool.worker(outfit(**{"device_index": 0, **difference}), 0)

    assert second is not first
    assert not is_running(first.pid)


def test_a_worker_of_a_repaired_environment_is_a_new_one(pool, outfit, tmp_path):
    """`engines repair` beside a running server: the next file gets the new environment."""
    first, _, _ = pool.worker(outfit(), 1)
    link = tmp_path / "python"
    link.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    link.chmod(0o755)
    anew = Environment("scripted", "cpu", tmp_path, link, "", "running interpreter")

    second, _, _ = pool.worker(outfit(environments={"cpu": anew, "cuda": anew}), 1)

    assert second is not first


def test_a_kept_worker_that_died_meanwhile_is_replaced(pool, outfit):
    first, _, _ = pool.worker(outfit(), 1)
    os.kill(first.pid, signal.SIGKILL)
    first._process.wait()

    second, _, _ = pool.worker(outfit(), 1)

    assert second.alive
    assert second is not first


def test_a_worker_whose_load_failed_is_not_kept(pool, outfit, script):
    model = script({"at": "load", "times": 1, "do": "raise"})
    with pytest.raises(WorkerFailed):
        pool.worker(outfit(model), 1)

    assert not pool._kept
    assert pool.worker(outfit(model), 1)[0].alive


def test_discarding_ends_the_process_at_once_and_twice_is_once(pool, outfit):
    worker, _, _ = pool.worker(outfit(), 1)
    pool.discard(outfit(), 1)
    pool.discard(outfit(), 1)

    assert not is_running(worker.pid)


def test_leaving_ends_all_even_by_an_error(outfit, no_children_left):
    started = []

    def fail_inside():
        with Pool(Settings()) as pool:
            started.append(pool.worker(outfit(), 1)[0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_inside()

    assert not is_running(started[0].pid)


def test_a_closed_pool_can_be_closed_again(pool, outfit):
    pool.worker(outfit(), 1)
    pool.close()
    pool.close()


# ---- several models side by side --------------------------------------------------------------------------------------


@pytest.fixture
def roomy(no_children_left) -> Iterator[Pool]:
    with Pool(Settings(worker_memory_bytes=2**32), Room(keep_free=0)) as pool:
        yield pool


def used(pool: Pool, outfit) -> Worker:
    """A worker that answered once and idles."""
    with pool.turn(outfit, 1, Ticket()):
        return pool.worker(outfit, 1)[0]


def test_with_room_two_models_stay_loaded(roomy, outfit, script):
    first, second = used(roomy, outfit(script())), used(roomy, outfit(script()))

    assert first.alive
    assert second.alive
    assert [kept.need.host > 10_000_000 for kept in roomy.loaded()] == [True, True]


def test_where_two_do_not_fit_the_one_that_idles_goes(outfit, script, no_children_left):
    with Pool(Settings(worker_memory_bytes=2**32), Room(budget=48 * 2**20)) as pool:
        first, second = used(pool, outfit(script())), used(pool, outfit(script()))

        assert not is_running(first.pid)
        assert second.alive


def test_who_is_at_work_is_never_ended_for_another(outfit, script, no_children_left):
    finder = dataclasses.replace(catalog.card("scripted"), job="find-speech")
    with Pool(Settings(worker_memory_bytes=2**32), Room(budget=48 * 2**20)) as pool:
        busy, other = outfit(script()), outfit(script(), card=finder)
        with pool.turn(busy, 1, Ticket()):
            first, _, _ = pool.worker(busy, 1)
            used(pool, other)

            assert pool.unload(lambda kept: True)[0].outfit is other
            assert first.alive


def test_unloading_ends_the_process_and_the_next_question_starts_another(roomy, outfit):
    first = used(roomy, outfit())
    [gone] = roomy.unload(lambda kept: kept.outfit.card.name == "scripted")

    assert gone.worker is first
    assert not is_running(first.pid)
    assert roomy.loaded() == []
    assert used(roomy, outfit()).alive


def test_who_cannot_load_beside_others_loads_alone(roomy, outfit, script):
    first = used(roomy, outfit(script()))
    second = used(roomy, outfit(script({"at": "load", "times": 1, "do": "raise", "message": "out of memory"})))

    assert not is_running(first.pid)
    assert second.alive


def test_two_devices_work_at_once(roomy, outfit, script):
    """A request for the CPU does not wait for one on the GPU."""
    one = outfit(script())
    with roomy.turn(one, 0, Ticket()), roomy.turn(one, 1, Ticket()):
        on_gpu, on_cpu = roomy.worker(one, 0)[0], roomy.worker(one, 1)[0]

        assert (on_gpu.launch.placement.device, on_cpu.launch.placement.device) == ("cuda", "cpu")
        assert on_gpu.alive


# ---- the bench ------------------------------------------------------------------------------------------------------


def test_a_benched_rung_is_passed_over(pool, outfit):
    assert pool.first_rung(outfit()) == 0
    pool.bench(outfit(), [0])

    assert pool.first_rung(outfit()) == 1


def test_a_bench_is_for_this_model_and_this_gpu_alone(pool, outfit, script):
    """What was too large for one GPU may fit on the other; another model may fit too."""
    pool.bench(outfit(device_index=0), [0])

    assert pool.first_rung(outfit(device_index=1)) == 0
    assert pool.first_rung(outfit(script(), device_index=0)) == 0


def test_when_all_are_benched_the_safest_is_tried(pool, outfit):
    pool.bench(outfit(), [0, 1])

    assert pool.first_rung(outfit()) == 1


def test_a_bench_ends_with_its_cool_down(monkeypatch, pool, outfit):
    monkeypatch.setattr(pools, "COOL_DOWN_S", 0.0)
    pool.bench(outfit(), [0])

    assert pool.first_rung(outfit()) == 0
