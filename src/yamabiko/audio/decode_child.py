"""
The decoder's own process: `python -P -m yamabiko.audio.decode_child JOB`, or a fork of `decode_nurse`.

Media files are hostile input to native code. So they are read here, with limits
on memory, time, output and on opening anything else, and a crash is a result.

Standard input is the life line: it ends when the parent does, and so do we.
Standard output carries one JSON message a line; native libraries that print
are sent to standard error, where the parent keeps the last words.
"""

from __future__ import annotations

import contextlib
import errno
import faulthandler
import io
import json
import math
import os
import shutil
import stat
import sys
import threading
import time
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from yamabiko import children, records
from yamabiko.audio.decode_riff import Beyond, beyond
from yamabiko.speech import SAMPLE_RATE

if TYPE_CHECKING:
    from yamabiko.audio.decode_stream import Stream

BYTES_PER_SAMPLE = 4
PROGRESS_EVERY_S = 0.2
LOOK_AT_DISK_EVERY_BYTES = 8 * 1024 * 1024
LONGEST_LINE = 300
LITTLE_MEMORY_BYTES = 16 * 1024 * 1024
BLAMES_THE_FILE = ("input-not-audio", "input-no-audio-stream", "input-damaged")


@dataclass(frozen=True, slots=True)
class Job:
    source: Path
    part: Path
    """Where to write; renamed to `target` when whole."""
    target: Path
    memory_bytes: int
    timeout_s: float
    longest_s: float
    free_disk_bytes: int


@dataclass(frozen=True, slots=True)
class Progress:
    decoded_s: float
    kind: Literal["progress"] = "progress"


@dataclass(frozen=True, slots=True)
class Done:
    samples: int
    container: str
    codec: str
    sample_rate: int
    channels: int
    stream_index: int
    audio_streams: int
    claimed_s: float | None
    """Length by the file's header; None where it has none or FFmpeg only guesses."""
    errors: int
    error_lines: tuple[str, ...]
    gaps: int
    gap_s: float
    not_finite: int
    scaled_by: float
    beyond: Beyond | None
    """What follows the end that the header claims, and was not read."""
    peak_bytes: int
    """Most memory this process ever held (resident)."""
    kind: Literal["done"] = "done"


@dataclass(frozen=True, slots=True)
class Failed:
    code: str
    evidence: tuple[str, ...] = ()
    kind: Literal["failed"] = "failed"


class CannotUse(Exception):
    """A file we may not read or write; `code` is the finding's id."""

    def __init__(self, code: str, *evidence: str) -> None:
        super().__init__(code, *evidence)
        self.code = code
        self.evidence = evidence


def open_plain(path: Path) -> io.FileIO:
    """
    Open a plain file for reading, and nothing else: opening a FIFO would hang, opening a device may act.

    Raises: CannotUse.
    """
    try:
        before = os.stat(path)
        if not stat.S_ISREG(before.st_mode):
            raise CannotUse("input-not-a-file", f"system: {_what(before.st_mode)}")
        if before.st_size == 0:
            raise CannotUse("input-empty", "system: size 0 bytes")
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
        file = io.FileIO(os.open(path, flags), "rb")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CannotUse("input-missing", f"system: {error}") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise CannotUse("input-unreadable", f"system: {error}") from error
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):  # swapped between the two calls
        file.close()
        raise CannotUse("input-not-a-file", "system: the file was replaced while it was opened")
    return file


def _what(mode: int) -> str:
    kinds = {
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a named pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device (character)",
        stat.S_IFBLK: "a device (block)",
    }
    return kinds.get(stat.S_IFMT(mode), "not a plain file")


def open_part(part: Path) -> int:
    """
    The part file, empty, ours alone until this descriptor is closed.

    A part left by a killed process is taken over; one that a living process
    writes is refused. Raises: CannotUse (output-busy), OSError.
    """
    while True:
        # Never through a link, and never a FIFO: the folder may be shared.
        safely = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT | safely, 0o644)
        if _lock(descriptor) and _still_named(descriptor, part):
            os.ftruncate(descriptor, 0)
            return descriptor
        held = _still_named(descriptor, part)
        os.close(descriptor)
        if held:
            raise CannotUse("output-busy", f"system: {part.name} is locked by another process")


def remove_part(part: Path) -> None:
    """Remove what a dead decoder left, unless another decoder took it over already."""
    with contextlib.suppress(FileNotFoundError, CannotUse):
        os.stat(part)
        descriptor = open_part(part)
        try:
            part.unlink()
        finally:
            os.close(descriptor)


def _lock(descriptor: int) -> bool:
    if sys.platform == "win32":
        return True  # not verified there: two decoders of one target are not kept apart
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        # A file system without locks (some network mounts) is no reason not to decode.
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES)
    return True


def _still_named(descriptor: int, part: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(part))
    except FileNotFoundError:
        return False


class Sink:
    """Writes samples, within the length and the free space allowed, and tells how far it is."""

    def __init__(self, descriptor: int, job: Job, results: int) -> None:
        self._descriptor = descriptor
        self._job = job
        self._results = results
        self._bytes = 0
        self._look_at = 0
        self._tell_at = 0.0

    @property
    def samples(self) -> int:
        return self._bytes // BYTES_PER_SAMPLE

    def write(self, samples: Any) -> None:
        """A float32 array. Raises: CannotUse (input-too-long, disk-full, output-unwritable)."""
        block = memoryview(samples.astype("<f4", copy=False)).cast("B")
        if (self._bytes + len(block)) / BYTES_PER_SAMPLE > self._job.longest_s * SAMPLE_RATE:
            raise CannotUse("input-too-long", f"decoder: {self.samples / SAMPLE_RATE:.1f} s decoded, and more to come")
        if self._bytes + len(block) > self._look_at:
            self._look_at = self._bytes + LOOK_AT_DISK_EVERY_BYTES
            free = free_bytes(self._descriptor, self._job.part)
            if free - LOOK_AT_DISK_EVERY_BYTES < self._job.free_disk_bytes:
                raise CannotUse(
                    "disk-full",
                    f"system: {free} bytes free where {self._job.target.parent} is, "
                    f"{self._job.free_disk_bytes} are to stay free",
                )
        try:
            while block:
                written = os.write(self._descriptor, block)
                self._bytes += written
                block = block[written:]
        except OSError as error:
            raise writing_failed(error) from error
        if time.monotonic() >= self._tell_at:
            self._tell_at = time.monotonic() + PROGRESS_EVERY_S
            send(self._results, Progress(self.samples / SAMPLE_RATE))


def one_line(text: str) -> str:
    """
    A line of native code, fit to be shown: files choose parts of it, and could steer a terminal.
    """
    # Spaces wider than ASCII's stand in names, a Japanese one above all, and steer nothing.
    kept = (
        c if c.isprintable() or unicodedata.category(c) == "Zs" else "\N{REPLACEMENT CHARACTER}" for c in text.strip()
    )
    shown = "".join(kept)
    return shown if len(shown) <= LONGEST_LINE else shown[: LONGEST_LINE - 1] + "…"


def free_bytes(descriptor: int, path: Path) -> int:
    """Space an ordinary user may still use on the file system of an open file."""
    if sys.platform == "win32":
        return shutil.disk_usage(path.parent).free
    found = os.fstatvfs(descriptor)
    return found.f_bavail * found.f_frsize


def writing_failed(error: OSError) -> CannotUse:
    full = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG)
    return CannotUse("disk-full" if error.errno in full else "output-unwritable", f"system: {error}")


def send(results: int, message: Progress | Done | Failed) -> None:
    line = json.dumps(records.to_plain(message)).encode() + b"\n"
    while line:
        line = line[os.write(results, line) :]


class Part:
    """The part file of this job, once it is ours."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.descriptor: int | None = None

    def take(self) -> int:
        self.descriptor = open_part(self._path)
        return self.descriptor

    def become(self, target: Path) -> None:
        """Whole: the part file gets its name. Raises: OSError."""
        assert self.descriptor is not None
        if sys.platform == "win32":  # an open file cannot be renamed there
            os.close(self.descriptor)
        os.replace(self._path, target)

    def drop(self) -> None:
        """Remove it, if it is ours and not another's by now."""
        if self.descriptor is not None:
            with contextlib.suppress(OSError):  # the parent looks again
                if _still_named(self.descriptor, self._path):
                    self._path.unlink()


def _end_with_parent(part: Part) -> None:
    """The life line ends only when the parent closes it or is gone."""
    while os.read(0, 1):
        pass
    part.drop()
    os._exit(1)


def _limit(job: Job) -> None:
    """From here on this process computes, writes one file, and can open nothing: no file, no socket, no program."""
    children.limit_memory(job.memory_bytes)
    longest_bytes = math.ceil(min(job.longest_s, 1e9) * SAMPLE_RATE) * BYTES_PER_SAMPLE
    children.limit_file_size(longest_bytes + 1024 * 1024)
    if sys.platform != "win32":
        import resource

        # One busy thread: the parent's clock is always first, unless the parent is gone.
        seconds = math.ceil(min(job.timeout_s, 1e9)) + 60
        _, most = resource.getrlimit(resource.RLIMIT_CPU)
        if most == resource.RLIM_INFINITY or seconds < most:
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))


def _answer(job: Job, part: Part, results: int) -> Done | Failed:
    # Made now: when memory is out, nothing can be made. The imports are ours and stand outside the limits.
    out_of_memory = Failed("decode-limit", (f"decoder: memory ran out at the limit of {job.memory_bytes} bytes",))
    from yamabiko.audio import decode_stream, decode_walls

    sink: Sink | None = None
    try:
        with open_plain(job.source) as source:
            sink = Sink(part.take(), job, results)
            decode_stream.warm_up()
            _limit(job)
            unread = beyond(source)
            stream = decode_stream.decode(source, job.source.suffix, sink.write)
        if not sink.samples and stream.complaints.count:
            raise CannotUse("input-damaged", *(f"decoder: {line}" for line in stream.complaints.lines()))
        part.become(job.target)
        return _done(stream, sink.samples, unread)
    except (CannotUse, decode_walls.Refused) as refusal:
        failed = Failed(refusal.code, refusal.evidence)
        if refusal.code in BLAMES_THE_FILE and _memory_is_short():
            failed = out_of_memory
    except MemoryError:
        failed = out_of_memory
    except OSError as error:  # reading is handled where it happens: this is the part file
        failed = Failed(writing_failed(error).code, (f"system: {error}",))
    part.drop()
    return failed


def _memory_is_short() -> bool:
    """FFmpeg often takes a failed allocation for damage in the file; then the file must not be blamed."""
    try:
        bytearray(LITTLE_MEMORY_BYTES)
    except MemoryError:
        return True
    return False


def _done(stream: Stream, samples: int, unread: Beyond | None) -> Done:
    return Done(
        samples=samples,
        container=stream.container,
        codec=stream.codec,
        sample_rate=stream.sample_rate,
        channels=stream.channels,
        stream_index=stream.index,
        audio_streams=stream.audio_streams,
        claimed_s=stream.claimed_s,
        errors=stream.complaints.count,
        error_lines=stream.complaints.lines(),
        gaps=stream.gaps,
        gap_s=stream.gap_s,
        not_finite=stream.not_finite,
        scaled_by=stream.scaled_by,
        beyond=unread if stream.container == "wav" else None,
        peak_bytes=_peak_bytes(),
    )


def _peak_bytes() -> int:
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def work(job: Job) -> NoReturn:
    """One job, one answer. Ends without Python's teardown: nothing is left to tear down."""
    results = os.dup(1)
    os.dup2(2, 1)
    children.never_dump_core()
    children.be_first_to_die()
    faulthandler.enable(all_threads=False)  # or the handler may crash at a thread that runs on: another signal
    part = Part(job.part)
    threading.Thread(target=_end_with_parent, args=(part,), name="life-line", daemon=True).start()
    send(results, _answer(job, part, results))
    os._exit(0)


if __name__ == "__main__":
    work(records.from_plain(Job, json.loads(sys.argv[1])))
