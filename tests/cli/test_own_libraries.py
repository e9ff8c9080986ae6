"""Where yamabiko's own imports fail: what stands in the way is named, and nobody is told that it is our mistake."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from program import run_program
from yamabiko import own_libraries, shadows
from yamabiko.findings import our_bug

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the loader of Linux")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A folder whose libstdc++ is a library, and has nothing of a libstdc++ in it."""
    import _bisect

    folder = tmp_path / "old"
    folder.mkdir()
    shutil.copy(_bisect.__file__, folder / "libstdc++.so.6")
    return folder


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A folder with somebody's own numpy.py."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "numpy.py").write_text("x = 1\n")
    return folder


def test_an_old_library_on_the_path_is_named_and_the_report_is_written(old: Path, tmp_path: Path) -> None:
    surroundings = {"LD_LIBRARY_PATH": f"{old}:{tmp_path}"}
    full = run_program("doctor", "--save", "report.json", home=tmp_path, **surroundings)
    assert full.code == 1, full.err
    assert "yamabiko-bug" not in full.out + full.err
    assert "undefined symbol" in full.out
    assert f"{old}/libstdc++.so.6" in full.out.replace("\n" + " " * 15, "")
    assert f"export LD_LIBRARY_PATH={tmp_path}\n" in full.out
    told = json.loads((tmp_path / "report.json").read_text())
    assert [one["id"] for one in told["findings"]] == ["own-libraries-broken"]
    elsewhere = run_program("doctor", "--facts", "report.json", home=tmp_path)
    assert "undefined symbol" in elsewhere.out

    quick = run_program("doctor", "--quick", home=tmp_path, **surroundings)
    assert (quick.code, "own-libraries-broken" in quick.out) == (1, True)
    assert "GLIBCXX_" in quick.out


def test_a_library_that_is_none_is_named_by_every_command(tmp_path: Path) -> None:
    """Python's own modules need it, so the doctor has no facts either."""
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/libz.so.1").write_text("nonsense")
    for arguments, code in ((["doctor", "--quick"], 2), (["talk.wav"], 6)):
        said = run_program(*arguments, home=tmp_path, LD_LIBRARY_PATH=str(tmp_path / "bad")).err
        if "own-libraries-broken" not in said and shadows.libraries({"LD_LIBRARY_PATH": str(tmp_path / "bad")}) == ():
            pytest.skip("this Python has zlib within itself")
        assert "file too short" in said, said
        assert "it is no ELF file" in said
        assert "unset LD_LIBRARY_PATH" in said
        assert run_program(*arguments, home=tmp_path, LD_LIBRARY_PATH=str(tmp_path / "bad")).code == code


def test_the_systems_own_and_other_platforms_libraries_are_no_trouble(tmp_path: Path) -> None:
    """conda's folder holds a libstdc++ that can do all that is asked; one of another processor is passed by."""
    real = next(Path(line.split()[-1].decode()) for line in _loaded() if b"libstdc++.so" in line)
    (tmp_path / "conda").mkdir()
    shutil.copy(real, tmp_path / "conda/libstdc++.so.6")
    (tmp_path / "arm").mkdir()
    (tmp_path / "arm/libstdc++.so.6").write_bytes(b"\x7fELF\x01\x01\x01" + bytes(11) + b"\x28\x00" + bytes(80))
    assert shadows.libraries({"LD_LIBRARY_PATH": f"{tmp_path}/arm:{tmp_path}/conda:{tmp_path}/none"}) == ()


def _loaded() -> list[bytes]:
    import numpy  # noqa: F401 - it loads the library

    return Path("/proc/self/maps").read_bytes().splitlines()


def test_a_module_of_somebodys_own_is_named(mine: Path, tmp_path: Path) -> None:
    quick = run_program("doctor", "--quick", home=tmp_path, PYTHONPATH=str(mine))
    assert (quick.code, "own-libraries-broken" in quick.out) == (1, True)
    assert "numpy.py" in quick.out
    assert "unset PYTHONPATH" in quick.out


def test_a_decoder_that_meets_it_is_not_a_broken_installation(mine: Path, tmp_path: Path, monkeypatch) -> None:
    from yamabiko.audio import decode_findings

    monkeypatch.setenv("PYTHONPATH", str(mine))
    words = ("decoder stderr: ModuleNotFoundError: No module named 'numpy.typing'; 'numpy' is not a package",)
    finding = decode_findings.died(Path("talk.wav"), "exit 1", words)
    assert finding.id == "own-libraries-broken"
    assert any(f"{mine}/numpy.py" in line for line in finding.evidence)
    assert [one.command for one in finding.remedies] == ["unset PYTHONPATH"]


def test_a_package_that_is_gone_is_installed_again_and_a_mistake_of_ours_stays_one() -> None:
    gone = own_libraries.explain(ModuleNotFoundError("No module named 'av'", name="av"))
    assert gone is not None
    assert "install" in gone.remedies[-1].what.en.lower()
    assert own_libraries.explain(ImportError("cannot import name 'x'", name="yamabiko.speech")) is None
    assert own_libraries.explain(AttributeError("'NoneType' object has no attribute 'x'")) is None
    assert own_libraries.explain(FileNotFoundError(2, "No such file or directory", "x")) is None
    assert our_bug(ValueError("x")).id == "yamabiko-bug"
