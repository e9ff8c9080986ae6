"""
What a command takes, as its help page and the explanation of a mistake both tell it.

Read from the parser's objects by the few names that typer keeps from release to
release, and from the signature of the command: what one release calls a range
of integers, another calls a number with a bound.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import EllipsisType
from typing import Any, get_args

from yamabiko.i18n import Text

_TYPERS_OWN = {
    "help": Text("Show this page", "この説明を表示する"),
    "install_completion": Text("Set up completion for this shell", "今使っているシェルに補完を設定する"),
    "show_completion": Text(
        "Print the completion script for this shell", "今使っているシェルの補完スクリプトを表示する"
    ),
}
"""Options that typer adds, with help in English alone."""

_METAVARS = {
    int: Text("INTEGER", "整数"),
    float: Text("NUMBER", "数値"),
    Path: Text("PATH", "パス"),
    str: Text("TEXT", "文字列"),
}
_VALUES = {
    int: Text("a whole number", "整数"),
    float: Text("a number", "数値"),
    Path: Text("a path", "パス"),
    str: Text("a value", "値"),
}


@dataclass(frozen=True, slots=True)
class Number:
    """What reads a number: inside its limits, and so never `nan`."""

    kind: type[int] | type[float]
    low: float
    high: float
    none: float | EllipsisType | None = ...
    """What Whisper's word `None` stands for, where Whisper takes it."""

    def __call__(self, typed: str | float) -> float | None:
        """Raises: ValueError."""
        if not isinstance(self.none, EllipsisType) and str(typed).strip().lower() == "none":
            return self.none
        number = self.kind(typed)
        if not self.low <= number <= self.high:
            raise ValueError(f"{number} is not from {self.low} to {self.high}")
        return number


@dataclass(frozen=True, slots=True)
class Parameter:
    """An option, a switch or an argument."""

    names: tuple[str, ...]
    """As typed, `-m` and `--model`; none for an argument."""
    off_names: tuple[str, ...]
    """What turns a switch off."""
    metavar: str
    """What stands for its value; empty for a switch."""
    kind: type
    low: float | None
    high: float | None
    required: bool
    many: bool
    help: str
    default: str
    """As shown to people; empty where there is nothing to show."""
    group: str
    """The heading that it stands under; empty: the usual one."""

    @property
    def is_option(self) -> bool:
        return bool(self.names)

    @property
    def is_switch(self) -> bool:
        return self.kind is bool

    @property
    def label(self) -> str:
        """Its one name in a sentence: `--model`, or `FILES` for an argument."""
        return next((name for name in self.names if name.startswith("--")), (*self.names, self.metavar)[0])

    @property
    def range(self) -> Text | None:
        """The bounds of a number: `1 or more`."""
        if self.low is not None and self.high is not None:
            return Text(f"{self.low:g} to {self.high:g}", f"{self.low:g}〜{self.high:g}")
        if self.low is not None:
            return Text(f"{self.low:g} or more", f"{self.low:g}以上")
        return Text(f"{self.high:g} or less", f"{self.high:g}以下") if self.high is not None else None

    @property
    def value(self) -> Text:
        """What it takes: `a number from 0 to 1`, and a path or a text under the name that the help gives it."""
        what = _VALUES.get(self.kind, _VALUES[str])
        if self.kind not in (int, float) and self.metavar not in (str(one) for one in _METAVARS.values()):
            what = Text(f"a value ({self.metavar})", f"値（{self.metavar}）")
        bounds = self.range
        if bounds is None:
            return what
        between = " from " if self.low is not None and self.high is not None else ", "
        return Text(f"{what.en}{between}{bounds.en}", f"{bounds.ja}の{what.ja}")


def of(command: Any, context: Any) -> list[Parameter]:
    """Everything that `command`, a command of typer's, takes and does not hide; `context`: its context."""
    told = declared(command)
    return [parameter(one, told) for one in command.get_params(context) if not getattr(one, "hidden", False)]


def declared(command: Any) -> dict[str, tuple[type, Any]]:
    """The types of a command's parameters, and what `typer.Option` was told about each."""
    found: dict[str, tuple[type, Any]] = {}
    if command.callback is None:
        return found
    for name, one in inspect.signature(command.callback, eval_str=True).parameters.items():
        kind, *told = get_args(one.annotation) or (one.annotation, None)
        plain = [part for part in (kind, *get_args(kind)) if part in (bool, *_METAVARS)]
        found[name] = (plain[0] if plain else str, told[0] if told else None)
    return found


def parameter(one: Any, told: Mapping[str, tuple[type, Any]]) -> Parameter:
    """`one`: typer's object. `told`: what `declared` says of its command."""
    kind, info = told.get(one.name, (bool if getattr(one, "is_flag", False) else str, None))
    is_argument = one.param_type_name == "argument"
    return Parameter(
        names=() if is_argument else tuple(sorted(one.opts, key=len)),  # typer keeps those of --help in a set
        off_names=() if is_argument else tuple(one.secondary_opts),
        metavar="" if kind is bool else one.metavar or str(_METAVARS.get(kind, _METAVARS[str])),
        kind=kind,
        low=getattr(info, "min", None),
        high=getattr(info, "max", None),
        required=bool(one.required),
        many=one.nargs == -1,
        help=str(_TYPERS_OWN.get(one.name, one.help or "")),
        default=_default(one),
        group=getattr(one, "rich_help_panel", None) or "",
    )


def _default(one: Any) -> str:
    shown = getattr(one, "show_default", False)
    if isinstance(shown, str):
        return shown
    if not shown or one.required or one.default is None or callable(one.default):
        return ""
    if isinstance(one.default, bool):
        return str(Text("on", "オン") if one.default else Text("off", "オフ")) if one.secondary_opts else ""
    return f"{one.default:g}" if isinstance(one.default, float) else str(one.default)
