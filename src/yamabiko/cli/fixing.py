"""`yamabiko doctor --fix` and `--undo`: the plan, the question, and what came of it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from yamabiko.cli import answers, screen
from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.i18n import Text

if TYPE_CHECKING:
    from rich.console import Console

    from yamabiko.settings import Settings
    from yamabiko.transcription.treatment import Outcome, Treatment
    from yamabiko.transcription.visit import Visit

WELL, WRONG = 0, 1


def fix(settings: Settings, engine: str | None, console: Console, *, yes: bool) -> int:
    """The exit code: well only if nothing is wrong at the end. Raises: Problem."""
    from yamabiko.transcription.treatment import plan

    visit = _visit(settings, engine, console)
    planned = plan(visit, settings)
    if not planned:
        return _nothing(visit)
    for treatment in planned:
        _show(treatment)
    if not yes and not _agreed():
        screen.print_result(f"{Text('Nothing was changed.', '何も変更していません。')}\n")
        return WRONG
    for treatment in planned:
        if any(
            finding.id == treatment.finding.id for finding in visit.checkup.findings
        ):  # an earlier one may have helped
            visit = _try(treatment, visit, settings, engine, console)
    left = [finding.id for finding in visit.checkup.findings if finding.severity != "info"]
    if left:
        screen.print_result(f"{Text('still wrong', '残っている問題')}: {', '.join(left)} (yamabiko doctor)\n")
    screen.print_result(f"{Text('taken back by', '元に戻すには')}: yamabiko doctor --undo\n")
    return WRONG if left else WELL


def undo(settings: Settings) -> int:
    """Raises: Problem (state-not-writable, ...)."""
    from yamabiko.transcription.treatment import undo as take_all_back

    undone = take_all_back(settings)
    for change in undone:
        screen.print_result(f"{answers.mark(True)} {change.finding}: {Text('taken back', '元に戻しました')}\n")
    if not undone:
        screen.print_result(f"{Text('There is nothing to take back.', '元に戻す変更はありません。')}\n")
    return WELL


def _visit(settings: Settings, engine: str | None, console: Console) -> Visit:
    from yamabiko.diagnosis.facts.gather import gather
    from yamabiko.transcription.visit import visit

    with screen.Setup(console) as setup:
        return visit(gather(settings), settings, setup.report, engine)


def _nothing(visit: Visit) -> int:
    loud = [finding.id for finding in visit.checkup.findings if finding.severity != "info"]
    if not loud:
        screen.print_result(f"{Text('Nothing is wrong here.', '問題は見つかりませんでした。')}\n")
        return WELL
    told = Text(
        "yamabiko can mend none of this by itself; yamabiko doctor names the remedies",
        "yamabiko 自身では直せません。対処は yamabiko doctor で確認できます",
    )
    screen.print_result(f"{', '.join(loud)}: {told}\n")
    return WRONG


def _show(treatment: Treatment) -> None:
    from yamabiko.diagnosis.book import PRICES

    price = PRICES[treatment.fix.costs]
    screen.print_result(f"{treatment.finding.id}: {treatment.finding.cause}\n")
    for line in treatment.told:
        screen.print_result(f"  {Text('would', '実行内容')} {line} ({price})\n")


def _agreed() -> bool:
    """Raises: Problem (not-asked), where nobody can answer."""
    if not sys.stdin.isatty():
        raise Problem(
            Finding(
                id="not-asked",
                severity="error",
                area="usage",
                cause=Text(
                    "Nothing is changed without being asked, and nobody can answer here.",
                    "確認なしには何も変更しませんが、ここでは返答を受け取れません。",
                ),
                evidence=("standard input: not a terminal",),
                remedies=(Remedy(Text("Agree beforehand", "あらかじめ同意する"), "yamabiko doctor --fix --yes"),),
            )
        )
    screen.print_result(
        str(Text("Try it? Only what helps is kept. [y/N] ", "試しますか？ 効いたものだけを残します。[y/N] "))
    )
    return sys.stdin.readline().strip().lower() in ("y", "yes", "はい")


def _try(treatment: Treatment, before: Visit, settings: Settings, engine: str | None, console: Console) -> Visit:
    from yamabiko.diagnosis.facts.gather import gather
    from yamabiko.transcription.treatment import problem_of, treat

    outcome: Outcome | None = None
    try:
        with screen.Setup(console) as setup:
            outcome = treat(treatment, before, settings, lambda: gather(settings), setup.report, engine)
        why = outcome.why
    except Problem as problem:
        why = problem_of(problem)
    kept = outcome is not None and outcome.kept
    end = Text("kept", "残しました") if kept else Text("taken back", "元に戻しました")
    screen.print_result(f"{answers.mark(kept)} {treatment.finding.id}: {end}: {why}\n")
    return outcome.after if outcome else before
