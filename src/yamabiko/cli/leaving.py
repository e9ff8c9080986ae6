"""
How a command leaves: whatever ends it is shown as a Finding, and its exit code says of what kind it is.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
from collections.abc import Callable
from typing import Any

from yamabiko import logs, own_libraries
from yamabiko.cli import exits, screen, streams
from yamabiko.findings import Finding, Problem, Remedy, our_bug
from yamabiko.i18n import Text


def guarded(work: Callable[[], Any]) -> int:
    """
    The exit code of a whole command.

    From here on SIGTERM is an exception and a closed stream bears its failures, also in what `work` starts.
    """
    streams.make_safe()
    with contextlib.suppress(ValueError):  # not the main thread: an embedding program keeps its own handler
        signal.signal(signal.SIGTERM, _terminated)
    return _told(work)


class _Terminated(BaseException):
    """SIGTERM, turned into an exception, so that workers and temporary files are cleaned up."""


def _terminated(*_: object) -> None:
    raise _Terminated


def _told(work: Callable[[], Any]) -> int:
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
        finding = unexpected(error)
        screen.show_finding(console, finding)
        return 1 if finding.id == "yamabiko-bug" else exits.BY_AREA[finding.area]
    return code if isinstance(code, int) else exits.OK


def unexpected(error: Exception) -> Finding:
    """What nobody caught, as a record."""
    if isinstance(error, PermissionError) and error.filename:
        return _no_permission(error)
    if (broken := own_libraries.explain(error)) is not None:
        logs.event("own-libraries-broken", error=repr(error)[:500])
        return broken
    logs.event("bug", error=repr(error))
    return _bug_shown(error)


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
