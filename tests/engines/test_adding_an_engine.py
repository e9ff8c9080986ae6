"""docs/adding-an-engine.md, followed to the letter on a copy of yamabiko."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from program import noise_file, run_program

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def enriched(tmp_path: Path) -> Path:
    """A copy of the package with the page's file added and the page's line put into the catalog."""
    page = (ROOT / "docs/adding-an-engine.md").read_text("utf-8")
    file, line = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    package = tmp_path / "src" / "yamabiko"
    shutil.copytree(ROOT / "src/yamabiko", package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "engines/adapters/loudness.py").write_text(file, "utf-8")
    catalog = package / "engines/catalog.py"
    before = catalog.read_text("utf-8")
    catalog.write_text(before.replace("ADAPTERS = {\n", f"ADAPTERS = {{\n{line}"), "utf-8")
    return package.parent


def test_the_worked_example_transcribes_a_recording(enriched: Path, tmp_path: Path) -> None:
    recording = noise_file(tmp_path / "hiss.wav", 25)
    result = run_program(
        recording, "--engine", "loudness", "--vad_filter", "False", "-f", "txt", home=tmp_path, PYTHONPATH=str(enriched)
    )
    assert result.code == 0, result.err
    # numpy.integers(-3000, 3000) has a standard deviation of 3000/sqrt(3): 20*log10(1732/32768) = -25.5 dB
    assert (tmp_path / "hiss.txt").read_text("utf-8").split() == ["-26", "dB"] * 3
    assert "cpu float32 (proved)" in result.err.splitlines()[-1]


def test_the_list_of_engines_shows_it(enriched: Path, tmp_path: Path) -> None:
    result = run_program("engines", "list", home=tmp_path, PYTHONPATH=str(enriched))
    assert result.code == 0, result.err
    assert "loudness" in result.out
