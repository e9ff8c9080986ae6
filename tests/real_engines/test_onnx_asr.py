"""onnx-asr as its users meet it: the real library in its real environment, on a tiny Parakeet in its file format."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import canary_onnx
import models_onnx_asr
import numpy
import pytest
from onnx_whisper import whisper
from promises import Bench, ask, noise
from rapidfuzz.distance import Levenshtein

from homes import run_once
from program import Result, run_program
from yamabiko.bundled import clips
from yamabiko.diagnosis.autopsy import explain_exit
from yamabiko.diagnosis.verdict import decide
from yamabiko.engines import catalog
from yamabiko.scheduling.setup import Wish, prepare
from yamabiko.settings import Settings
from yamabiko.speech import SAMPLE_RATE, Evidence, Span, Task, TranscribeOptions
from yamabiko.workers.exits import WorkerFailed
from yamabiko.workers.process import Worker

SOURCES = Path(__file__).parents[2] / "src"
FRAME_S = 0.08
"""Of Parakeet, and of the tiny models."""
JA = next(clip for clip in clips() if clip.language == "ja")


@pytest.fixture(scope="session")
def installed(ready_home: Path, run_folder: Path) -> Result:
    done = run_once(run_folder, "engines", "install", "onnx-asr", "--profile", "cpu", "--no-verify", home=ready_home)
    assert done.code == 0, done.err
    return done


@pytest.fixture(scope="session")
def model(ready_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return models_onnx_asr.build(ready_home, tmp_path_factory.mktemp("onnx-asr"))


def test_a_recording_becomes_words_with_times(installed: Result, model: Path, ready_home: Path, tmp_path: Path) -> None:
    done = run_program(
        "transcribe", JA.path, "--engine", "onnx-asr", "--model", model, "--trust-model", "--word-timestamps",
        "--language", "ja", "-f", "json", "-o", tmp_path, home=ready_home,
    )  # fmt: skip
    assert done.code == 0, done.err
    told = json.loads((tmp_path / f"{JA.path.stem}.json").read_text("utf-8"))
    words = [word for segment in told["segments"] for word in segment["words"]]
    assert "".join(word["word"] for word in words) == "".join(segment["text"] for segment in told["segments"])
    assert len(words) > 8, "Japanese is no single word"
    assert all(0 <= word["start"] <= word["end"] <= JA.seconds + 0.1 for word in words)
    assert [word["start"] for word in words] == sorted(word["start"] for word in words)
    assert not any(word["word"] in "、。" for word in words), "punctuation stays with what it ends"


EDGES_S = (1.04, 1.84, 2.32, 2.96, 3.60)
"""Silence, low noise, silence, high noise, silence: each ends there."""


def test_words_begin_where_the_sounds_do(installed: Result, ready_home: Path, tmp_path: Path) -> None:
    """A model that writes what is loud, every 80 ms: so the time of each word is known to a frame."""
    model = models_onnx_asr.hearing(tmp_path / "hearing")
    sound = numpy.random.default_rng(4).normal(0, 0.001, round(EDGES_S[-1] * SAMPLE_RATE))
    for first_s, last_s, lowest, highest in ((*EDGES_S[:2], 50, 1000), (*EDGES_S[2:4], 3000, 8000)):
        loud = numpy.fft.rfft(numpy.random.default_rng(5).normal(0, 0.3, round((last_s - first_s) * SAMPLE_RATE)))
        hertz = numpy.linspace(0, SAMPLE_RATE / 2, len(loud))
        loud[(hertz < lowest) | (hertz > highest)] = 0
        at = round(first_s * SAMPLE_RATE)
        heard = numpy.fft.irfft(loud)
        sound[at : at + len(heard)] += heard
    sound.astype("<f4").tofile(tmp_path / "sound.f32")
    with Bench(catalog.card("onnx-asr"), ready_home, model).worker() as worker:
        worker.load(str(model), 1)
        asked = TranscribeOptions(word_timestamps=True)
        [segments] = ask(worker, tmp_path / "sound.f32", [Span(0, len(sound))], asked).segments
    starts_s: dict[str, list[float]] = {"low": [], "high": []}
    for word in (word for segment in segments for word in segment.words):
        starts_s[word.text.strip()].append(word.start_s)
    for name, first_s, last_s in (("low", *EDGES_S[:2]), ("high", *EDGES_S[2:4])):
        assert starts_s[name][0] == pytest.approx(first_s, abs=1.01 * FRAME_S), segments
        assert starts_s[name][-1] == pytest.approx(last_s - FRAME_S, abs=1.01 * FRAME_S), segments
        assert len(starts_s[name]) == pytest.approx((last_s - first_s) / FRAME_S, abs=1)


def test_whisper_finds_the_language_and_hears_what_was_said(
    installed: Result, ready_home: Path, tmp_path: Path
) -> None:
    """Whisper base's real weights. onnx-asr asks it for no times: the sentence is as long as what was heard."""
    weights = whisper(ready_home / "cache/models/ctranslate2-whisper/base-ebe41f70", tmp_path / "whisper")
    done = run_program(
        "transcribe", JA.path, "--engine", "onnx-asr", "--model", weights, "--trust-model", "-f", "json",
        "-o", tmp_path, home=ready_home,
    )  # fmt: skip
    assert done.code == 0, done.err
    told = json.loads((tmp_path / f"{JA.path.stem}.json").read_text("utf-8"))
    assert told["language"] == "ja"
    assert Levenshtein.normalized_distance(told["text"], JA.text) < 0.1
    assert told["segments"][-1]["end"] > JA.seconds / 2


@pytest.mark.parametrize(
    ("language", "task", "said"),
    [("de", "transcribe", "de de"), ("de", "translate", "de en"), ("ja", "translate", "ja en"), ("en", "transcribe", "en en")],
)  # fmt: skip
def test_canary_is_told_the_language_and_the_task(
    installed: Result, ready_home: Path, tmp_path: Path, language: str, task: Task, said: str
) -> None:
    """A model that writes which languages stand in its prompt: of the speech, of the text."""
    model = canary_onnx.canary(tmp_path / "canary")
    path, span = noise(tmp_path, 1.5)
    with Bench(catalog.card("onnx-asr"), ready_home, model).worker() as worker:
        loaded = worker.load(str(model), 1).loaded
        asked = TranscribeOptions(language=language, task=task)
        [[segment], [again]] = ask(worker, path, [span, span], asked).segments
    assert loaded.features == ("segment-times", "punctuation", "translation")
    assert segment == again
    assert (segment.text.strip(), segment.start_s, segment.end_s) == (said, 0.0, 1.5)
    assert segment.avg_logprob == pytest.approx(-0.1)


def test_canary_has_to_be_told_the_language(installed: Result, ready_home: Path, tmp_path: Path) -> None:
    """It takes English for granted, which is worse than no answer."""
    model = canary_onnx.canary(tmp_path / "canary")
    done = run_program(
        "transcribe", JA.path, "--engine", "onnx-asr", "--model", model, "--trust-model", "-o", tmp_path, home=ready_home
    )  # fmt: skip
    assert done.code != 0
    assert "a Canary model cannot find the language" in done.err


def test_it_is_verified_in_the_languages_of_the_model(installed: Result, model: Path, ready_home: Path) -> None:
    """The English clip would be heard as Japanese sounds. What the tiny model writes is wrong, and is told so."""
    done = run_program("engines", "verify", "onnx-asr", "--model", model, "--json", home=ready_home, YAMABIKO_LANG="en")
    [verified] = json.loads(done.out)["verifications"]
    judged = {str(check["name"]) for check in verified["checks"]}
    assert any("(ja)" in name for name in judged)
    assert not any("(en)" in name for name in judged)
    assert {(receipt["used_device"], receipt["verdict"]) for receipt in verified["receipts"]} == {("cpu", "proved")}


def test_a_language_that_the_vocabulary_cannot_write_is_refused(
    installed: Result, model: Path, ready_home: Path, tmp_path: Path
) -> None:
    """The model knows Japanese alone, by its vocabulary: for English it would write Japanese sounds."""
    done = run_program(
        "transcribe", JA.path, "--engine", "onnx-asr", "--model", model, "--trust-model", "--language", "en",
        "-f", "json", "-o", tmp_path, home=ready_home,
    )  # fmt: skip
    assert done.code != 0
    assert "model-lacks-language" in done.err


def _loading(home: Path, model: Path, compute_type: str = "auto") -> tuple[str, WorkerFailed | None]:
    """The precision it says, or why it died."""
    wish = Wish("onnx-asr", str(model), "cpu", compute_type, trust_model=True)
    worker = Worker(prepare(wish, Settings(home=home)).launch(0), Settings(home=home))
    try:
        return worker.load(str(model), 1).loaded.compute_type, None
    except WorkerFailed as failed:
        return "", failed
    finally:
        worker.kill()


def test_the_precision_is_that_of_the_files(installed: Result, ready_home: Path, tmp_path: Path) -> None:
    """What is asked for is taken where it is there; what was taken instead is told."""
    alone = models_onnx_asr.parakeet(tmp_path / "alone", models_onnx_asr.ENGLISH)
    both = models_onnx_asr.parakeet(tmp_path / "both", models_onnx_asr.ENGLISH)
    models_onnx_asr.parakeet(both, models_onnx_asr.ENGLISH, ".int8")
    assert _loading(ready_home, alone, "int8") == ("float32", None)
    assert _loading(ready_home, both, "int8") == ("int8", None)
    assert _loading(ready_home, both, "float32") == ("float32", None)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("config.json", b"{", "config.json"),
        ("config.json", b'{"model_type": "bert"}', "'bert' is none of onnx-asr's"),
        ("vocab.txt", b"nonsense", "whole"),
        ("decoder_joint-model.onnx", None, "holds no whole model of the type nemo-conformer-tdt"),
        ("encoder-model.onnx", b"nonsense" * 99, "encoder-model.onnx failed"),
    ],
)
def test_files_that_are_no_model_are_named_as_the_cause(
    installed: Result, model: Path, ready_home: Path, tmp_path: Path, file: str, content: bytes | None, said: str
) -> None:
    damaged = shutil.copytree(model, tmp_path / "whole")
    if content is None:
        (damaged / file).unlink()
    else:
        (damaged / file).write_bytes(content)
    _, failed = _loading(ready_home, damaged)
    assert failed is not None
    assert explain_exit(failed.exit).finding.id == "model-broken", failed.exit
    assert said in failed.exit.message


ASKED_FOR_A_GPU = """
import json, sys
from pathlib import Path
from yamabiko.engines.adapters import onnx_asr
from yamabiko.engines.contract import Placement
engine = onnx_asr.create()
loaded = engine.load(Path(sys.argv[1]), Placement("cuda", "float32"), 1)
print(json.dumps([loaded.device, [[e.kind, e.says, e.value] for e in engine.evidence()]]))
"""


def test_cuda_that_is_not_there_is_told_as_the_cpu(installed: Result, model: Path, ready_home: Path) -> None:
    """ONNX Runtime takes the CPU instead, without a word but a warning: whoever asked for CUDA must not think it used."""
    [python] = (ready_home / "data/engines").glob("onnx-asr-cpu-*/bin/python")
    done = subprocess.run(
        [python, "-c", ASKED_FOR_A_GPU, model], env={"PYTHONPATH": str(SOURCES)}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    device, told = json.loads(done.stdout.splitlines()[-1])
    evidence = [Evidence(*each) for each in told]
    assert device == "cpu"
    assert decide("cuda", evidence).verdict == "refuted"
    assert "CUDAExecutionProvider" in done.stderr
