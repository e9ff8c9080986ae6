"""
typer, speaking the reader's language: its help pages are ours, and a mistake on the command line is a Finding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from yamabiko.cli import exits, help_page, misunderstood, screen
from yamabiko.findings import Problem
from yamabiko.i18n import Text

_Function = TypeVar("_Function", bound=Callable[..., Any])


class Command(TyperCommand):
    """One command."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.write(help_page.page(self, ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Raises: Problem (usage)."""
        given = list(args)  # the parser takes from its list what it has understood
        if finding := misunderstood.without_value(self, ctx, given):
            raise Problem(finding)
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            if misunderstood.is_mistake(error):
                raise Problem(misunderstood.explain(error, self, ctx, given)) from None
            raise

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:  # typer would end without a word
            screen.say(screen.make_console(), Text("Stopped.", "中断しました。"))
            raise typer.Exit(exits.INTERRUPTED) from None


class Group(TyperGroup):
    """Commands under one name. By itself it shows its help page, as a mistake."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.write(help_page.page(self, ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Raises: Problem (usage)."""
        if not args and not ctx.resilient_parsing:
            screen.print_result(help_page.page(self, ctx))
            raise typer.Exit(exits.USAGE)
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            if misunderstood.is_mistake(error):
                raise Problem(misunderstood.explain(error, self, ctx, given)) from None
            raise

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Raises: Problem (usage)."""
        known = self.list_commands(ctx)
        if not ctx.resilient_parsing and args[0] not in known and not args[0].startswith("-"):
            raise Problem(misunderstood.unknown_command(args[0], known, ctx.command_path))
        return super().resolve_command(ctx, args)


class App(typer.Typer):
    """A group of commands, told in both languages."""

    def __init__(self, help: Text, **how: Any) -> None:  # noqa: A002 - typer's word
        super().__init__(
            cls=Group,
            help=str(help),
            rich_markup_mode=None,
            pretty_exceptions_enable=False,
            context_settings={"help_option_names": ["-h", "--help"]},
            **how,
        )

    def verb(self, name: str, help: Text) -> Callable[[_Function], _Function]:  # noqa: A002 - typer's word
        """The decorator of a function that is the command `name`."""
        return self.command(name, cls=Command, help=str(help))
