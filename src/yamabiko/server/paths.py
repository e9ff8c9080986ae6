"""
Recordings that lie on this machine already: named by `path` instead of sent.

Only plain files in the allowed folders, after every link was followed. What was
opened is what is used: it is linked or copied into a folder of ours, so that no
later change of a name leads elsewhere, and no clean-up touches the owner's file.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

from yamabiko.findings import Remedy
from yamabiko.i18n import Text
from yamabiko.server.forms import Form, Upload
from yamabiko.server.problems import Refused, refused

_BLOCK = 1 << 20
_FLAGS = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))


def bring(form: Form, folder: Path, allowed: Sequence[str], free_disk_bytes: int) -> None:
    """
    Every `path` of the form becomes a file of it, in `folder`.

    Raises: Refused (path-not-allowed, disk-full); files that were brought before go with the folder.
    """
    for number, given in enumerate(form.fields.pop("path", [])):
        descriptor, real = _open(given, allowed)
        try:
            place = folder / f"path-{number}"
            place.mkdir()
            target = place / real.name
            if not _linked(descriptor, target):
                _copied(descriptor, target, free_disk_bytes)
            form.files.append(("file", Upload(target, real.name, os.fstat(descriptor).st_size)))
        finally:
            os.close(descriptor)


def _open(given: str, allowed: Sequence[str]) -> tuple[int, Path]:
    """Open, and where it really lies. Outside the allowed folders nothing is told of it, not even whether it exists."""
    try:
        if not os.path.isabs(given):
            raise ValueError("no whole path")
        real = Path(given).resolve()
    except (OSError, ValueError, RuntimeError):  # a name with a zero in it, links that go round
        raise _outside(given, allowed) from None
    if not any(_holds(folder, real) for folder in allowed):
        raise _outside(given, allowed)
    try:
        descriptor = os.open(real, os.O_RDONLY | _FLAGS)
    except OSError as error:
        raise _no_file(given, os.strerror(error.errno or errno.EIO)) from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _no_file(given, "it is no plain file")
        lies = Path(os.readlink(f"/proc/self/fd/{descriptor}")) if os.path.isdir("/proc/self/fd") else real
        if not any(_holds(folder, lies) for folder in allowed):  # a folder on the way became a link meanwhile
            raise _outside(given, allowed)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, real


def _holds(folder: str, path: Path) -> bool:
    try:
        return path.is_relative_to(Path(folder).expanduser().resolve())
    except (OSError, RuntimeError):
        return False


def _linked(descriptor: int, target: Path) -> bool:
    """The same bytes under a name of ours, where the file system can and the owner is this user."""
    try:
        if os.fstat(descriptor).st_uid != os.getuid():
            return False
        os.link(f"/proc/self/fd/{descriptor}", target, follow_symlinks=True)
    except (OSError, NotImplementedError, AttributeError):
        return False
    return True


def _copied(descriptor: int, target: Path, free_disk_bytes: int) -> None:
    """Raises: Refused (disk-full)."""
    need, free = os.fstat(descriptor).st_size, shutil.disk_usage(target.parent).free
    if free - need < free_disk_bytes:
        raise _disk_full(
            f"disk: {need} bytes to copy, {free} free, of which {free_disk_bytes} are to be left untouched"
        )
    try:
        with target.open("wb") as made, os.fdopen(os.dup(descriptor), "rb") as source:
            shutil.copyfileobj(source, made, _BLOCK)
    except OSError as error:
        raise _disk_full(f"system: {error.strerror}") from None


def _outside(given: str, allowed: Sequence[str]) -> Refused:
    remedies = (
        Remedy(Text("Send the file itself", "ファイルそのものを送る"), "curl -F file=@talk.mp3 ..."),
        Remedy(
            Text("Allow its folder, on the server", "サーバー側でフォルダーを許可する"),
            "yamabiko serve --allow-folder /srv/recordings",
            "effort",
        ),
    )
    if not allowed:
        cause = Text(
            "This server reads no files by their path.", "このサーバーは、パスで指定されたファイルを読みません。"
        )
    else:
        cause = Text(
            "This path leads to none of the folders that the server may read for its clients.",
            "このパスは、クライアントのために読むことを許可されたフォルダーの中にありません。",
        )
    return refused("path-not-allowed", cause, f"form: path={given[:200]}", param="path", remedies=remedies)


def _no_file(given: str, why: str) -> Refused:
    return refused(
        "path-not-allowed",
        Text(
            "There is no plain file at this path that the server can read.",
            "このパスに、読み取れる通常のファイルがありません。",
        ),
        f"form: path={given[:200]}",
        f"system: {why}",
        param="path",
    )


def _disk_full(why: str) -> Refused:
    return refused(
        "disk-full",
        Text(
            "The server's disk has no room for a copy of the recording.",
            "サーバーのディスクに、録音をコピーする空きがありません。",
        ),
        why,
    )
