"""
What an ONNX file tells without a library: whether it is whole, and the metadata that its maker wrote into it.

Read for this file: onnx.proto (ModelProto: graph = 7, metadata_props = 14; StringStringEntryProto: key = 1, value = 2)
and the wire format of protocol buffers. Pure, for adapters: some libraries end their process over a file like this.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

from yamabiko.engines.contract import ModelUnreadable

_GRAPH, _METADATA = 7, 14
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def metadata(path: Path) -> dict[str, str]:
    """
    Keys and values as the maker wrote them; the graph is passed over, not read.

    Raises: ModelUnreadable, for a file that is cut off or no ONNX model; OSError.
    """
    found: dict[str, str] = {}
    graph = False
    size = path.stat().st_size
    with path.open("rb") as file:
        try:
            while (begin := file.tell()) < size:
                field, kind = divmod(_number(file), 8)
                length = _length(file, kind)
                if begin == 0 and not 1 <= field <= 25:
                    raise _Nonsense
                if file.tell() + length > size:
                    raise ModelUnreadable(
                        f"{path} is cut off: {size} bytes of at least {file.tell() + length} are there"
                    )
                if field == _METADATA and kind == _BYTES:
                    entry = _strings(file.read(length))
                    found[entry.get(1, "")] = entry.get(2, "")
                else:
                    graph = graph or field == _GRAPH
                    file.seek(length, os.SEEK_CUR)
        except _Nonsense:
            raise ModelUnreadable(f"{path} is no ONNX model, or it is damaged") from None
    if not graph:
        raise ModelUnreadable(f"{path} is no ONNX model: it has no graph in its {size} bytes")
    return found


class _Nonsense(Exception):
    pass


def _number(file: IO[bytes]) -> int:
    value = shift = 0
    while (read := file.read(1)) and shift < 64:
        value |= (read[0] & 0x7F) << shift
        shift += 7
        if read[0] < 0x80:
            return value
    raise _Nonsense


def _length(file: IO[bytes], kind: int) -> int:
    """Bytes from here to the end of this field."""
    if kind == _VARINT:
        _number(file)
        return 0
    if kind == _BYTES:
        return _number(file)
    if kind in (_FIXED64, _FIXED32):
        return 8 if kind == _FIXED64 else 4
    raise _Nonsense


def _strings(content: bytes) -> dict[int, str]:
    """The strings of a small message, by the numbers of their fields."""
    from io import BytesIO

    found: dict[int, str] = {}
    file = BytesIO(content)
    while file.tell() < len(content):
        field, kind = divmod(_number(file), 8)
        part = file.read(_length(file, kind))
        found[field] = part.decode("utf-8", "replace")
    return found
