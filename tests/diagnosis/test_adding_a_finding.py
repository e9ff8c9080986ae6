"""docs/adding-a-finding.md, followed to the letter on a copy of yamabiko."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from program import run_program

ROOT = Path(__file__).resolve().parents[2]
ID = "torch-shared-memory-too-small"
WORDS = "RuntimeError: DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that ..."


@pytest.fixture(scope="module")
def enriched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with the page's article, check and cases where the page puts them."""
    page = (ROOT / "docs/adding-a-finding.md").read_text("utf-8")
    article, cases = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    [check] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    copy = tmp_path_factory.mktemp("enriched")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src/yamabiko", copy / "src/yamabiko", ignore=ignored)
    for folder in ("cases", "platforms"):
        shutil.copytree(ROOT / "tests/diagnosis" / folder, copy / "tests/diagnosis" / folder)
    for file in (*ROOT.glob("tests/*.py"), ROOT / "tests/diagnosis/test_cases.py"):
        shutil.copy(file, copy / file.relative_to(ROOT))
    (copy / f"src/yamabiko/diagnosis/articles/{ID}.toml").write_text(article, "utf-8")
    (copy / f"tests/diagnosis/cases/{ID}.toml").write_text(cases, "utf-8")
    family = copy / "src/yamabiko/diagnosis/checks/torch_runtime.py"
    before = family.read_text("utf-8")
    family.write_text(before.replace("CHECKS = (\n", f"CHECKS = (\n{check}"), "utf-8")
    return copy


def test_the_cases_of_the_worked_example_hold(enriched: Path) -> None:
    """In the copy: its cases, its article, its evidence, and that no healthy machine gets it."""
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/diagnosis/test_cases.py", "-k", f"{ID} or healthy"],
        cwd=enriched,
        env={**os.environ, "PYTHONPATH": str(enriched / "src")},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    passed = re.search(r"(\d+) passed", run.stdout)
    assert passed is not None
    assert int(passed[1]) >= 5 + 10


def test_the_doctor_names_it(enriched: Path, tmp_path: Path) -> None:
    result = run_program(
        "doctor", "--quick", "--log", "-", home=tmp_path, stdin=WORDS, PYTHONPATH=str(enriched / "src")
    )
    assert result.code == 1, result.err
    assert ID in result.out
    assert "--shm-size=2g" in result.out


def test_the_doctor_explains_it_in_japanese(enriched: Path, tmp_path: Path) -> None:
    result = run_program("doctor", "--explain", ID, home=tmp_path, PYTHONPATH=str(enriched / "src"), YAMABIKO_LANG="ja")
    assert result.code == 0, result.err
    assert "共有メモリー" in result.out
