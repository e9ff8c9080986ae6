"""Every known failure is found on a machine that has it, and not on one that looks nearly the same."""

from __future__ import annotations

import pytest

from casebook import PLATFORMS, Case, cases, facts, platform
from yamabiko.diagnosis.articles import article, ids
from yamabiko.diagnosis.checks import CHECKS
from yamabiko.diagnosis.examine import examine

CASES = tuple(cases())


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.id}: {'' if case.must else 'not '}{case.name}")
def test_a_case(case: Case) -> None:
    found = [finding.id for finding in case.findings()]
    if case.must and case.symptom:
        assert found[:1] == [case.id], f"{case.source}: found {found}"
    elif case.must:
        assert case.id in found, f"{case.source}: found {found}"
    else:
        assert case.id not in found, f"{case.source}: found {found}"


@pytest.mark.parametrize("case", [case for case in CASES if case.must], ids=lambda case: f"{case.id}: {case.name}")
def test_a_finding_names_what_was_seen(case: Case) -> None:
    finding = next(finding for finding in case.findings() if finding.id == case.id)
    assert finding.evidence
    assert all(": " in line for line in finding.evidence), finding.evidence


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_every_check_has_a_case_and_a_near_miss(check: object) -> None:
    kinds = {case.must for case in CASES if case.id == check.id}  # type: ignore[attr-defined]
    assert kinds == {True, False}


@pytest.mark.parametrize("name", PLATFORMS)
def test_nothing_is_wrong_with_a_healthy_platform(name: str) -> None:
    loud = [f"{f.id}: {f.evidence}" for f in examine(facts(platform(name))) if f.severity != "info"]
    assert loud == []


def test_there_are_eleven_healthy_platforms() -> None:
    assert len(PLATFORMS) >= 11


def test_every_check_has_an_article_and_no_id_twice() -> None:
    named = [check.id for check in CHECKS]
    assert len(set(named)) == len(named)
    assert set(named) <= set(ids())


@pytest.mark.parametrize("id_", ids())
def test_an_article_can_be_read_in_both_languages(id_: str) -> None:
    found = article(id_)
    texts = [found.symptom, found.cause, found.known_by, *(remedy.what for remedy in found.remedies)]
    texts += [found.meanwhile] if found.meanwhile else []
    for text in texts:
        assert text.en
        assert any("぀" <= c <= "ヿ" or "一" <= c <= "鿿" for c in text.ja), text.ja
    assert found.sources
    order = ("none", "effort", "speed", "accuracy")
    costs = [order.index(remedy.cost) for remedy in found.remedies]
    assert costs == sorted(costs), f"remedies are listed cheapest first: {costs}"


@pytest.mark.parametrize("id_", [id_ for id_ in ids() if article(id_).fix is not None])
def test_what_the_doctor_sets_by_itself_costs_what_its_remedy_says(id_: str) -> None:
    fix = article(id_).fix
    assert fix is not None
    for name, value in fix.variables.items():
        told = [one.cost for one in article(id_).remedies if f"{name}={value}" in (one.command or "")]
        assert [cost for cost in told if (cost in ("speed", "accuracy")) != (fix.costs != "none")] == []
