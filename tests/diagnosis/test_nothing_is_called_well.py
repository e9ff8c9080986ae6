"""
A log with an error in it is never called well: a program's own words outrank what stands around them, and what is
taken for speech, or contradicted by the facts, is still told as something that nobody could explain.

The lines are what judges have found by running `doctor --log`; a log is given as the command gives it.
"""

from __future__ import annotations

from typing import Any

import pytest

from casebook import facts, platform
from yamabiko.diagnosis import checkup, explained_log
from yamabiko.findings import Finding

OOM = "RuntimeError: CUDA failed with error out of memory"
DEATH = f'Traceback (most recent call last):\n  File "/app/worker.py", line 12, in run\n    model.transcribe(x)\n{OOM}'


def first_of(log: str, on: str = "bare-ampere", **changes: Any) -> Finding:
    """What a doctor's visit puts first of this log."""
    seen = facts({**platform(on), **changes})
    return explained_log.with_log(checkup.check_facts(seen), tuple(log.split("\n")), may_probe=False).findings[0]


NAMED = {
    "a number of a segment": f"ERROR Failed to transcribe segment 12: {OOM}",
    "a segment in a sentence": f"Error in segment 3: {OOM}",
    "a segment without an exception's name": "[ERROR] segment 7: CUDA failed with error out of memory",
    "a crash below an empty cue": f"[00:00:05.000 --> 00:00:07.000]\n{DEATH}",
    "a crash below the last cue": f"[00:00:00.000 --> 00:00:05.000]   hello\n[00:00:05.000 --> 00:00:07.000]\n{OOM}",
    "a crash below a written subtitle": f"00:00:05.000 --> 00:00:07.000\n{DEATH}",
    "a range above it": f"Chunk\n0.0 - 30.0\n{OOM}",
    "a clock above it": f"10:00:00\n{OOM}",
    "a duration above it": f"0:00:12\n{OOM}",
    "a heading: stack trace": f"Stack Trace:\n{DEATH}",
    "a heading: original error": f"Original Error:\n{OOM}",
    "a heading: a worker's log": "Worker Log:\nCUDA failed with error out of memory",
    "a heading: stderr": f"Whisper Stderr:\n{OOM}",
    "a heading: output": "Command Output:\nggml_backend_cuda_buffer_type_alloc_buffer: cudaMalloc failed: out of memory",
    "a heading: details, in Japanese": f"詳細:\n{OOM}",
    "a heading: symptom, in Japanese": f"症状：\n{OOM}",
    "a heading: message, in Japanese": "エラーメッセージ：\nCUDA failed with error out of memory",
    "a heading: exception, in Japanese": f"例外:\n{OOM}",
    "a heading: a step of the work": "Loading Model:\nCUDA failed with error out of memory",
    "a heading: what somebody ran": "Test Run:\nCUDA failed with error out of memory",
    "a heading: a machine": "Environment:\nCUDA failed with error out of memory",
    "a heading: a machine, in Japanese": "環境：\nCUDA failed with error out of memory",
    "a heading: steps, in Japanese": "再現手順：\nCUDA failed with error out of memory",
    "a heading: a log, in Chinese": "日志：\nCUDA failed with error out of memory",
    "a time of a step above it": "Started at 3:12 PM\nCUDA failed with error out of memory",
    "a ruler below it": f"CUDA failed with error out of memory\n{'=' * 80}",
    "a ruler below a traceback": f"{DEATH}\n{'-' * len(OOM)}",
    "a logger named transcription": f"[transcription]: {OOM}",
    "an answer's error beside its empty text": f'{{"segments": [], "text": "", "error": "{OOM}"}}',
    "a logger's row of CSV": f"1732184400,12,ERROR,{OOM}",
    "a logger's JSON": f'{{"text": "2026-11-21 10:00:00.000 | ERROR | app:run:3 - {OOM}\\n", "record": {{"level": {{"name": "ERROR"}}}}}}',
}  # fmt: skip


@pytest.mark.parametrize("log", NAMED.values(), ids=NAMED)
def test_a_programs_words_outrank_what_stands_around_them(log):
    assert first_of(log).id == "cuda-oom"


CHAT = "CUDA out of memory. Tried to allocate 20 GiB"
DOUBTED = (
    f"> {OOM}",
    f"# {OOM}",
    f"<p>{OOM}</p>",
    f"<td>{OOM}</td>",
    f'"{OOM}"',
    f"speech: {OOM}",
    f"prompt: {OOM}",
    f"app: what I tried: {OOM}",
    f"[00:00:05.000 --> 00:00:07.000] {OOM}",
    "> " + DEATH.replace("\n", "\n> "),
    f"alice  [3:12 PM]\n{CHAT}",
    f"Alice — Today at 10:00\n{CHAT}",
    f"Alice — Yesterday at 10:00 PM\n{CHAT}",
    f"[10:12] Alice\n{CHAT}",
    f"[10:12 AM] Alice Smith:\n{CHAT}",
    f"Bob Smith  3:12 PM\n{CHAT}",
    f"GitHub  APP  3:12 PM\n{CHAT}",
    f"Alice Smith, [21.11.26 10:00]\n{CHAT}",
    f"田中 太郎  [10:12]\n{CHAT}",
    f"田中 太郎 午後 3:12\n{CHAT}",
    f"Know the errors\n===============\n\n{CHAT}\n{'=' * len(CHAT)}\n\nThe memory was full.",
    f"{CHAT}\n{'-' * len(CHAT)}",
)


@pytest.mark.parametrize("log", DOUBTED)
def test_an_error_that_may_have_been_spoken_is_unknown_and_never_nothing(log):
    """Exit status 1, and the cause that it would have."""
    finding = first_of(log)

    assert (finding.id, finding.severity) == ("log-unexplained", "unknown")
    assert any(line.startswith("may be: cuda-oom (") for line in finding.evidence)


def test_an_underlined_failure_is_not_called_well():
    assert first_of("Transcription failed\n====================").severity == "unknown"


WORDLESS = (
    "CUDA driver version is insufficient for CUDA runtime version",
    "all CUDA-capable devices are busy or unavailable",
    "CUDA-capable device(s) is/are busy or unavailable",
    "system has unsupported display driver / cuda driver combination",
    "forward compatibility was attempted on non supported HW",
    "Fallback to cpu!",
    "UserWarning: CUDA is not available; falling back to CPU",
)


@pytest.mark.parametrize("line", WORDLESS)
def test_an_error_without_a_word_of_failure_is_one_where_there_is_a_gpu(line):
    assert first_of(line).severity == "unknown"


def test_running_on_the_cpu_is_well_where_there_is_no_gpu():
    assert first_of("UserWarning: CUDA is not available; falling back to CPU", "cpu-only-linux").severity == "info"


def test_speech_about_errors_is_no_error():
    spoken = "[00:00.000 --> 00:04.000] I got an error, and it crashed\n[00:04.000 --> 00:06.000] it failed: twice"
    assert first_of(spoken).severity == "info"
    assert first_of("Alice: the service was unavailable that day").severity == "info"


XET = {
    "environments": [{"name": "/home/USER/venv", "packages": {"huggingface-hub": "1.7.2", "hf-xet": "1.4.2", "torch": "2.8.0"}}]
}  # fmt: skip
BAR = "model.safetensors:  99%|█████████▉| 4.95G/5.00G [12:10<00:07, {}]"


@pytest.mark.parametrize(
    "log", [BAR.format("0.00B/s"), BAR.format("6.5MB/s") + "\n^C", "x\n" + BAR.format("?B/s") + "\n^C"]
)
def test_a_bar_that_stands_still_may_be_a_stalled_download(log):
    finding = first_of(log, **XET)

    assert finding.severity == "unknown"
    assert any(line.startswith("may be: hf-xet-stall (") for line in finding.evidence)


@pytest.mark.parametrize(
    "log", [BAR.format("6.5MB/s"), BAR.format("0.00B/s") + "\n" + BAR.replace(" 99%", "100%").format("0.00B/s")]
)
def test_a_bar_that_moves_or_is_full_tells_of_nothing(log):
    assert first_of(log, **XET).severity == "info"
