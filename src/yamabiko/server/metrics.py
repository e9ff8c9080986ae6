"""
What happened since the start, in figures: for `/stats` and, in Prometheus's words, for `/metrics`.

No label is a file name, a client or anything that somebody said. Averages are left
to whoever asks: the real-time factor is the ratio of two sums.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from yamabiko import __version__, logs
from yamabiko.findings import Finding
from yamabiko.scheduling.pool import Kept
from yamabiko.speech import Transcript

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
_WORK = ("engine", "model", "device")
_WORKER = re.compile(r"worker: \S+ on ([a-z]+)/")


@dataclass(frozen=True, slots=True)
class Now:
    """How things stand at the moment of a question."""

    loaded: Sequence[Kept]
    waiting: int
    at_work: int
    jobs: dict[str, int]


@dataclass(slots=True)
class Stats:
    """The sums of `/stats`."""

    begun: float = field(default_factory=time.time)
    answered: int = 0
    failed: int = 0
    cancelled: int = 0
    audio_s: float = 0.0
    work_s: float = 0.0
    fallbacks: int = 0
    last: Transcript | None = None
    """Of it only the receipt is ever shown."""


class Metrics:
    """Told of every answer and failure, from any thread."""

    def __init__(self, now: Callable[[], Now]) -> None:
        self.stats = Stats()
        self._registry = CollectorRegistry()
        self._registry.register(_Standing(now))
        self.http_requests = self._counter("http_requests", "Requests by their answer", "route", "method", "code")
        self.http_seconds = self._histogram(
            "http_request_duration_seconds", "Until the answer's end", "route", "method"
        )
        self._audio = self._counter("audio_input_seconds", "Audio transcribed, in seconds", *_WORK)
        self._inference = self._counter(
            "inference_seconds", "Time in the engine; by the audio: the real-time factor", *_WORK
        )
        self._loading = self._histogram("model_load_seconds", "Until a model was loaded", *_WORK)
        self._queue = self._histogram("job_queue_seconds", "Waiting for other work, in an answer")
        self._first = self._histogram("time_to_first_segment_seconds", "From the request's place to its first text")
        self._fallbacks = self._counter(
            "fallback", "Answers gone on with another placement", "engine", "from", "to", "reason"
        )
        self._ended = self._counter("requests_ended_without_answer", "Failures by finding; cancelled", "reason")
        self._restarts = self._counter("worker_restarts", "Workers that ended in their work", "reason")
        self._verified = Gauge(
            "yamabiko_device_verified", "Whether the last answer was proved to run where its receipt says",
            ("engine", "device"), registry=self._registry,
        )  # fmt: skip
        Gauge("yamabiko_build_info", "Always 1", ("version",), registry=self._registry).labels(__version__).set(1)

    def answered(self, transcript: Transcript, first_segment_s: float | None = None) -> None:
        stats, receipt = self.stats, transcript.receipt
        stats.answered += 1
        stats.audio_s += receipt.audio_s
        stats.work_s += receipt.timings.work_s
        stats.fallbacks += len(receipt.fallbacks)
        if receipt.used_device != "none":  # where nobody spoke, nothing ran: that proves and disproves nothing
            stats.last = transcript
        work = (receipt.engine, receipt.model, receipt.used_device)
        self._audio.labels(*work).inc(receipt.audio_s)
        self._inference.labels(*work).inc(receipt.timings.inference_s)
        self._queue.observe(receipt.timings.queue_s)
        if receipt.timings.load_s:
            self._loading.labels(*work).observe(receipt.timings.load_s)
        if first_segment_s is not None:
            self._first.observe(first_segment_s)
        self._verified.labels(receipt.engine, receipt.used_device).set(receipt.verdict == "proved")
        for finding in receipt.fallbacks:
            self._restarts.labels(finding.id).inc()
            self._fallbacks.labels(receipt.engine, _place(finding), receipt.used_device, finding.id).inc()

    def failed(self, finding: Finding) -> None:
        self.stats.failed += 1
        self._ended.labels(finding.id).inc()

    def cancelled(self) -> None:
        self.stats.cancelled += 1
        self._ended.labels("cancelled").inc()

    def page(self) -> bytes:
        return generate_latest(self._registry)

    def _counter(self, name: str, help_: str, *labels: str) -> Counter:
        return Counter(f"yamabiko_{name}", help_, labels, registry=self._registry)

    def _histogram(self, name: str, help_: str, *labels: str) -> Histogram:
        return Histogram(f"yamabiko_{name}", help_, labels, registry=self._registry, buckets=_SECONDS)


class Counted:
    """Counts what comes in and how it is answered, by route: an address that nobody serves is one route, too."""

    def __init__(self, app: ASGIApp, metrics: Callable[[], Metrics]) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, code, finding = time.perf_counter(), 499, ""  # as it stays when the client is gone before the answer

        async def watched(message: Message) -> None:
            nonlocal code, finding
            if message["type"] == "http.response.start":
                code = message["status"]
                finding = dict(message.get("headers", ())).get(b"x-yamabiko-finding", b"").decode("ascii", "replace")
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            route = getattr(scope.get("route"), "path", "unknown")
            method = scope["method"] if route != "unknown" else "any"
            metrics = self._metrics()
            metrics.http_requests.labels(route, method, str(code)).inc()
            metrics.http_seconds.labels(route, method).observe(time.perf_counter() - begun)
            told = {"finding": finding} if finding else {}
            logs.event("request", method=method, route=route, code=code, seconds=time.perf_counter() - begun, **told)


class _Standing(Collector):
    """Figures that are looked at when somebody asks, and not kept."""

    def __init__(self, now: Callable[[], Now]) -> None:
        self._now = now

    def collect(self) -> Iterable[GaugeMetricFamily]:
        now = self._now()
        up = GaugeMetricFamily("yamabiko_worker_up", "Workers with a model loaded", labels=_WORK)
        memory = GaugeMetricFamily(
            "yamabiko_worker_memory_bytes", "As measured at the last answer", labels=(*_WORK, "kind")
        )
        held: dict[tuple[str, ...], float] = {}  # two in one place, differing in precision, are one line
        for kept in now.loaded:
            work = (kept.outfit.card.name, kept.outfit.model_name, kept.place)
            labels: tuple[str, ...]
            for labels, value in (
                (work, 1.0),
                ((*work, "host"), kept.need.host),
                ((*work, "device"), kept.need.device or 0),
            ):
                held[labels] = held.get(labels, 0.0) + value
        for labels, value in held.items():
            if len(labels) == len(_WORK):
                up.add_metric(labels, value)
            elif value or labels[-1] == "host":
                memory.add_metric(labels, value)
        yield up
        yield memory
        waiting = GaugeMetricFamily(
            "yamabiko_requests", "Requests here, and questions waiting for a worker", labels=["state"]
        )
        waiting.add_metric(["here"], now.at_work)
        waiting.add_metric(["waiting"], now.waiting)
        yield waiting
        jobs = GaugeMetricFamily("yamabiko_jobs", "Jobs by state", labels=["state"])
        for state, count in now.jobs.items():
            jobs.add_metric([state], count)
        yield jobs


def _place(finding: Finding) -> str:
    """The device of the worker that failed, out of the evidence `worker: ENGINE on cuda/float16, while ...`."""
    found = next((match for line in finding.evidence if (match := _WORKER.match(line))), None)
    return found[1] if found else "unknown"
