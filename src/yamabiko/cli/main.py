"""
The program: which command, in which grammar, and how every failure is shown.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from typing import Annotated, Any, Protocol, runtime_checkable

import typer

from yamabiko import __version__, logs
from yamabiko.cli import engines, exits, models, screen, transcribe
from yamabiko.cli.whisper_grammar import rewrite
from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.i18n import Text

app = typer.Typer(
    name="yamabiko",
    help=str(
        Text(
            "Speech to text on your own machine, with proof of the device it ran on.\n\n"
            "`yamabiko FILE...` is short for `yamabiko transcribe FILE...`.",
            "自分のマシンで動く音声認識。実際に使ったデバイスを根拠つきで示します。\n\n"
            "`yamabiko ファイル...` は `yamabiko transcribe ファイル...` の省略形です。",
        )
    ),
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("transcribe", help=str(transcribe.HELP))(transcribe.command)
app.add_typer(engines.app, name="engines")
app.add_typer(models.app, name="models")

VERBS = ("transcribe", "engines", "models")
OWN_OPTIONS = ("-h", "--help", "--version", "--install-completion", "--show-completion")


def _version(wanted: bool) -> None:
    if wanted:
        screen.print_result(f"yamabiko {__version__}\n")
        raise typer.Exit


@app.callback()
def program(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help=str(Text("Show the version", "バージョンを表示"))
        ),
    ] = False,
) -> None:
    pass


def run() -> None:
    """The console script. Leaves with the exit codes of docs/command-line.md."""
    arguments = rewrite(sys.argv[1:], VERBS, OWN_OPTIONS, transcribe.switches() | engines.SWITCHES | models.SWITCHES)
    with contextlib.suppress(ValueError):  # not the main thread: an embedding program keeps its own handler
        signal.signal(signal.SIGTERM, _terminated)
    # The parser's own words for a mistake are English alone; here it is a Finding like any other.
    sys.exit(_guarded(lambda: app(arguments, standalone_mode=False)))


class _Terminated(BaseException):
    """SIGTERM, turned into an exception, so that workers and temporary files are cleaned up."""


def _terminated(*_: object) -> None:
    raise _Terminated


def _guarded(work: Callable[[], Any]) -> int:
    """Run; whatever ends it is shown as a Finding. A traceback is for `YAMABIKO_DEBUG` alone."""
    console = screen.make_console()
    try:
        code = work()  # what a command left with, by typer.Exit
    except Problem as problem:
        screen.show_finding(console, problem.finding)
        return exits.BY_AREA[problem.finding.area]
    except KeyboardInterrupt:
        screen.say(console, Text("Stopped.", "中断しました。"))
        return exits.INTERRUPTED
    except _Terminated:
        return exits.TERMINATED
    except BrokenPipeError:
        return exits.OK
    except Exception as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            screen.print_result(f"{error.format_message()}\n")  # type: ignore[attr-defined]
            return exits.USAGE
        if isinstance(error, Misunderstood):
            screen.show_finding(console, _misunderstood(error))
            return exits.USAGE
        if os.environ.get("YAMABIKO_DEBUG"):
            raise
        logs.event("bug", error=repr(error))
        screen.show_finding(console, _our_bug(error))
        return 1
    return code if isinstance(code, int) else exits.OK


@runtime_checkable
class Misunderstood(Protocol):
    """What the parser raises; typer carries its own copy of click, whose names are not public."""

    def format_message(self) -> str: ...


def _misunderstood(error: Misunderstood) -> Finding:
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "yamabiko"
    return Finding(
        id="usage",
        severity="error",
        area="usage",
        cause=Text("The command line was not understood.", "コマンドの指定を解釈できませんでした。"),
        evidence=(error.format_message().replace("\n", " "),),
        remedies=(Remedy(Text("See the options", "オプションを見る"), f"{command} --help"),),
    )


def _our_bug(error: Exception) -> Finding:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}" if trace else "?"
    return Finding(
        id="yamabiko-bug",
        severity="error",
        area="worker",
        cause=Text(
            f"yamabiko itself failed ({type(error).__name__}). This is our mistake, not yours.",
            f"yamabiko 自体の不具合です（{type(error).__name__}）。操作の誤りではありません。",
        ),
        evidence=(f"{place}: {error}"[:500],),
        remedies=(
            Remedy(
                Text("Run it again with the details and report them", "詳細を表示して再実行し、報告する"),
                "YAMABIKO_DEBUG=1 yamabiko ...",
                "effort",
            ),
        ),
    )
