"""Asked is not used: a claim is proved, refuted or not proved by what was observed, never by itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yamabiko.diagnosis.verdict import decide
from yamabiko.speech import Evidence

CLAIM_CUDA = Evidence("introspection", "cuda", "model.device")
BOOKED = Evidence("device-memory", "cuda", "NVML: 900 MiB of device 0 are this process's")
BOOKED_NOT_SAID = Evidence("device-memory", None, "NVML: this process is on none of 1 devices it lists")
OPEN = Evidence("device-files", "cuda", "open: /dev/nvidia0, /dev/nvidiactl")
NOT_OPEN = Evidence("device-files", "cpu", "no GPU device file is open in the worker")
FILES_HIDDEN = Evidence("device-files", None, "unavailable: darwin does not show them")
MAPPED = Evidence("libraries", None, "mapped: libcublas.so.12")
NOT_MAPPED = Evidence("libraries", "cpu", "no GPU library is mapped")
FELL_BACK = Evidence("last-words", "cpu", "Fallback to cpu!")
BUSY = Evidence("cpu-time", None, "8.00 s of processor time in 1.00 s (8.00 cores)")
FAST = Evidence("speed", "cuda", "40 times as fast as the CPU")


@pytest.mark.parametrize(
    ("claimed", "evidence", "expected"),
    [
        ("cuda", [BOOKED, OPEN, MAPPED], ("cuda", "proved", BOOKED)),
        ("cuda:1", [BOOKED], ("cuda:1", "proved", BOOKED)),
        ("cuda", [OPEN, MAPPED], ("cuda", "proved", OPEN)),  # WSL: no figures of memory there
        ("cuda", [BOOKED_NOT_SAID, OPEN], ("cuda", "proved", OPEN)),  # a container with its own process numbers
        ("cuda", [NOT_OPEN, NOT_MAPPED], ("cpu", "refuted", NOT_OPEN)),
        ("cuda", [NOT_OPEN, MAPPED], ("cpu", "refuted", NOT_OPEN)),
        ("cuda", [NOT_OPEN, BOOKED], ("cuda", "proved", BOOKED)),
        ("cuda", [FELL_BACK], ("cpu", "refuted", FELL_BACK)),
        ("cuda", [OPEN, FELL_BACK], ("cpu", "refuted", FELL_BACK)),  # counting devices opens the file too
        ("cuda", [OPEN, NOT_OPEN], ("cpu", "refuted", NOT_OPEN)),
        ("cuda", [BOOKED, FELL_BACK], ("cuda", "proved", BOOKED)),  # a part of the work fell back, not all
        ("cuda", [FILES_HIDDEN], ("cuda", "not proved", None)),
        ("cuda", [FILES_HIDDEN, NOT_MAPPED], ("cuda", "not proved", None)),
        ("cuda", [], ("cuda", "not proved", None)),
        ("cuda", [CLAIM_CUDA], ("cuda", "not proved", None)),
        ("cuda", [BUSY, FAST], ("cuda", "not proved", None)),
        ("cpu", [NOT_OPEN, NOT_MAPPED], ("cpu", "proved", NOT_OPEN)),
        ("cpu", [FILES_HIDDEN], ("cpu", "not proved", None)),
        ("cpu", [], ("cpu", "not proved", None)),
        ("cpu", [OPEN, MAPPED], ("cpu", "not proved", None)),
        ("cpu", [BOOKED, OPEN], ("cpu", "not proved", BOOKED)),
    ],
)
def test_a_claim_is_held_against_what_was_observed(claimed, evidence, expected):
    ruling = decide(claimed, evidence)

    assert (ruling.used_device, ruling.verdict, ruling.because) == expected


kinds = st.sampled_from(
    ["introspection", "device-files", "device-memory", "libraries", "cpu-time", "last-words", "speed"]
)
evidences = st.builds(Evidence, kinds, st.sampled_from([None, "cpu", "cuda", "cuda:0", "rocm", "gpu"]), st.just("seen"))
claims = st.sampled_from(["cpu", "cuda", "cuda:1", "rocm", "mps", ""])
INDEPENDENT = ("device-files", "device-memory", "libraries", "last-words")


@given(claims, st.lists(evidences, max_size=6))
def test_nothing_is_proved_without_an_observation_that_agrees(claimed, evidence):
    ruling = decide(claimed, evidence)
    if ruling.verdict == "proved":
        assert ruling.used_device == claimed
        assert ruling.because in evidence
        assert ruling.because.kind in INDEPENDENT
        assert ruling.because.says.split(":")[0] == claimed.split(":")[0]


@given(claims, st.lists(evidences, max_size=6))
def test_nothing_is_refuted_by_what_was_not_seen(claimed, evidence):
    ruling = decide(claimed, evidence)
    if ruling.verdict == "refuted":
        assert ruling.because in evidence
        assert ruling.because.kind in INDEPENDENT
        assert ruling.because.says == "cpu"
        assert ruling.used_device == "cpu"


@given(claims, st.lists(evidences, max_size=6))
def test_what_an_engine_says_of_itself_changes_no_verdict(claimed, evidence):
    without = [e for e in evidence if e.kind in INDEPENDENT]

    assert decide(claimed, evidence) == decide(claimed, without)


@given(claims, st.lists(evidences, max_size=6), st.randoms())
def test_the_order_of_observing_changes_no_verdict(claimed, evidence, random):
    shuffled = random.sample(evidence, len(evidence))
    first, second = decide(claimed, evidence), decide(claimed, shuffled)

    assert (first.used_device, first.verdict) == (second.used_device, second.verdict)


@given(claims, st.lists(evidences.filter(lambda e: e.says is None), max_size=6))
def test_a_platform_that_shows_nothing_proves_nothing_and_refutes_nothing(claimed, evidence):
    assert decide(claimed, evidence).verdict == "not proved"
