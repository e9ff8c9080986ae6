"""A folder for one recording's decoded audio: gone afterwards, also after a kill -9."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.i18n import Text
from yamabiko.settings import Settings


@contextlib.contextmanager
def workspace(settings: Settings) -> Iterator[Path]:
    """
    An empty folder under `settings.work_dir`, removed at the end. Raises: Problem (work-dir-not-writable).

    Its name carries our process number, so that what a killed process left can be told and swept.
    """
    try:
        settings.work_dir.mkdir(parents=True, exist_ok=True)
        _sweep(settings.work_dir)
        folder = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=settings.work_dir))
    except OSError as error:
        raise Problem(_not_writable(settings.work_dir, error)) from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(work_dir: Path) -> None:
    for path in work_dir.iterdir():
        owner = path.name.partition("-")[0]
        if owner.isdecimal() and not _is_running(int(owner)):
            shutil.rmtree(path, ignore_errors=True)


def _is_running(pid: int) -> bool:
    if os.name == "nt":  # os.kill would end it there; leftovers stay (not verified)
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _not_writable(folder: Path, error: OSError) -> Finding:
    return Finding(
        id="work-dir-not-writable",
        severity="error",
        area="output",
        cause=Text(
            f"The folder for temporary audio cannot be used: {folder}",
            f"一時ファイル用のフォルダーが使えません: {folder}",
        ),
        evidence=(f"system: {error}",),
        remedies=(
            Remedy(
                Text("Keep yamabiko's files elsewhere", "保存先を変える"),
                "YAMABIKO_HOME=/path/to/folder yamabiko ...",
                "effort",
            ),
        ),
    )
