"""
The standard streams as a program finds them: closed, on a full disk, a pipe that nobody reads.

What is said on standard error may get lost, the work may not. On standard
output stands what was asked for: where it cannot be written, that is a Problem;
a reader that has gone (`| head`) has read enough.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from typing import Any, TextIO, cast

from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.i18n import Text


def make_safe() -> None:
    """
    Put something behind each standard stream that is closed, and what bears failures before the other two.

    Else the next file that is opened takes the number of the stream, and what
    an engine says on its standard error is written into it.
    """
    # What was closed fails as it did, each way in the wrong direction; standard error alone is not missed.
    sys.stdin = sys.stdin or _opened(0, os.O_WRONLY, "r")
    sys.stdout = sys.stdout or _opened(1, os.O_RDONLY, "w")
    sys.stderr = sys.stderr or _opened(2, os.O_WRONLY, "w")
    sys.stdout = cast(TextIO, _Results(sys.stdout))
    sys.stderr = cast(TextIO, _Messages(sys.stderr))


def _opened(number: int, how: int, mode: str) -> TextIO:
    try:
        os.fstat(number)
    except OSError:
        found = os.open(os.devnull, how)
        if found != number:  # pragma: no cover - the lowest free number is taken, and those below are not free
            os.dup2(found, number)
            os.close(found)
        os.set_inheritable(number, True)
    return cast(TextIO, open(number, mode, encoding="utf-8", errors="replace", closefd=False))


class _Stream:
    """A standard stream whose failures are `failed`'s to judge."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def write(self, text: str) -> int:
        try:
            return self._file.write(text)
        except OSError as error:
            self.failed(error)
            return len(text)

    def flush(self) -> None:
        try:
            self._file.flush()
        except OSError as error:
            self.failed(error)

    def failed(self, error: OSError) -> None:
        _drop(self._file)


class _Messages(_Stream):
    """Standard error: its lines get lost, where the work that they tell of must not."""


class _Results(_Stream):
    """Standard output. Once it has failed it fails: nothing that was asked for vanishes unseen."""

    _lost: OSError | None = None

    def write(self, text: str) -> int:
        """Raises: Problem (disk-full, output-not-writable); `flush` and `put` too."""
        self._still_there()
        return super().write(text)

    def put(self, text: str) -> None:
        """In UTF-8, whatever the console's code page."""
        self._still_there()
        try:
            self._file.buffer.write(text.encode("utf-8", "replace"))
            self._file.buffer.flush()
        except OSError as error:
            self.failed(error)

    def failed(self, error: OSError) -> None:
        super().failed(error)
        self._lost = None if isinstance(error, BrokenPipeError) else error
        self._still_there()

    def _still_there(self) -> None:
        if self._lost is not None:
            raise Problem(_not_printed(self._lost)) from self._lost


def print_result(text: str) -> None:
    """
    A result on standard output, in UTF-8 whatever the console's code page; a closed pipe ends quietly.

    Raises: Problem (disk-full, output-not-writable).
    """
    (sys.stdout if isinstance(sys.stdout, _Results) else _Results(sys.stdout)).put(text)


def _not_printed(error: OSError) -> Finding:
    full = error.errno in (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))
    closed = error.errno == errno.EBADF
    why = Text(" (it is closed)", "（閉じられています）") if closed else Text("", "")
    return Finding(
        id="disk-full" if full else "output-not-writable",
        severity="error",
        area="output",
        cause=Text(
            f"The result could not be printed on standard output{why.en}.",
            f"結果を標準出力に書き込めませんでした{why.ja}。",
        ),
        evidence=(f"writing standard output: {error}",),
        remedies=(Remedy(Text("Send it into a file", "ファイルに書き出す"), "yamabiko ... > FILE"),) if closed else (),
    )


def _drop(file: TextIO) -> None:
    """What is buffered and what follows goes nowhere: else the interpreter fails over it once more when it ends."""
    with contextlib.suppress(OSError, ValueError):  # no file of the system's behind it
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, file.fileno())
        os.close(nowhere)
