"""Put a rendered transcript into a file: the whole of it, or nothing and a Finding that says why."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shlex
import stat
from pathlib import Path

from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.i18n import Text

_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
_WINDOWS_NAME_TOO_LONG = 206


def put(text: str, path: Path) -> None:
    """
    Write `text` as UTF-8 with the line ends it has.

    The file appears whole or not at all, and what stood there before stays
    until then: the text goes to a file of another name in the same folder,
    reaches the disk, and is renamed. A link is followed. A device or pipe
    (/dev/stdout) is written directly, never replaced.

    Raises: Problem (output-not-writable, disk-full, output-name-too-long).
    """
    try:
        _put(text.encode(), path)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name, or a name that no file system can hold
        raise Problem(_explain(error, path)) from error


def _put(data: bytes, path: Path) -> None:
    if path.exists():
        kind = path.stat().st_mode
        if not stat.S_ISREG(kind):
            with path.open("wb") as special:  # a folder is refused here, by its own name
                special.write(data)
            return
        if not os.access(path, os.W_OK):  # a rename would replace even what its owner protected
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    target = Path(os.path.realpath(path))
    part = target.with_name(f".yamabiko-{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as file:
            if target.exists():
                with contextlib.suppress(OSError):  # some file systems know no modes
                    part.chmod(stat.S_IMODE(target.stat().st_mode))
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):  # what went wrong first is what counts
            part.unlink()
        raise


def _explain(error: OSError | ValueError, path: Path) -> Finding:
    name, folder = _readable(path), _readable(path.parent)
    evidence = (f"writing {name}: {_readable(error)}",)
    elsewhere = Remedy(Text("Write to another folder", "別のフォルダーに書き出す"), "yamabiko FILE --output-dir FOLDER")
    number = error.errno if isinstance(error, OSError) else None
    if number in _FULL:
        return Finding(
            id="disk-full",
            severity="error",
            area="output",
            cause=Text(
                f"There is no room to write {name}: the disk, the quota or the limit on file size is used up.",
                f"{name} を書き込む空きがありません。ディスク・割り当て・ファイルサイズのいずれかが上限です。",
            ),
            evidence=evidence,
            remedies=(
                Remedy(Text("See how full the disk is", "ディスクの空きを確かめる"), f"df -h {shlex.quote(folder)}"),
                elsewhere,
            ),
        )
    if number == errno.ENAMETOOLONG or getattr(error, "winerror", None) == _WINDOWS_NAME_TOO_LONG:
        return Finding(
            id="output-name-too-long",
            severity="error",
            area="output",
            cause=Text(
                f"The file system does not take a name as long as {name}.",
                f"ファイル名が長すぎて、このファイルシステムでは作成できません: {name}",
            ),
            evidence=evidence,
            remedies=(
                Remedy(Text("Give the recording a shorter name", "録音ファイルの名前を短くする"), cost="effort"),
                elsewhere,
            ),
        )
    return Finding(
        id="output-not-writable",
        severity="error",
        area="output",
        cause=Text(f"{name} cannot be written.", f"{name} に書き込めません。"),
        evidence=evidence,
        remedies=(
            *(
                (Remedy(Text("Make the folder", "フォルダーを作る"), f"mkdir -p {shlex.quote(folder)}"),)
                if number == errno.ENOENT
                else (
                    Remedy(Text("See who may write there", "書き込み権限を確かめる"), f"ls -ld {shlex.quote(folder)}"),
                )
            ),
            elsewhere,
        ),
    )


def _readable(value: object) -> str:
    """A path or error as text that any terminal and JSON can take, whatever bytes a name holds."""
    return str(value).encode("utf-8", "backslashreplace").decode()
