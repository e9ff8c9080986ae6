"""Speakers and word times over HTTP: what cannot be meant, or cannot be had, is refused in plain words."""

from __future__ import annotations

from typing import Any

import pytest
from live_client import live

from served import Served
from yamabiko.bundled import clips

CLIP = next(clip.path for clip in clips() if clip.language == "en")


def refused(served: Served, path: str, form: dict[str, str]) -> dict[str, Any]:
    with served.http as http:
        answer = http.post(path, data=form, files={"file": CLIP.read_bytes()})
    error: dict[str, Any] = answer.json()["error"]
    return {"status": answer.status_code, "param": error["param"], "said": error["message"], **error["yamabiko"]}


TRANSCRIPTIONS, TRANSLATIONS = "/v1/audio/transcriptions", "/v1/audio/translations"


@pytest.mark.parametrize("path", [TRANSCRIPTIONS, "/v1/jobs"])
@pytest.mark.parametrize(
    ("form", "status", "param", "said"),
    [
        ({"diarize": "false", "response_format": "rttm"}, 400, "diarize", "names speakers"),
        ({"min_speakers": "3", "max_speakers": "2"}, 400, "min_speakers", "at most max_speakers (2)"),
        ({"speaker_engine": "whisper"}, 400, "speaker_engine", "campplus"),
        ({"speaker_model": "/etc/passwd"}, 404, "speaker_model", "no model named"),
        ({"speaker_engine": "pyannote", "speaker_model": "campplus-zh-en"}, 404, "speaker_model", "of another engine"),
        ({"align": "true"}, 400, "align", "name the language (en, ja)"),
        ({"align": "true", "language": "de"}, 400, "align", "no alignment model for “de”"),
        ({"align": "/srv/model"}, 404, "align", "no model named"),
        ({"align": "base"}, 404, "align", "“base” is a model of another engine"),
        ({"align": "align-en", "task": "translate"}, 400, "align", "no times"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_any_work(plain, path, form, status, param, said) -> None:
    told = refused(plain, path, form)
    assert (told["status"], told["param"]) == (status, param)
    assert said in told["said"]


def test_a_form_that_comes_whole_is_not_streamed(plain) -> None:
    form = {"model": "gpt-4o-transcribe", "stream": "true", "diarize": "true", "response_format": "rttm"}
    told = refused(plain, TRANSCRIPTIONS, form)
    assert (told["status"], told["param"]) == (400, "response_format")


@pytest.mark.parametrize(
    ("path", "form", "param"),
    [
        (TRANSCRIPTIONS, {"diarize": "true"}, "speaker_engine"),
        (TRANSCRIPTIONS, {"response_format": "diarized_json"}, "speaker_engine"),
        (TRANSCRIPTIONS, {"align": "true", "language": "ja"}, "align"),
        (TRANSLATIONS, {"num_speakers": "2"}, "speaker_engine"),
    ],
)
def test_an_engine_that_is_not_here_is_named_with_the_field_that_asked_for_it(serve, path, form, param) -> None:
    told = refused(serve(), path, form)
    assert (told["status"], told["id"], told["param"]) == (503, "engine-not-installed", param)


@pytest.mark.parametrize("asked", [{"diarize": True}, {"num_speakers": 2}, {"align": "align-en"}])
def test_live_captions_refuse_what_needs_a_whole_recording_and_say_where_it_is(plain, asked) -> None:
    with live(plain) as client:
        told = client.update(transcription=asked)
        assert told["type"] == "error"
        assert told["error"]["param"] == f"session.audio.input.transcription.{next(iter(asked))}"
        assert told["error"]["yamabiko"]["remedies"][0]["command"] == "POST /v1/audio/transcriptions"
        assert client.update(transcription={"language": "en"})["type"] == "session.updated", "and goes on"


def test_live_captions_by_the_model_that_tells_speakers_apart_say_that_they_do_not(plain) -> None:
    with live(plain) as client:
        client.say(
            "session.update",
            session={
                "type": "transcription",
                "audio": {"input": {"transcription": {"model": "gpt-4o-transcribe-diarize"}}},
            },
        )
        notice = client.until("yamabiko.notice", "error")[-1]
    assert notice["type"] == "yamabiko.notice"
    assert "no speakers apart" in str(notice)
