"""
What every child process of ours has in common: limits, last words, an end with a name.

Used by the decoder's child and by engine workers. The upper half runs in the
child, imports with the standard library alone, and never raises for a limit
that a platform lacks; the lower half runs in the parent.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, Protocol

# ---- in the child ---------------------------------------------------------------------------------------------------


def limit_memory(limit_bytes: int) -> None:
    """
    Allocations beyond `limit_bytes` of private memory fail, in this process alone.

    RLIMIT_DATA, not RLIMIT_AS: address space that is only reserved (thread
    stacks, CUDA, allocator arenas) must not count. Linux counts private
    writable mappings since 4.7; macOS and Windows have no such limit, there the
    parent's watch over resident memory is the only one (not verified there).
    """
    if sys.platform == "linux" and limit_bytes > 0:
        import resource

        _set_limit(resource.RLIMIT_DATA, limit_bytes)


def limit_file_size(limit_bytes: int) -> None:
    """A file that grows beyond `limit_bytes` ends the write with EFBIG, not the disk."""
    if sys.platform != "win32":
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # an error from write(), not a death
        _set_limit(resource.RLIMIT_FSIZE, limit_bytes)


def _set_limit(kind: int, limit_bytes: int) -> None:
    """A stricter limit, of the user's shell or of a container, stands: asking for more would raise."""
    if sys.platform != "win32":
        import resource

        hard = resource.getrlimit(kind)[1]
        limit = limit_bytes if hard == resource.RLIM_INFINITY else min(limit_bytes, hard)
        resource.setrlimit(kind, (limit, limit))


def be_first_to_die() -> None:
    """When memory runs out, the kernel takes this process, not its parent or the user's desktop."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # a hardened container may forbid it: then nothing changes
            Path("/proc/self/oom_score_adj").write_text("1000")


def die_with_parent(parent_pid: int) -> None:
    """
    The kernel kills this process when the *thread* that started it ends.

    So only for children begun with `start_lasting`. PR_SET_PDEATHSIG is 1, in
    linux/prctl.h. Elsewhere the end of the channel must do (not verified there).
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)
        if os.getppid() != parent_pid:
            os._exit(1)  # the parent was gone before we asked


def never_dump_core() -> None:
    """A crash is a result here; a core file of several GB in the user's folder is not."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


# ---- in the parent --------------------------------------------------------------------------------------------------


_LISTS = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PATH")
"""Variables that hold folders: what is set goes before what is there."""


UNTOLD = {"ORT_DISABLE_TELEMETRY": "1", "PYANNOTE_METRICS_ENABLED": "0"}
"""
For every child that may load an engine. onnxruntime from 1.29 on tells its makers about each model that it opens, and
leaves files in the home, unless this is set before it is loaded; asking it afterwards is too late (microsoft/onnxruntime#27379).
pyannote.audio 4 sends its makers the length of each recording and the number of speakers (telemetry/metrics.py).
"""


def with_variables(surroundings: Mapping[str, str], changes: Iterable[tuple[str, str | None]]) -> dict[str, str]:
    """An environment for a child: `changes` are set, or taken away where they are None."""
    result = dict(surroundings)
    for name, value in changes:
        if value is None:
            result.pop(name, None)
        elif name in _LISTS and result.get(name):
            result[name] = os.pathsep.join([value, result[name]])
        else:
            result[name] = value
    return result


def _new_starter() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="start-children")


STUCK_S = 10.0
"""A process that is killed and not gone by then is stuck in the kernel."""

_starter = _new_starter()


def _renew_starter() -> None:
    """Threads do not come along into a forked process: there the old starter would wait for ever."""
    global _starter
    _starter = _new_starter()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_renew_starter)


def start_lasting(command: Sequence[str], **how: Any) -> subprocess.Popen[bytes]:
    """
    `Popen` from the one thread that ends with the program, as `die_with_parent` needs.

    The child leads a process group of its own: Ctrl-C reaches us, not it.
    """

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, start_new_session=True, **how)

    return _starter.submit(start).result()


@dataclass(frozen=True, slots=True)
class Ending:
    """How a process ended, in words that can be told apart by a program."""

    kind: Literal["exit", "signal"]
    status: int
    """Exit status, or the signal's number."""
    name: str
    """`exit 3`, or the signal's name: `SIGSEGV`."""


def ending(returncode: int) -> Ending:
    """What `Popen.returncode` means."""
    if returncode < 0:
        number = -returncode
        try:
            name = signal.Signals(number).name
        except ValueError:
            name = f"signal {number}"
        return Ending("signal", number, name)
    return Ending("exit", returncode, f"exit {returncode}")


class Child(Protocol):
    """As much of `subprocess.Popen` as whoever watches over a child needs, be it our own or somebody's fork."""

    @property
    def pid(self) -> int: ...

    @property
    def returncode(self) -> int | None: ...

    @property
    def stdin(self) -> IO[bytes] | None: ...

    @property
    def stdout(self) -> IO[bytes] | None: ...

    @property
    def stderr(self) -> IO[bytes] | None: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int:
        """Raises: subprocess.TimeoutExpired."""
        ...

    def kill(self) -> None: ...


class LastWords:
    """
    What a child wrote on standard output and error: the newest `keep_bytes`, kept whatever it floods.

    A thread drains the pipe, so a child never blocks on a full one.
    """

    def __init__(self, stream: IO[bytes], keep_bytes: int = 64 * 1024) -> None:
        self._stream = stream
        self._keep_bytes = keep_bytes
        self._parts: deque[bytes] = deque()
        self._kept = 0
        self._lock = threading.Lock()
        self.total_bytes = 0
        self._thread = threading.Thread(target=self._drain, name="last-words", daemon=True)
        self._thread.start()

    def lines(self, wait_s: float = 0.0) -> tuple[str, ...]:
        """The lines kept so far; after a death, wait a little for the pipe to run dry."""
        if wait_s:
            self._thread.join(wait_s)
        with self._lock:
            text = b"".join(self._parts)[-self._keep_bytes :]
        return tuple(line for line in text.decode("utf-8", "replace").splitlines() if line.strip())

    def _drain(self) -> None:
        with self._stream:
            while block := os.read(self._stream.fileno(), 16 * 1024):
                with self._lock:
                    self._parts.append(block)
                    self._kept += len(block)
                    self.total_bytes += len(block)
                    while self._kept - len(self._parts[0]) >= self._keep_bytes:
                        self._kept -= len(self._parts.popleft())


def resident_bytes(pid: int) -> int | None:
    """Resident memory of a process, or None where it cannot be read (gone, or not Linux)."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def usable_processors() -> int:
    """As many as this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def available_memory_bytes() -> int | None:
    """Memory that can be taken without swapping, within the cgroup's limit; None where unknown."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        available = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return None
    for limit, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        with contextlib.suppress(OSError, ValueError):  # no such cgroup version, or "max"
            available = min(available, int(Path(limit).read_text()) - int(Path(used).read_text()))
    return max(available, 0)


def kill_group(process: Child) -> None:
    """End a child and everything it started. The child must have been started with `start_new_session`."""
    if sys.platform == "win32":
        process.kill()
    else:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # it leads no group yet, or is gone
            with contextlib.suppress(OSError):
                process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):  # stuck in a driver or on a dead disk: not even we can wait
        process.wait(STUCK_S)
