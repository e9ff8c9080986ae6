"""
The process that a server's decoders are forked from: `python -P -m yamabiko.audio.decode_nurse`.

Starting Python and loading FFmpeg's libraries takes a third of a second of
processor time for each recording, more than decoding a short one. Here it is
done once. This process never reads a recording: each fork reads one, within
its own limits, and ends.

Standard input is a socket. A message on it is a job, with four descriptors: the
fork's standard input, output and error, and a pipe on which this process writes
the fork's number at once and `os.waitstatus_to_exitcode` of it in the end.
When the socket is closed, this process ends; its forks have life lines of their own.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import traceback
from typing import NoReturn

from yamabiko import children, records
from yamabiko.audio import decode_child

LONGEST_JOB_BYTES = 64 * 1024
DESCRIPTORS = 4


def main() -> None:
    from yamabiko.audio import decode_stream

    control = socket.socket(fileno=0)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    children.never_dump_core()
    decode_stream.warm_up()
    forks: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([control.fileno(), woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _tell_who_ended(forks)
        if control.fileno() in ready:
            message, given, _, _ = socket.recv_fds(control, LONGEST_JOB_BYTES, DESCRIPTORS)
            if not message:
                return
            _fork(message, given, forks, (control.fileno(), woken, wake))


def _fork(message: bytes, given: list[int], forks: dict[int, int], own: tuple[int, ...]) -> None:
    """A job that is none, or a machine without another process to give: the status pipe ends without a word."""
    try:
        *_, status = given
        if len(given) != DESCRIPTORS:
            raise ValueError(f"{len(given)} descriptors")
        job = records.from_plain(decode_child.Job, json.loads(message))
        pid = os.fork()
    except (OSError, ValueError):
        for descriptor in given:
            os.close(descriptor)
        return
    if pid == 0:
        _become(job, given, (*own, *forks.values()))
    for descriptor in given[:-1]:
        os.close(descriptor)
    forks[pid] = status
    _say(status, pid)


def _become(job: decode_child.Job, given: list[int], not_ours: tuple[int, ...]) -> NoReturn:
    """The fork, as if it had been started by itself."""
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number, descriptor in enumerate(given[:3]):
            os.dup2(descriptor, number)
        for descriptor in {*given, *not_ours} - {0, 1, 2}:
            os.close(descriptor)
        decode_child.work(job)
    except Exception:  # noqa: BLE001 - whatever was raised, the nurse's loop is not ours
        traceback.print_exc()
    finally:
        os._exit(1)


def _tell_who_ended(forks: dict[int, int]) -> None:
    while forks:
        pid, state = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        status = forks.pop(pid)
        _say(status, os.waitstatus_to_exitcode(state))
        os.close(status)


def _say(status: int, number: int) -> None:
    with contextlib.suppress(BrokenPipeError):  # nobody wants to know any more
        os.write(status, b"%d\n" % number)


if __name__ == "__main__":
    main()
