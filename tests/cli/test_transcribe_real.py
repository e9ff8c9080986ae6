"""The main job on real recordings with the real engine, and what may happen on the way."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import signal
import subprocess
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
from filelock import FileLock

from program import COMMAND, Result, children_of, environment, run_program, samples_of, write_wav
from yamabiko.bundled import clips

OFFLINE = {"HF_ENDPOINT": "http://127.0.0.1:9", "PIP_INDEX_URL": "http://127.0.0.1:9", "PIP_FIND_LINKS": ""}
"""Nothing that is on this machine may be asked of another one."""


@pytest.fixture(scope="module")
def home(ready_home: Path) -> Path:
    return ready_home


@pytest.fixture(scope="module")
def long_talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The English clip three times, with silences so long that each becomes a chunk of its own."""
    folder = tmp_path_factory.mktemp("long-talk")
    english = samples_of(clips()[0], folder)
    return write_wav(folder / "talk.wav", [english, numpy.zeros(4 * 16_000, "f4")] * 3)


SMALL = ("--model", "tiny.en", "--beam_size", "1")
"""What a run of three chunks is made with: a real engine and real weights, as quick as there are."""


@pytest.fixture(scope="module")
def undisturbed(long_talk: Path, home: Path, run_folder: Path) -> str:
    """Made by whichever process of the test run comes first: each makes the same recording."""
    folder = run_folder / "undisturbed"
    with FileLock(f"{folder}.lock"):
        if not (folder / "talk.srt").exists():
            assert run(long_talk, home, folder, *SMALL).code == 0
    text = (folder / "talk.srt").read_text("utf-8")
    assert len(re.findall("museum", text)) == 3
    return text


def run(recording: Path, home: Path, output: Path, *more: str, **env: str) -> Result:
    return run_program(recording, "-o", output, "-f", "srt,json", *more, home=home, **{**OFFLINE, **env})


def receipt(output: Path, stem: str = "talk") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((output / f"{stem}.json").read_text("utf-8"))["yamabiko"]
    return found


def interrupted(recording: Path, home: Path, output: Path, disturb: Callable[[subprocess.Popen[bytes]], None]) -> int:
    """Run, `disturb` once the first text is on the screen, and wait for the end: its exit code."""
    process = subprocess.Popen(
        [*COMMAND, str(recording), "-o", str(output), "-f", "srt,json", "--verbose", *SMALL],
        env=environment(home, **OFFLINE),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    with process.stderr as lines:
        next(line for line in lines if line.startswith(b"["))
        disturb(process)
        lines.read()
    return process.wait()


def inference_worker(parent: int) -> int:
    """The process in which CTranslate2 is loaded."""
    return next(pid for pid in children_of(parent) if "ctranslate2" in Path(f"/proc/{pid}/maps").read_text())


def characters(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKC", text).lower() if c.isalnum())


def test_the_bundled_clips_come_out_right(home: Path, tmp_path: Path) -> None:
    """Known words, in two languages that nobody named; beside each file what Whisper would have written."""
    for clip in clips():
        shutil.copy(clip.path, tmp_path)
    result = run_program(tmp_path, home=home, **OFFLINE)
    assert result.code == 0, result.err
    for clip in clips():
        stem = tmp_path / clip.path.stem
        assert characters(stem.with_suffix(".txt").read_text("utf-8")) == characters(clip.text)
        assert stem.with_suffix(".srt").read_text("utf-8").count("-->") >= 2
        document = json.loads(stem.with_suffix(".json").read_text("utf-8"))
        assert document["language"] == clip.language
        assert (document["yamabiko"]["used_device"], document["yamabiko"]["verdict"]) == ("cpu", "proved")
    last = result.err.splitlines()[-1]
    assert "2 done" in last
    assert "RTF" in last
    assert "cpu int8_float32 (proved)" in last


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV"])
def test_a_worker_killed_in_the_middle_costs_nothing_but_a_notice(
    name: str, long_talk: Path, home: Path, undisturbed: str, tmp_path: Path
) -> None:
    code = interrupted(
        long_talk, home, tmp_path, lambda p: os.kill(inference_worker(p.pid), signal.Signals[name].value)
    )
    assert code == 0
    assert (tmp_path / "talk.srt").read_text("utf-8") == undisturbed
    [fallback] = receipt(tmp_path)["fallbacks"]
    assert fallback["id"] == "worker-died-unexplained"
    assert any(name in line for line in fallback["evidence"])


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGKILL", -9)])
def test_a_run_that_is_stopped_goes_on_where_it_was(
    name: str, code: int, long_talk: Path, home: Path, undisturbed: str, tmp_path: Path
) -> None:
    workers: list[int] = []
    stopped: list[int] = []

    def stop(process: subprocess.Popen[bytes]) -> None:
        stopped.append(process.pid)
        workers.extend(os.pidfd_open(pid) for pid in children_of(process.pid))
        process.send_signal(signal.Signals[name])

    assert interrupted(long_talk, home, tmp_path, stop) == code
    assert not list(tmp_path.iterdir()), "half a transcript is no transcript"
    assert workers
    for worker in workers:  # readable once the process has ended
        assert select.select([worker], [], [], 20)[0], "a worker outlived its server"
        os.close(worker)
    again = run(long_talk, home, tmp_path, *SMALL)
    assert again.code == 0, again.err
    assert (tmp_path / "talk.srt").read_text("utf-8") == undisturbed
    assert 1 <= receipt(tmp_path)["chunks_resumed"] < 3
    left = list((home / "cache/work").glob(f"{stopped[0]}-*"))  # other tests work in this home at the same time
    assert not left, "the decoded audio of the run that was killed is swept"


def test_word_times_lie_inside_the_recording_and_in_order(long_talk: Path, home: Path, tmp_path: Path) -> None:
    assert run(long_talk, home, tmp_path, *SMALL, "--word_timestamps", "True").code == 0
    document = json.loads((tmp_path / "talk.json").read_text("utf-8"))
    words = [word for segment in document["segments"] for word in segment["words"]]
    assert len(words) > 30
    times = [time for word in words for time in (word["start"], word["end"])]
    assert times == sorted(times)
    assert 0 <= times[0] < times[-1] <= document["yamabiko"]["duration_s"]


def test_stretches_asked_together_give_the_same_words(
    long_talk: Path, home: Path, undisturbed: str, tmp_path: Path
) -> None:
    done = run(long_talk, home, tmp_path, *SMALL, "--batch_size", "4", "--temperature", "1", "--best_of", "3")
    assert done.code == 0
    [notice] = receipt(tmp_path)["notices"]
    assert "heeds no best_of and no temperature where it takes several chunks at once" in notice["cause"]["en"]
    assert {one["temperature"] for one in json.loads((tmp_path / "talk.json").read_text("utf-8"))["segments"]} == {
        0.0
    }, "what was used, not what was asked"
    assert len(re.findall("museum", (tmp_path / "talk.srt").read_text("utf-8"))) == 3
    starts = re.findall(r"(\d\d:\d\d:\d\d),\d+ -->", (tmp_path / "talk.srt").read_text("utf-8"))
    assert starts == sorted(starts)


def test_a_model_that_is_cut_short_is_named(home: Path, tmp_path: Path) -> None:
    [model] = (home / "cache/models/ctranslate2-whisper").glob("base-*")
    broken = shutil.copytree(model, tmp_path / "broken")
    os.truncate(broken / "model.bin", 1_000_000)
    recording = shutil.copy(clips()[0].path, tmp_path / "talk.flac")
    result = run(recording, home, tmp_path, "--model", str(broken))
    assert result.code == 4, result.err
    assert "model" in result.err.splitlines()[0]
    assert not (tmp_path / "talk.srt").exists()


def test_a_model_folder_that_is_nearly_a_known_one_is_refused(home: Path, tmp_path: Path) -> None:
    """One byte of a file differs: it may be damaged or trained further, and nobody must find out by the text."""
    [model] = (home / "cache/models/ctranslate2-whisper").glob("base-*")
    other = shutil.copytree(model, tmp_path / "other")
    config = (other / "config.json").read_bytes()
    (other / "config.json").write_bytes(config.replace(b"\n", b" ", 1))
    recording = shutil.copy(clips()[0].path, tmp_path / "talk.flac")
    result = run(recording, home, tmp_path, "--model", str(other))
    assert result.code == 4, result.err
    assert "model-differs-from-known" in result.err
    assert str(other / "config.json") in result.err
    assert not (tmp_path / "talk.srt").exists()
    own = run(recording, home, tmp_path, "--model", str(other), "--trust_model")
    assert own.code == 0, own.err
    assert receipt(tmp_path)["notices"] == []


def test_a_damaged_copy_is_named_as_damaged_where_nothing_may_be_fetched(home: Path, tmp_path: Path) -> None:
    own = tmp_path / "home"
    for part in ("data", "state"):
        (own / part).mkdir(parents=True)
    for engine in (home / "data").iterdir():
        (own / "data" / engine.name).symlink_to(engine)
    shutil.copytree(home / "cache", own / "cache", ignore=shutil.ignore_patterns("tiny*", "uv*", "downloads"))
    [model] = (own / "cache/models/ctranslate2-whisper").glob("base-*")
    with (model / "model.bin").open("r+b") as weights:
        weights.seek(1_000_000)
        weights.write(b"not what was here")
    recording = shutil.copy(clips()[0].path, tmp_path / "talk.flac")
    result = run(recording, own, tmp_path, "--no_install")
    assert result.code == 4, result.err
    assert "model-wrong-hash" in result.err
    assert str(model / "model.bin") in result.err
    listed = run_program("models", "list", "--json", home=own)
    states = {m["name"]: m["state"] for m in json.loads(listed.out)["models"]}
    assert (states["base"], states["small"]) == ("unchecked", "absent")


def test_a_gpu_that_is_not_there_costs_a_notice_with_its_cause(home: Path, tmp_path: Path) -> None:
    if Path("/dev/nvidia0").exists() or Path("/dev/dxg").exists():
        pytest.skip("this machine has a GPU")
    recording = shutil.copy(clips()[0].path, tmp_path / "talk.flac")
    result = run(recording, home, tmp_path, "--device", "cuda")
    assert result.code == 0, result.err
    assert "driver-none-or-container-without-runtime" in result.err
    assert "CUDA driver version is insufficient" in result.err
    assert (receipt(tmp_path)["used_device"], receipt(tmp_path)["verdict"]) == ("cpu", "proved")
    required = run(recording, home, tmp_path, "--device", "cuda", "--require_gpu", "--overwrite")
    assert required.code == 5


@pytest.mark.parametrize("kind", ["silence", "noise", "tone"])
def test_where_nobody_speaks_nothing_is_invented(kind: str, home: Path, tmp_path: Path) -> None:
    time = numpy.arange(20 * 16_000) / 16_000
    sounds = {
        "silence": numpy.zeros(time.size),
        "noise": numpy.random.default_rng(1).normal(0, 0.05, time.size),
        "tone": 0.3 * numpy.sin(2 * numpy.pi * 440 * time),
    }
    result = run(write_wav(tmp_path / "talk.wav", [sounds[kind]]), home, tmp_path)
    assert result.code == 0, result.err
    assert (tmp_path / "talk.srt").read_text("utf-8") == ""
    assert "no-speech" in result.err


def test_bad_files_fail_alone_and_the_good_one_is_done(home: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    (tmp_path / "words.mp3").write_text("these are words")
    shutil.copy(clips()[1].path, tmp_path / "good.flac")
    result = run(tmp_path, home, tmp_path, "--language", "Japanese")
    assert result.code == 7
    assert "input-empty" in result.err
    assert "雨" in (tmp_path / "good.srt").read_text("utf-8")
    assert not (tmp_path / "empty.srt").exists()
    assert "1 done, 0 skipped, 2 failed" in result.err.splitlines()[-1]


def test_without_permission_to_install_nothing_is_installed(tmp_path: Path) -> None:
    recording = shutil.copy(clips()[0].path, tmp_path / "talk.flac")
    result = run_program(recording, "--no-install", home=tmp_path)
    assert result.code == 4
    assert "engine-not-installed" in result.err
    assert not (tmp_path / "data").exists()


def test_messages_are_japanese_where_the_reader_is(home: Path, tmp_path: Path) -> None:
    result = run(tmp_path / "無い.wav", home, tmp_path, YAMABIKO_LANG="", LC_ALL="ja_JP.UTF-8")
    assert result.code == 3
    assert "根拠" in result.err
