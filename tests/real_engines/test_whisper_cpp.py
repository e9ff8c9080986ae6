"""whisper.cpp as its users meet it: the real library in its real environment, on Whisper base as a ggml file."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path

import models_whisper_cpp
import numpy
import pytest
from promises import PLAIN_ENGLISH, ask, recordings
from rapidfuzz.distance import Levenshtein

from homes import run_once
from program import Result, run_program
from yamabiko.bundled import clips
from yamabiko.engines.adapters import whisper_cpp
from yamabiko.scheduling.pool import Pool
from yamabiko.scheduling.scheduler import Conduct, Run
from yamabiko.scheduling.setup import Wish, prepare
from yamabiko.settings import Settings
from yamabiko.speech import SAMPLE_RATE, Span
from yamabiko.workers.exits import WorkerFailed
from yamabiko.workers.process import Worker

JA = next(clip for clip in clips() if clip.language == "ja")


@pytest.fixture(scope="session")
def model(ready_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return models_whisper_cpp.build(ready_home, tmp_path_factory.mktemp("ggml"))


@pytest.fixture(scope="session")
def installed(ready_home: Path, run_folder: Path) -> Result:
    return run_once(run_folder, "engines", "install", "whisper.cpp", "--no-verify", home=ready_home)


def test_it_is_verified_with_a_model_of_one_s_own(installed: Result, model: Path, ready_home: Path) -> None:
    assert installed.code == 0, installed.err
    line = ("engines", "verify", "whisper.cpp", "--model", model, "--json")
    refused = run_program(*line, home=ready_home)
    [verified] = json.loads(refused.out)["verifications"]
    assert (refused.code, verified["finding"]["id"]) == (4, "model-differs-from-known"), "of ggml-base's very size"
    done = run_program(*line, "--trust-model", home=ready_home)
    [verified] = json.loads(done.out)["verifications"]
    assert (done.code, verified["ok"]) == (0, True), done.err
    assert {(receipt["used_device"], receipt["verdict"]) for receipt in verified["receipts"]} == {("cpu", "proved")}
    said = [e["value"] for receipt in verified["receipts"] for e in receipt["evidence"]]
    assert any("whisper_print_system_info" in line for line in said)
    [held] = [check["evidence"]["en"] for check in verified["checks"] if check["name"]["en"] == "model"]
    assert held == f"yours, as you say, with a known model's size and other bytes: {model}"


def test_words_have_times_and_the_language_is_found(
    installed: Result, model: Path, ready_home: Path, tmp_path: Path
) -> None:
    done = run_program(
        "transcribe", JA.path, "--engine", "whisper.cpp", "--model", model, "--trust-model", "--word-timestamps",
        "--beam_size", "1", "-f", "json", "-o", tmp_path, home=ready_home,
    )  # fmt: skip
    assert done.code == 0, done.err
    told = json.loads((tmp_path / f"{JA.path.stem}.json").read_text("utf-8"))
    words = [word for segment in told["segments"] for word in segment["words"]]
    assert told["language"] == "ja"
    assert "".join(word["word"] for word in words) == "".join(segment["text"] for segment in told["segments"])
    assert len(words) > 8, "Japanese is no single word"
    assert all(0 <= word["start"] <= word["end"] <= JA.seconds + 0.1 for word in words)
    assert [word["start"] for word in words] == sorted(word["start"] for word in words)
    assert not any(word["word"] in "、。" for word in words), "punctuation stays with what it ends"


HEAD = struct.pack("<I11i", 0x67676D6C, *[1] * 11)
WITHOUT_WEIGHTS = HEAD + struct.pack("<2ifi", 1, 1, 0.5, 0)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\0", "is no ggml model"),
        (b"GGUF" + bytes(100), "is no ggml model: it begins with 47 47 55 46"),
        (HEAD + b"cut off", "is cut off"),
        (WITHOUT_WEIGHTS, "is cut off: it ends within its 1. tensor"),
        (WITHOUT_WEIGHTS + struct.pack("<5i", 2, 4, 1, 384, 51865) + b"name" + bytes(1000), "within its 1. tensor"),
        (None, "is cut off: it ends within its 164. tensor"),
    ],
)
def test_a_file_that_is_no_whole_model_is_told_as_such(
    installed: Result, model: Path, ready_home: Path, tmp_path: Path, content: bytes | None, said: str
) -> None:
    """whisper.cpp itself takes a file without weights for “an empty model for testing”, and transcribes with it."""
    broken = tmp_path / "broken.bin"
    broken.write_bytes(model.read_bytes()[:-30_000_000] if content is None else content)
    outfit = prepare(Wish("whisper.cpp", str(broken), "cpu", trust_model=True), Settings(home=ready_home))
    worker = Worker(outfit.launch(0), Settings(home=ready_home))
    try:
        with pytest.raises(WorkerFailed) as failed:
            worker.load(outfit.model, 1)
    finally:
        worker.kill()
    assert said in failed.value.exit.message
    assert "broken.bin" in failed.value.exit.message


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        (["今日", "は", "、", "雨"], ["今日", "は、", "雨"]),
        ([" Good", " mor", "ning", ","], [" Good", " morning,"]),
        (["10", "時", "に", "は"], ["10", "時", "に", "は"]),
        ([" iPhone", "を", "買", "う", "。"], [" iPhone", "を", "買", "う。"]),
    ],
)
def test_tokens_are_put_together_to_what_people_read_as_one(tokens: list[str], words: list[str]) -> None:
    found: list[str] = []
    for number, token in enumerate(tokens):
        before = tokens[number - 1].encode() if number else b""
        if not number or whisper_cpp._begins_a_word(token.encode(), before):
            found.append("")
        found[-1] += token
    assert found == words


def test_a_quantised_file_is_told_as_such_and_hears_the_same(
    installed: Result, model: Path, ready_home: Path, tmp_path: Path
) -> None:
    quantised = models_whisper_cpp.quantised(ready_home, tmp_path)
    recording = recordings(tmp_path)["en"]

    def heard(file: Path) -> tuple[str, str]:
        outfit = prepare(Wish("whisper.cpp", str(file), "cpu", trust_model=True), Settings(home=ready_home))
        worker = Worker(outfit.launch(0), Settings(home=ready_home))
        try:
            precision = worker.load(str(file), 1).loaded.compute_type
            return precision, ask(worker, recording.path, [recording.whole], PLAIN_ENGLISH).text()
        finally:
            worker.kill()

    (whole, said), (small, said_too) = heard(model), heard(quantised)
    assert (whole, small) == ("float16", "q8_0")
    assert quantised.stat().st_size < 0.6 * model.stat().st_size
    assert said
    assert Levenshtein.normalized_distance(said_too, said) <= 0.10


def test_asked_for_a_gpu_it_runs_on_the_cpu_and_says_so(
    installed: Result, model: Path, ready_home: Path, tmp_path: Path
) -> None:
    """The wheels of the package index have no backend for a GPU, take `use_gpu`, and compute on the CPU."""
    settings = Settings(home=ready_home)
    asked = prepare(Wish("whisper.cpp", str(model), "cuda", trust_model=True), settings)
    recording = recordings(tmp_path)["en"]
    pool = Pool(settings)
    try:
        run = Run(pool, asked, Conduct())
        answers = list(run.answers(recording.path, [recording.whole], [0], PLAIN_ENGLISH))
    finally:
        pool.close()
    assert answers[0].segments
    assert run.used_device == "cpu"
    told = {finding.id: finding for finding in run.notices}
    assert "gpu-not-used" in told, told
    assert any(e.kind == "last-words" and "no GPU found" in e.value for e in run.evidence)
    assert [remedy.command for remedy in told["gpu-not-used"].remedies] == ["--device cpu"], "why is told below"
    assert "why: whispercpp-cpu-build-silent" in told["gpu-not-used"].evidence
    why = told["whispercpp-cpu-build-silent"]
    assert any("has no CUDA, HIP or Vulkan backend" in line for line in why.evidence)
    assert [remedy.command for remedy in why.remedies] == ["--device cpu"], "no build helps where no GPU is seen"


def test_nothing_that_one_recording_said_is_told_to_the_next(
    installed: Result, model: Path, ready_home: Path, tmp_path: Path
) -> None:
    """whisper.cpp keeps the text of its last answer as what came before, also where that was another's recording."""
    outfit = prepare(Wish("whisper.cpp", str(model), "cpu", trust_model=True), Settings(home=ready_home))
    first = recordings(tmp_path)["en"]
    options = replace(PLAIN_ENGLISH, condition_on_previous_text=True)
    second = tmp_path / "noise.f32"
    (numpy.random.default_rng(1).standard_normal(3 * SAMPLE_RATE) * 0.05).astype("<f4").tofile(second)

    def heard(*before: Path) -> list[str]:
        worker = Worker(outfit.launch(0), Settings(home=ready_home))
        try:
            worker.load(outfit.model, 1)
            for path in before:
                ask(worker, path, [first.whole], options)
            return [segment.text for segment in ask(worker, second, [Span(0, 3 * SAMPLE_RATE)], options).segments[0]]
        finally:
            worker.kill()

    assert heard(first.path) == heard()
