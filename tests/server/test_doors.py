"""Tools that speak another server's language are answered in it."""

from __future__ import annotations

import json

import numpy
import pytest

from served import begin, end
from yamabiko.audio.decode import decode
from yamabiko.bundled import clips
from yamabiko.settings import Settings

EN = next(clip for clip in clips() if clip.language == "en")
JA = next(clip for clip in clips() if clip.language == "ja")


def asr(served, content: bytes, name: str = "talk show.flac", **query):
    with served.http as http:
        return http.post("/asr", params=query, files={"audio_file": (name, content)})


@pytest.mark.parametrize(
    ("output", "begins"),
    [("txt", "["), ("srt", "1\n00:00:0"), ("vtt", "WEBVTT"), ("tsv", "start\tend\ttext"), ("json", "{")],
)
def test_bazarr_s_door_gives_each_output_as_a_file(plain, output, begins) -> None:
    answer = asr(plain, EN.path.read_bytes(), output=output, language="en", task="transcribe", word_timestamps="true")
    assert answer.status_code == 200
    assert answer.text.startswith(begins)
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["asr-engine"] == "scripted"
    assert answer.headers["content-disposition"] == f'attachment; filename="talk%20show.flac.{output}"'


def test_bazarr_sends_bare_samples(real, tmp_path) -> None:
    """`encode=false`: 16-bit samples, 16 kHz, mono, and no header at all."""
    decode(EN.path, tmp_path / "a.f32", Settings())
    samples = (numpy.fromfile(tmp_path / "a.f32", "<f4") * 32767).astype("<i2").tobytes()
    answer = asr(real, samples, name="audio", encode="false", language="en", output="json")
    assert "museum" in json.loads(answer.text)["text"]


def test_the_language_is_detected_with_its_probability(real) -> None:
    with real.http as http:
        answer = http.post("/detect-language", files={"audio_file": JA.path.read_bytes()}).json()
    assert (answer["detected_language"], answer["language_code"]) == ("japanese", "ja")
    assert 0.5 < answer["confidence"] <= 1


@pytest.mark.parametrize(
    ("query", "status"), [({"output": "docx"}, 400), ({"language": "klingon"}, 400), ({"task": "sing"}, 400)]
)
def test_what_bazarr_s_door_cannot_do_is_refused(plain, query, status) -> None:
    assert asr(plain, EN.path.read_bytes(), **query).status_code == status


def test_whisper_cpp_s_door_speaks_its_words(real) -> None:
    def inference(clip, **fields):
        with real.http as http, clip.path.open("rb") as file:
            return http.post("/inference", files={"file": file}, data={"temperature": "0.0", **fields})

    assert inference(EN, response_format="srt").text.startswith("1\n")
    told = inference(JA, response_format="verbose_json", detect_language="true").json()
    assert told["language"] == "japanese"
    assert told["words"]
    assert "rain" in inference(JA, language="ja", translate="true", beam_size="-1").json()["text"].lower()
    with real.http as http:
        assert (
            http.post("/inference", data={"language": "en"}, files={"x": b""}).headers["x-yamabiko-finding"] == "file-missing"
        )


def test_another_model_can_be_loaded_and_one_that_is_not_there_changes_nothing(ready_home) -> None:
    served = begin(ready_home)
    with served.http as http:

        def load(model):
            return http.post("/load", files={"model": (None, model)})

        assert load("no-such").status_code == 404
        assert load("tiny.en").json() == {"status": "ok", "model": "tiny.en"}
        with EN.path.open("rb") as file:
            answer = http.post("/v1/audio/transcriptions", files={"file": file}, data={"model": "whisper-1"})
        assert answer.headers["x-yamabiko-model"] == "tiny.en"
        assert http.get("/v1/models").json()["data"][0]["id"] == "tiny.en"
    end(served)
