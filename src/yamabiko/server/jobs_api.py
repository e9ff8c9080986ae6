"""Jobs over HTTP: left here with their recordings, looked at, stopped and fetched whenever it suits."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import StreamingResponse

from yamabiko import formats
from yamabiko.formats.plain import dump
from yamabiko.i18n import Text
from yamabiko.jobs import webhook
from yamabiko.jobs.store import OVER, Job, State, Store, told
from yamabiko.records import to_plain
from yamabiko.server import job_forms
from yamabiko.server.arrivals import arrived
from yamabiko.server.desk import Desk
from yamabiko.server.forms import Form
from yamabiko.server.problems import Refused, refused
from yamabiko.server.sitting import desk_of
from yamabiko.server.transcription_form import read

router = APIRouter(prefix="/v1/jobs", tags=["Jobs"])

JobId = Annotated[str, Path(alias="id")]

STATES_JA: dict[State, str] = {
    "waiting": "待機中", "working": "処理中", "paused": "一時停止中", "done": "完了済み", "failed": "失敗", "cancelled": "取り消し済み",
}  # fmt: skip
_OWN = ("webhook_url", "webhook_secret")
_MEDIA = dict.fromkeys(("json", "verbose_json", "diarized_json"), "application/json")
_LAST_NUMBER = 2**63 - 1
"""SQLite's."""
LOOK_S = 0.25
"""How often a listener's job is looked at."""
MOST_WAITING = 1000
"""Jobs that wait; each may hold a recording on the disk."""
BEAT_S = 15.0
"""A stream of events on which nothing happens says so as often, lest a proxy take it for dead."""


@router.post("", status_code=202)
async def add(request: Request) -> dict[str, Any]:
    """
    A form as for `/v1/audio/transcriptions`, with one file or several: a job each. Also `webhook_url`, which is posted
    to when a job is over, and `webhook_secret`, by which the post is signed.
    """
    desk = desk_of(request)
    store, runner = desk.jobs.store, desk.jobs.runner
    _refuse_too_many(store)
    folder = desk.jobs.recordings / secrets.token_hex(8)
    folder.mkdir(parents=True)
    try:
        form = await arrived(request, folder, desk.config, desk.settings.free_disk_bytes)
        form.file()
        asked = {name: values for name, values in form.fields.items() if name not in _OWN}
        read(Form(fields=asked), desk.default_wish(), own=desk.config.own)
        kept = {name: tuple(values) for name, values in asked.items()}
        notice = await _webhook(form, desk.config.webhook_hosts)
        async with desk.folder() as aside:
            voices = await asyncio.to_thread(job_forms.keep_voices, form, aside, desk.settings)
        added = [
            store.add(request.state.client, upload.name, upload.path, kept, known_speakers=known, **notice)
            for upload, known in voices
        ]
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    runner.wake()
    return {"object": "list", "data": [_shown(desk, job) for job in added]}


@router.get("")
async def list_all(request: Request) -> dict[str, Any]:
    """Of this client, the newest first."""
    desk = desk_of(request)
    return {"object": "list", "data": [_shown(desk, job) for job in desk.jobs.store.all(_client(request))]}


@router.get("/{id}")
async def one(request: Request, id_: JobId) -> dict[str, Any]:
    """State, percent, the rest in seconds, what was heard so far; when it is done, the receipt."""
    job = _job(request, id_)
    answer = _shown(desk_of(request), job)
    transcript = desk_of(request).jobs.store.transcript(id_)
    if transcript is not None:
        answer["receipt"] = to_plain(transcript.receipt)
    return answer


@router.get("/{id}/result")
async def result(request: Request, id_: JobId) -> Response:
    """In any form, rendered now: that of the query, else that which the job was given with."""
    job = _job(request, id_)
    transcript = desk_of(request).jobs.store.transcript(id_)
    if transcript is None:
        raise refused(
            "job-not-done",
            Text(
                f"The job is {job.state}; there is no transcript.",
                f"ジョブは{STATES_JA[job.state]}（{job.state}）で、結果はありません。",
            ),
            f"job: {job.state}, {job.percent:.0f} %",
        )
    asked = request.query_params
    kept = next(iter(job.asked.get("response_format", ())), "verbose_json")
    name = asked.get("response_format") or asked.get("format") or kept
    name = {"text": "txt"}.get(name, name)
    return Response(formats.render(transcript, name), media_type=_MEDIA.get(name, "text/plain; charset=utf-8"))


@router.get("/{id}/events")
async def events(request: Request, id_: JobId) -> StreamingResponse:
    """Server-sent events from the first on, or from the one after `Last-Event-ID`; ends with the job."""
    _job(request, id_)
    last = request.headers.get("last-event-id", "")
    return StreamingResponse(_events(desk_of(request).jobs.store, id_, _number(last)), media_type="text/event-stream")


@router.post("/{id}/cancel")
async def cancel(request: Request, id_: JobId) -> dict[str, Any]:
    return await _do(request, id_, desk_of(request).jobs.runner.cancel)


@router.post("/{id}/pause")
async def pause(request: Request, id_: JobId) -> dict[str, Any]:
    """What was answered is kept; `resume` goes on from there."""
    return await _do(request, id_, desk_of(request).jobs.runner.pause)


@router.post("/{id}/resume")
async def resume(request: Request, id_: JobId) -> dict[str, Any]:
    return await _do(request, id_, desk_of(request).jobs.runner.resume)


@router.delete("/{id}")
async def delete(request: Request, id_: JobId) -> dict[str, Any]:
    """Recording, transcript and all; cancelled first if it is at work."""
    _job(request, id_)
    await asyncio.to_thread(desk_of(request).jobs.runner.forget, id_)
    return {"id": id_, "deleted": True}


# ---- parts --------------------------------------------------------------------------------------------------------------


def _shown(desk: Desk, job: Job) -> dict[str, Any]:
    """What its client may know of it; `waits_for` says why nothing can be done at all."""
    answer = told(job)
    if desk.trouble is not None and job.state in ("waiting", "working"):
        answer["waits_for"] = to_plain(desk.trouble)
    return answer


def _refuse_too_many(store: Store) -> None:
    waiting = store.counts()["waiting"]
    if waiting >= MOST_WAITING:
        raise refused(
            "server-busy",
            Text(f"{waiting} jobs wait already.", f"すでに {waiting} 件のジョブが待機しています。"),
            f"server: {waiting} of {MOST_WAITING} jobs",
            retry_after_s=60,
        )


async def _do(request: Request, id_: str, what: Callable[[str], Job | None]) -> dict[str, Any]:
    before = _job(request, id_)
    after = await asyncio.to_thread(what, id_)
    if after is None:
        raise refused(
            "job-not-so",
            Text(
                f"That cannot be done with a job that is {before.state}.",
                f"{STATES_JA[before.state]}（{before.state}）のジョブにはできない操作です。",
            ),
            f"job: {before.state}",
        )
    return told(after)


def _client(request: Request) -> str | None:
    """With keys each client sees its own; without, there is only one."""
    return request.state.client if desk_of(request).config.keys else None


def _job(request: Request, id_: str) -> Job:
    """Raises: Refused (job-unknown), also for another client's."""
    job = desk_of(request).jobs.store.find(id_)
    client = _client(request)
    if job is None or (client is not None and job.client != client):
        raise _unknown(id_)
    return job


def _number(last_event_id: str) -> int:
    """0, the beginning, where it is no number of ours; one that is beyond all of them is behind the end."""
    if not (last_event_id.isascii() and last_event_id.isdecimal()):
        return 0
    digits = last_event_id.lstrip("0") or "0"
    return int(digits) if len(digits) < len(str(_LAST_NUMBER)) else _LAST_NUMBER


def _unknown(id_: str) -> Refused:
    return refused(
        "job-unknown",
        Text(f"There is no job “{id_[:100]}”.", f"ジョブ「{id_[:100]}」はありません。"),
        "GET /v1/jobs lists what there is",
    )


async def _webhook(form: Form, allowed: tuple[str, ...]) -> dict[str, str]:
    url = form.first("webhook_url")
    if not url:
        return {}
    await asyncio.to_thread(webhook.check, url, allowed)
    return {"webhook": url, "webhook_secret": form.first("webhook_secret") or ""}


async def _events(store: Store, id_: str, after: int) -> AsyncIterator[str]:
    """No thread waits with a listener: a hundred of them would leave none for anybody else."""
    told_at = time.monotonic()
    while True:
        job = store.find(id_)  # before its events: of a job that was over by now, all are there
        found = await asyncio.to_thread(store.events, id_, after)
        if not found:
            if job is None or job.state in OVER:
                return
            if time.monotonic() - told_at >= BEAT_S:
                told_at = time.monotonic()
                yield ": still here\n\n"
            await asyncio.sleep(LOOK_S)
        for event in found:
            after, told_at = event.number, time.monotonic()
            yield f"id: {event.number}\nevent: {event.kind}\ndata: {dump({'job': id_, **event.said})}\n"
            if event.kind in OVER:
                return
