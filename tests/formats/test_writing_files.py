"""Files on a real disk, and the real refusals of a real kernel."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_transcripts import said

from yamabiko.findings import Finding, Problem
from yamabiko.formats import render, write

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX limits, users and devices")

CHILD = """
import json, os, sys
from pathlib import Path
from yamabiko.findings import Problem
from yamabiko.formats.output import put
{before}
try:
    put("あ" * 100_000, Path(sys.argv[1]))
except Problem as problem:
    print(json.dumps([problem.finding.id, *problem.finding.evidence]))
"""


def refused(path: Path) -> Finding:
    with pytest.raises(Problem) as caught:
        write(said("今日は晴れ"), "srt", path)
    assert caught.value.finding.area == "output"
    assert caught.value.finding.remedies
    return caught.value.finding


def in_child(path: Path, before: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", CHILD.format(before=before), str(path)], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout


def test_the_file_holds_exactly_what_was_rendered(tmp_path: Path) -> None:
    path = tmp_path / "話.srt"
    write(said("今日は晴れ"), "srt", path)
    assert path.read_bytes() == render(said("今日は晴れ"), "srt").encode("utf-8")
    assert [p.name for p in tmp_path.iterdir()] == ["話.srt"]


@posix
def test_a_new_file_has_the_modes_that_the_user_gives_all_files(tmp_path: Path) -> None:
    """Not the 0600 of a temporary file: other people of a shared folder could not read it."""
    path, plain = tmp_path / "a.srt", tmp_path / "plain"
    write(said("a"), "srt", path)
    plain.touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


@posix
def test_an_existing_file_keeps_its_modes_and_a_link_stays_a_link(tmp_path: Path) -> None:
    path, link = tmp_path / "a.srt", tmp_path / "link.srt"
    path.write_text("old")
    path.chmod(0o640)
    link.symlink_to(path)
    write(said("new"), "srt", link)
    assert link.is_symlink()
    assert "new" in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@posix
def test_a_full_disk_is_a_finding_and_leaves_the_old_file_whole(tmp_path: Path) -> None:
    """RLIMIT_FSIZE makes write() fail in the middle, as a full disk does."""
    path = tmp_path / "a.txt"
    path.write_text("what was there before")
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))"
    said_ = in_child(path, limit)
    assert '"disk-full"' in said_
    assert f"[Errno {errno.EFBIG}]" in said_
    assert path.read_text() == "what was there before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_no_space_left_is_a_finding_in_the_systems_own_words() -> None:
    finding = refused(Path("/dev/full"))
    assert finding.id == "disk-full"
    assert "No space left on device" in finding.evidence[0]
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)  # written to, not replaced


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder that other users can reach: pytest's own are closed to them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def as_an_ordinary_user(path: Path) -> str:
    """Root is refused nothing, and tests run as root in containers."""
    return in_child(path, "os.setgid(65534); os.setuid(65534)" if os.geteuid() == 0 else "")


@posix
def test_no_permission_is_a_finding(reachable: Path) -> None:
    folder = reachable / "locked"
    folder.mkdir()
    folder.chmod(0o777)
    assert as_an_ordinary_user(folder / "may.txt") == ""
    folder.chmod(0o555)

    said_ = as_an_ordinary_user(folder / "may not.txt")

    folder.chmod(0o755)
    assert '"output-not-writable"' in said_
    assert "[Errno 13] Permission denied" in said_
    assert [p.name for p in folder.iterdir()] == ["may.txt"]


@posix
def test_a_file_its_owner_protected_is_not_replaced(reachable: Path) -> None:
    """A rename needs no right to the file itself: without a look first, it would be gone."""
    folder = reachable / "open"
    folder.mkdir()
    folder.chmod(0o777)
    path = folder / "a.txt"
    path.write_text("kept")
    path.chmod(0o444)

    said_ = as_an_ordinary_user(path)

    assert '"output-not-writable"' in said_
    assert "[Errno 13] Permission denied" in said_
    assert path.read_text() == "kept"
    assert list(folder.iterdir()) == [path]


def test_a_missing_folder_is_a_finding_with_the_command_that_makes_it(tmp_path: Path) -> None:
    finding = refused(tmp_path / "not here" / "a.srt")
    assert finding.id == "output-not-writable"
    assert "[Errno 2]" in finding.evidence[0]
    assert finding.remedies[0].command == f"mkdir -p '{tmp_path}/not here'"


def test_a_folder_below_a_file_and_a_folder_in_the_files_place_are_findings(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    assert refused(tmp_path / "file" / "a.srt").id == "output-not-writable"
    assert refused(tmp_path / "folder").id == "output-not-writable"
    assert (tmp_path / "folder").is_dir()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]


@posix
def test_a_name_too_long_is_a_finding_and_the_longest_allowed_one_is_not(tmp_path: Path) -> None:
    """255 bytes: 85 kana, and a temporary name must not need more than the name itself."""
    longest = tmp_path / ("あ" * 83 + "ab.srt")
    write(said("a"), "srt", longest)
    assert longest.exists()
    finding = refused(tmp_path / ("あ" * 86 + ".srt"))
    assert finding.id == "output-name-too-long"
    assert [p.name for p in tmp_path.iterdir()] == [longest.name]


@pytest.mark.parametrize("name", ["nul\0.srt", "lone\ud800.srt"])
def test_a_name_that_no_file_can_have_is_a_finding(tmp_path: Path, name: str) -> None:
    finding = refused(tmp_path / name)
    assert finding.id == "output-not-writable"
    finding.cause.ja.encode("utf-8")
    finding.evidence[0].encode("utf-8")


@posix
def test_a_name_in_another_encoding_is_written(tmp_path: Path) -> None:
    """Shift_JIS names from an old archive: bytes that are not UTF-8."""
    path = tmp_path / os.fsdecode("録音.srt".encode("shift_jis"))
    write(said("a"), "srt", path)
    assert os.listdir(os.fsencode(tmp_path)) == ["録音.srt".encode("shift_jis")]


def test_many_processes_writing_one_file_leave_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    code = (
        "import sys; from pathlib import Path; from yamabiko.formats.output import put\n"
        "for _ in range(30): put(sys.argv[2] * 50_000, Path(sys.argv[1]))"
    )
    children = [subprocess.Popen([sys.executable, "-c", code, str(path), letter]) for letter in "abc"]
    assert [child.wait() for child in children] == [0, 0, 0]
    text = path.read_text()
    assert len(text) == 50_000
    assert len(set(text)) == 1
    assert list(tmp_path.iterdir()) == [path]


@posix
def test_an_interrupt_while_writing_leaves_neither_half_a_file_nor_a_temporary_one(tmp_path: Path) -> None:
    """Ctrl-C during the wait for the disk; the signal is real."""
    path = tmp_path / "a.txt"
    code = (
        "import os, signal, sys; from pathlib import Path; from yamabiko.formats import output\n"
        "really = os.fsync\n"
        "def interrupted(fd): os.kill(os.getpid(), signal.SIGINT); really(fd)\n"
        "os.fsync = interrupted\n"
        "try: output.put('a' * 9999, Path(sys.argv[1]))\n"
        "except KeyboardInterrupt: sys.exit(7)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == 7
    assert list(tmp_path.iterdir()) == []
