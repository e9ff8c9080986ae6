"""Models of transformers for tests: Whisper base's real weights in a folder as the hub has them."""

from __future__ import annotations

from pathlib import Path

from whisper_weights import huggingface

ENGINE = "transformers"
TRUE = True
"""Its text is what was said."""
BASE = "cache/models/ctranslate2-whisper/base-ebe41f70"


def build(home: Path, folder: Path) -> Path:
    return huggingface(home / BASE, folder / "whisper")


def broken(home: Path, folder: Path) -> Path:
    target = huggingface(home / BASE, folder / "cut-off")
    weights = target / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-30_000_000])
    return target
