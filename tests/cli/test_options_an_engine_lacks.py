"""What an engine cannot do is refused, what it does not heed is told: never silence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from program import Result, noise_file, run_program, script_file
from yamabiko.engines import catalog
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
