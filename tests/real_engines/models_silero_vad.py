"""Models of silero-vad for tests: the real weights, as the home has them."""

from __future__ import annotations

from pathlib import Path

ENGINE = "silero-vad"
TRUE = True
"""It hears speech where there is some."""
PULLED = "cache/models/silero-onnx/silero-vad-v6-faster-whisper-1.2.1/silero_vad_v6.onnx"


def build(home: Path, folder: Path) -> Path:
    return home / PULLED


def broken(home: Path, folder: Path) -> Path:
    cut = folder / "cut-off.onnx"
    cut.write_bytes((home / PULLED).read_bytes()[:-100_000])
    return cut
