"""A decoder that is forked from the nurse is one that was started by itself: the same samples, limits and ends."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from decode_material import ROOMY, babble, decoders_of, long_silent_wav, wav

from yamabiko import children
from yamabiko.audio import decode_start
from yamabiko.audio.decode import Decoded, decode
from yamabiko.audio.decode_start import CAN_FORK, Nursery, spawn
from yamabiko.findings import Problem

pytestmark = pytest.mark.skipif(not CAN_FORK, reason="decoders are forked on Linux alone")


def forks_of(nursery: Nursery) -> list[int]:
    nurse = nursery._nurse
    assert nurse is not None
    return [int(pid) for pid in Path(f"/proc/{nurse.pid}/task/{nurse.pid}/children").read_text().split()]


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ({"longest_audio_s": 5}, "input-too-long"),
        ({"decode_timeout_s": 0.01}, "decode-limit"),
        ({"decode_memory_bytes": 1 << 20}, "decode-limit"),
        ({"free_disk_bytes": 1 << 60}, "disk-full"),
    ],
)
def test_the_limits_hold_in_the_fork(tmp_path, nursery, limit, expected):
    with pytest.raises(Problem) as caught:
        decode(
            long_silent_wav(tmp_path / "a.wav", 36_000), tmp_path / "a", replace(ROOMY, **limit), None, nursery.start
        )
    assert caught.value.finding.id == expected
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_the_fork_can_open_nothing_and_leads_a_group_of_its_own(tmp_path, nursery):
    seen: list[tuple[list[str], bool]] = []

    def look(done_s: float) -> None:
        if not done_s:
            return  # it has not begun
        (fork,) = forks_of(nursery)
        limits = Path(f"/proc/{fork}/limits").read_text().splitlines()
        files = next(line for line in limits if line.startswith("Max open files"))
        seen.append((files.split()[3:5], os.getpgid(fork) == fork))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        decode(long_silent_wav(tmp_path / "a.wav", 36_000), tmp_path / "a", ROOMY, look, nursery.start)
    assert seen == [(["0", "0"], True)]


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGABRT])
def test_a_fork_that_dies_is_told_by_its_signal(tmp_path, nursery, number):
    with pytest.raises(Problem) as caught:
        decode(
            long_silent_wav(tmp_path / "a.wav", 36_000), tmp_path / "a", ROOMY,
            lambda _: [os.kill(fork, number) for fork in forks_of(nursery)], nursery.start,
        )  # fmt: skip
    assert caught.value.finding.id == "decoder-died"
    assert number.name in str(caught.value.finding)
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_an_interrupted_caller_leaves_no_fork(tmp_path, nursery):
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        decode(long_silent_wav(tmp_path / "a.wav", 36_000), tmp_path / "a", ROOMY, interrupt, nursery.start)
    assert forks_of(nursery) == []
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_sixteen_at_once_get_each_their_own_and_leave_nothing(tmp_path, nursery):
    made = [wav(tmp_path / f"{number}.wav", babble(1 + number / 8)) for number in range(16)]

    def one(number: int) -> Decoded:
        return decode(made[number], tmp_path / f"{number}", ROOMY, None, nursery.start)

    def held() -> tuple[int, int]:
        for thread in threading.enumerate():
            if thread.name == "last-words":  # it ends by itself, with the pipe
                thread.join()
        return len(os.listdir("/proc/self/fd")), threading.active_count()

    one(0)
    before = held()
    with ThreadPoolExecutor(16) as many:
        found = list(many.map(one, range(16)))
    assert [decoded.duration_s for decoded in found] == [1 + number / 8 for number in range(16)]
    assert (held(), forks_of(nursery)) == (before, [])


def test_a_nurse_that_is_gone_costs_no_answer_and_is_replaced(tmp_path):
    nursery, made = Nursery(), wav(tmp_path / "a.wav", babble(1))
    nurses = set()
    try:
        for _ in range(4):
            assert decode(made, tmp_path / "a", ROOMY, None, nursery.start).duration_s == 1
            assert nursery._nurse is not None
            nurses.add(nursery._nurse.pid)
            nursery._nurse.kill()
            nursery._nurse.wait()
            assert decode(made, tmp_path / "a", ROOMY, None, nursery.start).duration_s == 1
    finally:
        nursery.close()
    assert len(nurses) == 4
    assert list(decoders_of(os.getpid())) == []


def test_nurses_that_never_work_are_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(decode_start, "NURSE", ("-c", "pass"))
    nursery, made = Nursery(), wav(tmp_path / "a.wav", babble(1))
    for _ in range(4):
        assert decode(made, tmp_path / "a", ROOMY, None, nursery.start).duration_s == 1
    assert nursery._failures == decode_start.MOST_FAILURES
    assert nursery._nurse is None


def test_a_nurse_that_hangs_is_given_up_at_once_when_she_was_quick_before(tmp_path):
    nursery, made = Nursery(), wav(tmp_path / "a.wav", babble(1))
    try:
        decode(made, tmp_path / "a", ROOMY, None, nursery.start)
        assert nursery._nurse is not None
        stopped = nursery._nurse
        os.kill(stopped.pid, signal.SIGSTOP)
        assert decode(made, tmp_path / "a", ROOMY, None, nursery.start).duration_s == 1
        assert stopped.wait(1) == -signal.SIGKILL
        assert nursery._is_ready is False
    finally:
        nursery.close()


def test_a_fork_that_leads_no_group_yet_is_ended_all_the_same(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])  # in the group of the tests
    children.kill_group(child)
    assert child.wait(10) == -signal.SIGKILL


@pytest.mark.parametrize("forked", [True, False])
def test_a_decoder_that_hangs_ends_when_nobody_waits_for_it(tmp_path, nursery, forked):
    """Stopped, as on a dead disk: it says nothing, and whoever wanted it has gone."""
    stopped: list[int] = []

    def gone(_: float) -> None:
        decoders = forks_of(nursery) if forked else list(decoders_of(os.getpid()))
        if stopped:
            raise KeyboardInterrupt
        stopped.extend(decoders)
        os.kill(decoders[0], signal.SIGSTOP)

    with pytest.raises(KeyboardInterrupt):
        decode(
            long_silent_wav(tmp_path / "a.wav", 36_000), tmp_path / "a", ROOMY, gone, nursery.start if forked else spawn
        )
    assert not Path(f"/proc/{stopped[0]}").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_a_nurse_that_dies_amid_the_work_ends_it_with_a_finding(tmp_path):
    nursery = Nursery()
    try:
        with pytest.raises(Problem) as caught:
            decode(
                long_silent_wav(tmp_path / "a.wav", 36_000), tmp_path / "a", ROOMY,
                lambda _: [(nursery._nurse.kill(), os.kill(fork, 9)) for fork in forks_of(nursery)], nursery.start,  # type: ignore[union-attr]
            )  # fmt: skip
        assert caught.value.finding.id == "decoder-died"
    finally:
        nursery.close()


def test_a_program_that_is_killed_takes_nurse_and_fork_along(tmp_path):
    made = long_silent_wav(tmp_path / "a.wav", 36_000)
    program = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from decode_material import ROOMY
from test_decode_start import forks_of
from yamabiko.audio.decode import decode
from yamabiko.audio.decode_start import Nursery
nursery = Nursery()
def die(_):
    print(nursery._nurse.pid, *forks_of(nursery), flush=True)
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGKILL)
decode(Path(sys.argv[1]), Path(sys.argv[2]), ROOMY, die, nursery.start)
"""
    here = str(Path(__file__).parent)
    with subprocess.Popen(
        [sys.executable, "-c", program, str(made), str(tmp_path / "a"), here],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        watched = [os.pidfd_open(int(pid)) for pid in parent.stdout.readline().split()]
        assert len(watched) == 2
        parent.stdin.close()
        parent.wait()
        for descriptor in watched:
            assert select.select([descriptor], [], [], 30)[0], "it outlived the program"
            os.close(descriptor)
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]
