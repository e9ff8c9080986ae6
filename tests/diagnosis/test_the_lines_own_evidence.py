"""
Words that are known in a newer or shorter form, and words that the rest of the line or of the log contradicts.

The forms are those of docs, issues and source of the programs; judges found that each was read wrongly.
"""

from __future__ import annotations

from typing import Any

import pytest

from casebook import facts, platform
from yamabiko.diagnosis import checkup, explained_log
from yamabiko.findings import Finding


def first_of(log: str, on: str = "bare-ampere", **changes: Any) -> Finding:
    seen = facts({**platform(on), **changes})
    return explained_log.with_log(checkup.check_facts(seen), tuple(log.split("\n")), may_probe=False).findings[0]


def possible(finding: Finding) -> list[str]:
    return [line.split()[2] for line in finding.evidence if line.startswith("may be: ")]


FREE = {
    "gpus": [
        {
            "name": "NVIDIA GeForce RTX 3090",
            "capability": "8.6",
            "memory_bytes": 25_800_000_000,
            "free_bytes": 25_000_000_000,
        }
    ]
}
TRIED = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate {}. GPU 0 has a total capacity of 23.69 GiB of which {} is free"


def test_a_line_that_tells_of_much_free_memory_only_may_be_want_of_it():
    finding = first_of(TRIED.format("2.00 GiB", "22.1 GiB"))

    assert (finding.id, finding.severity, possible(finding)) == ("log-unexplained", "unknown", ["cuda-oom"])
    for tried, free in (("2.00 GiB", "1.50 GiB"), ("20.00 MiB", "11.00 MiB"), ("2.00 GiB", "2.10 GiB")):
        assert first_of(TRIED.format(tried, free)).id == "cuda-oom"


def test_what_is_free_now_is_told_beside_want_of_memory():
    """NVML's figure may be of later: it settles nothing, and people want to see it."""
    found = first_of(
        "RuntimeError: CUDA failed with error out of memory", nvidia={**platform("bare-ampere")["nvidia"], **FREE}
    )

    assert found.id == "cuda-oom"
    assert "NVML: GPU 0 (NVIDIA GeForce RTX 3090) has 23.3 of 24.0 GiB free" in found.evidence


def test_a_kernels_assertion_comes_before_the_want_of_memory_that_it_leaves():
    log = "Assertion `srcIndex < srcSelectDimSize` failed.\nRuntimeError: CUDA error: out of memory"
    assert first_of(log).id == "cuda-sticky-error"
    assert first_of(log.replace("`", "")).id == "cuda-sticky-error"


@pytest.mark.parametrize(
    ("log", "id_"),
    [
        (
            "RuntimeError: CUDA error: CUDA-capable device(s) is/are busy or unavailable",
            "gpu-compute-mode-exclusive-or-mig",
        ),
        ("EP Error ... using ['CUDAExecutionProvider', 'CPUExecutionProvider']", "ort-midrun-fallback"),
        ("Falling back to ['CPUExecutionProvider'] and retrying.", "ort-midrun-fallback"),
    ],
)
def test_another_form_of_known_words_may_be_the_same(log, id_):
    gpus = [{"name": "NVIDIA GeForce RTX 3090", "capability": "8.6"}]
    finding = first_of(log, nvidia={**platform("bare-ampere")["nvidia"], "gpus": gpus})
    assert (finding.severity, possible(finding)) == ("unknown", [id_])


def test_nemos_newer_words_for_a_missing_libcuda_are_known():
    venv = {
        "name": "/home/USER/nemo",
        "packages": {"nemo-toolkit": "2.6.0", "cuda-bindings": "13.1.1", "torch": "2.9.0+rocm6.4"},
        "details": {"torch.hip": "6.4.43482", "rocblas.gfx": "gfx1100"},
    }
    error = 'DynamicLibNotFoundError: Failure finding "libcuda.so.1": libcuda.so.1: cannot open shared object file'
    named = f"cuda.pathfinder._dynamic_libs.load_dl_common.{error}"
    assert first_of(named, "amd-supported", environments=[venv]).id == "nemo-libcuda-missing-rocm"


LLVM = "#0  0x00007f in llvm::cl::Option::addArgument() from {}"
TORCH_FOR_ROCM = {
    "name": "/home/USER/w2v",
    "packages": {"torch": "2.7.1+rocm7.0", "numba": "0.61.2", "llvmlite": "0.44.0"},
    "native": [
        {"path": "llvmlite/binding/libllvmlite.so", "mentions": ["_ZN4llvm"]},
        {"path": "_rocm_sdk_core/lib/llvm/lib/libLLVM.so.20.0git", "mentions": ["_ZN4llvm"]},
    ],
    "details": {"torch.hip": "7.0.0", "rocblas.gfx": "gfx1100"},
}


def test_another_programs_llvm_is_not_that_of_rocm():
    mesa = LLVM.format("/lib/libLLVM-15.so") + "\n#1  0x00007f in ?? () from /usr/lib/dri/radeonsi_dri.so"
    assert first_of(mesa, "amd-supported", environments=[TORCH_FOR_ROCM]).id == "log-unexplained"
    python = 'Thread 1 "python" received signal SIGSEGV, Segmentation fault.\n' + LLVM.format(
        "/v/_rocm_sdk_core/lib/libLLVM.so.20.0git"
    )
    assert first_of(python, "amd-supported", environments=[TORCH_FOR_ROCM]).id == "rocm-two-llvms-segfault"
