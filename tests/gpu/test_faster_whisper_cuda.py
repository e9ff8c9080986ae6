"""On a machine with an NVIDIA GPU: the device in the receipt is the GPU, and that is proved. Skipped elsewhere."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from program import Result, run_program
from yamabiko.bundled import clips
from yamabiko.diagnosis.facts import nvidia_marks

MARKS = nvidia_marks()

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not MARKS.present, reason=f"no NVIDIA GPU here ({MARKS.evidence})"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("gpu-home")
    installed = run_program("engines", "install", "faster-whisper", "--profile", "cuda12", home=home, timeout_s=1200)
    assert installed.code == 0, installed.err
    return home


def transcribe(home: Path, folder: Path, *more: str) -> tuple[Result, dict[str, Any]]:
    recording = shutil.copy(clips()[0].path, folder / "talk.flac")
    result = run_program(recording, "--overwrite", *more, home=home, timeout_s=600)
    assert result.code == 0, result.err
    return result, json.loads((folder / "talk.json").read_text("utf-8"))


@pytest.mark.parametrize("compute_type", ["float16", "int8_float16", "float32"])
def test_the_gpu_is_used_and_proved(compute_type: str, home: Path, tmp_path: Path) -> None:
    _, document = transcribe(home, tmp_path, "--device", "cuda", "--compute_type", compute_type, "--require_gpu")
    receipt = document["yamabiko"]
    assert (receipt["used_device"], receipt["verdict"]) == ("cuda:0", "proved")
    assert "museum" in document["text"]


def test_the_gpu_and_the_cpu_say_the_same(home: Path, tmp_path: Path) -> None:
    _, on_gpu = transcribe(home, tmp_path, "--device", "cuda", "--compute_type", "float32", "--require_gpu")
    _, on_cpu = transcribe(home, tmp_path, "--device", "cpu", "--compute_type", "float32")
    assert on_gpu["text"] == on_cpu["text"]


def test_auto_finds_the_gpu(home: Path, tmp_path: Path) -> None:
    result, document = transcribe(home, tmp_path)
    assert document["yamabiko"]["used_device"] == "cuda:0", result.err
