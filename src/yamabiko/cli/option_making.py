"""One option of a command, with its help in the language of whoever reads it."""

from __future__ import annotations

from typing import Any

import typer

from yamabiko.cli.parameters import Number
from yamabiko.i18n import Text


def option(
    en: str, ja: str, *names: str, metavar: Text | None = None, group: Text | None = None, **how: Any
) -> Any:  # fmt: skip
    return typer.Option(
        *names,
        help=str(Text(en, ja)),
        metavar=str(metavar) if metavar else None,
        rich_help_panel=str(group) if group else None,
        **how,
    )


def number(number: Number, en: str, ja: str, *names: str, **how: Any) -> Any:
    return option(en, ja, *names, min=number.low, max=number.high, parser=number, **how)


def switch(name: str, en: str, ja: str, group: Text | None = None) -> Any:
    return option(en, ja, f"--{name}/--no-{name}", group=group)
