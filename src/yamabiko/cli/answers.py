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


def show_table(headers: Sequence[Text], rows: Sequence[Sequence[str]]) -> None:
    """Drawn by rich on a terminal, which folds what does not fit; plain columns otherwise."""
    if not sys.stdout.isatty():
        screen.print_result(aligned([[str(header) for header in headers], *rows]))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text as Styled

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for header in headers:
        table.add_column(str(header), overflow="fold")
    for row in rows:
        table.add_row(*map(Styled, row))
    Console(highlight=False).print(table)


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Columns by display width, two spaces apart; no line ends in spaces."""
    from yamabiko.formats.text import display_width

    widths = [max(map(display_width, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell + " " * (width - display_width(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
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
