"""
Where the work of all doors is done: recordings through the pipeline, on threads that share one pool of workers.

Event loop and engines never meet: a request waits here, and is cancelled here
when its client goes away.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

from yamabiko import logs
from yamabiko.audio.decode_start import Nursery
from yamabiko.audio.speech_spans import SpeechOptions
from yamabiko.engines import catalog
from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.i18n import Text
from yamabiko.jobs.runner import Progress
from yamabiko.jobs.store import Job
from yamabiko.jobs.webhook import notify
from yamabiko.scheduling import heeding
from yamabiko.scheduling.pool import Kept, Outfit, Pool
from yamabiko.scheduling.room import Room
from yamabiko.scheduling.scheduler import Conduct, Run
from yamabiko.scheduling.setup import Wish, prepare
from yamabiko.scheduling.turns import Ticket
from yamabiko.server import job_forms
from yamabiko.server.config import Config
from yamabiko.server.job_room import JobRoom
from yamabiko.server.metrics import Metrics, Now
from yamabiko.server.problems import Refused, refused
from yamabiko.server.transcription_form import Asked
from yamabiko.settings import Settings
from yamabiko.speech import Segment, Transcript
from yamabiko.transcription import pipeline
from yamabiko.transcription.asking import Stage
from yamabiko.transcription.diarizing import SpeakersAsked
from yamabiko.transcription.mending import Mending

OUTFIT_FRESH_S = 60.0
"""So long an outfit is taken as it was found; then environment and model are looked at again."""


_ASK_AGAIN = Text("Ask again in a while; this tells when", "しばらくしてから再送する（状態の確認先）")
STOPPING = Text("The server is stopping.", "サーバーは停止中です。")
STOP_S = 10
"""How long answers on their way may take when the server is asked to end; the rest is cancelled."""
TRY_AGAIN_S = 30.0
"""What kept the server from being ready is tried again when somebody asks, not more often."""

Say = Callable[[Text | Finding], None]
Readiness = Literal["preparing", "ready", "failed"]


class Desk:
    """`start`, then `transcribe` from any number of tasks, then `close`."""

    def __init__(self, config: Config, settings: Settings, say: Say = lambda _: None) -> None:
        """`say`: what whoever started the server should read; called on any thread."""
        self.config = config
        self.settings = settings
        self._nursery = Nursery()
        self.pool = Pool(settings, Room(config.memory_budget_bytes, config.keep_free_bytes), self._nursery)
        self.metrics = Metrics(self._now)
        self._say = say
        self.readiness: Readiness = "preparing"
        self._tried_at = 0.0
        self.preparing = Text("starting", "起動中")
        self.trouble: Finding | None = None
        """Why it is not ready."""
        self._work = ThreadPoolExecutor(config.most_waiting, thread_name_prefix="work")
        self._open: dict[Ticket, float] = {}
        self._outfits: dict[Wish, tuple[float, Outfit]] = {}
        self._preparing: dict[Wish, threading.Lock] = {}
        """One wish is prepared once; who wants what is there already does not wait for another's download."""
        self._prepared = threading.Event()
        self.jobs = JobRoom(settings.data_dir / "jobs", self._perform, self._job_over)
        self._mending = Mending(settings, self._report, allowed=config.may_install)
        self._closing = threading.Event()

    # ---- life ------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Sets up the default engine on a thread; until it is ready, clients are told to come again."""
        for folder in self.config.allowed_folders:
            if not os.path.isdir(folder):
                self._say(_not_there(folder))
        self._nursery.begin()
        self._begin_to_get_ready()
        threading.Thread(target=self._tidy, name="tidy", daemon=True).start()
        if self.jobs.trouble is not None:
            self._say(self.jobs.trouble)
        self.jobs.start()

    def _begin_to_get_ready(self) -> None:
        self.readiness, self._tried_at = "preparing", time.monotonic()
        threading.Thread(target=self._get_ready, name="get-ready", daemon=True).start()

    def _try_again(self) -> None:
        """An index may answer again, a disk may have room."""
        if self.readiness == "failed" and time.monotonic() - self._tried_at >= TRY_AGAIN_S:
            self._begin_to_get_ready()

    def _get_ready(self) -> None:
        try:
            outfit = self.outfit(self.default_wish())
            self.outfit(Wish(catalog.SPEECH_FINDER, may_install=self.config.may_install))
            kept, _ = self._load(outfit)
        except Problem as problem:
            if self.trouble is None or self.trouble.id != problem.finding.id:
                self._say(problem.finding)
            self.trouble, self.readiness = problem.finding, "failed"
            logs.event("not-ready", finding=problem.finding.id)
            return
        self.trouble, self.readiness = None, "ready"
        self._prepared.set()
        logs.event("ready", engine=outfit.card.name, model=outfit.model_name)
        self._say(_ready(outfit, kept))

    def _load(self, outfit: Outfit) -> tuple[Kept | None, list[Finding]]:
        """
        A worker with the model in it, or None if it had to make room for another at once; and what went wrong on the way.

        Raises: Problem.
        """

        def load() -> Run:
            run = Run(self.pool, outfit, Conduct(), self._say, ticket=Ticket("yamabiko"))
            run.survive(lambda worker: None)
            return run

        run = self._mending.work(outfit, load, self._say)
        return self.pool.kept(outfit, run.rung), run.fallbacks

    def _tidy(self) -> None:
        """Models that nobody asked for in a while are given up, with their processes."""
        limit_s = self.config.idle_unload_s
        while limit_s and not self._closing.wait(min(30.0, limit_s / 4)):
            self.pool.unload(lambda kept: (kept.idle_s or 0.0) >= limit_s)

    def leave(self) -> None:
        """Nobody is let in any more; who is here has a while to get the answer."""
        if not self._closing.is_set():
            self._closing.set()
            self._say(_leaving(self.at_work))

    def close(self) -> None:
        self._closing.set()
        for ticket in list(self._open):
            ticket.cancel()
        self._work.shutdown(wait=True, cancel_futures=True)
        self.jobs.close()
        self.pool.close()

    # ---- what can be worked with ---------------------------------------------------------------------------------------

    def default_wish(self) -> Wish:
        config = self.config
        return Wish(
            config.engine, config.model, config.device, config.compute_type, config.threads,
            may_install=config.may_install, trust_model=config.trust_model, trust_pickle=config.trust_pickle,
        )  # fmt: skip

    def outfit(self, wish: Wish) -> Outfit:
        """Raises: Problem, as `setup.prepare`."""
        with self._preparing.setdefault(wish, threading.Lock()):
            known = self._outfits.get(wish)
            if known is not None and time.monotonic() - known[0] < OUTFIT_FRESH_S:
                return known[1]
            outfit = prepare(wish, self.settings, self._report)
            self._outfits[wish] = time.monotonic(), outfit
            for notice in outfit.notices if known is None else ():
                self._say(notice)
            return outfit

    def change_model(self, wish: Wish) -> Outfit:
        """The default engine's model is another from now on, if it can be had. Raises: Problem."""
        outfit = self.outfit(wish)
        self.config = replace(self.config, engine=wish.engine, model=wish.model)
        return outfit

    def load(self, wish: Wish) -> tuple[Kept | None, list[Finding]]:
        """A model loaded before anybody waits for it, as `_load`. Raises: Problem."""
        return self._load(self.outfit(wish))

    def request(self, asked: Asked, ticket: Ticket) -> pipeline.Request:
        """What the pipeline is to do; engines and models may have to be fetched for it. Raises: Problem."""
        finder = Wish(catalog.SPEECH_FINDER, may_install=self.config.may_install)
        heeding.refuse_by_card(catalog.card(asked.wish.engine), asked.wish.model, asked.options)
        return pipeline.Request(
            outfit=self.outfit(asked.wish),
            speech_finder=self.outfit(finder) if asked.speech is not None else None,
            options=asked.options,
            speech=asked.speech or SpeechOptions(),
            speakers=self._speakers(asked),
            aligner=self._second(asked.aligner, "align") if asked.aligner else None,
            guard=self.config.guard if asked.guard is None else asked.guard,
            conduct=Conduct(batch_size=self.config.batch_size),
            ticket=ticket,
            requested_device=asked.wish.device,
            requested_compute_type=asked.wish.compute_type,
        )

    def _speakers(self, asked: Asked) -> SpeakersAsked | None:
        """Raises: Problem, as `setup.prepare`."""
        if asked.speakers is None:
            return None
        wanted = asked.speakers
        finder = self._second(wanted.wish, "speaker_engine")
        return SpeakersAsked(finder, wanted.count, asked.known_speakers, wanted.required)

    def _second(self, wish: Wish, param: str) -> Outfit:
        """What is wrong with it is told of the field that asked for it. Raises: Refused."""
        try:
            return self.outfit(wish)
        except Problem as problem:
            raise Refused(problem.finding, param=param) from None

    def _report(self, what: Text, done: int, total: int) -> None:
        if what != self.preparing:
            self._say(what)
        self.preparing = what

    # ---- work ------------------------------------------------------------------------------------------------------------

    @property
    def at_work(self) -> int:
        return len(self._open)

    @asynccontextmanager
    async def place(self, client: str, *, urgent: bool = True) -> AsyncIterator[Ticket]:
        """A place in the queue, given back at the end. Raises: Refused (server-busy, server-not-ready)."""
        self._refuse()
        ticket = Ticket(client, urgent=urgent)
        self._open[ticket] = time.monotonic()
        try:
            yield ticket
        finally:
            del self._open[ticket]
            ticket.cancel()  # whatever still works at it has nobody to work for

    @asynccontextmanager
    async def folder(self) -> AsyncIterator[Path]:
        """For what a client sends; gone at the end, on every path."""
        root = self.settings.work_dir
        root.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-upload-", dir=root))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    async def transcribe(
        self,
        recording: Path,
        name: str,
        request: pipeline.Request,
        heard: Callable[[Sequence[Segment]], None] | None = None,
    ) -> Transcript:
        """
        The transcript, under the name that the client gave. `heard` is told each stretch, on a thread of work.

        Raises: Problem, Cancelled.
        """
        watcher = _Watcher(request.ticket, heard)
        loop = asyncio.get_running_loop()

        def work() -> Transcript:
            request.ticket.hold()
            return self._mending.transcribe(recording, request, self.pool, watcher)

        try:
            transcript = await loop.run_in_executor(self._work, work)
        except Problem as problem:
            self.metrics.failed(problem.finding)
            raise
        except BaseException:  # also when the task is cancelled, as it is when its client goes away
            request.ticket.cancel()
            self.metrics.cancelled()
            raise
        pipeline.forget(recording, request, self.settings)
        self.metrics.answered(transcript, watcher.first_s)
        return replace(transcript, source=name)

    # ---- jobs ------------------------------------------------------------------------------------------------------

    def _perform(self, job: Job, ticket: Ticket, watcher: Progress) -> Transcript:
        """On the runner's thread, as soon as there is an engine. Raises: Problem, Cancelled."""
        while not self._prepared.wait(0.5):
            ticket.hold()
            self._try_again()
        request = self.request(job_forms.asked(job, self.default_wish(), self.config.own), ticket)
        recording = Path(job.recording)
        transcript = self._mending.transcribe(recording, request, self.pool, watcher)
        pipeline.forget(recording, request, self.settings)
        self.metrics.answered(transcript)
        return replace(transcript, source=job.name)

    def _job_over(self, job: Job) -> None:
        logs.event("job-over", job=job.id, state=job.state)
        if job.webhook:
            threading.Thread(target=notify, args=(job, self.config.webhook_hosts), name="webhook", daemon=True).start()

    def _now(self) -> Now:
        return Now(self.pool.loaded(), self.pool.waiting, self.at_work, self.jobs.counts())

    @property
    def leaving(self) -> bool:
        return self._closing.is_set()

    def stopping(self) -> Refused:
        return refused("server-not-ready", STOPPING, retry_after_s=5)

    def _refuse(self) -> None:
        if self.leaving:
            raise self.stopping()
        if self.readiness == "failed" and self.trouble is not None:
            self._try_again()
            raise Refused(self.trouble, retry_after_s=TRY_AGAIN_S)
        if self.readiness == "preparing":
            raise refused(
                "server-not-ready",
                Text(f"Not ready yet: {self.preparing.en}.", f"準備中です（{self.preparing.ja}）。"),
                f"server: {self.preparing.en}",
                retry_after_s=5,
                remedies=(Remedy(_ASK_AGAIN, "GET /ready"),),
            )
        if len(self._open) >= self.config.most_waiting:
            raise refused(
                "server-busy",
                Text(
                    f"{len(self._open)} requests are at work or waiting, as many as this server takes.",
                    f"処理中と待機中の要求が {len(self._open)} 件あり、上限に達しています。",
                ),
                f"server: {len(self._open)} of {self.config.most_waiting}",
                retry_after_s=self._until_free_s(),
            )

    def _until_free_s(self) -> float:
        """As long as a request took in the mean, within reason."""
        stats = self.metrics.stats
        mean_s = stats.work_s / stats.answered if stats.answered else 5.0
        return min(60.0, max(1.0, mean_s))


class _Watcher:
    """Ends work that nobody waits for, at the pipeline's next word."""

    def __init__(self, ticket: Ticket, heard: Callable[[Sequence[Segment]], None] | None) -> None:
        self._ticket = ticket
        self._heard = heard
        self._begun = time.monotonic()
        self.first_s: float | None = None
        """Until the first text came."""

    def progress(self, stage: Stage, done_s: float, total_s: float | None) -> None:
        self._ticket.hold()

    def segments(self, segments: Sequence[Segment]) -> None:
        self._ticket.hold()
        if self.first_s is None:
            self.first_s = time.monotonic() - self._begun
        if self._heard is not None:
            self._heard(segments)

    def notice(self, finding: Finding) -> None:
        logs.event("notice", finding=finding.id)


def _not_there(folder: str) -> Text:
    return Text(
        f"The allowed folder {folder} is not there: until it is, no recording can be named from it.",
        f"許可されたフォルダー {folder} がありません。作られるまで、そこの録音は指定できません。",
    )


def _leaving(at_work: int) -> Text:
    if not at_work:
        return Text("Stopping.", "終了します。")
    return Text(
        f"Stopping: {at_work} at work, at most {STOP_S} s more (Ctrl-C once more: at once)",
        f"終了します: 処理中 {at_work} 件、最長 {STOP_S} 秒待ちます（もう一度 Ctrl-C ですぐに終了）",
    )


def _ready(outfit: Outfit, kept: Kept | None) -> Text:
    """Where the engine says that it is: what it did there, the first answer proves."""
    where = f"{kept.ready.loaded.device}/{kept.ready.loaded.compute_type}" if kept else "?"
    return Text(
        f"Ready: {outfit.card.name} with {outfit.model_name}, on {where} as the engine says",
        f"準備ができました: {outfit.card.name}（モデル {outfit.model_name}、エンジンの申告では {where}）",
    )
