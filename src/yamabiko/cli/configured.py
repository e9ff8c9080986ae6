"""Settings as a command meets them: what is wrong is shown, all of it, and a mistake ends the command."""

from __future__ import annotations

import os
from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import typer

from yamabiko import settings
from yamabiko.cli import exits, screen
from yamabiko.findings import Finding
from yamabiko.i18n import Text

if TYPE_CHECKING:
    from yamabiko.configuration.settle import Settled


def settled(named: str | None = None) -> Settled:
    """
    What is set for the server. The limits hold for this process from now on.

    Raises: typer.Exit, with what is wrong on the screen; warnings are left to the caller. Problem (setting-invalid).
    """
    from yamabiko.configuration import settle

    before = settings.current()
    found = settle.settle(os.environ, before, named)
    if found.errors:
        show(found.findings)
        raise typer.Exit(exits.USAGE)
    settings.adopt(found.settings(before))
    return found


def show(findings: Sequence[Finding]) -> None:
    console = screen.make_console()
    for finding in findings:
        screen.show_finding(console, finding)


def write_first(found: Settled) -> Text | Finding | None:
    """The commented file, where there is none. What is to be said of it: that it is there, or why it is not."""
    if found.exists:
        return None
    from yamabiko.configuration import file, page, told

    try:
        if not file.write_new(found.path, page.config()):
            return None
    except OSError as error:
        return told.not_written(found.path, str(error))
    return Text(
        f"Wrote {found.path}: every setting with its default.",
        f"設定ファイル {found.path} を作成しました。すべての設定と既定値が書かれています。",
    )


def for_transcribe(typed: SimpleNamespace, context: Any) -> SimpleNamespace:
    """
    The options of `transcribe`, with the settings in the place of what was not typed.

    A setting never contradicts an option: `--require-gpu` and `--fp16` go before the device and the precision that are set,
    and a model before an engine that it was not meant for. Raises: as `settled`.
    """
    from yamabiko.configuration.table import SETTINGS

    found = settled()
    show(found.findings)
    values = dict(vars(typed))
    options = {one.name: one.key for one in SETTINGS if one.for_transcribe and not one.of_settings}
    free = {name for name in options if context.get_parameter_source(name).name == "DEFAULT"}
    if typed.require_gpu and found.value("whisper.device") == "cpu":
        free -= {"device"}
    if typed.fp16 is not None:
        free -= {"compute_type"}
    values |= {name: found.value(options[name]) for name in free - {"model"} if found.is_said(options[name])}
    if "model" in free:
        values["model"] = found.model(values["engine"])
    return SimpleNamespace(**values)
