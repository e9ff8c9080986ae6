"""On a machine with an NVIDIA GPU: the doctor proves it, and names real faults made here. Skipped elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from program import run_program
from yamabiko.diagnosis import probes


def doctor(home: Path, **environment: str) -> tuple[int, dict[str, Any]]:
    result = run_program("doctor", "--engine", "faster-whisper", "--json", home=home, timeout_s=600, **environment)
    return result.code, json.loads(result.out)


def ids(told: dict[str, Any]) -> set[str]:
    return {finding["id"] for finding in told["findings"] if finding["severity"] != "info"}


def test_the_driver_answers_and_its_gpus_have_names() -> None:
    driver, nvml = probes.run("driver"), probes.run("nvml")
    assert (driver.ended, driver.values.get("init"), nvml.ended) == ("well", "0", "well")
    assert driver.values["gpu.0.name"] == nvml.values["gpu.0.name"]
    assert driver.values["cuda"] == nvml.values["cuda"]


def test_a_healthy_gpu_is_well_and_proved(home: Path) -> None:
    code, told = doctor(home)
    assert (code, ids(told)) == (0, set())
    assert any(
        "speech" in rung["what"] and "cuda" in rung["what"] and "(proved)" in rung["what"] for rung in told["tried"]
    )


def test_an_empty_list_of_visible_devices_is_named_and_can_be_mended(home: Path) -> None:
    hidden = {"CUDA_VISIBLE_DEVICES": ""}
    code, told = doctor(home, **hidden)
    assert code == 1
    assert "cuda-visible-devices-empty" in ids(told)
    mended = run_program(
        "doctor", "--fix", "--yes", "--engine", "faster-whisper", home=home, timeout_s=900, **hidden
    )  # fmt: skip
    assert "kept" in mended.out, mended.out
    code, told = doctor(home, **hidden)
    assert (code, ids(told)) == (0, set())
    assert run_program("doctor", "--undo", home=home).code == 0


def test_a_library_path_that_leads_astray_costs_no_gpu(home: Path, tmp_path: Path) -> None:
    """A libcublas that is none, before the environment's own: the worker's path stands above the user's."""
    for name in ("libcublas.so.12", "libcublasLt.so.12", "libcudnn.so.9"):
        (tmp_path / name).write_bytes(b"not a library")
    code, told = doctor(home, LD_LIBRARY_PATH=str(tmp_path))
    assert code == 0, told["findings"]


@pytest.fixture
def neighbour(home: Path) -> Iterator[None]:
    """Takes what the GPU has free but 64 MiB, until the test is over."""
    [python] = home.glob("data/engines/faster-whisper-cuda12-*/bin/python")
    code = (
        "import ctypes, sys\n"
        "cuda = ctypes.CDLL('libcuda.so.1'); cuda.cuInit(0)\n"
        "context = ctypes.c_void_p(); cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), 0); cuda.cuCtxSetCurrent(context)\n"
        "free, total = ctypes.c_size_t(), ctypes.c_size_t(); cuda.cuMemGetInfo_v2(ctypes.byref(free), ctypes.byref(total))\n"
        "memory = ctypes.c_void_p(); code = cuda.cuMemAlloc_v2(ctypes.byref(memory), ctypes.c_size_t(free.value - 2**26))\n"
        "print(code, flush=True); sys.stdin.read()\n"
    )
    process = subprocess.Popen([python, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "0"
    yield
    process.communicate()


def test_memory_taken_by_a_neighbour_is_named_and_the_text_still_comes(
    neighbour: None, home: Path, tmp_path: Path
) -> None:
    from yamabiko.bundled import clips

    result = run_program(clips()[0].path, "--output_dir", tmp_path, "--output_format", "json", home=home, timeout_s=600)
    document = json.loads((tmp_path / f"{clips()[0].path.stem}.json").read_text("utf-8"))
    assert result.code == 0, result.err
    assert "museum" in document["text"]
    assert "cuda-oom" in [finding["id"] for finding in document["yamabiko"]["fallbacks"]]


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="not verified under Windows")
