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
from yamabiko.diagnosis.checks.driver_answer import HIDES, WITHOUT
from yamabiko.diagnosis.examine import RANK, Explanation, Symptom, examine, explain
from yamabiko.diagnosis.facts.learned import learned
from yamabiko.diagnosis.facts.records import Environment, Facts, Probed, Rung
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


def holds_engine(environment: Environment) -> bool:
    """Something in it that speech is made text with."""
    return any(package.name in ENGINE_PACKAGES for package in environment.packages)


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
