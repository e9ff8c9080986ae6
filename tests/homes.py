"""One home with real engines for all tests that only read it, and copies of it for those that break things."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from filelock import FileLock

from program import Result, run_program

NO_HUB = {"HF_ENDPOINT": "http://127.0.0.1:9"}
"""Models come from the package index; whether a hub is near must not change what a test sees."""


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all processes of this test run."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base


@pytest.fixture(scope="session")
def shared_home(run_folder: Path) -> Path:
    """`YAMABIKO_TEST_HOME`, prepared by somebody before, or one folder for all processes of this test run."""
    given = os.environ.get("YAMABIKO_TEST_HOME")
    if given:
        home = Path(given)
        home.mkdir(parents=True, exist_ok=True)
        return home
    home = run_folder / "shared-home"
    home.mkdir(exist_ok=True)
    return home


def run_once(folder: Path, *arguments: str, home: Path) -> Result:
    """What this command said, run by whichever process of the test run comes first: an install ends in real work."""
    kept = folder / f"{'-'.join(arguments)}.json"
    with FileLock(f"{kept}.lock"):
        if not kept.exists():
            kept.write_text(json.dumps(asdict(run_program(*arguments, home=home, **NO_HUB))), "utf-8")
        return Result(**json.loads(kept.read_text("utf-8")))


@pytest.fixture(scope="session")
def faster_whisper_installed(shared_home: Path, run_folder: Path) -> Result:
    """What `engines install faster-whisper` said; engine and model are in `shared_home`."""
    return run_once(run_folder, "engines", "install", "faster-whisper", "--profile", "cpu", home=shared_home)


@pytest.fixture(scope="session")
def silero_installed(shared_home: Path, run_folder: Path) -> Result:
    return run_once(run_folder, "engines", "install", "silero-vad", home=shared_home)


@pytest.fixture(scope="session")
def tiny_pulled(shared_home: Path, run_folder: Path) -> Result:
    """What `models pull tiny.en` said: the smallest real model, for English."""
    return run_once(run_folder, "models", "pull", "tiny.en", home=shared_home)


@pytest.fixture(scope="session")
def ready_home(
    shared_home: Path, faster_whisper_installed: Result, silero_installed: Result, tiny_pulled: Result
) -> Path:
    """`shared_home` with all that real runs need: faster-whisper with base and tiny.en, and the speech finder."""
    for done in (faster_whisper_installed, silero_installed, tiny_pulled):
        assert done.code == 0, done.err
    return shared_home


@pytest.fixture
def silero_home(shared_home: Path, silero_installed: Result, tmp_path: Path) -> Path:
    """A home of this test's own with silero-vad and its model, to be broken at will."""
    assert silero_installed.code == 0, silero_installed.err
    home = tmp_path / "home"
    for folder in (shared_home / "data/engines").glob("silero-vad-cpu-*"):
        shutil.copytree(folder, home / "data/engines" / folder.name, symlinks=True, copy_function=linked)
    shutil.copytree(shared_home / "cache/models/silero-onnx", home / "cache/models/silero-onnx")
    return home


def linked(source: str, target: str) -> None:
    """A second name for the same bytes: a test may take files away or replace them, not write into them."""
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


@pytest.fixture
def replace_file() -> Callable[[Path, bytes], None]:
    """Other bytes under this name, whoever else holds the old ones."""

    def replace(path: Path, content: bytes) -> None:
        path.unlink()
        path.write_bytes(content)

    return replace
