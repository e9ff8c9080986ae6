"""What is loaded, what it takes, and how to get rid of it; and what /metrics tells of all that."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

NO_DRIVER = "CUDA driver version is insufficient for CUDA runtime version"
NO_GPU = {"at": "load", "device": "cuda", "do": "raise", "message": NO_DRIVER}
FORM = {"model": "whisper-1", "language": "en"}


def ask(served, recording: Path, **more: str):
    with served.http as http, recording.open("rb") as file:
        return http.post("/v1/audio/transcriptions", files={"file": (recording.name, file)}, data={**FORM, **more})


def figures(served) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    with served.http as http:
        answer = http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def loaded(served) -> list[dict]:
    with served.http as http:
        found: list[dict] = http.get("/models/loaded").json()["models"]
        return found


def test_what_is_unloaded_ends_and_comes_back_when_it_is_asked_for(plain, recording) -> None:
    assert ask(plain, recording).status_code == 200
    [one] = [model for model in loaded(plain) if model["engine"] == "scripted"]
    assert one["device"] == "cpu"
    assert one["host_bytes"] > 10_000_000
    assert one["idle_s"] >= 0

    with plain.http as http:
        answer = http.post("/models/unload", params={"engine": "scripted"}).json()
    assert answer == {"unloaded": [{name: one[name] for name in ("engine", "model", "device")}], "at_work": []}
    assert not Path(f"/proc/{one['pid']}").exists()
    assert [model["engine"] for model in loaded(plain)] == ["silero-vad"]

    with plain.http as http:
        again = http.post("/models/load").json()["loaded"]
    assert again["pid"] != one["pid"]
    assert ask(plain, recording).status_code == 200
    assert again["pid"] in [model["pid"] for model in loaded(plain)]


def test_a_model_that_is_too_large_even_alone_is_refused_with_its_figure(serve, recording) -> None:
    served = serve("", "--memory-budget-mb", "5", wait=False)
    with served.http as http:
        served.wait_until(lambda: http.get("/ready").json().get("readiness") == "failed")
        told = http.get("/ready").json()["finding"]
    assert told["id"] == "model-over-budget"
    assert "--memory-budget-mb 5" in told["evidence"][1]
    assert int(told["remedies"][0]["command"].rsplit(" ", 1)[1]) > 5
    refused = ask(served, recording)
    assert (refused.status_code, refused.headers["x-yamabiko-finding"]) == (500, "model-over-budget")
    assert loaded(served) == []


def test_a_model_in_one_place_is_there_once_whatever_was_asked_for(serve, script, recording) -> None:
    served = serve(script(NO_GPU))
    for device in ("cpu", "cuda:99", "auto"):
        assert ask(served, recording, device=device).status_code == 200
    here = [model["device"] for model in loaded(served) if model["engine"] == "scripted"]
    assert here == ["cpu"]
    with served.http as http:
        lines = [line.split(" ")[0] for line in http.get("/metrics").text.splitlines() if not line.startswith("#")]
    assert len(lines) == len(set(lines)), "Prometheus takes each line once"


def test_who_asks_for_a_gpu_is_told_each_time_why_it_is_the_cpu(serve, script, recording) -> None:
    served = serve(
        script(
            {
                "at": "load",
                "device": "cuda",
                "do": "raise",
                "message": "CUDA driver version is insufficient for CUDA runtime version",
            }
        )
    )
    first, second = (ask(served, recording, device="cuda") for _ in range(2))
    told = first.headers["x-yamabiko-fallbacks"]
    assert told in second.headers["x-yamabiko-notices"], dict(second.headers)
    with served.http as http:
        status = http.get("/gpu-status").json()
    assert status["last_requested_device"] == "cuda"
    assert told in status["last_fallbacks"]
    assert told in [one["finding"] for one in status["recommendations"]]


@pytest.mark.parametrize(
    ("named", "status", "code"),
    [
        ({"engine": "no-such"}, 404, "engine-unknown"),
        ({"engine": "faster-whisper", "model": "no-such"}, 404, "model-unknown"),
        ({"device": "tpu"}, 400, "device-unknown"),
    ],
)
def test_what_cannot_be_loaded_is_a_finding(plain, named, status, code) -> None:
    before = loaded(plain)
    with plain.http as http:
        answer = http.post("/models/load", params=named)
    assert (answer.status_code, answer.json()["error"]["yamabiko"]["id"]) == (status, code)
    assert [model["pid"] for model in loaded(plain)] == [model["pid"] for model in before]


def test_metrics_count_what_was_done(plain, recording) -> None:
    answer = ask(plain, recording)
    before = figures(plain)
    assert ask(plain, recording).status_code == 200
    with plain.http as http:
        assert http.get("/no/such/address").status_code == 404
    after = figures(plain)

    def more(name: str, **labels: str) -> float:
        key = name, tuple(sorted(labels.items()))
        return after[key] - before.get(key, 0.0)

    work = {"engine": "scripted", "model": answer.json()["yamabiko"]["model"], "device": "cpu"}
    assert more("yamabiko_audio_input_seconds_total", **work) == pytest.approx(
        answer.json()["yamabiko"]["audio_s"], 0.01
    )
    assert more("yamabiko_inference_seconds_total", **work) > 0
    route = "/v1/audio/transcriptions"
    assert more("yamabiko_http_requests_total", route=route, method="POST", code="200") == 1
    assert more("yamabiko_http_requests_total", route="unknown", method="any", code="404") == 1
    assert more("yamabiko_http_request_duration_seconds_count", route=route, method="POST") == 1
    assert more("yamabiko_time_to_first_segment_seconds_count") == 1
    assert after["yamabiko_worker_up", tuple(sorted(work.items()))] == 1
    assert after["yamabiko_device_verified", (("device", "cpu"), ("engine", "scripted"))] == 1
    assert after["yamabiko_jobs", (("state", "waiting"),)] == 0


def test_metrics_tell_why_a_worker_ended(serve, script, recording) -> None:
    served = serve(script({"at": "chunk", "times": 1, "do": "die", "signal": "SIGSEGV"}))
    assert ask(served, recording).status_code == 200
    seen = figures(served)
    assert seen["yamabiko_worker_restarts_total", (("reason", "worker-died-unexplained"),)] == 1
    fallback = {"engine": "scripted", "from": "cpu", "to": "cpu", "reason": "worker-died-unexplained"}
    assert seen["yamabiko_fallback_total", tuple(sorted(fallback.items()))] == 1


def test_what_idles_is_unloaded_by_itself(serve, script, recording) -> None:
    served = serve(script(), "--idle-unload-minutes", "0.005")
    assert ask(served, recording).status_code == 200
    served.wait_until(lambda: loaded(served) == [], 30)
    assert ask(served, recording).status_code == 200


def test_two_models_stay_loaded_and_a_budget_ends_the_one_that_idles(serve, script, recording) -> None:
    """Of two engines, as far as the budget goes: the scripted one's worker takes more than 1 MiB."""

    def used(*options: str) -> object:
        served = serve(script(), *options)
        assert ask(served, recording).status_code == 200
        assert ask(served, recording).json()["text"].startswith("[")
        return served

    roomy = used()
    assert sorted(model["engine"] for model in loaded(roomy)) == ["scripted", "silero-vad"]
    both = sum(model["host_bytes"] for model in loaded(roomy))
    narrow = used("--memory-budget-mb", str((both >> 20) - 5))
    assert len(loaded(narrow)) == 1
