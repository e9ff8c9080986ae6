"""Two real distributions of ONNX Runtime in one environment, in both orders: whose files are there, and what we say."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from casebook import facts, platform
from yamabiko.diagnosis.examine import Symptom, examine, explain
from yamabiko.diagnosis.facts import packages
from yamabiko.diagnosis.facts.records import Environment, Facts

PLAIN = ("onnxruntime", "1.31.1")
AMD = ("onnxruntime-migraphx", "1.27.1")
"""Of those that share the folder, the smallest two for Linux: 24 and 21 MB."""
_LIMIT_S = 25
_WARNED = "Specified provider 'MIGraphXExecutionProvider' is not in available provider names.Available providers: 'CPU'"


def _uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.is_file() else shutil.which("uv")
    return found or pytest.skip("there is no uv")


def _pip(site: Path, *command: str) -> None:
    """Wheels of one Python and one platform on any machine: they are only read."""
    if command[0] == "install":
        command = (*command, "--python-version=3.12", "--python-platform=x86_64-manylinux_2_34", "--no-deps")
    try:
        done = subprocess.run(
            [_uv(), "pip", command[0], f"--target={site}", "--quiet", *command[1:]],
            capture_output=True, text=True, timeout=_LIMIT_S, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        pytest.skip(f"the package index took longer than {_LIMIT_S} s")
    if done.returncode:
        pytest.skip(f"the package index could not be reached: {done.stderr.strip()[-200:]}")


def _install(site: Path, package: tuple[str, str]) -> None:
    _pip(site, "install", "==".join(package))


def _seen(site: Path) -> tuple[Environment, Facts]:
    environment = packages.environment(site, "two of them", path=site)
    return environment, replace(facts(platform("amd-supported")), environments=(environment,))


@pytest.fixture(scope="module")
def amd_last(tmp_path_factory: pytest.TempPathFactory) -> Path:
    site = tmp_path_factory.mktemp("amd-last") / "site-packages"
    _install(site, PLAIN)
    _install(site, AMD)
    return site


@pytest.fixture(scope="module")
def plain_last(tmp_path_factory: pytest.TempPathFactory) -> Path:
    site = tmp_path_factory.mktemp("plain-last") / "site-packages"
    _install(site, AMD)
    _install(site, PLAIN)
    return site


def test_the_cpus_package_came_last_and_has_won(plain_last: Path) -> None:
    """
    The GPU's provider still lies there, so its presence proves nothing; the bytes of the shared files do.
    """
    environment, seen = _seen(plain_last)

    [contested] = [c for c in environment.contested if c.path == "onnxruntime/__init__.py"]
    assert (contested.owners, contested.winner) == ((PLAIN[0], AMD[0]), PLAIN[0])
    assert environment.file("libonnxruntime_providers_migraphx.so")
    [finding] = [f for f in examine(seen) if f.id == "ort-package-clobber"]
    assert finding.severity == "warning"
    assert any(PLAIN[0] in line and AMD[0] in line for line in finding.evidence)


def test_it_explains_the_warning_that_people_see(plain_last: Path) -> None:
    found = explain(Symptom((_WARNED,)), _seen(plain_last)[1])

    assert [f.id for f in found.confirmed] == ["ort-package-clobber"]


def test_the_gpus_package_came_last_and_still_has_not_won(amd_last: Path) -> None:
    """
    Its Python files are there, and beside its extension module lies the other's, which Python prefers by its name.
    """
    environment, seen = _seen(amd_last)

    [contested] = [c for c in environment.contested if c.path == "onnxruntime/__init__.py"]
    assert contested.winner == AMD[0]
    assert environment.details["onnxruntime.package"] == AMD[0]
    [finding] = [f for f in examine(seen) if f.id == "ort-package-clobber"]
    assert finding.severity == "warning"
    assert any("cpython-312" in line for line in finding.evidence)


def test_removing_one_takes_the_files_of_the_other_along(amd_last: Path, tmp_path: Path) -> None:
    site = tmp_path / "site-packages"
    shutil.copytree(amd_last, site)
    _pip(site, "uninstall", PLAIN[0])

    environment, seen = _seen(site)

    assert environment.version(AMD[0]) == AMD[1]
    assert not (site / "onnxruntime/__init__.py").exists()
    [finding] = [f for f in examine(seen) if f.id == "ort-package-clobber"]
    assert finding.severity == "error"
    assert any("missing" in line for line in finding.evidence)
