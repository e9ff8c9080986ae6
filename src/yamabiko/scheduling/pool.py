"""
Workers by engine, model and placement: started when asked for, kept for the next file, ended with us.

One a job is kept; with a `Room` as many as fit. Ending a worker is the only way to unload it: nothing else gives all
the memory of a GPU back.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from yamabiko import children, logs
from yamabiko.audio.decode_start import Nursery, Start, spawn
from yamabiko.diagnosis.facts.gather import gather
from yamabiko.diagnosis.witness import Witness
from yamabiko.engines.contract import Card, Placement
from yamabiko.engines.environments import Environment
from yamabiko.findings import Finding, Problem
from yamabiko.scheduling import room
from yamabiko.scheduling.riding import Riding
from yamabiko.scheduling.room import Need, Resident, Room
from yamabiko.scheduling.turns import Ticket, Turns
from yamabiko.settings import Settings
from yamabiko.workers.exits import WorkerFailed
from yamabiko.workers.launch import Launch
from yamabiko.workers.messages import Done, Ready
from yamabiko.workers.process import Worker

LOOK_S = 0.25
"""How often whoever waits to decode looks whether anybody still waits for it."""
DECODERS = 2 * children.usable_processors()
"""At once: sixty-four would take each other's time and memory, and one for each processor lets two slow files stop all."""
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
    notices: tuple[Finding, ...] = ()
    """What is to be told with every answer: environments that could not be made, a GPU that is left alone."""
    compute_type: str = "auto"
    """As it was asked for: the ladder holds what is tried, the receipt what was used."""

    def launch(self, rung: int) -> Launch:
        placement = self.ladder[rung]
        environment = self.environments[placement.device]
        return Launch(
            engine=self.card.name,
            python=environment.python,
            managed=environment.origin == "managed",
            placement=placement,
            device_index=None if placement.device == "cpu" else self.device_index,
            library_paths=environment.library_paths,
            variables=self.variables,
        )

    def place(self, rung: int) -> str:
        """The device of a rung by name, as far as it is known before anything has run there."""
        return self.device_name(self.ladder[rung].device)

    def device_name(self, device: str) -> str:
        """The device as the user names it: a worker that sees one GPU calls it the first."""
        return f"{device}:{self.device_index or 0}" if device == "cuda" else device


_Key = tuple[Launch, str, int]
_Slot = tuple[str, str]
"""Job and device. In each, one worker is at work at a time."""


@dataclass(slots=True)
class Kept:
    """A worker with its model loaded."""

    worker: Worker
    ready: Ready
    outfit: Outfit
    rung: int
    need: Need
    idle_since: float | None = None
    """None: at work."""

    @property
    def place(self) -> str:
        return self.outfit.place(self.rung)

    @property
    def idle_s(self) -> float | None:
        return None if self.idle_since is None else time.monotonic() - self.idle_since


class Pool:
    """
    Owns the worker processes. `with Pool(settings) as pool:` ends them all, whatever happens.

    A worker is used within a `turn`; several threads may share a pool.
    """

    def __init__(self, settings: Settings, room: Room | None = None, nursery: Nursery | None = None) -> None:
        """`nursery`: for more recordings than a few; closed with the pool."""
        self._settings = settings
        self._room = room
        self._nursery = nursery
        self.witness = Witness(lambda: gather(settings))
        """Asked when a worker has failed."""
        self.started = 0
        """Workers, since the pool was made."""
        self._lock = threading.Lock()
        """For the tables below; never held while a worker starts, loads or ends."""
        self._kept: dict[_Key, Kept] = {}
        self._benched: dict[_Key, tuple[float, Finding | None]] = {}
        """Until when, and why."""
        self._needs: dict[_Key, Need] = {}
        """As measured, also of workers that are gone."""
        self._device_free: dict[str, int] = {}
        """By device: what its driver called free at the last answer, and what was given back since."""
        self._turns: dict[_Slot, Turns] = {}
        self.riding = Riding()
        self._decoders = threading.BoundedSemaphore(DECODERS)

    @contextlib.contextmanager
    def turn(
        self, outfit: Outfit, rung: int, ticket: Ticket, unless: Callable[[], bool] = lambda: False
    ) -> Iterator[bool]:
        """
        Within, the workers of this job on this device are the caller's alone; if it is false, they are another's.

        `unless`: see `Turns.turn`. Raises: Cancelled.
        """
        slot = _slot(outfit, rung)
        with self._lock:
            turns = self._turns.setdefault(slot, Turns())
        with turns.turn(ticket, unless) as mine:
            try:
                yield mine
            finally:
                if mine:
                    self._rest(slot)

    @contextlib.contextmanager
    def decoding(self, ticket: Ticket) -> Iterator[Start]:
        """Within, the caller may decode, as `DECODERS` others may, by a decoder started so. Raises: Cancelled."""
        with ticket.waiting():
            while not self._decoders.acquire(timeout=LOOK_S):
                ticket.hold()
        try:
            ticket.hold()
            yield self._nursery.start if self._nursery else spawn
        finally:
            self._decoders.release()

    @property
    def waiting(self) -> int:
        """Questions that wait for their turn."""
        with self._lock:
            return sum(turns.waiting for turns in self._turns.values())

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def worker(self, outfit: Outfit, rung: int) -> tuple[Worker, Ready, bool]:
        """
        A worker with the model loaded, what it said when it was, and whether that was just now.

        Raises: WorkerFailed; Problem (model-over-budget).
        """
        key = _key(outfit, rung)
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and kept.worker.alive:
                kept.idle_since = None
                return kept.worker, kept.ready, False
        self.discard(outfit, rung)
        self._hold_to_budget(outfit, self._needs.get(key))
        self._make_room(key, outfit, rung)
        worker, ready = self._start(outfit, rung)
        need = self._needs.setdefault(key, Need(_resident(worker)))
        try:
            self._hold_to_budget(outfit, need)
        except Problem:
            worker.kill()
            raise
        with self._lock:
            self.started += 1
            self._kept[key] = Kept(worker, ready, outfit, rung, need)
        return worker, ready, True

    def name(self, outfit: Outfit, rung: int) -> Hashable:
        """Equal for the same worker, loaded with the same."""
        return _key(outfit, rung)

    def kept(self, outfit: Outfit, rung: int) -> Kept | None:
        with self._lock:
            return self._kept.get(_key(outfit, rung))

    def holds(self, outfit: Outfit, rung: int) -> bool:
        """Whether `worker` would give one that is there, with its model loaded."""
        with self._lock:
            kept = self._kept.get(_key(outfit, rung))
        return kept is not None and kept.worker.alive

    def measure(self, outfit: Outfit, rung: int, done: Done) -> None:
        """What its worker was seen to need, at the end of an answer."""
        key = _key(outfit, rung)
        with self._lock:
            kept = self._kept.get(key)
            if kept is None:
                return
            seen = done.device_memory
            kept.need = self._needs[key] = Need(
                max(kept.need.host, _resident(kept.worker)), seen.taken if seen else kept.need.device
            )
            if seen is not None:
                self._device_free[kept.place] = seen.free

    def discard(self, outfit: Outfit, rung: int) -> None:
        """End this worker at once: it failed, or was left in the middle of an answer."""
        with self._lock:
            kept = self._taken_out(_key(outfit, rung))
        if kept is not None:
            kept.worker.kill()

    def bench(self, outfit: Outfit, rungs: Iterable[int], why: Finding | None = None) -> None:
        """Do not try these rungs again for a while."""
        for rung in rungs:
            self._benched[_key(outfit, rung)] = time.monotonic() + COOL_DOWN_S, why

    def first_rung(self, outfit: Outfit) -> int:
        """The best rung that is not benched; the last one if all are."""
        open_rungs = (r for r in range(len(outfit.ladder)) if not self._is_benched(outfit, r))
        return next(open_rungs, len(outfit.ladder) - 1)

    def why_benched(self, outfit: Outfit, before: int) -> Finding | None:
        """Why the best of the rungs before this one is not tried now; None if it would be, or nobody knows."""
        best = next((rung for rung in range(before) if self._is_benched(outfit, rung)), None)
        return None if best is None else self._benched[_key(outfit, best)][1]

    def _is_benched(self, outfit: Outfit, rung: int) -> bool:
        return self._benched.get(_key(outfit, rung), (0.0, None))[0] > time.monotonic()

    # ---- what is loaded ------------------------------------------------------------------------------------------------

    def loaded(self) -> list[Kept]:
        """A look at what is there now; the workers are the pool's."""
        with self._lock:
            return list(self._kept.values())

    def unload(self, which: Callable[[Kept], bool]) -> list[Kept]:
        """End those that idle and are meant; they are given back, ended. What is at work stays."""
        with self._lock:
            meant = [key for key, kept in self._kept.items() if kept.idle_since is not None and which(kept)]
            going = [kept for key in meant if (kept := self._taken_out(key)) is not None]
        for kept in going:
            kept.worker.stop()
            logs.event("unloaded", engine=kept.outfit.card.name, model=kept.outfit.model_name, pid=kept.worker.pid)
        return going

    def close(self) -> None:
        with self._lock:
            going = list(self._kept.values())
            self._kept.clear()
        for kept in going:
            kept.worker.stop()
        if self._nursery is not None:
            self._nursery.close()

    # ---- inside ----------------------------------------------------------------------------------------------------

    def _hold_to_budget(self, outfit: Outfit, need: Need | None) -> None:
        """What is too large even alone is no model for this server. Raises: Problem (model-over-budget)."""
        if self._room is not None and need is not None and self._room.never_fits(need.host):
            raise Problem(room.over_budget(outfit.card.name, outfit.model_name, need.host, self._room.budget))

    def _start(self, outfit: Outfit, rung: int) -> tuple[Worker, Ready]:
        """One that does not load beside others is tried once more alone. Raises: WorkerFailed."""
        try:
            return self._loaded(outfit, rung)
        except WorkerFailed as failure:
            if self._room is None or not self.unload(lambda kept: kept.place == outfit.place(rung)):
                raise
            logs.event("load-again-alone", engine=outfit.card.name, failed=failure.exit.kind)
            return self._loaded(outfit, rung)

    def _loaded(self, outfit: Outfit, rung: int) -> tuple[Worker, Ready]:
        worker = Worker(outfit.launch(rung), self._settings)
        try:
            ready = worker.load(outfit.model, outfit.threads)
        except BaseException:
            worker.kill()
            raise
        logs.event("worker-ready", engine=outfit.card.name, pid=worker.pid, load_s=ready.load_s)
        return worker, ready

    def _make_room(self, key: _Key, outfit: Outfit, rung: int) -> None:
        """Without a Room, one worker a job: a second model beside the first is memory nobody asked for."""
        job, place = _slot(outfit, rung)
        with self._lock:
            if self._room is None:
                names = [other for other, kept in self._kept.items() if kept.outfit.card.job == job]
            else:
                residents = [Resident(other, kept.place, kept.need, kept.idle_s) for other, kept in self._kept.items()]
                names = self._room.must_go(
                    self._needs.get(key), place, residents,
                    available=children.available_memory_bytes(),
                    device_free=self._device_free.get(place),
                    guess=room.guess(outfit.model),
                )  # fmt: skip
            going = [kept for name in names if (kept := self._taken_out(name)) is not None]
        for kept in going:
            kept.worker.stop()

    def _taken_out(self, key: _Key) -> Kept | None:
        """Under the lock."""
        kept = self._kept.pop(key, None)
        if kept is not None and kept.place in self._device_free:
            self._device_free[kept.place] += kept.need.device or 0
        return kept

    def _rest(self, slot: _Slot) -> None:
        with self._lock:
            for kept in self._kept.values():
                if kept.idle_since is None and _slot(kept.outfit, kept.rung) == slot:
                    kept.idle_since = time.monotonic()


def _key(outfit: Outfit, rung: int) -> _Key:
    """All that a worker is started and loaded with: one that differs in any of it is another worker."""
    return outfit.launch(rung), str(Path(outfit.model)), outfit.threads


def _slot(outfit: Outfit, rung: int) -> _Slot:
    return outfit.card.job, outfit.place(rung)


def _resident(worker: Worker) -> int:
    return children.resident_bytes(worker.pid) or 0
