"""
From facts to findings, and from a failure's words to its cause. Pure: the same facts give the same findings.

Words only suggest. A candidate is confirmed by a look at the facts, or by words
that no other cause writes; it is ruled out by facts that contradict it. What
stays undecided is named, with the probe that would decide; nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

from yamabiko.diagnosis.articles import article
from yamabiko.diagnosis.checks import CHECKS
from yamabiko.diagnosis.checks.contract import UNTOLD, Check, Sign
from yamabiko.diagnosis.facts.records import Facts
from yamabiko.findings import Finding

RANK = {"error": 0, "unknown": 1, "warning": 2, "info": 3}
_LONGEST_LINE = 2_000
"""Characters; what floods its output must not stall us."""
_QUOTED = 300


@dataclass(frozen=True, slots=True)
class Symptom:
    """A failure, as it met somebody."""

    lines: tuple[str, ...] = ()
    """What was raised and what was printed, oldest first."""
    ending: str = ""
    """SIGABRT, exit 3, 0xC0000409, silent; empty where the process went on."""
    engine: str = ""
    anchored: bool = False
    """Words count only where a line begins with them, after names such as `RuntimeError: ` and a log's brackets: what a
    dying worker printed may hold what people said, and their words explain nothing."""


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A check that words suggest and that facts did not settle."""

    check: Check
    line: str


@dataclass(frozen=True, slots=True)
class Explanation:
    confirmed: tuple[Finding, ...] = ()
    """The likeliest first."""
    open: tuple[Suspicion, ...] = ()
    """Not ruled out; a probe would tell."""
    ruled_out: tuple[str, ...] = ()
    """Ids that the words suggest and the facts contradict."""


def examine(facts: Facts) -> tuple[Finding, ...]:
    """Every trouble that the facts alone show, the worst first."""
    found = []
    for check in CHECKS:
        sign = check.look(facts) if check.by_itself(facts) else UNTOLD
        if sign.here:
            found.append(_finding(check, sign))
    return tuple(sorted(found, key=lambda finding: RANK[finding.severity]))


def explain(symptom: Symptom, facts: Facts | None) -> Explanation:
    """What a failure comes from. Without facts only words that no other cause writes can tell."""
    confirmed: list[tuple[int, Finding]] = []
    open_: list[Suspicion] = []
    ruled_out: list[str] = []
    for check in CHECKS:
        line = suggested(check, symptom)
        if line is None or (check.work_goes_on and symptom.ending):
            continue
        sign = check.look(facts) if facts is not None else UNTOLD
        if sign.here is False:
            ruled_out.append(check.id)
        elif sign.here or check.words_suffice or (line and _any_says(check.sure_words, line)):
            quoted = (f"said: {line.strip()[:_QUOTED]}",) if line else (f"ended: {symptom.ending}",)
            confirmed.append((_weight(check, sign, line), _finding(check, sign, quoted)))
        else:
            open_.append(Suspicion(check, line))
    confirmed.sort(key=lambda pair: -pair[0])
    found = {finding.id for _, finding in confirmed}
    weaker = {id_ for check in CHECKS if check.id in found for id_ in check.instead_of}
    return Explanation(tuple(f for _, f in confirmed if f.id not in weaker), tuple(open_), tuple(ruled_out))


def suggested(check: Check, symptom: Symptom) -> str | None:
    """The line (empty: the end alone) that makes the check a candidate; None if nothing does."""
    if check.engines and symptom.engine and symptom.engine not in check.engines:
        return None
    ended = symptom.ending in check.endings
    if check.needs_ending and not ended:
        return None
    for pattern in _patterns((*check.sure_words, *check.words)):
        line = next((line for line in reversed(symptom.lines) if _says(line, pattern, symptom.anchored)), None)
        if line is not None:
            return line
    return "" if ended and not check.needs_ending else None


_BEFORE = re.compile(r"(?:\[[^\]]*\]\s*|[\w.]+:\s+|\s*what\(\):\s+|terminate called after throwing an instance of ')*")
"""What libraries put before their words."""


def _says(line: str, pattern: re.Pattern[str], anchored: bool) -> bool:
    shown = line[:_LONGEST_LINE]
    if not anchored:
        return pattern.search(shown) is not None
    before = _BEFORE.match(shown)
    return any(pattern.match(shown, at) for at in {0, before.end() if before else 0})


def _any_says(words: tuple[str, ...], line: str) -> bool:
    return any(pattern.search(line[:_LONGEST_LINE]) for pattern in _patterns(words))


@cache
def _patterns(words: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(word, re.IGNORECASE) for word in words)


def _weight(check: Check, sign: Sign, line: str) -> int:
    """What facts confirm counts for more than words, and long words for more than short ones."""
    longest = max(
        (m.end() - m.start() for p in _patterns((*check.sure_words, *check.words)) if (m := p.search(line))), default=0
    )
    return (10_000 if sign.here else 0) + longest


def _finding(check: Check, sign: Sign, quoted: Sequence[str] = ()) -> Finding:
    finding = article(check.id).finding((*quoted, *sign.evidence), sign.severity, sign.cause)
    if not sign.command:
        return finding
    cheapest, *others = finding.remedies
    return replace(finding, remedies=(replace(cheapest, command=sign.command), *others))
