"""What whoever starts the server reads: when it is ready and with what, or why it is not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from homes import linked
from program import run_program
from served import begin, beside, end


def test_the_console_says_when_it_is_ready_and_with_what(serve, script) -> None:
    model = script()
    assert f"Ready: scripted with {model}, on cpu/int8 as the engine says\n" in end(serve(model))


def test_an_address_of_nobody_is_told_as_such(tmp_path) -> None:
    for host in ("nosuch.invalid", "192.0.2.1"):
        told = run_program("serve", "--host", host, "--api-key", "a:secret", "--engine", "scripted", home=tmp_path)
        assert told.code == 2
        assert f"address-not-here: {host} is no address of this machine" in told.err
    assert "bind-without-key" not in run_program("serve", "--host", "nosuch.invalid", home=tmp_path).err


def test_an_engine_of_no_such_name_is_answered_with_those_that_there_are(tmp_path) -> None:
    told = run_program("serve", "--engine", "nosuch", home=tmp_path)
    assert told.code == 2
    assert '--engine cannot be "nosuch": it is one of: faster-whisper, whisper.cpp, ' in told.err
    assert "scripted" not in told.err


def test_an_engine_that_is_not_there_is_told_at_the_console_and_over_http(tmp_path, recording) -> None:
    served = begin(tmp_path, wait=False)
    with served.http as http:
        served.wait_until(lambda: http.get("/ready").json()["readiness"] == "failed")
        ready = http.get("/ready")
        with recording.open("rb") as file:
            asked = http.post("/v1/audio/transcriptions", files={"file": file}, data={"model": "whisper-1"})
    assert (ready.status_code, ready.json()["finding"]["id"]) == (503, "engine-not-installed")
    assert (asked.status_code, asked.json()["error"]["yamabiko"]["id"]) == (503, "engine-not-installed")
    assert end(served).count("yamabiko engines install faster-whisper") == 1


@pytest.mark.parametrize(("options", "status"), [((), 503), (("--trust-model",), 200)])
def test_a_model_of_one_s_own_of_a_known_size_is_served_once_it_is_said_to_be(
    ready_home: Path, recording: Path, tmp_path: Path, options: tuple[str, ...], status: int
) -> None:
    """As every fine-tuned one is: same shape, same size, other bytes. The remedy is typed as it stands."""
    [known] = ready_home.glob("cache/models/ctranslate2-whisper/tiny.en-*")
    own = tmp_path / "own"
    shutil.copytree(known, own, copy_function=linked)
    vocabulary = (own / "vocabulary.txt").read_bytes()
    (own / "vocabulary.txt").unlink()
    (own / "vocabulary.txt").write_bytes(vocabulary[:-1] + b"x")
    served = begin(beside(ready_home), "--model", str(own), *options, wait=False)
    with served.http as http:
        served.wait_until(lambda: http.get("/ready").json()["readiness"] in ("failed", "ready"))
        ready = http.get("/ready")
        with recording.open("rb") as file:
            asked = http.post("/v1/audio/transcriptions", files={"file": file}, data={"model": "whisper-1"})
    assert (ready.status_code, asked.status_code == 200) == (status, status == 200), (ready.text, asked.text)
    assert ("--trust-model" in end(served)) == (status != 200)
