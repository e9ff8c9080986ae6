"""
Answers kept while a file is worked on: what is done is not done again.

One file a job in the state folder, one line an answer, flushed to the disk as
it comes. The job is known by the recording (path, size, time of change) and by
everything that shapes the text; another model or prompt is another job, and so is
a model whose files have changed under their path (names, sizes, times of change).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from filelock import FileLock, Timeout

from yamabiko.engines.contract import DetectedLanguage
from yamabiko.records import Malformed, from_plain, to_plain
from yamabiko.speech import Segment, Span

FORGET_AFTER_S = 30 * 24 * 3600.0
VERSION = 1
"""Raised when chunks are cut otherwise or segments mean something else: older journals are then of no use."""


@dataclass(frozen=True, slots=True)
class _Line:
    span: Span
    segments: tuple[Segment, ...]


def fingerprint(recording: Path, shaping: object) -> str:
    """A name for the job: `shaping` is everything besides the recording that the text depends on."""
    status = recording.stat()
    facts = [VERSION, str(recording.resolve()), status.st_size, status.st_mtime_ns, to_plain(shaping)]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def files_of(model: str) -> list[tuple[str, int, int]]:
    """Name, size and time of change of a model's file, or of each in its folder; what is hidden is no part of it."""
    if not model:
        return []
    path = Path(model)
    with contextlib.suppress(OSError):  # no folder: a file, or gone, which the engine will tell
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        statuses = [(file.name, file.stat()) for file in files if not file.name.startswith(".")]
        return [(name, status.st_size, status.st_mtime_ns) for name, status in statuses]
    return []


class Journal:
    """
    Answers by chunk, from `open_journal`; a second process on the same job gets one that remembers nothing, and says so.
    """

    def __init__(self, path: Path | None, lock: FileLock | None = None, *, elsewhere: bool = False) -> None:
        self.elsewhere = elsewhere
        """Another process is at this very job, and keeps its journal: this one keeps nothing."""
        self._path = path
        self._lock = lock
        self._file: IO[bytes] | None = None
        self._answers: dict[Span, tuple[Segment, ...]] = {}
        self.language: DetectedLanguage | None = None
        if path is not None:
            self._read(path)

    def __len__(self) -> int:
        return len(self._answers)

    def answer(self, span: Span) -> tuple[Segment, ...] | None:
        """What was answered for this very stretch, or None."""
        return self._answers.get(span)

    def keep_language(self, language: DetectedLanguage) -> None:
        self.language = language
        self._write({"language": to_plain(language)})

    def keep(self, span: Span, segments: tuple[Segment, ...]) -> None:
        self._answers[span] = segments
        self._write(to_plain(_Line(span, segments)))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._lock is not None:
            self._lock.release()

    def _read(self, path: Path) -> None:
        """What stands there; a line that a crash or a full disk cut short ends it, and is taken off."""
        good = 0
        with contextlib.suppress(FileNotFoundError):
            for line in path.read_bytes().splitlines(keepends=True):
                try:
                    if not line.endswith(b"\n"):
                        raise Malformed("cut short")
                    self._take(json.loads(line.decode("utf-8", "surrogatepass")))
                except (ValueError, Malformed):
                    break
                good += len(line)
            if path.stat().st_size > good:
                os.truncate(path, good)  # or what comes now would hang on to half a line, and be lost with it

    def _take(self, line: Any) -> None:
        if isinstance(line, dict) and "language" in line:
            self.language = from_plain(DetectedLanguage, line["language"])
        else:
            kept = from_plain(_Line, line)
            self._answers[kept.span] = kept.segments

    def _write(self, line: dict[str, Any]) -> None:
        """A disk that is full costs the memory of what was done, not the work itself."""
        if self._path is None:
            return
        good: int | None = None
        try:
            if self._file is None:
                self._file = self._path.open("ab", buffering=0)
            good = self._path.stat().st_size
            data = (json.dumps(line, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")
            if self._file.write(data) != len(data):
                raise OSError("half a line")
            os.fsync(self._file.fileno())
        except OSError:
            if good is not None:
                with contextlib.suppress(OSError):  # not even that: the next reader takes the half line off
                    os.truncate(self._path, good)


@contextlib.contextmanager
def open_journal(folder: Path, name: str) -> Iterator[Journal]:
    """The journal of a job. It stays when the job is done: `discard` it when the result is safe."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _forget_old(folder)
        lock = FileLock(folder / f"{name}.lock", timeout=0)
        lock.acquire()
    except Timeout:
        journal = Journal(None, elsewhere=True)
    except OSError:
        journal = Journal(None)
    else:
        journal = Journal(folder / f"{name}.jsonl", lock)
    try:
        yield journal
    finally:
        journal.close()


def discard(folder: Path, name: str) -> None:
    """The job's result is safe: its answers need not be kept."""
    for suffix in (".jsonl", ".lock"):
        with contextlib.suppress(OSError):  # it stays until it is old
            (folder / f"{name}{suffix}").unlink(missing_ok=True)


def _forget_old(folder: Path) -> None:
    for path in folder.iterdir():
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > FORGET_AFTER_S:
                path.unlink()
