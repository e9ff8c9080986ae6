"""Models of whisper.cpp for tests: Whisper base's real weights as a ggml file."""

from __future__ import annotations

from pathlib import Path

from whisper_weights import ggml

ENGINE = "whisper.cpp"
TRUE = True
"""Its text is what was said."""
BASE = "cache/models/ctranslate2-whisper/base-ebe41f70"


def build(home: Path, folder: Path) -> Path:
    return ggml(home / BASE, folder / "own.bin")


def quantised(home: Path, folder: Path) -> Path:
    """The same weights in q8_0: half as large."""
    return ggml(home / BASE, folder / "own-q8_0.bin", quantised=True)


def broken(home: Path, folder: Path) -> Path:
    cut = folder / "cut-off.bin"
    cut.write_bytes(build(home, folder).read_bytes()[:-30_000_000])
    return cut
