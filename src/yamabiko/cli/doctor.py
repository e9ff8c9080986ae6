"""`yamabiko doctor`: what is wrong here, why, and the cheapest way out. Exit 0: well, 1: not, 2: could not finish."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from yamabiko import own_libraries, settings
from yamabiko.cli import answers, doctor_explain, doctor_files, doctor_options, fixing, leaving, screen
from yamabiko.findings import Finding, Problem, Remedy, Severity
from yamabiko.i18n import Text

if TYPE_CHECKING:
    from rich.console import Console

    from yamabiko.diagnosis.checkup import Checkup
    from yamabiko.diagnosis.facts.records import Facts
    from yamabiko.diagnosis.report import Mark

WELL, WRONG, UNFINISHED = 0, 1, 2
COLUMNS = 100
"""No line is wider but commands, which are copied; less on a narrow terminal."""

HELP = Text(
    "Find out what is wrong on this machine, why, and the cheapest way out.",
    "このマシンの問題と本当の原因を調べ、負担の少ない順に対処を示します。",
)
SWITCHES = frozenset({"--json", "--quick", "--verbose", "--fix", "--undo", "--yes"})

_FILE = str(Text("FILE", "ファイル"))

Engine = Annotated[
    list[str] | None,
    typer.Option(
        "--engine", metavar=str(Text("NAME", "名前")), help=str(Text("This engine alone", "このエンジンだけを調べる")),
        show_default=False,
    ),
]  # fmt: skip
Quick = Annotated[
    bool,
    typer.Option(
        "--quick/--no-quick", help=str(Text("Look at files alone, try nothing", "ファイルだけを見て、実際には試さない"))
    ),
]
Save = Annotated[
    list[Path] | None,
    typer.Option(
        "--save", metavar=_FILE, show_default=False,
        help=str(
            Text(
                "Write facts and findings to a file, without names, home paths or tokens",
                "調べた内容をファイルに保存する（個人名、ホームの場所、トークンは除く）",
            )
        ),
    ),
]  # fmt: skip
FactsFile = Annotated[
    list[Path] | None,
    typer.Option(
        "--facts", metavar=_FILE, show_default=False,
        help=str(Text("Look at saved facts instead of this machine", "このマシンの代わりに、保存された内容を調べる")),
    ),
]  # fmt: skip
Log = Annotated[
    list[Path] | None,
    typer.Option(
        "--log", metavar=_FILE, show_default=False,
        help=str(Text("Explain the errors in a log; - reads standard input", "ログのエラーを説明する。- なら標準入力を読む")),
    ),
]  # fmt: skip
Environments = Annotated[
    list[Path] | None,
    typer.Option(
        "--environment", metavar=str(Text("FOLDER", "フォルダー")), show_default=False,
        help=str(Text("Look at this Python environment too; may be repeated", "このPython環境も調べる（複数可）")),
    ),
]  # fmt: skip
Explain = Annotated[
    list[str] | None,
    typer.Option(
        "--explain", metavar=str(Text("ID", "ID")), show_default=False,
        help=str(Text("Show what is known of one finding", "指摘ひとつについて、分かっていることを表示する")),
    ),
]  # fmt: skip
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose/--no-verbose", help=str(Text("Say what could not be seen", "確認できなかったことも表示する"))
    ),
]


Fix = Annotated[
    bool,
    typer.Option(
        "--fix/--no-fix",
        help=str(
            Text(
                "Show what yamabiko can mend by itself, ask, try it, keep only what helps",
                "yamabiko 自身で直せることを示し、確認のうえ試し、効いたものだけを残す",
            )
        ),
    ),
]
Undo = Annotated[
    bool,
    typer.Option(
        "--undo/--no-undo", help=str(Text("Take back everything that --fix kept", "--fix で残した変更をすべて元に戻す"))
    ),
]
Yes = Annotated[
    bool, typer.Option("--yes/--no-yes", help=str(Text("With --fix: do not ask", "--fix のとき、確認せずに進める")))
]


def command(
    engine: Engine = None,
    quick: Quick = False,
    environment: Environments = None,
    log: Log = None,
    explain: Explain = None,
    save: Save = None,
    facts: FactsFile = None,
    fix: Fix = False,
    undo: Undo = False,
    yes: Yes = False,
    json: Annotated[bool, answers.Json] = False,
    verbose: Verbose = False,
) -> None:
    console = screen.make_console()
    try:
        doctor_options.check(
            {"engine": engine, "quick": quick, "environment": environment, "log": log, "explain": explain, "save": save,
             "facts": facts, "fix": fix, "undo": undo, "yes": yes, "json": json, "verbose": verbose}
        )  # fmt: skip
        once, only = doctor_options.once, doctor_options.once("engine", engine)
        if undo:
            raise typer.Exit(fixing.undo(settings.current(), console, json=json))
        if fix:
            raise typer.Exit(fixing.fix(settings.current(), only, console, yes=yes, json=json))
        if (asked := once("explain", explain)) is not None:
            doctor_explain.show_article(asked, json=json)
            raise typer.Exit(WELL)
        report = once("save", save)
        if report is not None:
            doctor_files.check_place(report)
        seen = _Seen(once("facts", facts), tuple(environment or ()), only)
        told = _checked(seen, once("log", log), console, look=quick, quiet=json)
        if report is not None:
            _save(told.checkup, report, console)
        if json:
            answers.print_json(told.record())
        else:
            _show(told, verbose=verbose)
    except Problem as problem:
        _tell(problem, console, json)
        raise typer.Exit(UNFINISHED) from None
    except typer.Exit:
        raise
    except Exception as error:  # 1 would say that the machine is sick
        if os.environ.get("YAMABIKO_DEBUG"):
            raise
        _tell(Problem(leaving.unexpected(error)), console, json)
        raise typer.Exit(UNFINISHED) from None
    raise typer.Exit(_code(told.checkup.findings))


def _code(findings: Sequence[Finding]) -> int:
    """A check of ours that fell over leaves the visit unfinished, whatever else was found."""
    if any(finding.id == "yamabiko-bug" for finding in findings):
        return UNFINISHED
    return WRONG if _loud(findings) else WELL


def _tell(problem: Problem, console: Console, json: bool) -> None:
    try:
        if json:
            answers.print_json({"finding": problem.finding})
        else:
            screen.show_finding(console, problem.finding)
    except Problem as unprinted:
        screen.show_finding(console, unprinted.finding)


def _loud(findings: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.severity != "info"]


# ---- looking --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is looked at."""

    saved: Path | None
    folders: tuple[Path, ...]
    engine: str | None


@dataclass(frozen=True, slots=True)
class _Told:
    checkup: Checkup
    log: doctor_files.Log | None = None

    def record(self) -> dict[str, object]:
        found = self.checkup
        told = {"facts": found.facts, "findings": found.findings, "explaining": found.explaining, "tried": found.rungs}
        return told if self.log is None else {**told, "log": {"lines": len(self.log.lines), "cut": self.log.cut}}


def _facts(folders: Sequence[Path], engine: str | None) -> Facts:
    """Raises: Problem (engine-unknown, environment-unknown)."""
    from yamabiko.diagnosis import checkup
    from yamabiko.diagnosis.facts import gather

    for folder in folders:
        if gather.site_of(folder) is None:
            raise Problem(_no_environment(folder))
    facts = gather.gather(settings.current(), folders)
    return checkup.of_engine(facts, engine, settings.current()) if engine else facts


def _checked(seen: _Seen, log: Path | None, console: Console, *, look: bool, quiet: bool) -> _Told:
    """
    A log is explained by facts and by the probes that would decide; the engines that are here need not be tried.

    Raises: Problem (log-unreadable, facts-unreadable, engine-unknown, environment-unknown).
    """
    from yamabiko.diagnosis import checkup, explained_log
    from yamabiko.engines import catalog

    if seen.engine is not None:
        catalog.card(seen.engine)
    read = None if log is None else doctor_files.read_log(log)
    if seen.saved is not None:
        from yamabiko.diagnosis.facts.saved import load

        saved = load(seen.saved)
        facts = checkup.of_engine(saved.facts, seen.engine) if seen.engine else saved.facts
        found = checkup.replayed(facts, saved.findings, saved.tried, () if read else saved.explaining)
        found = found if seen.engine is None else checkup.about(seen.engine, found)
        return _Told(found if read is None else explained_log.with_log(found, read.lines, may_probe=False), read)
    facts = _facts(seen.folders, seen.engine)
    with screen.Setup(console, quiet) as setup:
        if look or read is not None:
            found = checkup.check_facts(facts)
            found = found if seen.engine is None else checkup.about(seen.engine, found)
        else:
            found = _tried(facts, seen.engine, setup)
        if read is not None:
            found = explained_log.with_log(found, read.lines, may_probe=not look)
    return _Told(found, read)


def _tried(facts: Facts, engine: str | None, setup: screen.Setup) -> Checkup:
    """The whole visit; where our own libraries do not load, what files tell, and why no more was tried."""
    from yamabiko.diagnosis import checkup
    from yamabiko.diagnosis.facts.records import Rung

    try:
        from yamabiko.transcription.visit import visit

        return visit(facts, settings.current(), setup.report, engine).checkup
    except Exception as error:
        broken = own_libraries.explain(error)
        if broken is None:
            raise
    found = checkup.check_facts(facts)
    found = found if engine is None else checkup.about(engine, found)
    said = broken.evidence[0] if broken.evidence else ""
    return replace(
        found,
        findings=checkup.merged([broken], found.findings),
        rungs=(Rung("running interpreter", "import", False, said, broken.id),),
    )


def _no_environment(folder: Path) -> Finding:
    return Finding(
        id="environment-unknown",
        severity="error",
        area="usage",
        cause=Text(f"{folder} is no Python environment.", f"{folder} はPython環境ではありません。"),
        evidence=(f"file system: no lib/python3*/site-packages, dist-packages or *.dist-info under {folder}",),
        remedies=(
            Remedy(
                Text(
                    "Name the folder that holds bin/python, or the one that its packages lie in",
                    "bin/python のあるフォルダーか、パッケージの入ったフォルダーを指定する",
                )
            ),
        ),
    )


# ---- showing --------------------------------------------------------------------------------------------------------

_MARKS: dict[Mark, tuple[str, str]] = {
    "well": ("✓", "ok"),
    "wrong": ("✗", "BAD"),
    "none": ("–", "-"),
    "unknown": ("?", "?"),
}
_MARK_OF: dict[Severity, Mark] = {"error": "wrong", "warning": "wrong", "unknown": "unknown", "info": "none"}
_FROM_THE_LOG = Text("What the log comes from", "ログのエラーの原因")
_BESIDES = Text("Found here besides (in full: without --log)", "そのほかに見つかったこと（--log なしで全文を表示）")


def _mark(mark: Mark) -> str:
    """In letters where standard output cannot say the sign."""
    sign, letters = _MARKS[mark]
    try:
        sign.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return letters
    return sign


def _show(told: _Told, *, verbose: bool) -> None:
    """All of it on standard output: here the findings are the result."""
    from yamabiko.diagnosis import report

    checkup = told.checkup
    console = screen.make_console(results=True)
    columns = min(COLUMNS, console.width) if console.is_terminal else COLUMNS
    rows = [(_mark(line.mark), line) for line in report.lines(checkup)]
    screen.print_result("".join(f"{screen.printable(line)}\n" for line in report.table(rows, columns)))
    if verbose:
        screen.print_result("".join(f"? {screen.printable(line)}\n" for line in report.unseen(checkup.facts)))
    asked = [finding for finding in checkup.findings if finding.id in checkup.explaining]
    besides = [finding for finding in checkup.findings if finding not in asked]
    for heading, findings in ((_FROM_THE_LOG, asked), (_BESIDES if asked else None, besides)):
        if heading is not None and findings:
            screen.print_result("\n")
            screen.say(console, heading, "bold")
        for finding in findings:
            short = bool(asked) and finding in besides and finding.id != "yamabiko-bug"
            _show_finding(finding, checkup, console, columns, short=short)
    screen.print_result("\n")
    if told.log is not None and told.log.cut:
        screen.say(console, _cut(told.log))
    screen.say(console, _verdict(checkup))


def _show_finding(finding: Finding, checkup: Checkup, console: Console, columns: int, *, short: bool) -> None:
    from yamabiko.diagnosis import report

    sign = _mark(_MARK_OF[finding.severity])
    screen.print_result("\n")
    screen.say(console, f"{sign}  {finding.id}", screen.SEVERITY_STYLE[finding.severity])
    lines = report.in_short(finding, columns) if short else report.in_full(finding, checkup.facts, columns)
    for line in lines:
        screen.say(console, line)


def _cut(log: doctor_files.Log) -> Text:
    count = f"{len(log.lines):,}"
    return Text(
        f"The log is long: only its newest {count} lines were looked at.",
        f"ログが長いため、最後の {count} 行だけを調べました。",
    )


def _verdict(checkup: Checkup) -> Text:
    loud = _loud(checkup.findings)
    notes = len(checkup.findings) - len(loud)
    if not loud and not notes:
        return Text("Nothing is wrong here.", "問題は見つかりませんでした。")
    if not loud:
        stands = "thing to know stands" if notes == 1 else "things to know stand"
        return Text(
            f"Nothing is wrong here; {notes} {stands} above.", f"問題は見つかりませんでした（参考 {notes} 件）。"
        )
    more = f"yamabiko doctor --explain {loud[0].id}"
    if len(loud) == 1:
        return Text(f"1 problem found. Details: {more}", f"1 件の問題があります。詳しくは: {more}")
    return Text(
        f"{len(loud)} problems found. Details of the first: {more}",
        f"{len(loud)} 件の問題があります。最初の問題の詳細: {more}",
    )


def _save(checkup: Checkup, path: Path, console: Console) -> None:
    """Raises: Problem (output-not-writable)."""
    from yamabiko.diagnosis.facts.saved import Saved, dump, redactor

    saved = Saved(checkup.facts, checkup.findings, checkup.rungs, checkup.explaining)
    doctor_files.write_report(path, dump(saved, redactor()))
    screen.say(
        console,
        Text(
            f"saved to {path}; read it before you show it to others",
            f"{path} に保存しました。他の人に見せる前に内容を確かめてください",
        ),
    )
