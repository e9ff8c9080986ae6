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
from promises import (
    Bench,
    assert_named_as_broken,
    ends_when_told_to,
    given_up,
    patient,  # noqa: F401 - a fixture
)
from tone_model import tone

from program import run_program
from yamabiko.diagnosis.verdict import decide
from yamabiko.engines import catalog
from yamabiko.speech import Segment, Span
from yamabiko.transcription.alignment import align, characters_of
from yamabiko.workers.messages import Done, Stretch
from yamabiko.workers.process import Worker

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


@pytest.fixture(scope="session")
def bench(home: Path, tones: Path) -> Bench:
    return Bench(catalog.card("wav2vec2-aligner"), home, tones)


def test_times_are_those_of_the_sounds_that_were_put_together(bench: Bench, tmp_path: Path) -> None:
    sound = numpy.concatenate([tone(character, seconds) for character, seconds in SPOKEN])
    sound.tofile(tmp_path / "audio.f32")
    said = [Segment(0.0, 1.0, TEXT)]
    with bench.worker() as worker:
        ready = worker.load(str(bench.model), 1)
        whole = Stretch(Span(0, len(sound)), characters_of(said))
        tiny = Stretch(Span(0, 1), "a")
        *found, done = list(worker.align(tmp_path / "audio.f32", [whole, tiny]))
    assert isinstance(done, Done)
    assert (ready.loaded.device, ready.loaded.compute_type) == ("cpu", "float32")
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


@pytest.mark.usefixtures("patient")
def test_the_answer_can_be_given_up_and_another_is_asked_for(bench: Bench, tmp_path: Path) -> None:
    sound = numpy.concatenate([tone(character, seconds) for character, seconds in SPOKEN])
    sound.tofile(tmp_path / "audio.f32")
    stretch = Stretch(Span(0, len(sound)), "abc")

    def heard(worker: Worker, stretches: int) -> tuple[list[bytes], bool]:
        *found, done = worker.align(tmp_path / "audio.f32", [stretch] * stretches)
        assert isinstance(done, Done)
        return [payload for _, payload in found], done.cancelled  # type: ignore[misc]

    with bench.worker() as worker:
        worker.load(str(bench.model), 1)
        first = heard(worker, 1)
        found, cancelled = given_up(worker, lambda: heard(worker, 100))
        assert cancelled
        assert len(found) < 100, "it did all the work that nobody wanted any more"
        assert heard(worker, 1) == first
        assert first[0][0]
        assert ends_when_told_to(worker)


def test_a_model_that_is_cut_off_is_named(bench: Bench, tmp_path: Path) -> None:
    cut = tmp_path / "cut-off"
    shutil.copytree(bench.model, cut)
    (cut / "model.safetensors").write_bytes((bench.model / "model.safetensors").read_bytes()[:-10_000])
    assert_named_as_broken(bench, cut)


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
