"""What the process says to the shell. docs/command-line.md has the same table."""

from __future__ import annotations

from collections.abc import Sequence

from yamabiko.findings import Area, Finding

OK = 0
USAGE = 2
SOME_FAILED = 7
INTERRUPTED = 130
TERMINATED = 143

BY_AREA: dict[Area, int] = {
    "usage": USAGE,
    "input": 3,
    "engine": 4,
    "model": 4,
    "device": 5,
    "worker": 6,
    "output": 8,
}


def code_for(failures: Sequence[Finding], attempted: int) -> int:
    """One code for the whole run: the failure's own if everything failed alike, else `SOME_FAILED`."""
    codes = {BY_AREA[finding.area] for finding in failures}
    if not codes:
        return OK
    return codes.pop() if len(codes) == 1 and len(failures) == attempted else SOME_FAILED
