"""All that stands here needs an NVIDIA GPU, and is skipped elsewhere, with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from program import run_program
from yamabiko.gpu_marks import gpu_marks

MARKS = gpu_marks()
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.gpu)
            item.add_marker(pytest.mark.skipif(not MARKS.nvidia, reason=f"no NVIDIA GPU here ({MARKS.evidence})"))


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all: CUDA's libraries are a download of a gigabyte."""
    home = tmp_path_factory.mktemp("gpu-home")
    installed = run_program("engines", "install", "faster-whisper", "--profile", "cuda12", home=home, timeout_s=1200)
    assert installed.code == 0, installed.err
    return home
