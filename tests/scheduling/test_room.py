"""Who must go so that another model fits: as few as will do, the longest idle first, nobody at work."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yamabiko.scheduling.room import KEPT_FREE_ON_DEVICE, MIB, WITHOUT_MODEL, Need, Resident, Room, guess

GIB = 1024 * MIB
sizes = st.integers(0, 16 * GIB)
needs = st.builds(Need, sizes, st.none() | sizes)


@st.composite
def residents(draw) -> list[Resident[int]]:
    count = draw(st.integers(0, 6))
    places = st.sampled_from(["cpu", "cuda:0", "cuda:1"])
    idle = st.none() | st.floats(0, 1e6)
    return [Resident(name, draw(places), draw(needs), draw(idle)) for name in range(count)]


def test_what_fits_ends_nobody() -> None:
    there = [Resident("a", "cpu", Need(2 * GIB), 5.0)]
    assert Room().must_go(Need(GIB), "cpu", there, available=2 * GIB, device_free=None) == []


def test_the_longest_idle_goes_first_and_no_more_than_needed() -> None:
    there = [Resident(name, "cpu", Need(GIB), idle) for name, idle in (("new", 1.0), ("old", 9.0), ("middle", 4.0))]
    assert Room().must_go(Need(2 * GIB), "cpu", there, available=2 * GIB, device_free=None) == ["old"]
    assert Room().must_go(Need(3 * GIB), "cpu", there, available=2 * GIB, device_free=None) == ["old", "middle"]


def test_a_budget_counts_what_is_loaded_though_the_machine_has_more() -> None:
    there = [Resident("a", "cpu", Need(GIB), 1.0)]
    room = Room(budget=2 * GIB)
    assert room.must_go(Need(GIB), "cpu", there, available=100 * GIB, device_free=None) == []
    assert room.must_go(Need(GIB + 1), "cpu", there, available=100 * GIB, device_free=None) == ["a"]


def test_what_was_never_measured_on_a_gpu_comes_alone_there() -> None:
    there = [Resident("beside", "cuda:0", Need(0, GIB), 1.0), Resident("elsewhere", "cuda:1", Need(0, GIB), 1.0)]
    assert Room().must_go(None, "cuda:0", there, available=None, device_free=100 * GIB) == ["beside"]


def test_what_was_measured_stays_beside_as_long_as_the_gpu_has_room() -> None:
    there = [Resident("beside", "cuda:0", Need(0, GIB), 1.0)]
    free = 2 * GIB + KEPT_FREE_ON_DEVICE
    assert Room().must_go(Need(0, 2 * GIB), "cuda:0", there, available=None, device_free=free) == []
    assert Room().must_go(Need(0, 2 * GIB), "cuda:0", there, available=None, device_free=free - 1) == ["beside"]


@given(
    st.none() | needs, st.sampled_from(["cpu", "cuda:0"]), residents(), st.none() | sizes, st.none() | sizes,
    st.integers(0, 4 * GIB), sizes, sizes,
)  # fmt: skip
def test_nobody_at_work_goes_and_nobody_goes_for_nothing(
    wanted, place, there, available, device_free, keep, budget, guessed
) -> None:
    """Of those that go, giving the youngest of a kind its place back leaves too little: or the rule has no figures."""
    room = Room(budget, keep)
    going = room.must_go(wanted, place, there, available=available, device_free=device_free, guess=guessed)
    chosen = [resident for resident in there if resident.name in going]
    assert len(set(going)) == len(going)
    assert all(resident.idle_s is not None for resident in chosen)
    if place == "cpu" and chosen:
        size = wanted.host if wanted else guessed
        limits = [available - keep] if available is not None else []
        limits += [budget - sum(r.need.host for r in there)] if budget else []
        spared = next(resident for resident in there if resident.name == going[-1])
        freed = sum(r.need.host for r in chosen) - spared.need.host
        assert size > min(limits) + freed


def test_a_guess_is_the_files_and_a_worker(tmp_path) -> None:
    (tmp_path / "model.bin").write_bytes(bytes(1000))
    (tmp_path / "config.json").write_bytes(bytes(10))
    assert guess(str(tmp_path)) == WITHOUT_MODEL + 1010
    assert guess(str(tmp_path / "model.bin")) == WITHOUT_MODEL + 1000
    assert guess(str(tmp_path / "gone")) == guess("") == WITHOUT_MODEL


@pytest.mark.parametrize("place", ["cpu", "cuda:0"])
def test_what_does_not_fit_even_alone_is_tried_alone(place) -> None:
    there = [Resident("a", place, Need(1, 1), 1.0), Resident("b", place, Need(1, 1), 2.0)]
    gone = Room().must_go(Need(10**15, 10**15), place, there, available=GIB, device_free=GIB)
    assert sorted(gone) == ["a", "b"]
