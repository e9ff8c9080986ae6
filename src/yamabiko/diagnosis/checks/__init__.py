"""Every check, by family: adding one is a line in its family's `CHECKS` and an article of its id."""

from yamabiko.diagnosis.checks import nemo
from yamabiko.diagnosis.checks.contract import Check

CHECKS: tuple[Check, ...] = (*nemo.CHECKS,)

__all__ = ["CHECKS", "Check"]
