"""
Kaldi's log mel filterbank, as speaker networks of that school were trained on.

80 bands from 20 Hz to 8 kHz, 25 ms every 10 ms, “povey” window, no dither.
Source: kaldi/src/feat/feature-window.cc, mel-computations.cc; torchaudio.compliance.kaldi.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy
from numpy.typing import NDArray

BANDS = 80
WIDTH = 400
"""Samples of a frame at 16 kHz."""
STEP = 160
_SPECTRUM = 512
_LOWEST_HZ, _HIGHEST_HZ = 20.0, 8000.0
_PREEMPHASIS = 0.97


def frames_of(samples: int) -> int:
    """How many whole frames there are in so many samples."""
    return 0 if samples < WIDTH else 1 + (samples - WIDTH) // STEP


def log_mel(audio: NDArray[Any]) -> NDArray[Any]:
    """Shape (frames, 80), float32, for samples in -1..1; no frame for less than 25 ms."""
    if audio.size < WIDTH:
        return numpy.zeros((0, BANDS), numpy.float32)
    frames = numpy.lib.stride_tricks.sliding_window_view(audio, WIDTH)[::STEP].astype(numpy.float32)
    frames -= frames.mean(axis=1, keepdims=True)
    frames[:, 1:] -= _PREEMPHASIS * frames[:, :-1]
    frames[:, 0] *= 1 - _PREEMPHASIS
    spectrum = numpy.fft.rfft(frames * _window(), _SPECTRUM)
    power = spectrum.real**2 + spectrum.imag**2
    mel = power.astype(numpy.float32) @ _filters()
    found: NDArray[Any] = numpy.log(numpy.maximum(mel, numpy.finfo(numpy.float32).eps))
    return found


@cache
def _window() -> NDArray[Any]:
    found: NDArray[Any] = numpy.hanning(WIDTH).astype(numpy.float32) ** 0.85
    return found


@cache
def _filters() -> NDArray[Any]:
    """Shape (257, 80): triangles that are even on the mel scale; the highest bin belongs to none."""

    def mel(hertz: Any) -> Any:
        return 1127.0 * numpy.log(1.0 + numpy.asarray(hertz, numpy.float64) / 700.0)

    lowest, highest = mel(_LOWEST_HZ), mel(_HIGHEST_HZ)
    width = (highest - lowest) / (BANDS + 1)
    left = lowest + numpy.arange(BANDS) * width
    bins = mel(numpy.arange(_SPECTRUM // 2) * (16_000 / _SPECTRUM))[:, None]
    rising, falling = (bins - left) / width, (left + 2 * width - bins) / width
    inside = numpy.maximum(0.0, numpy.minimum(rising, falling))
    return numpy.vstack([inside, numpy.zeros((1, BANDS))]).astype(numpy.float32)
