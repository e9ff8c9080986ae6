"""
ONNX files written by hand, so that tests need no package for them: a graph of operators, and its weights.

Field numbers: onnx/onnx.proto (ModelProto, GraphProto, NodeProto, AttributeProto, TensorProto, ValueInfoProto).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy
from numpy.typing import NDArray

_TYPES = {"float32": 1, "int32": 6, "int64": 7, "bool": 9, "float16": 10}
_NODE, _WEIGHT, _INPUT, _OUTPUT = 1, 5, 11, 12
_FACT = 14
Shape = Sequence[int | str]
"""Of an input or output; a word stands for a length that is known at run time only."""


class Graph:
    """Operators in the order in which they were added; values go by their names."""

    def __init__(self) -> None:
        self._pieces: dict[int, list[bytes]] = {field: [] for field in (_NODE, _WEIGHT, _INPUT, _OUTPUT)}
        self._count = 0

    def input(self, name: str, kind: str, shape: Shape) -> str:
        self._pieces[_INPUT].append(_value(name, kind, shape))
        return name

    def output(self, name: str, value: str, kind: str, shape: Shape) -> None:
        self.add("Identity", value, to=name)
        self._pieces[_OUTPUT].append(_value(name, kind, shape))

    def weight(self, value: NDArray[Any] | Sequence[int] | float) -> str:
        array = numpy.asarray(value)
        if array.dtype.kind == "f" and array.dtype != numpy.float16:
            array = array.astype(numpy.float32)
        name = self._name("w")
        dims = b"".join(_number(1, size) for size in array.shape)
        content = dims + _number(2, _TYPES[array.dtype.name]) + _piece(8, name) + _piece(9, array.tobytes())
        self._pieces[_WEIGHT].append(content)
        return name

    def add(self, operator: str, *inputs: str, to: str = "", **attributes: int | float | str | Sequence[int]) -> str:
        """The name of the operator's first output."""
        name = to or self._name(operator)
        content = b"".join(_piece(1, one) for one in inputs) + _piece(2, name) + _piece(4, operator)
        self._pieces[_NODE].append(content + b"".join(_piece(5, _attribute(*pair)) for pair in attributes.items()))
        return name

    def write(self, path: Path, opset: int = 20) -> Path:
        graph = _piece(2, "graph") + b"".join(
            _piece(field, one) for field, all_ in self._pieces.items() for one in all_
        )
        path.write_bytes(_number(1, 9) + _piece(8, _number(2, opset)) + _piece(7, graph))
        return path

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._count}"


def metadata(facts: Mapping[str, str]) -> bytes:
    """What a maker says of a model, to stand behind its graph."""
    return b"".join(_piece(_FACT, _piece(1, key) + _piece(2, value)) for key, value in facts.items())


def _attribute(name: str, value: int | float | str | Sequence[int]) -> bytes:
    if isinstance(value, int):
        return _piece(1, name) + _number(3, value) + _number(20, 2)
    if isinstance(value, float):
        return _piece(1, name) + b"\x15" + struct.pack("<f", value) + _number(20, 1)
    if isinstance(value, str):
        return _piece(1, name) + _piece(4, value) + _number(20, 3)
    return _piece(1, name) + b"".join(_number(8, each) for each in value) + _number(20, 7)


def _value(name: str, kind: str, shape: Shape) -> bytes:
    dims = b"".join(_piece(1, _piece(2, size) if isinstance(size, str) else _number(1, size)) for size in shape)
    return _piece(1, name) + _piece(2, _piece(1, _number(1, _TYPES[kind]) + _piece(2, dims)))


def _piece(field: int, content: bytes | str) -> bytes:
    raw = content.encode() if isinstance(content, str) else content
    return _varint(field << 3 | 2) + _varint(len(raw)) + raw


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value & 2**64 - 1)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])
