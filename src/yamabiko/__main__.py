"""`yamabiko` and `python -m yamabiko`: from here on Ctrl-C is an answer, also while modules are still being read."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

INTERRUPTED = 130


def run() -> None:
    """The console script."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    from yamabiko.cli.main import run as run_command

    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, before)
    run_command()


def _leave(number: int, frame: FrameType | None) -> None:
    """Nothing has begun, so nothing is left to be put away."""
    sys.stderr.write("\n")
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    run()
