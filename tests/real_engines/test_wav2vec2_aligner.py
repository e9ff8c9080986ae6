"""Words of any engine timed by a wav2vec2 model: the real library, on a model that hears five tones."""

from __future__ import annotations

import itertools
import json
import shutil
import wave
from pathlib import Path

import numpy
import pytest
import tone_model
from own_environment import installed, made
from tone_model import tone

from program import run_program
from yamabiko.diagnosis.autopsy import explain_exit
from yamabiko.diagnosis.verdict import decide
from yamabiko.scheduling.setup import Wish, prepare
from yamabiko.settings import Settings
from yamabiko.speech import Segment, Span
from yamabiko.transcription.alignment import align, characters_of
from yamabiko.workers.messages import Done, Stretch
from yamabiko.workers.process import Worker, WorkerFailed

SPOKEN = (("", 0.30), ("a", 0.20), ("b", 0.30), ("", 0.55), ("c", 0.25), ("", 0.40), ("い", 0.20), ("", 0.05), ("い", 0.30),
          ("", 0.45), ("あ", 0.35), ("", 0.60))  # fmt: skip
TEXT = " ab c、いい あ。"
WORDS = (("ab", 0.30, 0.80), (" c、", 1.35, 1.60), ("い", 2.0, 2.2), ("い", 2.25, 2.55), (" あ。", 3.0, 3.35))
READ = (*WORDS[:2], ("いい", 2.0, 2.55), WORDS[-1])
"""As people read them."""
CLOSE_S = 0.04
"""Two frames."""


@pytest.fixture(scope="session")
def home(ready_home: Path, run_folder: Path) -> Path:
    return installed("wav2vec2-aligner", ready_home, run_folder)


@pytest.fixture(scope="session")
def tones(home: Path, run_folder: Path) -> Path:
    return made("wav2vec2-aligner", tone_model, home, run_folder)


@pytest.fixture
def spoken(tmp_path: Path) -> Path:
    sound = numpy.concatenate([tone(character, seconds) for character, seconds in SPOKEN])
    path = tmp_path / "tones.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes((sound * 32767).astype("<i2").tobytes())
    return path


def started(model: Path, home: Path) -> Worker:
    outfit = prepare(Wish("wav2vec2-aligner", str(model), "cpu", trust_model=True), Settings(home=home))
    return Worker(outfit.launch(0), Settings(home=home))


def test_times_are_those_of_the_sounds_that_were_put_together(home: Path, tones: Path, tmp_path: Path) -> None:
    sound = numpy.concatenate([tone(character, seconds) for character, seconds in SPOKEN])
    sound.tofile(tmp_path / "audio.f32")
    said = [Segment(0.0, 1.0, TEXT)]
    worker = started(tones, home)
    try:
        ready = worker.load(str(tones), 1)
        whole = Stretch(Span(0, len(sound)), characters_of(said))
        tiny = Stretch(Span(0, 1), "a")
        *found, done = list(worker.align(tmp_path / "audio.f32", [whole, tiny]))
    finally:
        worker.kill()
    assert isinstance(done, Done)
    assert decide(ready.loaded.device, done.evidence).verdict == "proved"
    message, payload = found[0]  # type: ignore[misc]
    log_probs = numpy.frombuffer(payload, "<f4").reshape(-1, message.columns)
    assert len(found) == 2
    assert message.frame_s == 0.02
    assert numpy.isnan(log_probs[:, 2 + whole.characters.index("、")]).all(), "a mark that the model does not know"
    aligned = align(said, log_probs, message.frame_s, whole.characters)
    assert aligned is not None
    words = aligned[0].words
    assert [word.text.strip() for word in words] == [text.strip() for text, _, _ in WORDS]
    for word, (text, start_s, end_s) in zip(words, WORDS, strict=True):
        assert abs(word.start_s - start_s) <= CLOSE_S, (text, word)
        assert abs(word.end_s - end_s) <= CLOSE_S, (text, word)
        assert word.probability is not None
        assert word.probability > 0.7


def test_a_model_that_is_cut_off_is_named(home: Path, tones: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut-off"
    shutil.copytree(tones, cut)
    (cut / "model.safetensors").write_bytes((tones / "model.safetensors").read_bytes()[:-10_000])
    worker = started(cut, home)
    try:
        with pytest.raises(WorkerFailed) as failed:
            worker.load(str(cut), 1)
    finally:
        worker.kill()
    explained = explain_exit(failed.value.exit).finding
    assert explained.id == "model-broken"
    assert any("cut-off" in line for line in explained.evidence)


def test_the_words_of_an_engine_that_has_no_times(home: Path, tones: Path, spoken: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"says": TEXT, "language": "ja"}), "utf-8")
    asked = (
        "transcribe", spoken, "--engine", "scripted", "--model", script, "--vad_filter", "False", "-f", "json",
        "--trust-model", "--overwrite", "-o", tmp_path,
    )  # fmt: skip
    done = run_program(*asked, "--align", tones, home=home)
    assert done.code == 0, done.err
    told = json.loads((tmp_path / "tones.json").read_text("utf-8"))
    [segment] = told["segments"]
    assert segment["text"] == TEXT
    assert "".join(word["word"] for word in segment["words"]) == TEXT
    assert [(abs(w["start"] - s) <= CLOSE_S, abs(w["end"] - e) <= CLOSE_S) for w, (_, s, e) in
            zip(segment["words"], READ, strict=True)] == [(True, True)] * len(READ)  # fmt: skip
    timed = [(c["character"], c["start"], c["end"]) for word in segment["words"] for c in word["characters"]]
    assert [character for character, _, _ in timed] == list("abcいいあ")
    assert all(before[2] <= start + 1e-9 for before, (_, start, _) in itertools.pairwise(timed))

    script.write_text(json.dumps({"says": "шум и шум", "language": "ru"}), "utf-8")
    other = run_program(*asked, "--align", tones, home=home)
    assert other.code == 0, other.err
    told = json.loads((tmp_path / "tones.json").read_text("utf-8"))
    assert [segment["text"] for segment in told["segments"]] == ["шум и шум"], "the text is not lost"
    assert "words-not-aligned" in other.err
