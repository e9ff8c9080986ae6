"""
Jobs on the disk: SQLite in WAL mode, so that a server that is killed finds them again as they were.

A job's row changes in one transaction with the event that tells of it; events
are numbered, and a reader that was away asks for those after the last it saw.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.i18n import Text
from yamabiko.records import from_plain, to_plain
from yamabiko.seams import continued
from yamabiko.speech import Transcript

State = Literal["waiting", "working", "paused", "done", "failed", "cancelled"]
OVER: tuple[State, ...] = ("done", "failed", "cancelled")
"""Nothing more happens to these."""
MOST_DEATHS = 3
"""A job at which the whole server died so often is not begun again."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, created REAL NOT NULL, client TEXT NOT NULL, state TEXT NOT NULL, job TEXT NOT NULL,
    transcript TEXT
);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, created);
CREATE TABLE IF NOT EXISTS events (
    number INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL, kind TEXT NOT NULL, said TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS events_by_job ON events (job, number);
"""


@dataclass(frozen=True, slots=True)
class Job:
    id: str
    client: str
    name: str
    """Of the recording, as the client called it."""
    recording: str
    """Path, in a folder of ours."""
    asked: dict[str, tuple[str, ...]]
    """The fields of the form."""
    created: float
    state: State = "waiting"
    stage: str = ""
    percent: float = 0.0
    eta_s: float | None = None
    """None while there is nothing to reckon it from."""
    partial: str = ""
    """What was heard so far."""
    begun: float | None = None
    ended: float | None = None
    starts: int = 0
    """How often it was begun, after a pause too."""
    deaths: int = 0
    """How often a server ended, and not by its usual end, while it worked at it, and got no further in between."""
    died_at: int = 0
    """Characters of `partial` at the last of these ends."""
    finding: Finding | None = None
    """Why it failed."""
    webhook: str = ""
    webhook_secret: str = ""
    known_speakers: dict[str, str] = field(default_factory=dict)
    """Recordings of their voices, by name: paths in the recording's folder."""


HIDDEN = ("recording", "webhook_secret", "known_speakers")
"""What nobody but us may know of a job."""


@dataclass(frozen=True, slots=True)
class Event:
    number: int
    job: str
    kind: str
    said: dict[str, Any] = field(default_factory=dict)


def told(job: Job) -> dict[str, Any]:
    """What anybody but us may know of it."""
    return {"object": "job", **{key: value for key, value in to_plain(job).items() if key not in HIDDEN}}


class Store:
    """Safe for several threads; one process. Every method may raise Problem (jobs-unreadable)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        with self._told():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=FULL")
            self._database.executescript(_SCHEMA)

    def close(self) -> None:
        with self._lock:
            self._database.close()

    # ---- jobs ------------------------------------------------------------------------------------------------------

    def add(self, client: str, name: str, recording: Path, asked: dict[str, tuple[str, ...]], **more: Any) -> Job:
        job = Job(secrets.token_hex(8), client, name, str(recording), asked, time.time(), **more)
        with self._transaction():
            self._database.execute(
                "INSERT INTO jobs VALUES (?, ?, ?, ?, ?, NULL)",
                (job.id, job.created, client, job.state, json.dumps(to_plain(job))),
            )
            self._tell(job, "waiting")
        return job

    def find(self, id_: str) -> Job | None:
        with self._told():
            row = self._database.execute("SELECT job FROM jobs WHERE id = ?", (id_,)).fetchone()
        return None if row is None else _job(row[0])

    def all(self, client: str | None = None, most: int = 1000) -> list[Job]:
        """The newest first."""
        which, values = ("WHERE client = ?", (client,)) if client is not None else ("", ())
        with self._told():
            rows = self._database.execute(
                f"SELECT job FROM jobs {which} ORDER BY created DESC LIMIT ?",
                (*values, most),
            ).fetchall()
        return [_job(row[0]) for row in rows]

    def counts(self) -> dict[str, int]:
        """How many there are in each state, none of them left out."""
        with self._told():
            rows = self._database.execute("SELECT state, count(*) FROM jobs GROUP BY state").fetchall()
        return dict.fromkeys(get_args(State), 0) | dict(rows)

    def next_waiting(self) -> Job | None:
        """Begun from now on: the oldest of the client whose turn was longest ago."""
        with self._transaction():
            row = self._database.execute(
                "SELECT job FROM jobs WHERE state = 'waiting' ORDER BY (SELECT coalesce(max(json_extract(other.job, "
                "'$.begun')), 0) FROM jobs AS other WHERE other.client = jobs.client), created LIMIT 1"
            ).fetchone()
            if row is None:
                return None
            job = _job(row[0])
            return self._change(job, "working", begun=time.time(), starts=job.starts + 1)

    def change(self, id_: str, state: State, among: tuple[State, ...], **more: Any) -> Job | None:
        """The job in its new state, or None where it is not there or in none of the states `among`."""
        with self._transaction():
            job = self.find(id_)
            if job is None or job.state not in among:
                return None
            return self._change(job, state, **more)

    def progress(self, id_: str, stage: str, percent: float, eta_s: float | None, heard: str = "") -> None:
        """Told while it is at work; what comes later is dropped."""
        with self._transaction():
            job = self.find(id_)
            if job is None or job.state != "working":
                return
            heard = continued(job.partial, heard)
            now = replace(job, stage=stage, percent=percent, eta_s=eta_s, partial=job.partial + heard)
            self._put(now)
            said: dict[str, Any] = {"stage": stage, "percent": round(percent, 1), "eta_s": eta_s}
            self._tell(now, "progress", said | ({"text": heard} if heard else {}))

    def finish(self, id_: str, transcript: Transcript) -> Job | None:
        """Done, with its transcript, in one step."""
        with self._transaction():
            self._database.execute(
                "UPDATE jobs SET transcript = ? WHERE id = ?", (json.dumps(to_plain(transcript)), id_)
            )
            return self.change(
                id_, "done", ("working",), percent=100.0, eta_s=0.0, partial=transcript.text, ended=time.time()
            )

    def transcript(self, id_: str) -> Transcript | None:
        with self._told():
            row = self._database.execute("SELECT transcript FROM jobs WHERE id = ?", (id_,)).fetchone()
        return None if row is None or row[0] is None else from_plain(Transcript, json.loads(row[0]))

    def forget(self, id_: str) -> bool:
        with self._transaction():
            self._database.execute("DELETE FROM events WHERE job = ?", (id_,))
            return self._database.execute("DELETE FROM jobs WHERE id = ?", (id_,)).rowcount > 0

    def recover(self) -> list[Job]:
        """What a dead server left at work waits again; what it died of too often is set aside with its Finding."""
        found = []
        for job in (job for job in self.all() if job.state == "working"):
            further = len(job.partial) > job.died_at  # the machine's own ends, not this recording's
            died = replace(job, deaths=1 if further else job.deaths + 1)
            more: dict[str, Any] = {"deaths": died.deaths, "died_at": len(job.partial)}
            if died.deaths >= MOST_DEATHS:
                more |= {"finding": _set_aside(died), "ended": time.time()}
            changed = self.change(job.id, "failed" if "finding" in more else "waiting", ("working",), **more)
            found += [changed] if changed else []
        return found

    # ---- events ----------------------------------------------------------------------------------------------------

    def events(self, id_: str, after: int = 0) -> list[Event]:
        """Those after number `after`, oldest first."""
        with self._told():
            rows = self._database.execute(
                "SELECT number, job, kind, said FROM events WHERE job = ? AND number > ? ORDER BY number LIMIT 500",
                (id_, after),
            ).fetchall()
        return [Event(number, job, kind, json.loads(said)) for number, job, kind, said in rows]

    # ---- inside ----------------------------------------------------------------------------------------------------

    def _change(self, job: Job, state: State, **more: Any) -> Job:
        changed = replace(job, state=state, **more)
        self._put(changed)
        self._tell(changed, state, {"finding": to_plain(changed.finding)} if state == "failed" else {})
        return changed

    def _put(self, job: Job) -> None:
        self._database.execute(
            "UPDATE jobs SET state = ?, job = ? WHERE id = ?", (job.state, json.dumps(to_plain(job)), job.id)
        )

    def _tell(self, job: Job, kind: str, said: dict[str, Any] | None = None) -> None:
        self._database.execute(
            "INSERT INTO events (job, kind, said) VALUES (?, ?, ?)", (job.id, kind, json.dumps(said or {}))
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """One step, also within another."""
        with self._told():
            outer = self._database.in_transaction
            if not outer:
                self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if not outer:
                    self._database.execute("ROLLBACK")
                raise
            if not outer:
                self._database.execute("COMMIT")

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            with self._lock:
                yield
        except (sqlite3.Error, OSError) as error:
            raise Problem(_unreadable(self._path, error)) from error


def _job(text: str) -> Job:
    return from_plain(Job, json.loads(text))


def _set_aside(job: Job) -> Finding:
    return Finding(
        id="job-set-aside",
        severity="error",
        area="worker",
        cause=Text(
            f"The server ended {job.deaths} times at the same place of “{job.name}”, so it is not begun again.",
            f"「{job.name}」の同じ箇所を処理中にサーバーが {job.deaths} 回終了したため、やり直しません。",
        ),
        evidence=(f"job: at work {job.deaths} times when its server was gone",),
        remedies=(
            Remedy(
                Text("Try the recording by itself, to see what happens", "この録音だけを処理し、何が起きるか確かめる"),
                "yamabiko FILE --verbose",
                "effort",
            ),
        ),
    )


def _unreadable(path: Path, error: Exception) -> Finding:
    return Finding(
        id="jobs-unreadable",
        severity="error",
        area="output",
        cause=Text(f"The list of jobs cannot be used: {path.name}", f"ジョブの一覧を使えません: {path.name}"),
        evidence=(f"sqlite: {error}",),
        remedies=(
            Remedy(Text("See whether the disk is full", "ディスクの空きを確かめる"), f"df -h {path.parent}", "effort"),
            Remedy(
                Text(
                    "Move it away and begin a new one: jobs in it are lost",
                    "別の場所に移して作り直す（中のジョブは失われます）",
                ),
                f"mv {path} {path}.old",
                "effort",
            ),
        ),
    )
