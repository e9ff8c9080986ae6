"""
Who has written a line is known from the line and those above it: a program's error is read through all that loggers
put before it, and what people said, wrote or quoted explains nothing, whatever error it repeats.
"""

from __future__ import annotations

import pytest

from casebook import facts, platform
from yamabiko import formats
from yamabiko.diagnosis.examine import Symptom, explain
from yamabiko.diagnosis.log_lines import as_text
from yamabiko.speech import Receipt, Segment, Transcript, Turn

GPU = facts(platform("bare-ampere"))
ERRORS = (
    "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 7.79 GiB",
    "CUDA failed with error out of memory",
)


def explaining(text: str) -> list[str]:
    return [finding.id for finding in explain(Symptom(tuple(text.split("\n"))), GPU).confirmed]


PROGRAMS = r"""
RuntimeError: {}
torch.cuda.OutOfMemoryError: {}
ERROR 11-21 10:00:00 [core.py:700] torch.OutOfMemoryError: {}
(EngineCore_0 pid=123) ERROR 11-21 10:00:00 [core.py:700] {}
called `Result::unwrap()` on an `Err` value: "{}"
called `Result::unwrap()` on an `Err` value: Cuda(DriverError("{}"))
thread 'main' panicked at src/main.rs:3:5: called `Result::unwrap()` on an `Err` value: "{}"
thread 'main' panicked at 'called `Result::unwrap()` on an `Err` value: "{}"', src/main.rs:3:5
    0: {}
2025-11-21T18:00:00.000Z stderr F {}
Nov 21 18:00:00 host python3.12[123]: {}
Nov 21 18:00:00 host my-asr[123]: RuntimeError: {}
python3: {}
whisper-cli: {}
/opt/venv/bin/python: {}
[12:00:05] ERROR    {}
[12:00:05] RuntimeError: {}
12:00:05,123 ERROR {}
[2025-11-21 18:00:00,123: ERROR/ForkPoolWorker-1] Task x raised unexpected: RuntimeError("{}")
[rank0]: torch.OutOfMemoryError: {}
[MainThread] {}
[W:onnxruntime:Default, x.cc:12 f] {}
2026-01-01 12:00:00 {}
myapp: RuntimeError: {}
web-1  | {}
##[error]RuntimeError: {}
❌ {}
⚠️ {}
- RuntimeError: {}
1. RuntimeError: {}
An error occurred while transcribing: {}
Failed to load model large-v3 on cuda:0: {}
モデルの読み込みに失敗しました。{}
  "message": "{}",
{{"error": {{"message": "{}", "type": "server_error"}}}}
future: <Task finished exception=RuntimeError('{}')>
libc++abi: terminating due to uncaught exception of type std::runtime_error: {}
FAILED tests/test_x.py::test_oom - RuntimeError: {}
ray.exceptions.RayTaskError(RuntimeError): {}
onnxruntime.capi.onnxruntime_pybind11_state.Fail: {}
Exception in thread Thread-1 (run): {}
2026-11-21T10:00:00+0900 host whisper[12]: RuntimeError: {}
2026-11-21T10:00:00+0900 host python3[12]: {}
2026-11-21 10:00:00 [error    ] transcription failed           error='{}'
10:00AM DBG GRPC(whisper-127.0.0.1:4242): stderr {}
stderr RuntimeError: {}
HTTP 500: {{"detail":"{}"}}
HTTP 500 Internal Server Error: {{"detail":"RuntimeError: {}"}}
Error transcribing file on line {}
6 : RUNTIME_EXCEPTION : {}
"""


@pytest.mark.parametrize("line", PROGRAMS.strip("\n").split("\n"))
def test_a_programs_words_are_found_behind_whatever_stands_before_them(line):
    assert [explaining(line.format(error)) for error in ERRORS] == [["cuda-oom"], ["cuda-oom"]]


def test_the_colours_of_a_terminal_hide_nothing():
    assert explaining(f"\x1b[0;31mOutOfMemoryError\x1b[0m: {ERRORS[0]}") == ["cuda-oom"]
    assert explaining(f"\x1b[31mRuntimeError: {ERRORS[1]}\x1b[0m") == ["cuda-oom"]


PEOPLE = """
0\t4000\t{}
0.000000\t4.000000\t{}
0,4000,"{}"
Alice: {}
Alice Smith: {}
Dr. A. Smith (Host): {}
ALICE: {}
alice: {}
田中：{}
田中さん: {}
男性1: {}
Q: {}
User: {}
assistant: {}
- Alice: {}
- {}
1. {}
>> Alice: {}
> {}
>RuntimeError: {}
## {}
### RuntimeError: {}
[Alice] {}
[Alice]: {}
(Alice) {}
【田中】{}
<v Alice>{}</v>
<p begin="00:00" end="00:01">{}</p>
Dialogue: 0,0:00:00.00,0:00:04.00,Default,,0,0,0,,{}
[00:12] {}
[00:00:12] {}
00:12 {}
0:12 Alice: {}
[12:01] alice: {}
Speaker A: {}
speaker_1: {}
S1: {}
[SPEAKER_00] {}
話者A: {}
"{}",
「{}」
| 00:12 | Alice | {} |
| 3 | {} |
{{"start": 0.0, "end": 1.0, "text": "{}"}}
- text: {}
abc1234 cuda-oom: {}
docs/faq.md:12: {}
- [ ] {}
[1] {}
Alice got an error: {}
the error: {}
Subject: {}
Alice - {}
alice\t{}
<alice> {}
[21.11.26, 12:01:05] Alice: {}
2026-11-21 12:01:05 Alice: {}
# {}
{} is what it told me.
./my_cpp_tool: {}
blender: {}
nginx[991]: {}
"""


@pytest.mark.parametrize("line", PEOPLE.strip("\n").split("\n"))
def test_what_people_say_or_other_programs_write_explains_nothing(line):
    assert [explaining(line.format(error)) for error in ERRORS] == [[], []]


BELOW = {
    "the message of a commit": "commit abc1234\nAuthor: x\n\n    cuda-oom: {}",
    "the times of a cue": "WEBVTT\n\n00:00.000 --> 00:01.000\n{}",
    "the times of SubViewer": "0:00:00.000,0:00:04.000\n{}",
    "a minute": "0:12\n{}",
    "a speaker with a time": "Alice Smith  0:12\n{}",
    "a speaker": "Alice:\n{}",
    "a speaker in Japanese": "田中：\n{}",
    "a key of JSON": '{{\n "text":\n    "{}"\n}}',
    "a key of YAML": "text: |\n  {}",
    "a change of a file": "@@ -1,3 +1,4 @@\n context\n+RuntimeError: {}",
}


@pytest.mark.parametrize("text", BELOW.values(), ids=BELOW)
def test_what_stands_above_a_line_may_say_that_nobody_failed(text):
    assert [explaining(text.format(error)) for error in ERRORS] == [[], []]


HEARD = ("RuntimeError: CUDA failed with error out of memory", *ERRORS)


@pytest.mark.parametrize("name", [name for name in formats.FORMATS if name != "txt"])
def test_a_transcript_of_ours_explains_nothing(name):
    """In every format that tells more than the bare text: of that, nothing tells an error from its reading aloud."""
    receipt = Receipt("scripted", "1", "cpu", "base", None, "cpu", "auto", "cpu", "int8", "proved")
    spoken = tuple(Segment(4.0 * n, 4.0 * n + 3.5, f" {heard}", speaker="A") for n, heard in enumerate(HEARD))
    turns = (Turn(0.0, 20.0, "A"),)
    transcript = Transcript("talk.wav", 20.0, "transcribe", "en", 0.9, spoken, receipt, turns)

    assert explaining(formats.render(transcript, name)) == []


def test_an_error_told_in_a_sentence_is_not_the_error():
    """torch ends its own sentence behind the number, and tells of the GPU."""
    assert explaining("CUDA out of memory. Tried to allocate 20 GiB is all it would tell.") == []
    assert explaining("CUDA out of memory. Tried to allocate, who has not seen that message.") == []
    for tail in ("512 bytes. GPU 0 has", "2.00 MiB (GPU 0; 7.79 GiB total", "2 GiB", "1.16 GiB."):
        assert explaining(f"CUDA out of memory. Tried to allocate {tail}") == ["cuda-oom"]


def test_zero_bytes_make_no_text_unreadable():
    """A rotated log begins with a hole; a binary file is full of what no text has."""
    assert as_text("RuntimeError: x\n\0went on\n") == "RuntimeError: x\nwent on\n"
    assert as_text("\0" * 100_000 + "RuntimeError: x\n") == "RuntimeError: x\n"
    assert as_text("R\0u\0n\0t\0i\0m\0e\0") is None
    assert as_text(bytes(range(256)).decode("utf-8", "replace") * 40) is None
