"""Words only suggest: what facts contradict is ruled out, what nothing confirms stays open, and nothing is made up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casebook import facts, platform
from yamabiko.diagnosis.checks import CHECKS
from yamabiko.diagnosis.examine import Symptom, examine, explain
from yamabiko.diagnosis.facts.records import Facts, System

HERE = facts(platform("cpu-only-linux"))
GPU = facts(platform("bare-ampere"))
ERROR_35 = "RuntimeError: CUDA failed with error CUDA driver version is insufficient for CUDA runtime version"


def ids(symptom: Symptom, seen: Facts | None = HERE) -> list[str]:
    return [finding.id for finding in explain(symptom, seen).confirmed]


@given(st.lists(st.text(max_size=200), max_size=20), st.sampled_from(["", "SIGABRT", "exit 3", "silent"]))
def test_random_words_have_no_cause(lines: list[str], ending: str) -> None:
    """Whatever a program says: without words that we know, or facts that fit its end, nothing is named."""
    found = explain(Symptom(tuple(lines), ending), HERE)
    assert found.confirmed == ()


@given(st.text(alphabet=st.characters(categories=("L", "N", "P", "Z")), min_size=200, max_size=4000))
def test_a_flood_in_one_line_is_no_cause(line: str) -> None:
    assert explain(Symptom((line * 50,)), HERE).confirmed == ()


def test_without_facts_an_ambiguous_error_stays_open() -> None:
    found = explain(Symptom((ERROR_35,)), None)
    assert found.confirmed == ()
    assert len({suspicion.check.id for suspicion in found.open}) > 1


def test_facts_rule_out_and_say_so() -> None:
    found = explain(Symptom((ERROR_35,)), GPU)
    assert "driver-none-or-container-without-runtime" in {one.check.id for one in found.ruled_out}


def test_what_goes_on_working_explains_no_death() -> None:
    words = ("EP Error: something using ['CUDAExecutionProvider', 'CPUExecutionProvider']",)
    assert ids(Symptom(words)) == ["ort-midrun-fallback"]
    assert ids(Symptom(words, "SIGSEGV")) == []


def test_a_dying_workers_words_count_only_where_a_line_begins() -> None:
    said = "[00:00.000 --> 00:02.000] my driver says: Found no NVIDIA driver on your system, and I cried"
    assert ids(Symptom((said,), "SIGABRT")) == []
    assert ids(Symptom((said.partition("says: ")[2],), "SIGABRT")) != []


OUT_OF_MEMORY = "CUDA failed with error out of memory"
LOGGED = [
    "{}",
    "RuntimeError: {}",
    "2026-01-01 12:00:00,123 - ERROR - module - RuntimeError: {}",
    "2026-01-01 12:00:00,123 - app.module - ERROR - RuntimeError: {}",
    "2026-01-01 12:00:00.123 | ERROR    | app.module:load:12 - {}",
    "2026-01-01T12:00:00Z ERROR {}",
    "Nov 21 18:00:00 host python[123]: RuntimeError: {}",
    "[2026-01-01 12:00:00.000] [ctranslate2] [thread 27607] [error] {}",
    "E1121 18:00:00.123456 12345 file.cc:123] {}",
    "E   RuntimeError: {}",
    "E       RuntimeError: {}",
    "[ERROR] {}",
    "ERROR:root:{}",
    "WARNING:app:Error transcribing: {}",
    "app_1  | RuntimeError: {}",
    "Error: {}",
    "エラー: {}",
    "エラー：{}",
    "文字起こしに失敗しました: {}",
    "「{}」と表示されました",
    "- **エラー**: `{}`",
    "Transcription failed: {}",
    "Exception in ASGI application: {}",
    "Caused by: RuntimeError: {}",
    "C:\\app\\main.py:12: UserWarning: {}",
    "RuntimeError('{}')",
    "thread 'main' panicked at src/main.rs:5:5: {}",
    '{{"level":"error","msg":"{}"}}',
    'time=2026-01-01T00:00:00Z level=ERROR source=x.go:1 msg="{}"',
]


@pytest.mark.parametrize("line", LOGGED)
def test_what_loggers_put_before_the_words_hides_nothing(line):
    assert ids(Symptom((line.format(OUT_OF_MEMORY),)), GPU) == ["cuda-oom"]


SPOKEN = [
    "[00:00:00.000 --> 00:00:04.000] {}",
    "[0.00s -> 4.00s] {}",
    "[10.16s - 13.30s] {}",
    "[00:12.34] {}",
    "INFO segment 3: {}",
    "SPEAKER_00: {}",
    '    "text": "{}",',
    "he told me: {}",
    "my last error was: {}",
    "why do I see {}",
    "tests/test_gpu.py::test_memory PASSED # {}",
    "reading /home/USER/{}.wav",
    "1\n00:00:00,000 --> 00:00:04,000\n{}\n",
]


@pytest.mark.parametrize("lines", SPOKEN)
def test_what_somebody_said_explains_nothing(lines):
    assert ids(Symptom(tuple(lines.format(OUT_OF_MEMORY).splitlines())), GPU) == []


def test_a_long_log_is_read_line_by_line_only_where_words_stand():
    """A hundred thousand lines without any of our words cost no look at a single one."""
    flood = tuple(f"2026-01-01 12:00:00,123 - INFO - step {n}: 0.1" for n in range(100_000))
    assert ids(Symptom((*flood, f"RuntimeError: {OUT_OF_MEMORY}")), GPU) == ["cuda-oom"]


def test_nothing_is_found_where_nothing_was_looked_at() -> None:
    assert examine(Facts(System("linux"))) == ()
    assert examine(Facts(System("win32"))) == ()
    assert examine(Facts(System("darwin"))) == ()


def test_seventy_seven_known_failures_are_looked_for() -> None:
    assert len(CHECKS) >= 77


def severity(id_: str, seen: Facts) -> str | None:
    return next((finding.severity for finding in examine(seen) if finding.id == id_), None)


def test_an_image_of_cuda_on_a_machine_without_a_gpu_is_a_note_until_something_fails():
    """The image sets NVIDIA_VISIBLE_DEVICES itself, wherever it runs."""
    image = {"container": {"kind": "docker", "evidence": "/.dockerenv"}, "variables": {"NVIDIA_VISIBLE_DEVICES": "all"}}
    seen = facts({**platform("cpu-only-linux"), **image})

    assert severity("driver-none-or-container-without-runtime", seen) == "info"
    failed = explain(Symptom(("RuntimeError: Found no NVIDIA driver on your system.",)), seen).confirmed
    assert [(finding.id, finding.severity) for finding in failed] == [
        ("driver-none-or-container-without-runtime", "warning")
    ]


def test_a_torch_for_the_cpu_that_somebody_chose_is_a_note_until_something_fails():
    chosen = {
        "name": "/home/USER/venv",
        "packages": {"torch": "2.9.1+cpu"},
        "native": [{"path": "torch/lib/libtorch_cpu.so"}],
    }
    seen = facts({**platform("bare-ada"), "environments": [chosen]})

    assert severity("torch-cpu-wheel", seen) == "info"
    failed = explain(Symptom(("AssertionError: Torch not compiled with CUDA enabled",)), seen).confirmed
    assert [(finding.id, finding.severity) for finding in failed] == [("torch-cpu-wheel", "warning")]


def test_a_torch_for_the_cpu_on_a_machine_without_a_gpu_is_no_trouble_of_the_wheel():
    """openai-whisper says this in every run on a CPU."""
    chosen = {
        "name": "/home/USER/venv",
        "packages": {"torch": "2.9.1+cpu"},
        "native": [{"path": "torch/lib/libtorch_cpu.so"}],
    }
    seen = facts({**platform("cpu-only-linux"), "environments": [chosen]})

    said = "UserWarning: FP16 is not supported on CPU; using FP32 instead"
    assert all(f.severity == "info" for f in explain(Symptom((said,)), seen).confirmed)


@pytest.mark.parametrize(("machine", "told"), [("cpu-only-linux", True), ("bare-ada", False), ("apple", False)])
def test_a_gpu_asked_of_our_torch_for_the_cpu_is_told_first_where_there_is_none(machine: str, told: bool):
    ours = {"name": "openai-whisper-cpu-84ae", "engine": "openai-whisper", "packages": {"torch": "2.13.0+cpu"}}
    seen = facts({**platform(machine), "environments": [ours]})

    [finding] = explain(Symptom(("AssertionError: Torch not compiled with CUDA enabled",)), seen).confirmed

    assert finding.id == "torch-cpu-wheel"
    assert ("this machine: no NVIDIA or AMD GPU" in finding.evidence) == told
    assert finding.cause.en.startswith("This machine has no GPU of NVIDIA or AMD") == told


def test_where_torch_is_seen_on_a_mac_facts_confirm_what_mps_lacks():
    seen = facts({**platform("apple"), "environments": [{"name": "/Users/USER/venv", "packages": {"torch": "2.9.1"}}]})

    [finding] = explain(Symptom(("TypeError: Cannot convert a MPS Tensor to float64 dtype",)), seen).confirmed

    assert "torch 2.9.1" in "\n".join(finding.evidence)
