"""Whatever happens to a worker, a client or an upload: a right answer with a notice, or a clean error; the server lives."""

from __future__ import annotations

import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from program import noise_file
from yamabiko.findings import Finding, Problem
from yamabiko.i18n import Text
from yamabiko.server import problems

FORM = {"model": "whisper-1", "language": "en"}


def post(served, recording, **asked) -> httpx.Response:
    with served.http as http, recording.open("rb") as file:
        return http.post("/v1/audio/transcriptions", files={"file": (recording.name, file)}, data={**FORM, **asked})


@pytest.mark.parametrize(
    "do", [{"do": "die", "signal": s} for s in ("SIGSEGV", "SIGABRT", "SIGKILL")] + [{"do": "raise"}]
)
def test_a_worker_that_fails_once_costs_a_notice(serve, script, recording, do) -> None:
    served = serve(script({"at": "chunk", "times": 1, **do}))
    answer = post(served, recording)
    assert answer.status_code == 200
    assert answer.json()["text"].startswith("[")
    assert answer.headers["x-yamabiko-fallbacks"] in ("worker-died-unexplained", "engine-raised")
    assert "x-yamabiko-fallbacks" not in post(served, recording).headers


def test_a_worker_that_always_fails_is_a_clean_error_and_the_server_lives(serve, script, recording) -> None:
    served = serve(script({"at": "chunk", "do": "die", "signal": "SIGSEGV"}))
    for _ in range(2):
        answer = post(served, recording)
        assert answer.status_code == 500
        assert answer.headers["x-yamabiko-finding"] == "worker-died-unexplained"
        assert answer.json()["error"]["type"] == "server_error"
    assert served.stats()["requests_failed"] == 2


def test_a_worker_that_says_nothing_is_no_empty_success(serve, script, recording) -> None:
    answer = post(serve(script(says="")), recording)
    assert (answer.status_code, answer.headers["x-yamabiko-finding"]) == (500, "no-text-for-speech")


def test_sixteen_at_once_get_their_own_answers_though_a_worker_dies(serve, script, tmp_path) -> None:
    served = serve(script({"at": "chunk", "skip": 5, "times": 2, "do": "die", "signal": "SIGSEGV"}))
    sounds = [noise_file(tmp_path / f"{seed}.wav", 1.0, seed) for seed in range(16)]
    with ThreadPoolExecutor(16) as threads:
        together = list(threads.map(lambda sound: post(served, sound, vad_filter="0"), sounds))
    alone = [post(served, sound, vad_filter="0") for sound in sounds]
    assert [answer.status_code for answer in together] == [200] * 16
    assert [answer.json()["text"] for answer in together] == [answer.json()["text"] for answer in alone]
    assert len({answer.json()["text"] for answer in together}) == 16
    assert any("x-yamabiko-fallbacks" in answer.headers for answer in together)


def test_a_client_that_goes_away_frees_the_worker(serve, script, recording) -> None:
    served = serve(script({"at": "chunk", "times": 1, "do": "stall"}))

    def impatient() -> None:
        with pytest.raises(httpx.ReadTimeout), recording.open("rb") as file:
            httpx.post(
                f"{served.url}/v1/audio/transcriptions", files={"file": file}, data={**FORM, "vad_filter": "0"},
                timeout=httpx.Timeout(60, read=3), trust_env=False,
            )  # fmt: skip

    impatient()
    served.wait_until(lambda: served.stats()["requests_at_work"] == 0, 5)
    assert served.stats()["requests_cancelled"] == 1
    assert post(served, recording).status_code == 200


def test_more_than_the_queue_takes_are_told_when_to_come_again(serve, script, recording) -> None:
    served = serve(
        script({"at": "chunk", "times": 1, "do": "stall"}), "--max-waiting", "1", YAMABIKO_WORKER_FIRST_ANSWER_S="20"
    )
    first = threading.Thread(target=post, args=(served, recording))
    first.start()
    served.wait_until(lambda: served.stats()["requests_at_work"] == 1)
    answer = post(served, recording)
    assert (answer.status_code, answer.headers["x-yamabiko-finding"]) == (429, "server-busy")
    assert int(answer.headers["retry-after"]) >= 1
    first.join(60)


def test_before_it_is_ready_clients_are_told_to_come_again(serve, script, recording) -> None:
    served = serve(script({"at": "load", "times": 1, "do": "stall"}), wait=False, YAMABIKO_WORKER_LOAD_S="4")
    with served.http as http:
        assert http.get("/health").status_code == 200
        assert http.get("/ready").status_code == 503
    answer = post(served, recording)
    assert (answer.status_code, answer.headers["x-yamabiko-finding"]) == (503, "server-not-ready")
    assert "retry-after" in answer.headers
    served.wait_until(served.ready)


def test_an_engine_that_is_not_there_is_told_by_ready_and_by_every_answer(serve, recording) -> None:
    served = serve("", "--engine", "faster-whisper", wait=False)
    with served.http as http:
        served.wait_until(lambda: "finding" in http.get("/ready").json())
        assert http.get("/ready").json()["finding"]["id"] == "engine-not-installed"
    answer = post(served, recording)
    assert (answer.status_code, answer.headers["x-yamabiko-finding"]) == (503, "engine-not-installed")


# ---- uploads ------------------------------------------------------------------------------------------------------------


MULTIPART = "multipart/form-data; boundary=x"
FILE = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
MODEL = b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nbase\r\n--x--\r\n'
NAMELESS = b"--x\r\nContent-Disposition: form-data\r\n\r\nv\r\n--x--\r\n"


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        (b"", MULTIPART, "upload-incomplete"),
        (b"hello", "text/plain", "form-malformed"),
        (b"hello", "multipart/form-data", "form-malformed"),
        (b"no boundary here", MULTIPART, "form-malformed"),
        (NAMELESS, MULTIPART, "form-malformed"),
        (FILE + b"RIFF", MULTIPART, "upload-incomplete"),
        (MODEL, MULTIPART, "file-missing"),
        (b'{"file": "x"}', "application/json", "form-malformed"),
    ],
)
def test_forms_that_are_none(plain, body, kind, code) -> None:
    with plain.http as http:
        answer = http.post("/v1/audio/transcriptions", content=body, headers={"content-type": kind})
    assert (answer.status_code, answer.headers["x-yamabiko-finding"]) == (400, code)
    if code == "form-malformed":
        [remedy] = answer.json()["error"]["yamabiko"]["remedies"]
        assert f" {plain.url}/v1/audio/transcriptions" in remedy["command"], "typed as it stands, at this server"


def test_uploads_have_a_limit_whether_announced_or_not(serve, recording) -> None:
    served = serve("", "--max-upload-mb", "1")

    def unannounced():
        yield FILE
        for _ in range(32):
            yield bytes(65536)

    kind = {"content-type": MULTIPART}
    with served.http as http:
        streamed = http.post("/v1/audio/transcriptions", content=unannounced(), headers=kind)
        announced = http.post("/v1/audio/transcriptions", content=FILE + bytes(2 << 20), headers=kind)
    for answer in (streamed, announced):
        assert (answer.status_code, answer.headers["x-yamabiko-finding"]) == (413, "upload-too-large")


@pytest.mark.parametrize(
    "name", ["../../../etc/passwd", "a\x00b.wav", "con.wav", "。" * 300 + ".wav", "", "-rf", "a\r\nb.wav"]
)
def test_a_name_is_data_and_no_path(plain, recording, name) -> None:
    with plain.http as http:
        answer = http.post("/v1/audio/transcriptions", files={"file": (name or "x", recording.read_bytes())}, data=FORM)
    assert answer.status_code == 200
    assert answer.json()["text"].startswith("[")


def test_what_is_no_sound_is_told_under_the_clients_name(plain) -> None:
    with plain.http as http:
        answer = http.post("/v1/audio/transcriptions", files={"file": ("talk.mp3", b"not a sound" * 50)}, data=FORM)
    assert answer.status_code == 400
    assert "talk.mp3" in answer.json()["error"]["message"]
    assert str(plain.home) not in json.dumps(answer.json())


def test_a_connection_that_ends_in_the_middle_of_an_upload_leaves_nothing(plain) -> None:
    host, port = plain.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        head = b"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999\r\n"
        kind = f"Content-Type: {MULTIPART}\r\n\r\n".encode()
        connection.sendall(head + kind + FILE + bytes(100_000))
        plain.wait_until(lambda: plain.stats()["requests_at_work"] == 1)
    plain.wait_until(lambda: plain.stats()["requests_at_work"] == 0, 5)


# ---- who may come in ------------------------------------------------------------------------------------------------------


def test_a_stranger_s_name_or_page_is_refused(plain, recording) -> None:
    with plain.http as http:
        assert http.get("/health", headers={"host": "evil.example"}).headers["x-yamabiko-finding"] == "host-not-allowed"
        posted = http.post("/v1/audio/transcriptions", headers={"origin": "https://evil.example"}, files={"file": b"x"})
        assert (posted.status_code, posted.headers["x-yamabiko-finding"]) == (403, "origin-not-allowed")
        assert "access-control-allow-origin" not in http.get("/health").headers


def test_keys_are_asked_for_and_health_is_not(serve, recording) -> None:
    served = serve("", "--api-key", "anna:one-secret", "--api-key", "other-secret", wait=False)
    with served.http as http:
        served.wait_until(lambda: http.get("/ready").status_code == 200)
        assert http.get("/v1/models").headers["x-yamabiko-finding"] == "key-missing"
        assert [http.get(path).status_code for path in ("/docs", "/openapi.json")] == [200, 200], "how to use one"
        wrong = http.get("/v1/models", headers={"authorization": "Bearer nope"})
        assert (wrong.status_code, wrong.headers["www-authenticate"]) == (401, "Bearer")
        for secret in ("one-secret", "other-secret"):
            assert http.get("/v1/models", headers={"authorization": f"Bearer {secret}"}).status_code == 200


def test_what_changes_nothing_is_named_and_half_a_beam_is_none(plain, recording) -> None:
    both = post(plain, recording, language="ja", **{"languages[]": "en"})
    assert both.headers["x-yamabiko-ignored"] == "languages"
    half = post(plain, recording, beam_size="1.5")
    assert (half.status_code, half.json()["error"]["param"]) == (400, "beam_size")


def test_who_cannot_be_served_now_is_told_when_to_come_again_and_what_was_meant() -> None:
    finding = Finding("model-unavailable", "error", "model", Text("no source", "取得できません"))
    assert problems.headers(Problem(finding))["retry-after"] == "30"
    assert problems.body(Problem(finding))["error"]["param"] == "model"


def test_an_address_for_websockets_that_nobody_serves_is_a_404_with_the_envelope(plain) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(plain.url.replace("http", "ws", 1) + "/nowhere", proxy=None)
    answer = refused.value.response
    assert (answer.status_code, answer.headers["x-yamabiko-finding"]) == (404, "route-unknown")
    assert b"/nowhere" in answer.body


def test_a_wrong_method_is_told_the_right_ones(plain) -> None:
    with plain.http as http:
        answer = http.get("/v1/audio/transcriptions")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.headers["x-yamabiko-finding"] == "method-not-allowed"
    assert "takes POST" in answer.json()["error"]["message"]


def test_the_page_of_addresses_asks_nothing_of_any_other_machine(plain) -> None:
    with plain.http as http:
        page = http.get("/docs").text
        document = http.get("/openapi.json").json()
    assert "/v1/audio/transcriptions" in page
    assert "http://" not in page.replace(plain.url, "")
    assert "https://" not in page
    form = document["paths"]["/v1/audio/transcriptions"]["post"]["requestBody"]["content"]["multipart/form-data"]
    assert {"file", "model", "timestamp_granularities[]"} <= set(form["schema"]["properties"])
