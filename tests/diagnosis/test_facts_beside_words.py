"""Words that suffice are still held against the facts: what these show stands beside them, or rules them out."""

from __future__ import annotations

from casebook import facts, platform
from yamabiko.diagnosis.examine import Explanation, Symptom, explain
from yamabiko.diagnosis.facts.records import Facts, System

TRITON = (
    "/venv/lib/python3.12/site-packages/whisper/timing.py:42: UserWarning: Failed to launch Triton kernels, likely due to "
    "missing CUDA toolkit; falling back to a slower median kernel implementation..."
)
EP = "EP Error: [ONNXRuntimeError] : 11 : EP_FAIL : Non-zero status code using ['CUDAExecutionProvider']"


def told(said: str, seen: Facts) -> Explanation:
    return explain(Symptom((said,)), seen)


def with_packages(machine: str, packages: dict[str, str], **more: object) -> Facts:
    environment = {"name": "/home/USER/venv", "packages": packages, **more.pop("environment", {})}  # type: ignore[dict-item]
    return facts({**platform(machine), "environments": [environment], **more})


def test_whisper_without_triton_is_told_what_is_missing():
    seen = with_packages("bare-ada", {"openai-whisper": "20250625", "torch": "2.8.0"})

    [finding] = told(TRITON, seen).confirmed

    assert "triton is missing beside openai-whisper 20250625" in "\n".join(finding.evidence)


def test_whisper_with_triton_and_no_compiler_is_told_so():
    packages = {"openai-whisper": "20250625", "torch": "2.8.0", "triton": "3.4.0"}
    seen = with_packages("bare-ada", packages, commands=["nvidia-smi"])

    [finding] = told(TRITON, seen).confirmed

    assert "PATH: none of cc, gcc, clang" in "\n".join(finding.evidence)


def test_a_provider_that_fell_back_is_named():
    provider = "onnxruntime/capi/libonnxruntime_providers_cuda.so"
    seen = with_packages("bare-ada", {"onnxruntime-gpu": "1.23.2"}, environment={"native": [{"path": provider}]})

    assert any(provider in line for line in told(EP, seen).confirmed[0].evidence)


def test_windows_forks_nothing():
    said = "RuntimeError: Cannot re-initialize CUDA in forked subprocess. To use CUDA with multiprocessing, use spawn"

    assert told(said, Facts(System("win32", "AMD64"))).ruled_out[0].check.id == "cuda-fork-reinit"
