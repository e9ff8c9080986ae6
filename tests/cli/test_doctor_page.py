"""The runs of the doctor that README and its page show are what it says today."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest

from program import run_program

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="commands are run as on Linux")


def script():
    spec = importlib.util.spec_from_file_location("write_doctor_page", ROOT / "scripts/write_doctor_page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["README.md", "docs/doctor.md", "docs/doctor.ja.md"])
def test_recorded_runs_are_what_the_doctor_says(page: str) -> None:
    writer = script()

    assert set(writer.PAGES) == {"README.md", "docs/doctor.md", "docs/doctor.ja.md"}
    assert (ROOT / page).read_text("utf-8") == writer.filled(page), "run scripts/write_doctor_page.py"


def test_the_page_is_the_same_in_both_languages() -> None:
    """The same runs, options and number of sections."""
    english, japanese = ((ROOT / f"docs/doctor{part}.md").read_text("utf-8") for part in ("", ".ja"))

    def shape(text: str) -> list[str]:
        headings = [line.partition(" ")[0] for line in text.splitlines() if line.startswith("#")]
        return [*headings, *(line for line in text.splitlines() if line.startswith("<!-- recorded"))]

    assert shape(english) == shape(japanese)


def test_every_option_is_on_the_page(tmp_path: Path) -> None:
    said = run_program("doctor", "--help", home=tmp_path).out
    options = {word for word in said.split() if re.fullmatch(r"--(?!no-)[a-z]+", word)}
    for page in ("docs/doctor.md", "docs/doctor.ja.md"):
        text = (ROOT / page).read_text("utf-8")
        assert {option for option in options - {"--help"} if f"`{option}" not in text} == set()
