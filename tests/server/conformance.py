"""
OpenAI's audio API, row by row: what is sent with the official SDK, what comes, and whether that is what OpenAI says.

conformance_asks.py does the asking; `differs` is our reason where we knowingly do otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from conformance_asks import (
    body,
    cut_automatically,
    data_url,
    field_nobody_knows,
    file_as_bytes,
    file_twice,
    has_no_effect,
    into_english,
    json_to_async_client,
    language_by,
    languages_among,
    logprobs,
    model_found,
    model_not_found,
    models_listed,
    names_of_models,
    no_model,
    nobody_speaks,
    plain_json,
    post,
    refused,
    refuses,
    server_vad,
    speakers,
    spelled,
    streamed,
    streamed_to_async_client,
    streamed_with_logprobs,
    temperature,
    translated,
    translation_does_not_stream,
    translation_refuses,
    verbose,
)
from conformance_live import committed, connected, detected, included, says, secret, sets

from served import Served

DOCUMENT = Path(__file__).parents[2] / "docs/openai-compatibility.md"
BEGIN, END = "<!-- rows: written by scripts/write_conformance.py -->\n", "<!-- end of rows -->\n"


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


T, E, M = "POST /v1/audio/transcriptions", "POST /v1/audio/translations", "GET /v1/models"
W, S = "WS /v1/realtime", "POST /v1/realtime/client_secrets"

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
    Row(T, "prompt", "words in small letters", spelled("good morning", prompt="hello and welcome to the muzeum the tour is"), real=True),
    Row(T, "keywords[]", "`ten o'clock`, in figures without it", spelled("ten o'clock", keywords=["ten o'clock"]), real=True),
    Row(T, "temperature", "0", temperature(0, used={0.0, 0.2, 0.4, 0.6, 0.8, 1.0}), real=True),
    Row(T, "temperature", "0.5", temperature(0.5, used={0.5}), real=True),
    Row(T, "temperature", "1.5", refuses(temperature=1.5)),
    Row(T, "response_format", "`json`", plain_json),
    Row(T, "response_format", "`text`", body("text", "[")),
    Row(T, "response_format", "`srt`", body("srt", "1\n00:00:0")),
    Row(T, "response_format", "`vtt`", body("vtt", "WEBVTT\n\n")),
    Row(T, "response_format", "`verbose_json`", verbose(None), real=True),
    Row(T, "response_format", "`verbose_json`, of silence", nobody_speaks, "Whisper at OpenAI names a language even there", real=True),
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
    Row(T, "chunking_strategy", "`auto`", cut_automatically),
    Row(T, "chunking_strategy", "`server_vad` with figures", server_vad, "`prefix_padding_ms` is added after speech too"),
    Row(T, "chunking_strategy", "nothing", plain_json, "cut as with auto, never one block: long recordings need no field"),
    Row(T, "chunking_strategy", "`threshold: 7`", refuses(chunking_strategy={"type": "server_vad", "threshold": 7.0})),
    Row(T, "known_speaker_*[]", "two names, two recordings", has_no_effect(**speakers(2, data_url(2.5), data_url(9.5))),
        "checked always, used where speakers are told apart"),
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
    Row(W, "intent", "`transcription`", connected),
    Row(W, "format", "`audio/pcm`, 24000", sets(format={"type": "audio/pcm", "rate": 24000})),
    Row(W, "format", "`audio/pcmu`", sets(format={"type": "audio/pcmu"})),
    Row(W, "format", "`audio/pcma`", sets(format={"type": "audio/pcma"})),
    Row(W, "format", "`audio/mp3`", sets(format={"type": "audio/mp3"})),
    Row(W, "transcription", "model, language, prompt",
        sets(transcription={"model": "whisper-1", "language": "en", "prompt": "MUSEUM"})),
    Row(W, "turn_detection", "null", sets(turn_detection=None)),
    Row(W, "turn_detection", "`server_vad` with figures",
        sets(turn_detection={"type": "server_vad", "threshold": 0.6, "prefix_padding_ms": 200, "silence_duration_ms": 400})),
    Row(W, "turn_detection", "`semantic_vad`", sets(turn_detection={"type": "semantic_vad", "eagerness": "low"}),
        "turns end by silence, and a notice says so"),
    Row(W, "noise_reduction", "`near_field`", sets(noise_reduction={"type": "near_field"}), "no effect, and a notice says so"),
    Row(W, "include[]", "`...logprobs`", included, "an entry a word, in `completed`; deltas have none", real=True),
    Row(W, "input_audio_buffer", "append, commit", committed),
    Row(W, "input_audio_buffer", "append alone, turns detected", detected),
    Row(W, "input_audio_buffer", "commit of nothing", says("input_audio_buffer.commit")),
    Row(W, "input_audio_buffer", "clear", says("input_audio_buffer.clear")),
    Row(W, "response.create", "an event of voice agents", says("response.create"), "transcription alone is here"),
    Row(S, "session", "transcription", secret),
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
