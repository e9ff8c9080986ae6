"""
Work whose engine's environment turns out to be broken: made anew once, and the work tried again.

At a start only a glance is taken at an environment; what it misses, the worker finds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from yamabiko.findings import Finding, Problem
from yamabiko.i18n import Text
from yamabiko.scheduling.pool import Outfit, Pool
from yamabiko.scheduling.setup import Report, mend
from yamabiko.settings import Settings
from yamabiko.speech import Transcript
from yamabiko.transcription.asking import Watcher
from yamabiko.transcription.pipeline import Request, transcribe

BROKEN = "engine-environment-broken"

T = TypeVar("T")


class Mending:
    """
    For as much work as shares an outfit. Several threads may share one.

    What was made anew once and breaks again is not for us to mend, and an index that did not
    answer is not asked again for each of a hundred files.
    """

    def __init__(self, settings: Settings, report: Report, *, allowed: bool) -> None:
        """`allowed`: whether anything may be installed."""
        self._settings = settings
        self._report = report
        self._left = int(allowed)
        self._lock = threading.Lock()

    def transcribe(self, recording: Path, request: Request, pool: Pool, watcher: Watcher) -> Transcript:
        """As the pipeline's `transcribe`; the receipt names what was mended. Raises: Problem, Cancelled."""
        mended: list[Finding] = []

        def tell(finding: Finding) -> None:
            mended.append(finding)
            watcher.notice(finding)

        done = self.work(
            request.outfit, lambda: transcribe(recording, request, pool, self._settings, watcher), tell
        )  # fmt: skip
        return replace(done, receipt=replace(done.receipt, notices=(*mended, *done.receipt.notices)))

    def work(self, outfit: Outfit, work: Callable[[], T], tell: Callable[[Finding], None]) -> T:
        """What `work` returns; `tell` hears of what was mended for it. Raises: Problem, and whatever `work` does."""
        try:
            return work()
        except Problem as problem:
            if problem.finding.id != BROKEN or not self._mended(problem, outfit):
                raise
            told = replace(problem.finding, severity="warning", remedies=()).with_we_did(
                Text("made the environment anew and tried again", "環境を作り直し、処理をやり直しました")
            )
        tell(told)
        return work()

    def _mended(self, problem: Problem, outfit: Outfit) -> bool:
        """Raises: Problem, the same one, with the reason why its environment could not be made anew."""
        with self._lock:
            if not self._left:
                return False
            self._left -= 1
            try:
                return mend(outfit, self._settings, self._report)
            except Problem as failed:
                why = (f"making it anew: {failed.finding.id}", *failed.finding.evidence)
                finding = problem.finding
                raise Problem(
                    replace(
                        finding,
                        evidence=(*finding.evidence, *why),
                        remedies=(*failed.finding.remedies, *finding.remedies),
                    )
                ) from None
