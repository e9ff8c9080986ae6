"""
A recording whose engine's environment turns out to be broken: made anew once, and the recording tried again.

At a start only a glance is taken at an environment; what it misses, the worker finds.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

from yamabiko.findings import Problem
from yamabiko.i18n import Text
from yamabiko.scheduling.pool import Pool
from yamabiko.scheduling.setup import Report, mend
from yamabiko.settings import Settings
from yamabiko.speech import Transcript
from yamabiko.transcription.asking import Watcher
from yamabiko.transcription.pipeline import Request, transcribe

BROKEN = "engine-environment-broken"


class Mending:
    """
    `transcribe`, for as many recordings as share an outfit. Several threads may share one.

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
        try:
            return transcribe(recording, request, pool, self._settings, watcher)
        except Problem as problem:
            if problem.finding.id != BROKEN or not self._mended(problem, request):
                raise
            told = replace(problem.finding, severity="warning").with_we_did(
                Text(
                    "made the environment anew and tried the file again",
                    "環境を作り直し、ファイルの処理をやり直しました",
                )
            )
        watcher.notice(told)
        done = transcribe(recording, request, pool, self._settings, watcher)
        return replace(done, receipt=replace(done.receipt, notices=(told, *done.receipt.notices)))

    def _mended(self, problem: Problem, request: Request) -> bool:
        """Raises: Problem, the same one, with the reason why its environment could not be made anew."""
        with self._lock:
            if not self._left:
                return False
            self._left -= 1
            try:
                return mend(request.outfit, self._settings, self._report)
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
