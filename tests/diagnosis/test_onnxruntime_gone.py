"""onnxruntime-gpu was removed, and has taken onnxruntime's files along: pip still lists it, and it is not there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from casebook import facts, platform
from yamabiko.diagnosis.checkup import check_facts
from yamabiko.diagnosis.examine import examine
from yamabiko.diagnosis.explained_log import with_log
from yamabiko.diagnosis.facts import packages
from yamabiko.diagnosis.facts.records import Facts
from yamabiko.diagnosis.report import lines


def emptied(site: Path, *left: str) -> Facts:
    """As `pip uninstall onnxruntime-gpu` leaves onnxruntime 1.24.1, reproduced with both wheels."""
    record = site / "onnxruntime-1.24.1.dist-info"
    record.mkdir(parents=True)
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: onnxruntime\nVersion: 1.24.1\n")
    (record / "RECORD").write_text(
        "onnxruntime/__init__.py,sha256=1VPZKTZVSqFyiNsesVnAwwsl_bJktwADINCKSFU_5W4,17275\n"
        "onnxruntime/capi/build_and_package_info.py,sha256=AAAA,60\n"
    )
    for folder in left:
        (site / folder).mkdir(parents=True)
    environment = packages.environment(site, "/home/USER/venv", path=site)
    return replace(facts(platform("bare-ada")), environments=(environment,))


@pytest.mark.parametrize("left", [(), ("onnxruntime/leftover",)])
def test_a_package_without_its_files_is_told_before_anything_fails(tmp_path: Path, left: tuple[str, ...]) -> None:
    seen = emptied(tmp_path, *left)

    [finding] = [f for f in examine(seen) if f.id == "ort-package-clobber"]

    assert finding.severity == "error", "importing it fails"
    assert any("onnxruntime/__init__.py" in line and "missing" in line for line in finding.evidence)
    assert "onnxruntime==1.24.1" in (finding.remedies[0].command or ""), "the one that is wanted, and not another"
    assert "wrong" in [line.mark for line in lines(check_facts(seen)) if "venv" in line.what.en]


@pytest.mark.parametrize(
    "said",
    [
        "AttributeError: module 'onnxruntime' has no attribute 'InferenceSession'",
        "ModuleNotFoundError: No module named 'onnxruntime'",
    ],
)
def test_its_error_is_explained(tmp_path: Path, said: str) -> None:
    found = with_log(check_facts(emptied(tmp_path)), (said,), may_probe=False)

    assert found.explaining == ("ort-package-clobber",)


def test_where_it_never_was_installed_nothing_was_overwritten() -> None:
    seen = replace(facts(platform("bare-ada")), environments=())

    found = with_log(check_facts(seen), ("ModuleNotFoundError: No module named 'onnxruntime'",), may_probe=False)

    assert "ort-package-clobber" not in found.explaining


PLAIN, CUDA, MIGRAPHX = ("onnxruntime", "1.24.1"), ("onnxruntime-gpu", "1.24.1"), ("onnxruntime-migraphx", "1.27.1")


def listed(site: Path, *releases: tuple[str, str], there: bool, machine: str = "bare-ada") -> Facts:
    """As pip lists them; with the shared file there, or gone."""
    for name, release in releases:
        record = site / f"{name.replace('-', '_')}-{release}.dist-info"
        record.mkdir(parents=True)
        (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {release}\n")
        (record / "RECORD").write_text(
            "onnxruntime/__init__.py,sha256=1VPZKTZVSqFyiNsesVnAwwsl_bJktwADINCKSFU_5W4,17275\n"
        )
    if there:
        (site / "onnxruntime").mkdir()
        (site / "onnxruntime/__init__.py").touch()
    environment = packages.environment(site, "/home/USER/venv", path=site)
    return replace(facts(platform(machine)), environments=(environment,))


@pytest.mark.parametrize(
    ("releases", "there", "machine", "command", "keeps_the_plain_one_away"),
    [
        ((PLAIN,), False, "bare-ada", "pip uninstall -y onnxruntime && pip install --no-deps onnxruntime==1.24.1", False),
        ((CUDA,), False, "bare-ada", "pip uninstall -y onnxruntime-gpu && pip install --no-deps onnxruntime-gpu==1.24.1", True),
        (
            (PLAIN, CUDA), True, "bare-ada",
            "pip uninstall -y onnxruntime onnxruntime-gpu && pip install --no-deps onnxruntime-gpu==1.24.1", True,
        ),
        (
            (PLAIN, MIGRAPHX), True, "amd-supported",
            "pip uninstall -y onnxruntime onnxruntime-migraphx && pip install --no-deps onnxruntime-migraphx==1.27.1", True,
        ),
    ],
)  # fmt: skip
def test_no_remedy_takes_away_what_another_installs(
    tmp_path: Path, releases, there: bool, machine: str, command: str, keeps_the_plain_one_away: bool
) -> None:
    """uv's override leaves plain onnxruntime out of every sync: right only where another package of it is wanted."""
    seen = listed(tmp_path, *releases, there=there, machine=machine)

    [finding] = [f for f in examine(seen) if f.id == "ort-package-clobber"]

    assert finding.remedies[0].command == command
    assert any("'never'" in (one.command or "") for one in finding.remedies) is keeps_the_plain_one_away


def test_files_that_are_there_are_not_missing(tmp_path: Path) -> None:
    seen = emptied(tmp_path, "onnxruntime")
    (tmp_path / "onnxruntime/__init__.py").touch()

    assert packages.environment(tmp_path, "x").missing == ()
    assert seen.environments[0].missing == ("onnxruntime/__init__.py",)
