"""Environments of the user's: wherever their packages lie, and whatever of their native files is gone."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from program import run_program
from yamabiko.diagnosis.facts import packages
from yamabiko.diagnosis.facts.gather import site_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the folders of Linux")


def installed(site: Path, name: str = "ctranslate2", version: str = "4.8.5") -> Path:
    """As pip leaves it; the extension module is handed out."""
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\n")
    (info / "RECORD").write_text(
        f"{name}/__init__.py,sha256=x,3\n{name}/_ext.cpython-311-x86_64-linux-gnu.so,sha256=y,7\n"
        f"{name}/__pycache__/__init__.cpython-311.pyc,,\n{name}/left_out.so,,\n{info.name}/RECORD,,\n"
    )
    module = site / name / "_ext.cpython-311-x86_64-linux-gnu.so"
    module.parent.mkdir()
    module.write_bytes(b"\x7fELF...")
    (module.parent / "__init__.py").write_text("x=1")
    return module


def test_a_native_file_that_is_gone_is_named_with_what_brings_it_back(tmp_path: Path) -> None:
    venv = tmp_path / "v"
    module = installed(venv / "lib/python3.11/site-packages")
    (venv / "bin").mkdir()
    (venv / "bin/python").symlink_to(sys.executable)
    well = run_program("doctor", "--quick", "--environment", venv, home=tmp_path)
    assert (well.code, "package-files-lost" in well.out) == (0, False), well.out

    module.unlink()
    sick = run_program("doctor", "--quick", "--json", "--environment", venv, home=tmp_path)

    assert sick.code == 1
    [finding] = json.loads(sick.out)["findings"]
    assert finding["id"] == "package-files-lost"
    assert any("_ext.cpython" in line for line in finding["evidence"])
    assert finding["remedies"][0]["command"] == (
        f"{venv}/bin/python -m pip install --force-reinstall --no-deps ctranslate2==4.8.5"
    )


def test_an_empty_file_is_gone_too_and_what_has_no_hash_is_not(tmp_path: Path) -> None:
    module = installed(tmp_path)
    assert packages.environment(tmp_path, "x").lost == ()
    module.write_bytes(b"")
    assert [one.path for one in packages.environment(tmp_path, "x").lost] == [module.relative_to(tmp_path).as_posix()]


def test_packages_are_found_as_debian_and_pip_target_lay_them(tmp_path: Path) -> None:
    usr, target = tmp_path / "usr", tmp_path / "target"
    installed(usr / "lib/python3/dist-packages")
    (usr / "lib/python3.11/site-packages").mkdir(parents=True)
    (usr / "bin").mkdir()
    (usr / "bin/python3.11").symlink_to(sys.executable)
    installed(target)
    assert site_of(usr) == usr / "lib/python3/dist-packages"
    assert packages.environment(usr / "lib/python3/dist-packages", "x", path=usr).interpreter.endswith("bin/python3.11")
    assert site_of(target) == target
    assert site_of(tmp_path) is None
    seen = run_program("doctor", "--quick", "--environment", usr, "--environment", target, home=tmp_path)
    assert seen.code == 0, seen.out + seen.err
    assert seen.out.count("ctranslate2 4.8.5") == 2
