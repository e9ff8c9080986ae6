"""The device that whisper.cpp takes, by the names that ggml's backends have."""

from __future__ import annotations

import pytest

from yamabiko.diagnosis.verdict import decide
from yamabiko.engines.ggml_devices import taken
from yamabiko.speech import Evidence

CPU = ("CPU", 0)


@pytest.mark.parametrize(
    ("devices", "family"),
    [
        ((CPU,), "cpu"),
        ((("CUDA0", 1), ("CUDA1", 1), CPU), "cuda"),
        ((("ROCm0", 1), CPU), "cuda"),
        ((("Vulkan0", 1), CPU), "vulkan"),
        ((("Vulkan0", 2), CPU), "vulkan"),  # one in the processor
        ((("MTL0", 1), ("BLAS", 3), CPU), "mps"),
        ((("Metal", 1), CPU), "mps"),
        ((("BLAS", 3), CPU), "cpu"),
        ((("SYCL0", 1), CPU), "sycl"),
    ],
)
def test_the_first_gpu_is_taken_where_one_was_asked_for(devices: tuple[tuple[str, int], ...], family: str) -> None:
    assert taken(devices, gpu=True) == family
    assert taken(devices, gpu=False) == "cpu"


@pytest.mark.parametrize(
    ("name", "family"), [("Vulkan0", "vulkan"), ("MTL0", "mps"), ("ROCm0", "cuda"), ("CUDA0", "cuda")]
)
def test_what_whisper_cpp_prints_agrees_with_it(name: str, family: str) -> None:
    """The claim and the log line of one device must never stand against each other."""
    printed = f"whisper_backend_init_gpu: using {name} backend"
    says = {"Vulkan0": "vulkan", "MTL0": "mps", "ROCm0": "rocm", "CUDA0": "cuda"}[name]

    ruling = decide(taken(((name, 1), CPU), gpu=True), [Evidence("last-words", says, printed)])

    assert ruling.used_device == family
    assert ruling.verdict != "refuted"
