"""Real wheels of CTranslate2: what they need is read from their files, and what they say is what our checks listen for."""

from __future__ import annotations

import ctypes.util
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock

from casebook import facts, platform
from yamabiko.diagnosis.examine import Symptom, examine, explain
from yamabiko.diagnosis.facts import packages
from yamabiko.diagnosis.facts.records import Environment, Facts
from yamabiko.findings import Finding

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.uname().machine != "x86_64", reason="wheels of Linux on x86_64"
)

CUDNN_9 = "ct2-cudnn9-sublibs-not-found"
NO_DRIVER = "driver-none-or-container-without-runtime"


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`wheel("4.6.1")` is a folder with that wheel's files, fetched once and kept in `YAMABIKO_TEST_HOME`."""
    base = tmp_path_factory.getbasetemp()
    run = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    kept = Path(os.environ.get("YAMABIKO_TEST_HOME") or run) / "wheels"
    kept.mkdir(parents=True, exist_ok=True)

    def unpacked(version: str) -> Path:
        site = kept / f"ctranslate2-{version}"
        with FileLock(f"{site}.lock"):
            if not site.exists():
                fetch(version, kept)
                (found,) = kept.glob(f"ctranslate2-{version}-*.whl")
                with zipfile.ZipFile(found) as archive:
                    archive.extractall(kept / f"{site.name}.part")
                (kept / f"{site.name}.part").rename(site)
                found.unlink()
        return site

    return unpacked


def fetch(version: str, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:",
         "--dest", str(folder), f"ctranslate2=={version}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        pytest.skip(f"pip cannot fetch the wheel of ctranslate2 {version}: {done.stderr.strip()[-200:]}")


def beside(machine: str, environment: Environment) -> Facts:
    """That machine, with this environment alone."""
    return replace(facts(platform(machine)), environments=(environment,))


def found_on_ampere(site: Path) -> dict[str, Finding]:
    environment = packages.environment(site, "the wheel")
    return {finding.id: finding for finding in examine(beside("bare-ampere", environment))}


def test_the_wheel_of_4_6_1_has_the_dispatcher_of_cudnn_and_nothing_behind_it(wheel: Callable[[str], Path]) -> None:
    found = found_on_ampere(wheel("4.6.1"))
    assert any("ctranslate2.libs/libcudnn-74a4c495.so.9.1.0" in line for line in found[CUDNN_9].evidence)


def test_the_wheel_of_4_8_5_asks_for_no_cudnn(wheel: Callable[[str], Path]) -> None:
    environment = packages.environment(wheel("4.8.5"), "the wheel")
    library = environment.file("*libctranslate2*")
    assert library is not None
    assert library.mentions == ("libcublas.so.12",)
    assert [finding for finding in found_on_ampere(wheel("4.8.5")).values() if finding.severity != "info"] == []


FIRST_USE = """
import ctypes, resource, sys
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
ctypes.CDLL(sys.argv[1]).cudnnCreateTensorDescriptor(ctypes.byref(ctypes.c_void_p()))
"""


@pytest.mark.skipif(
    any(ctypes.util.find_library(name) for name in ("cudnn_ops", "cudnn_ops_infer")), reason="there is a cuDNN here"
)
@pytest.mark.parametrize(
    ("version", "dispatcher", "cause"),
    [
        ("4.6.1", "libcudnn-74a4c495.so.9.1.0", CUDNN_9),
        ("4.4.0", "libcudnn-463fd6d5.so.8.9.7", "ct2-cudnn8-not-found"),
    ],
)
def test_the_dispatcher_dies_at_its_first_use_as_people_report_it(
    wheel: Callable[[str], Path], version: str, dispatcher: str, cause: str
) -> None:
    """
    The first function that CTranslate2's convolution calls. It takes no GPU: the libraries behind it are missed before.
    """
    environment = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    died = subprocess.run(
        [sys.executable, "-c", FIRST_USE, str(wheel(version) / "ctranslate2.libs" / dispatcher)],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    assert died.returncode == -signal.SIGABRT, died.stderr

    machine = beside("bare-ampere", packages.environment(wheel(version), "the wheel"))
    explained = explain(Symptom(tuple(died.stderr.splitlines()), "SIGABRT"), machine)
    assert [finding.id for finding in explained.confirmed] == [cause], died.stderr


COUNT_AND_ASK = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("ctranslate2._ext", sys.argv[1])
ct2 = importlib.util.module_from_spec(spec)
spec.loader.exec_module(ct2)
print(ct2.get_cuda_device_count())
try:
    ct2.get_supported_compute_types("cuda")
except Exception as error:
    print(f"{type(error).__name__}: {error}")
"""


@pytest.mark.skipif(ctypes.util.find_library("cuda") is not None, reason="there is an NVIDIA driver here")
def test_without_a_driver_it_counts_none_and_says_error_35(wheel: Callable[[str], Path]) -> None:
    """
    The count swallows the error, so `auto` would take the CPU without a word; asked otherwise, it says what is wrong.
    """
    (extension,) = wheel("4.8.5").glob("ctranslate2/_ext.*.so")
    done = subprocess.run(
        [sys.executable, "-c", COUNT_AND_ASK, str(extension)], capture_output=True, text=True, check=True
    )
    count, said = done.stdout.splitlines()
    assert count == "0"

    machine = beside("cpu-only-linux", packages.environment(wheel("4.8.5"), "the wheel"))
    explained = explain(Symptom((said,)), machine)
    assert explained.confirmed[0].id == NO_DRIVER, said
    assert "ct2-cuda-wheel-on-amd" in {one.check.id for one in explained.ruled_out}
