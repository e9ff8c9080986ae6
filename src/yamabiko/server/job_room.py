"""
The jobs of this home: one server at a time has them.

Two would do each other's work twice. Who comes second serves everything else, and says whose the jobs are; so does
one whose list of jobs cannot be used.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.i18n import Text
from yamabiko.jobs.runner import Perform, Runner
from yamabiko.jobs.store import Job, Store


class JobRoom:
    """`store` and `runner` raise Problem (jobs-elsewhere, jobs-unreadable) where there are none."""

    def __init__(self, folder: Path, perform: Perform, over: Callable[[Job], None]) -> None:
        self.recordings = folder / "recordings"
        self.trouble: Finding | None = None
        self._store: Store | None = None
        self._runner: Runner | None = None
        self._lock = FileLock(folder / "server.lock")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
            self._store = Store(folder / "jobs.sqlite3")
            self._runner = Runner(self._store, perform, over)
        except Timeout:
            self.trouble = _elsewhere(folder)
        except OSError as error:
            self.trouble = _unreadable(folder, error)
        except Problem as problem:
            self.trouble = problem.finding

    @property
    def store(self) -> Store:
        if self._store is None:
            raise self._problem()
        return self._store

    @property
    def runner(self) -> Runner:
        if self._runner is None:
            raise self._problem()
        return self._runner

    def start(self) -> None:
        if self._runner is not None:
            self._runner.start()

    def counts(self) -> dict[str, int]:
        return self._store.counts() if self._store is not None else {}

    def close(self) -> None:
        """What is at work waits for the next start."""
        if self._runner is not None:
            self._runner.close()
        if self._store is not None:
            self._store.close()
        self._lock.release()

    def _problem(self) -> Problem:
        assert self.trouble is not None
        return Problem(self.trouble)


def _elsewhere(folder: Path) -> Finding:
    return Finding(
        id="jobs-elsewhere",
        severity="warning",
        area="usage",
        cause=Text(
            "Another yamabiko server does the jobs of this home, so this one has none; all else works.",
            "このホームのジョブは別の yamabiko サーバーが処理中のため、このサーバーでは使えません。ほかの機能は使えます。",
        ),
        evidence=(f"lock: {folder / 'server.lock'} is held",),
        remedies=(
            Remedy(Text("Send jobs to the other server", "ジョブは別のサーバーに送る")),
            Remedy(
                Text("Give this server a home of its own", "このサーバーに専用のホームを与える"),
                "YAMABIKO_HOME=FOLDER yamabiko serve",
                "effort",
            ),
        ),
    )


def _unreadable(folder: Path, error: OSError) -> Finding:
    return Finding(
        id="jobs-unreadable",
        severity="error",
        area="output",
        cause=Text(f"The list of jobs cannot be used: {folder}", f"ジョブの一覧を使えません: {folder}"),
        evidence=(f"system: {os.strerror(error.errno) if error.errno else error}",),
        remedies=(
            Remedy(Text("See who may write there", "書き込み権限を確かめる"), f"ls -ld {folder.parent}"),
            Remedy(
                Text("Keep everything in another folder", "別のフォルダーを使う"),
                "YAMABIKO_HOME=FOLDER yamabiko serve",
                "effort",
            ),
        ),
    )
