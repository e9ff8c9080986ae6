"""
A doctor's visit: facts, checks, then probes from the cheapest up, each failure explained by what is known by then.

    1  what files show              facts, checks
    2  what the driver answers      probes `driver`, `nvml`, where there are marks of NVIDIA
    3  each environment of ours     `load`, then `count`, then `kernel`, on the best placement that this machine offers

The last rungs, a second of speech and the proof of its device, need the whole
walk of a recording: `transcription.verification` does them, and the command
puts them beside these.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from yamabiko.diagnosis import fixes, probes
from yamabiko.diagnosis.articles import article
from yamabiko.diagnosis.checks.contract import lacking, lacks
from yamabiko.diagnosis.checks.driver_answer import HIDES, WITHOUT
from yamabiko.diagnosis.complaints import leaves_the_gpu, sounds_bad
from yamabiko.diagnosis.endings import ending_in, tells_an_end
from yamabiko.diagnosis.examine import RANK, Explanation, Suspicion, Symptom, doubtful, examine, explain
from yamabiko.diagnosis.facts.learned import learned
from yamabiko.diagnosis.facts.records import Environment, Facts, Probed, Rung
from yamabiko.diagnosis.platforms import of_facts
from yamabiko.diagnosis.spoken import is_speech, tells_of_an_error
from yamabiko.engines import catalog, environments
from yamabiko.engines.contract import Card, Placement
from yamabiko.engines.environment_problems import not_installed
from yamabiko.findings import Finding, Remedy
from yamabiko.i18n import Text
from yamabiko.settings import Settings

ENGINE_PACKAGES = (
    "ctranslate2", "faster-whisper", "onnxruntime", "onnxruntime-gpu", "torch", "nemo-toolkit", "cuda-bindings",
    "sherpa-onnx", "pywhispercpp", "whisperx", "pyannote-audio", "torchcodec", "transformers", "openai-whisper", "voxcpm",
)  # fmt: skip
"""Those whose versions decide, as people name them."""

Telling = Callable[[Text], None]
"""Told what is being tried."""


@dataclass(frozen=True, slots=True)
class Checkup:
    facts: Facts
    findings: tuple[Finding, ...]
    """The worst first, after those that explain a log."""
    rungs: tuple[Rung, ...] = ()
    explaining: tuple[str, ...] = ()
    """Ids of the findings that a log's errors come from; they stand first."""
    engine: str = ""
    """The one that was asked about alone."""


def of_engine(facts: Facts, engine: str, settings: Settings | None = None) -> Facts:
    """What concerns this engine alone: never an environment of another. `settings`: where the facts are of this machine."""
    kept = facts.of_engine(engine)
    if settings is not None and any(
        environments.find(catalog.card(engine), settings, name) for name in _profiles(engine)
    ):
        return kept
    return replace(kept, environments=tuple(e for e in kept.environments if e.engine == engine))


def _profiles(engine: str) -> tuple[str, ...]:
    return tuple(profile.name for profile in catalog.card(engine).profiles)


def about(engine: str, found: Checkup) -> Checkup:
    """The same, of this engine alone; that it is not here is worth a word."""
    facts = found.facts
    if facts.environments or not _profiles(engine) or any(one.engine == engine for one in facts.unfinished):
        return replace(found, engine=engine)
    absent = not_installed(engine, _profiles(engine)[0])
    return replace(found, engine=engine, findings=merged(found.findings, [replace(absent, severity="info")]))


def check_facts(facts: Facts) -> Checkup:
    """Facts and checks alone: this machine's, quickly, or those of a saved file."""
    return Checkup(facts, examine(facts))


def replayed(
    facts: Facts, findings: tuple[Finding, ...], tried: tuple[Rung, ...], explaining: tuple[str, ...] = ()
) -> Checkup:
    """
    A saved visit: checks are made anew; what was tried there, and what explained a log (`explaining`), stays as it was.
    """
    theirs = {rung.finding for rung in tried if not rung.well}
    found = merged(examine(facts), [f for f in findings if f.id in theirs])
    explained = {f.id: f for f in findings if f.id in explaining}
    ordered = (*explained.values(), *(f for f in found if f.id not in explained))
    return Checkup(facts, ordered, tried, tuple(explained))


def check_up(
    facts: Facts, settings: Settings, telling: Telling = lambda text: None, engine: str | None = None
) -> Checkup:
    """Everything that can be tried without a recording. `engine` leaves the environments of the others alone."""
    facts = ask_driver(facts, telling)
    rungs: list[Rung] = []
    explained: list[Finding] = []
    for card in catalog.cards():
        if engine not in (None, card.name):
            continue
        broken = (e for e in facts.environments if e.broken and e.engine == card.name)
        rungs += (Rung(e.name, "whole", False, e.broken, "engine-environment-broken") for e in broken)
        for place, placement in _places(card, facts, settings):
            telling(Text(f"trying {place.environment}", f"{place.environment} を試しています"))
            for rung, why, result in climb(card, place, placement, lambda: facts):  # noqa: B023 - the newest is meant
                facts = learned(facts, result)
                rungs.append(rung)
                explained += [why] if why else []
    if engine is None:
        facts = learned(facts, *(probes.run("count", place) for place in _uncounted(facts)))
    return Checkup(facts, merged(examine(facts), explained), tuple(rungs))


def _uncounted(facts: Facts) -> list[probes.Place]:
    """The user's own environments in which CTranslate2 may take the CPU without a word; ours are counted on the way."""
    theirs = tuple(e for e in facts.environments if e.engine is None and e.version("ctranslate2"))
    return _unasked("count", replace(facts, environments=theirs)) if facts.sees_nvidia else []


def climb(
    card: Card, place: probes.Place, placement: Placement, facts: Callable[[], Facts]
) -> Iterator[tuple[Rung, Finding | None, Probed]]:
    """
    Try one environment rung by rung, and explain the one that breaks; those above it have nothing to say then.

    `engines verify` climbs too. `facts` is asked only where something has to be explained.
    """
    for what, result in _rungs(card, place, placement):
        bad = _complaint(result)
        why = None if bad is None else _why(result, card, what, facts()).of_engine(card.name)
        yield Rung(place.environment, what, bad is None, bad or "", why.id if why else ""), why, result


def merged(*several: tuple[Finding, ...] | list[Finding]) -> tuple[Finding, ...]:
    """One finding an id, with the evidence of all, the worst first."""
    found: dict[str, Finding] = {}
    for finding in (finding for findings in several for finding in findings):
        before = found.get(finding.id)
        if before is None:
            found[finding.id] = finding
            continue
        worse = min(before, finding, key=lambda f: RANK[f.severity])
        evidence = tuple(dict.fromkeys((*before.evidence, *finding.evidence)))
        found[finding.id] = replace(worse, evidence=evidence, remedies=_of_both(before, finding))
    return tuple(sorted(found.values(), key=lambda finding: RANK[finding.severity]))


def _of_both(first: Finding, second: Finding) -> tuple[Remedy, ...]:
    """The same remedies, with the commands of both where they name different engines."""
    commands = {remedy.what: (remedy.command or "").splitlines() for remedy in second.remedies}
    return tuple(
        replace(one, command="\n".join(dict.fromkeys((*one.command.splitlines(), *commands.get(one.what, ())))))
        if one.command
        else one
        for one in first.remedies
    )


def settle(symptom: Symptom, facts: Facts) -> tuple[Explanation, Facts]:
    """
    Explain a failure, and where facts leave it open, run the probes that would decide.

    Raises nothing for what a probe does. The facts come back with what was learned.
    """
    first = explain(symptom, facts)
    # Beside a sure cause only what the machine is ready for is worth an experiment.
    open_ = [suspicion for suspicion in first.open if suspicion.evidence or not first.confirmed]
    if not open_:
        return first, facts
    for name in sorted({suspicion.check.probe for suspicion in open_} & set(probes.names())):
        facts = learned(facts, *(probes.run(name, place) for place in _unasked(name, facts)))
    return explain(symptom, facts), facts


def _unasked(probe: str, facts: Facts) -> list[probes.Place]:
    """Where this probe has something to ask and did not yet."""
    wanted = probes.IN_ENVIRONMENT.get(probe)
    if wanted is None:
        return [] if facts.probe(probe) else [probes.Place()]
    holding = [e for e in facts.environments if any(e.version(package) for package in wanted)]
    return [place for e in holding if facts.probe(probe, e.name) is None and (place := place_of(e)) is not None]


def place_of(environment: Environment) -> probes.Place | None:
    """
    Where probes of an environment run; None where its interpreter is not here.

    One of ours has the library path that its workers get; one of the user's has the user's, since that is what failed.
    """
    if environment.name == "running interpreter":
        return probes.Place(environment.name)
    python = next((p for p in _interpreters(Path(environment.path)) if p.is_file()), None)
    if python is None:
        return None
    libraries = sorted(Path(environment.path).glob("lib/python3*/site-packages/nvidia/*/lib"))
    return probes.Place(environment.name, python, tuple(libraries) if environment.engine else ())


def _interpreters(folder: Path) -> tuple[Path, ...]:
    return folder, folder / "bin/python", folder / "bin/python3", folder / "Scripts/python.exe"


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
    elsewhere = tuple(
        one for one in elsewhere if one.line and not tells_an_end(one.line)
    )  # many things end a program so
    possible = tuple(line for suspicion in suspected for line in _told(suspicion, "may be"))
    not_here = tuple(line for suspicion in elsewhere[:_MOST_TO_READ] for line in _told(suspicion, "not here"))
    gpu = not lacks(facts, "gpu")
    amiss = next((line for at, line in reversed(tuple(enumerate(lines))) if _is_bad(lines, at, gpu)), "")
    told = tuple(f"log: {line.strip()[:300]}" for line in _worth_telling(lines, amiss))
    harmless = not (possible or symptom.ending or amiss or (gpu and explained.contradicted))
    if harmless:
        told = (f"log: no word of an error in the newest {len(lines)} lines" if lines else "log: it is empty",)
    fitting = [one for one in suspected if one.evidence]
    likely = (
        article(fitting[0].check.id).finding((), on=of_facts(facts), lacking=lacking(facts))
        if len(fitting) == 1
        else None
    )
    cause = _KNOWN_ELSEWHERE if elsewhere and not suspected else None
    if likely is not None:
        cause = _fits(likely)
    finding = article("log-unexplained").finding((*told, *possible, *not_here), "info" if harmless else None, cause)
    if likely is not None:
        finding = replace(finding, remedies=likely.remedies)
    elif cause is not None:
        finding = replace(finding, remedies=(_FROM_ANOTHER_MACHINE, *finding.remedies))
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


def holds_engine(environment: Environment) -> bool:
    """Something in it that speech is made text with."""
    return any(package.name in ENGINE_PACKAGES for package in environment.packages)


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


# ---- the rungs ------------------------------------------------------------------------------------------------------


def ask_driver(facts: Facts, telling: Telling, variables: Sequence[tuple[str, str | None]] = ()) -> Facts:
    """
    With what NVIDIA's driver answers; where it sees no GPU and a variable may be why, also without that variable.
    """
    if not facts.sees_nvidia and facts.library("libcuda.so.1") is None:
        return facts
    telling(Text("asking NVIDIA's driver", "NVIDIAドライバーに問い合わせています"))
    place = probes.Place(variables=tuple(variables))
    facts = learned(facts, probes.run("driver", place), probes.run("nvml", place))
    asked = facts.probe("driver")
    sees_none = asked is not None and (asked.values.get("init") == "100" or asked.values.get("count") == "0")
    if sees_none and not facts.nvidia.gpus and HIDES in facts.variables:
        bare = (*variables, (HIDES, None))
        facts = learned(facts, probes.run("driver", probes.Place(WITHOUT, variables=bare)))
    return facts


def _places(card: Card, facts: Facts, settings: Settings) -> Iterator[tuple[probes.Place, Placement]]:
    """Each environment of an engine that is here, and the best placement that this machine and it allow."""
    for profile in card.profiles:
        ready = environments.find(card, settings, profile.name)
        seen = next((e for e in facts.environments if ready is not None and e.path == str(ready.path)), None)
        if ready is None or seen is None:
            continue
        gpu = facts.sees_nvidia and "cuda" in profile.devices
        fits = [p for p in card.placements if p.device == "cpu" or gpu]
        if fits:
            place = probes.Place(seen.name, ready.python, ready.library_paths, fixes.variables(settings))
            yield place, fits[0]


def _rungs(card: Card, place: probes.Place, placement: Placement) -> Iterator[tuple[str, Probed]]:
    loaded = probes.run("load", place, card.imports)
    yield "load", loaded
    if loaded.ended != "well":
        return
    if placement.device != "cpu":
        yield "count", probes.run("count", place)
    yield f"kernel {placement}", probes.run("kernel", place, (placement.device, placement.compute_type))


def _complaint(result: Probed) -> str | None:
    """What is wrong with a probe's result, in a line; None if nothing is."""
    if result.ended != "well":
        last = result.words[-1] if result.words else ""
        return f"{result.ended} {result.ending}: {last}" if result.ending else f"{result.ended}: {last}"
    said = [f"{key.removesuffix('.said')}: {value}" for key, value in result.values.items() if key.endswith(".said")]
    wrong = [key for key, value in result.values.items() if key.endswith(".well") and value != "True"]
    return "; ".join([*said, *(f"{key} is False" for key in wrong)]) or None


def _why(result: Probed, card: Card, what: str, facts: Facts) -> Finding:
    said = (value for key, value in result.values.items() if key.endswith(".said"))
    ending = "silent" if result.ended == "silent" else result.ending
    explained, _ = settle(Symptom((*result.words, *said), ending, card.name), facts)
    tried = f"{result.environment}: {what}: {_complaint(result)}"
    if explained.confirmed:
        return replace(explained.confirmed[0], evidence=(tried, *explained.confirmed[0].evidence))
    told = [line for line in probes.newest_words(result.words) if line not in tried]
    lines = (tried, *(f"{result.environment}: {line}" for line in told))
    if result.probe == "load" and any(
        re.match(r"(?:ModuleNotFound|Import)Error: ", line) for line in result.words[-1:]
    ):
        return article("engine-environment-broken").finding(lines)
    return article("probe-failed-unexplained").finding(lines)
