from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from made_transcripts import RECEIPT, broken_text, said, said_in_words, transcript, transcripts

from yamabiko.formats import render
from yamabiko.formats.language_names import LANGUAGE_NAMES
from yamabiko.records import from_plain
from yamabiko.speech import Receipt, Segment, Timings, Transcript


def read(spoken: Transcript, name: str) -> dict[str, Any]:
    def refuse(constant: str) -> float:
        raise AssertionError(f"{constant} is not JSON")

    found: dict[str, Any] = json.loads(render(spoken, name), parse_constant=refuse)
    return found


SCORED = Segment(0.0, 2.5, " Hello.", (), (50364, 2425), -0.25, 0.01, 1.1, 0.0)


def test_txt_has_one_line_a_segment() -> None:
    assert render(transcript(Segment(0, 1, " One\nline."), Segment(1, 2, "  "), Segment(2, 3, " Two.")), "txt") == (
        "One line.\nTwo.\n"
    )
    assert render(transcript(), "txt") == ""


def test_tsv_is_what_whisper_writes() -> None:
    """openai-whisper 20250625's WriteTSV: whole milliseconds, tabs in the text become spaces."""
    spoken = transcript(Segment(0.0, 2.5, " a\tb "), Segment(2.4999, 3661.2344, " c"))
    assert render(spoken, "tsv") == "start\tend\ttext\n0\t2500\ta b\n2500\t3661234\tc\n"
    assert render(transcript(), "tsv") == "start\tend\ttext\n"


@settings(deadline=None)  # the machine may be busy
@given(transcripts(broken_text))
def test_txt_and_tsv_hold_together_whatever_arrives(given_: Transcript) -> None:
    visible = [s for s in given_.segments if render(transcript(s), "txt")]
    assert len(render(given_, "txt").splitlines()) == len(visible)
    rows = render(given_, "tsv").encode().decode().split("\n")[1:-1]
    assert len(rows) == len(visible)
    for row in rows:
        start, end, _ = row.split("\t")
        assert 0 <= int(start) <= int(end)


def test_json_has_whispers_keys_and_the_receipt() -> None:
    found = read(transcript(SCORED, language="en"), "json")
    assert found["text"] == "Hello."
    assert found["language"] == "en"
    assert found["segments"] == [
        {
            "id": 0,
            "seek": None,
            "start": 0.0,
            "end": 2.5,
            "text": " Hello.",
            "tokens": [50364, 2425],
            "temperature": 0.0,
            "avg_logprob": -0.25,
            "compression_ratio": 1.1,
            "no_speech_prob": 0.01,
        }
    ]
    assert from_plain(Receipt, found["yamabiko"]) == RECEIPT
    assert found["yamabiko"]["real_time_factor"] == 0.5
    assert found["yamabiko"]["source"] == "talk.wav"


@pytest.mark.parametrize("name", ["json", "verbose_json"])
def test_of_what_an_earlier_run_did_no_speed_is_claimed(name: str) -> None:
    resumed = transcript(SCORED, receipt=replace(RECEIPT, chunks=6, chunks_resumed=2))
    assert read(resumed, name)["yamabiko"]["real_time_factor"] is None


@pytest.mark.parametrize("name", ["json", "verbose_json"])
def test_what_the_engine_does_not_measure_is_null_never_zero(name: str) -> None:
    (segment,) = read(said(" Hello."), name)["segments"]
    for key in ("seek", "temperature", "avg_logprob", "compression_ratio", "no_speech_prob"):
        assert segment[key] is None
    assert segment["tokens"] == []
    assert "words" not in segment


def test_json_words_are_in_their_segment_with_what_was_measured() -> None:
    (segment,) = read(said_in_words(" Hello", " there"), "json")["segments"]
    assert segment["words"] == [
        {"word": " Hello", "start": 1.0, "end": 1.5, "probability": None},
        {"word": " there", "start": 1.5, "end": 2.0, "probability": None},
    ]


def test_verbose_json_is_openais_answer() -> None:
    """Fields of CreateTranscriptionResponseVerboseJson; its example names the language in full."""
    found = read(transcript(SCORED, language="en"), "verbose_json")
    assert (found["task"], found["language"], found["duration"], found["text"]) == (
        "transcribe",
        "english",
        3600.0,
        "Hello.",
    )
    assert set(found["segments"][0]) == {
        *("id", "seek", "start", "end", "text", "tokens"),
        *("temperature", "avg_logprob", "compression_ratio", "no_speech_prob"),
    }
    assert "words" not in found
    assert from_plain(Receipt, found["yamabiko"]) == RECEIPT


def test_verbose_json_lists_all_words_bare_at_the_top() -> None:
    assert read(said_in_words(" Hello", " there"), "verbose_json")["words"] == [
        {"word": "Hello", "start": 1.0, "end": 1.5},
        {"word": "there", "start": 1.5, "end": 2.0},
    ]


@pytest.mark.parametrize(
    ("task", "code", "name"),
    [
        ("transcribe", "ja", "japanese"),
        ("transcribe", "yue", "cantonese"),
        ("transcribe", "ht", "haitian creole"),
        ("transcribe", "tlh", "tlh"),
        ("transcribe", None, None),
        ("translate", "ja", "english"),
    ],
)
def test_verbose_json_names_the_language_of_the_text(task: str, code: str | None, name: str | None) -> None:
    found = read(transcript(SCORED, language=code, task=task), "verbose_json")
    assert found["language"] == name
    assert found["yamabiko"]["language"] == code


def test_all_hundred_languages_of_whisper_have_a_name() -> None:
    assert len(LANGUAGE_NAMES) == 100
    assert all(name.isascii() and name == name.lower().strip() for name in LANGUAGE_NAMES.values())


@pytest.mark.parametrize("name", ["json", "verbose_json"])
def test_numbers_that_are_not_finite_become_null(name: str) -> None:
    odd = Segment(math.nan, math.inf, "a", (), (), -math.inf, math.nan)
    receipt = replace(RECEIPT, timings=Timings(total_s=math.inf))
    found = read(transcript(odd, duration_s=math.nan, receipt=receipt), name)
    segment = found["segments"][0]
    assert [segment[key] for key in ("start", "end", "avg_logprob", "no_speech_prob")] == [None] * 4
    assert found["yamabiko"]["timings"]["total_s"] is None


@settings(deadline=None)  # the machine may be busy
@given(transcripts(broken_text))
def test_json_reads_back_whatever_arrives(given_: Transcript) -> None:
    for name in ("json", "verbose_json"):
        render(given_, name).encode("utf-8")
        found = read(given_, name)
        for segment, value in zip(given_.segments, found["segments"], strict=True):
            if not any("\ud800" <= c <= "\udfff" for c in segment.text):
                assert value["text"] == segment.text


def test_json_is_readable_japanese_in_one_line() -> None:
    text = render(said("今日は\n晴れ"), "json")
    assert "今日は\\n晴れ" in text
    assert text.count("\n") == 1
