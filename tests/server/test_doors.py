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


def test_bare_samples_that_end_in_the_middle_of_one_are_heard_up_to_it(plain) -> None:
    answer = asr(plain, bytes(32001), encode="no", output="json")
    assert json.loads(answer.text)["yamabiko"]["duration_s"] == 1.0


def test_the_language_is_detected_with_its_probability_and_nothing_is_transcribed_for_it(real) -> None:
    """Bazarr asks it of whole films. Its own query: `encode` and `video_file`, of which the latter changes nothing."""
    with real.http as http:
        answer = http.post(
            "/detect-language", params={"video_file": "None"}, files={"audio_file": JA.path.read_bytes()}
        )
    told = answer.json()
    assert (told["detected_language"], told["language_code"]) == ("japanese", "ja")
    assert 0.5 < told["confidence"] <= 1
    assert answer.headers["x-yamabiko-ignored"] == "video_file"


def test_a_recording_in_which_nobody_speaks_has_no_language(plain) -> None:
    with plain.http as http:
        answer = http.post("/detect-language", params={"encode": "false"}, files={"audio_file": bytes(64000)})
    assert (answer.status_code, answer.headers["x-yamabiko-finding"]) == (400, "language-unknown")


def test_detecting_a_language_asks_the_engine_for_no_text(serve, script) -> None:
    """It would die of it."""
    served = serve(script({"at": "chunk", "do": "die", "signal": "SIGSEGV"}, language="ja"))
    with served.http as http, EN.path.open("rb") as file:
        assert http.post("/detect-language", files={"audio_file": file}).json()["language_code"] == "ja"


def test_bazarr_s_parameters_may_stand_in_the_form_and_what_changes_nothing_is_told(plain) -> None:
    with plain.http as http:
        answer = http.post(
            "/asr",
            params={"output": "json", "min_speakers": "2"},
            data={"output": "srt", "language": "en", "word_timestamps": "Yes", "x": "1"},
            files={"audio_file": EN.path.read_bytes()},
        )
    told = json.loads(answer.text)
    assert told["language"] == "en"
    assert told["segments"][0]["words"]
    assert set(answer.headers["x-yamabiko-ignored"].split(",")) == {"min_speakers", "x"}, "without diarize"


def test_names_in_a_form_are_written_in_any_case(plain) -> None:
    """Header names and parameters, as some clients in C write them."""
    head = 'CONTENT-DISPOSITION: Form-Data; NAME="audio_file"; FILENAME="a.flac"\r\nCONTENT-TYPE: audio/flac\r\n\r\n'
    body = b"--x\r\n" + head.encode() + EN.path.read_bytes() + b"\r\n--x--\r\n"
    with plain.http as http:
        answer = http.post("/asr", content=body, headers={"content-type": "Multipart/Form-Data; BOUNDARY=x"})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"output": "docx"}, 400),
        ({"language": "klingon"}, 400),
        ({"task": "sing"}, 400),
        ({"encode": "perhaps"}, 400),
        ({"word_timestamps": "perhaps"}, 400),
    ],
)
def test_what_bazarr_s_door_cannot_do_is_refused(plain, query, status) -> None:
    assert asr(plain, EN.path.read_bytes(), **query).status_code == status


# ---- whisper.cpp ----------------------------------------------------------------------------------------------------


def inference(served, clip=EN, **fields):
    with served.http as http, clip.path.open("rb") as file:
        return http.post("/inference", files={"file": file}, data={"temperature": "0.0", **fields})


def test_whisper_cpp_s_verbose_json_has_its_fields(real) -> None:
    """As examples/server/server.cpp writes it: words inside of segments, a text of a line a segment."""
    told = inference(real, JA, response_format="verbose_json", language="auto").json()
    segment = told["segments"][0]
    assert (told["task"], told["language"], told["detected_language"]) == ("transcribe", "japanese", "japanese")
    assert 0.5 < told["detected_language_probability"] <= 1
    assert told["text"] == "".join(one["text"] + "\n" for one in told["segments"])
    assert {"id", "text", "start", "end", "tokens", "words", "temperature", "avg_logprob", "no_speech_prob"} == set(
        segment
    )
    assert "".join(word["word"] for word in segment["words"]) == segment["text"]
    assert all(0 < word["probability"] <= 1 and word["start"] <= word["end"] for word in segment["words"])
    bare = inference(
        real, JA, response_format="verbose_json", language="auto", no_timestamps="1", no_language_probabilities="true"
    ).json()
    assert {"start", "end"}.isdisjoint({*bare["segments"][0], *bare["segments"][0]["words"][0]})
    assert "detected_language" not in bare


def test_whisper_cpp_detects_a_language_and_writes_no_text(real) -> None:
    """`detect_language` is whisper.cpp's “exit after automatically detecting language”."""
    told = inference(real, JA, response_format="verbose_json", detect_language="true", language="en").json()
    assert (told["detected_language"], told["text"], told["segments"]) == ("japanese", "", [])


def test_whisper_cpp_translates_and_takes_english_for_granted(real) -> None:
    assert "rain" in inference(real, JA, language="ja", translate="true", beam_size="-1").json()["text"].lower()
    assert inference(real, EN, response_format="verbose_json").json()["language"] == "english"


def test_a_part_of_the_recording_keeps_its_times(real) -> None:
    """`offset_t` and `duration` in milliseconds. The clip is seven seconds long; its second sentence names ten o'clock."""
    told = inference(real, response_format="verbose_json", offset_t="3000").json()
    assert "tour" in told["text"]
    assert "morning" not in told["text"]
    assert told["segments"][0]["start"] >= 2.9
    first = inference(real, response_format="verbose_json", duration="2500").json()
    assert "hall" not in first["text"]
    assert first["segments"][-1]["end"] <= 2.6


@pytest.mark.parametrize(
    ("form", "media", "begins"),
    [("json", "application/json", '{"text": "['), ("text", "text/plain", "["), ("srt", "application/x-subrip", "1\n00:"),
     ("vtt", "text/vtt", "WEBVTT\n\n")],
)  # fmt: skip
def test_whisper_cpp_s_formats(plain, form, media, begins) -> None:
    answer = inference(plain, response_format=form)
    assert answer.headers["content-type"].startswith(media)
    assert answer.text.startswith(begins)
    assert answer.text.endswith("\n")


def test_subtitles_are_as_wide_as_whisper_cpp_s_max_len_says(real) -> None:
    lines = inference(real, response_format="srt", max_len="20").text.splitlines()
    texts = [line for line in lines if line and "-->" not in line and not line.isdigit()]
    assert len(texts) > 3
    assert all(len(text) <= 20 for text in texts)


def test_temperatures_reach_the_engine_as_whisper_cpp_means_them(plain) -> None:
    told = inference(plain, temperature_inc="0", best_of="3", vad="false", vad_threshold="0.7", split_on_word="true",
                     carry_initial_prompt="true", no_speech_thold="0.5", logprob_thold="-0.8")  # fmt: skip
    assert told.status_code == 200, told.text
    assert set(told.headers["x-yamabiko-ignored"].split(",")) == {"split_on_word", "carry_initial_prompt"}


@pytest.mark.parametrize(
    ("name", "value"),
    [("temperature_inc", "-1"), ("temperature", "nan"), ("offset_t", "soon"), ("duration", "-5"), ("translate", "perhaps"),
     ("response_format", "diarized_json"), ("language", "klingon"), ("vad_threshold", "7"), ("max_len", "inf")],
)  # fmt: skip
def test_what_whisper_cpp_s_door_cannot_do_is_refused(plain, name, value) -> None:
    answer = inference(plain, **{name: value})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, name)


def test_a_form_without_a_file_is_told(plain) -> None:
    with plain.http as http:
        answer = http.post("/inference", data={"language": "en"}, files={"x": b""})
    assert (answer.status_code, answer.headers["x-yamabiko-finding"]) == (400, "file-missing")


def test_another_model_can_be_loaded_and_one_that_is_not_there_changes_nothing(ready_home) -> None:
    served = begin(ready_home)
    with served.http as http:

        def load(model):
            return http.post("/load", files={"model": (None, model)})

        assert load("no-such").status_code == 404
        assert load("models/ggml-tiny.en.bin").json() == {"status": "ok", "model": "tiny.en"}
        with EN.path.open("rb") as file:
            answer = http.post("/v1/audio/transcriptions", files={"file": file}, data={"model": "whisper-1"})
        assert answer.headers["x-yamabiko-model"] == "tiny.en"
        assert http.get("/v1/models").json()["data"][0]["id"] == "tiny.en"
    end(served)
