"""The program: which command, in which grammar."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from yamabiko import __version__
from yamabiko.cli import config, doctor, engines, misunderstood, models, screen, serve, transcribe
from yamabiko.cli.leaving import guarded
from yamabiko.cli.parser import App
from yamabiko.cli.whisper_grammar import rewrite
from yamabiko.findings import Problem
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
app.add_typer(config.app, name="config")

VERBS = ("transcribe", "doctor", "serve", "engines", "models", "config")
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
    sys.exit(guarded(lambda: _obey(sys.argv[1:])))


def _obey(typed: Sequence[str]) -> Any:
    """Raises: Problem (usage), and whatever a command raises."""
    arguments = rewrite(
        typed,
        VERBS,
        OWN_OPTIONS,
        transcribe.switches() | doctor.SWITCHES | engines.SWITCHES | models.SWITCHES | config.SWITCHES,
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
