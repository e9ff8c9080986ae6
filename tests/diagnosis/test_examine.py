"""Words only suggest: what facts contradict is ruled out, what nothing confirms stays open, and nothing is made up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from casebook import facts, platform
from yamabiko.diagnosis.checks import CHECKS
from yamabiko.diagnosis.examine import Symptom, examine, explain
from yamabiko.diagnosis.facts.records import Facts, System

HERE = facts(platform("cpu-only-linux"))
GPU = facts(platform("bare-ampere"))
ERROR_35 = "RuntimeError: CUDA failed with error CUDA driver version is insufficient for CUDA runtime version"


def ids(symptom: Symptom, seen: Facts | None = HERE) -> list[str]:
    return [finding.id for finding in explain(symptom, seen).confirmed]


@given(st.lists(st.text(max_size=200), max_size=20), st.sampled_from(["", "SIGABRT", "exit 3", "silent"]))
def test_random_words_have_no_cause(lines: list[str], ending: str) -> None:
    """Whatever a program says: without words that we know, or facts that fit its end, nothing is named."""
    found = explain(Symptom(tuple(lines), ending), HERE)
    assert found.confirmed == ()


@given(st.text(alphabet=st.characters(categories=("L", "N", "P", "Z")), min_size=200, max_size=4000))
def test_a_flood_in_one_line_is_no_cause(line: str) -> None:
    assert explain(Symptom((line * 50,)), HERE).confirmed == ()


def test_without_facts_an_ambiguous_error_stays_open() -> None:
    found = explain(Symptom((ERROR_35,)), None)
    assert found.confirmed == ()
    assert len({suspicion.check.id for suspicion in found.open}) > 1


def test_facts_rule_out_and_say_so() -> None:
    found = explain(Symptom((ERROR_35,)), GPU)
    assert "driver-none-or-container-without-runtime" in found.ruled_out


def test_what_goes_on_working_explains_no_death() -> None:
    words = ("EP Error: something using ['CUDAExecutionProvider', 'CPUExecutionProvider']",)
    assert ids(Symptom(words)) == ["ort-midrun-fallback"]
    assert ids(Symptom(words, "SIGSEGV")) == []


def test_a_dying_workers_words_count_only_where_a_line_begins() -> None:
    said = "[00:00.000 --> 00:02.000] my driver says: Found no NVIDIA driver on your system, and I cried"
    assert ids(Symptom((said,), "SIGABRT", anchored=True)) == []
    assert ids(Symptom((said.partition("says: ")[2],), "SIGABRT", anchored=True)) != []


def test_nothing_is_found_where_nothing_was_looked_at() -> None:
    assert examine(Facts(System("linux"))) == ()
    assert examine(Facts(System("win32"))) == ()
    assert examine(Facts(System("darwin"))) == ()


def test_seventy_seven_known_failures_are_looked_for() -> None:
    assert len(CHECKS) >= 77
