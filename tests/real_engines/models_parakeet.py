"""Models of parakeet for tests: tiny ones with weights made up at random, which NeMo itself writes as .nemo files."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
import tempfile
from functools import cache
from pathlib import Path

ENGINE = "parakeet"
TRUE = False
"""Its text means nothing."""


def build(home: Path, folder: Path) -> Path:
    return Path(shutil.copy(kinds(home) / "hybrid.nemo", folder / "hybrid.nemo"))


def broken(home: Path, folder: Path) -> Path:
    """The weights within the file are cut off."""
    cut = folder / "cut-off.nemo"
    with tarfile.open(kinds(home) / "hybrid.nemo") as whole, tarfile.open(cut, "w") as target:
        for member in whole.getmembers():
            content = whole.extractfile(member)
            data = content.read() if content else b""
            if member.name.endswith("model_weights.ckpt"):
                data = data[: len(data) // 2]
                member.size = len(data)
            target.addfile(member, io.BytesIO(data))
    return cut


@cache
def _kept() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="nemo-models-")


@cache
def kinds(home: Path) -> Path:
    """The folder with hybrid.nemo, tdt.nemo, rnnt.nemo and ctc.nemo; made once a process."""
    [python] = home.glob("data/engines/parakeet-cpu-*/bin/python")
    script = Path(__file__).with_name("nemo_models.py")
    done = subprocess.run([python, "-I", script, _kept().name], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return Path(_kept().name)
