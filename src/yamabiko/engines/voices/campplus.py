"""
CAM++ in numpy: 192 numbers that tell how a voice sounds.

A small residual network over the spectrum, then a densely connected TDNN whose
layers listen to their own mean over time. Source: 3D-Speaker (Apache-2.0),
speakerlab/models/campplus; Wang et al., “CAM++”, Interspeech 2023.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy
from numpy.typing import NDArray

DIMENSIONS = 192
_BLOCKS = ((12, 1), (24, 2), (16, 2))
"""Layers and dilation of each dense block."""
_CONTEXT_FRAMES = 100
_EPSILON = 1e-5


class CamPlusPlus:
    """The network. Raises: KeyError, ValueError, where the tensors are not this network's."""

    def __init__(self, state: Mapping[str, NDArray[Any]]) -> None:
        s = state
        self._head = [
            _conv2d(s, "head.conv1", "head.bn1"),
            *(_residual(s, f"head.layer{i}.{j}", 2 if j == 0 else 1) for i in (1, 2) for j in (0, 1)),
            _conv2d(s, "head.conv2", "head.bn2"),
        ]
        self._tdnn = (_taps(s["xvector.tdnn.linear.weight"]), *_norm(s, "xvector.tdnn.nonlinear.batchnorm"))
        self._dense = [
            [_dense_layer(s, f"xvector.block{b}.tdnnd{i}") for i in range(1, layers + 1)]
            for b, (layers, _) in enumerate(_BLOCKS, 1)
        ]
        self._transit = [
            (*_norm(s, f"xvector.transit{b}.nonlinear.batchnorm"), s[f"xvector.transit{b}.linear.weight"][:, :, 0].T)
            for b in (1, 2, 3)
        ]
        self._out = _norm(s, "xvector.out_nonlinear.batchnorm")
        self._last = s["xvector.dense.linear.weight"][:, :, 0].T
        self._last_norm = _norm(s, "xvector.dense.nonlinear.batchnorm", affine=False)

    def embed(self, features: NDArray[Any]) -> NDArray[Any]:
        """Shape (192,) for log mel frames less their mean, shape (frames, 80); two frames at least."""
        found = self._spectrum(features)
        weight, scale, shift = self._tdnn
        found = _relu(_conv1d(found, weight, step=2) * scale + shift)
        for layers, (_, dilation), (scale, shift, onward) in zip(self._dense, _BLOCKS, self._transit, strict=True):
            for layer in layers:
                found = numpy.concatenate([found, _dense_forward(found, layer, dilation)], axis=1)
            found = _relu(found * scale + shift) @ onward
        found = _relu(found * self._out[0] + self._out[1])
        spread = found.std(axis=0, ddof=1) if len(found) > 1 else numpy.full(found.shape[1], 1e-2, numpy.float32)
        pooled = numpy.concatenate([found.mean(axis=0), spread])
        scale, shift = self._last_norm
        embedding: NDArray[Any] = (pooled @ self._last) * scale + shift
        return embedding.astype(numpy.float32)

    def _spectrum(self, features: NDArray[Any]) -> NDArray[Any]:
        """Shape (frames, 320): bands and frames as a picture, a channel last."""
        picture = numpy.ascontiguousarray(features.T[:, :, None], numpy.float32)
        first, *blocks, last = self._head
        picture = _relu(_conv3x3(picture, *first, step=1))
        for (one, two, short), step in zip(blocks, (2, 1, 2, 1), strict=True):
            beside = picture if short is None else picture[::step] @ short[0] + short[1]
            inner = _relu(_conv3x3(picture, *one, step=step))
            picture = _relu(_conv3x3(inner, *two, step=1) + beside)
        picture = _relu(_conv3x3(picture, *last, step=2))
        return picture.transpose(1, 2, 0).reshape(picture.shape[1], -1)  # channel before band, as PyTorch lays it


def _relu(values: NDArray[Any]) -> NDArray[Any]:
    found: NDArray[Any] = numpy.maximum(values, 0, out=values)
    return found


def _norm(state: Mapping[str, NDArray[Any]], name: str, *, affine: bool = True) -> tuple[NDArray[Any], NDArray[Any]]:
    """Scale and shift that a batch norm comes to once it is trained."""
    scale = 1.0 / numpy.sqrt(state[f"{name}.running_var"] + _EPSILON)
    if affine:
        scale = scale * state[f"{name}.weight"]
    shift = -state[f"{name}.running_mean"] * scale
    if affine:
        shift = shift + state[f"{name}.bias"]
    return scale.astype(numpy.float32), shift.astype(numpy.float32)


def _conv2d(state: Mapping[str, NDArray[Any]], conv: str, norm: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Weight of shape (taps * in, out) and shift, the norm after it folded in."""
    scale, shift = _norm(state, norm)
    weight = state[f"{conv}.weight"].transpose(2, 3, 1, 0) * scale
    return numpy.ascontiguousarray(weight.reshape(-1, weight.shape[-1]), numpy.float32), shift


def _residual(state: Mapping[str, NDArray[Any]], name: str, step: int) -> tuple[Any, Any, Any]:
    short = _conv2d(state, f"{name}.shortcut.0", f"{name}.shortcut.1") if step != 1 else None
    return _conv2d(state, f"{name}.conv1", f"{name}.bn1"), _conv2d(state, f"{name}.conv2", f"{name}.bn2"), short


def _conv3x3(picture: NDArray[Any], weight: NDArray[Any], shift: NDArray[Any], *, step: int) -> NDArray[Any]:
    """Every `step`-th band, every frame; shape (bands, frames, channels)."""
    bands, frames, channels = picture.shape
    padded = numpy.zeros((bands + 2, frames + 2, channels), numpy.float32)
    padded[1:-1, 1:-1] = picture
    rows = -(-bands // step)
    patches = numpy.empty((rows, frames, 9, channels), numpy.float32)
    for tap in range(9):
        down, right = divmod(tap, 3)
        patches[:, :, tap] = padded[down : down + bands : step, right : right + frames]
    found: NDArray[Any] = patches.reshape(rows * frames, -1) @ weight
    found += shift
    return found.reshape(rows, frames, -1)


def _taps(weight: NDArray[Any]) -> NDArray[Any]:
    """PyTorch's (out, in, taps) as (taps, in, out)."""
    return numpy.ascontiguousarray(weight.transpose(2, 1, 0), numpy.float32)


def _conv1d(values: NDArray[Any], weight: NDArray[Any], *, step: int = 1, dilation: int = 1) -> NDArray[Any]:
    """Shape (frames, out), zeros before and after so that no frame is lost."""
    taps = len(weight)
    pad = (taps - 1) // 2 * dilation
    padded = numpy.zeros((len(values) + 2 * pad, values.shape[1]), numpy.float32)
    padded[pad : pad + len(values)] = values
    found: NDArray[Any] = padded[: len(values) : step] @ weight[0]
    for tap in range(1, taps):
        found += padded[tap * dilation : tap * dilation + len(values) : step] @ weight[tap]
    return found


def _dense_layer(state: Mapping[str, NDArray[Any]], name: str) -> tuple[Any, ...]:
    scale, shift = _norm(state, f"{name}.nonlinear1.batchnorm")
    scale2, shift2 = _norm(state, f"{name}.nonlinear2.batchnorm")
    narrow = (state[f"{name}.linear1.weight"][:, :, 0].T * scale2).astype(numpy.float32)
    cam = f"{name}.cam_layer"
    return (
        (scale, shift),
        (narrow, shift2),
        _taps(state[f"{cam}.linear_local.weight"]),
        (state[f"{cam}.linear1.weight"][:, :, 0].T, state[f"{cam}.linear1.bias"]),
        (state[f"{cam}.linear2.weight"][:, :, 0].T, state[f"{cam}.linear2.bias"]),
    )


def _dense_forward(values: NDArray[Any], layer: tuple[Any, ...], dilation: int) -> NDArray[Any]:
    (scale, shift), (narrow, shift2), local, squeeze, excite = layer
    inner = _relu(_relu(values * scale + shift) @ narrow + shift2)
    starts = numpy.arange(0, len(inner), _CONTEXT_FRAMES)
    lengths = numpy.diff(numpy.append(starts, len(inner)))
    context = inner.mean(axis=0) + numpy.add.reduceat(inner, starts) / lengths[:, None].astype(numpy.float32)
    gate = _relu(context @ squeeze[0] + squeeze[1]) @ excite[0] + excite[1]
    gate = 1.0 / (1.0 + numpy.exp(-numpy.clip(gate, -30.0, 30.0)))
    found = _conv1d(inner, local, dilation=dilation)
    for start, length, one in zip(starts, lengths, gate, strict=True):
        found[start : start + length] *= one
    return found
