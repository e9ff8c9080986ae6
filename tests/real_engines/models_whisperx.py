"""Models of WhisperX for tests: Whisper base, the same folder as faster-whisper's."""

from __future__ import annotations

from pathlib import Path

import models_faster_whisper

ENGINE = "whisperx"
TRUE = True
"""Its text is what was said."""


def build(home: Path, folder: Path) -> Path:
    return models_faster_whisper.build(home, folder)


def broken(home: Path, folder: Path) -> Path:
    return models_faster_whisper.broken(home, folder)
