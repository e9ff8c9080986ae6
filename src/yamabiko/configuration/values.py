"""A value as it was written, held against its setting. Raises Problem (config-value-wrong) with the place. Pure."""

from __future__ import annotations

import os
import re
from pathlib import Path

from yamabiko.configuration import told
from yamabiko.configuration.table import Kind, Setting, Value
from yamabiko.findings import Problem, Remedy
from yamabiko.i18n import Text

_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")
KINDS: dict[Kind, Text] = {
    "text": Text("it is a text in quotes", "引用符で囲んだ文字列を指定します"),
    "texts": Text('it is a list of texts, as ["a", "b"]', '["a", "b"] のような文字列の一覧を指定します'),
    "whole": Text("it is a whole number, without quotes", "引用符なしの整数を指定します"),
    "number": Text("it is a number, without quotes", "引用符なしの数値を指定します"),
    "switch": Text("it is true or false, without quotes", "引用符なしの true か false を指定します"),
}  # fmt: skip


def from_file(setting: Setting, key: str, value: object, where: str, folder: Path) -> Value:
    """`key`: as written, which may be the setting's other name. `folder`: where a path begins. Raises: Problem."""
    place = f"file: {where}"
    name = key.rpartition(".")[2]
    if name == "enable_gpu":
        if isinstance(value, bool):
            return "auto" if value else "cpu"
        raise Problem(told.wrong(place, key, KINDS["switch"], _shown(value)))
    if (found := of_kind(setting.kind, value)) is None:
        raise Problem(told.wrong(place, key, KINDS[setting.kind], _shown(value), _meant(setting, name, value)))
    if name == "model_path":
        found = _path(str(found), folder)
    return _checked(setting, key, found, place)


def from_variable(setting: Setting, variable: str, given: str, factor: float = 1) -> Value:
    """`factor`: the variable's unit is so many times smaller than the setting's. Raises: Problem."""
    place = f"environment: {variable}"
    text = given.strip()
    found: Value | None
    if setting.kind == "switch":
        found = True if text.lower() in _TRUE else False if text.lower() in _FALSE else None
    elif setting.kind == "texts":
        found = tuple(word for part in text.split(",") if (word := part.strip()))
    elif setting.kind == "text":
        found = text
    else:
        found = _number(setting, text, factor)
    if found is None:
        raise Problem(told.wrong(place, variable, KINDS[setting.kind], text))
    return _checked(setting, variable, found, place)


def from_flag(setting: Setting, value: Value) -> Value:
    """Of the right kind already. Raises: Problem."""
    return _checked(setting, setting.flag, value, f"option: {setting.flag}")


def _number(setting: Setting, text: str, factor: float) -> Value | None:
    try:
        number = float(text)
    except ValueError:
        return None
    if not abs(number) < float("inf"):  # nan is not either
        return None
    exact = number / factor
    if setting.kind == "whole" and exact == int(exact):
        return int(exact)
    return exact if setting.kind == "number" or factor != 1 else None


def of_kind(kind: Kind, value: object) -> Value | None:
    """None where it is of another. A switch is no number, whatever Python says."""
    if kind == "switch":
        return value if isinstance(value, bool) else None
    if kind == "text":
        return value if isinstance(value, str) else None
    if kind == "texts":
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            return None
        return tuple(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if kind == "whole":
        return value if isinstance(value, int) else None
    return value


def _checked(setting: Setting, name: str, value: Value, place: str) -> Value:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if not setting.low <= value <= setting.high:
            raise Problem(told.wrong(place, name, bounds(setting.low, setting.high), value))
        return value
    for one in (value,) if isinstance(value, str) else value if isinstance(value, tuple) else ():
        rule = setting.shape(one) if setting.shape else None
        if rule is not None:
            raise Problem(told.wrong(place, name, rule, one))
    return value


def bounds(low: float, high: float) -> Text:
    return Text(f"it is from {low:,.15g} to {high:,.15g}", f"{low:,.15g}〜{high:,.15g} の範囲で指定します")


def _path(given: str, folder: Path) -> str:
    """Where a `model_path` leads: from the settings file's folder on, unless it is whole. A bare name stays one."""
    expanded = os.path.expanduser(given)
    if os.path.isabs(expanded) or not (re.search(r"[\\/]", given) or (folder / given).exists()):
        return expanded
    return str(folder / expanded)


def _shown(value: object) -> object:
    return (
        value
        if isinstance(value, (str, int, float, bool, list)) and len(str(value)) < 200
        else str(type(value).__name__)
    )


def _meant(setting: Setting, name: str, value: object) -> Remedy | None:
    """`port = "8080"` is meant as `port = 8080`, and `allow_hosts = "a"` as `["a"]`."""
    if setting.kind == "texts" and isinstance(value, str) and not (setting.shape and setting.shape(value)):
        return Remedy(Text("A list has brackets", "一覧は角括弧で囲む"), f'{name} = ["{value}"]')
    if isinstance(value, str) and setting.kind in ("whole", "number", "switch"):
        try:
            meant = from_variable(setting, setting.variable, value)
        except Problem:
            return None
        written = str(meant).lower() if isinstance(meant, bool) else str(meant)
        return Remedy(Text("Leave the quotes out", "引用符を外す"), f"{name} = {written}")
    return None
