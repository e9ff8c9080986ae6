"""
Whisper's own tasks and hints with the real engine: that they reach it, and what they do to the text.

What hotwords and prompt do here holds for int8 and float32 and for one beam and
five (tried for all four), so it does not hang on a processor's arithmetic.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy
import pytest

from program import Result, run_program, samples_of, write_wav
from yamabiko.bundled import clips

OFFLINE = {"HF_ENDPOINT": "http://127.0.0.1:9", "PIP_INDEX_URL": "http://127.0.0.1:9", "PIP_FIND_LINKS": ""}
ENGLISH, JAPANESE = clips()
ENGLISH_ONLY = ("--model", "tiny.en")
QUICK = ("--beam_size", "1", "--temperature_increment_on_fallback", "0")


@pytest.fixture(scope="module")
def two_languages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The English clip and the Japanese one, with a silence between them that parts them into two chunks."""
    folder = tmp_path_factory.mktemp("two-languages")
    silence = numpy.zeros(4 * 16_000, "f4")
    parts = [samples_of(ENGLISH, folder), silence, samples_of(JAPANESE, folder), silence]
    return write_wav(folder / "talk.wav", parts)


@pytest.fixture(scope="module")
def without_hints(ready_home: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(heard(ENGLISH.path, ready_home, tmp_path_factory.mktemp("plain"), *ENGLISH_ONLY)["text"])


def transcribe(recording: Path, home: Path, output: Path, *more: str, formats: str = "json") -> Result:
    return run_program(recording, "-o", output, "-f", formats, *QUICK, *more, home=home, **OFFLINE)


def heard(recording: Path, home: Path, output: Path, *more: str) -> dict[str, Any]:
    """The JSON of a run that must succeed."""
    result = transcribe(recording, home, output, *more)
    assert result.code == 0, result.err
    document: dict[str, Any] = json.loads((output / f"{recording.stem}.json").read_text("utf-8"))
    return document


def languages(document: dict[str, Any]) -> list[tuple[str, bool]]:
    """Of each segment: the language it is said to be in, and whether Japanese characters stand in it."""
    kana_or_kanji = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
    return [(segment["language"], bool(kana_or_kanji.search(segment["text"]))) for segment in document["segments"]]


def test_translation_gives_english_for_japanese_speech(ready_home: Path, tmp_path: Path) -> None:
    """The language is still that of the speaker; OpenAI's answer names that of the text."""
    result = transcribe(JAPANESE.path, ready_home, tmp_path, "--task", "translate", formats="txt,json,verbose_json")
    assert result.code == 0, result.err
    text = (tmp_path / "weather_ja.txt").read_text("utf-8")
    assert text.isascii()
    assert "rain" in text.lower()
    assert "morning" in text.lower()
    document = json.loads((tmp_path / "weather_ja.json").read_text("utf-8"))
    assert (document["language"], document["yamabiko"]["task"]) == ("ja", "translate")
    answer = json.loads((tmp_path / "weather_ja.verbose.json").read_text("utf-8"))
    assert (answer["task"], answer["language"]) == ("translate", "english")


def test_hotwords_change_how_a_word_is_spelt(without_hints: str, ready_home: Path, tmp_path: Path) -> None:
    assert "at 10 o'clock" in without_hints
    hinted = heard(ENGLISH.path, ready_home, tmp_path, *ENGLISH_ONLY, "--hotwords", "ten o'clock")
    assert "at ten o'clock" in hinted["text"]


def test_an_initial_prompt_sets_the_style(without_hints: str, ready_home: Path, tmp_path: Path) -> None:
    """Every word of the prompt begins small, and so does every word of the text; without it, sentences do not."""
    prompt = "all words are in lower case, and no sentence begins with a capital, good morning"
    assert without_hints.startswith("Good morning")
    styled = heard(ENGLISH.path, ready_home, tmp_path, *ENGLISH_ONLY, "--initial_prompt", prompt)["text"]
    assert styled == styled.lower()
    assert styled.startswith("good morning and welcome to the museum")


def test_each_stretch_has_its_own_language_and_its_segments_name_it(
    two_languages: Path, ready_home: Path, tmp_path: Path
) -> None:
    document = heard(two_languages, ready_home, tmp_path, "--language", "each")
    assert document["language"] is None, "no one language is that of the file"
    found = languages(document)
    assert found == sorted(found), "English comes first"
    assert set(found) == {("en", False), ("ja", True)}
    assert "museum" in document["text"]
    assert "雨" in document["text"]


def test_stretches_asked_together_keep_their_own_languages(
    two_languages: Path, ready_home: Path, tmp_path: Path
) -> None:
    document = heard(two_languages, ready_home, tmp_path, "--language", "each", "--batch_size", "4")
    assert set(languages(document)) == {("en", False), ("ja", True)}


@pytest.mark.parametrize("asked", [("--language", "ja"), ("--task", "translate")], ids=lambda asked: asked[1])
def test_a_model_that_knows_english_alone_does_not_pretend_to_know_more(
    asked: tuple[str, str], ready_home: Path, tmp_path: Path
) -> None:
    """Told before the work, or at least with the result; `Kyova Asakara Amiga Hutemas` is no translation of 雨."""
    result = transcribe(JAPANESE.path, ready_home, tmp_path, *ENGLISH_ONLY, *asked)
    assert re.search(r"^(?:weather_ja\.flac: )?[a-z]+(?:-[a-z]+)+: .*English", result.err, re.MULTILINE), result.err
