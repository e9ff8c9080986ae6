"""Models of pyannote for tests: a pipeline with weights made up at random; whom it tells apart means nothing."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import tiny_pyannote

ENGINE = "pyannote"
TRUE = False
SEGMENTATION = "segmentation/pytorch_model.bin"


def build(home: Path, folder: Path) -> Path:
    [python] = home.glob("data/engines/pyannote-cpu-*/bin/python")
    subprocess.run([python, "-P", tiny_pyannote.__file__, folder / "pipeline"], check=True, timeout=500)
    return folder / "pipeline"


def broken(home: Path, folder: Path) -> Path:
    whole = build(home, folder)
    cut = Path(shutil.copytree(whole, folder / "cut-off"))
    (cut / SEGMENTATION).write_bytes((whole / SEGMENTATION).read_bytes()[:-10_000])
    return cut
