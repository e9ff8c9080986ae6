"""
The tensors of a file that `torch.save` wrote, read without PyTorch and without running what it holds.

A pickle can call anything. Here it may call three names, which only build
tensors of plain numbers; every other name is an error.
"""

from __future__ import annotations

import collections
import pickle
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
from numpy.typing import NDArray

Tensor = NDArray[Any]

_NUMBERS = {"FloatStorage": "<f4", "LongStorage": "<i8"}
_LARGEST = 512 * 1024 * 1024
"""Bytes that one entry of the file may hold unpacked: ten times the largest that is known."""


class NotTensors(ValueError):
    """The file is damaged, or holds something other than tensors."""


@dataclass(frozen=True, slots=True)
class _Numbers:
    """A storage type of PyTorch, by its name in the file."""

    dtype: str


def read(path: Path) -> Any:
    """
    What was saved, with an array in place of each tensor.

    Raises: NotTensors; OSError.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            index = next((name for name in names if name.endswith("/data.pkl")), None)
            if index is None:
                raise NotTensors(f"{path.name} holds no data.pkl: not a file of torch.save")
            with archive.open(index) as stream:
                return _Reader(stream, archive, index.removesuffix("data.pkl")).load()
    except NotTensors:
        raise
    except (zipfile.BadZipFile, pickle.UnpicklingError, EOFError, KeyError, ValueError, TypeError) as error:
        raise NotTensors(f"{path.name} cannot be read: {error}") from error


class _Reader(pickle.Unpickler):
    def __init__(self, stream: Any, archive: zipfile.ZipFile, prefix: str) -> None:
        super().__init__(stream)
        self._archive = archive
        self._prefix = prefix

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if module == "torch" and name in _NUMBERS:
            return _Numbers(_NUMBERS[name])
        raise NotTensors(f"the file wants to call {module}.{name}; a file of tensors does not")

    def persistent_load(self, pid: Any) -> Tensor:
        kind, numbers, key, _, count = pid
        if kind != "storage" or not isinstance(numbers, _Numbers):
            raise NotTensors(f"the file refers to {kind!r}, which is no storage of numbers")
        entry = self._archive.getinfo(f"{self._prefix}data/{key}")
        if entry.file_size > _LARGEST:
            raise NotTensors(f"{entry.filename} holds {entry.file_size} bytes")
        found = numpy.frombuffer(self._archive.read(entry), numbers.dtype)
        if found.size != count:
            raise NotTensors(f"{entry.filename} holds {found.size} numbers, not {count}")
        return found


def _tensor(numbers: Tensor, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any) -> Tensor:
    """A contiguous tensor; what networks save is nothing else."""
    size = int(numpy.prod(shape, dtype=numpy.int64))
    if offset < 0 or offset + size > numbers.size:
        raise NotTensors(f"a tensor of {size} numbers from {offset} on leaves its storage of {numbers.size}")
    if size and tuple(strides) != _contiguous(shape):
        raise NotTensors(f"a tensor of shape {shape} has strides {strides}")
    return numbers[offset : offset + size].reshape(shape)


def _contiguous(shape: tuple[int, ...]) -> tuple[int, ...]:
    strides, step = [], 1
    for length in reversed(shape):
        strides.append(step)
        step *= length
    return tuple(reversed(strides))
