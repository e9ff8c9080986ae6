"""
A disk that is really full, seen from the shell: nothing half-written, nothing lost, and the next run goes on.

Two ways to fill one without touching the machine's: a file system of a few
pages in a mount namespace of its own, where the machine lets an ordinary user
make one; and the limit on the size of a file, which ends a write in the same
way and is there for everybody. The engine is the scripted one in a real worker.
That nothing is transcribed again is sure, because an engine that is asked again
in the second run fails.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

from program import COMMAND, Result, environment, noise_file, script_file

NEEDS_DEV_FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
ASKED_AGAIN: dict[str, Any] = {"at": "chunk", "do": "raise", "message": "the engine was asked again"}


@dataclass(frozen=True)
class Disk:
    """A file system of its own; its files are seen by the programs that `enter` starts, and below `path`."""

    enter: tuple[str, ...]
    path: Path

    def fill(self, leave_bytes: int) -> Path:
        """A file that takes all the room but this much."""
        filler = self.path / "filler"
        usage = shutil.disk_usage(self.path)
        filler.write_bytes(b"x" * (usage.free - leave_bytes))
        assert shutil.disk_usage(self.path).free <= leave_bytes
        return filler


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Disk]:
    """A tmpfs of `size` mounted at `folder` for as long as its holder reads: it ends with us, however we end."""
    if not (shutil.which("unshare") and shutil.which("nsenter")):
        pytest.skip("no unshare and nsenter on this machine")
    mount = 'mount -t tmpfs -o "size=$1" none "$0" && echo mounted && exec cat'
    with subprocess.Popen(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, str(folder), size],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stderr is not None
        if holder.stdout.readline() != b"mounted\n":
            pytest.skip(f"no file system of one's own here: {holder.stderr.read().decode().strip()}")
        target = ("--target", str(holder.pid))
        enter = ("nsenter", "--preserve-credentials", "--user", "--mount", *target, "--")
        yield Disk(enter, Path(f"/proc/{holder.pid}/root{folder}"))
        holder.stdin.close()


def transcribe(
    recording: Path, script: Path, output: Path, home: Path, *more: str, enter: tuple[str, ...] = (),
    limit: Callable[[], None] | None = None, stdout: int | IO[bytes] = subprocess.PIPE,
    stderr: int | IO[bytes] = subprocess.PIPE, **env: str,
) -> Result:  # fmt: skip
    done = subprocess.run(
        [*enter, *COMMAND, str(recording), "--engine", "scripted", "--model", str(script), "--vad_filter", "False",
         "--output_dir", str(output), *more],
        env=environment(home, **env),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        preexec_fn=limit,
        timeout=120,
        check=False,
    )  # fmt: skip
    result = Result(done.returncode, (done.stdout or b"").decode(), (done.stderr or b"").decode())
    assert "Traceback" not in result.err, result.err
    return result


def receipt(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))["yamabiko"]
    return found


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three stretches of 30, 30 and 5 s; decoded, 4.16 MB."""
    return noise_file(tmp_path_factory.mktemp("full") / "talk.wav", 65)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    folder.mkdir()
    return folder


def test_results_that_find_no_room_are_written_by_the_next_run_from_what_was_kept(
    recording: Path, output: Path, tmp_path: Path
) -> None:
    """The text fits into the last page of the disk, the JSON does not."""
    script = script_file(tmp_path / "script.json", {**ASKED_AGAIN, "skip": 3})
    with small_disk(output, "64k") as disk:
        filler = disk.fill(leave_bytes=4096)
        full = transcribe(recording, script, output, tmp_path, "-f", "txt,json", enter=disk.enter)
        assert full.code == 8, full.err
        assert "talk.wav: disk-full: " in full.err
        assert "No space left on device" in full.err
        assert {path.name for path in disk.path.iterdir()} == {"filler", "talk.txt"}
        text = (disk.path / "talk.txt").read_text("utf-8")
        assert len(set(text.splitlines())) == 3, "what was written is whole"

        filler.unlink()
        again = transcribe(recording, script, output, tmp_path, "-f", "txt,json", enter=disk.enter)
        assert again.code == 0, again.err
        assert receipt(disk.path / "talk.json")["chunks_resumed"] == 3
        document = json.loads((disk.path / "talk.json").read_text("utf-8"))
        assert [segment["text"].strip() for segment in document["segments"]] == text.splitlines()
    assert not list((tmp_path / "state/journals").iterdir()), "what is safely written need not be kept"


def test_a_result_that_may_not_grow_so_large_is_written_by_the_next_run(output: Path, tmp_path: Path) -> None:
    """
    For every user and file system: no file of more than 36 kB. Sound of 0.5 s fits, an answer of 20 kB too; the
    JSON, which holds the text twice, does not.
    """
    recording = noise_file(tmp_path / "talk.wav", 0.5)
    script = script_file(tmp_path / "script.json", {**ASKED_AGAIN, "skip": 1}, says="word " * 4_000)
    full = transcribe(
        recording, script, output, tmp_path, "-f", "json", "--no-guard", limit=lambda: no_file_beyond(36_000)
    )
    assert full.code == 8, full.err
    assert "talk.wav: disk-full: " in full.err
    assert "File too large" in full.err
    assert not list(output.iterdir())

    again = transcribe(recording, script, output, tmp_path, "-f", "json", "--no-guard")
    assert again.code == 0, again.err
    assert receipt(output / "talk.json")["chunks_resumed"] == 1
    assert json.loads((output / "talk.json").read_text("utf-8"))["text"].split() == ["word"] * 4_000


def test_an_older_result_stays_where_the_new_one_finds_no_room(output: Path, tmp_path: Path) -> None:
    recording = noise_file(tmp_path / "talk.wav", 0.5)
    script = script_file(tmp_path / "script.json", says="the older text")
    assert transcribe(recording, script, output, tmp_path, "-f", "txt").code == 0
    script_file(script, says="word " * 8_000)
    full = transcribe(
        recording,
        script,
        output,
        tmp_path,
        "-f",
        "txt",
        "--overwrite",
        "--no-guard",
        limit=lambda: no_file_beyond(36_000),
    )
    assert full.code == 8, full.err
    assert [path.name for path in output.iterdir()] == ["talk.txt"]
    assert (output / "talk.txt").read_text("utf-8").strip() == "the older text"


def test_sound_that_finds_no_room_is_told_before_any_engine_is_asked(
    recording: Path, output: Path, tmp_path: Path
) -> None:
    script = script_file(tmp_path / "script.json", ASKED_AGAIN)
    full = transcribe(recording, script, output, tmp_path, limit=lambda: no_file_beyond(1_000_000))
    assert full.code == 8, full.err
    assert "talk.wav: disk-full: " in full.err
    assert "File too large" in full.err
    assert not list(output.iterdir())
    assert not list((tmp_path / "cache/work").iterdir()), "half-decoded sound would keep the disk full"
    script_file(script)
    assert transcribe(recording, script, output, tmp_path).code == 0


def test_a_home_on_a_full_disk_is_told_and_serves_again_when_there_is_room(
    recording: Path, output: Path, tmp_path: Path
) -> None:
    """All that yamabiko keeps lies on the full disk; the results do not."""
    home = tmp_path / "home"
    home.mkdir()
    script = script_file(tmp_path / "script.json")
    with small_disk(home, "16m") as disk:
        filler = disk.fill(leave_bytes=3_000_000)
        full = transcribe(recording, script, output, home, enter=disk.enter, YAMABIKO_FREE_DISK_BYTES="0")
        assert full.code == 8, full.err
        assert "talk.wav: disk-full: " in full.err
        assert "bytes free where" in full.err
        assert not list(output.iterdir())
        assert not list((disk.path / "cache/work").iterdir())
        filler.unlink()
        again = transcribe(recording, script, output, home, enter=disk.enter, YAMABIKO_FREE_DISK_BYTES="0")
        assert again.code == 0, again.err
    assert len((output / "talk.txt").read_text("utf-8").splitlines()) == 3


def test_a_disk_without_room_for_the_journal_costs_no_text(output: Path, tmp_path: Path) -> None:
    """What would be kept for the next run, 1 MB, finds 0.4 MB beside the decoded sound; this run needs none of it."""
    home = tmp_path / "home"
    home.mkdir()
    recording = noise_file(tmp_path / "talk.wav", 130)  # decoded, 8.3 MB
    script = script_file(tmp_path / "script.json", says="word " * 40_000)
    with small_disk(home, "8500k") as disk:
        result = transcribe(
            recording, script, output, home, "-f", "txt", "--no-guard", enter=disk.enter, YAMABIKO_FREE_DISK_BYTES="0"
        )
    assert result.code == 0, result.err
    assert len((output / "talk.txt").read_text("utf-8").split()) == 5 * 40_000


@NEEDS_DEV_FULL
def test_printing_into_a_full_disk_is_told_and_the_files_are_written(
    recording: Path, output: Path, tmp_path: Path
) -> None:
    script = script_file(tmp_path / "script.json")
    with Path("/dev/full").open("wb") as full:
        result = transcribe(recording, script, output, tmp_path, "--print", "-f", "txt", stdout=full)
    assert result.code == 8, result.err
    assert "disk-full" in result.err
    assert len((output / "talk.txt").read_text("utf-8").splitlines()) == 3


@NEEDS_DEV_FULL
def test_a_log_on_a_full_disk_does_not_cost_the_files_that_come_after(
    recording: Path, output: Path, tmp_path: Path
) -> None:
    """`yamabiko a.wav b.wav 2> log`, with no room for the log."""
    talks = tmp_path / "talks"
    talks.mkdir()
    for name in ("a", "b"):
        shutil.copy(recording, talks / f"{name}.wav")
    with Path("/dev/full").open("wb") as full:
        result = transcribe(talks, script_file(tmp_path / "script.json"), output, tmp_path, "-f", "txt", stderr=full)
    assert sorted(path.name for path in output.iterdir()) == ["a.txt", "b.txt"]
    assert result.code == 0


def no_file_beyond(size_bytes: int) -> None:
    """For this process and all that it starts. Python ignores the signal, so that the write fails with EFBIG."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, size_bytes))
