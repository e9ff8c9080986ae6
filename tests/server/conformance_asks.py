"""
What each row of conformance.py sends with the official SDK, and what it makes of the answer.

Answers are held against the SDK's own types, strictly, which the SDK itself does not do. What is told of an answer is the
same at every run.
"""

from __future__ import annotations

import asyncio
import base64
import io
import wave
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import numpy
import openai
from openai.types.audio import (
    Transcription,
    TranscriptionStreamEvent,
    TranscriptionVerbose,
    Translation,
    TranslationVerbose,
)
from pydantic import TypeAdapter

from served import Served
from yamabiko.bundled import clips

EN = next(clip.path for clip in clips() if clip.language == "en")
JA = next(clip.path for clip in clips() if clip.language == "ja")


# ---- asking -------------------------------------------------------------------------------------------------------------


def create(served: Served, file: Any = EN, model: str = "whisper-1", **fields: Any) -> Any:
    return served.sdk.audio.transcriptions.with_raw_response.create(file=file, model=model, **fields)


def translate(served: Served, **fields: Any) -> Any:
    return served.sdk.audio.translations.with_raw_response.create(file=JA, model="whisper-1", **fields)


def post(served: Served, fields: dict[str, Any] | None = None, **how: Any) -> httpx.Response:
    """What the SDK would not send."""
    with served.http as http:
        return http.post("/v1/audio/transcriptions", data=fields, **how)


def checked(kind: Any, answer: Any) -> dict[str, Any]:
    """The answer's fields, once OpenAI's type has taken it strictly."""
    TypeAdapter(kind).validate_json(answer.text)
    found: dict[str, Any] = answer.http_response.json()
    return found


def told(found: dict[str, Any]) -> str:
    return "`" + ", ".join(key for key in found if key != "yamabiko") + "`"


def refused(error: openai.APIStatusError | httpx.Response) -> str:
    answer = error.response if isinstance(error, openai.APIStatusError) else error
    found = answer.json()["error"]
    assert answer.headers["x-yamabiko-finding"] == found["yamabiko"]["id"]
    assert found["type"] == "invalid_request_error"
    assert found["message"]
    return f"{answer.status_code} `{found['code']}`" + (f", param `{found['param']}`" if found["param"] else "")


def refuses(**fields: Any) -> Callable[[Served], str]:
    def ask(served: Served) -> str:
        try:
            create(served, **fields)
        except openai.APIStatusError as error:
            return refused(error)
        raise AssertionError("answered")

    return ask


def ignored(answer: Any) -> str:
    return f"200, `x-yamabiko-ignored: {answer.headers['x-yamabiko-ignored']}`"


# ---- transcriptions: file, model, language ------------------------------------------------------------------------------


def plain_json(served: Served) -> str:
    found = checked(Transcription, create(served))
    assert found["text"].startswith("[")
    assert found["usage"] == {"type": "duration", "seconds": 8}
    return told(found)


def file_as_bytes(served: Served) -> str:
    return told(checked(Transcription, create(served, ("talk.flac", io.BytesIO(EN.read_bytes()), "audio/flac"))))


def file_twice(served: Served) -> str:
    two = [("file", ("a.flac", EN.read_bytes())), ("file", ("b.flac", EN.read_bytes()))]
    return refused(post(served, {"model": "whisper-1"}, files=two))


def names_of_models(served: Served) -> str:
    for name in (
        "whisper-1",
        "gpt-4o-transcribe",
        "gpt-4o-mini-transcribe",
        "gpt-transcribe",
        "gpt-4o-transcribe-diarize",
    ):
        assert create(served, model=name).http_response.json()["yamabiko"]["engine"] == "scripted"
    return "200, the server's own model; `yamabiko` and headers name it"


def no_model(served: Served) -> str:
    assert post(served, files={"file": EN.read_bytes()}).json()["text"]
    return "200, the server's own model"


def language_by(word: str) -> Callable[[Served], str]:
    def ask(served: Served) -> str:
        found = checked(Transcription, create(served, JA, language=word))
        assert "雨" in found["text"]
        return f"`languages: {found['languages'][0]['code']}`"

    return ask


def languages_among(*codes: str) -> Callable[[Served], str]:
    """The Japanese clip: the language is the likeliest of these, whatever else would be likelier."""

    def ask(served: Served) -> str:
        found = checked(Transcription, create(served, JA, languages=list(codes)))
        receipt = found["yamabiko"]
        assert 0 < receipt["language_probability"] <= 1
        assert [language["code"] for language in found["languages"]] == [receipt["language"]]
        assert receipt["language"] in codes
        return (
            f"`languages: {receipt['language']}`" if "ja" in codes else "one of them, with its probability among them"
        )

    return ask


# ---- transcriptions: what guides the engine -----------------------------------------------------------------------------


def spelled(so: str, **fields: Any) -> Callable[[Served], str]:
    """Words that the clip's text has with these fields, and is without them spelled otherwise: on whatever processor."""

    def ask(served: Served) -> str:
        bare = create(served, language="en").http_response.json()["text"]
        guided = create(served, language="en", **fields).http_response.json()["text"]
        assert so not in bare
        assert so in guided
        return "200, and the text follows it"

    return ask


def temperature(value: float, *, used: set[float]) -> Callable[[Served], str]:
    def ask(served: Served) -> str:
        answer = create(served, language="en", temperature=value, response_format="verbose_json")
        found = {segment["temperature"] for segment in checked(TranscriptionVerbose, answer)["segments"]}
        assert found <= used
        return "segments say " + ", ".join(f"`temperature: {one:g}`" for one in sorted(found))

    return ask


def cut_automatically(served: Served) -> str:
    return told(checked(Transcription, create(served, chunking_strategy="auto")))


def server_vad(served: Served) -> str:
    """More of the recording is taken for speech, the more is added around it."""

    def speech_s(milliseconds: int) -> float:
        strategy: Any = {
            "type": "server_vad",
            "prefix_padding_ms": milliseconds,
            "silence_duration_ms": 100,
            "threshold": 0.6,
        }
        answer = create(served, chunking_strategy=strategy)
        assert "x-yamabiko-ignored" not in answer.headers
        return float(answer.http_response.json()["yamabiko"]["speech_s"])

    assert speech_s(0) < speech_s(400)
    return "200, cut by these figures; `yamabiko.speech_s` shows it"


# ---- transcriptions: forms of the answer --------------------------------------------------------------------------------


def body(form: str, begins: str) -> Callable[[Served], str]:
    def ask(served: Served) -> str:
        answer = create(served, response_format=form)
        assert isinstance(answer.parse(), str)
        assert answer.text.startswith(begins)
        return f"`{answer.headers['content-type'].partition(';')[0]}`, the bare text"

    return ask


def verbose(granularities: Sequence[str] | None, *, bare_name: bool = False) -> Callable[[Served], str]:
    def ask(served: Served) -> str:
        if bare_name:
            form = {
                "model": "whisper-1",
                "response_format": "verbose_json",
                "timestamp_granularities": list(granularities or ()),
            }
            found = post(served, form, files={"file": EN.read_bytes()}).json()
            TypeAdapter(TranscriptionVerbose).validate_python(found)
            return told(found)
        more: Any = {} if granularities is None else {"timestamp_granularities": list(granularities)}
        found = checked(TranscriptionVerbose, create(served, response_format="verbose_json", **more))
        assert found["language"] == "english"
        assert 7 < found["duration"] < 7.2
        for segment in found.get("segments", ()):
            assert segment["tokens"]
            assert segment["avg_logprob"] < 0 < segment["compression_ratio"]
            assert 0 <= segment["no_speech_prob"] <= 1
            assert 0 <= segment["seek"] <= round(segment["start"] * 100)
        assert all(0 <= word["start"] <= word["end"] for word in found.get("words", ()))
        return told(found)

    return ask


def nobody_speaks(served: Served) -> str:
    found = checked(
        TranscriptionVerbose, create(served, ("silence.wav", wav(numpy.zeros(16_000))), response_format="verbose_json")
    )
    assert (found["text"], found["segments"]) == ("", [])
    return f"200, no text, `language: {found['language']}`, notice `{found['yamabiko']['notices'][-1]['id']}`"


def has_no_effect(**fields: Any) -> Callable[[Served], str]:
    return lambda served: ignored(create(served, **fields))


def logprobs(form: str) -> Callable[[Served], str]:
    def ask(served: Served) -> str:
        answer = create(served, language="en", response_format=form, include=["logprobs"])
        found = checked(Transcription, answer)
        assert len(found["logprobs"]) > 5
        assert len({entry["logprob"] for entry in found["logprobs"]}) > 3, "measured, not filled in"
        assert all(entry["logprob"] <= 0 for entry in found["logprobs"])
        assert b"".join(bytes(entry["bytes"]) for entry in found["logprobs"]).decode().strip() == found["text"]
        return told(found)

    return ask


# ---- transcriptions: streams --------------------------------------------------------------------------------------------


def events(found: Sequence[Any]) -> str:
    adapter: TypeAdapter[Any] = TypeAdapter(TranscriptionStreamEvent)
    for event in found:
        plain = event.model_dump()
        if plain["type"] == "transcript.text.segment":
            plain["speaker"] = plain.get("speaker") or ""  # what the type wants and nobody can tell
        plain.pop("usage", None)  # of that, OpenAI's type knows tokens alone
        adapter.validate_python(plain)
    done = found[-1]
    deltas = [event.delta for event in found if event.type == "transcript.text.delta"]
    assert "".join(deltas).strip() == done.text != ""
    assert done.usage.model_dump()["seconds"] == 8
    kinds = dict.fromkeys(event.type.removeprefix("transcript.text.") for event in found)
    return ", ".join(f"`{kind}`" for kind in kinds)


def streamed(**fields: Any) -> Callable[[Served], str]:
    def ask(served: Served) -> str:
        asked: Any = {"model": "gpt-4o-transcribe", "file": EN, "language": "en", "stream": True, **fields}
        return events(list(served.sdk.audio.transcriptions.create(**asked)))

    return ask


def streamed_with_logprobs(served: Served) -> str:
    asked: Any = {"model": "gpt-4o-transcribe", "file": EN, "language": "en", "stream": True, "include": ["logprobs"]}
    found = list(served.sdk.audio.transcriptions.create(**asked))
    for event in found:
        assert event.logprobs
        assert all(entry.logprob <= 0 and bytes(entry.bytes).decode() == entry.token for entry in event.logprobs)
    return events(found) + ", each with `logprobs`"


def streamed_to_async_client(served: Served) -> str:
    async def ask() -> list[Any]:
        http = httpx.AsyncClient(trust_env=False, verify=False, timeout=120)
        async with openai.AsyncOpenAI(
            base_url=f"{served.url}/v1", api_key="none", max_retries=0, http_client=http
        ) as client:
            stream: Any = await client.audio.transcriptions.create(
                model="gpt-transcribe", file=EN, stream=True, language="en"
            )
            return [event async for event in stream]

    return events(asyncio.run(ask()))


def json_to_async_client(served: Served) -> str:
    async def ask() -> Any:
        http = httpx.AsyncClient(trust_env=False, verify=False, timeout=120)
        async with openai.AsyncOpenAI(
            base_url=f"{served.url}/v1", api_key="none", max_retries=0, http_client=http
        ) as client:
            return await client.audio.transcriptions.with_raw_response.create(model="whisper-1", file=EN)

    return told(asyncio.run(ask()).http_response.json())


# ---- transcriptions: speakers, and what nobody knows --------------------------------------------------------------------


def wav(samples: Any, rate: int = 16_000) -> bytes:
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", "not compressed"))
        file.writeframes((numpy.asarray(samples) * 32767).astype("<i2").tobytes())
    return made.getvalue()


def data_url(seconds: float) -> str:
    noise = numpy.random.default_rng(1).uniform(
        -0.1, 0.1, int(seconds * 48_000)
    )  # 48 kHz: more than a short field may be
    return "data:audio/wav;base64," + base64.b64encode(wav(noise, 48_000)).decode()


def speakers(names: int, *references: str) -> dict[str, Any]:
    return {"known_speaker_names": [f"person {n}" for n in range(names)], "known_speaker_references": list(references)}


def field_nobody_knows(served: Served) -> str:
    return ignored(create(served, extra_body={"speed": "fast", "x[y]": "1"}))


# ---- the other addresses ------------------------------------------------------------------------------------------------


def translated(form: str) -> Callable[[Served], str]:
    def ask(served: Served) -> str:
        answer = translate(served, response_format=form)
        if form == "json":
            return told(checked(Translation, answer))
        if form == "verbose_json":
            found = checked(TranslationVerbose, answer)
            assert (found["task"], found["language"]) == ("translate", "english")
            return told(found)
        return f"`{answer.headers['content-type'].partition(';')[0]}`, the bare text"

    return ask


def into_english(served: Served) -> str:
    found = checked(Translation, translate(served, prompt="About the weather.", temperature=0))
    assert "rain" in found["text"].lower()
    return "Japanese becomes English"


def translation_refuses(**fields: Any) -> Callable[[Served], str]:
    def ask(served: Served) -> str:
        with served.http as http:
            return refused(
                http.post(
                    "/v1/audio/translations", data={"model": "whisper-1", **fields}, files={"file": JA.read_bytes()}
                )
            )

    return ask


def translation_does_not_stream(served: Served) -> str:
    with served.http as http:
        form = {"model": "gpt-4o-transcribe", "stream": "true"}
        return ignored(http.post("/v1/audio/translations", data=form, files={"file": JA.read_bytes()}))


def models_listed(served: Served) -> str:
    found = served.sdk.models.with_raw_response.list().http_response.json()
    assert found["object"] == "list"
    assert {"base", "whisper-1"} <= {model["id"] for model in found["data"]}
    return "the server's own first, its catalogue, and OpenAI's names with what they mean"


def model_found(served: Served) -> str:
    found = served.sdk.models.with_raw_response.retrieve("base")
    TypeAdapter(openai.types.Model).validate_json(found.text)
    return told(found.http_response.json())


def model_not_found(served: Served) -> str:
    try:
        served.sdk.models.retrieve("no-such")
    except openai.NotFoundError as error:
        return refused(error)
    raise AssertionError("found")
