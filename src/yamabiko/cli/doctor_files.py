"""Files that a person hands to the doctor, and the one that it writes: each refusal names what is there instead."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from yamabiko.diagnosis.log_lines import as_text
from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.i18n import Text

LONGEST_BYTES, MOST_LINES = 1_000_000, 5_000
"""Of a log: its newest, since that is where it failed."""
MOST_READ_BYTES = 500_000_000
"""From a pipe, which has no end to jump to; one that never ends would be read for ever."""


@dataclass(frozen=True, slots=True)
class Log:
    lines: tuple[str, ...]
    cut: bool = False
    """Older lines were left out."""


# ---- a log ----------------------------------------------------------------------------------------------------------


def read_log(log: Path) -> Log:
    """The newest lines of a log; `-` is standard input. Raises: Problem (log-unreadable)."""
    try:
        if str(log) == "-":
            data, cut = _newest(sys.stdin.buffer)
        else:
            with _opened(log) as file:
                data, cut = _newest(file)
    except OSError as error:
        raise Problem(_unreadable(log, str(error), *_instead(log, error))) from None
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    text = as_text(data.decode("utf-16" if wide else "utf-8", "replace"))
    if text is None:
        raise Problem(_unreadable(log, "this is no text", *_instead(log, None)))
    lines = text.splitlines()
    return Log(tuple(lines[-MOST_LINES:]), cut or len(lines) > MOST_LINES)


def _opened(log: Path) -> IO[bytes]:
    """Raises: OSError, also for what is no file of lines: a folder, a device that never ends."""
    kind = os.stat(log).st_mode
    if not (stat.S_ISREG(kind) or stat.S_ISFIFO(kind) or stat.S_ISDIR(kind)):
        raise OSError(f"{log} is neither a file nor a pipe")
    return log.open("rb")


def _newest(file: IO[bytes]) -> tuple[bytes, bool]:
    """The last whole lines of at most so many bytes, and whether there were more."""
    if _is_plain(file):
        return _end_of_file(file)
    kept, read, cut = b"", 0, False
    while read < MOST_READ_BYTES and (block := file.read(1 << 20)):
        read += len(block)
        kept += block
        if len(kept) > 2 * LONGEST_BYTES:
            kept, cut = kept[-LONGEST_BYTES:], True
    return (_whole_lines(kept[-LONGEST_BYTES:]), True) if cut or len(kept) > LONGEST_BYTES else (kept, False)


def _is_plain(file: IO[bytes]) -> bool:
    """Not so a pipe, nor what stands in for standard input inside a program."""
    try:
        return stat.S_ISREG(os.fstat(file.fileno()).st_mode)
    except io.UnsupportedOperation:
        return False


def _end_of_file(file: IO[bytes]) -> tuple[bytes, bool]:
    start = file.tell()
    size = os.fstat(file.fileno()).st_size - start
    mark = file.read(2) if size > LONGEST_BYTES else b""
    if size <= LONGEST_BYTES:
        return file.read(LONGEST_BYTES), False
    wide = mark in (b"\xff\xfe", b"\xfe\xff")
    file.seek(start + size - LONGEST_BYTES + size % 2 * wide)
    data = file.read(LONGEST_BYTES)
    return (mark + data if wide else _whole_lines(data)), True


def _whole_lines(data: bytes) -> bytes:
    return data.partition(b"\n")[2] or data


def _instead(log: Path, error: OSError | None) -> tuple[Remedy, ...]:
    """What helps depends on what is there."""
    if isinstance(error, FileNotFoundError):
        where = Path.cwd() if not log.is_absolute() else log.parent
        return (
            Remedy(
                Text(f"Check the name: it was looked for in {where}", f"名前を確かめる（{where} を探しました）"),
                f"ls -lt {where}",
            ),
        )
    if isinstance(error, IsADirectoryError):
        return (
            Remedy(
                Text("Name one file in it; the newest stands first", "中のファイルをひとつ指定する（先頭が最新）"),
                f"ls -t {log}",
            ),
        )
    if isinstance(error, PermissionError):
        return (
            Remedy(
                Text("Let one who may read it hand it over", "読める権限で渡す"),
                f"sudo cat {log} | yamabiko doctor --log -",
            ),
        )
    if error is None and str(log) != "-":
        return (
            Remedy(Text("Name a file of text", "テキストのファイルを指定する"), "yamabiko doctor --log FILE"),
            Remedy(Text("If it is a recording, transcribe it", "録音なら文字起こしする"), f"yamabiko {log}"),
        )
    return (
        Remedy(
            Text("Hand over what the program prints", "プログラムの出力を渡す"),
            "PROGRAM 2>&1 | yamabiko doctor --log -",
        ),
    )


def _unreadable(log: Path, why: str, *remedies: Remedy) -> Finding:
    return Finding(
        id="log-unreadable",
        severity="error",
        area="usage",
        cause=Text(f"The log cannot be read: {log}", f"ログを読み取れません: {log}"),
        evidence=(f"{log}: {why}",),
        remedies=remedies,
    )


# ---- the report -----------------------------------------------------------------------------------------------------


def check_place(path: Path) -> None:
    """
    Before the work: can it be written there, and is nothing lost. No folder is made.

    Raises: Problem (output-not-writable; usage, where a file is there that is no report of ours).
    """
    try:
        if path.is_file() and not _is_report(path):
            raise Problem(_other_file(path))
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        os.stat(path.parent)
    except OSError as error:
        raise Problem(_unwritable(path, error)) from None


def write_report(path: Path, text: str) -> None:
    """All of it or nothing: a disk that is full leaves what was there. Raises: Problem (output-not-writable)."""
    try:
        if path.exists() and not path.is_file():  # a pipe, /dev/stdout
            path.write_text(text, "utf-8")
            return
        final = path.resolve()
        fresh = final.with_name(f".{final.name}.{os.getpid()}")
        try:
            fresh.write_text(text, "utf-8")
            if final.exists():
                shutil.copymode(final, fresh)
            fresh.replace(final)
        finally:
            fresh.unlink(missing_ok=True)
    except OSError as error:
        raise Problem(_unwritable(path, error)) from None


def _is_report(path: Path) -> bool:
    """One of ours, or an empty file such as mktemp makes."""
    if path.stat().st_size == 0:
        return True
    try:
        record = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError):
        return False
    return isinstance(record, dict) and isinstance(record.get("facts"), dict) and "findings" in record


def _other_file(path: Path) -> Finding:
    return Finding(
        id="usage",
        severity="error",
        area="usage",
        cause=Text(
            f"{path} is there already and is no report of the doctor's: it is left as it is.",
            f"{path} は既に存在し、診断の保存ファイルではありません。上書きしません。",
        ),
        evidence=(f"{path}: holds no facts",),
        remedies=(Remedy(Text("Choose another name", "別の名前にする"), "yamabiko doctor --save FILE"),),
    )


def _unwritable(path: Path, error: OSError) -> Finding:
    first = Remedy(Text("Save it somewhere else", "別の場所に保存する"), "yamabiko doctor --save FILE")
    if isinstance(error, FileNotFoundError) and not path.parent.exists():
        first = Remedy(
            Text("Make the folder, or name one that is there", "フォルダーを作るか、既にある場所を指定する"),
            f"mkdir -p {path.parent}",
        )
    return Finding(
        id="output-not-writable",
        severity="error",
        area="output",
        cause=Text(f"The file cannot be written: {path}", f"ファイルに書き込めません: {path}"),
        evidence=(f"system: {error.strerror or error}: {path}",),  # it may have met our passing name
        remedies=(first,),
    )
