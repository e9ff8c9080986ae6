"""
Workers by engine, model and placement: started when asked for, kept for the next file, ended with us.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from yamabiko import logs
from yamabiko.diagnosis.facts.gather import gather
from yamabiko.diagnosis.witness import Witness
from yamabiko.engines.contract import Card, Placement
from yamabiko.engines.environments import Environment
from yamabiko.scheduling.turns import Ticket, Turns
from yamabiko.settings import Settings
from yamabiko.workers.messages import Ready
from yamabiko.workers.process import Launch, Worker

COOL_DOWN_S = 600.0
"""How long a rung that failed for a known reason is not tried again."""


@dataclass(frozen=True, slots=True)
class Outfit:
    """An engine ready to run: which, with what, where, in which order."""

    card: Card
    environments: dict[str, Environment]
    """By device family: the environment that a worker on it is started from."""
    model: str
    """Path, or empty for an engine that needs none."""
    model_name: str
    model_revision: str | None
    ladder: tuple[Placement, ...]
    device_index: int | None = None
    threads: int = 0
    variables: tuple[tuple[str, str | None], ...] = ()
    """For its workers' environment: fixes of the doctor that are kept."""

    def launch(self, rung: int) -> Launch:
        placement = self.ladder[rung]
        environment = self.environments[placement.device]
        return Launch(
            engine=self.card.name,
            python=environment.python,
            managed=environment.origin == "managed",
            placement=placement,
            device_index=self.device_index,
            library_paths=environment.library_paths,
            variables=self.variables,
        )

    def device_name(self, device: str) -> str:
        """The device as the user names it: a worker that sees one GPU calls it the first."""
        return f"{device}:{self.device_index or 0}" if device == "cuda" else device


_Key = tuple[Launch, str, int]


@dataclass(slots=True)
class _Kept:
    worker: Worker
    ready: Ready
    outfit: Outfit
    rung: int


class Pool:
    """
    Owns the worker processes. `with Pool(settings) as pool:` ends them all, whatever happens.

    A worker is used within a `turn`; several threads may share a pool.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.witness = Witness(lambda: gather(settings))
        """Asked when a worker has failed."""
        self._kept: dict[_Key, _Kept] = {}
        self._benched: dict[_Key, float] = {}
        self._turns: dict[str, Turns] = defaultdict(Turns)
        """By job: of transcribers one works at a time, and of speech finders one."""

    def turn(self, outfit: Outfit, ticket: Ticket) -> AbstractContextManager[None]:
        """Within, the workers of this outfit's job are the caller's alone. Raises: Cancelled."""
        return self._turns[outfit.card.job].turn(ticket)

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def worker(self, outfit: Outfit, rung: int) -> tuple[Worker, Ready, bool]:
        """A worker with the model loaded, what it said when it was, and whether that was just now. Raises: WorkerFailed."""
        key = _key(outfit, rung)
        if self.holds(outfit, rung):
            kept = self._kept[key]
            return kept.worker, kept.ready, False
        self.discard(outfit, rung)
        self._make_room(outfit.card.job)
        worker = Worker(outfit.launch(rung), self._settings)
        try:
            ready = worker.load(outfit.model, outfit.threads)
        except BaseException:
            worker.kill()
            raise
        logs.event("worker-ready", engine=outfit.card.name, pid=worker.pid, load_s=ready.load_s)
        self._kept[key] = _Kept(worker, ready, outfit, rung)
        return worker, ready, True

    def holds(self, outfit: Outfit, rung: int) -> bool:
        """Whether `worker` would give one that is there, with its model loaded."""
        kept = self._kept.get(_key(outfit, rung))
        return kept is not None and kept.worker.alive

    def discard(self, outfit: Outfit, rung: int) -> None:
        """End this worker at once: it failed, or was left in the middle of an answer."""
        kept = self._kept.pop(_key(outfit, rung), None)
        if kept is not None:
            kept.worker.kill()

    def bench(self, outfit: Outfit, rungs: Iterable[int]) -> None:
        """Do not try these rungs again for a while."""
        for rung in rungs:
            self._benched[_key(outfit, rung)] = time.monotonic() + COOL_DOWN_S

    def first_rung(self, outfit: Outfit) -> int:
        """The best rung that is not benched; the last one if all are."""
        now = time.monotonic()
        open_rungs = (r for r in range(len(outfit.ladder)) if self._benched.get(_key(outfit, r), 0.0) <= now)
        return next(open_rungs, len(outfit.ladder) - 1)

    def close(self) -> None:
        for kept in self._kept.values():
            kept.worker.stop()
        self._kept.clear()

    def _make_room(self, job: str) -> None:
        """One worker a job at a time: a second model beside the first is memory nobody asked for."""
        for key, kept in list(self._kept.items()):
            if kept.outfit.card.job == job:
                kept.worker.stop()
                del self._kept[key]


def _key(outfit: Outfit, rung: int) -> _Key:
    """All that a worker is started and loaded with: one that differs in any of it is another worker."""
    return outfit.launch(rung), str(Path(outfit.model)), outfit.threads
