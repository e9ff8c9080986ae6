"""A log beside a doctor's visit: what its errors come from, what may be, and what their words mean on another machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from yamabiko.diagnosis.articles import article
from yamabiko.diagnosis.checks.contract import lacking, lacks
from yamabiko.diagnosis.checkup import Checkup, holds_engine, merged, settle
from yamabiko.diagnosis.complaints import leaves_the_gpu, sounds_bad
from yamabiko.diagnosis.endings import ending_in, tells_an_end
from yamabiko.diagnosis.examine import Explanation, Suspicion, Symptom, doubtful, explain
from yamabiko.diagnosis.facts.records import Environment, Facts
from yamabiko.diagnosis.platforms import of_facts
from yamabiko.diagnosis.spoken import is_speech, tells_of_an_error
from yamabiko.findings import Finding, Remedy
from yamabiko.i18n import Text


def with_log(checkup: Checkup, lines: tuple[str, ...], *, may_probe: bool) -> Checkup:
    """
    The same, with the errors in a log explained: first what they come from; what is no known error is said to be so.
    """
    symptom = Symptom(lines, ending_in(lines))
    facts = replace(checkup.facts, environments=tuple(filter(_may_be_the_logs, checkup.facts.environments)))
    explained, facts = settle(symptom, facts) if may_probe else (explain(symptom, facts), facts)
    confirmed = explained.confirmed
    if not confirmed:
        confirmed = (_unexplained(lines, symptom, explained, facts),)
    elif besides := tuple(line for one in explained.open if one.evidence for line in _told(one, "may be")):
        unsure = article("log-unexplained").finding(besides, "info", _NOT_ALL_IS_SURE)
        confirmed = (*confirmed, _with_more_to_read(unsure, [one for one in explained.open if one.evidence]))
    explaining = tuple(finding.id for finding in confirmed)
    found = {finding.id: finding for finding in merged(confirmed, checkup.findings, explained.unfinished)}
    ordered = (*(found.pop(id_) for id_ in explaining), *found.values())
    seen = checkup.facts.with_probed(*facts.probed)
    return replace(checkup, facts=seen, findings=ordered, explaining=explaining)


def _unexplained(lines: Sequence[str], symptom: Symptom, explained: Explanation, facts: Facts) -> Finding:
    """What may be behind a log, what its words mean elsewhere and cannot here, or that nothing in it sounds bad."""
    suspected, elsewhere = explained.open, explained.ruled_out
    if not suspected:
        suspected, besides = doubtful(symptom, facts)
        elsewhere = tuple({one.check.id: one for one in (*besides, *elsewhere)}.values())
    elsewhere = tuple(one for one in elsewhere if one.line and not tells_an_end(one.line))  # many things end so
    possible = tuple(line for suspicion in suspected for line in _told(suspicion, "may be"))
    not_here = tuple(line for suspicion in elsewhere[:_MOST_TO_READ] for line in _told(suspicion, "not here"))
    gpu = not lacks(facts, "gpu")
    amiss = next((line for at, line in reversed(tuple(enumerate(lines))) if _is_bad(lines, at, gpu)), "")
    told = tuple(f"log: {line.strip()[:300]}" for line in _worth_telling(lines, amiss))
    harmless = not (possible or symptom.ending or amiss or (gpu and explained.contradicted))
    if harmless:
        told = (f"log: no word of an error in the newest {len(lines)} lines" if lines else "log: it is empty",)
    finding = article("log-unexplained").finding((*told, *possible, *not_here), "info" if harmless else None)
    fitting = [one for one in suspected if one.evidence]
    if len(fitting) == 1:
        known = article(fitting[0].check.id).finding((), on=of_facts(facts), lacking=lacking(facts))
        finding = replace(finding, cause=_fits(known), remedies=known.remedies)
    elif elsewhere and not suspected:
        finding = replace(finding, cause=_KNOWN_ELSEWHERE, remedies=(_FROM_ANOTHER_MACHINE, *finding.remedies))
    return _with_more_to_read(finding, suspected or elsewhere)


def _fits(known: Finding) -> Text:
    return Text(
        f"One known cause fits this machine, and nothing here proves it: {known.cause.en}",
        f"このマシンの状態に合う既知の原因が1つあります（確証はありません）: {known.cause.ja}",
    )


_KNOWN_ELSEWHERE = Text(
    "The words of this log are known, but what is seen of this machine speaks against their cause.",
    "このログの文言に当てはまる原因は既知ですが、このマシンの状態とは合いません。",
)
_FROM_ANOTHER_MACHINE = Remedy(
    Text(
        "If the log is of another machine, save its facts there and read the log with them",
        "ログが別のマシンのものなら、そのマシンで情報を保存し、それと一緒にログを調べる",
    ),
    "yamabiko doctor --save report.json\nyamabiko doctor --facts report.json --log FILE",
    "effort",
)


_NOT_ALL_IS_SURE = Text(
    "Something else in this log may have a cause that we know; nothing here confirms it.",
    "このログには、既知の原因が疑われるものがほかにもありますが、ここでは確かめられません。",
)


def _with_more_to_read(unexplained: Finding, possible: Sequence[Suspicion]) -> Finding:
    """What may be behind it is told by its articles, with what would decide."""
    if not possible:
        return unexplained
    what = Text("Read what is known of what it may be", "可能性のある原因について読む")
    commands = "\n".join(f"yamabiko doctor --explain {one.check.id}" for one in possible[:_MOST_TO_READ])
    free = tuple(one for one in unexplained.remedies if one.cost == "none")
    others = tuple(one for one in unexplained.remedies if one.cost != "none")
    return replace(unexplained, remedies=(*free, Remedy(what, commands, "effort"), *others))


_MOST_TO_READ = 3


def _told(suspicion: Suspicion, how: str) -> Iterator[str]:
    quoted = suspicion.line.strip()[:200]  # none where a process's end alone suggests it
    yield f"{how}: {suspicion.check.id} ({quoted})" if quoted else f"{how}: {suspicion.check.id}"
    yield from suspicion.evidence


def _may_be_the_logs(environment: Environment) -> bool:
    """
    Not ours, whose failures are explained as they happen: that ours is well must not rule out what is wrong elsewhere.
    Nor one that holds no engine.
    """
    return environment.engine is None and holds_engine(environment)


def _is_bad(lines: Sequence[str], at: int, gpu: bool) -> bool:
    """
    A word of failure or a process's end, whosever it was, and no transcript's; `gpu`: one may be here, and be left.

    What is taken for speech is bad still where it has the form of an error: that it was spoken is a guess.
    """
    line = lines[at]
    bad = sounds_bad(line) or tells_an_end(line) or (gpu and leaves_the_gpu(line))
    return bad and (tells_of_an_error(line) or not is_speech(lines, at))


def _worth_telling(lines: Sequence[str], amiss: str) -> tuple[str, ...]:
    """The newest lines, and the newest that tells of an error."""
    newest = tuple(line for line in lines if line.strip())[-5:]
    return newest if not amiss or amiss in newest else (amiss, *newest[1:])
