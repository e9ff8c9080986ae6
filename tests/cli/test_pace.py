"""The time that is left is told late rather than wrongly, and runs down as a clock does."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from yamabiko.cli.pace import ENOUGH_S, Pace


def worked(pace: Pace, *, begin: float, every_s: float, answers: int, each: float, done: float = 0.0) -> float:
    """Answers at even distances; when the last one came."""
    for n in range(answers):
        pace.advance(begin + n * every_s, done + (n + 1) * each)
    return begin + (answers - 1) * every_s


def test_one_answer_tells_nothing() -> None:
    """The model was loading all the while."""
    pace = Pace()
    pace.advance(40.0, 30.0)
    assert pace.rate(45.0) is None
    assert pace.left_s(45.0, 600.0) is None


def test_the_time_before_the_first_answer_does_not_count() -> None:
    pace = Pace()
    last = worked(pace, begin=1000.0, every_s=5.0, answers=5, each=30.0)
    assert pace.rate(last + 1) == pytest.approx(6.0)
    assert pace.left_s(last + 1, 300.0) == pytest.approx((300 - 150) / 6 - 1)


def test_a_figure_waits_for_some_seconds_of_work() -> None:
    pace = Pace()
    last = worked(pace, begin=1.0, every_s=0.6, answers=4, each=30.0)
    assert last - 1.0 < ENOUGH_S
    assert pace.left_s(last + 1, 600.0) is None


def test_a_figure_waits_for_some_share_of_the_whole() -> None:
    day_s = 86_400.0
    pace = Pace()
    assert pace.left_s(worked(pace, begin=1.0, every_s=2.0, answers=5, each=30.0) + 1, day_s) is None


def test_a_minute_of_work_will_do_for_a_recording_of_a_day() -> None:
    pace = Pace()
    last = worked(pace, begin=1.0, every_s=15.0, answers=6, each=30.0)
    assert pace.left_s(last + 1, 86_400.0) == pytest.approx((86_400 - 180) / 2 - 1)


def test_between_two_answers_it_runs_down_with_the_clock_and_ends_in_silence() -> None:
    pace = Pace()
    last = worked(pace, begin=1.0, every_s=5.0, answers=5, each=30.0)
    first, later = pace.left_s(last + 1, 180.0), pace.left_s(last + 3, 180.0)
    assert first is not None
    assert later == pytest.approx(first - 2)
    assert pace.left_s(last + 60, 180.0) is None


def test_nothing_is_left_when_all_is_done() -> None:
    pace = Pace()
    last = worked(pace, begin=1.0, every_s=5.0, answers=5, each=30.0)
    assert pace.left_s(last + 0.1, 150.0) is None


def test_a_machine_that_slows_down_is_noticed() -> None:
    pace = Pace()
    last = worked(pace, begin=0.0, every_s=1.0, answers=200, each=10.0)
    last = worked(pace, begin=last + 10.0, every_s=10.0, answers=20, each=10.0, done=2000.0)
    assert pace.rate(last + 1) == pytest.approx(1.0)


@given(
    load_s=st.floats(0, 600),
    every_s=st.floats(0.6, 60),
    together=st.integers(1, 16),
    each=st.floats(0.5, 60),
    rounds=st.integers(3, 40),
    more=st.floats(1, 500),
)
def test_even_work_is_told_exactly_however_it_is_bundled(
    load_s: float, every_s: float, together: int, each: float, rounds: int, more: float
) -> None:
    """Batches answer all at once, after a wait: neither loading nor bundling may bend the figure."""
    seen_s = min(rounds - 1, 16) * every_s  # no more answers than these are remembered
    # At the very edge of enough, the last bit of a float decides.
    assume(seen_s > ENOUGH_S + 1e-6 and abs(seen_s - 60) > 1e-6 and abs(0.02 * (1 + more) - 1) > 1e-6)
    pace, now, done = Pace(), load_s, 0.0
    for _ in range(rounds):
        for n in range(together):
            done += each
            pace.advance(now + n * 0.01, done)
        now += every_s
    last, total = now - every_s, done * (1 + more)
    true_left = (total - done) * every_s / (each * together)
    left_s = pace.left_s(last + 0.55, total)
    if 0.02 * (1 + more) > 1 and seen_s < 60:
        assert left_s is None
    elif true_left > 0.6:
        assert left_s == pytest.approx(true_left - 0.55, rel=1e-6, abs=1e-3)


@given(st.lists(st.tuples(st.floats(0, 30), st.floats(-5, 50)), max_size=60), st.floats(0, 1000), st.floats(0, 100))
def test_whatever_comes_the_figure_is_positive_or_absent(
    steps: list[tuple[float, float]], total: float, later: float
) -> None:
    """A clock that stands still, work that goes back, more done than there was: no crash, nothing below zero."""
    pace, now, done = Pace(), 0.0, 0.0
    for wait, more in steps:
        now, done = now + wait, done + more
        pace.advance(now, done)
        rate, left = pace.rate(now + later), pace.left_s(now + later, total)
        assert rate is None or rate > 0
        assert left is None or 0 < left < float("inf")
