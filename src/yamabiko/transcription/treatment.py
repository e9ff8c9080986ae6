"""
A fix of the doctor's: tried, held to its promise, and kept or taken back.

A promise of no accuracy lost is tested, not believed: the same recordings must
give the same text. A fix that passes nothing, or breaks what was well before,
is taken back, and the journal says nothing of it any more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from yamabiko.diagnosis import fixes
from yamabiko.diagnosis.articles import Fix, article
from yamabiko.diagnosis.facts.records import Facts
from yamabiko.diagnosis.fixes import Applied
from yamabiko.engines import catalog, environments
from yamabiko.engines.environment_finding import folder_of
from yamabiko.findings import Cost, Finding, Problem
from yamabiko.i18n import Text
from yamabiko.settings import Settings
from yamabiko.transcription.visit import Report, Visit, visit


@dataclass(frozen=True, slots=True)
class Treatment:
    """One thing that could be done about one finding."""

    finding: Finding
    fix: Fix
    engine: str = ""
    profile: str = ""
    """Of the environment that would be made anew."""

    @property
    def costs(self) -> Cost:
        """An environment that is made anew takes a download and minutes, whatever it does to speed and accuracy."""
        return "effort" if self.engine and self.fix.costs == "none" else self.fix.costs

    @property
    def told(self) -> tuple[Text, ...]:
        """What would be changed, a line each."""
        lines = [
            Text(f"set {name}={value} for our workers", f"ワーカーに {name}={value} を設定")
            if value is not None
            else Text(f"take {name} away from our workers", f"ワーカーから {name} を取り除く")
            for name, value in self.fix.changes
        ]
        if self.engine:
            what = f"{self.engine} ({self.profile})"
            lines.append(
                Text(
                    f"make the environment of {what} anew; the old one is kept aside",
                    f"{what} の環境を作り直す（元の環境は残す）",
                )
            )
        return tuple(lines)


@dataclass(frozen=True, slots=True)
class Outcome:
    kept: bool
    why: Text
    after: Visit


def plan(before: Visit, settings: Settings) -> tuple[Treatment, ...]:
    """What can be tried about the findings, the worst first; nothing that is in force already."""
    in_force = {(one.finding, one.engine, one.profile) for one in fixes.in_force(settings)}
    found = []
    for finding in before.checkup.findings:
        fix = _fix_of(finding)
        if fix is None or finding.severity == "info":
            continue
        if fix.changes and (finding.id, "", "") not in in_force:
            found.append(Treatment(finding, fix))
        if fix.repair:
            found += [Treatment(finding, fix, *place) for place in _broken(finding, before, settings)]
    return tuple(found)


def _fix_of(finding: Finding) -> Fix | None:
    try:
        return article(finding.id).fix
    except KeyError:
        return None


def _broken(finding: Finding, before: Visit, settings: Settings) -> list[tuple[str, str]]:
    """Engine and profile of every environment of ours in which it was found."""
    names = {rung.environment for rung in before.checkup.rungs if rung.finding == finding.id}
    names |= {environment.name for environment in before.checkup.facts.environments if environment.broken}
    return [
        (card.name, profile.name)
        for card in catalog.cards()
        for profile in card.profiles
        if folder_of(card, settings, profile).name in names
    ]


def treat(
    treatment: Treatment, before: Visit, settings: Settings, gather: Callable[[], Facts], report: Report,
    engine: str | None = None,
) -> Outcome:  # fmt: skip
    """
    Try one. Whatever goes wrong on the way, and Ctrl-C too, takes it back. `engine`: as for the visit `before`.

    Raises: Problem (state-not-writable, and as `environments.repair`).
    """
    change = fixes.begin(
        settings,
        Applied(treatment.finding.id, treatment.fix.changes, treatment.engine, treatment.profile),
    )

    def write_down(aside: Path) -> None:
        nonlocal change
        change = fixes.amend(settings, change, aside=str(aside))

    try:
        if treatment.engine:  # variables are in force for us since the journal names them
            environments.set_aside(catalog.card(treatment.engine), settings, treatment.profile, write_down)
            _make_anew(treatment, settings, report)
        after = visit(gather(), settings, report, engine)
        kept, why = judge(treatment, before, after, settings)
    except BaseException:
        take_back(change, settings)
        raise
    if not kept:
        take_back(change, settings)
        return Outcome(False, why, before)
    fixes.keep(settings, change)
    return Outcome(True, why, after)


def _make_anew(treatment: Treatment, settings: Settings, report: Report) -> None:
    card = catalog.card(treatment.engine)
    what = Text(f"making {card.name} anew", f"{card.name} を作り直しています")
    environments.repair(card, settings, treatment.profile, progress=lambda p: report(what, p.done, p.total))


def take_back(change: Applied, settings: Settings) -> None:
    """As it was before. What was taken back already stays so. Raises: Problem."""
    if change not in fixes.read(settings):
        return
    if change.engine and change.aside:
        environments.put_back(catalog.card(change.engine), settings, change.profile, Path(change.aside))
    fixes.forget(settings, change)


def undo(settings: Settings, waiting: Callable[[], None] = lambda: None) -> tuple[Applied, ...]:
    """
    Everything that was kept, the newest first; and what a death left half tried.

    `waiting` hears that another yamabiko is at it; what that takes back is not ours to report. Raises: Problem
    (fixes-unreadable, ...).
    """
    with fixes.turn(settings, waiting):
        fixes.require_readable(settings)
        undone = tuple(reversed(fixes.read(settings)))
        for change in undone:
            take_back(change, settings)
    return undone


def judge(treatment: Treatment, before: Visit, after: Visit, settings: Settings) -> tuple[bool, Text]:
    """Whether it is kept, and why: what the visit after it shows, in the environment that it made above all."""
    made = _made(treatment, settings)
    why = failed(made, after) if made else None
    why = _held(treatment, before, after) or why
    return (False, why) if why else (True, _promise_kept(made, before, after))


def _made(treatment: Treatment, settings: Settings) -> str:
    """The name of the environment that is made anew; empty where only variables change."""
    if not treatment.engine:
        return ""
    card = catalog.card(treatment.engine)
    return next(folder_of(card, settings, p).name for p in card.profiles if p.name == treatment.profile)


def failed(made: str, after: Visit) -> Text | None:
    """That a finding is gone proves nothing where nobody could look: the new environment itself must pass."""
    rungs = [rung for rung in after.checkup.rungs if rung.environment == made and rung.finding not in _of_models(after)]
    if not rungs:
        return Text(f"nothing was tried in the new environment: {made}", f"新しい環境では何も試せませんでした: {made}")
    bad = ", ".join(rung.what for rung in rungs if not rung.well)
    if bad:
        return Text(f"the new environment does not pass: {bad}", f"新しい環境が検査に通りません: {bad}")
    return None


def _of_models(after: Visit) -> set[str]:
    """What a model lacks was as wrong before, when nobody could get far enough to see it."""
    return {finding.id for finding in after.checkup.findings if finding.area == "model"}


def _held(treatment: Treatment, before: Visit, after: Visit) -> Text | None:
    """Why it is not kept; None if it did what it promised and broke nothing."""
    known = {finding.id for finding in before.checkup.findings} | (_of_models(after) if treatment.engine else set())
    now = [finding for finding in after.checkup.findings if finding.severity != "info"]
    if any(finding.id == treatment.finding.id for finding in now):
        return Text("the finding is still there", "問題が解消しません")
    new = [finding.id for finding in now if finding.id not in known]
    if new:
        return Text(f"it brought {', '.join(new)}", f"別の問題が起きました: {', '.join(new)}")
    bad = [
        f"{rung.environment}: {rung.what}"
        for rung in after.checkup.rungs
        if not rung.well and _was_well(rung.what, rung.environment, before)
    ]
    if bad:
        return Text(f"it broke {', '.join(bad)}", f"正常だったものが動かなくなりました: {', '.join(bad)}")
    if treatment.fix.costs != "accuracy":
        other = [name for name, texts in before.texts.items() if after.texts.get(name) != texts]
        if other:
            return Text(f"the text changed: {', '.join(other)}", f"認識結果が変わりました: {', '.join(other)}")
    return None


def _promise_kept(made: str, before: Visit, after: Visit) -> Text:
    """What was held against what. Of an environment made anew only its own text counts: nobody touched the others."""
    compared = [made] if made in before.texts else [] if made else list(before.texts)
    if compared and all(after.texts.get(name) == before.texts[name] for name in compared):
        return Text("it is gone, and the text is the same", "解消し、認識結果も変わりません")
    if compared:
        return Text("it is gone", "解消しました")
    if made in after.texts:
        return Text(
            "it is gone, and the recordings whose text we know give it",
            "解消し、内容の分かっている録音も正しく認識できます",
        )
    if any(r.well and r.environment == made and r.what.startswith("speech") for r in after.checkup.rungs):
        return Text(
            "it is gone, and the speech in known recordings is found",
            "解消し、内容の分かっている録音の発話も検出できます",
        )
    if made:
        return Text(
            "it is gone, and the new environment loads; there was no text to compare with",
            "解消し、新しい環境も読み込めます（比べられる認識結果はありませんでした）",
        )
    return Text(
        "it is gone; there was no text to compare with",
        "解消しました（比べられる認識結果はありませんでした）",
    )


def _was_well(what: str, environment: str, before: Visit) -> bool:
    kind = what.split()[0]
    return any(r.well and r.environment == environment and r.what.split()[0] == kind for r in before.checkup.rungs)


def problem_of(error: Problem) -> Text:
    """Why a treatment could not be tried, in a line."""
    return Text(f"{error.finding.id}: {error.finding.cause.en}", f"{error.finding.id}: {error.finding.cause.ja}")
