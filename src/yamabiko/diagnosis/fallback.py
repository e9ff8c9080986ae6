"""
Which rung next? Pure: the ladder, where we stand, what happened there.

A death that nobody can explain is tried once more on the same rung, in a fresh
worker; an explained one goes straight to the first rung that the explanation
leaves open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from yamabiko.diagnosis.autopsy import Explanation
from yamabiko.engines.contract import Placement

# Bytes a weight takes, in the order that matters for memory: CTranslate2's names.
_WEIGHT_BYTES = {"int8": 1, "int8_float16": 1, "int8_bfloat16": 1, "int8_float32": 1, "int16": 2,
                 "float16": 2, "bfloat16": 2, "float32": 4}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """Try `rung` next; `again` says that it is the same rung with a fresh worker."""

    rung: int
    again: bool = False


def next_step(
    ladder: Sequence[Placement], at: int, explanation: Explanation, failures_here: int, *, may_fall: bool = True
) -> Step | None:
    """
    `failures_here` counts this failure too: on this rung, since the last answer. None: nothing is left to try.
    """
    if explanation.unknown and failures_here < 2:
        return Step(at, again=True)
    if not may_fall:
        return None
    for rung in range(at + 1, len(ladder)):
        if _is_open(ladder[at], ladder[rung], explanation):
            return Step(rung)
    return None


def _is_open(failed: Placement, candidate: Placement, explanation: Explanation) -> bool:
    if explanation.spoils == "model":
        return False
    if explanation.spoils == "device":
        return candidate.device != failed.device
    if explanation.spoils == "memory":
        return candidate.device != failed.device or _weight(candidate) < _weight(failed)
    return True


def _weight(placement: Placement) -> int:
    return _WEIGHT_BYTES.get(placement.compute_type, 4)
