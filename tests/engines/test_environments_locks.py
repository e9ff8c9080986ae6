"""The locks that yamabiko ships, and the default engine installed from its own."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from yamabiko import settings
from yamabiko.engines import catalog, environments
from yamabiko.engines.building import LOCKS
from yamabiko.engines.contract import Card, Profile
from yamabiko.findings import Problem
from yamabiko.i18n import Text

NAMES = sorted(file.stem for file in LOCKS.glob("*.txt"))
UNLOCKED = sorted(file for file in LOCKS.glob("*.in") if not file.with_suffix(".txt").exists())
OF_THE_CPU = {"reazonspeech-cuda12": "sherpa-onnx-core"}
"""sherpa-onnx's build for CUDA is one package, with the library that is a package of its own on the index."""


def entries(name: str) -> list[tuple[Requirement, list[str]]]:
    """Every requirement with the hashes that stand behind it."""
    text = (LOCKS / f"{name}.txt").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    return [
        (Requirement(line.split(" --hash=")[0].strip()), [part.strip() for part in line.split(" --hash=")[1:]])
        for line in lines
    ]


def versions(name: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for requirement, _ in entries(name):
        found.setdefault(requirement.name, set()).add(str(requirement.specifier))
    return found


def test_the_profiles_that_engines_need_are_locked():
    assert {"faster-whisper-cpu", "faster-whisper-cuda12", "silero-vad-cpu"} <= set(NAMES)
    wanted = {file.stem for file in LOCKS.glob("*.in")}
    without_hashes = {lock.stem for card in catalog.cards() for lock in _locks(card) if lock.suffix == ".in"}
    assert wanted - set(NAMES) == without_hashes
    assert set(NAMES) <= wanted


def _locks(card: Card) -> list[Path]:
    return [Path(profile.lock) for profile in card.profiles]


@pytest.mark.parametrize("name", NAMES)
def test_every_package_is_pinned_with_its_hashes(name):
    for requirement, hashes in entries(name):
        assert re.fullmatch(r"==[\w.!+]+", str(requirement.specifier)), requirement
        assert requirement.url is None
        assert hashes
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", one) for one in hashes), requirement


@pytest.mark.parametrize("file", UNLOCKED, ids=lambda file: file.stem)
def test_what_has_no_hashes_is_pinned_all_the_same(file: Path):
    """
    What could not be locked here names one version of everything, the ones of the engine's lock for another device.

    PyTorch's other build alone may require more, of CUDA or ROCm.
    """
    pins: dict[str, set[str]] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        wanted = Requirement(line)
        assert re.fullmatch(r"==[\w.!+]+", str(wanted.specifier)), line
        pins.setdefault(canonicalize_name(wanted.name), set()).add(str(wanted.specifier).partition("+")[0])
    locked = versions(file.stem.rpartition("-")[0] + "-cpu")
    locked.pop(OF_THE_CPU.get(file.stem, ""), None)
    theirs = {name: {one.partition("+")[0] for one in several} for name, several in locked.items()}
    assert pins.items() >= theirs.items()


@pytest.mark.parametrize("name", NAMES)
def test_no_address_and_no_path_of_a_machine_stands_in_a_lock(name):
    for file in (LOCKS / f"{name}.txt", LOCKS / f"{name}.in"):
        text = file.read_text(encoding="utf-8")
        assert "://" not in text
        assert not re.search(r"index-url|find-links|(^|\s)/\w", text)


@pytest.mark.parametrize("name", NAMES)
def test_a_lock_says_how_it_is_made_again(name):
    assert f"python scripts/lock_engines.py {name}\n" in (LOCKS / f"{name}.txt").read_text(encoding="utf-8")


def test_the_cuda_lock_is_the_cpu_lock_and_cublas():
    """One set of versions, so a text does not depend on the profile; ctranslate2 4.8.5 names no cuDNN library."""
    cpu, cuda = versions("faster-whisper-cpu"), versions("faster-whisper-cuda12")

    assert cuda.items() >= cpu.items()
    assert set(cuda) - set(cpu) == {"nvidia-cublas-cu12", "nvidia-cuda-nvrtc-cu12"}
    assert cpu["faster-whisper"] == {"==1.2.1"}


def test_the_speech_finder_needs_neither_torch_nor_whisper():
    assert {"onnxruntime", "numpy"} <= set(versions("silero-vad-cpu"))
    assert not {"torch", "faster-whisper", "ctranslate2", "silero-vad"} & set(versions("silero-vad-cpu"))


def test_the_default_engine_installs_from_its_lock_and_imports(tmp_path):
    """With this machine's own index and uv cache: the one test here that may use the network."""
    profile = Profile("cpu", "faster-whisper-cpu.txt", ("cpu",))
    words = Text("Whisper", "Whisper")
    card = Card(
        *("faster-whisper", "transcribe", words, "faster-whisper", ("faster_whisper",), "MIT", "99", frozenset()),
        *(None, None, (), (profile,)),
    )
    ours = settings.read({**os.environ, "YAMABIKO_HOME": str(tmp_path)})
    try:
        made = environments.install(card, ours)
    except Problem as problem:
        if problem.finding.id == "index-unreachable":
            pytest.skip(f"no package index: {problem.finding.evidence}")
        raise

    code = "import faster_whisper, ctranslate2; print(faster_whisper.__version__, ctranslate2.__version__)"
    done = subprocess.run([made.python, "-I", "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["1.2.1", "4.8.5"]
    assert environments.state(card, ours, thorough=True).status == "ready"
