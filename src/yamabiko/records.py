"""
Dataclasses to plain JSON values and back.

A worker runs in its engine's environment, where only the standard library is
sure to be there; so the wire, the journal and the receipts use this instead of
a library. Reading is strict: a value of the wrong shape raises `Malformed`
with the path to it, because what a worker says may be nonsense.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

T = TypeVar("T")


class Malformed(ValueError):
    """A plain value does not have the shape that was promised."""


def to_plain(value: Any) -> Any:
    """A dataclass, tuple, set, path or number as values that `json` can write."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    if isinstance(value, frozenset):  # in one order, so that the same record is the same text
        return sorted((to_plain(item) for item in value), key=str)
    if isinstance(value, Path):
        return str(value)
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise TypeError(f"{type(value).__name__} has no place in a record")


def from_plain(shape: type[T], value: Any) -> T:
    """
    The `shape` that `value` describes.

    Unknown keys are ignored, so an older reader understands a newer writer;
    missing keys take the field's default. Raises: Malformed.
    """
    return typing.cast(T, _read(shape, value, shape.__name__))


@cache
def _field_types(shape: type) -> dict[str, Any]:
    return typing.get_type_hints(shape)


def _read(shape: Any, value: Any, where: str) -> Any:
    origin, arguments = get_origin(shape), get_args(shape)
    if shape is Any:
        return value
    if dataclasses.is_dataclass(shape):
        return _read_dataclass(shape, value, where)
    if origin is Literal:
        if value not in arguments:
            raise Malformed(f"{where}: {value!r:.80} is none of {arguments}")
        return value
    if origin is Union or origin is types.UnionType:
        return _read_union(arguments, value, where)
    if origin is tuple:
        return _read_tuple(arguments, value, where)
    if origin is dict:
        if not isinstance(value, dict):
            raise Malformed(f"{where}: expected an object, found {type(value).__name__}")
        return {str(key): _read(arguments[1], item, f"{where}.{key}") for key, item in value.items()}
    if shape is Path and isinstance(value, str):
        return Path(value)
    if shape is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:  # JSON's numbers have no end
            raise Malformed(f"{where}: a number too large") from None
    if shape is int and isinstance(value, bool):
        raise Malformed(f"{where}: expected a number, found {value!r}")
    if isinstance(shape, type) and isinstance(value, shape):
        return value
    raise Malformed(f"{where}: expected {getattr(shape, '__name__', shape)}, found {value!r:.80}")


def _read_dataclass(shape: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise Malformed(f"{where}: expected an object, found {type(value).__name__}")
    hints = _field_types(shape)
    given = {
        f.name: _read(hints[f.name], value[f.name], f"{where}.{f.name}")
        for f in dataclasses.fields(shape)
        if f.init and f.name in value
    }
    try:
        return shape(**given)
    except TypeError as error:  # a required field is missing
        raise Malformed(f"{where}: {error}") from None


def _read_union(arguments: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and type(None) in arguments:
        return None
    problems = []
    for option in arguments:
        if option is type(None):
            continue
        try:
            return _read(option, value, where)
        except Malformed as problem:
            problems.append(str(problem))
    raise Malformed("; ".join(problems) or f"{where}: may not be null")


def _read_tuple(arguments: tuple[Any, ...], value: Any, where: str) -> Any:
    if not isinstance(value, list | tuple):
        raise Malformed(f"{where}: expected a list, found {type(value).__name__}")
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(_read(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if len(arguments) != len(value):
        raise Malformed(f"{where}: expected {len(arguments)} items, found {len(value)}")
    return tuple(_read(kind, value[i], f"{where}[{i}]") for i, kind in enumerate(arguments))
