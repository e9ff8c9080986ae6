"""
From facts to findings, and from a failure's words to its cause. Pure: the same facts give the same findings.

Words only suggest. A candidate is confirmed by a look at the facts, or by words
that no other cause writes; it is ruled out by facts that contradict it. What
stays undecided is named, with the probe that would decide; nothing is guessed.

Words count only where a line begins with them (`log_lines`): what was printed
may hold what people said in a recording, and their words explain nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice

from yamabiko import logs
from yamabiko.diagnosis.articles import Needs, article
from yamabiko.diagnosis.checks import CHECKS
from yamabiko.diagnosis.checks.contract import (
    UNTOLD,
    Check,
    Sign,
    absent,
    interpreter,
    lacking,
    lacks,
    readable,
    sign_of,
)
from yamabiko.diagnosis.complaints import sounds_bad
from yamabiko.diagnosis.endings import was_interrupted
from yamabiko.diagnosis.facts.records import Facts
from yamabiko.diagnosis.hearing import LONGEST_LINE, is_the_last, says, tells_of_more_than_an_end, theirs
from yamabiko.diagnosis.literals import literal
from yamabiko.diagnosis.log_lines import beginnings
from yamabiko.diagnosis.platforms import Platforms, as_typed_on, here, of_facts
from yamabiko.diagnosis.spoken import is_a_heading, is_speech
from yamabiko.findings import Finding, Remedy, our_bug
from yamabiko.i18n import Text

RANK = {"error": 0, "unknown": 1, "warning": 2, "info": 3}
_QUOTED = 300
_MOST_DOUBTED = 1_000
"""Lines; each is searched for all that is known."""


@dataclass(frozen=True, slots=True)
class Symptom:
    """A failure, as it met somebody."""

    lines: tuple[str, ...] = ()
    """What was raised and what was printed, oldest first."""
    ending: str = ""
    """SIGABRT, exit 3, 0xC0000409, silent; empty where the process went on."""
    engine: str = ""


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A check that words suggest and that facts did not settle, or rule out."""

    check: Check
    line: str
    evidence: tuple[str, ...] = ()
    """What a look saw that makes it possible, or that speaks against it."""


@dataclass(frozen=True, slots=True)
class Explanation:
    confirmed: tuple[Finding, ...] = ()
    """The likeliest first."""
    open: tuple[Suspicion, ...] = ()
    """Not ruled out; a probe would tell."""
    ruled_out: tuple[Suspicion, ...] = ()
    """What the words suggest and the facts, or other words, contradict."""
    contradicted: tuple[Suspicion, ...] = ()
    """Of these, by facts, and what ends or spoils the work: it has another cause, or happened elsewhere."""
    unfinished: tuple[Finding, ...] = ()
    """Our own mistakes: checks that fell over."""


def examine(facts: Facts) -> tuple[Finding, ...]:
    """Every trouble that the facts alone show, the worst first."""
    found = []
    for check in CHECKS:
        try:
            sign = sign_of(check, facts)
            if sign.here:
                seen = replace(sign, severity="info") if check.only_a_note(facts) else sign
                found.append(_finding(check, seen, facts))
        except Exception as error:
            if os.environ.get("YAMABIKO_DEBUG"):
                raise
            found.append(_fell_over(check, error))
    return tuple(sorted(found, key=lambda finding: RANK[finding.severity]))


def explain(symptom: Symptom, facts: Facts | None) -> Explanation:
    """What a failure comes from. Without facts only words that no other cause writes can tell."""
    heard = _Heard(symptom.lines)
    confirmed: list[tuple[int, Finding]] = []
    open_: list[Suspicion] = []
    ruled_out: list[Suspicion] = []
    contradicted: list[Suspicion] = []
    unfinished: list[Finding] = []
    for check in CHECKS:
        line = suggested(check, symptom, heard)
        if line is None or (check.work_goes_on and symptom.ending):
            continue
        try:
            sign = _seen(check, facts, line)
        except Exception as error:
            if os.environ.get("YAMABIKO_DEBUG"):
                raise
            unfinished.append(_fell_over(check, error))
            sign = UNTOLD
        of_them = _theirs(check, line, symptom)
        if sign.here is False or (check.unless and says(symptom.lines, check.unless)):
            ruled_out.append(Suspicion(check, line, sign.evidence))
            contradicted += ruled_out[-1:] if sign.here is False and not check.work_goes_on else []
        elif of_them is False or _not_yet_ended(check, symptom) or check.doubted_by(line):
            open_.append(Suspicion(check, line))
        elif sign.here or _sure(check, line, of_them is True) or (sign.fits and _any_says(check.decisive, line)):
            quoted = (f"said: {line.strip()[:_QUOTED]}",) if line else (f"ended: {symptom.ending}",)
            told = replace(sign, cause=sign.cause or check.cause(line))
            confirmed.append((_weight(check, sign, line), _finding(check, told, facts, quoted)))
        else:
            open_.append(Suspicion(check, line, sign.evidence if sign.fits else ()))
    confirmed.sort(key=lambda pair: -pair[0])
    found = {finding.id for _, finding in confirmed}
    weaker = {id_ for check in CHECKS if check.id in found for id_ in check.instead_of}
    likeliest = tuple(f for _, f in confirmed if f.id not in weaker)
    return Explanation(likeliest, tuple(open_), tuple(ruled_out), tuple(contradicted), tuple(unfinished))


def doubtful(symptom: Symptom, facts: Facts) -> tuple[tuple[Suspicion, ...], tuple[Suspicion, ...]]:
    """
    What words suggest wherever they stand in a line that tells of an error, and whoever has written them.

    First what may be here, then what the facts rule out. For where nothing is explained otherwise: it names, and never
    explains.
    """
    newest_bad = islice(filter(sounds_bad, reversed(symptom.lines)), _MOST_DOUBTED)
    heard = _Heard(tuple(newest_bad)[::-1])
    possible: list[Suspicion] = []
    ruled_out: list[Suspicion] = []
    for check in CHECKS:
        if check.endings or check.quiet or check.work_goes_on:
            continue
        line = next(filter(None, map(heard.anywhere, _patterns(_words(check)))), None)
        if line is None or says(symptom.lines, check.unless):
            continue
        sign = _seen(check, facts, line)
        seen = sign.evidence if sign.fits or sign.here is False else ()
        (ruled_out if sign.here is False else possible).append(Suspicion(check, line, seen))
    return tuple(possible), tuple(ruled_out)


def _fell_over(check: Check, error: Exception) -> Finding:
    """One check's mistake costs its own answer, never that of the others."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}" if trace else "?"
    logs.event("check-fell-over", check=check.id, error=repr(error))
    report = Remedy(
        Text("Send what this writes with a report", "次のコマンドで作られるファイルを添えて報告する"),
        "yamabiko doctor --save report.json",
        "effort",
    )
    return our_bug(error, f"{check.id}: {place}: {error!r}"[:500], remedies=(report,))


def _seen(check: Check, facts: Facts | None, line: str) -> Sign:
    if facts is None:
        return UNTOLD
    needs: Needs = "nvidia" if line and _any_says(check.nvidias, line) else check.needs
    if lacks(facts, needs):
        return absent(f"this machine: no {_GPUS[needs]}")
    return readable(check.look, facts)


_GPUS = {"nvidia": "NVIDIA GPU", "amd": "AMD GPU", "gpu": "GPU"}


def _theirs(check: Check, line: str, symptom: Symptom) -> bool | None:
    """Whether the failure is of those whose it must be; None: any may have it, or nothing tells whose it is."""
    if not check.whose or (line and _any_says(check.sure_words, line)):
        return None
    told = theirs(check.whose, line, symptom.lines, symptom.engine)
    return False if told is None and check.whose_always else told


def _sure(check: Check, line: str, of_them: bool) -> bool:
    """Whether words alone tell: nobody else writes them, or those around them say whose they are."""
    if check.words_suffice or (line and _any_says(check.sure_words, line)):
        return True
    return bool(line) and of_them and check.whose_tells


class _Heard:
    """A failure's lines, to be asked for many patterns: a log may have a hundred thousand lines."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines
        self._all = "\n".join(line[:LONGEST_LINE] for line in lines).lower()

    def anywhere(self, pattern: re.Pattern[str]) -> str | None:
        """The newest line that holds it, whoever has written it."""
        if literal(pattern.pattern) not in self._all:
            return None
        return next((line for line in reversed(self._lines) if pattern.search(line[:LONGEST_LINE])), None)

    def newest(self, pattern: re.Pattern[str]) -> str | None:
        """The newest line that begins with it, and that nobody spoke in a recording."""
        needed = literal(pattern.pattern)
        if needed not in self._all:
            return None
        for at in reversed(range(len(self._lines))):
            shown = self._lines[at][:LONGEST_LINE]
            if needed in shown.lower() and _begins_with(shown, pattern) and not _is_nobodys(self._lines, at):
                return self._lines[at]
        return None


def _is_nobodys(lines: Sequence[str], at: int) -> bool:
    """No program's words, or a document's as likely."""
    return is_speech(lines, at) or is_a_heading(lines, at)


def suggested(check: Check, symptom: Symptom, heard: _Heard) -> str | None:
    """The line (empty: the end alone) that makes the check a candidate; None if nothing does."""
    if check.engines and symptom.engine and symptom.engine not in check.engines:
        return None
    ended = symptom.ending in check.endings
    if check.needs_ending and not ended and not check.stalled:
        return None
    if check.quiet and tells_of_more_than_an_end(symptom.lines):
        return None
    waiting = check.needs_ending and not ended
    for pattern in _patterns(check.stalled if waiting and not was_interrupted(symptom.lines) else _words(check)):
        line = heard.newest(pattern)
        if line is not None and (not check.then_only or is_the_last(line, symptom.lines, check.then_only)):
            return line
    return "" if ended and not check.needs_ending else None


def _not_yet_ended(check: Check, symptom: Symptom) -> bool:
    """Whether the end that would confirm it did not come, or is not told."""
    return check.needs_ending and symptom.ending not in check.endings


def _words(check: Check) -> tuple[str, ...]:
    """The more telling ones first."""
    return (*check.sure_words, *check.decisive, *check.words)


def _begins_with(line: str, pattern: re.Pattern[str]) -> bool:
    # Where a line's words begin takes fifty times as long to tell as whether it holds these.
    return pattern.search(line) is not None and any(pattern.match(line, at) for at in beginnings(line))


def _any_says(words: tuple[str, ...], line: str) -> bool:
    return any(pattern.search(line[:LONGEST_LINE]) for pattern in _patterns(words))


@cache
def _patterns(words: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(word, re.IGNORECASE) for word in words)


def _weight(check: Check, sign: Sign, line: str) -> int:
    """What facts confirm counts for more than words, and long words for more than short ones."""
    longest = max((m.end() - m.start() for p in _patterns(_words(check)) if (m := p.search(line))), default=0)
    return (10_000 if sign.here else 0) + longest


def _finding(check: Check, sign: Sign, facts: Facts | None, quoted: Sequence[str] = ()) -> Finding:
    on, lack = (here(), frozenset[Needs]()) if facts is None else (of_facts(facts), lacking(facts))
    finding = article(check.id).finding((*quoted, *sign.evidence), sign.severity, sign.cause, on, lack)
    fitting = tuple(one for one in finding.remedies if not any(words in one.what.en for words in sign.unfit))
    finding = replace(finding, remedies=tuple(_filled(one, sign, on, facts) for one in fitting))
    if not sign.command or not finding.remedies:
        return finding
    cheapest, *others = finding.remedies
    return replace(finding, remedies=(replace(cheapest, command=as_typed_on(on, sign.command)), *others))


def _filled(remedy: Remedy, sign: Sign, on: Platforms, facts: Facts | None) -> Remedy:
    """With what the facts put into its command: a folder, and the Python that runs yamabiko for what stands for it."""
    command = next((as_typed_on(on, said) for words, said in sign.filled if words in remedy.what.en), remedy.command)
    if command and facts is not None:
        command = command.replace("python -m uv ", f"{interpreter(facts)} -m uv ")
    return replace(remedy, command=command)
