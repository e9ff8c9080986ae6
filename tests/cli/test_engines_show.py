"""`yamabiko engines show NAME`: all that is known of one engine, for people and programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from program import run_program
from yamabiko.engines import catalog

REAL = [card.name for card in catalog.cards() if not card.for_tests]


def test_licences_memory_features_rungs_and_models_are_told(tmp_path: Path) -> None:
    result = run_program("engines", "show", "faster-whisper", home=tmp_path)
    assert result.code == 0, result.err
    told = " ".join(result.out.split())
    assert "licence of the code MIT" in told
    assert "Apache-2.0 (the original)" in told, "kotoba-whisper's"
    assert "has not times of characters, decodes while sound arrives" in told
    assert "with base" in told
    assert "real weights" in told
    assert "cpu/int8 yes" in told
    assert "ct2-compute-type-unsupported" in told
    assert "cuda12 not installed cuda, cpu never run by us on a GPU" in told
    assert "tiny.en en" in told
    assert "Not verified: any GPU" in told


def test_what_was_not_asked_of_random_weights_is_not_called_verified(tmp_path: Path) -> None:
    result = run_program("engines", "show", "parakeet", home=tmp_path)
    told = " ".join(result.out.split())
    assert "random weights of the true shape" in told
    assert "with weights made for the tests" in told
    assert "not verified: needs real weights" in told


def test_hashes_that_we_never_computed_are_told_from_ours_and_their_sources_are_named(tmp_path: Path) -> None:
    english = run_program("engines", "show", "whisper.cpp", home=tmp_path)
    assert "pinned by others' word" in english.out
    assert "hashes of ggml-tiny.en, ggml-base.en, ggml-small.en: mudler/LocalAI gallery/index.yaml; " in english.out
    japanese = run_program("engines", "show", "whisper.cpp", home=tmp_path, YAMABIKO_LANG="ja")
    assert "公開情報のハッシュで固定" in japanese.out
    assert "99（Whisper）" in japanese.out
    assert "私たちが実物から計算したものではありません" in japanese.out
    assert "never computed by us" not in japanese.out
    ours = run_program("engines", "show", "silero-vad", home=tmp_path)
    assert "others' word" not in ours.out
    assert "hashes of silero-vad-v6: computed from the wheel that it comes in" in ours.out


def test_a_model_that_needs_a_permission_says_so(tmp_path: Path) -> None:
    result = run_program("engines", "show", "pyannote", home=tmp_path)
    assert "gated: needs its makers' permission" in result.out


def test_the_aligner_alone_has_times_of_characters(tmp_path: Path) -> None:
    [able] = [card.name for card in catalog.cards() if "character-times" in card.features]
    result = run_program("engines", "show", able, home=tmp_path, YAMABIKO_LANG="ja")
    assert "文字の時刻" in result.out
    assert not [card.name for card in catalog.cards() if "streaming" in card.features]


@pytest.mark.parametrize("name", REAL)
def test_every_engine_can_be_shown_to_programs(name: str, tmp_path: Path) -> None:
    result = run_program("engines", "show", name, "--json", home=tmp_path)
    assert result.code == 0, result.err
    told = json.loads(result.out)
    card = catalog.card(name)
    assert (told["name"], told["licence"], told["job"]) == (name, card.licence, card.job)
    assert [one["answers"] for one in told["placements"]] == [list(one.answers) for one in card.placements]
    assert {one["profile"] for one in told["profiles"]} == {one.name for one in card.profiles}
    assert all(one["date"] and one["weights"] for one in told["measured"])
    assert all("licence" in one and "gated" in one for one in told["models"])


def test_a_name_that_nobody_has(tmp_path: Path) -> None:
    result = run_program("engines", "show", "whisprx", "--json", home=tmp_path)
    assert result.code == 2
    assert "yamabiko engines show whisperx" in result.out
