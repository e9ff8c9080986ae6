"""`make test` as a person runs and interrupts it, with programs of ours in place of pytest and the installation."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="no make on this machine")

INSTALLS_FOR_EVER = '#!/bin/sh\necho > "$STARTED"\nexec sleep 600\n'
FAILS = '#!/bin/sh\nread begun < "$STARTED"\nexit 3\n'
TESTS_FOR_EVER = '#!/bin/sh\nread begun < "$STARTED"\necho testing\nexec sleep 600\n'


def make_test(tests: str, folder: Path) -> tuple[subprocess.Popen[str], int]:
    """`make test` in a session of its own; and a pipe that ends when all that it started has ended."""
    for name, script in (("python", tests), ("yamabiko", INSTALLS_FOR_EVER)):
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)
    os.mkfifo(folder / "started")
    all_ended, held = os.pipe()
    made = subprocess.Popen(
        ["make", "-C", str(ROOT), "-o", ".venv/tested", "test", f"BIN={folder}", f"TEST_HOME={folder / 'home'}"],
        env={**os.environ, "STARTED": str(folder / "started"), "MAKEFLAGS": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=[held],
        start_new_session=True,
    )
    os.close(held)
    return made, all_ended


def ended(pipe: int) -> bool:
    with os.fdopen(pipe) as file:
        return bool(select.select([file], [], [], 60)[0])


def test_what_is_installed_beside_the_tests_ends_with_them(tmp_path: Path) -> None:
    made, all_ended = make_test(FAILS, tmp_path)
    _, said = made.communicate(timeout=60)
    assert ended(all_ended)
    assert made.returncode == 2
    assert "Error 3" in said, "what the tests left with"


def test_ctrl_c_ends_what_is_installed_too(tmp_path: Path) -> None:
    """It ran on for minutes: a shell's background ignores Ctrl-C."""
    made, all_ended = make_test(TESTS_FOR_EVER, tmp_path)
    assert made.stdout is not None
    assert "testing\n" in iter(made.stdout.readline, "")
    os.killpg(made.pid, signal.SIGINT)
    made.communicate(timeout=60)
    assert ended(all_ended)
    assert made.returncode != 0
