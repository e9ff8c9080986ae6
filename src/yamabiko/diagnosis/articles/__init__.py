"""
What is known of each finding, for people: one file an id, `<id>.toml`, in both languages.

    area, severity, confidence; spoils (what it makes useless to try again); sources
    [symptom] [cause] [known_by] [meanwhile]   en and ja; `meanwhile`, what yamabiko does by itself, may be missing
    [fix]          variables, unset, repair, costs: what `doctor --fix` may change, in workers and environments of ours
    [[remedies]]   en, ja, command, cost (none, effort, speed, accuracy), cheapest first
                   on (linux, wsl, container, windows, macos): where it is one at all; commands: another one for some of these
                   needs (nvidia, amd, gpu): not shown where facts show that there is none

`docs/findings.md` is made of them, and `yamabiko doctor --explain ID` shows one.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Literal, get_args

from yamabiko.diagnosis.platforms import EVERYWHERE, Platform, Platforms, as_typed_on, here, holds_on
from yamabiko.findings import Area, Cost, Finding, Remedy, Severity
from yamabiko.i18n import Text
from yamabiko.records import from_plain

Spoils = Literal["nothing", "precision", "device", "memory", "model"]
"""
What the finding makes useless to try again: nothing we know of; this precision
on this device; this device at any precision; anything that needs as much
memory; this model on any rung.
"""

Confidence = Literal["high", "medium", "low"]
Needs = Literal["", "nvidia", "amd", "gpu"]
"""What must be in a machine for a trouble to arise on it, or for a remedy to help."""


@dataclass(frozen=True, slots=True)
class Fix:
    """What yamabiko itself can change, and take back: nothing outside its own workers and environments."""

    variables: dict[str, str] = field(default_factory=dict)
    """Set in workers; of variables that hold folders, put before what is there."""
    unset: tuple[str, ...] = ()
    """Taken away from workers."""
    repair: bool = False
    """The environment in which it was found is made anew; the old one is kept aside."""
    costs: Literal["none", "speed", "accuracy"] = "none"

    @property
    def changes(self) -> tuple[tuple[str, str | None], ...]:
        return (*self.variables.items(), *((name, None) for name in self.unset))


@dataclass(frozen=True, slots=True)
class Advice:
    """A remedy as it is written, for all platforms: nobody is shown it but through `at`."""

    what: Text
    command: str | None = None
    cost: Cost = "none"
    on: Platforms = EVERYWHERE
    commands: dict[Platform, str] = field(default_factory=dict)
    """In place of `command`, on these."""
    needs: Needs = ""

    def at(self, platforms: Platforms, lacking: frozenset[Needs] = frozenset()) -> Remedy | None:
        """The remedy for such a machine, without a command that would do harm there; None where it is none."""
        if not self.on & platforms or self.needs in lacking:
            return None
        own = next((said for platform, said in self.commands.items() if platform in platforms), None)
        return Remedy(self.what, own or (self.command and as_typed_on(platforms, self.command)), self.cost)

    @property
    def command_on(self) -> Platforms:
        """Where `command` may be run."""
        return self.on & holds_on(self.command or "") - frozenset(self.commands)


@dataclass(frozen=True, slots=True)
class Article:
    id: str
    area: Area
    severity: Severity
    confidence: Confidence
    """How sure the knowledge is, not the finding: `low` rests on a single report."""
    symptom: Text
    cause: Text
    known_by: Text
    remedies: tuple[Advice, ...]
    sources: tuple[str, ...]
    meanwhile: Text | None = None
    spoils: Spoils = "nothing"
    fix: Fix | None = None

    def finding(
        self,
        evidence: tuple[str, ...],
        severity: Severity | None = None,
        cause: Text | None = None,
        on: Platforms | None = None,
        lacking: frozenset[Needs] = frozenset(),
    ) -> Finding:
        """
        What was found; `cause` where more is known of this case than the article says; `on`, where it was not here;
        `lacking`, what that machine is known not to have.
        """
        return Finding(
            id=self.id,
            severity=severity or self.severity,
            area=self.area,
            cause=cause or self.cause,
            evidence=evidence,
            remedies=self.remedies_on(here() if on is None else on, lacking),
        )

    def remedies_on(self, platforms: Platforms, lacking: frozenset[Needs] = frozenset()) -> tuple[Remedy, ...]:
        return tuple(remedy for advice in self.remedies if (remedy := advice.at(platforms, lacking)) is not None)


@cache
def article(id_: str) -> Article:
    """Raises: KeyError, if nothing is written under that id."""
    if not id_.replace("-", "").replace(".", "").isalnum():  # an id, never a path
        raise KeyError(id_)
    file = resources.files(__package__).joinpath(f"{id_}.toml")
    try:
        raw = tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raise KeyError(id_) from None
    return read(id_, raw)


@cache
def ids() -> tuple[str, ...]:
    """Of all articles, sorted."""
    names = (file.name for file in resources.files(__package__).iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


def read(id_: str, raw: dict[str, Any]) -> Article:
    """Raises: KeyError, ValueError (a word that is none of those allowed)."""
    for key, allowed in (("area", Area), ("severity", Severity), ("confidence", Confidence), ("spoils", Spoils)):
        if raw.get(key, get_args(allowed)[0]) not in get_args(allowed):
            raise ValueError(f"{id_}: {key} = {raw[key]!r} is none of {get_args(allowed)}")
    return Article(
        id=id_,
        area=raw["area"],
        severity=raw["severity"],
        confidence=raw["confidence"],
        symptom=_text(raw["symptom"]),
        cause=_text(raw["cause"]),
        known_by=_text(raw["known_by"]),
        remedies=tuple(_advice(id_, one) for one in raw.get("remedies", ())),
        sources=tuple(raw["sources"]),
        meanwhile=_text(raw["meanwhile"]) if "meanwhile" in raw else None,
        spoils=raw.get("spoils", "nothing"),
        fix=from_plain(Fix, raw["fix"]) if "fix" in raw else None,
    )


def _advice(id_: str, raw: dict[str, Any]) -> Advice:
    on, commands = frozenset(raw.get("on", EVERYWHERE)), raw.get("commands", {})
    if unknown := (on | set(commands)) - EVERYWHERE:
        raise ValueError(f"{id_}: a remedy for {sorted(unknown)}, which is none of {sorted(EVERYWHERE)}")
    needs = raw.get("needs", "")
    if needs not in get_args(Needs):
        raise ValueError(f"{id_}: a remedy needs {needs!r}, which is none of {get_args(Needs)}")
    return Advice(_text(raw), raw.get("command"), raw.get("cost", "none"), on, commands, needs)


def _text(both: dict[str, str]) -> Text:
    """Lines of a paragraph are joined: with a space in English; in Japanese only between words of another script."""
    joined = "\n".join(line.strip() for line in both["ja"].strip().splitlines())
    return Text(" ".join(both["en"].split()), re.sub(r"(?<=[!-~])\n(?=[!-~])", " ", joined).replace("\n", ""))
