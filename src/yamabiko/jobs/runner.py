"""
Jobs done one after the other, behind whatever is urgent; what is stopped goes on where it was.

The pipeline's journal keeps the answers of every chunk by the recording's path,
so a job that is paused, or whose server was killed, is simply done again: only
what is missing is asked.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from yamabiko import logs
from yamabiko.findings import Finding, Problem, our_bug
from yamabiko.jobs.store import OVER, Job, State, Store
from yamabiko.scheduling.turns import Cancelled, Ticket
from yamabiko.seams import joined
from yamabiko.speech import Segment, Transcript
from yamabiko.transcription.asking import Stage

_PART: dict[Stage, tuple[float, float]] = {
    # begin and length of each stage in the whole, as the command line shows it
    "decode": (0.0, 4.0),
    "find speech": (4.0, 6.0),
    "find speakers": (10.0, 0.0),
    "load": (10.0, 90.0),
    "transcribe": (10.0, 90.0),
    "align": (100.0, 0.0),
}
TELL_EVERY_S = 1.0


class Perform(Protocol):
    def __call__(self, job: Job, ticket: Ticket, watcher: Progress) -> Transcript:
        """Raises: Problem, Cancelled."""


class Runner:
    """`start`, then `wake` whenever a job was added; `close` leaves what is at work waiting for the next start."""

    def __init__(self, store: Store, perform: Perform, ended: Callable[[Job], None] = lambda job: None) -> None:
        self._store = store
        self._perform = perform
        self._ended = ended
        """Told of every job that is over, on the thread of work."""
        self._wake = threading.Event()
        self._closed = False
        self._at_work: tuple[str, Ticket] | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="jobs", daemon=True)

    def start(self) -> None:
        for job in self._store.recover():
            if job.state in OVER:
                self._over(job)
        self._thread.start()

    def close(self) -> None:
        self._closed = True
        self._stop(None)
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join()

    def wake(self) -> None:
        self._wake.set()

    def cancel(self, id_: str) -> Job | None:
        return self._end(id_, "cancelled", ("waiting", "working", "paused"))

    def pause(self, id_: str) -> Job | None:
        return self._end(id_, "paused", ("waiting", "working"))

    def resume(self, id_: str) -> Job | None:
        job = self._store.change(id_, "waiting", ("paused",))
        self.wake()
        return job

    def forget(self, id_: str) -> bool:
        """Recording and transcript too. What is at work is cancelled first."""
        self.cancel(id_)
        job = self._store.find(id_)
        if job is None:
            return False
        _remove(job)
        return self._store.forget(id_)

    # ---- inside ----------------------------------------------------------------------------------------------------

    def _end(self, id_: str, state: State, among: tuple[State, ...]) -> Job | None:
        over = {"ended": time.time()} if state in OVER else {}
        job = self._store.change(id_, state, among, eta_s=None, **over)
        self._stop(id_)
        if job is not None and state in OVER:
            self._over(job)
        return job

    def _over(self, job: Job) -> None:
        _remove(job)
        self._ended(job)

    def _stop(self, id_: str | None) -> None:
        """The work at this job, or at any."""
        with self._lock:
            if self._at_work is not None and id_ in (None, self._at_work[0]):
                self._at_work[1].cancel()

    def _work(self) -> None:
        while not self._closed:
            self._wake.clear()
            try:
                job = self._store.next_waiting()
                if job is None:
                    self._wake.wait()
                    continue
                self._do(job)
            except Problem as problem:  # the disk is full, or the list is gone: what is there waits
                logs.event("jobs-stopped", finding=problem.finding.id)
                self._wake.wait(30)

    def _do(self, job: Job) -> None:
        ticket = Ticket(job.client)
        with self._lock:
            self._at_work = job.id, ticket
        try:
            now = self._store.find(job.id)
            if self._closed or now is None or now.state != "working":  # stopped before we held its ticket
                ticket.cancel()
            done = self._perform(job, ticket, Progress(self._store, job, ticket))
        except Cancelled:
            if self._closed:
                self._store.change(job.id, "waiting", ("working",))
            return
        except Problem as problem:
            over = self._store.change(job.id, "failed", ("working",), finding=problem.finding, ended=time.time())
        except Exception as error:  # noqa: BLE001 - a mistake of ours costs this job, not all that wait
            logs.event("bug", error=repr(error), job=job.id)
            over = self._store.change(job.id, "failed", ("working",), finding=our_bug(error), ended=time.time())
        else:
            over = self._store.finish(job.id, done)
        finally:
            with self._lock:
                self._at_work = None
        if over is not None:
            self._over(over)


class Progress:
    """A Watcher that writes into the store, not more often than anybody would look."""

    def __init__(self, store: Store, job: Job, ticket: Ticket) -> None:
        self._store = store
        self._job = job
        self._ticket = ticket
        self._told_at = 0.0
        self._first: tuple[float, float] | None = None
        """When transcribing was first told of, and how far it was."""
        self._stage: Stage = "decode"
        self._percent = 0.0

    def progress(self, stage: Stage, done_s: float, total_s: float | None) -> None:
        self._ticket.hold()
        begin, length = _PART[stage]
        part = min(1.0, done_s / total_s) if total_s else 0.0
        now = time.monotonic()
        if stage == "transcribe" and self._first is None:
            self._first = now, part
        changed, self._stage, self._percent = stage != self._stage, stage, begin + length * part
        # An answer comes a few times a minute and is always told; how far decoding is, not more often than people look.
        if changed or stage == "transcribe" or now - self._told_at >= TELL_EVERY_S:
            self._told_at = now
            self._store.progress(self._job.id, stage, self._percent, self._eta_s(now, part))

    def segments(self, segments: Sequence[Segment]) -> None:
        self._ticket.hold()
        heard = joined(segment.text for segment in segments)
        if heard:
            self._store.progress(self._job.id, self._stage, self._percent, None, heard)

    def notice(self, finding: Finding) -> None:
        logs.event("notice", job=self._job.id, finding=finding.id)

    def _eta_s(self, now: float, part: float) -> float | None:
        if self._stage != "transcribe" or self._first is None or part <= self._first[1]:
            return None
        speed = (part - self._first[1]) / (now - self._first[0])
        return round((1.0 - part) / speed, 1)


def _remove(job: Job) -> None:
    """The recordings and the folder that was made for them."""
    recording = Path(job.recording)
    for path in (recording, *map(Path, job.known_speakers.values())):
        path.unlink(missing_ok=True)
    for folder in recording.parents[:2]:
        try:
            folder.rmdir()
        except OSError:  # another recording is in it
            return
