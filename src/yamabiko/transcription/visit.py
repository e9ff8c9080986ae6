"""
The doctor's whole visit: what `diagnosis.checkup` can try, then the last rungs, which take the walk of a recording.

Every environment that loads and computes transcribes recordings whose text we
know; what it heard is kept, so that a fix can be held to the same text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher

from yamabiko.diagnosis.articles import article
from yamabiko.diagnosis.checkup import Checkup, about, check_up, merged, of_engine
from yamabiko.diagnosis.facts.records import Facts, Rung
from yamabiko.diagnosis.verdict import decide
from yamabiko.engines import catalog, environments
from yamabiko.engines.contract import Card
from yamabiko.findings import Finding
from yamabiko.i18n import Text
from yamabiko.settings import Settings
from yamabiko.speech import Evidence, Receipt
from yamabiko.transcription.verification import Verification, verify

Report = Callable[[Text, int, int], None]
ALIKE = 0.75
"""From this likeness on, two texts of a known recording are the same with other words here and there."""
CLEARLY_FASTER = 2.0
NO_FASTER = 1.1
"""Times the CPU's speed. What lies between says nothing: small models and short recordings gain little."""


@dataclass(frozen=True, slots=True)
class Visit:
    checkup: Checkup
    texts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By environment: what it heard in the known recordings. Missing where nothing could be heard."""


def visit(facts: Facts, settings: Settings, report: Report = lambda *_: None, engine: str | None = None) -> Visit:
    """Facts, checks, probes, and speech. `engine` leaves the environments of the others alone."""
    facts = of_engine(facts, engine, settings) if engine else facts
    checkup = check_up(facts, settings, lambda text: report(text, 0, 0), engine)
    rungs, findings, texts = list(checkup.rungs), list[Finding](), dict[str, tuple[str, ...]]()
    for card in catalog.cards():
        for profile in card.profiles if engine in (None, card.name) else ():
            ready = environments.find(card, settings, profile.name)
            if ready is None or any(r.environment == ready.path.name and not r.well for r in checkup.rungs):
                continue
            heard = _hear(card, profile.name, ready.path.name, settings, report)
            rungs += heard.rungs
            findings += heard.findings
            if heard.texts:
                texts[ready.path.name] = heard.texts
    done = replace(checkup, rungs=tuple(rungs), findings=merged(checkup.findings, findings))
    return Visit(about(engine, done) if engine else done, texts)


@dataclass(frozen=True, slots=True)
class _Heard:
    rungs: tuple[Rung, ...]
    findings: tuple[Finding, ...]
    texts: tuple[str, ...]


def _hear(card: Card, profile: str, name: str, settings: Settings, report: Report) -> _Heard:
    """One environment transcribes the known recordings; what ran on a GPU does so on the CPU too, and both are compared."""
    result = verify(card, settings, profile=profile, report=report, probing=False)
    if result.problem and result.problem.id == "model-not-here":
        return _Heard((), (_not_heard(result.problem, card),), ())
    differs, compared = None, False
    if result.texts and any(receipt.used_device != "cpu" for receipt in result.receipts):
        on_cpu = verify(card, settings, profile=profile, device="cpu", report=report, probing=False)
        result = replace(result, receipts=with_speed(result.receipts, on_cpu.receipts))
        differs, compared = text_differs(result.texts, on_cpu.texts, name), True
    rungs, findings = [_rung(name, result)], [result.finding] if result.finding else []
    findings += [finding for receipt in result.receipts for finding in receipt.fallbacks]
    if compared:
        said, id_ = (f"{differs.id}: {differs.evidence[0]}", differs.id) if differs else ("", "")
        rungs.append(Rung(name, "text as on the CPU", differs is None, said, id_))
        findings += [differs] if differs else []
    return _Heard(tuple(rungs), tuple(findings), result.texts if result.ok else ())


def _not_heard(absent: Finding, card: Card) -> Finding:
    """Nobody has needed its usual model yet: nothing is wrong with that, and nothing is proved."""
    cause = Text(
        "An engine's usual model is not on this machine, so it was not tried on speech.",
        "エンジンの既定のモデルがこのマシンにないため、文字起こしは試していません。",
    )
    return replace(
        absent, severity="info", cause=cause, evidence=(f"model: {card.default_model} of {card.name} is not here",)
    )


def with_speed(on_gpu: Sequence[Receipt], on_cpu: Sequence[Receipt]) -> tuple[Receipt, ...]:
    """
    The same receipts with their speed against the CPU's among the evidence, and judged anew.

    Of each the recording that went best counts, since the first of them pays for warming up.
    """
    gpu_s, cpu_s = _seconds_a_second(on_gpu), _seconds_a_second(on_cpu)
    if gpu_s is None or cpu_s is None:
        return tuple(on_gpu)
    times = cpu_s / gpu_s
    judged = []
    for receipt in on_gpu:
        says = receipt.used_device if times >= CLEARLY_FASTER else "cpu" if times <= NO_FASTER else None
        value = f"{gpu_s:.3f} s a second of audio, {cpu_s:.3f} s on the CPU: {times:.1f} times as fast"
        evidence = (*receipt.evidence, Evidence("speed", says, value))
        ruling = decide(receipt.used_device, evidence)
        judged.append(replace(receipt, evidence=evidence, used_device=ruling.used_device, verdict=ruling.verdict))
    return tuple(judged)


def _seconds_a_second(receipts: Sequence[Receipt]) -> float | None:
    found = [r.timings.inference_s / r.audio_s for r in receipts if r.audio_s > 0 and r.timings.inference_s > 0]
    return min(found, default=None)


def text_differs(on_gpu: Sequence[str], on_cpu: Sequence[str], environment: str) -> Finding | None:
    """
    A GPU that computes, and computes wrongly: kernels for another chip do. None if the texts agree.

    They need not be equal: another precision may choose another word. Half of one text that is not in the other is no
    matter of precision.
    """
    for number, (gpu, cpu) in enumerate(zip(on_gpu, on_cpu, strict=False), start=1):
        alike = SequenceMatcher(None, gpu.casefold(), cpu.casefold(), autojunk=False).ratio()
        if alike < ALIKE:
            return article("gpu-text-differs").finding(
                (
                    f"{environment}: recording {number}: {alike:.0%} of the text is the same",
                    f"on the GPU: {gpu[:120]}",
                    f"on the CPU: {cpu[:120]}",
                )
            )
    return None


def _rung(environment: str, result: Verification) -> Rung:
    used = dict.fromkeys(f"{r.used_device}/{r.used_compute_type} ({r.verdict})" for r in result.receipts)
    what = " ".join(["speech", *used])
    finding = result.finding
    return Rung(environment, what, finding is None, finding.id if finding else "", finding.id if finding else "")
