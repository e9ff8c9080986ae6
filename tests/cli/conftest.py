"""One home with real engines for all tests that only read it, and copies of it for those that break things."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from program import Result, run_program

NO_HUB = {"HF_ENDPOINT": "http://127.0.0.1:9"}
"""Models come from the package index; whether a hub is near must not change what a test sees."""


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`YAMABIKO_TEST_HOME`, prepared by somebody before, or one folder for all processes of this test run."""
    given = os.environ.get("YAMABIKO_TEST_HOME")
    if given:
        home = Path(given)
        home.mkdir(parents=True, exist_ok=True)
        return home
    base = tmp_path_factory.getbasetemp()
    home = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "shared-home"
    home.mkdir(exist_ok=True)
    return home


@pytest.fixture(scope="session")
def faster_whisper_installed(shared_home: Path) -> Result:
    """What `engines install faster-whisper` said; engine and model are in `shared_home`."""
    return run_program("engines", "install", "faster-whisper", "--profile", "cpu", home=shared_home, **NO_HUB)


@pytest.fixture(scope="session")
def silero_installed(shared_home: Path) -> Result:
    return run_program("engines", "install", "silero-vad", home=shared_home, **NO_HUB)


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
