"""
A failure is a record.

The terminal, JSON, HTTP bodies, the web page and the evaluation report are
views of a `Finding`; nothing else describes what went wrong. `Problem` is the
one exception that carries it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from yamabiko.i18n import Text

Severity = Literal["info", "warning", "error", "unknown"]
"""`unknown`: something is wrong and we cannot say what; never dressed up as a known cause."""

Area = Literal["usage", "input", "engine", "model", "device", "worker", "output"]
"""What the finding is about. Exit codes and HTTP statuses follow from it."""


Cost = Literal["none", "effort", "speed", "accuracy"]


@dataclass(frozen=True, slots=True)
class Remedy:
    """
    A way out, and its price. Remedies are listed cheapest first: accuracy, then speed, then effort.
    """

    what: Text
    command: str | None = None
    cost: Cost = "none"


@dataclass(frozen=True, slots=True)
class Finding:
    """What went wrong, why, how we know, what was done and what a person can do."""

    id: str
    """Kebab-case and stable: programs and people look it up by this name."""
    severity: Severity
    area: Area
    cause: Text
    evidence: tuple[str, ...] = ()
    """Lines quoted from the machine, each starting with where it comes from."""
    remedies: tuple[Remedy, ...] = ()
    we_did: Text | None = None

    def of_engine(self, engine: str) -> Finding:
        """With commands that name the engine, where they are written for any: `yamabiko engines repair NAME`."""
        return replace(self, remedies=tuple(replace(one, command=_named(one.command, engine)) for one in self.remedies))

    def with_we_did(self, we_did: Text) -> Finding:
        return replace(self, we_did=we_did)


def _named(command: str | None, engine: str) -> str | None:
    return command and re.sub(r"(?<=yamabiko engines )(repair|verify|install) NAME\b", rf"\1 {engine}", command)


class Problem(Exception):
    """Raised where the work cannot go on; carries the Finding that says why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(f"{finding.id}: {finding.cause.en}")
        self.finding = finding


def our_bug(error: Exception, *evidence: str, remedies: tuple[Remedy, ...] = ()) -> Finding:
    """What nobody expected: said to be our mistake. What the error says may be a client's words, and is not quoted."""
    return Finding(
        id="yamabiko-bug",
        severity="error",
        area="worker",
        cause=Text(
            f"yamabiko itself failed ({type(error).__name__}). This is our mistake, not yours.",
            f"yamabiko 自体の不具合です（{type(error).__name__}）。操作の誤りではありません。",
        ),
        evidence=evidence,
        remedies=remedies,
    )
