"""Which rung next: down, never up, never where the cause is known to wait, and to an end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yamabiko.diagnosis.autopsy import Explanation
from yamabiko.diagnosis.fallback import Step, next_step
from yamabiko.engines.contract import Placement
from yamabiko.findings import Finding
from yamabiko.i18n import Text

WEIGHT = {"int8": 1, "int8_float16": 1, "int16": 2, "float16": 2, "bfloat16": 2, "float32": 4}
PLACES = [Placement(device, type_) for device in ("cuda", "cpu") for type_ in WEIGHT]

# faster-whisper's own ladder
LADDER = [
    Placement("cuda", "float16"), Placement("cuda", "int8_float16"), Placement("cuda", "float32"),
    Placement("cpu", "int8"), Placement("cpu", "float32"),
]  # fmt: skip


def because(spoils, *, unknown: bool = False) -> Explanation:
    severity = "unknown" if unknown else "error"
    return Explanation(Finding("a-cause", severity, "worker", Text("x", "x")), spoils)


UNKNOWN = because("nothing", unknown=True)


@pytest.mark.parametrize(
    ("at", "explanation", "failures", "expected"),
    [
        (0, UNKNOWN, 1, Step(0, again=True)),
        (0, UNKNOWN, 2, Step(1)),
        (4, UNKNOWN, 1, Step(4, again=True)),
        (4, UNKNOWN, 2, None),
        (0, because("precision"), 1, Step(1)),
        (1, because("precision"), 1, Step(2)),
        (2, because("precision"), 1, Step(3)),
        (0, because("device"), 1, Step(3)),
        (3, because("device"), 1, None),
        (0, because("memory"), 1, Step(1)),
        (1, because("memory"), 1, Step(3)),  # float32 on the same GPU needs more, not less
        (3, because("memory"), 1, None),
        (4, because("memory"), 1, None),
        (0, because("model"), 1, None),
        (0, because("nothing"), 1, Step(1)),
    ],
)
def test_the_next_rung_of_the_default_engine(at, explanation, failures, expected):
    assert next_step(LADDER, at, explanation, failures) == expected


def test_without_leave_to_fall_only_the_second_try_is_left():
    assert next_step(LADDER, 0, UNKNOWN, 1, may_fall=False) == Step(0, again=True)
    assert next_step(LADDER, 0, UNKNOWN, 2, may_fall=False) is None
    assert next_step(LADDER, 0, because("device"), 1, may_fall=False) is None


ladders = st.lists(st.sampled_from(PLACES), min_size=1, max_size=8, unique=True)
explanations = st.one_of(
    st.just(UNKNOWN), st.sampled_from(["nothing", "precision", "device", "memory", "model"]).map(because)
)


@given(ladder=ladders, causes=st.lists(explanations, min_size=20, max_size=20), may_fall=st.booleans())
def test_whatever_goes_wrong_the_ladder_comes_to_an_end(ladder, causes, may_fall):
    """Every worker fails, each for a cause of its own: at most two tries a rung, each rung at most once."""
    at, failures, tries = 0, 0, [0]
    for explanation in causes:
        failures += 1
        step = next_step(ladder, at, explanation, failures, may_fall=may_fall)
        if step is None:
            break
        assert step.rung == at if step.again else step.rung > at
        at, failures = step.rung, failures if step.again else 0
        tries.append(at)

    assert step is None
    assert all(tries.count(rung) <= 2 for rung in tries)
    assert may_fall or set(tries) == {0}


@given(ladder=ladders, explanation=explanations, data=st.data())
def test_no_rung_is_offered_that_the_cause_rules_out(ladder, explanation, data):
    at = data.draw(st.integers(0, len(ladder) - 1))
    step = next_step(ladder, at, explanation, data.draw(st.integers(1, 3)))
    if step is None or step.again:
        return
    failed, offered = ladder[at], ladder[step.rung]

    assert explanation.spoils != "model"
    assert explanation.spoils != "device" or offered.device != failed.device
    assert explanation.spoils != "precision" or offered != failed
    assert (
        explanation.spoils != "memory"
        or offered.device != failed.device
        or WEIGHT[offered.compute_type] < WEIGHT[failed.compute_type]
    )


@given(ladder=ladders, explanation=explanations, data=st.data())
def test_no_open_rung_is_passed_over(ladder, explanation, data):
    """What is skipped is skipped for the cause: the user loses no quality for nothing."""
    at = data.draw(st.integers(0, len(ladder) - 1))
    step = next_step(ladder, at, explanation, 2)
    passed_over = ladder[at + 1 : step.rung if step else len(ladder)]

    for rung in passed_over:
        assert explanation.spoils == "model" or rung.device == ladder[at].device
        assert explanation.spoils in ("model", "device", "memory")
        if explanation.spoils == "memory":
            assert WEIGHT[rung.compute_type] >= WEIGHT[ladder[at].compute_type]


@given(explanation=explanations, at=st.integers(0, 4))
def test_only_what_is_unknown_is_tried_again_on_the_same_rung_and_once(explanation, at):
    first, second = (next_step(LADDER, at, explanation, failures) for failures in (1, 2))

    assert (first is not None and first.again) == explanation.unknown
    assert second is None or not second.again
