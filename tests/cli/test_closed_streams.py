"""
Standard streams that are closed, full, or a pipe that nobody reads: as cron, service managers and `| head` leave them.

The shell closes them; the program and its scripted engine are real.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from program import COMMAND, environment, noise_file, script_file

NEEDS_DEV_FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")


@pytest.fixture
def talks(tmp_path: Path) -> Path:
    """Two recordings in `tmp_path`, and the script of their engine."""
    for name in ("a.wav", "b.wav"):
        noise_file(tmp_path / name, 0.5)
    script_file(tmp_path / "script.json")
    return tmp_path


TRANSCRIBE = "a.wav b.wav --engine scripted --model script.json --vad_filter False -f txt"


def shell(
    line: str, redirected: str, home: Path, stdout: int | None = None, stderr: int | None = None
) -> tuple[int, str, str]:
    """`yamabiko <line> <redirected>` as sh runs it."""
    done = subprocess.run(
        ["sh", "-c", f"exec {shlex.join(COMMAND)} {line} {redirected}"],
        cwd=home,
        env=environment(home),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if stdout is None else stdout,
        stderr=subprocess.PIPE if stderr is None else stderr,
        timeout=120,
        check=False,
    )
    return done.returncode, (done.stdout or b"").decode(), (done.stderr or b"").decode()


@pytest.fixture
def unread() -> Iterator[int]:
    """The end of a pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


@pytest.mark.parametrize("redirected", ["2>&-", "<&- >&- 2>&-"])
def test_every_file_is_done_where_nothing_can_be_said(redirected: str, talks: Path) -> None:
    code, _, said = shell(TRANSCRIBE, redirected, talks)
    assert code == 0, said
    assert {path.name for path in talks.glob("*.txt")} == {"a.txt", "b.txt"}


@pytest.mark.parametrize("more", ["", "--verbose"])
def test_every_file_is_done_where_nobody_reads_what_is_said(more: str, unread: int, talks: Path) -> None:
    """`yamabiko a.flac b.flac 2>&1 | head -1`: the second file was never begun."""
    code, _, _ = shell(f"{TRANSCRIBE} {more}", "", talks, stdout=unread, stderr=unread)
    assert code == 0
    assert {path.name for path in talks.glob("*.txt")} == {"a.txt", "b.txt"}


def test_results_that_were_to_be_printed_and_could_not_are_told_and_the_files_written(talks: Path) -> None:
    code, _, said = shell(f"{TRANSCRIBE} --print", ">&-", talks)
    assert code == 8, said
    assert "a.wav: output-not-writable: The result could not be printed on standard output (it is closed)." in said
    assert "Bad file descriptor" in said
    assert {path.name for path in talks.glob("*.txt")} == {"a.txt", "b.txt"}


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("engines list", 8),
        ("models list", 8),
        ("models list --json", 8),
        ("doctor --quick", 2),
        ("doctor --quick --json", 2),
        ("doctor --explain cuda-oom", 2),
        ("--help", 8),
        ("models --help", 8),
        ("--version", 8),
    ],
)
def test_a_closed_standard_output_is_told(line: str, code: int, tmp_path: Path) -> None:
    left, _, said = shell(line, ">&-", tmp_path)
    assert left == code, said
    assert "output-not-writable" in said
    assert "yamabiko-bug" not in said


@NEEDS_DEV_FULL
@pytest.mark.parametrize(("line", "code"), [("--help", 8), ("doctor --quick", 2)])
def test_a_full_standard_output_is_told(line: str, code: int, tmp_path: Path) -> None:
    left, _, said = shell(line, ">/dev/full", tmp_path)
    assert left == code, said
    assert "disk-full" in said
    assert "yamabiko-bug" not in said


@pytest.mark.parametrize(
    "line", ["doctor --quick", "doctor --quick --json", "doctor --explain cuda-oom", "engines list", "--help"]
)
def test_a_reader_that_has_gone_changes_no_exit_code(line: str, unread: int, tmp_path: Path) -> None:
    """`yamabiko doctor --quick | head -1` left with 1, which says that something is wrong with the machine."""
    expected, _, _ = shell(line, "", tmp_path)
    code, _, said = shell(line, "", tmp_path, stdout=unread)
    assert code == expected
    assert said == ""
