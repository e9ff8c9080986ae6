"""A talk of two people, put together of the bundled clips: each clip is read by somebody else."""

from __future__ import annotations

import tempfile
import wave
from pathlib import Path

import numpy
from numpy.typing import NDArray

from yamabiko.audio.decode import decode
from yamabiko.bundled import clips
from yamabiko.settings import Settings
from yamabiko.speech import SAMPLE_RATE

PAUSE_S = 0.5
Sound = NDArray[numpy.float32]


def decoded(path: Path) -> Sound:
    """float32, mono, 16 kHz."""
    with tempfile.TemporaryDirectory() as folder:
        return numpy.fromfile(decode(path, Path(folder) / "audio.f32", Settings(home=Path(folder))).path, "<f4")


def voices() -> dict[str, Sound]:
    """The clips by language."""
    return {clip.language: decoded(clip.path) for clip in clips()}


def written(path: Path, *pieces: Sound) -> Path:
    sound = (numpy.concatenate(pieces) * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", "not compressed"))
        file.writeframes(sound.tobytes())
    return path


def talk(path: Path, sounds: dict[str, Sound]) -> tuple[Path, list[float]]:
    """English, Japanese, English again; and where each begins and ends, in seconds."""
    pause = numpy.zeros(round(PAUSE_S * SAMPLE_RATE), numpy.float32)
    order = [sounds["en"], pause, sounds["ja"], pause, sounds["en"]]
    edges = numpy.cumsum([0, *map(len, order)]) / SAMPLE_RATE
    return written(path, *order), edges.tolist()
