"""
The program: which command, in which grammar, and how every failure is shown.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from yamabiko import __version__, logs
from yamabiko.cli import doctor, engines, exits, misunderstood, models, screen, serve, streams, transcribe
from yamabiko.cli.parser import App
from yamabiko.cli.whisper_grammar import rewrite
from yamabiko.findings import Finding, Problem, Remedy, our_bug
from yamabiko.i18n import Text

app = App(
    Text(
        "Speech to text on your own machine, with proof of the device it ran on.\n\n"
        "`yamabiko FILE...` is short for `yamabiko transcribe FILE...`.",
        "自分のマシンで動く音声認識。実際に使ったデバイスを根拠つきで示します。\n\n"
        "`yamabiko ファイル...` は `yamabiko transcribe ファイル...` の省略形です。",
    ),
    name="yamabiko",
)
app.verb("transcribe", transcribe.HELP)(transcribe.command)
app.verb("doctor", doctor.HELP)(doctor.command)
app.verb("serve", serve.HELP)(serve.command)
app.add_typer(engines.app, name="engines")
app.add_typer(models.app, name="models")

VERBS = ("transcribe", "doctor", "serve", "engines", "models")
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
            "--version", callback=_version, is_eager=True, help=str(Text("Show the version", "バージョンを表示する"))
        ),
    ] = False,
) -> None:
    pass


def run() -> None:
    """The console script. Leaves with the exit codes of docs/command-line.md."""
    streams.make_safe()
    with contextlib.suppress(ValueError):  # not the main thread: an embedding program keeps its own handler
        signal.signal(signal.SIGTERM, _terminated)
    sys.exit(_guarded(lambda: _obey(sys.argv[1:])))


def _obey(typed: Sequence[str]) -> Any:
    """Raises: Problem (usage), and whatever a command raises."""
    arguments = rewrite(
        typed, VERBS, OWN_OPTIONS, transcribe.switches() | doctor.SWITCHES | engines.SWITCHES | models.SWITCHES
    )
    # A file needs no verb, so a verb with a slip of the finger would be looked for as a file.
    verb = typed[0] if typed else ""
    if (
        arguments[:1] == ["transcribe"]
        and verb != "transcribe"
        and not verb.startswith("-")
        and not os.path.lexists(verb)
    ):
        finding = misunderstood.mistyped_verb(verb, VERBS)
        if finding is not None:
            raise Problem(finding)
    return app(arguments, standalone_mode=False, prog_name="yamabiko")  # also as `python -m yamabiko`


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
        screen.say(console, Text("Stopped from outside.", "外部から停止されました。"))
        return exits.TERMINATED
    except Exception as error:
        if os.environ.get("YAMABIKO_DEBUG"):
            raise
        if isinstance(error, PermissionError) and error.filename:
            screen.show_finding(console, _no_permission(error))
            return exits.BY_AREA["output"]
        logs.event("bug", error=repr(error))
        screen.show_finding(console, _bug_shown(error))
        return 1
    return code if isinstance(code, int) else exits.OK


def _no_permission(error: PermissionError) -> Finding:
    """Of a folder that no step had reason to expect closed: results, caches, a model beside them."""
    path = os.fsdecode(error.filename)
    return Finding(
        id="permission-denied",
        severity="error",
        area="output",
        cause=Text(f"This user may not use {path}.", f"このユーザーには {path} を使う権限がありません。"),
        evidence=(f"system: {error}"[:500],),
        remedies=(
            Remedy(Text("See who may", "権限を確かめる"), f"namei -l {shlex.quote(path)}", "effort"),
            Remedy(
                Text("Keep yamabiko's own files elsewhere", "yamabiko の保存先を変える"),
                "YAMABIKO_HOME=/path/to/folder yamabiko ...",
                "effort",
            ),
        ),
    )


def _bug_shown(error: Exception) -> Finding:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}" if trace else "?"
    return our_bug(
        error,
        f"{place}: {error}"[:500],
        remedies=(
            Remedy(
                Text(
                    "Run it again with the details, which a report needs", "詳細を表示して再実行する（報告に必要です）"
                ),
                "YAMABIKO_DEBUG=1 yamabiko ...",
                "effort",
            ),
            Remedy(
                Text(
                    "Send them together with the file that this writes",
                    "次のコマンドで作られるファイルを添えて報告する",
                ),
                "yamabiko doctor --save report.json",
                "effort",
            ),
        ),
    )
