"""`yamabiko doctor --fix` and `--undo`: the plan, the question, and what came of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yamabiko.cli import answers, screen
from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.i18n import Text

if TYPE_CHECKING:
    from rich.console import Console

    from yamabiko.diagnosis.fixes import Applied
    from yamabiko.settings import Settings
    from yamabiko.transcription.treatment import Treatment
    from yamabiko.transcription.visit import Visit

WELL, WRONG, UNFINISHED = 0, 1, 2


def fix(settings: Settings, engine: str | None, console: Console, *, yes: bool, json: bool) -> int:
    """
    The exit code: well only if nothing is wrong at the end. As JSON it shows the plan, and tries it only if agreed before.

    It waits for another that fixes or takes back: an environment that one has set aside is no trouble of this one's to see.
    Raises: Problem.
    """
    from yamabiko.diagnosis import fixes

    with fixes.turn(settings, lambda: screen.say(console, f"{_WAITING} ...")):
        fixes.require_readable(settings)
        return _fix(settings, engine, console, yes=yes, json=json)


_WAITING = Text(
    "waiting for another yamabiko doctor --fix or --undo",
    "別の yamabiko doctor --fix または --undo の終了を待っています",
)


def _fix(settings: Settings, engine: str | None, console: Console, *, yes: bool, json: bool) -> int:
    from yamabiko.transcription import interrupted
    from yamabiko.transcription.treatment import plan

    visit = _visit(settings, engine, console, quiet=json)
    done: list[_Tried] = []
    if begun := interrupted.left(settings, engine):
        if not json:
            screen.print_result("".join(f"{Text('would', '実行内容')} {interrupted.told(one)}\n" for one in begun))
        if not yes and (json or not _agreed()):
            return _left_alone([], visit, json=json, begun=begun)
        done += [_gone_on(one, visit, settings, json=json) for one in begun]
        visit = _visit(settings, engine, console, quiet=json)
    planned = plan(visit, settings)
    if not planned and not json:
        return _ended(visit, done) if done else _nothing(visit)
    if not json:
        for treatment in planned:
            _show(treatment)
    if planned and not yes and (json or not _agreed()):
        return _left_alone(planned, visit, json=json)
    for treatment in planned:
        if any(one.id == treatment.finding.id for one in visit.checkup.findings):  # an earlier one may have helped
            tried = _try(treatment, visit, settings, engine, console, quiet=json)
            visit = tried.after
            done.append(tried)
            if not json:
                _show_tried(tried)
    if json:
        answers.print_json(_record(planned, done, _loud(visit)))
        return WRONG if _loud(visit) else WELL
    return _ended(visit, done)


def _ended(visit: Visit, done: Sequence[_Tried]) -> int:
    left = _loud(visit)
    if left:
        screen.print_result(f"{Text('still wrong', '残っている問題')}: {', '.join(left)} (yamabiko doctor)\n")
    if any(one.kept for one in done):
        screen.print_result(f"{Text('taken back by', '元に戻すには')}: yamabiko doctor --undo\n")
    return WRONG if left else WELL


def _gone_on(change: Applied, visit: Visit, settings: Settings, *, json: bool) -> _Tried:
    """A fix that a death cut short: kept, or taken back."""
    from yamabiko.transcription import interrupted

    kept, why = interrupted.go_on(change, visit, settings)
    tried = _Tried(change.finding, kept, why, visit)
    if not json:
        _show_tried(tried)
    return tried


def _loud(visit: Visit) -> list[str]:
    return [finding.id for finding in visit.checkup.findings if finding.severity != "info"]


def _left_alone(
    planned: Sequence[Treatment], visit: Visit, *, json: bool, begun: Sequence[Applied] = ()
) -> int:  # fmt: skip
    if json:
        record = _record(planned, [], _loud(visit), begun)
        answers.print_json({**record, "finding": _not_asked("given: --json without --yes")})
        return UNFINISHED
    screen.print_result(f"{Text('Nothing was changed.', '何も変更していません。')}\n")
    return WRONG


def _record(
    planned: Sequence[Treatment], done: Sequence[_Tried], left: Sequence[str], begun: Sequence[Applied] = ()
) -> dict[str, object]:
    from yamabiko.transcription import interrupted

    plans: list[dict[str, object]] = [
        {"finding": "fix-interrupted", "would": (interrupted.told(one),), "costs": "none", "engine": one.engine,
         "profile": one.profile}
        for one in begun
    ]  # fmt: skip
    plans += [
        {"finding": one.finding, "would": one.told, "costs": one.costs, "engine": one.engine, "profile": one.profile}
        for one in planned
    ]
    tried = [{"finding": one.finding, "kept": one.kept, "why": one.why} for one in done]
    return {"planned": plans, "tried": tried, "still_wrong": list(left)}


def undo(settings: Settings, console: Console, *, json: bool) -> int:
    """Raises: Problem (state-not-writable, ...)."""
    from yamabiko.transcription.treatment import undo as take_all_back

    undone = take_all_back(settings, lambda: screen.say(console, f"{_WAITING} ..."))
    if json:
        answers.print_json({"taken_back": undone})
        return WELL
    for change in undone:
        screen.print_result(f"{answers.mark(True)} {change.finding}: {Text('taken back', '元に戻しました')}\n")
    if not undone:
        screen.print_result(f"{Text('There is nothing to take back.', '元に戻す変更はありません。')}\n")
    return WELL


def _visit(settings: Settings, engine: str | None, console: Console, *, quiet: bool) -> Visit:
    from yamabiko.diagnosis.facts.gather import gather
    from yamabiko.transcription.visit import visit

    with screen.Setup(console, quiet) as setup:
        return visit(gather(settings), settings, setup.report, engine)


def _nothing(visit: Visit) -> int:
    loud = _loud(visit)
    for finding in visit.checkup.findings:
        if finding.id == "engine-not-installed":
            screen.print_result(f"{finding.cause}\n")
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

    price = PRICES[treatment.costs]
    screen.print_result(f"{treatment.finding.id}: {treatment.finding.cause}\n")
    for line in treatment.told:
        screen.print_result(f"  {Text('would', '実行内容')} {line} ({price})\n")


def _agreed() -> bool:
    """Raises: Problem (not-asked), where nobody can answer."""
    if not sys.stdin.isatty():
        raise Problem(_not_asked("standard input: not a terminal"))
    screen.print_result(
        str(Text("Try it? Only what helps is kept. [y/N] ", "試しますか？ 効いたものだけを残します。[y/N] "))
    )
    return sys.stdin.readline().strip().lower() in ("y", "yes", "はい")


def _not_asked(why: str) -> Finding:
    return Finding(
        id="not-asked",
        severity="error",
        area="usage",
        cause=Text(
            "Nothing is changed without being asked, and nobody can answer here.",
            "確認なしには何も変更しませんが、ここでは返答を受け取れません。",
        ),
        evidence=(why,),
        remedies=(Remedy(Text("Agree beforehand", "あらかじめ同意する"), "yamabiko doctor --fix --yes"),),
    )


@dataclass(frozen=True, slots=True)
class _Tried:
    finding: str
    kept: bool
    why: Text
    after: Visit


def _try(
    treatment: Treatment, before: Visit, settings: Settings, engine: str | None, console: Console, *, quiet: bool
) -> _Tried:
    from yamabiko.diagnosis.facts.gather import gather
    from yamabiko.transcription.treatment import problem_of, treat

    try:
        with screen.Setup(console, quiet) as setup:
            outcome = treat(treatment, before, settings, lambda: gather(settings), setup.report, engine)
    except Problem as problem:
        return _Tried(treatment.finding.id, False, problem_of(problem), before)
    return _Tried(treatment.finding.id, outcome.kept, outcome.why, outcome.after)


def _show_tried(tried: _Tried) -> None:
    end = Text("kept", "残しました") if tried.kept else Text("taken back", "元に戻しました")
    screen.print_result(f"{answers.mark(tried.kept)} {tried.finding}: {end}: {tried.why}\n")
