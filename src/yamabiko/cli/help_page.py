"""
The page that `--help` shows, in the reader's language, with lines that full-width text fits in.

typer's own page has its headings and defaults in English alone, and counts a
full-width character as one column.
"""

from __future__ import annotations

import re
import shutil
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

from yamabiko.cli import parameters
from yamabiko.cli.parameters import Parameter
from yamabiko.i18n import Text

_WIDEST, _NARROWEST = 100, 50
_FIRST_COLUMN = 34
"""Wider names stand on a line of their own."""

_OPENING, _CLOSING = "「『（［【“‘", "、。，．・：；？！」』）］】”’ー々〜ぁぃぅぇぉっゃゅょァィゥェォッャュョ"
_PIECE = re.compile(rf"\s+|[{_OPENING}]*[^\s\u2e80-\uffef]+[{_CLOSING}]*|[{_OPENING}]*[^\s][{_CLOSING}]*")
"""What stays on one line: a word, or one character with the punctuation that may not leave it."""

Rows = Sequence[tuple[str, str, str]]
"""Name, what it is for, and notes in brackets."""


def page(command: Any, context: Any) -> str:
    """The help page of one of typer's commands, ending in a line feed."""
    width = max(_NARROWEST, min(_WIDEST, shutil.get_terminal_size((_WIDEST, 24)).columns) - 1)
    taken = parameters.of(command, context)
    arguments = [one for one in taken if not one.is_option]
    lines = [*_usage(context.command_path, arguments, _is_group(command), width), ""]
    for paragraph in (command.help or "").split("\n\n"):
        lines += [*(f"  {line}" for line in wrapped(" ".join(paragraph.split()), width - 2)), ""]
    if arguments:
        lines += _section(Text("Arguments", "引数"), [_row(one) for one in arguments], width)
    groups = dict.fromkeys(one.group for one in taken if one.is_option)
    for group in sorted(groups, key=bool):  # the usual heading first
        rows = [_row(one) for one in taken if one.is_option and one.group == group]
        lines += _section(Text(group, group) if group else Text("Options", "オプション"), rows, width)
    if _is_group(command):
        commands = [command.get_command(context, name) for name in command.list_commands(context)]
        rows = [(one.name, " ".join((one.help or "").split()), "") for one in commands if not one.hidden]
        lines += _section(Text("Commands", "コマンド"), rows, width)
    return "\n".join(lines).rstrip("\n") + "\n"


def _is_group(command: Any) -> bool:
    return hasattr(command, "list_commands")


def _usage(path: str, arguments: Sequence[Parameter], is_group: bool, width: int) -> Iterator[str]:
    words = [path, str(Text("[OPTIONS]", "[オプション]"))]
    words += [f"{one.metavar if one.required else f'[{one.metavar}]'}{'...' if one.many else ''}" for one in arguments]
    if is_group:
        words.append(str(Text("COMMAND ...", "コマンド ...")))
    first, *rest = wrapped(f"{Text('Usage', '使い方')}: {' '.join(words)}", width)
    yield first
    yield from (f"    {line}" for line in rest)


def _row(one: Parameter) -> tuple[str, str, str]:
    value = f" {one.metavar}" if one.metavar else ""
    if not one.is_option:
        name = f"{one.metavar}{'...' if one.many else ''}"
    else:
        name = " / ".join(part for part in (", ".join(one.names) + value, ", ".join(one.off_names)) if part)
    notes = [
        *([f"{Text('default', '既定')}: {one.default}"] if one.default else []),
        *([str(one.range)] if one.range else []),
        *([str(Text("required", "必須"))] if one.required else []),
    ]
    return name, one.help, f"[{str(Text('; ', '、')).join(notes)}]" if notes else ""


def _section(heading: Text, rows: Rows, width: int) -> Iterator[str]:
    yield f"{heading}:"
    first = min(max(_width(name) for name, _, _ in rows), _FIRST_COLUMN) + 2
    for name, words, notes in rows:
        lines = _lines(words, notes, width - first - 2)
        if _width(name) + 2 > first:
            yield f"  {name}"
        else:
            yield f"  {name}{' ' * (first - _width(name))}{lines.pop(0)}".rstrip()
        yield from (f"  {' ' * first}{line}" for line in lines)
    yield ""


def _lines(words: str, notes: str, width: int) -> list[str]:
    """The notes stand together: behind the words, or else below them."""
    lines = wrapped(words, width) or [""]
    if notes and _width(f"{lines[-1]}  {notes}") <= width:
        return [*lines[:-1], f"{lines[-1]}  {notes}".strip()]
    return lines + wrapped(notes, width)


def wrapped(text: str, width: int) -> list[str]:
    """Lines of at most `width` columns, broken at spaces and between full-width characters; a longer word stays whole."""
    lines: list[str] = []
    line = ""
    for piece in _PIECE.findall(text):
        if line and _width(line + piece.rstrip()) > width:
            lines.append(line.rstrip())
            line = ""
        line += piece if line else piece.lstrip()
    return [*lines, line.rstrip()] if line.strip() else lines


def _width(text: str) -> int:
    """Columns of our own sentences. `formats.text` knows marks and emoji too, and takes a fifth of the help's time to load."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
