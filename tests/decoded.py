"""Recordings as the engines get them: float32, mono, 16 kHz."""

from __future__ import annotations

from pathlib import Path

import numpy


def noise(path: Path, seed: int) -> Path:
    """Five seconds of it."""
    numpy.random.default_rng(seed).normal(0, 0.1, 5 * 16_000).astype("<f4").tofile(path)
    return path
