"""How a worker failed. What it means is for `diagnosis` to say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from yamabiko.children import Ending
from yamabiko.engines.contract import Placement

Phase = Literal["start", "load", "first answer", "answers"]


@dataclass(frozen=True, slots=True)
class WorkerExit:
    """How a worker failed, as facts."""

    kind: Literal["died", "silent", "nonsense", "raised", "over-memory", "not-started"]
    phase: Phase
    engine: str
    placement: Placement
    ending: Ending | None
    """How the process ended by itself; None if it lived and we ended it (or it still lives: `raised`)."""
    message: str
    """What was raised, what the nonsense was, how long the silence."""
    raised_kind: str | None = None
    last_words: tuple[str, ...] = ()
    trace: tuple[str, ...] = ()
    resident_bytes: int | None = None
    memory_cap_bytes: int = 0
    foreign_model: str = ""
    """The model that was to be loaded, where it does not lie in our cache; empty for one of ours."""


class WorkerFailed(Exception):
    def __init__(self, exit_: WorkerExit) -> None:
        super().__init__(f"{exit_.engine} on {exit_.placement}: {exit_.kind} while {exit_.phase}: {exit_.message}")
        self.exit = exit_
