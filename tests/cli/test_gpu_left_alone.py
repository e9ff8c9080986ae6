"""What a run says of a GPU that it does not use. The marks of a GPU are written here; all else is the real program."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from homes import NO_HUB
from program import environment
from yamabiko.bundled import clips

MARKED = """
from yamabiko.gpu_marks import GpuMarks
from yamabiko.scheduling import setup
setup.gpu_marks = lambda: GpuMarks({marks})
from yamabiko.__main__ import {run} as run
run()
"""
AMD = 'False, "/dev: no nvidia0, no dxg", amd=True'
NVIDIA = 'True, "/dev: nvidia0"'


def run_marked(marks: str, *arguments: str | Path, home: Path, run: str = "run", **more: str) -> tuple[str, str]:
    """Output and error output. It must end well: no GPU costs an answer."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", MARKED.format(marks=marks, run=run), *map(str, arguments)],
        env=environment(home, **NO_HUB, **more), capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


@pytest.fixture
def clip() -> Path:
    return next(one.path for one in clips() if one.language == "en")


def test_a_gpu_of_amd_is_told_of_once_and_in_each_receipt(ready_home: Path, clip: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.flac"
    again.write_bytes(clip.read_bytes())
    _, said = run_marked(AMD, clip, again, "--model", "tiny.en", "-f", "json", "-o", tmp_path, home=ready_home)

    assert said.count("gpu-left-unused: This machine shows a GPU of AMD, and faster-whisper computes on the CPU.") == 1
    assert "CTranslate2's builds for ROCm" in said
    receipts = [json.loads(path.read_text("utf-8"))["yamabiko"] for path in tmp_path.glob("*.json")]
    assert [[one["id"] for one in receipt["notices"]] for receipt in receipts] == [["gpu-left-unused"]] * 2


def test_who_asks_for_the_cpu_hears_nothing_of_it(ready_home: Path, clip: Path, tmp_path: Path) -> None:
    _, said = run_marked(
        AMD, clip, "--model", "tiny.en", "--device", "cpu", "-f", "txt", "-o", tmp_path, home=ready_home
    )  # fmt: skip

    assert "gpu-left-unused" not in said


def test_a_gpu_s_environment_that_cannot_be_made_is_told_of(ready_home: Path, clip: Path, tmp_path: Path) -> None:
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_FIND_LINKS": "", "UV_CACHE_DIR": str(tmp_path / "uv")}
    _, said = run_marked(
        NVIDIA, clip, "--model", "tiny.en", "-f", "txt", "-o", tmp_path, home=ready_home, **nowhere
    )  # fmt: skip

    assert "The environment of faster-whisper for the GPU (cuda12) could not be made, so the GPU is not used." in said
    assert (tmp_path / f"{clip.stem}.txt").read_text("utf-8").strip()


def test_the_whisper_command_tells_it_too(ready_home: Path, clip: Path, tmp_path: Path) -> None:
    _, said = run_marked(
        AMD, clip, "--model", "tiny.en", "--output_dir", tmp_path, home=ready_home, run="run_whisper"
    )  # fmt: skip

    assert "gpu-left-unused" in said
