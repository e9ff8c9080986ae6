"""yamabiko's own addresses: whether it lives, whether it is ready, what its devices really did, what is wrong."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from yamabiko import __version__
from yamabiko.diagnosis import checkup
from yamabiko.diagnosis.facts.gather import gather
from yamabiko.diagnosis.facts.records import Facts, Unavailable
from yamabiko.engines import catalog, environments, models
from yamabiko.findings import Finding
from yamabiko.formats.language_names import LANGUAGE_NAMES
from yamabiko.records import to_plain
from yamabiko.scheduling.pool import Kept
from yamabiko.server.desk import Desk
from yamabiko.server.forms import Form
from yamabiko.server.sitting import desk_of
from yamabiko.server.transcription_form import wish_of

router = APIRouter(tags=["yamabiko"])


@router.get("/health")
async def health(request: Request) -> dict[str, Any]:
    """The process lives and answers. Whether it can work is what `/ready` says."""
    desk = desk_of(request)
    return {"status": "ok", "version": __version__, "readiness": desk.readiness, "gpu_actually_enabled": _on_gpu(desk)}


@router.get("/ready")
async def ready(request: Request) -> JSONResponse:
    """200 once the default engine has loaded its model; 503 before, with what is being done or what went wrong."""
    desk = desk_of(request)
    told: dict[str, Any] = {"ready": desk.readiness == "ready", "readiness": desk.readiness}
    if desk.readiness == "preparing":
        told["preparing"] = to_plain(desk.preparing)
    if desk.trouble is not None:
        told["finding"] = to_plain(desk.trouble)
    return JSONResponse(told, status_code=200 if told["ready"] else 503)


@router.get("/gpu-status")
async def gpu_status(request: Request) -> dict[str, Any]:
    """
    What was asked of the GPU and what it did. `gpu_actually_enabled` is the verdict on the last transcription: true
    only if it was proved to run on a GPU; null before there was one.
    """
    desk = desk_of(request)
    facts = await asyncio.to_thread(gather, desk.settings)
    findings = checkup.check_facts(facts).findings
    last = desk.metrics.stats.last.receipt if desk.metrics.stats.last else None
    went_wrong = (*last.fallbacks, *last.notices) if last else ()
    to_mend = {f.id: f for f in (*went_wrong, *findings) if f.severity != "info"}
    return {
        "gpu_enabled_in_config": desk.config.device != "cpu",
        "requested_device": desk.config.device,
        "gpu_actually_enabled": _on_gpu(desk),
        "used_device": last.used_device if last else None,
        "verdict": last.verdict if last else None,
        "last_requested_device": last.requested_device if last else None,
        "last_fallbacks": [finding.id for finding in went_wrong],
        "evidence": to_plain(last.evidence) if last else [],
        "gpus": _gpus(facts),
        "libraries": [] if isinstance(facts.libraries, Unavailable) else to_plain(facts.libraries),
        "environment_variables": dict(facts.variables),
        "recommendations": [_recommendation(finding) for finding in to_mend.values()],
    }


@router.get("/stats")
async def stats(request: Request) -> dict[str, Any]:
    """Figures since the start; nothing that anybody said."""
    desk = desk_of(request)
    seen = desk.metrics.stats
    return {
        "uptime_s": round(time.time() - seen.begun, 1),
        "requests_at_work": desk.at_work,
        "requests_answered": seen.answered,
        "requests_failed": seen.failed,
        "requests_cancelled": seen.cancelled,
        "audio_s": round(seen.audio_s, 3),
        "work_s": round(seen.work_s, 3),
        "real_time_factor": round(seen.work_s / seen.audio_s, 4) if seen.audio_s else None,
        "fallbacks": seen.fallbacks,
    }


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """For Prometheus: requests, work, models, jobs, fallbacks; nothing that anybody said."""
    page = await asyncio.to_thread(desk_of(request).metrics.page)
    return Response(page, media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/models/loaded")
async def loaded_models(request: Request) -> dict[str, Any]:
    """Models that are in memory now, what each was measured to take, and how long nobody asked for it."""
    return {"models": [_loaded(kept) for kept in desk_of(request).pool.loaded()]}


@router.post("/models/load")
async def load_model(
    request: Request,
    model: str | None = None,
    engine: str | None = None,
    device: str | None = None,
    compute_type: str | None = None,
) -> dict[str, Any]:
    """
    Load a model before anybody waits for it; what is not named is the server's own. It is fetched if it has to be and
    may be, and others that idle make room for it.
    """
    desk = desk_of(request)
    named = {"model": model, "engine": engine, "device": device, "compute_type": compute_type}
    wish = wish_of(Form(fields={name: [value] for name, value in named.items() if value}), desk.default_wish())
    async with desk.place(request.state.client):
        kept, fallbacks = await asyncio.to_thread(desk.load, wish)
    return {"loaded": _loaded(kept) if kept else None, "fallbacks": to_plain(fallbacks)}


@router.post("/models/unload")
async def unload_models(request: Request, model: str | None = None, engine: str | None = None) -> dict[str, Any]:
    """
    Give memory back: the processes of models that idle are ended; without a name, of all. What is at work is left.
    """
    desk = desk_of(request)

    def meant(kept: Kept) -> bool:
        return model in (None, kept.outfit.model_name) and engine in (None, kept.outfit.card.name)

    gone = await asyncio.to_thread(desk.pool.unload, meant)
    left = [kept for kept in desk.pool.loaded() if meant(kept)]
    return {"unloaded": [_named(kept) for kept in gone], "at_work": [_named(kept) for kept in left]}


@router.get("/models")
async def list_models(request: Request) -> dict[str, Any]:
    """What the catalogue knows, and what is here."""
    desk = desk_of(request)
    states = await asyncio.to_thread(models.entries, desk.settings)
    return {"models": [to_plain(state) for state in states]}


@router.get("/languages")
async def languages() -> dict[str, Any]:
    return {"languages": [{"code": code, "name": name} for code, name in sorted(LANGUAGE_NAMES.items())]}


@router.get("/engines")
async def engines(request: Request) -> dict[str, Any]:
    """Each engine's environments, as `yamabiko engines list` shows them."""
    desk = desk_of(request)

    def look() -> list[dict[str, Any]]:
        return [
            {
                "engine": card.name,
                "job": card.job,
                "summary": to_plain(card.summary),
                "environments": [
                    {
                        "profile": profile.name,
                        "status": environments.state(card, desk.settings, profile.name).status,
                        "not_verified": to_plain(profile.not_verified) if profile.not_verified else None,
                    }
                    for profile in card.profiles
                ],
            }
            for card in catalog.cards()
        ]

    return {"engines": await asyncio.to_thread(look)}


@router.get("/doctor")
async def doctor(request: Request) -> dict[str, Any]:
    """Facts and checks, as `yamabiko doctor --quick`; the whole visit would take the machine from its clients."""
    desk = desk_of(request)
    facts = await asyncio.to_thread(gather, desk.settings)
    found = checkup.check_facts(facts).findings
    return {"well": not any(f.severity in ("error", "warning") for f in found), "findings": to_plain(found)}


# ---- parts --------------------------------------------------------------------------------------------------------------


def _named(kept: Kept) -> dict[str, Any]:
    return {"engine": kept.outfit.card.name, "model": kept.outfit.model_name, "device": kept.place}


def _loaded(kept: Kept) -> dict[str, Any]:
    return _named(kept) | {
        "compute_type": kept.ready.loaded.compute_type,
        "pid": kept.worker.pid,
        "load_s": round(kept.ready.load_s, 3),
        "host_bytes": kept.need.host,
        "device_bytes": kept.need.device,
        "idle_s": None if kept.idle_s is None else round(kept.idle_s, 1),
    }


def _on_gpu(desk: Desk) -> bool | None:
    last = desk.metrics.stats.last
    if last is None:
        return None
    return last.receipt.used_device != "cpu" and last.receipt.verdict == "proved"


def _gpus(facts: Facts) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for gpus in (facts.nvidia.gpus, facts.amd.gpus):
        if not isinstance(gpus, Unavailable):
            found += [to_plain(gpu) for gpu in gpus]
    return found


def _recommendation(finding: Finding) -> dict[str, Any]:
    cheapest = finding.remedies[0] if finding.remedies else None
    return {
        "finding": finding.id,
        "severity": finding.severity,
        "cause": to_plain(finding.cause),
        "remedy": to_plain(cheapest.what) if cheapest else None,
        "command": cheapest.command if cheapest else None,
    }
