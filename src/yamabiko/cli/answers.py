"""Results on standard output: tables, lines with a mark, JSON. Nothing but the result is written there."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator, Sequence

import typer

from yamabiko.cli import exits, screen
from yamabiko.findings import Problem
from yamabiko.i18n import Text
from yamabiko.records import to_plain

Json = typer.Option("--json/--no-json", help=str(Text("Print records as JSON", "結果をJSONで表示する")))


def show_table(headers: Sequence[Text], rows: Sequence[Sequence[str]], name_columns: int = 1) -> None:
    """
    Plain columns where no terminal reads; rich draws them on one, and folds anything but names.

    The last column holds notes. On a terminal too narrow for them they follow
    the table, each with the `name_columns` first cells of its row.
    """
    kept = [n for n in range(len(headers)) if any(row[n] for row in rows)]
    titles, cells = [str(headers[n]) for n in kept], [[row[n] for n in kept] for row in rows]
    if not sys.stdout.isatty():
        screen.print_result(aligned([titles, *cells]))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text as Styled

    console = Console(highlight=False)
    noted = kept[-1] == len(headers) - 1
    below = noted and max(map(_width, aligned([titles, *cells]).splitlines())) > console.width
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for number, title in enumerate(titles[:-1] if below else titles):
        table.add_column(title, overflow="fold", no_wrap=number < name_columns)
    for row in cells:
        table.add_row(*map(Styled, row[:-1] if below else row))
    console.print(table)
    for row in cells:
        if below and row[-1]:
            console.print(Styled(f"{' '.join(row[:name_columns])}: {row[-1]}"))


def _width(text: str) -> int:
    from yamabiko.formats.text import display_width

    return display_width(text)


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Columns by display width, two spaces apart; no line ends in spaces."""
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    return "".join(f"{line}\n" for line in lines)


def mark(ok: bool) -> str:
    """✓ or ✗; in letters where standard output cannot say them."""
    shown = "✓" if ok else "✗"
    try:
        shown.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return "ok    " if ok else "FAILED"
    return shown


def print_json(value: object) -> None:
    screen.print_result(json.dumps(to_plain(value), ensure_ascii=False, indent=2) + "\n")


@contextlib.contextmanager
def json_problems(wanted: bool) -> Iterator[None]:
    """Where JSON was asked for, a Problem is JSON on standard output too: `{"finding": ...}`."""
    try:
        yield
    except Problem as problem:
        if not wanted:
            raise
        print_json({"finding": problem.finding})
        raise typer.Exit(exits.BY_AREA[problem.finding.area]) from None
