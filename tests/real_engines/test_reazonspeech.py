"""ReazonSpeech as its users meet it: the real sherpa-onnx in its real environment, on tiny models of its own formats."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import models_reazonspeech as made
import numpy
import pytest

from homes import run_once
from program import run_program
from yamabiko.bundled import clips
from yamabiko.diagnosis.autopsy import explain_exit
from yamabiko.engines.contract import Loaded, Placement
from yamabiko.scheduling.pool import Pool
from yamabiko.scheduling.scheduler import Conduct, Run
from yamabiko.scheduling.setup import Wish, prepare
from yamabiko.settings import Settings
from yamabiko.speech import SAMPLE_RATE, Segment, Span, TranscribeOptions
from yamabiko.workers.exits import WorkerFailed
from yamabiko.workers.messages import SegmentFound
from yamabiko.workers.process import Worker

JA = next(clip for clip in clips() if clip.language == "ja")
PLAIN = TranscribeOptions(language="ja", beam_size=1, word_timestamps=True)


@pytest.fixture(scope="session")
def home(ready_home: Path, run_folder: Path) -> Path:
    done = run_once(run_folder, "engines", "install", "reazonspeech", "--no-verify", home=ready_home)
    assert done.code == 0, done.err
    return ready_home


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made.transducer(tmp_path_factory.mktemp("sherpa") / "k2", ("", ".int8"))


@pytest.fixture
def sound(tmp_path: Path) -> tuple[Path, Span]:
    """A second of silence, one of noise, one of silence."""
    silence = numpy.zeros(SAMPLE_RATE, "<f4")
    noise = numpy.random.default_rng(2).normal(0, 0.1, SAMPLE_RATE).astype("<f4")
    path = tmp_path / "sound.f32"
    numpy.concatenate([silence, noise, silence]).tofile(path)
    return path, Span(0, 3 * SAMPLE_RATE)


@contextmanager
def worker(home: Path, model: Path, place: Placement | None = None) -> Iterator[Worker]:
    outfit = prepare(Wish("reazonspeech", str(model), "cpu", trust_model=True), Settings(home=home))
    launch = outfit.launch(0)
    started = Worker(replace(launch, placement=place) if place else launch, Settings(home=home))
    try:
        yield started
    finally:
        started.kill()


def said(asked: Worker, sound: tuple[Path, Span], options: TranscribeOptions = PLAIN) -> list[Segment]:
    path, span = sound
    return [m.segment for m in asked.transcribe(path, [span], options) if isinstance(m, SegmentFound)]


def test_a_recording_becomes_a_transcript_with_times(home: Path, model: Path, tmp_path: Path) -> None:
    done = run_program(
        "transcribe", JA.path, "--engine", "reazonspeech", "--model", model, "--language", "ja", "--word-timestamps",
        "-f", "json", "-o", tmp_path, home=home,
    )  # fmt: skip
    assert done.code == 0, done.err
    told = json.loads((tmp_path / f"{JA.path.stem}.json").read_text("utf-8"))
    words = [word for segment in told["segments"] for word in segment["words"]]
    assert "".join(word["word"] for word in words) == "".join(segment["text"] for segment in told["segments"])
    assert len(words) > 8, "Japanese is no single word"
    assert all(0 <= word["start"] <= word["end"] <= JA.seconds + 0.1 for word in words)
    assert [word["start"] for word in words] == sorted(word["start"] for word in words)


def test_it_is_refused_a_language_that_it_does_not_know(home: Path, model: Path, tmp_path: Path) -> None:
    done = run_program(
        "transcribe", JA.path, "--engine", "reazonspeech", "--model", model, "--language", "en", "-o", tmp_path, home=home
    )  # fmt: skip
    assert done.code != 0
    assert "model-lacks-language" in done.err


@pytest.mark.parametrize("beams", [1, 5])
def test_the_padding_is_not_on_the_clock(home: Path, model: Path, sound: tuple[Path, Span], beams: int) -> None:
    """The tiny model writes in every frame of 40 ms that is loud, and is silent in silence: so the times are known."""
    with worker(home, model) as asked:
        asked.load(str(model), 1)
        segments = said(asked, sound, replace(PLAIN, beam_size=beams))
    words = [word for segment in segments for word in segment.words]
    assert words[0].start_s == pytest.approx(1.0, abs=0.08)
    assert words[-1].start_s == pytest.approx(2.0, abs=0.08)
    assert all(word.probability is not None and 0 < word.probability <= 1 for word in words)
    timed = [character for word in words for character in word.characters]
    assert "".join(character.text for character in timed) == "".join(segment.text for segment in segments)


@pytest.mark.parametrize("asked_for", ["float32", "int8", "int8_float32"])
def test_a_compute_type_chooses_among_the_files(home: Path, model: Path, asked_for: str) -> None:
    with worker(home, model, Placement("cpu", asked_for)) as asked:
        loaded = asked.load(str(model), 1).loaded
    assert (loaded.compute_type, loaded.languages) == (asked_for, ("ja",))


def test_what_is_not_there_is_not_claimed(home: Path, tmp_path: Path) -> None:
    model = made.transducer(tmp_path / "int8 alone", (".int8",))
    with worker(home, model, Placement("cpu", "float32")) as asked:
        assert asked.load(str(model), 1).loaded.compute_type == "int8"


def test_another_kind_of_model_is_known_by_its_metadata(home: Path, tmp_path: Path, sound: tuple[Path, Span]) -> None:
    model = made.nemo_ctc(tmp_path / "nemo")
    with worker(home, model) as asked:
        loaded: Loaded = asked.load(str(model), 1).loaded
        segments = said(asked, sound, replace(PLAIN, language="en"))
    assert loaded.languages == (), "no file tells"
    assert all(word.text.startswith(" ") for segment in segments for word in segment.words)


def test_hotwords_are_heard_more_often(home: Path, model: Path, sound: tuple[Path, Span]) -> None:
    with worker(home, model) as asked:
        asked.load(str(model), 1)
        plain, boosted = (
            "".join(segment.text for segment in said(asked, sound, replace(PLAIN, beam_size=4, hotwords=words)))
            for words in (None, "をお、鬱金香")
        )
    assert boosted.count("をお") > plain.count("をお")


@pytest.mark.parametrize("words", ["をお鬱", "鬱をお", "を鬱お", "をお鬱、を 鬱 お"])
def test_a_hotword_with_a_character_that_the_model_cannot_write_changes_nothing(
    home: Path, model: Path, sound: tuple[Path, Span], words: str
) -> None:
    """Without that character it would be another word, and heard where nobody said it."""
    with worker(home, model) as asked:
        asked.load(str(model), 1)
        plain, told, other = (
            [segment.text for segment in said(asked, sound, replace(PLAIN, beam_size=4, hotwords=given))]
            for given in (None, words, "をお")
        )
    assert told == plain != other


def test_as_many_beams_are_followed_as_asked_for(home: Path, model: Path, tmp_path: Path) -> None:
    """Two beams and sixteen do not write the same of all sounds; sherpa-onnx follows four unless it is told."""
    sounds = []
    for seed in (2, 3, 4, 5):
        path = tmp_path / f"{seed}.f32"
        numpy.random.default_rng(seed).normal(0, 0.1, SAMPLE_RATE).astype("<f4").tofile(path)
        sounds.append((path, Span(0, SAMPLE_RATE)))
    with worker(home, model) as asked:
        asked.load(str(model), 1)
        few, many = (
            [[segment.text for segment in said(asked, one, replace(PLAIN, beam_size=beams))] for one in sounds]
            for beams in (2, 16)
        )
    assert few != many


def test_a_model_that_takes_no_hotwords_does_not_pretend_to(home: Path, tmp_path: Path) -> None:
    model = made.nemo_ctc(tmp_path / "nemo")
    done = run_program(
        "transcribe", JA.path, "--engine", "reazonspeech", "--model", model, "--trust-model", "--hotwords", "walk",
        "-f", "json", "-o", tmp_path, home=home,
    )  # fmt: skip
    assert f"reazonspeech with {model} heeds no hotwords" in done.err


def _words_for_tokens(model: Path) -> None:
    (model / "tokens.txt").write_text("these are no tokens\n", "utf-8")


def _fewer_tokens(model: Path) -> None:
    (model / "tokens.txt").write_text("<blk> 0\nあ 1\n", "utf-8")


def _joiner_for_an_encoder(model: Path) -> None:
    shutil.copy(model / "joiner-epoch-99-avg-1.onnx", model / "encoder-epoch-99-avg-1.onnx")


def _no_facts(model: Path) -> None:
    shutil.copy(model / "encoder-epoch-99-avg-1.onnx", model / "decoder-epoch-99-avg-1.onnx")


def _garbage(model: Path) -> None:
    (model / "encoder-epoch-99-avg-1.onnx").write_bytes(numpy.random.default_rng(1).bytes(9_000))


def _damaged_inside(model: Path) -> None:
    """As long as it was, and its fields end where they should: only a library that reads them sees it."""
    file = model / "encoder-epoch-99-avg-1.onnx"
    content = bytearray(file.read_bytes())
    content[40:90] = bytes(50)
    file.write_bytes(content)


def _no_joiner(model: Path) -> None:
    (model / "joiner-epoch-99-avg-1.onnx").unlink()


@pytest.mark.parametrize(
    "harm",
    [_words_for_tokens, _fewer_tokens, _joiner_for_an_encoder, _no_facts, _garbage, _damaged_inside, _no_joiner],
)
def test_a_model_that_cannot_be_read_is_the_cause(home: Path, tmp_path: Path, harm: Callable[[Path], None]) -> None:
    """sherpa-onnx ends its process over some of them."""
    model = made.transducer(tmp_path / "harmed")
    harm(model)
    with worker(home, model) as asked, pytest.raises(WorkerFailed) as failed:
        asked.load(str(model), 1)
    finding = explain_exit(failed.value.exit).finding
    assert finding.id == "model-broken", failed.value.exit
    assert any(str(model) in line for line in finding.evidence)
    assert finding.remedies


def test_asked_for_cuda_it_runs_on_the_cpu_and_says_so(home: Path, model: Path, sound: tuple[Path, Span]) -> None:
    """The wheel of the package index computes on the CPU, and says so on standard error alone."""
    settings = Settings(home=home)
    outfit = prepare(Wish("reazonspeech", str(model), "cpu", trust_model=True), settings)
    asked = replace(
        outfit,
        ladder=(Placement("cuda", "float32"), *outfit.ladder),
        environments={**outfit.environments, "cuda": outfit.environments["cpu"]},
    )
    pool = Pool(settings)
    try:
        run = Run(pool, asked, Conduct())
        answers = list(run.answers(sound[0], [sound[1]], [0], PLAIN))
    finally:
        pool.close()
    assert answers[0].segments
    assert run.used_device == "cpu"
    assert any(e.kind == "last-words" and "SHERPA_ONNX_ENABLE_GPU" in e.value for e in run.evidence)
    told = {finding.id: finding for finding in run.notices}
    assert {"gpu-not-used", "sherpa-cpu-wheel"} <= told.keys()
    assert told["sherpa-cpu-wheel"].severity == "warning"
    assert told["sherpa-cpu-wheel"].remedies
