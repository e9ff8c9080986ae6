"""
What the libraries themselves say and bring is named by the ids of known issues, as far as a machine without a GPU goes.

AMD's GPU alone is recorded; the words of failure, the packages and their files are those of the real environments.
Others stand beside their engines: whispercpp-cpu-build-silent (test_whisper_cpp), sherpa-cpu-wheel (test_reazonspeech),
whisperx-vad-checkpoint-weights-only (test_whisperx_parts).
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
from pathlib import Path

import pytest
from own_environment import installed

from casebook import facts, platform
from yamabiko.diagnosis.examine import Symptom, explain
from yamabiko.diagnosis.facts import Facts
from yamabiko.diagnosis.facts.gather import gather
from yamabiko.engines import building, catalog, environments
from yamabiko.engines.pip_settings import find_uv, for_uv, read_pip_settings
from yamabiko.settings import Settings

_GUARD = """
import sys
sys.path.append(sys.argv[1])
import torch
torch.cuda.is_available = lambda: True  # as PyTorch says with a GPU of AMD
from nemo.core.utils.cuda_python_utils import check_cuda_python_cuda_graphs_conditional_nodes_supported
check_cuda_python_cuda_graphs_conditional_nodes_supported()
"""


def on_amd(home: Path, engine: str, **packages: str) -> Facts:
    """A recorded machine with a GPU of AMD, with the environment of this engine as it is here, made for ROCm."""
    here = gather(Settings(home=home))
    environment = next(one for one in here.environments if one.engine == engine)
    more = facts({**platform("amd-supported"), "environments": [{"name": "x", "python": "3.11", "packages": packages}]})
    details = {"torch.hip": "6.4.43484", "rocblas.gfx": "gfx1100"}
    changed = dataclasses.replace(
        environment, packages=(*environment.packages, *more.environments[0].packages), details=details
    )
    return dataclasses.replace(more, environments=(changed,))


def locked(lock: str, package: str) -> str:
    lines = (building.LOCKS / lock).read_text("utf-8").splitlines()
    return next(line.split()[0].partition("==")[2] for line in lines if line.startswith(f"{package}=="))


@pytest.mark.xdist_group("parakeet")
def test_nemo_s_guard_on_a_gpu_of_amd(ready_home: Path, run_folder: Path, tmp_path: Path) -> None:
    """It asks NVIDIA's bindings, which look for a driver that is not there: NeMo's own words, and the real bindings'."""
    home = installed("parakeet", ready_home, run_folder)
    python = environments.require(catalog.card("parakeet"), Settings(home=home), "cpu").python
    version = locked("parakeet-cuda13.txt", "cuda-bindings")
    uv = for_uv(read_pip_settings(os.environ), os.environ)
    subprocess.run(
        [find_uv(), "pip", "install", "--quiet", "--target", tmp_path, "--python", python,
         f"cuda-bindings=={version}"],
        env={**os.environ, **uv.environment}, check=True,
    )  # fmt: skip
    done = subprocess.run([python, "-I", "-c", _GUARD, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode != 0

    machine = on_amd(home, "parakeet", **{"cuda-bindings": version})
    found = explain(Symptom(tuple(done.stderr.splitlines()), "", "parakeet"), machine)

    assert [finding.id for finding in found.confirmed] == ["nemo-libcuda-missing-rocm"], done.stderr[-2000:]


@pytest.mark.xdist_group("openai-whisper")
def test_numba_beside_torch_on_a_gpu_of_amd(ready_home: Path, run_folder: Path) -> None:
    """numba and llvmlite as openai-whisper requires them; only the end needs the GPU, and is a recorded one."""
    machine = on_amd(installed("openai-whisper", ready_home, run_folder), "openai-whisper")
    words = ("Fatal Python error: Segmentation fault", "#1 llvm::cl::Option::addArgument() () from libLLVM.so.19.0")

    found = explain(Symptom(words, "SIGSEGV", "openai-whisper"), machine)

    assert [finding.id for finding in found.confirmed] == ["rocm-two-llvms-segfault"]
    assert any("llvmlite" in line for line in found.confirmed[0].evidence)
