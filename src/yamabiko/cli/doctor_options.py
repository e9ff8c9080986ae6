"""Which of the doctor's options go together, in one table; what means nothing beside another is said, not passed over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.i18n import Text

T = TypeVar("T")

_GOES_WITH: dict[str, tuple[frozenset[str], Text]] = {
    "explain": (
        frozenset({"json"}),
        Text("--explain shows an article and looks at nothing", "--explain は解説を表示するだけで、何も調べません"),
    ),
    "undo": (
        frozenset({"json"}),
        Text("--undo takes back what --fix kept, all of it", "--undo は --fix で残した変更をすべて元に戻すだけです"),
    ),
    "fix": (
        frozenset({"engine", "yes", "json"}),
        Text(
            "--fix tries changes on this machine, and looks at all of it again after each",
            "--fix はこのマシンで変更を試し、そのたびに全体を調べ直します",
        ),
    ),
    "facts": (
        frozenset({"engine", "log", "save", "quick", "json", "verbose"}),
        Text(
            "--facts looks at a file alone, and nothing of this machine",
            "--facts は保存された内容だけを調べ、このマシンは調べません",
        ),
    ),
}
"""What decides what is done, the strongest first: the options that mean something beside it, and why no others do."""
_NEEDS = {"yes": "fix"}


def check(given: Mapping[str, object]) -> None:
    """`given`: every option by its name; what is empty, None or False was not asked for. Raises: Problem (usage)."""
    asked = [name for name, value in given.items() if value not in (None, False, [], ())]
    for name, (beside, why) in _GOES_WITH.items():
        other = [one for one in asked if one != name and one not in beside]
        if name in asked and other:
            raise Problem(_apart(name, other, why))
    for name, needed in _NEEDS.items():
        if name in asked and needed not in asked:
            raise Problem(_alone(name, needed))


def once(name: str, values: Sequence[T] | None) -> T | None:
    """The one value of an option that may be given once. Raises: Problem (usage)."""
    if values and len(values) > 1:
        told = " ".join(f"--{name} {value}" for value in values)
        raise Problem(
            _usage(
                Text(f"--{name} was given {len(values)} times.", f"--{name} が {len(values)} 回指定されています。"),
                f"given: {told}",
                Remedy(Text("Give it once", "1回だけ指定する"), f"yamabiko doctor --{name} {values[-1]}"),
            )
        )
    return values[0] if values else None


def _apart(name: str, others: Sequence[str], why: Text) -> Finding:
    flags = ", ".join(f"--{other}" for other in others)
    flags_ja = "、".join(f"--{other}" for other in others)
    return _usage(
        Text(
            f"{flags} {'means' if len(others) == 1 else 'mean'} nothing beside --{name}: {why.en}.",
            f"--{name} と {flags_ja} は同時に指定できません（{why.ja}）。",
        ),
        f"given: --{name} {' '.join(f'--{other}' for other in others)}",
        Remedy(Text(f"Leave out {flags}, or --{name}", f"{flags_ja} か --{name} を外す")),
    )


def _alone(name: str, needed: str) -> Finding:
    return _usage(
        Text(f"--{name} means nothing without --{needed}.", f"--{name} は --{needed} と一緒に指定します。"),
        f"given: --{name}",
        Remedy(Text("Say what is agreed to", "何に同意するかを指定する"), f"yamabiko doctor --{needed} --{name}"),
    )


def _usage(cause: Text, evidence: str, remedy: Remedy) -> Finding:
    return Finding(
        id="usage",
        severity="error",
        area="usage",
        cause=cause,
        evidence=(evidence,),
        remedies=(remedy, Remedy(Text("See what there is", "使い方を見る"), "yamabiko doctor --help")),
    )
