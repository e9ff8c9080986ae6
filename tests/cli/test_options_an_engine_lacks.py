"""What an engine cannot do is refused, what it does not heed is told: never silence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from program import Result, noise_file, run_program, script_file
from yamabiko.engines import catalog, models
from yamabiko.engines.contract import Card, Loaded
from yamabiko.findings import Finding, Problem
from yamabiko.scheduling import heeding
from yamabiko.speech import TranscribeOptions


def transcribe(folder: Path, *more: str, **facts: Any) -> Result:
    script_file(folder / "script.json", **facts)
    return run_program(
        noise_file(folder / "talk.wav", 0.5), "--engine", "scripted", "--model", "script.json", "--vad-filter", "False",
        "-f", "json", *more, home=folder,
    )  # fmt: skip


def notices(folder: Path) -> dict[str, dict[str, Any]]:
    told = json.loads((folder / "talk.json").read_text("utf-8"))["yamabiko"]["notices"]
    return {finding["id"]: finding for finding in told}


def test_what_would_only_help_costs_a_notice_in_the_receipt(tmp_path: Path) -> None:
    done = transcribe(
        tmp_path, "--hotwords", "Yamabiko", "--initial-prompt", "Hello.", "--temperature", "0.4", "--best-of", "3",
        features=["segment-times", "prompt"], search=["beam_size", "best_of"],
    )  # fmt: skip

    assert done.code == 0, done.err
    finding = notices(tmp_path)["option-not-supported"]
    assert "hotwords and no temperature:" in finding["cause"]["en"]
    assert "best_of" not in finding["cause"]["en"]
    assert finding["evidence"] == ["it heeds: initial_prompt, beam_size, best_of"]
    assert done.err.count("option-not-supported") == 1


def receipt(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / "talk.json").read_text("utf-8"))["yamabiko"]
    return told


def test_a_precision_that_was_asked_for_and_not_used_is_told(tmp_path: Path) -> None:
    """`--engine whisper.cpp --compute_type int8` ran as float16, which the file is stored in, and nothing said so."""
    done = transcribe(tmp_path, "--compute_type", "int8", precision="float16")

    assert done.code == 0, done.err
    told = receipt(tmp_path)
    assert (told["requested_compute_type"], told["used_compute_type"]) == ("int8", "float16")
    assert (
        "ran as float16 on cpu: int8, which was asked for" in notices(tmp_path)["option-not-supported"]["cause"]["en"]
    )
    assert done.err.count("option-not-supported") == 1


@pytest.mark.parametrize("asked", ["auto", "default", "float16"])
def test_a_precision_that_was_left_to_the_engine_or_heeded_is_no_news(asked: str, tmp_path: Path) -> None:
    done = transcribe(tmp_path, "--compute_type", asked, precision="float16")

    assert done.code == 0, done.err
    assert "option-not-supported" not in notices(tmp_path)


def test_chunks_that_are_done_one_by_one_though_eight_were_asked_for_are_told(tmp_path: Path) -> None:
    done = transcribe(tmp_path, "--batch_size", "8", features=["segment-times"])

    assert done.code == 0, done.err
    assert "heeds no batch_size:" in notices(tmp_path)["option-not-supported"]["cause"]["en"]
    assert "--engine faster-whisper" in done.err


def test_both_are_told_and_neither_hides_the_other(tmp_path: Path) -> None:
    done = transcribe(
        tmp_path, "--batch_size", "8", "--compute_type", "int8", features=["segment-times"], precision="float32"
    )

    assert done.code == 0, done.err
    assert [one["id"] for one in receipt(tmp_path)["notices"]].count("option-not-supported") == 2


TRANSCRIBERS = [card for card in catalog.cards() if card.job == "transcribe"]


@pytest.mark.parametrize("card", TRANSCRIBERS, ids=lambda card: card.name)
def test_every_engine_without_several_chunks_at_once_says_so(card: Card) -> None:
    assert heeding.unheeded(card, TranscribeOptions(), None, 1) == ()
    expected = () if "batch" in card.features else ("batch_size",)
    assert heeding.unheeded(card, TranscribeOptions(), None, 8) == expected


def test_the_loaded_model_knows_better_than_the_card_whether_it_takes_several_chunks() -> None:
    alone = Loaded("cpu", "float32", "1", features=("segment-times",))
    assert heeding.unheeded(catalog.card("onnx-asr"), TranscribeOptions(), alone, 8) == ("batch_size",)


WHISPER = Loaded("cpu", "int8_float32", "1")


@pytest.mark.parametrize(
    ("batch_size", "asked", "expected"),
    [
        (4, {"language": "ja"}, ()),  # what is usual nobody asked for
        (4, {"language": "ja", "no_speech_threshold": 0.3, "best_of": 3}, ("best_of", "no_speech_threshold")),
        (4, {"language": "ja", "temperatures": (0.2, 0.4)}, ("temperatures",)),
        (4, {"language": "ja", "temperatures": (0.2,)}, ("temperatures",)),  # nothing is sampled there
        (4, {"language": "ja", "temperatures": (0.0,)}, ()),
        (4, {"language": "ja", "hallucination_silence_threshold": 2.0}, ("hallucination_silence_threshold",)),
        (
            4,
            {"language": "ja", "condition_on_previous_text": False, "logprob_threshold": None},
            (),
        ),  # as it does anyway
        (4, {"language": "ja", "beam_size": 3, "patience": 2.0}, ()),
        (1, {"language": "ja", "no_speech_threshold": 0.3}, ()),
        (4, {"no_speech_threshold": 0.3}, ()),  # a language for each chunk: one by one
    ],
)
def test_what_holds_for_one_chunk_at_a_time_alone(
    batch_size: int, asked: dict[str, Any], expected: tuple[str, ...]
) -> None:
    card = catalog.card("faster-whisper")
    assert heeding.lost_together(card, TranscribeOptions(**asked), WHISPER, batch_size) == expected


def test_a_model_of_one_language_takes_several_chunks_without_being_told_it() -> None:
    english = Loaded("cpu", "int8", "1", ("en",))
    options = TranscribeOptions(no_speech_threshold=0.3)
    assert heeding.lost_together(catalog.card("faster-whisper"), options, english, 4) == ("no_speech_threshold",)


@pytest.mark.parametrize("used", ["float16", "float32", "q5_0"])
@pytest.mark.parametrize("asked", ["int8", "bfloat16"])
@pytest.mark.parametrize("card", TRANSCRIBERS, ids=lambda card: card.name)
def test_every_engine_says_that_it_ran_in_another_precision(card: Card, asked: str, used: str) -> None:
    told = heeding.another_precision(card, Loaded("cpu", used, "1"), "a-model", asked)

    assert told is not None
    for words in (told.cause.en, told.cause.ja):
        assert asked in words
        assert used in words
    for remedy in told.remedies:
        if remedy.command:
            engine = catalog.card(remedy.command.split()[1])
            assert ("cpu", asked) in {(rung.device, rung.compute_type) for rung in engine.placements}


def test_an_engine_that_takes_the_files_own_precision_says_why() -> None:
    told = heeding.another_precision(
        catalog.card("whisper.cpp"), Loaded("cpu", "float16", "1"), "ggml-base.bin", "int8"
    )
    assert told is not None
    assert "as a model's file is stored, which for ggml-base.bin is float16" in told.cause.en
    assert "--compute_type int8 changes nothing" in told.cause.en


def test_int8_by_ctranslate2s_longer_name_is_int8() -> None:
    card = catalog.card("faster-whisper")
    assert heeding.another_precision(card, Loaded("cpu", "int8_float32", "1"), "base", "int8") is None
    assert heeding.another_precision(card, Loaded("cpu", "int8_float32", "1"), "base", "int8_float16") is not None


def test_what_is_switched_off_is_not_missed(tmp_path: Path) -> None:
    done = transcribe(
        tmp_path, "--beam-size", "1", "--temperature-increment-on-fallback", "0", "--condition-on-previous-text",
        "False", "--hotwords", "", features=["segment-times"], search=[],
    )  # fmt: skip

    assert done.code == 0, done.err
    assert "option-not-supported" not in notices(tmp_path)


def test_a_translation_that_the_model_cannot_give_is_refused(tmp_path: Path) -> None:
    done = transcribe(tmp_path, "--task", "translate", features=["segment-times"])

    assert done.code == 2
    assert "task-not-supported" in done.err
    assert "--engine faster-whisper" in done.err
    assert not (tmp_path / "talk.json").exists()


@pytest.mark.parametrize("engine", ["parakeet", "reazonspeech", "onnx-asr"])
def test_a_translation_that_the_card_does_not_promise_is_refused_before_anything_is_fetched(
    engine: str, tmp_path: Path
) -> None:
    done = run_program(noise_file(tmp_path / "talk.wav", 0.5), "--engine", engine, "--task", "translate", home=tmp_path)
    assert done.code == 2, done.err
    assert f"task-not-supported: {engine} writes what is said, and cannot translate it." in done.err
    assert not (tmp_path / "data").exists(), "nothing was set up"


def test_every_engine_says_what_of_the_search_it_heeds() -> None:
    """Greedy engines heed nothing; of the others each has at least its beam."""
    everything = TranscribeOptions(
        initial_prompt="a", hotwords="a", beam_size=2, best_of=2, patience=2.0, length_penalty=2.0,
        repetition_penalty=2.0, no_repeat_ngram_size=2, temperatures=(0.5,), compression_ratio_threshold=2.0,
        logprob_threshold=-2.0, no_speech_threshold=0.5, condition_on_previous_text=False, suppress_tokens=(1,),
        prepend_punctuations="a", append_punctuations="a", hallucination_silence_threshold=2.0,
    )  # fmt: skip
    missing = {c.name: heeding.unheeded(c, everything) for c in catalog.cards() if c.job == "transcribe"}

    assert missing["faster-whisper"] == ()
    assert {name for name, lacks in missing.items() if "beam_size" in lacks} == {"parakeet", "onnx-asr"}
    assert "hotwords" in missing["whisper.cpp"]
    assert "initial_prompt" not in missing["whisper.cpp"]
    assert {"hotwords", "initial_prompt"} <= set(missing["parakeet"])
    assert "condition_on_previous_text" not in missing["parakeet"], "it never does"


@pytest.mark.parametrize(
    ("engine", "language", "remedy"),
    [
        ("onnx-asr", "ja", "--engine onnx-asr --model parakeet-tdt_ctc-0.6b-ja-onnx"),
        ("reazonspeech", "en", "yamabiko engines recommend --language en"),
    ],
)
def test_a_language_that_the_usual_model_lacks_is_refused_before_anything_is_fetched(
    engine: str, language: str, remedy: str, tmp_path: Path
) -> None:
    """Up to 739 MiB were fetched first, and only then was it said."""
    done = run_program(
        noise_file(tmp_path / "talk.wav", 0.5), "--engine", engine, "--language", language, home=tmp_path
    )
    assert done.code == 4, done.err
    assert "model-lacks-language: " in done.err
    assert f"was asked for speech in “{language}”" in done.err
    assert remedy in done.err
    assert not (tmp_path / "data").exists(), "nothing was set up"
    assert not (tmp_path / "cache").exists(), "nothing was fetched"


def refusal_of(engine: str, model: str | None, **options: Any) -> Finding | None:
    try:
        heeding.refuse_by_card(catalog.card(engine), model, TranscribeOptions(**options))
    except Problem as problem:
        return problem.finding
    return None


@pytest.mark.parametrize(
    ("engine", "model", "language", "instead"),
    [
        ("faster-whisper", "tiny.en", "ja", "--model base"),
        ("whisper.cpp", "tiny.en", "de", "--engine whisper.cpp --model ggml-base"),
        ("onnx-asr", "parakeet-tdt-0.6b-v2", "de", "--engine onnx-asr --model parakeet-tdt-0.6b-v3-onnx-int8"),
        ("parakeet", None, "en", "--engine parakeet --model parakeet-tdt-0.6b-v3-nemo"),
        ("parakeet", None, "ko", "yamabiko engines recommend --language ko"),
    ],
)
def test_a_model_of_the_same_engine_that_has_the_language_is_named(
    engine: str, model: str | None, language: str, instead: str
) -> None:
    finding = refusal_of(engine, model, language=language)
    assert finding is not None
    assert finding.id == "model-lacks-language"
    assert [remedy.command for remedy in finding.remedies] == [instead]
    assert finding.evidence[0].startswith("catalogue: the model has the languages ")


@pytest.mark.parametrize(
    ("engine", "model", "language"),
    [
        ("onnx-asr", None, "de"),  # one of the 25 of Europe
        ("onnx-asr", None, None),
        ("reazonspeech", None, "ja"),
        ("faster-whisper", "base", "ja"),
        ("transformers", "mms", "ko"),  # 1162 languages, that the catalogue does not name
        ("reazonspeech", "someone/of-the-hub", "en"),
        ("reazonspeech", "/a/folder/of/mine", "en"),
        ("reazonspeech", "./reazonspeech-k2-v2", "en"),
        ("faster-whisper", "no-such-model", "ja"),  # told where names are looked up
    ],
)
def test_what_the_catalogue_is_not_sure_of_is_not_refused(engine: str, model: str | None, language: str | None) -> None:
    assert refusal_of(engine, model, language=language) is None


def test_a_folder_of_the_users_is_not_taken_for_what_the_catalogue_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As other names are found too: a folder with a name of its own is a path; one called as a model is not."""
    (tmp_path / "mine.en").mkdir()
    (tmp_path / "tiny.en").mkdir()
    (tmp_path / "ggml-tiny.en.bin").write_bytes(b"trained further")
    monkeypatch.chdir(tmp_path)
    assert refusal_of("faster-whisper", "mine.en", language="ja") is None
    assert refusal_of("faster-whisper", "./tiny.en", language="ja") is None
    assert refusal_of("whisper.cpp", "ggml-tiny.en.bin", language="ja") is None
    assert refusal_of("faster-whisper", "tiny.en", language="ja") is not None


def test_of_several_languages_one_is_enough_and_none_too_few() -> None:
    assert refusal_of("onnx-asr", None, languages=("ja", "fr")) is None
    finding = refusal_of("onnx-asr", None, languages=("ja", "zh"))
    assert finding is not None
    assert "knows 25 languages alone, and was asked for speech in “ja”" in finding.cause.en


def test_a_model_for_english_alone_is_refused_a_translation_and_nothing_is_fetched() -> None:
    finding = refusal_of("faster-whisper", "tiny.en", task="translate")
    assert finding is not None
    assert "was asked for translation" in finding.cause.en
    assert refusal_of("faster-whisper", "kotoba-whisper-v2.0", task="translate") is None, "nobody says it cannot"


def test_every_language_of_a_model_for_europe_is_known() -> None:
    """The catalogue says `25 (Europe)`; which they are stands in choices.toml, by every name that it has."""
    for entry in models.catalogue().models:
        if entry.languages.startswith("25 "):
            assert len(heeding.languages_of(entry)) == 25, entry.name
