"""Every check, by family: adding one is a line in its family's `CHECKS` and an article of its id."""

from yamabiko.diagnosis.checks import driver, nemo
from yamabiko.diagnosis.checks.contract import Check

CHECKS: tuple[Check, ...] = (*nemo.CHECKS, *driver.CHECKS)

__all__ = ["CHECKS", "Check"]
