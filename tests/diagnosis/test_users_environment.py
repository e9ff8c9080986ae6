"""What the doctor tries in an environment that is the user's own."""

from __future__ import annotations

import venv
from pathlib import Path

import pytest

from casebook import facts, platform
from yamabiko.diagnosis.checkup import check_up
from yamabiko.settings import Settings

COUNTS_NONE = """
def get_cuda_device_count():
    return 0

def get_supported_compute_types(device):
    if device == "cuda":
        raise RuntimeError("CUDA failed with error CUDA driver version is insufficient for CUDA runtime version")
    return {"int8"}
"""


@pytest.mark.parametrize(("machine", "found"), [("bare-ada", True), ("cpu-only-linux", False)])
def test_devices_are_counted_in_the_users_environment_where_there_is_a_gpu(
    machine: str, found: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """faster-whisper's `auto` takes the CPU without a word, and only a count in that environment shows it."""
    monkeypatch.setenv("YAMABIKO_HOME", str(tmp_path / "home"))
    folder = tmp_path / "theirs"
    venv.create(folder, symlinks=True)
    packages = next(folder.glob("lib/python3*/site-packages"))
    (packages / "ctranslate2.py").write_text(COUNTS_NONE)
    theirs = {"name": "theirs", "path": str(folder), "packages": {"ctranslate2": "4.8.5"}}

    checkup = check_up(facts({**platform(machine), "environments": [theirs]}), Settings())

    assert (checkup.facts.probe("count", "theirs") is not None) == found
    assert ("ct2-silent-cpu-auto" in [finding.id for finding in checkup.findings]) == found
