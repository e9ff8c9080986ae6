"""OpenAI's own SDK against the real server with the real engine."""

from __future__ import annotations

import json

import openai
import pytest

from yamabiko.bundled import clips

EN = next(clip for clip in clips() if clip.language == "en")
JA = next(clip for clip in clips() if clip.language == "ja")


def test_json_is_text_with_the_receipt(real) -> None:
    answer = real.sdk.audio.transcriptions.create(model="whisper-1", file=EN.path)
    assert "welcome to the museum" in answer.text.lower()
    assert answer.usage.type == "duration"
    receipt = answer.model_extra["yamabiko"]
    assert (receipt["used_device"], receipt["verdict"]) == ("cpu", "proved")
    assert receipt["source"] == EN.path.name


@pytest.mark.parametrize(("form", "begins"), [("text", "["), ("srt", "1\n00:00:0"), ("vtt", "WEBVTT\n\n")])
def test_text_and_subtitles_are_bare_bodies(plain, form, begins) -> None:
    answer = plain.sdk.audio.transcriptions.create(model="whisper-1", file=EN.path, response_format=form)
    assert isinstance(answer, str)
    assert answer.startswith(begins)


def test_verbose_json_has_real_figures_and_words_when_asked(real) -> None:
    answer = real.sdk.audio.transcriptions.create(
        model="whisper-1", file=JA.path, response_format="verbose_json", timestamp_granularities=["word", "segment"]
    )
    assert answer.language == "japanese"
    assert abs(answer.duration - 6.056) < 0.1
    assert all(
        segment.avg_logprob < 0 and segment.compression_ratio > 0 and segment.tokens for segment in answer.segments
    )
    assert "".join(word.word for word in answer.words) == "".join(segment.text for segment in answer.segments).strip()
    assert all(0 <= word.start <= word.end <= answer.duration + 0.5 for word in answer.words)


def test_granularities_are_taken_with_and_without_brackets(plain) -> None:
    for name in ("timestamp_granularities[]", "timestamp_granularities"):
        with plain.http as http, EN.path.open("rb") as file:
            form = {"model": "whisper-1", "response_format": "verbose_json", name: "word", "language": "en"}
            answer = http.post("/v1/audio/transcriptions", files={"file": file}, data=form).json()
        assert answer["words"][0]["word"].startswith("[")


def test_a_stream_is_deltas_and_the_whole_text(real) -> None:
    events = list(
        real.sdk.audio.transcriptions.create(
            model="gpt-4o-transcribe", file=EN.path, stream=True, language="en", include=["logprobs"]
        )
    )
    assert {event.type for event in events[:-1]} == {"transcript.text.delta"}
    assert events[-1].type == "transcript.text.done"
    assert "".join(event.delta for event in events[:-1]).strip() == events[-1].text
    assert "museum" in events[-1].text
    assert all(entry.logprob <= 0 and bytes(entry.bytes).decode() == entry.token for entry in events[-1].logprobs)


def test_whisper_1_does_not_stream_as_at_openai(plain) -> None:
    with plain.http as http, EN.path.open("rb") as file:
        answer = http.post(
            "/v1/audio/transcriptions", files={"file": file}, data={"model": "whisper-1", "stream": "true"}
        )
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["text"].startswith("[")


@pytest.mark.filterwarnings("ignore:deprecated")  # OpenAI's, which its own SDK would rather not see used
def test_a_translation_is_english(real) -> None:
    answer = real.sdk.audio.translations.create(model="whisper-1", file=JA.path)
    assert "rain" in answer.text.lower()


def test_keywords_prompt_and_temperature_reach_the_engine(real) -> None:
    with real.http as http, EN.path.open("rb") as file:
        form = {"model": "base", "keywords[]": ["Muzeum", "Touer"], "temperature": "0.2", "language": "English"}
        answer = http.post("/v1/audio/transcriptions", files={"file": file}, data=form)
    assert answer.status_code == 200
    assert answer.json()["text"]


def test_models_are_listed_and_found_one_by_one(real) -> None:
    listed = [model.id for model in real.sdk.models.list()]
    assert listed[0] == "base"
    assert {"whisper-1", "tiny.en"} <= set(listed)
    assert real.sdk.models.retrieve("base").owned_by == "faster-whisper"
    with pytest.raises(openai.NotFoundError):
        real.sdk.models.retrieve("no/such")


@pytest.mark.parametrize(
    ("asked", "status", "param", "code"),
    [
        ({"model": "bse"}, 404, "model", "model-unknown"),
        ({"language": "klingon"}, 400, "language", "parameter-invalid"),
        ({"temperature": "7"}, 400, "temperature", "parameter-invalid"),
        ({"temperature": "nan"}, 400, "temperature", "parameter-invalid"),
        ({"response_format": "docx"}, 400, "response_format", "parameter-invalid"),
        ({"timestamp_granularities[]": "syllable"}, 400, "timestamp_granularities", "parameter-invalid"),
        ({"chunking_strategy": "{"}, 400, "chunking_strategy", "parameter-invalid"),
        (
            {"chunking_strategy": '{"type": "server_vad", "threshold": 7}'},
            400,
            "chunking_strategy",
            "parameter-invalid",
        ),
        ({"stream": "perhaps"}, 400, "stream", "parameter-invalid"),
    ],
)
def test_what_cannot_be_had_is_refused_in_openais_words(plain, asked, status, param, code) -> None:
    with plain.http as http, EN.path.open("rb") as file:
        answer = http.post("/v1/audio/transcriptions", files={"file": file}, data={"model": "whisper-1", **asked})
    error = answer.json()["error"]
    assert (answer.status_code, error["param"], error["yamabiko"]["id"]) == (status, param, code)
    assert error["type"] == "invalid_request_error"
    assert error["yamabiko"]["cause"]["ja"]
    assert answer.headers["x-yamabiko-finding"] == code


def test_a_model_of_another_engine_is_told_with_its_engine(plain) -> None:
    """It stands in `models list`, so that it is not there is no answer."""
    with plain.http as http, EN.path.open("rb") as file:
        answer = http.post("/v1/audio/transcriptions", files={"file": file}, data={"model": "reazonspeech-k2-v2"})
    told = answer.json()["error"]["yamabiko"]
    assert (answer.status_code, told["id"]) == (404, "model-unknown")
    assert told["cause"]["en"].startswith("“reazonspeech-k2-v2” is a model of reazonspeech")
    assert told["remedies"][0]["command"] == "engine=reazonspeech, model=reazonspeech-k2-v2"


@pytest.mark.parametrize("name", ["parakeet-tdt-0.6b-v2", "reazonspeech"])
def test_an_alias_and_an_engine_are_told_with_the_engine_too(plain, name: str) -> None:
    with plain.http as http, EN.path.open("rb") as file:
        answer = http.post("/v1/audio/transcriptions", files={"file": file}, data={"model": name})
    told = answer.json()["error"]["yamabiko"]
    assert (answer.status_code, told["id"]) == (404, "model-unknown")
    assert told["remedies"][0]["command"].startswith("engine=")


@pytest.mark.parametrize("name", ["Systran/faster-whisper-base", "base"])
def test_whatever_the_model_is_called_it_is_the_same(real, name: str) -> None:
    with real.http as http, EN.path.open("rb") as file:
        answer = http.post(
            "/v1/audio/transcriptions", files={"file": file}, data={"model": name, "response_format": "verbose_json"}
        )
    assert answer.status_code == 200, answer.text
    assert answer.json()["yamabiko"]["model"] == "base"


def test_subtitles_carry_the_receipt_in_headers(plain) -> None:
    with plain.http as http, EN.path.open("rb") as file:
        answer = http.post(
            "/v1/audio/transcriptions", files={"file": file}, data={"response_format": "srt", "foo": "1"}
        )
    assert answer.headers["x-yamabiko-device"] == "cpu"
    assert answer.headers["x-yamabiko-verdict"] == "proved"
    assert float(answer.headers["x-yamabiko-rtf"]) > 0
    assert answer.headers["x-yamabiko-ignored"] == "foo"


def test_what_the_device_really_did_is_told(plain) -> None:
    plain.sdk.audio.transcriptions.create(model="whisper-1", file=EN.path)
    with plain.http as http:
        told = http.get("/gpu-status").json()
    assert told["gpu_actually_enabled"] is False
    assert (told["used_device"], told["verdict"]) == ("cpu", "proved")
    assert {e["kind"] for e in told["evidence"]} >= {"introspection", "device-files"}
    assert json.dumps(told["recommendations"])


@pytest.mark.parametrize("stream", ["true", "false"])
@pytest.mark.parametrize(
    ("name", "told"),
    [("\ta", "?a"), (" a ", "a"), ("a\0b", "a?b"), ("日本語", "???"), ("é\x7f", "??"), ("a" * 600, "a" * 500)],
)
def test_a_name_that_no_header_can_carry_costs_no_answer(plain, stream, name, told) -> None:
    """schemathesis found it: the work was done, and the connection ended without a word; a stream was a 500."""
    parts = {"stream": stream, "model": "gpt-4o-transcribe", name: "1"}
    body = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n' for key, value in parts.items()
    )
    head = '--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    content = (body + head).encode() + EN.path.read_bytes() + b"\r\n--x--\r\n"
    with plain.http as http:
        kind = {"content-type": "multipart/form-data; boundary=x"}
        answer = http.post("/v1/audio/transcriptions", content=content, headers=kind)
    assert answer.status_code == 200
    assert answer.headers["x-yamabiko-ignored"] == told
    assert "[" in answer.text
