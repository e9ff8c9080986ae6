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
from yamabiko.diagnosis.checkup import Checkup, check_up, merged
from yamabiko.diagnosis.facts.records import Facts, Rung
from yamabiko.engines import catalog, environments
from yamabiko.findings import Finding
from yamabiko.i18n import Text
from yamabiko.settings import Settings
from yamabiko.transcription.verification import Verification, verify

Report = Callable[[Text, int, int], None]
ALIKE = 0.75
"""From this likeness on, two texts of a known recording are the same with other words here and there."""


@dataclass(frozen=True, slots=True)
class Visit:
    checkup: Checkup
    texts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By environment: what it heard in the known recordings. Missing where nothing could be heard."""


def visit(facts: Facts, settings: Settings, report: Report = lambda *_: None, engine: str | None = None) -> Visit:
    """Facts, checks, probes, and speech. `engine` leaves the environments of the others alone."""
    checkup = check_up(facts, settings, lambda text: report(text, 0, 0), engine)
    rungs, findings, texts = list(checkup.rungs), list[Finding](), dict[str, tuple[str, ...]]()
    for card in catalog.cards():
        for profile in card.profiles if engine in (None, card.name) else ():
            ready = environments.find(card, settings, profile.name)
            if ready is None or any(r.environment == ready.path.name and not r.well for r in checkup.rungs):
                continue
            result = verify(card, settings, profile=profile.name, report=report, probing=False)
            rungs.append(_rung(ready.path.name, result))
            findings += [result.finding] if result.finding else []
            findings += [finding for receipt in result.receipts for finding in receipt.fallbacks]
            if result.ok and result.texts:
                texts[ready.path.name] = result.texts
            if result.texts and any(receipt.used_device != "cpu" for receipt in result.receipts):
                on_cpu = verify(card, settings, profile=profile.name, device="cpu", report=report, probing=False)
                differs = text_differs(result.texts, on_cpu.texts, ready.path.name)
                said = f"{differs.id}: {differs.evidence[0]}" if differs else ""
                rungs.append(
                    Rung(ready.path.name, "text as on the CPU", differs is None, said, differs.id if differs else "")
                )
                findings += [differs] if differs else []
    return Visit(replace(checkup, rungs=tuple(rungs), findings=merged(checkup.findings, findings)), texts)


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
