"""`yamabiko`, `python -m yamabiko` and `yamabiko-whisper`: from here on Ctrl-C is an answer, also while modules are still being read."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType

INTERRUPTED = 130


def run() -> None:
    """The console script `yamabiko`."""
    with _quick_to_leave():
        from yamabiko.cli.main import run as run_command
    run_command()


def run_whisper() -> None:
    """The console script `yamabiko-whisper`."""
    with _quick_to_leave():
        from yamabiko.cli.whisper_command import run as run_command
    run_command()


@contextlib.contextmanager
def _quick_to_leave() -> Iterator[None]:
    """While modules are read, Ctrl-C ends the process without a traceback."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    yield
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, before)


def _leave(number: int, frame: FrameType | None) -> None:
    """Nothing has begun, so nothing is left to be put away."""
    sys.stderr.write("\n")
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    run()
