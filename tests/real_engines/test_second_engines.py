"""Speakers told apart and words timed over HTTP: a real server, real Whisper, the real weights of campplus."""

from __future__ import annotations

import base64
import itertools
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import tone_model
from openai.types.audio.transcription_text_segment_event import TranscriptionTextSegmentEvent
from own_environment import installed, made
from two_voices import Sound, talk, voices, written

from homes import NO_HUB, run_once
from program import run_program
from served import Served, begin, beside, end
from yamabiko.server.transcription_form import FORMATS
from yamabiko.speech import SAMPLE_RATE

pytestmark = pytest.mark.xdist_group("second-engines")  # two servers, for all tests of this file

PEOPLE = ["A", "B", "A"]
"""Who speaks in the talk, one after the other."""
TONES = (("", 0.30), ("a", 0.30), ("", 0.50), ("b", 0.40), ("", 0.30))
B_STARTS_S = 1.1
"""The scripted engine times no words: what has a time has the aligner's. How close it comes is test_wav2vec2_aligner.py's matter."""


@pytest.fixture(scope="module")
def home(ready_home: Path, run_folder: Path) -> Path:
    done = run_once(run_folder, "engines", "install", "campplus", home=ready_home)
    assert done.code == 0, done.err
    return ready_home


@pytest.fixture(scope="module")
def sounds() -> dict[str, Sound]:
    return voices()


@pytest.fixture(scope="module")
def spoken(sounds: dict[str, Sound], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return talk(tmp_path_factory.mktemp("talk") / "talk.wav", sounds)[0]


@pytest.fixture(scope="module")
def voice(sounds: dict[str, Sound], tmp_path_factory: pytest.TempPathFactory) -> str:
    """Three seconds of the second person, as a data URL."""
    path = written(tmp_path_factory.mktemp("voice") / "voice.wav", sounds["ja"][: 3 * SAMPLE_RATE])
    return "data:audio/wav;base64," + base64.b64encode(path.read_bytes()).decode()


@pytest.fixture(scope="module")
def served(home: Path) -> Iterator[Served]:
    found = begin(beside(home), "--threads", "1")
    yield found
    end(found)


def ask(served: Served, recording: Path, path: str = "/v1/audio/transcriptions", **form: Any) -> httpx.Response:
    name = "audio_file" if path.startswith("/asr") else "file"
    with served.http as http:
        return http.post(path, data=form, files={name: (recording.name, recording.read_bytes())})


def in_turn(names: list[str]) -> list[str]:
    return [name for name, _ in itertools.groupby(names)]


def _marks(text: str) -> list[str]:
    return re.findall(r"\[([^][]+)\]: ", text)


def _in_json(text: str) -> list[str]:
    return [segment["speaker"] for segment in json.loads(text)["segments"]]


def _in_rttm(text: str) -> list[str]:
    return [line.split()[7] for line in text.splitlines()]


NAMED: dict[str, Callable[[str], list[str]]] = dict.fromkeys(("text", "srt", "vtt", "ass", "lrc", "tsv"), _marks) | {
    **dict.fromkeys(("json", "verbose_json", "diarized_json"), _in_json),
    "rttm": _in_rttm,
}
"""How the names of speakers are read out of each form of the answer."""


@pytest.mark.parametrize("form", FORMATS)
def test_every_form_of_the_answer_says_who_speaks(served: Served, spoken: Path, form: str) -> None:
    answer = ask(served, spoken, diarize="true", response_format=form)
    assert answer.status_code == 200, answer.text
    assert "x-yamabiko-ignored" not in answer.headers
    assert in_turn(NAMED[form](answer.text)) == PEOPLE


def test_words_have_their_speaker_and_all_are_one_where_the_client_says_so(served: Served, spoken: Path) -> None:
    many = {"timestamp_granularities[]": "word", "response_format": "verbose_json"}
    two = ask(served, spoken, diarize="true", **many).json()
    assert in_turn([word["speaker"] for word in two["words"]]) == PEOPLE
    one = ask(served, spoken, num_speakers="1", min_speakers="1", **many)
    assert {word["speaker"] for word in one.json()["words"]} == {"A"}
    assert one.headers["x-yamabiko-ignored"] == "min_speakers", "the number is known already"
    assert one.json()["yamabiko"]["speakers"]["engine"] == "campplus"


def test_no_speaker_is_told_where_the_client_says_so(served: Served, spoken: Path) -> None:
    answer = ask(served, spoken, diarize="false", max_speakers="2", response_format="text")
    assert _marks(answer.text) == []
    assert answer.headers["x-yamabiko-ignored"] == "max_speakers"


@pytest.mark.parametrize("form", ["json", "verbose_json", "diarized_json"])
def test_a_stream_tells_segments_with_speakers_before_its_end(served: Served, spoken: Path, form: str) -> None:
    asked: Any = {"model": "gpt-4o-transcribe-diarize", "file": spoken, "stream": True, "response_format": form}
    events = list(served.sdk.audio.transcriptions.create(**asked, extra_body={"diarize": "true"}))
    kinds = in_turn([event.type.removeprefix("transcript.text.") for event in events])
    assert kinds == ["delta", "segment", "done"]
    told = [event for event in events if isinstance(event, TranscriptionTextSegmentEvent)]
    assert in_turn([event.speaker for event in told]) == PEOPLE
    assert "".join(event.text for event in told).replace(" ", "") == events[-1].text.replace(" ", "")


def test_speakers_of_a_translation(served: Served, spoken: Path) -> None:
    answer = ask(served, spoken, "/v1/audio/translations", diarize="true", response_format="srt")
    assert answer.status_code == 200, answer.text
    assert in_turn(_marks(answer.text)) == PEOPLE


def test_whisper_asr_s_clients_are_told_too(served: Served, spoken: Path) -> None:
    answer = ask(served, spoken, "/asr?output=srt&diarize=true&min_speakers=2&max_speakers=2")
    assert "x-yamabiko-ignored" not in answer.headers
    assert in_turn(_marks(answer.text)) == PEOPLE


def test_a_job_knows_the_voices_that_came_with_it_and_keeps_none(served: Served, spoken: Path, voice: str) -> None:
    form = {"diarize": "true", "known_speaker_names[]": "花子", "known_speaker_references[]": voice}
    two = [("file", (name, spoken.read_bytes())) for name in ("a.wav", "b.wav")]
    with served.http as http:
        added = http.post("/v1/jobs", data=form, files=two)
        assert added.status_code == 202, added.text
        for job in added.json()["data"]:
            assert "known_speakers" not in job, "paths are ours alone"
            address = f"/v1/jobs/{job['id']}"
            served.wait_until(lambda at=address: http.get(at).json()["state"] == "done", 120)  # type: ignore[misc]
            for name in ("rttm", "diarized_json", "srt"):
                told = http.get(f"{address}/result?format={name}").text
                assert in_turn(NAMED[name](told)) == ["A", "花子", "A"]
    assert list((served.home / "data/jobs/recordings").rglob("*")) == []


def test_a_voice_of_a_job_is_looked_at_when_it_comes(served: Served, spoken: Path) -> None:
    form = {"diarize": "true", "known_speaker_names": "花子", "known_speaker_references": "data:audio/wav;base64,AAAA"}
    answer = ask(served, spoken, "/v1/jobs", **form)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "known_speaker_references")
    assert list((served.home / "data/jobs/recordings").rglob("*")) == []


@pytest.fixture(scope="module")
def aligning(home: Path, run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with a model of its own that hears tones, and an engine that writes two of them without times."""
    tones = made("wav2vec2-aligner", tone_model, installed("wav2vec2-aligner", home, run_folder), run_folder)
    script = tmp_path_factory.mktemp("script") / "script.json"
    script.write_text(json.dumps({"says": " a b", "language": "en"}), "utf-8")
    served = begin(beside(home), "--engine", "scripted", "--model", str(script), "--align", str(tones))
    yield served
    end(served)


@pytest.fixture
def toned(tmp_path: Path) -> Path:
    return written(tmp_path / "tones.wav", *(tone_model.tone(name, seconds) for name, seconds in TONES))


def timed_by_the_tones(words: list[dict[str, Any]]) -> bool:
    a, b = words
    return (a["word"].strip(), b["word"].strip(), round(b["start"], 1)) == ("a", "b", B_STARTS_S)


@pytest.mark.parametrize("form", ["json", "verbose_json"])
def test_words_are_timed_by_the_server_s_aligner(aligning: Served, toned: Path, form: str) -> None:
    answer = ask(aligning, toned, align="true", vad_filter="false", guard="false", response_format=form)
    assert answer.status_code == 200, answer.text
    assert "x-yamabiko-ignored" not in answer.headers
    assert timed_by_the_tones(answer.json()["words"])


def test_a_job_s_words_are_timed_whatever_form_it_named(aligning: Served, toned: Path) -> None:
    job = ask(aligning, toned, "/v1/jobs", align="true", vad_filter="false", guard="false").json()["data"][0]
    with aligning.http as http:
        address = f"/v1/jobs/{job['id']}"
        aligning.wait_until(lambda: http.get(address).json()["state"] == "done")
        [segment] = http.get(f"{address}/result?format=json").json()["segments"]
    assert timed_by_the_tones(segment["words"])


def test_where_nothing_shows_the_words_times_that_is_told(aligning: Served, toned: Path) -> None:
    answer = ask(aligning, toned, align="true", vad_filter="false", guard="false", response_format="text")
    assert answer.headers["x-yamabiko-ignored"] == "align"


def test_more_speakers_asked_for_than_there_are_is_told(home: Path, spoken: Path, tmp_path: Path) -> None:
    """Two people speak; of a third to ninth there is no moment that is surely theirs."""
    done = run_program(
        spoken, "--engine", "scripted", "--speakers", "9", "-f", "json", "-o", tmp_path, home=home, **NO_HUB
    )  # fmt: skip
    assert done.code == 0, done.err
    told = json.loads((tmp_path / "talk.json").read_text("utf-8"))["yamabiko"]
    found = told["speakers"]["people"]
    assert 1 < found < 9
    assert [one["id"] for one in told["notices"] if "speakers" in one["id"]] == ["fewer-speakers-found"]
    assert f"There should be 9 speakers, and only {found} could be told apart" in done.err
