"""
How a decoder comes to life: as a fresh process, or, where many are needed, forked from one that is warm.

Both are the same to `decode`: three pipes, an end with a name, and the same limits.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import IO

from yamabiko import children, logs, records
from yamabiko.audio.decode_child import Job
from yamabiko.children import Child

Start = Callable[[Job], Child]
"""Raises: OSError, if the machine has no process, memory or descriptor left."""

_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
"""Numpy's threads reserve memory that counts against the limit, and would not be used."""
CAN_FORK = sys.platform == "linux"
"""macOS forbids most of what libraries do to a forked process, and Windows has none."""
WAITS_FOR_NURSE_S, WAITS_FOR_FORK_S = 10.0, 1.0
"""The first fork waits until the nurse has loaded what she hands on; from then on it takes some milliseconds."""
MOST_FAILURES = 3
"""Nurses that fail so often, one after the other, are not for this machine."""
NURSE = ("-P", "-m", "yamabiko.audio.decode_nurse")


def spawn(job: Job) -> Child:
    """A process of its own from the start."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "yamabiko.audio.decode_child", _written(job)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **_ONE_THREAD},
        start_new_session=True,
    )


class Nursery:
    """
    Decoders forked from one nurse. Where that cannot be, or fails, `start` spawns: it costs time and no answer.

    Safe for several threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._nurse: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._failures = 0 if CAN_FORK else MOST_FAILURES
        self._is_ready = False

    def begin(self) -> None:
        """The nurse gets ready while nobody waits for her."""
        with self._lock:
            self._awake()

    def start(self, job: Job) -> Child:
        """As `Start`."""
        with self._lock:
            control = self._awake()
        if control is not None:
            try:
                fork = _forked(control, job, WAITS_FOR_FORK_S if self._is_ready else WAITS_FOR_NURSE_S)
                with self._lock:
                    self._is_ready = True
                    self._failures = 0 if self._failures < MOST_FAILURES else self._failures
                return fork
            except (OSError, ValueError) as error:
                logs.event("decoder-not-forked", error=error)
                with self._lock:
                    self._give_up(control)
        return spawn(job)

    def close(self) -> None:
        with self._lock:
            self._failures = MOST_FAILURES
            if self._control is not None:
                self._give_up(self._control)

    def _awake(self) -> socket.socket | None:
        """Under the lock; None: this machine forks none."""
        if self._control is None and self._failures < MOST_FAILURES:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                try:
                    self._nurse = subprocess.Popen(
                        [sys.executable, *NURSE],
                        stdin=theirs.fileno(),
                        stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL,
                        env={**os.environ, **_ONE_THREAD},
                        start_new_session=True,
                    )
                except OSError:
                    ours.close()
                    self._failures += 1
                    return None
            self._control = ours
        return self._control

    def _give_up(self, control: socket.socket) -> None:
        """Under the lock. Another caller may have given this one up already."""
        if control is not self._control or self._nurse is None:
            return
        control.close()
        children.kill_group(self._nurse)
        self._control = self._nurse = None
        self._is_ready = False
        self._failures += 1


class Fork:
    """A child of the nurse's. What `subprocess.Popen` is for one of our own."""

    def __init__(self, pid: int, status: int, stdin: IO[bytes], stdout: IO[bytes], stderr: IO[bytes]) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdin, self.stdout, self.stderr = stdin, stdout, stderr
        self._status = status
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        with self._lock:
            if self.returncode is None:
                said = _line(self._status, timeout)
                if said is None:
                    raise subprocess.TimeoutExpired("decoder", timeout or 0)
                # A nurse that died cannot tell: whoever watches kills the fork then, as if it hung.
                self.returncode = int(said) if said else -signal.SIGKILL
                os.close(self._status)
            return self.returncode

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


def _forked(control: socket.socket, job: Job, limit_s: float) -> Fork:
    """Raises: OSError, ValueError; then nothing is left open."""
    with contextlib.ExitStack() as theirs, contextlib.ExitStack() as ours:
        descriptors = []

        def pipe(*, reads: bool) -> int:
            """Theirs goes to `descriptors`; ours is returned."""
            pair = os.pipe()
            kept, given = pair if reads else pair[::-1]
            theirs.callback(os.close, given)
            descriptors.append(given)
            return kept

        stdin = ours.enter_context(open(pipe(reads=False), "wb", 0))
        stdout = ours.enter_context(open(pipe(reads=True), "rb"))
        stderr = ours.enter_context(open(pipe(reads=True), "rb", 0))
        status = pipe(reads=True)
        ours.callback(os.close, status)
        socket.send_fds(control, [_written(job).encode("utf-8", "surrogateescape")], descriptors)
        theirs.close()
        pid = _line(status, limit_s)
        if not pid:
            raise OSError("the nurse said nothing" if pid is None else "the nurse could not fork")
        ours.pop_all()
    return Fork(int(pid), status, stdin, stdout, stderr)


def _line(descriptor: int, timeout: float | None) -> bytes | None:
    """One short line; empty at the end; None if nothing came in time."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN | select.POLLHUP)
    if not poll.poll(None if timeout is None else max(0.0, timeout) * 1000):
        return None
    said = b""
    while not said.endswith(b"\n") and (byte := os.read(descriptor, 1)):
        said += byte
    return said


def _written(job: Job) -> str:
    return json.dumps(records.to_plain(job))
