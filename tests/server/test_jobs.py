"""Jobs outlive connections and servers: what was answered is not asked again, and the text is that of an undisturbed run."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import queue
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from program import noise_file
from served import Served, end
from yamabiko.jobs.store import Store

FORM = {"language": "en", "vad_filter": "0"}


@pytest.fixture
def long(tmp_path: Path) -> Path:
    """Two and a half minutes: five chunks."""
    return noise_file(tmp_path / "long 録音.wav", 150.0)


def leave(served: Served, *recordings: Path, **asked: str) -> list[dict[str, Any]]:
    files = [("file", (path.name, path.read_bytes())) for path in recordings]
    with served.http as http:
        answer = http.post("/v1/jobs", files=files, data={**FORM, **asked})
    assert answer.status_code == 202, answer.text
    data: list[dict[str, Any]] = answer.json()["data"]
    return data


def look(served: Served, job: dict[str, Any]) -> dict[str, Any]:
    with served.http as http:
        found: dict[str, Any] = http.get(f"/v1/jobs/{job['id']}").json()
    return found


def stalls(script: str, chance: int) -> bool:
    """The engine has come to that chunk: the script counts them in a file, one byte each."""
    count = Path(f"{script}.counts/0")
    return count.exists() and count.stat().st_size >= chance


def done(served: Served, job: dict[str, Any]) -> dict[str, Any]:
    served.wait_until(lambda: look(served, job)["state"] in ("done", "failed", "cancelled"))
    return look(served, job)


def text(served: Served, job: dict[str, Any], form: str = "txt") -> str:
    with served.http as http:
        answer = http.get(f"/v1/jobs/{job['id']}/result", params={"format": form})
    assert answer.status_code == 200, answer.text
    return answer.text


def test_the_result_comes_in_the_form_that_the_job_was_given_with(serve, script, long) -> None:
    served = serve(script(says=["Good morning."]))
    [job] = leave(served, long, response_format="srt")
    done(served, job)
    with served.http as http:
        asked = http.get(f"/v1/jobs/{job['id']}/result")
        other = http.get(f"/v1/jobs/{job['id']}/result", params={"format": "verbose_json"})
    assert asked.text.startswith("1\n00:00:"), asked.text[:80]
    assert other.json()["text"].startswith("Good morning.")


def test_english_between_japanese_keeps_its_spaces_in_every_answer(serve, script, long) -> None:
    """A Whisper that was told "ja" writes English phrases without the space before them."""
    served = serve(script(says=["こちらへ。", "Welcome to the museum.", "The tour begins", "です。"]))
    whole = "こちらへ。Welcome to the museum. The tour beginsです。"
    [job] = leave(served, long)
    assert done(served, job)["partial"] == whole * 5
    assert json.loads(text(served, job, "json"))["text"] == whole * 5
    assert json.loads(text(served, job, "verbose_json"))["text"] == whole * 5


def test_what_is_heard_so_far_keeps_its_spaces_from_chunk_to_chunk(serve, script, long) -> None:
    served = serve(script(says="Next stop."))
    [job] = leave(served, long)
    served.wait_until(lambda: look(served, job)["state"] == "done")
    with served.http as http, http.stream("GET", f"/v1/jobs/{job['id']}/events") as answer:
        told = [json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: {")]
    assert "".join(one.get("text", "") for one in told) == " ".join(["Next stop."] * 5)


def test_a_job_is_done_and_fetched_in_any_format(serve, script, long) -> None:
    served = serve(script())
    [job] = leave(served, long)
    assert (job["state"], job["name"]) == ("waiting", long.name)
    over = done(served, job)
    assert (over["state"], over["percent"]) == ("done", 100.0)
    assert over["partial"].count("[30.00 s") == 5
    assert over["receipt"]["chunks"] == 5
    assert text(served, job, "srt").startswith("1\n00:00:00,000 --> ")
    assert json.loads(text(served, job, "verbose_json"))["duration"] == 150.0
    assert list((served.home / "data/jobs/recordings").rglob("*.wav")) == []


def test_a_server_that_is_killed_goes_on_from_the_last_finished_chunk(serve, script, long) -> None:
    undisturbed = serve(script())
    whole = text(undisturbed, _done(undisturbed, long))
    end(undisturbed)  # a home's jobs belong to one server
    calm = script({"at": "chunk", "skip": 3, "times": 1, "do": "stall"})
    served = serve(calm)
    [job] = leave(served, long)
    served.wait_until(lambda: stalls(calm, 4))
    served.process.send_signal(signal.SIGKILL)
    served.process.communicate(timeout=10)
    again = serve(calm)
    over = done(again, job)
    assert over["state"] == "done"
    assert text(again, job) == whole
    assert over["receipt"]["chunks_resumed"] == 3


def _done(served: Served, recording: Path) -> dict[str, Any]:
    [job] = leave(served, recording)
    return done(served, job)


def test_pause_keeps_what_was_answered_and_resume_goes_on(serve, script, long) -> None:
    model = script({"at": "chunk", "skip": 2, "times": 1, "do": "stall"})
    served = serve(model)
    [job] = leave(served, long)
    served.wait_until(lambda: stalls(model, 3))
    with served.http as http:
        assert http.post(f"/v1/jobs/{job['id']}/pause").json()["state"] == "paused"
        assert http.get(f"/v1/jobs/{job['id']}/result").headers["x-yamabiko-finding"] == "job-not-done"
        assert http.post(f"/v1/jobs/{job['id']}/resume").json()["state"] == "waiting"
        assert http.post(f"/v1/jobs/{job['id']}/resume").status_code in (409, 200)
    over = done(served, job)
    assert (over["state"], over["receipt"]["chunks_resumed"]) == ("done", 2)


def test_cancel_and_delete_leave_nothing_and_free_the_worker(serve, script, long, recording) -> None:
    model = script({"at": "chunk", "times": 1, "do": "stall"})
    served = serve(model)
    first, second = leave(served, long, recording)
    served.wait_until(lambda: stalls(model, 1))
    with served.http as http:
        assert http.post(f"/v1/jobs/{first['id']}/cancel").json()["state"] == "cancelled"
        assert http.post(f"/v1/jobs/{first['id']}/pause").headers["x-yamabiko-finding"] == "job-not-so"
    assert done(served, second)["state"] == "done"
    with served.http as http:
        assert http.delete(f"/v1/jobs/{second['id']}").json()["deleted"]
        assert http.get(f"/v1/jobs/{second['id']}").headers["x-yamabiko-finding"] == "job-unknown"
        assert [job["id"] for job in http.get("/v1/jobs").json()["data"]] == [first["id"]]
    assert list((served.home / "data/jobs/recordings").rglob("*.*")) == []


def test_what_always_kills_its_worker_fails_once_with_its_finding(serve, script, recording) -> None:
    served = serve(script({"at": "chunk", "do": "die", "signal": "SIGSEGV"}))
    [job] = leave(served, recording)
    over = done(served, job)
    assert (over["state"], over["finding"]["id"]) == ("failed", "worker-died-unexplained")
    assert leave(served, recording)[0]["state"] == "waiting"  # and the server takes the next


def test_events_are_numbered_and_told_again_from_where_the_reader_was(serve, script, long) -> None:
    served = serve(script())
    [job] = leave(served, long)
    events = list(sse(served, job))
    kinds = [kind for _, kind, _ in events]
    assert (kinds[0], kinds[1], kinds[-1]) == ("waiting", "working", "done")
    assert "".join(said.get("text", "") for _, _, said in events).count("[30.00 s") == 5
    middle = events[len(events) // 2][0]
    assert list(sse(served, job, after=middle)) == events[len(events) // 2 + 1 :]
    assert list(sse(served, job, after=events[-1][0])) == [], "a browser comes again so, when it is all over"


@pytest.mark.parametrize(
    ("number", "begins"),
    [("9" * 5000, None), ("9" * 20, None), ("abc", "waiting"), ("0" * 24 + "1", "done"), ("٣", "waiting")],
)
def test_any_last_event_id_is_survived(plain, recording, number, begins) -> None:
    [job] = leave(plain, recording)
    done(plain, job)
    with plain.http as http:
        told = http.get(f"/v1/jobs/{job['id']}/events", headers={"last-event-id": number.encode()})
    assert told.status_code == 200
    assert (told.text == "") if begins is None else (f"event: {begins}\n" in told.text)


def sse(served: Served, job: dict[str, Any], after: int = 0) -> Iterator[tuple[int, str, dict[str, Any]]]:
    headers = {"last-event-id": str(after)} if after else {}
    number, kind = 0, ""
    with served.http as http, http.stream("GET", f"/v1/jobs/{job['id']}/events", headers=headers) as stream:
        for line in stream.iter_lines():
            name, _, value = line.partition(": ")
            if name == "id":
                number = int(value)
            elif name == "event":
                kind = value
            elif name == "data":
                yield number, kind, json.loads(value)


def test_a_short_request_is_answered_while_a_long_job_is_at_work(serve, script, long, recording) -> None:
    served = serve(script({"at": "chunk", "skip": 1, "times": 1, "do": "stall", "seconds": 3}))
    [job] = leave(served, long)
    served.wait_until(lambda: look(served, job)["state"] == "working")
    with served.http as http:
        answer = http.post("/v1/audio/transcriptions", files={"file": recording.read_bytes()}, data=FORM)
    assert answer.status_code == 200
    assert done(served, job)["state"] == "done"


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"model": "no-such"}, "model-unknown"),
        ({"language": "klingon"}, "parameter-invalid"),
        ({"device": "gpu:x"}, "device-unknown"),
        ({"webhook_url": "http://127.0.0.1:9/x"}, "webhook-not-allowed"),
        ({"webhook_url": "http://[::ffff:127.0.0.1]/"}, "webhook-not-allowed"),
        ({"webhook_url": "http://169.254.169.254/latest"}, "webhook-not-allowed"),
        ({"webhook_url": "ftp://example.org/"}, "webhook-not-allowed"),
        ({"webhook_url": "http://user:x@example.org/"}, "webhook-not-allowed"),
        ({"webhook_url": "http://0x7f000001/"}, "webhook-not-allowed"),
    ],
)
def test_what_cannot_be_left_is_refused_and_leaves_nothing(plain, recording, asked, code) -> None:
    with plain.http as http:
        answer = http.post("/v1/jobs", files={"file": recording.read_bytes()}, data={**FORM, **asked})
    assert answer.headers["x-yamabiko-finding"] == code
    folder = plain.home / "data/jobs/recordings"
    assert not folder.exists() or list(folder.iterdir()) == []


def test_somebody_is_told_with_a_signature_when_a_job_is_over(serve, script, recording) -> None:
    heard: queue.Queue[tuple[str, bytes]] = queue.Queue()

    class Ear(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            heard.put((self.headers["x-yamabiko-signature"], body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Ear) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        served = serve(script(), "--allow-webhook", "127.0.0.1")
        url = f"http://127.0.0.1:{server.server_port}/done"
        [job] = leave(served, recording, webhook_url=url, webhook_secret="s3cret")
        signature, body = heard.get(timeout=60)
        server.shutdown()
    assert signature == f"sha256={hmac.new(b's3cret', body, hashlib.sha256).hexdigest()}"
    said = json.loads(body)
    assert (said["type"], said["job"]["id"]) == ("job.done", job["id"])
    assert "webhook_secret" not in said["job"]
    assert "recording" not in said["job"]


def test_with_keys_each_client_sees_its_own_jobs(serve, recording) -> None:
    served = serve("", "--api-key", "anna:a-secret", "--api-key", "ben:b-secret", wait=False)
    anna, ben = ({"authorization": f"Bearer {secret}"} for secret in ("a-secret", "b-secret"))
    with served.http as http:
        job = http.post("/v1/jobs", files={"file": recording.read_bytes()}, data=FORM, headers=anna).json()["data"][0]
        assert [one["id"] for one in http.get("/v1/jobs", headers=anna).json()["data"]] == [job["id"]]
        assert http.get("/v1/jobs", headers=ben).json()["data"] == []
        for path in ("", "/result", "/events"):
            assert http.get(f"/v1/jobs/{job['id']}{path}", headers=ben).status_code == 404
        assert http.delete(f"/v1/jobs/{job['id']}", headers=ben).status_code == 404


def test_pauses_are_no_deaths_of_the_server(serve, script, long) -> None:
    """Twice paused and once killed: it had been set aside for three deaths."""
    model = script({"at": "chunk", "skip": 1, "times": 3, "do": "stall"})
    served = serve(model)
    [job] = leave(served, long)
    for chance in (2, 3):
        served.wait_until(lambda chance=chance: stalls(model, chance))  # type: ignore[misc]
        with served.http as http:
            assert http.post(f"/v1/jobs/{job['id']}/pause").json()["state"] == "paused"
            assert http.post(f"/v1/jobs/{job['id']}/resume").json()["state"] == "waiting"
    served.wait_until(lambda: stalls(model, 4))
    served.process.send_signal(signal.SIGKILL)
    served.process.communicate(timeout=10)
    over = done(serve(model), job)
    assert (over["state"], over["deaths"]) == ("done", 1)


def test_a_home_s_jobs_belong_to_one_server_at_a_time(serve, script, recording) -> None:
    first, second = serve(script()), serve(script())
    with second.http as http, recording.open("rb") as file:
        refused = http.post("/v1/jobs", files={"file": file}, data=FORM)
        assert http.get("/metrics").status_code == 200
    assert (refused.status_code, refused.headers["x-yamabiko-finding"]) == (409, "jobs-elsewhere")
    assert done(first, leave(first, recording)[0])["state"] == "done"
    end(first)
    assert "jobs-elsewhere" in end(second)
    assert done(third := serve(script()), leave(third, recording)[0])["state"] == "done"


def test_clients_have_their_turns_whoever_came_first(tmp_path) -> None:
    store = Store(tmp_path / "jobs.sqlite3")
    for name in ("a1", "a2", "a3"):
        store.add("anna", name, tmp_path / name, {})
    store.add("bob", "b1", tmp_path / "b1", {})
    begun = []
    while (job := store.next_waiting()) is not None:
        begun.append(job.name)
        store.change(job.id, "cancelled", ("working",))
    store.close()
    assert begun == ["a1", "b1", "a2", "a3"]


def test_listeners_hold_nobody_up(serve, script, long, recording) -> None:
    """Each held a thread of few, and uploads waited for one."""
    model = script({"at": "chunk", "skip": 1, "times": 1, "do": "stall", "seconds": 3600})
    served = serve(model)
    [job] = leave(served, long)
    served.wait_until(lambda: stalls(model, 2))
    with served.http as http:
        assert http.post(f"/v1/jobs/{job['id']}/pause").json()["state"] == "paused"
    with contextlib.ExitStack() as stack:
        for _ in range(40):
            http = stack.enter_context(served.http)
            told = stack.enter_context(http.stream("GET", f"/v1/jobs/{job['id']}/events"))
            assert next(told.iter_lines()).startswith("id: ")
        with served.http as http, recording.open("rb") as file:
            limits = httpx.Timeout(60, read=20)
            asked = http.post(
                "/v1/audio/transcriptions", files={"file": file}, data={**FORM, "model": "whisper-1"}, timeout=limits
            )
            assert asked.status_code == 200
            assert http.get("/metrics", timeout=5).status_code == 200


@pytest.mark.parametrize("what", ["garbage", "a file in its place"])
def test_a_list_of_jobs_that_cannot_be_used_costs_the_jobs_alone(serve, script, silero_home, recording, what) -> None:
    folder = silero_home / "data/jobs"
    if what == "garbage":
        folder.mkdir()
        (folder / "jobs.sqlite3").write_bytes(b"garbage" * 999)
    else:
        folder.write_bytes(b"")
    served = serve(script())
    with served.http as http:
        assert http.get("/v1/jobs").headers["x-yamabiko-finding"] == "jobs-unreadable"
        with recording.open("rb") as file:
            asked = http.post("/v1/audio/transcriptions", files={"file": file}, data={**FORM, "model": "whisper-1"})
    assert asked.status_code == 200
    assert "jobs-unreadable" in end(served)
