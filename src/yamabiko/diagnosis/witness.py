"""
What this machine says about a failure that just happened: facts gathered once, probes run where they would decide.

The autopsy asks it. A failure is rare and its cause is worth half a second, so
nothing is gathered before there is one; after that, facts and results are kept
for the life of the process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from yamabiko import logs
from yamabiko.diagnosis.checks.contract import no_gpu_here
from yamabiko.diagnosis.checkup import settle
from yamabiko.diagnosis.examine import Explanation, Symptom, explain
from yamabiko.diagnosis.facts.records import Facts


class Witness:
    """Safe to ask from several threads; they wait for each other, since devices are touched one at a time."""

    def __init__(self, gather: Callable[[], Facts]) -> None:
        self._gather = gather
        self._facts: Facts | None = None
        self._lock = threading.Lock()

    def explain(self, symptom: Symptom) -> Explanation:
        """The causes that facts or probes confirm, the likeliest first, and those that they leave open."""
        if not _suggests_anything(symptom):
            return Explanation()
        with self._lock:
            facts = self._seen()
            engine = facts.of_engine(symptom.engine) if symptom.engine else facts
            explained, learned = settle(symptom, engine)
            self._facts = facts.with_probed(*learned.probed)
        logs.event("explained", engine=symptom.engine, found=",".join(finding.id for finding in explained.confirmed))
        return explained

    def no_gpu_here(self) -> tuple[str, ...]:
        """Evidence that this machine has none; empty where it has one, or may have."""
        with self._lock:
            return no_gpu_here(self._seen())

    def _seen(self) -> Facts:
        """Under the lock."""
        if self._facts is None:
            self._facts = self._gather()
        return self._facts


def _suggests_anything(symptom: Symptom) -> bool:
    words = explain(symptom, None)
    return bool(words.confirmed or words.open)
