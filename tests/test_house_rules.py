"""The rules that hold for the whole house: what may be imported where, and how quickly the program speaks."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from program import COMMAND, environment

ROOT = Path(__file__).resolve().parents[1]
NATIVE = ("ctranslate2", "onnxruntime", "torch", "transformers", "av", "faster_whisper", "tokenizers")

IMPORT_EVERYTHING = """
import importlib, pkgutil, sys
import yamabiko
for module in pkgutil.walk_packages(yamabiko.__path__, "yamabiko."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print(len([name for name in sys.modules if name.startswith("yamabiko")]))
print(",".join(sorted(set(sys.modules) & set(sys.argv[1].split(",")))))
"""


def test_the_whole_package_imports_no_native_library() -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", IMPORT_EVERYTHING, ",".join(NATIVE)], capture_output=True, text=True, check=True
    )
    count, loaded = done.stdout.split("\n")[:2]
    assert int(count) > 60
    assert loaded == ""


def test_imports_point_down_the_list_of_rooms() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("package", [name for name in NATIVE if name != "av"])
def test_no_native_library_is_asked_for_by_the_base_install(package: str) -> None:
    assert package not in installed_with_yamabiko()


def test_the_base_install_stays_small() -> None:
    """Under 260 MB, of which PyAV, numpy and uv are 200. Without byte code, which is made as modules are used."""
    total = sum(size_of(name) for name in installed_with_yamabiko())
    assert total < 260 * 10**6, f"{total / 1e6:.0f} MB"


def test_help_imports_little(tmp_path: Path) -> None:
    """What makes it quick (under 0.5 s: `make bench`), in a figure that no busy machine changes."""
    python = [COMMAND[0], "-X", "importtime", *COMMAND[1:]]
    done = subprocess.run([*python, "--help"], env=environment(tmp_path), capture_output=True, text=True, check=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}

    assert "yamabiko.cli.main" in imported
    assert imported.isdisjoint({"numpy", "pydantic", "httpx", "psutil", "budoux", "packaging", "asyncio", "fastapi"})
    assert len(imported) < 300


def installed_with_yamabiko() -> set[str]:
    """Names of all distributions that `pip install yamabiko` brings to this machine."""
    found: set[str] = set()
    waiting = ["yamabiko"]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        for line in importlib.metadata.requires(name) or ():
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name.lower().replace("_", "-"))
    return found


def size_of(name: str) -> int:
    files = importlib.metadata.files(name) or ()
    paths = {Path(str(file.locate())) for file in files if not str(file).endswith(".pyc")}
    return sum(path.stat().st_size for path in paths if path.is_file())
