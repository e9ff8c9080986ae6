"""
pyannote's segmentation 3.0 in numpy: who of up to three people speaks, every 17 ms of ten seconds.

SincNet > four bidirectional LSTMs > two linear layers > one of seven classes:
nobody, one of three, two of three. Source: pyannote.audio (MIT),
models/segmentation/PyanNet.py and models/blocks/sincnet.py; asteroid_filterbanks (MIT).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy
from numpy.typing import NDArray

WINDOW_SAMPLES = 160_000
"""Ten seconds: what it was trained on."""
FRAMES = 589
FIRST_SAMPLE, FRAME_SAMPLES = 495, 270
"""Middle of the first frame, and the way to the next. The receptive field is 991 samples."""
PEOPLE = 3
CLASSES = numpy.array([(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 0, 1), (0, 1, 1)], bool)
"""Who speaks in each class."""

_SINC_WIDTH, _SINC_STEP = 251, 10
_LOWEST_HZ = 50.0
_LAYERS = 4
_CUT_OFF = 30.0
"""exp of more would overflow, and changes no float32."""


class Segmentation:
    """The network. Raises: KeyError, ValueError, where the tensors are not this network's."""

    def __init__(self, state: Mapping[str, NDArray[Any]]) -> None:
        self._wave = _affine(state, "sincnet.wav_norm1d")
        self._norms = [_affine(state, f"sincnet.norm1d.{i}") for i in range(3)]
        self._sinc = _sinc_filters(state)
        self._convolutions = [
            (numpy.ascontiguousarray(state[f"sincnet.conv1d.{i}.weight"].transpose(2, 1, 0)).reshape(-1, 60),
             state[f"sincnet.conv1d.{i}.bias"])
            for i in (1, 2)
        ]  # fmt: skip
        self._lstm = [_lstm_weights(state, layer) for layer in range(_LAYERS)]
        self._linear = [(state[f"{name}.weight"].T, state[f"{name}.bias"]) for name in ("linear.0", "linear.1")]
        self._classify = (state["classifier.weight"].T, state["classifier.bias"])

    def speaking(self, windows: NDArray[Any]) -> NDArray[Any]:
        """Shape (windows, 589, 3), bool, for windows of ten seconds, shape (windows, 160000)."""
        speaking: NDArray[Any] = CLASSES[self.scores(windows).argmax(axis=-1)]
        return speaking

    def scores(self, windows: NDArray[Any]) -> NDArray[Any]:
        """Shape (windows, 589, 7): the classes before the softmax."""
        found = numpy.stack([self._listen(window) for window in windows])
        for weights in self._lstm:
            found = _lstm(found, *weights)
        for weight, bias in self._linear:
            found = _leaky(found @ weight + bias)
        scores: NDArray[Any] = found @ self._classify[0] + self._classify[1]
        return scores

    def _listen(self, window: NDArray[Any]) -> NDArray[Any]:
        """Shape (589, 60): SincNet, one window at a time, since its first layer takes 12 MB a window."""
        wave = _normal(window.reshape(-1, 1), *self._wave)[:, 0]
        bands = numpy.abs(numpy.lib.stride_tricks.sliding_window_view(wave, _SINC_WIDTH)[::_SINC_STEP] @ self._sinc)
        found = _leaky(_normal(_highest_of_three(bands), *self._norms[0]))
        for (weight, bias), norm in zip(self._convolutions, self._norms[1:], strict=True):
            taps = numpy.lib.stride_tricks.sliding_window_view(found, 5, axis=0).transpose(0, 2, 1)
            found = taps.reshape(len(taps), -1) @ weight + bias
            found = _leaky(_normal(_highest_of_three(found), *norm))
        return found


def _affine(state: Mapping[str, NDArray[Any]], name: str) -> tuple[NDArray[Any], NDArray[Any]]:
    return state[f"{name}.weight"], state[f"{name}.bias"]


def _normal(values: NDArray[Any], weight: NDArray[Any], bias: NDArray[Any]) -> NDArray[Any]:
    """Mean 0 and variance 1 over time, shape (time, channels), then the learnt scale."""
    scale = weight / numpy.sqrt(values.var(axis=0) + 1e-5)
    found: NDArray[Any] = (values - values.mean(axis=0)) * scale + bias
    return found


def _leaky(values: NDArray[Any]) -> NDArray[Any]:
    found: NDArray[Any] = numpy.maximum(values, 0.01 * values)
    return found


def _highest_of_three(values: NDArray[Any]) -> NDArray[Any]:
    whole = len(values) // 3 * 3
    found: NDArray[Any] = values[:whole].reshape(-1, 3, values.shape[1]).max(axis=1)
    return found


def _sinc_filters(state: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    """Shape (251, 80): 40 band passes, and the same shifted by a quarter of a wave."""
    name = "sincnet.conv1d.0.filterbank."
    low = _LOWEST_HZ + numpy.abs(state[name + "low_hz_"]).astype(numpy.float64)
    high = numpy.clip(low + _LOWEST_HZ + numpy.abs(state[name + "band_hz_"]), _LOWEST_HZ, 8000.0)
    times, window = state[name + "n_"].astype(numpy.float64), state[name + "window_"].astype(numpy.float64)
    band = (high - low)[:, 0]
    even = (numpy.sin(high @ times) - numpy.sin(low @ times)) / (times / 2) * window
    odd = (numpy.cos(low @ times) - numpy.cos(high @ times)) / (times / 2) * window
    cosines = numpy.hstack([even, 2 * band[:, None], even[:, ::-1]])
    sines = numpy.hstack([odd, numpy.zeros((len(band), 1)), -odd[:, ::-1]])
    both = numpy.vstack([cosines / (2 * band[:, None]), sines / (2 * band[:, None])])
    return numpy.ascontiguousarray(both.T, numpy.float32)


def _lstm_weights(state: Mapping[str, NDArray[Any]], layer: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Forwards and backwards together: (2, in, 512), (2, 1, 512), (2, 128, 512)."""
    names = [f"l{layer}", f"l{layer}_reverse"]
    into = numpy.stack([state[f"lstm.weight_ih_{name}"].T for name in names])
    bias = numpy.stack([state[f"lstm.bias_ih_{name}"] + state[f"lstm.bias_hh_{name}"] for name in names])
    back = numpy.stack([state[f"lstm.weight_hh_{name}"].T for name in names])
    return into, bias[:, None], back


def _lstm(values: NDArray[Any], into: NDArray[Any], bias: NDArray[Any], back: NDArray[Any]) -> NDArray[Any]:
    """Shape (windows, frames, 2 * 128). Gates stand in PyTorch's order: in, forget, new, out."""
    count, frames, _ = values.shape
    size = back.shape[1]
    both = numpy.stack([values, values[:, ::-1]]).transpose(0, 2, 1, 3).reshape(2, frames * count, -1)
    drive = (both @ into + bias).reshape(2, frames, count, 4 * size)
    hidden = numpy.zeros((2, count, size), numpy.float32)
    cell = numpy.zeros_like(hidden)
    found = numpy.empty((2, frames, count, size), numpy.float32)
    for frame in range(frames):
        gates = drive[:, frame] + hidden @ back
        new = numpy.tanh(gates[..., 2 * size : 3 * size])
        numpy.clip(gates, -_CUT_OFF, _CUT_OFF, out=gates)
        open_ = 1.0 / (1.0 + numpy.exp(-gates))
        cell = open_[..., size : 2 * size] * cell + open_[..., :size] * new
        hidden = open_[..., 3 * size :] * numpy.tanh(cell)
        found[:, frame] = hidden
    joined = numpy.concatenate([found[0], found[1, ::-1]], axis=-1)
    return joined.transpose(1, 0, 2)
