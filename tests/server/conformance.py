"""
OpenAI's audio API, row by row: what is sent with the official SDK, what comes, and whether that is what OpenAI says.

Answers are held against the SDK's own types, strictly, which the SDK itself does not do. A row's `came` is made from
the answer alone and is the same at every run; `differs` is our reason where we knowingly do otherwise.
"""

from __future__ import annotations

import asyncio
import base64
import io
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
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

DOCUMENT = Path(__file__).parents[2] / "docs/openai-compatibility.md"
BEGIN, END = "<!-- rows: written by scripts/write_conformance.py -->\n", "<!-- end of rows -->\n"
EN = next(clip.path for clip in clips() if clip.language == "en")
JA = next(clip.path for clip in clips() if clip.language == "ja")


@dataclass(frozen=True)
class Row:
    address: str
    field: str
    sent: str
    ask: Callable[[Served], str]
    differs: str = ""
    real: bool = False
    """With Whisper base: the text or its figures matter. Else with an engine that says how much audio it was given."""

    def line(self, came: str) -> str:
        result = f"differs: {self.differs}" if self.differs else "conforms"
        return f"| `{self.field}` | {self.sent} | {came} | {result} |"


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


def spelled(**fields: Any) -> Callable[[Served], str]:
    def ask(served: Served) -> str:
        bare = create(served, language="en").http_response.json()["text"]
        guided = create(served, language="en", **fields).http_response.json()["text"]
        assert guided
        assert guided != bare
        return "200, and the text follows it"

    return ask


def temperature(value: float, *, used: set[float]) -> Callable[[Served], str]:
    def ask(served: Served) -> str:
        answer = create(served, language="en", temperature=value, response_format="verbose_json")
        found = {segment["temperature"] for segment in checked(TranscriptionVerbose, answer)["segments"]}
        assert found <= used
        return "segments say " + ", ".join(f"`temperature: {one:g}`" for one in sorted(found))

    return ask


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


# ---- the table ----------------------------------------------------------------------------------------------------------

T, E, M = "POST /v1/audio/transcriptions", "POST /v1/audio/translations", "GET /v1/models"

ROWS = [
    Row(T, "file", "a path", plain_json),
    Row(T, "file", "bytes with a name", file_as_bytes),
    Row(T, "file", "nothing", lambda s: refused(post(s, {"model": "whisper-1"}, files={"x": b"1"}))),
    Row(T, "file", "two", file_twice),
    Row(T, "file", "0 bytes", refuses(file=("a.wav", b"")), "the code is the finding's id"),
    Row(T, "file", "no recording", refuses(file=("a.mp3", b"no sound" * 99)), "the code is the finding's id"),
    Row(T, "file", "a JSON body instead of a form", lambda s: refused(post(s, json={"file": "a"})), "the code is the finding's id"),
    Row(T, "model", "each of OpenAI's names", names_of_models, "none of OpenAI's models is here; which one worked is told"),
    Row(T, "model", "`no-such`", refuses(model="no-such")),
    Row(T, "model", "nothing", no_model, "OpenAI refuses it"),
    Row(T, "language", "`ja`", language_by("ja"), real=True),
    Row(T, "language", "`Japanese`", language_by("Japanese"), "OpenAI takes codes alone", real=True),
    Row(T, "language", "`klingon`", refuses(language="klingon")),
    Row(T, "languages[]", "`en`, `ja`, of a Japanese clip", languages_among("en", "ja"), real=True),
    Row(T, "languages[]", "`en`, `fr`, of the same", languages_among("en", "fr"), real=True),
    Row(T, "languages[]", "`en`, `klingon`", refuses(languages=["en", "klingon"])),
    Row(T, "prompt", "words in capitals", spelled(prompt="HELLO, WELCOME TO THE MUSEUM. THE TOUR STARTS."), real=True),
    Row(T, "keywords[]", "`MUZEUM`, `THE TOUR`", spelled(keywords=["MUZEUM", "THE TOUR"]), real=True),
    Row(T, "temperature", "0", temperature(0, used={0.0, 0.2, 0.4, 0.6, 0.8, 1.0}), real=True),
    Row(T, "temperature", "0.5", temperature(0.5, used={0.5}), real=True),
    Row(T, "temperature", "1.5", refuses(temperature=1.5)),
    Row(T, "response_format", "`json`", plain_json),
    Row(T, "response_format", "`text`", body("text", "[")),
    Row(T, "response_format", "`srt`", body("srt", "1\n00:00:0")),
    Row(T, "response_format", "`vtt`", body("vtt", "WEBVTT\n\n")),
    Row(T, "response_format", "`verbose_json`", verbose(None), real=True),
    Row(T, "response_format", "`verbose_json`, of silence", nobody_speaks, "Whisper at OpenAI names a language even there", real=True),
    Row(T, "response_format", "`diarized_json`", refuses(response_format="diarized_json"),
        "speakers are not told apart yet; OpenAI answers so for a model that lacks a format"),
    Row(T, "response_format", "`docx`", refuses(response_format="docx")),
    Row(T, "timestamp_granularities[]", "`word`", verbose(["word"]), real=True),
    Row(T, "timestamp_granularities[]", "`word`, `segment`", verbose(["word", "segment"]), real=True),
    Row(T, "timestamp_granularities", "`word`, the name without brackets", verbose(["word"], bare_name=True)),
    Row(T, "timestamp_granularities[]", "`word` with `json`", has_no_effect(timestamp_granularities=["word"])),
    Row(T, "timestamp_granularities[]", "`syllable`", refuses(timestamp_granularities=["syllable"])),
    Row(T, "include[]", "`logprobs`", logprobs("json"), "an entry a word, not a token: nothing smaller is measured", real=True),
    Row(T, "include[]", "`logprobs` with `verbose_json`", logprobs("verbose_json"), "OpenAI has them in json alone", real=True),
    Row(T, "include[]", "`logprobs` with `srt`", has_no_effect(include=["logprobs"], response_format="srt")),
    Row(T, "include[]", "`thoughts`", refuses(include=["thoughts"])),
    Row(T, "stream", "true", streamed(), "`done.usage` counts seconds, as whisper-1's: no tokens are sold here", real=True),
    Row(T, "stream", "true, the asynchronous client", streamed_to_async_client, "as above", real=True),
    Row(T, "stream", "true, with `logprobs`", streamed_with_logprobs, "an entry a word; `usage` as above", real=True),
    Row(T, "stream", "true, with `verbose_json`", streamed(response_format="verbose_json"),
        "OpenAI streams segments with diarized_json alone; ours have times and no speaker", real=True),
    Row(T, "stream", "true, with `whisper-1`", has_no_effect(stream=True)),
    Row(T, "stream", "true, with `srt`", refuses(stream=True, model="gpt-4o-transcribe", response_format="srt")),
    Row(T, "stream", "false, the asynchronous client", json_to_async_client),
    Row(T, "chunking_strategy", "`auto`", lambda s: told(checked(Transcription, create(s, chunking_strategy="auto")))),
    Row(T, "chunking_strategy", "`server_vad` with figures", server_vad, "`prefix_padding_ms` is added after speech too"),
    Row(T, "chunking_strategy", "nothing", plain_json, "cut as with auto, never one block: long recordings need no field"),
    Row(T, "chunking_strategy", "`threshold: 7`", refuses(chunking_strategy={"type": "server_vad", "threshold": 7.0})),
    Row(T, "known_speaker_*[]", "two names, two recordings", has_no_effect(**speakers(2, data_url(2.5), data_url(9.5))),
        "checked, and not used yet"),
    Row(T, "known_speaker_*[]", "two names, one recording", refuses(**speakers(2, data_url(3)))),
    Row(T, "known_speaker_*[]", "five", refuses(**speakers(5, *[data_url(2)] * 5))),
    Row(T, "known_speaker_*[]", "a recording of 1 s", refuses(**speakers(1, data_url(1)))),
    Row(T, "known_speaker_*[]", "a recording of 12 s", refuses(**speakers(1, data_url(12)))),
    Row(T, "known_speaker_*[]", "an http address", refuses(**speakers(1, "http://127.0.0.1/a.wav"))),
    Row(T, "known_speaker_*[]", "a data URL of no sound", refuses(**speakers(1, "data:audio/wav;base64,bm8gc291bmQ="))),
    Row(T, "speed", "a field that nobody knows", field_nobody_knows, "OpenAI refuses it"),
    Row(E, "response_format", "`json`", translated("json")),
    Row(E, "response_format", "`text`", translated("text")),
    Row(E, "response_format", "`srt`", translated("srt")),
    Row(E, "response_format", "`vtt`", translated("vtt")),
    Row(E, "response_format", "`verbose_json`", translated("verbose_json"), real=True),
    Row(E, "response_format", "`diarized_json`", translation_refuses(response_format="diarized_json")),
    Row(E, "prompt, temperature", "a prompt and 0", into_english, real=True),
    Row(E, "temperature", "-1", translation_refuses(temperature="-1")),
    Row(E, "stream", "true", translation_does_not_stream),
    Row(M, "/v1/models", "", models_listed, real=True),
    Row(M, "/v1/models/{id}", "`base`", model_found, real=True),
    Row(M, "/v1/models/{id}", "`no-such`", model_not_found),
]  # fmt: skip


def table(lines: Sequence[str]) -> str:
    """The rows as they stand in the document, given the line of each."""
    made, address = BEGIN, ""
    for row, line in zip(ROWS, lines, strict=True):
        if row.address != address:
            address = row.address
            made += f"\n### `{address}`\n| field | sent | what came | result |\n|---|---|---|---|\n"
        made += line + "\n"
    return made + END


def written() -> str:
    """The rows as they stand in the document now."""
    _, begin, rest = DOCUMENT.read_text("utf-8").partition(BEGIN)
    inside, _, _ = rest.partition(END)
    return begin + inside + END


def write(lines: Sequence[str]) -> None:
    before, _, rest = DOCUMENT.read_text("utf-8").partition(BEGIN)
    DOCUMENT.write_text(before + table(lines) + rest.partition(END)[2], "utf-8", newline="\n")
