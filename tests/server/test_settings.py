"""A server with a settings file: keys with limits, folders of its own machine, pages of other origins, a language."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from live_client import OVER, live, pcm

from homes import linked
from program import Result, noise_file
from served import Served, begin, end
from yamabiko.bundled import clips

EN = next(clip for clip in clips() if clip.language == "en")
PAGE = "https://app.example"
LIMITS = {"anna": "", "slow": "requests_per_minute = 1", "single": "at_once = 1", "small": "max_upload_mb = 1"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An allowed folder: a clip, a link to it, and what must not be read through it."""
    root = tmp_path_factory.mktemp("settings")
    folder = root / "recordings 録音"
    (folder / "deeper").mkdir(parents=True)
    (folder / "talk 会議.flac").write_bytes(EN.path.read_bytes())
    (root / "outside.flac").write_bytes(EN.path.read_bytes())
    (root / "recordings 録音-too").mkdir()
    (root / "recordings 録音-too" / "talk.flac").write_bytes(EN.path.read_bytes())
    (folder / "inside").symlink_to(folder / "talk 会議.flac")
    (folder / "exit").symlink_to(root / "outside.flac")
    (folder / "way out").symlink_to(root)
    (folder / "circle").symlink_to(folder / "circle")
    os.mkfifo(folder / "pipe")
    return folder


@pytest.fixture(scope="module")
def guarded(
    shared_home: Path, silero_installed: Result, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A home of its own: another server of the shared one could take its jobs."""
    assert silero_installed.code == 0, silero_installed.err
    home = tmp_path_factory.mktemp("home")
    for kept in shared_home.glob("data/engines/silero-vad-cpu-*"):
        shutil.copytree(kept, home / "data/engines" / kept.name, symlinks=True, copy_function=linked)
    shutil.copytree(shared_home / "cache/models/silero-onnx", home / "cache/models/silero-onnx")
    keys = "".join(
        f'[[security.keys]]\nname = "{name}"\nsha256 = "{hashlib.sha256(name.encode()).hexdigest()}"\n{limit}\n'
        for name, limit in LIMITS.items()
    )
    config = tmp_path_factory.mktemp("config") / "config.toml"
    config.write_text(
        f'[whisper]\nengine = "scripted"\nlanguage = "ja"\n[limits]\nmax_duration_minutes = 0.5\n'
        f'[security]\nallowed_folders = ["{folder}"]\ncors_origins = ["{PAGE}"]\n{keys}',
        "utf-8",
    )
    served = begin(home, "--config", str(config))
    yield served
    end(served)


def ask(served: Served, key: str = "anna", path: str = "/v1/audio/transcriptions", **how: Any) -> httpx.Response:
    headers = {"authorization": f"Bearer {key}", **how.pop("headers", {})}
    data = {"response_format": "verbose_json", **how.pop("data", {})}
    files = how.pop("files", {"file": (EN.path.name, EN.path.read_bytes())})
    with served.http as http:
        return http.post(path, headers=headers, data=data, files=files)


def by_path(served: Served, given: object, key: str = "anna", **how: Any) -> httpx.Response:
    """A form without any file."""
    return ask(served, key, files={"path": (None, str(given))}, **how)


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.headers["x-yamabiko-finding"]


# ---- keys -----------------------------------------------------------------------------------------------------------------


def test_a_key_is_known_by_its_hash_in_the_file(guarded) -> None:
    assert ask(guarded).status_code == 200
    assert code(ask(guarded, "nobody")) == (401, "key-unknown")
    stored = hashlib.sha256(b"anna").hexdigest()
    assert code(ask(guarded, stored)) == (401, "key-unknown")


def test_a_key_s_requests_a_minute_end_with_429_for_it_alone(guarded) -> None:
    assert ask(guarded, "slow").status_code == 200
    refused = ask(guarded, "slow")
    assert code(refused) == (429, "key-limit")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert "slow" in refused.json()["error"]["message"]
    with guarded.http as http:  # looking on is free
        assert http.get("/v1/jobs", headers={"authorization": "Bearer slow"}).status_code == 200
    assert ask(guarded, "anna").status_code == 200


def test_a_key_s_requests_at_once_are_counted_until_each_ends(guarded) -> None:
    with contextlib.closing(unfinished(guarded, "single")):
        guarded.wait_until(lambda: ask(guarded, "single").status_code == 429)
        assert ask(guarded, "anna").status_code == 200
    guarded.wait_until(lambda: ask(guarded, "single").status_code == 200)


def unfinished(served: Served, key: str) -> socket.socket:
    """A request of which only the beginning has come."""
    address = urlsplit(served.url)
    connection = socket.create_connection((address.hostname, address.port))
    head = (
        f"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {key}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 100000\r\n\r\n--x\r\n"
    )
    connection.sendall(head.encode())
    return connection


def test_a_key_s_uploads_have_their_own_limit(guarded) -> None:
    large = {"file": ("large.wav", bytes(2 << 20))}
    assert code(ask(guarded, "small", files=large)) == (413, "upload-too-large")
    assert code(ask(guarded, "anna", files=large)) != (413, "upload-too-large")


# ---- what the file says besides ----------------------------------------------------------------------------------------------


def test_the_language_holds_where_a_request_names_none(guarded) -> None:
    assert ask(guarded).json()["language"] == "japanese"
    assert ask(guarded, data={"language": "en"}).json()["language"] == "english"


def test_the_language_holds_for_live_captions_too(guarded) -> None:
    with live(guarded, additional_headers={"authorization": "Bearer anna"}) as client:
        client.update(turn_detection=None)
        client.append(pcm(EN))
        client.say("input_audio_buffer.commit")
        assert [spoken["code"] for spoken in client.until(*OVER)[-1]["languages"]] == ["ja"]

        def expected(**given: Any) -> str | None:
            told = client.update(transcription=given)
            return told["session"]["audio"]["input"]["transcription"]["language"]

        assert expected() == "ja"
        assert expected(languages=["en", "de"]) is None
        assert expected(languages=[], language="en") == "en"


def test_a_recording_longer_than_the_limit_is_refused(guarded, tmp_path) -> None:
    long = noise_file(tmp_path / "long.wav", 31)
    assert code(ask(guarded, files={"file": ("long.wav", long.read_bytes())})) == (400, "input-too-long")


# ---- recordings by path ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["talk 会議.flac", "inside", "deeper/../talk 会議.flac"])
def test_a_recording_in_an_allowed_folder_need_not_be_sent(guarded, folder, name) -> None:
    answer = by_path(guarded, folder / name)
    assert answer.status_code == 200, answer.text
    assert answer.json()["yamabiko"]["source"] == "talk 会議.flac"
    assert (folder / "talk 会議.flac").read_bytes() == EN.path.read_bytes()


def test_a_job_by_path_leaves_the_recording_where_it_is_also_when_it_is_deleted(guarded, folder) -> None:
    added = by_path(guarded, folder / "talk 会議.flac", path="/v1/jobs")
    assert added.status_code == 202, added.text
    (job,) = added.json()["data"]
    with guarded.http as http:
        key = {"authorization": "Bearer anna"}
        guarded.wait_until(lambda: http.get(f"/v1/jobs/{job['id']}", headers=key).json()["state"] == "done")
        assert http.delete(f"/v1/jobs/{job['id']}", headers=key).status_code == 200
    assert (folder / "talk 会議.flac").read_bytes() == EN.path.read_bytes()
    assert (folder / "talk 会議.flac").stat().st_nlink == 1


@pytest.mark.parametrize(
    "name",
    ["exit", "../outside.flac", "way out/outside.flac", "../recordings 録音-too/talk.flac", "circle", "pipe", "deeper",
     "nothing", "", "talk 会議.flac\0.flac", "/etc/passwd", "x" * 5000],
)  # fmt: skip
def test_no_path_leads_out_or_to_what_is_no_plain_file(guarded, folder, name) -> None:
    given = name if name.startswith("/") else f"{folder}/{name}"
    assert code(by_path(guarded, given)) == (403, "path-not-allowed")
    assert code(by_path(guarded, given, path="/v1/jobs")) == (403, "path-not-allowed")


def test_whether_a_file_outside_is_there_is_not_told(guarded, folder) -> None:
    there, missing = (by_path(guarded, folder.parent / name) for name in ("outside.flac", "missing!.flac"))
    told = [answer.json()["error"]["message"] for answer in (there, missing)]
    assert told[0] == told[1]


@pytest.mark.parametrize("given", ["talk 会議.flac", "./talk 会議.flac", "~/talk.flac", "file:///etc/passwd"])
def test_a_path_that_is_not_whole_is_refused(guarded, given) -> None:
    assert code(by_path(guarded, given)) == (403, "path-not-allowed")


def test_without_allowed_folders_no_path_is_read(plain) -> None:
    assert code(by_path(plain, EN.path)) == (403, "path-not-allowed")


# ---- pages of other origins --------------------------------------------------------------------------------------------------


def preflight(served: Served, origin: str) -> httpx.Response:
    asked = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
    }
    with served.http as http:
        return http.options("/v1/audio/transcriptions", headers=asked)


def cors_headers(answer: httpx.Response) -> list[str]:
    return [name for name in answer.headers if name.startswith("access-control-")]


def test_a_page_that_is_named_may_use_the_server(guarded) -> None:
    asked = preflight(guarded, PAGE)
    assert asked.status_code == 200
    assert asked.headers["access-control-allow-origin"] == PAGE
    assert "authorization" in asked.headers["access-control-allow-headers"].lower()
    answer = ask(guarded, headers={"origin": PAGE})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, PAGE)
    refused = ask(guarded, "nobody", headers={"origin": PAGE})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, PAGE)


@pytest.mark.parametrize("origin", ["https://evil.example", "http://app.example", f"{PAGE}.evil.example", "null"])
def test_no_other_page_gets_an_answer_that_it_may_read(guarded, origin) -> None:
    asked = preflight(guarded, origin)
    assert asked.status_code >= 400
    assert cors_headers(asked) == []
    answer = ask(guarded, headers={"origin": origin})
    assert code(answer) == (403, "origin-not-allowed")
    assert cors_headers(answer) == []


def test_without_origins_no_cors_header_is_ever_sent(plain) -> None:
    with plain.http as http:
        for origin in (PAGE, plain.url, "null"):
            asked = {"origin": origin, "access-control-request-method": "POST"}
            answers = [
                http.options(path, headers=asked) for path in ("/v1/audio/transcriptions", "/health", "/nowhere")
            ]
            assert all(answer.status_code >= 400 for answer in answers)
            answers += [http.get("/health", headers=asked), http.post("/v1/jobs", headers=asked)]
            assert [name for answer in answers for name in cors_headers(answer)] == []
