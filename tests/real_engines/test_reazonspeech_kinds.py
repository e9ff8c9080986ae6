"""The other models that sherpa-onnx reads, by their own files: what each writes, when, and whether it hears what it is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy
import pytest
import sherpa_kinds as kinds
from own_environment import installed
from promises import Bench, Recording, ask, assert_named_as_broken, recordings

from program import run_program
from yamabiko.engines import catalog
from yamabiko.engines.contract import Loaded
from yamabiko.engines.models.own_folders import open_path
from yamabiko.findings import Problem
from yamabiko.speech import SAMPLE_RATE, Segment, Span, Task, TranscribeOptions

LOUD_S = 1.0
"""When the sound begins; all of them hear steps of 40 to 80 ms."""


@pytest.fixture(scope="session")
def home(ready_home: Path, run_folder: Path) -> Path:
    return installed("reazonspeech", ready_home, run_folder)


@pytest.fixture
def sound(tmp_path: Path) -> tuple[Path, Span]:
    """A second of silence, one of noise, one of silence."""
    silence = numpy.zeros(SAMPLE_RATE, "<f4")
    noise = numpy.random.default_rng(2).normal(0, 0.1, SAMPLE_RATE).astype("<f4")
    numpy.concatenate([silence, noise, silence]).tofile(tmp_path / "sound.f32")
    return tmp_path / "sound.f32", Span(0, 3 * SAMPLE_RATE)


def heard(
    home: Path, model: Path, sound: tuple[Path, Span], *asked: TranscribeOptions
) -> tuple[Loaded, list[list[Segment]]]:
    """What is said for each of the options, by one worker; two chunks at once say the same."""
    path, span = sound
    answers = []
    with Bench(catalog.card("reazonspeech"), home, model).worker() as worker:
        loaded = worker.load(str(model), 1).loaded
        for options in asked:
            one, other = ask(worker, path, [span, span], options).segments
            assert one == other
            answers.append(one)
    return loaded, answers


TIMED = TranscribeOptions(beam_size=1, word_timestamps=True)


@pytest.mark.parametrize(
    "make",
    [kinds.zipformer_ctc, kinds.wenet_ctc, kinds.telespeech_ctc, kinds.nemo_transducer],
    ids=lambda m: m.__name__,
)
def test_each_kind_says_what_it_hears_when_it_hears_it(
    home: Path, tmp_path: Path, sound: tuple[Path, Span], make: Callable[[Path], Path]
) -> None:
    loaded, [[segment]] = heard(home, make(tmp_path / "model"), sound, TIMED)
    [word] = segment.words
    assert (segment.text, word.text) == (" walk", " walk")
    assert word.start_s == segment.start_s == pytest.approx(LOUD_S, abs=0.1)
    assert (loaded.features, loaded.languages, loaded.search) == (("segment-times", "word-times", "batch"), (), ())


def test_paraformer_says_when_each_of_its_tokens_is_said(home: Path, tmp_path: Path, sound: tuple[Path, Span]) -> None:
    """Its pieces of words end in `@@`, which nobody is to read."""
    _, [[segment]] = heard(home, kinds.paraformer(tmp_path / "model"), sound, TIMED)
    assert segment.text == "今 walk 日"
    assert [word.text for word in segment.words] == ["今", " walk", " 日"]
    first, second, _, last = kinds.PARAFORMER_S
    assert [word.start_s for word in segment.words] == pytest.approx([first, second, last], abs=0.001)


def test_a_paraformer_without_times_is_one_segment(home: Path, tmp_path: Path, sound: tuple[Path, Span]) -> None:
    _, [[segment]] = heard(home, kinds.paraformer(tmp_path / "model", timed=False), sound, TIMED)
    assert (segment.text, segment.start_s, segment.end_s, segment.words) == ("今 walk 日", 0.0, 3.0, ())


def test_moonshine_promises_no_times_of_words(home: Path, tmp_path: Path, sound: tuple[Path, Span]) -> None:
    loaded, [[segment]] = heard(home, kinds.moonshine(tmp_path / "model"), sound, TIMED)
    assert (segment.text, segment.start_s, segment.end_s, segment.words) == (" walk run", 0.0, 3.0, ())
    assert loaded.features == ("segment-times", "batch")


def told(language: str | None, task: Task = "transcribe") -> TranscribeOptions:
    return TranscribeOptions(beam_size=1, language=language, task=task, word_timestamps=True)


def test_sense_voice_hears_the_language_and_writes_full_stops(
    home: Path, tmp_path: Path, sound: tuple[Path, Span]
) -> None:
    """The model writes the language that it was told; told none, it says which it took it for."""
    asked = ("ja", "en", None, "yue")
    loaded, answers = heard(home, kinds.sense_voice(tmp_path / "model"), sound, *map(told, asked))
    assert [segment.text for [segment] in answers] == [" ja.", " en.", " ko.", " yue."]
    assert [segment.language for [segment] in answers] == [None, None, "ko", None]
    assert all(segment.words[0].start_s == pytest.approx(LOUD_S, abs=0.1) for [segment] in answers)
    assert set(loaded.languages) == set(kinds.SENSE_VOICE)


def test_whisper_hears_the_language_and_the_task(home: Path, tmp_path: Path, sound: tuple[Path, Span]) -> None:
    """The model writes what stands in its prompt; told no language, it says which it took it for."""
    asked = (told("de"), told("de", "translate"), told("en"), told(None, "translate"))
    loaded, answers = heard(home, kinds.whisper(tmp_path / "model"), sound, *asked)
    texts = [" de transcribe", " de translate", " en transcribe", " ja translate"]
    assert [segment.text for [segment] in answers] == texts
    assert [segment.language for [segment] in answers] == [None, None, None, "ja"]
    assert loaded.languages == kinds.WHISPER
    assert loaded.features == ("segment-times", "punctuation", "translation", "batch")


def test_whisper_s_own_archives_call_the_list_of_tokens_after_the_model(
    home: Path, tmp_path: Path, sound: tuple[Path, Span]
) -> None:
    model = kinds.whisper(tmp_path / "model")
    usual = heard(home, model, sound, TranscribeOptions(language="ja", beam_size=1))[1]
    (model / "tokens.txt").rename(model / "tiny-tokens.txt")

    assert open_path(model, "sherpa-onnx").path == model
    assert heard(home, model, sound, TranscribeOptions(language="ja", beam_size=1))[1] == usual
    (model / "tiny-tokens.txt").unlink()
    with pytest.raises(Problem, match=r"tokens\.txt"):
        open_path(model, "sherpa-onnx")


def test_whisper_of_english_alone_does_not_promise_to_translate(
    home: Path, tmp_path: Path, sound: tuple[Path, Span]
) -> None:
    loaded, _ = heard(home, kinds.whisper(tmp_path / "model", multilingual=False), sound)
    assert loaded.languages == ("en",)
    assert "translation" not in loaded.features


def test_whisper_is_refused_a_language_that_it_does_not_know(home: Path, tmp_path: Path) -> None:
    """sherpa-onnx would end its process over it."""
    model = kinds.whisper(tmp_path / "model")
    english: Recording = recordings(tmp_path)["en"]
    done = run_program(
        "transcribe", english.clip.path, "--engine", "reazonspeech", "--model", model, "--trust-model",
        "--language", "fr", "-o", tmp_path, home=home,
    )  # fmt: skip
    assert done.code != 0
    assert "model-lacks-language" in done.err


@pytest.mark.parametrize(
    ("make", "file"),
    [(kinds.whisper, "tiny-decoder.onnx"), (kinds.moonshine, "cached_decode.onnx"), (kinds.sense_voice, "model.onnx")],
)
def test_a_kind_whose_file_is_cut_off_is_named(
    home: Path, tmp_path: Path, make: Callable[[Path], Path], file: str
) -> None:
    model = make(tmp_path / "cut-off")
    (model / file).write_bytes((model / file).read_bytes()[:-20])
    assert_named_as_broken(Bench(catalog.card("reazonspeech"), home, model), model)
