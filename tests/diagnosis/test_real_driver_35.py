"""
Error 35 for real: the CUDA runtime inside cuda-bindings against a driver whose version we choose.

No GPU is needed, because the runtime compares versions before it looks for one.
NeMo's part is its own line: `raise Exception(f"CUDA failure! {error}")`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import uv
from filelock import FileLock

from casebook import facts, platform
from yamabiko.diagnosis import probes
from yamabiko.diagnosis.examine import Symptom, explain
from yamabiko.diagnosis.facts import packages
from yamabiko.diagnosis.facts.records import Facts

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux" or os.uname().machine != "x86_64", reason="wheels of Linux on x86_64"),
    pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler to build the stand-in driver"),
]

NEMO = "nemo-cuda35-bindings-newer-than-driver"
NO_DRIVER = "driver-none-or-container-without-runtime"
ASK = """
from cuda.bindings import runtime
error, *payload = runtime.cudaStreamGetCaptureInfo(0)
print(int(error), len(payload), f"Exception: CUDA failure! {error}", sep="\\n")
"""


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a libcuda.so.1 that is as old as FAKE_CUDA says."""
    folder = tmp_path_factory.mktemp("driver")
    source = Path(__file__).with_name("fake_libcuda.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", folder / "libcuda.so.1", source], check=True)
    return folder


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`environment("13.5.0")` is a Python with these cuda-bindings, and NeMo 2.6.0's METADATA beside them."""
    base = tmp_path_factory.getbasetemp()
    run = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base

    def made(version: str) -> Path:
        folder = run / f"cuda-bindings-{version}"
        with FileLock(f"{folder}.lock"):
            if not (folder / "done").exists():
                install(version, folder)
        return folder

    return made


def install(version: str, folder: Path) -> None:
    python = folder / "bin" / "python"
    call = [uv.find_uv_bin(), "--quiet"]
    subprocess.run([*call, "venv", "--clear", "--python", sys.executable, str(folder)], check=True)
    done = subprocess.run(
        [*call, "pip", "install", "--python", str(python), f"cuda-bindings=={version}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        pytest.skip(f"uv cannot fetch cuda-bindings {version}: {done.stderr.strip()[-200:]}")
    nemo = site_of(folder) / "nemo_toolkit-2.6.0.dist-info"
    nemo.mkdir()
    (nemo / "METADATA").write_text("Metadata-Version: 2.1\nName: nemo_toolkit\nVersion: 2.6.0\n", "utf-8")
    (folder / "done").touch()


def site_of(folder: Path) -> Path:
    return next(folder.glob("lib/python3*/site-packages"))


def asked(folder: Path, driver: Path, cuda: int) -> tuple[int, int, str]:
    """The error, how many values come with it, and what NeMo makes of it."""
    surroundings = {**os.environ, "LD_LIBRARY_PATH": str(driver), "FAKE_CUDA": str(cuda)}
    done = subprocess.run(
        [folder / "bin" / "python", "-c", ASK], capture_output=True, text=True, check=True, env=surroundings
    )
    error, payload, words = done.stdout.splitlines()
    return int(error), int(payload), words


def seen(machine: str, folder: Path, driver: Path, cuda: int) -> Facts:
    """That machine with this environment, and with what our own probe hears from the driver."""
    place = probes.Place(library_paths=(driver,), variables=tuple({"FAKE_CUDA": str(cuda)}.items()))
    environment = packages.environment(site_of(folder), "user's")
    return replace(facts(platform(machine)), environments=(environment,)).with_probed(probes.run("driver", place))


@pytest.mark.parametrize("version", ["13.0.3", "13.5.0"])
def test_bindings_13_on_a_driver_of_12_9_say_35_and_the_bindings_are_blamed(
    environment: Callable[[str], Path], driver: Path, version: str
) -> None:
    """Seed 0's machine without its GPU. 13.0 prints the number, 13.5 the name: both are known."""
    error, payload, words = asked(environment(version), driver, 12090)
    assert (error, payload) == (35, 6)

    machine = seen("bare-ampere", environment(version), driver, 12090)
    found = explain(Symptom((words,)), machine).confirmed
    assert [finding.id for finding in found] == [NEMO], words
    assert any("cuDriverGetVersion: CUDA 12.9" in line for line in found[0].evidence)


def test_the_same_35_comes_without_any_driver_and_the_driver_is_blamed(
    environment: Callable[[str], Path], driver: Path
) -> None:
    error, _, words = asked(environment("13.0.3"), driver, 0)
    assert error == 35

    found = explain(Symptom((words,)), seen("cpu-only-linux", environment("13.0.3"), driver, 0)).confirmed
    assert [finding.id for finding in found] == [NO_DRIVER], words


def test_a_driver_of_13_0_serves_bindings_13_5(environment: Callable[[str], Path], driver: Path) -> None:
    """The runtime goes on to ask for what the stand-in lacks (801): versions are no obstacle within one major."""
    error, _, _ = asked(environment("13.5.0"), driver, 13000)
    assert error == 801

    explained = explain(
        Symptom(("Exception: CUDA failure! 35",)), seen("bare-ada", environment("13.5.0"), driver, 13000)
    )
    assert NEMO in {one.check.id for one in explained.ruled_out}


def test_bindings_12_9_give_one_value_less(environment: Callable[[str], Path], driver: Path) -> None:
    """What NeMo 2.6.0 takes apart into six: the cause of nemo-capture-info-unpack."""
    assert asked(environment("12.9.4"), driver, 12090)[:2] == (801, 5)
