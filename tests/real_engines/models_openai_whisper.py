"""Models of openai-whisper for tests: Whisper base's real weights as a .pt file, written by its own torch."""

from __future__ import annotations

from pathlib import Path

from whisper_weights import openai

ENGINE = "openai-whisper"
TRUE = True
"""Its text is what was said."""
BASE = "cache/models/ctranslate2-whisper/base-ebe41f70"


def build(home: Path, folder: Path) -> Path:
    [environment] = (home / "data/engines").glob(f"{ENGINE}-cpu-*")
    return openai(home / BASE, folder / "base.pt", environment / "bin/python")


def broken(home: Path, folder: Path) -> Path:
    cut = folder / "cut-off.pt"
    cut.write_bytes(build(home, folder).read_bytes()[:-30_000_000])
    return cut
