"""
Any recording to one raw file: mono float32 little-endian at 16 kHz.

FFmpeg's libraries are never loaded here. A child process reads the file with
limits on memory, time, output and file access; this side starts it, listens,
and says what happened.
"""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from yamabiko import children, logs, records
from yamabiko.audio import decode_child, decode_findings
from yamabiko.audio.decode_child import BYTES_PER_SAMPLE, CannotUse, Done, Failed, Job, Progress
from yamabiko.audio.decode_start import Start, spawn
from yamabiko.children import Child
from yamabiko.findings import Finding, Problem
from yamabiko.settings import Settings
from yamabiko.speech import SAMPLE_RATE

LONGEST_MESSAGE_BYTES = 64 * 1024
TIME_TO_LEAVE_S = 5.0
"""From its last message to its end."""
LAST_LINES = 8
LOOK_S = 0.25
"""A decoder that says nothing is no reason to work on for somebody who has gone: `progress` is asked as often."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A recording as speech models want it, and what it was before."""

    path: Path
    """Raw float32, little-endian, mono, 16 kHz; an empty file if the recording holds no samples."""
    samples: int
    duration_s: float
    container: str
    codec: str
    source_sample_rate: int
    source_channels: int
    stream_index: int
    """Which stream of the file was heard: FFmpeg's choice, the default or fullest audio stream."""
    notices: tuple[Finding, ...] = ()


class _Nonsense(Exception):
    """The child wrote something that is no message."""


def decode(
    source: Path,
    target: Path,
    settings: Settings,
    progress: Callable[[float], None] | None = None,
    start: Start = spawn,
) -> Decoded:
    """
    Decode `source` into `target`; on any failure `target` is as it was before.

    `progress` is called with the seconds decoded so far, also while there is
    nothing new; what it raises ends the decoder. `start` gives it. One decoder a target: a second one at the same time is refused.
    Raises: Problem (input-*, decode-limit, decoder-died, disk-full, output-*).
    """
    source, target = Path(source), Path(target)
    started = time.monotonic()
    try:
        decode_child.open_plain(source).close()
        _prepare(source, target)
    except CannotUse as refusal:
        raise Problem(decode_findings.refused(refusal.code, source, refusal.evidence)) from refusal
    part = target.with_name(target.name + ".part")
    job = Job(
        source=source.absolute(),
        part=part.absolute(),
        target=target.absolute(),
        memory_bytes=settings.decode_memory_bytes,
        timeout_s=settings.decode_timeout_s,
        longest_s=settings.longest_audio_s,
        free_disk_bytes=settings.free_disk_bytes,
    )
    answer = _run(job, progress or _nobody_listens, start)
    if isinstance(answer, Done):
        result = _result(answer, source, target)
        logs.event(
            "decoded",
            audio_s=result.duration_s,
            seconds=time.monotonic() - started,
            codec=result.codec,
            peak_mib=answer.peak_bytes >> 20,
            notices=",".join(notice.id for notice in result.notices),
        )
        return result
    raise Problem(_explain(answer, job))


def _nobody_listens(_: float) -> None:
    pass


def _prepare(source: Path, target: Path) -> None:
    """Raises: CannotUse, before a child is started for nothing."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and target.samefile(source):
            raise CannotUse("output-is-input", f"system: {target} is the recording")
        if target.is_dir():
            raise CannotUse("output-unwritable", f"system: {target} is a folder")
    except (OSError, ValueError) as error:
        raise CannotUse("output-unwritable", f"system: {error}") from error


def _run(job: Job, progress: Callable[[float], None], start: Start) -> Done | Failed | Finding:
    """The child's answer, or the Finding that says why there is none. Leaves no process and no part file."""
    try:
        process = start(job)
    except OSError as error:  # no processes, memory or descriptors left
        return decode_findings.not_started(job.source, (f"system: {error}",))
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    words = children.LastWords(process.stderr)
    heard: queue.Queue[bytes | None] = queue.Queue(maxsize=64)
    stop = threading.Event()
    listener = threading.Thread(
        target=_listen, args=(process.stdout, heard, stop), name="decoder-messages", daemon=True
    )
    listener.start()
    answer: Done | Failed | Finding | None = None
    try:
        answer = _converse(heard, process, job, progress)
        if isinstance(answer, Done | Failed):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(TIME_TO_LEAVE_S)
    except _Nonsense as nonsense:
        answer = decode_findings.nonsense(job.source, (f"decoder: {nonsense}",))
    finally:
        stop.set()
        children.kill_group(process)
        with contextlib.suppress(OSError):  # the child's end may be gone already
            process.stdin.close()
        listener.join()
        if not isinstance(answer, Done):
            _remove_part(job.part)
    if answer is not None:
        return answer
    end = children.ending(process.wait())
    return decode_findings.died(job.source, end.name, _last_lines(words))


def _listen(stream: IO[bytes], heard: queue.Queue[bytes | None], stop: threading.Event) -> None:
    """Lines go to `heard`, then None. A child that floods us waits for us: the queue is short."""
    with stream:
        while line := stream.readline(LONGEST_MESSAGE_BYTES):
            if not _put(heard, line, stop):
                return
    _put(heard, None, stop)


def _put(heard: queue.Queue[bytes | None], line: bytes | None, stop: threading.Event) -> bool:
    while not stop.is_set():
        try:
            heard.put(line, timeout=0.1)
        except queue.Full:
            continue
        return True
    return False


def _converse(
    heard: queue.Queue[bytes | None],
    process: Child,
    job: Job,
    progress: Callable[[float], None],
) -> Done | Failed | Finding | None:
    """Until the answer (Done, Failed), the time limit (a Finding), or the child's silent end (None)."""
    deadline = time.monotonic() + min(job.timeout_s, threading.TIMEOUT_MAX / 2)
    decoded_s = 0.0
    while True:
        left_s = deadline - time.monotonic()
        try:
            line = heard.get(timeout=min(left_s, LOOK_S)) if left_s > 0 else heard.get_nowait()
        except queue.Empty:
            if left_s > LOOK_S:
                progress(decoded_s)
                continue
            state = "running" if process.poll() is None else "ended"
            evidence = f"decoder: {state}, {decoded_s:.1f} s of sound decoded so far"
            return decode_findings.out_of_time(job.source, job.timeout_s, (evidence,))
        if line is None:
            # The pipe is closed; the process that held it is ending, or hangs with its mouth shut.
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(TIME_TO_LEAVE_S)
            return None
        message = _message(line)
        if not isinstance(message, Progress):
            return message
        decoded_s = message.decoded_s
        progress(decoded_s)


def _message(line: bytes) -> Progress | Done | Failed:
    try:
        value = json.loads(line)
        kinds: dict[str, type[Progress | Done | Failed]] = {"progress": Progress, "done": Done, "failed": Failed}
        return records.from_plain(kinds[value["kind"]], value)
    except (ValueError, KeyError, TypeError) as error:  # Malformed is a ValueError
        raise _Nonsense(f"{line[:120]!r} ({type(error).__name__})") from error


def _remove_part(part: Path) -> None:
    try:
        decode_child.remove_part(part)
    except OSError as error:
        logs.event("part-file-left", path=part, error=error)


def _last_lines(words: children.LastWords) -> tuple[str, ...]:
    lines = words.lines(wait_s=1.0)
    # What native code says stands before faulthandler's list of Python frames; both ends tell something.
    shown = lines if len(lines) <= LAST_LINES else (*lines[: LAST_LINES // 2], "...", *lines[-LAST_LINES // 2 :])
    return tuple(f"decoder stderr: {decode_child.one_line(line)}" for line in shown)


def _explain(answer: Failed | Finding, job: Job) -> Finding:
    if isinstance(answer, Finding):
        return answer
    if answer.code == "input-too-long":
        return decode_findings.too_long(job.source, job.longest_s, answer.evidence)
    if answer.code == "decode-limit":
        return decode_findings.out_of_memory(job.source, job.memory_bytes, answer.evidence)
    return decode_findings.refused(answer.code, job.source, answer.evidence)


def _result(done: Done, source: Path, target: Path) -> Decoded:
    """Raises: Problem, if the file is not what the child said."""
    written = target.stat().st_size
    if written != done.samples * BYTES_PER_SAMPLE:
        evidence = f"system: {written} bytes written, the decoder said {done.samples} samples"
        raise Problem(decode_findings.nonsense(source, (evidence,)))
    return Decoded(
        path=target,
        samples=done.samples,
        duration_s=done.samples / SAMPLE_RATE,
        container=done.container,
        codec=done.codec,
        source_sample_rate=done.sample_rate,
        source_channels=done.channels,
        stream_index=done.stream_index,
        notices=_notices(done, source),
    )


def _notices(done: Done, source: Path) -> tuple[Finding, ...]:
    notices = []
    duration_s = done.samples / SAMPLE_RATE
    held_s = duration_s - done.gap_s
    claimed_s = done.claimed_s if done.claimed_s and done.claimed_s - duration_s > max(1.0, duration_s / 50) else None
    if done.errors or claimed_s is not None:
        evidence = tuple(f"decoder: {line}" for line in done.error_lines)
        if done.errors:
            evidence += (f"decoder: {done.errors} error{decode_findings.plural(done.errors)}",)
        if claimed_s is not None:
            evidence += (f"decoder: {claimed_s:.3f} s by the file's header, {duration_s:.3f} s decoded",)
        if claimed_s is not None:
            notices.append(decode_findings.breaks_off(source, held_s, claimed_s, done.errors, evidence))
        else:
            missing_s = max(0.0, done.claimed_s - held_s) if done.claimed_s else done.gap_s or None
            notices.append(decode_findings.damaged(source, held_s, missing_s, done.errors, evidence))
    if done.beyond is not None:
        notices.append(decode_findings.beyond_header(source, duration_s, done.beyond))
    if done.gaps:
        notices.append(decode_findings.gaps(source, done.gaps, done.gap_s))
    if done.not_finite:
        notices.append(decode_findings.not_finite(source, done.not_finite))
    if done.scaled_by != 1.0:
        notices.append(decode_findings.scaled(source, done.scaled_by))
    if done.audio_streams > 1:
        notices.append(decode_findings.several_streams(source, done.stream_index, done.audio_streams))
    return tuple(notices)
