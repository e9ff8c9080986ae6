"""
A fix that a death cut short, gone on with: the new environment is judged by the visit that has just tried it.

What was wrong before nobody knows any more, so nothing is compared: the new environment must pass every rung by itself.
"""

from __future__ import annotations

from yamabiko.diagnosis import fixes
from yamabiko.diagnosis.fixes import Applied
from yamabiko.engines import catalog
from yamabiko.engines.environment_finding import folder_of
from yamabiko.i18n import Text
from yamabiko.settings import Settings
from yamabiko.transcription.treatment import failed, take_back
from yamabiko.transcription.visit import Visit


def left(settings: Settings, engine: str | None = None) -> tuple[Applied, ...]:
    """Those that were cut short; `engine`: of this one alone."""
    return tuple(one for one in fixes.cut_short(settings) if engine in (None, one.engine))


def told(change: Applied) -> Text:
    """What would be done."""
    what = f"{change.engine} ({change.profile})"
    return Text(
        f"go on with the fix of {what} that was cut short: keep the new environment if it passes, else put the old one back",
        f"途中で終わった {what} の修復を続ける（新しい環境が検査に通れば残し、通らなければ元の環境に戻す）",
    )


def go_on(change: Applied, seen: Visit, settings: Settings) -> tuple[bool, Text]:
    """Whether the new environment is kept, and why; else the old one is where it was. Raises: Problem."""
    card = catalog.card(change.engine)
    name = next(folder_of(card, settings, one).name for one in card.profiles if one.name == change.profile)
    why = _unfit(name, change, seen)
    if why is None:
        fixes.keep(settings, change)
        return True, Text("the new environment passes", "新しい環境は検査に通りました")
    take_back(change, settings)
    return False, why


def _unfit(name: str, change: Applied, seen: Visit) -> Text | None:
    if change.variables:  # they were in force for the process that is gone alone, and not while this was tried
        return Text("its variables are not in force any more", "変数の設定が既に失われています")
    if any(one.name == name and one.broken for one in seen.checkup.facts.environments):
        return Text(f"the new environment is not whole: {name}", f"新しい環境が壊れています: {name}")
    return failed(name, seen)
