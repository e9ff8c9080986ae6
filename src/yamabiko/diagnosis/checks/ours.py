"""Our own environments, which the doctor may make anew."""

from __future__ import annotations

from yamabiko.diagnosis.checks.contract import UNTOLD, Check, Sign, present
from yamabiko.diagnosis.facts.records import Facts


def _broken(facts: Facts) -> Sign:
    lines = [f"{e.name}: {e.broken}" for e in facts.environments if e.broken]
    return present(*lines) if lines else UNTOLD


CHECKS = (Check("engine-environment-broken", look=_broken),)
