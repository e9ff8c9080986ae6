"""Models of faster-whisper for tests: Whisper base, as the home has it."""

from __future__ import annotations

import shutil
from pathlib import Path

ENGINE = "faster-whisper"
TRUE = True
"""Its text is what was said."""
BASE = "cache/models/ctranslate2-whisper/base-ebe41f70"


def build(home: Path, folder: Path) -> Path:
    return home / BASE


def broken(home: Path, folder: Path) -> Path:
    target = folder / "cut-off"
    shutil.copytree(home / BASE, target, ignore=shutil.ignore_patterns("model.bin", "*.json.lock"))
    with (home / BASE / "model.bin").open("rb") as weights:
        (target / "model.bin").write_bytes(weights.read(100_000_000))
    return target
