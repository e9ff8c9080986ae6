"""
ReazonSpeech's Zipformer in its true shape, with weights made up at random, as sherpa-onnx reads it.

Shapes: icefall's Zipformer-large (egs/*/ASR/zipformer/train.py and its RESULTS.md), whose 148 million weights are those of
ReazonSpeech's encoder-epoch-99-avg-1.onnx. Every stack works at its true frame rate. Left out: terms of position, the
bypasses between layers, the norms; they have next to no weights. The blank is the likeliest token: nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy
from models_reazonspeech import tell
from numpy.typing import NDArray
from onnx_files import Graph

BANDS, TOKENS, JOINED = 80, 5224, 512
WIDTHS = (192, 256, 512, 768, 512, 256)
LAYERS = (2, 2, 4, 5, 4, 2)
WIDENED = (512, 768, 1536, 2048, 1536, 768)
HEADS = (4, 4, 4, 8, 4, 4)
FRAMES_OF_ONE = (1, 2, 4, 8, 4, 2)
KERNELS = (31, 31, 15, 15, 15, 31)
ASKING, SAYING = 34, 12
"""Of a head: queries and keys (with the numbers that the terms of position would take), values."""
NOTHING = 50.0


class Zipformer:
    """Values have the shape (batch, frames, width)."""

    def __init__(self) -> None:
        self.graph = Graph()
        self._chance = numpy.random.default_rng(1)

    def write(self, path: Path) -> Path:
        graph = self.graph
        heard = graph.input("x", "float32", ("N", "T", BANDS))
        length = graph.input("x_lens", "int64", ("N",))
        now, width = self._embed(heard), WIDTHS[0]
        for stack in range(len(WIDTHS)):
            now = self._resized(now, width, WIDTHS[stack])
            width = WIDTHS[stack]
            now = self._stack(now, stack)
        now = self._resized(now, width, max(WIDTHS))
        now = self._linear(self._slower(now, 2), max(WIDTHS), JOINED)
        graph.output("encoder_out", now, "float32", ("N", "U", JOINED))
        less = graph.add("Sub", length, graph.weight(numpy.array(7)))
        frames = graph.add("Div", graph.add("Add", less, graph.weight(numpy.array(1))), graph.weight(numpy.array(4)))
        graph.output("encoder_out_lens", frames, "int64", ("N",))
        return graph.write(path)

    def _weight(self, *shape: int) -> str:
        values: NDArray[numpy.float32] = self._chance.standard_normal(shape, numpy.float32)
        return self.graph.weight(values * numpy.float32(0.02))

    def _linear(self, value: str, inward: int, outward: int) -> str:
        return self.graph.add("MatMul", value, self._weight(inward, outward))

    def _turned(self, value: str) -> str:
        return self.graph.add("Transpose", value, perm=[0, 2, 1])

    def _embed(self, heard: str) -> str:
        """Two frames of 10 ms become one of 20."""
        graph = self.graph
        now = graph.add("Unsqueeze", heard, graph.weight(numpy.array([1])))
        for inward, outward, strides, pads in ((1, 8, [1, 1], [0, 1, 0, 1]), (8, 32, [2, 2], [0] * 4),
                                               (32, 128, [1, 2], [0] * 4)):  # fmt: skip
            now = graph.add(
                "Relu", graph.add("Conv", now, self._weight(outward, inward, 3, 3), strides=strides, pads=pads)
            )
        own = graph.add("Conv", now, self._weight(128, 1, 7, 7), group=128, pads=[3] * 4)
        own = graph.add("Conv", graph.add("Relu", graph.add("Conv", own, self._weight(384, 128, 1, 1))),
                        self._weight(128, 384, 1, 1))  # fmt: skip
        now = graph.add("Transpose", graph.add("Add", now, own), perm=[0, 2, 1, 3])
        now = graph.add("Reshape", now, graph.weight(numpy.array([0, 0, 128 * 19])))
        return self._linear(now, 128 * 19, WIDTHS[0])

    def _resized(self, value: str, width: int, wanted: int) -> str:
        graph = self.graph
        if wanted > width:
            return graph.add("Pad", value, graph.weight(numpy.array([0, 0, 0, 0, 0, wanted - width])))
        zero, axis = graph.weight(numpy.array([0])), graph.weight(numpy.array([2]))
        return value if wanted == width else graph.add("Slice", value, zero, graph.weight(numpy.array([wanted])), axis)

    def _slower(self, value: str, times: int) -> str:
        if times == 1:
            return value
        pooled = self.graph.add("AveragePool", self._turned(value), kernel_shape=[times], strides=[times], ceil_mode=1)
        return self._turned(pooled)

    def _faster(self, value: str, times: int, like: str) -> str:
        if times == 1:
            return value
        graph = self.graph
        scales = graph.weight(numpy.array([1, 1, times], numpy.float32))
        longer = graph.add("Resize", self._turned(value), "", scales, mode="nearest")
        count = graph.add("Shape", like, start=1, end=2)
        zero, axis = graph.weight(numpy.array([0])), graph.weight(numpy.array([1]))
        return graph.add("Slice", self._turned(longer), zero, count, axis)

    def _stack(self, value: str, stack: int) -> str:
        times = FRAMES_OF_ONE[stack]
        now = self._slower(value, times)
        for _ in range(LAYERS[stack]):
            for part in self._layer(now, WIDTHS[stack], WIDENED[stack], HEADS[stack], KERNELS[stack]):
                now = self.graph.add("Add", now, part)
        return self._faster(now, times, value)

    def _layer(self, value: str, width: int, widened: int, heads: int, kernel: int) -> Iterator[str]:
        graph = self.graph
        looks = self._looks(value, width, heads)
        for part in (3, 4, 5):
            yield self._linear(
                graph.add("Sigmoid", self._linear(value, width, widened * part // 4)), widened * part // 4, width
            )
            if part < 5:
                yield self._seen(looks, value, width, heads)
            yield self._convolved(value, width, kernel) if part < 5 else self._gated(looks, value, width)

    def _looks(self, value: str, width: int, heads: int) -> str:
        """Shape (batch, heads, frames, frames)."""
        graph = self.graph
        queries, keys = (self._by_head(self._linear(value, width, heads * ASKING), heads, ASKING) for _ in range(2))
        scores = graph.add("MatMul", queries, graph.add("Transpose", keys, perm=[0, 1, 3, 2]))
        return graph.add("Softmax", scores, axis=-1)

    def _by_head(self, value: str, heads: int, each: int) -> str:
        parted = self.graph.add("Reshape", value, self.graph.weight(numpy.array([0, 0, heads, each])))
        return self.graph.add("Transpose", parted, perm=[0, 2, 1, 3])

    def _seen(self, looks: str, value: str, width: int, heads: int) -> str:
        graph = self.graph
        said = self._by_head(self._linear(value, width, heads * SAYING), heads, SAYING)
        seen = graph.add("Transpose", graph.add("MatMul", looks, said), perm=[0, 2, 1, 3])
        flat = graph.add("Reshape", seen, graph.weight(numpy.array([0, 0, heads * SAYING])))
        return self._linear(flat, heads * SAYING, width)

    def _gated(self, looks: str, value: str, width: int) -> str:
        """With the looks of the first head alone."""
        graph, inner = self.graph, width * 3 // 4
        first, gate, last = (self._linear(value, width, inner) for _ in range(3))
        one = graph.add("Gather", looks, graph.weight(numpy.array(0)), axis=1)
        seen = graph.add("MatMul", one, graph.add("Mul", first, graph.add("Tanh", gate)))
        return self._linear(graph.add("Mul", seen, last), inner, width)

    def _convolved(self, value: str, width: int, kernel: int) -> str:
        graph = self.graph
        open_ = graph.add("Sigmoid", self._linear(value, width, width))
        now = self._turned(graph.add("Mul", self._linear(value, width, width), open_))
        now = graph.add("Conv", now, self._weight(width, 1, kernel), group=width, pads=[kernel // 2] * 2)
        return self._linear(self._turned(now), width, width)


def write(folder: Path) -> Path:
    folder.mkdir()
    names = ["<blk>", "<sos/eos>", "<unk>", *(chr(0x3041 + number) for number in range(86))]
    names += [chr(0x4E00 + number) for number in range(TOKENS - len(names))]
    lines = (f"{name} {number}\n" for number, name in enumerate(names))
    (folder / "tokens.txt").write_text("".join(lines), "utf-8")
    encoder = Zipformer().write(folder / "encoder-epoch-99-avg-1.onnx")
    tell(encoder, {"model_type": "zipformer2", "version": "1", "model_author": "test", "comment": "true shape"})
    decoder = _decoder().write(folder / "decoder-epoch-99-avg-1.onnx")
    tell(decoder, {"context_size": "2", "vocab_size": str(TOKENS)})
    tell(_joiner().write(folder / "joiner-epoch-99-avg-1.onnx"), {"joiner_dim": str(JOINED)})
    return folder


def _random(*shape: int) -> NDArray[numpy.float32]:
    return numpy.random.default_rng(2).standard_normal(shape, numpy.float32) * numpy.float32(0.05)


def _decoder() -> Graph:
    graph = Graph()
    said = graph.input("y", "int64", ("N", 2))
    both = graph.add("Gather", graph.weight(_random(TOKENS, JOINED)), said, axis=0)
    last = graph.add("ReduceMean", both, graph.weight(numpy.array([1])), keepdims=0)
    graph.output(
        "decoder_out", graph.add("MatMul", last, graph.weight(_random(JOINED, JOINED))), "float32", ("N", JOINED)
    )
    return graph


def _joiner() -> Graph:
    graph = Graph()
    heard = graph.input("encoder_out", "float32", ("N", JOINED))
    said = graph.input("decoder_out", "float32", ("N", JOINED))
    mixed = graph.add("Tanh", graph.add("Add", heard, said))
    scores = graph.add("MatMul", mixed, graph.weight(_random(JOINED, TOKENS)))
    likings = numpy.zeros(TOKENS)
    likings[0] = NOTHING
    graph.output("logit", graph.add("Add", scores, graph.weight(likings)), "float32", ("N", TOKENS))
    return graph
