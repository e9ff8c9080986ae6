"""A name that was free when the work was planned, and is not when the result comes: nothing that stands there is lost."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from program import COMMAND, children_of, environment, noise_file, run_program, script_file

STALL = {"at": "chunk", "times": 1, "do": "stall"}
"""The engine waits until the test ends its worker; a second worker then answers."""


def meanwhile(folder: Path, act: Callable[[], None]) -> str:
    """Transcribe aaa.wav and talk.wav, and do `act` while the first is in work; what was said on standard error."""
    for number, name in enumerate(("aaa.wav", "talk.wav")):
        noise_file(folder / name, 2, seed=number + 1)
    script = script_file(folder / "slow.json", STALL, says="A[{seconds:.2f}]")
    counter = Path(f"{script}.counts") / "0"
    counter.parent.mkdir()
    os.mkfifo(counter)  # where the script counts its chances: the worker and we meet there
    command = [*COMMAND, "aaa.wav", "talk.wav", "--engine", "scripted", "--model", str(script), "--verbose"]
    command += ["--vad_filter", "False", "--device", "cpu", "--output_format", "txt"]
    with subprocess.Popen(
        command, cwd=folder, env=environment(folder), stderr=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        assert process.stderr is not None
        said = []
        try:
            for line in process.stderr:
                said.append(line)
                if "worker-ready" in line and not any("worker-ready" in earlier for earlier in said[:-1]):
                    assert counter.read_bytes() == b"."
                    counter.unlink()
                    counter.write_bytes(b".")
                    act()
                    [worker] = children_of(process.pid)
                    os.kill(worker, signal.SIGKILL)
        except BaseException:
            process.kill()  # else it would wait for its engine, and we for it
            raise
    assert process.returncode == 0, "".join(said)
    return "".join(said)


def test_what_another_run_wrote_meanwhile_is_left_and_the_result_gets_its_full_name(tmp_path: Path) -> None:
    def other_run() -> None:
        noise_file(tmp_path / "talk.flac", 2, seed=9)  # the bytes are looked at, not the ending
        fast = script_file(tmp_path / "fast.json", says="B[{seconds:.2f}]")
        result = run_program(
            "talk.flac", "--engine", "scripted", "--model", fast, "--vad_filter", "False", "--output_format", "txt",
            home=tmp_path,
        )  # fmt: skip
        assert "wrote talk.txt" in result.err

    said = meanwhile(tmp_path, other_run)

    assert (tmp_path / "talk.txt").read_text("utf-8").startswith("B[")
    assert (tmp_path / "talk.wav.txt").read_text("utf-8").startswith("A[")
    assert "wrote talk.wav.txt" in said
    assert "wrote talk.txt" not in said


def second_run(folder: Path, *more: str) -> subprocess.Popen[str]:
    """The same again, while the first is at it."""
    command = [*COMMAND, "aaa.wav", "--engine", "scripted", "--model", "slow.json", "--vad_filter", "False"]
    command += ["--device", "cpu", "--output_format", "txt", *more]
    return subprocess.Popen(
        command, cwd=folder, env=environment(folder), stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )


def until(process: subprocess.Popen[str], words: str) -> str:
    """What it says up to a line with these words."""
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if words in line:
            return said
    raise AssertionError(said)


@pytest.mark.parametrize("more", [(), ("--quiet",)], ids=["usual", "quiet"])
def test_a_second_run_on_one_recording_waits_says_so_and_finds_it_done(tmp_path: Path, more: tuple[str, ...]) -> None:
    """Both did all of the work, and neither said a word of the other."""
    waiting: list[subprocess.Popen[str]] = []

    def other_run() -> None:
        waiting.append(second_run(tmp_path, *more))
        until(waiting[0], "aaa.wav: another run is at it; waiting until that one is done (Ctrl-C ends the wait)")

    meanwhile(tmp_path, other_run)

    _, said = waiting[0].communicate()
    assert waiting[0].returncode == 0, said
    assert ("aaa.wav: done already" if not more else "0 done, 1 skipped, 0 failed") in said
    assert "another run" not in said, "once is enough"


def test_ctrl_c_ends_the_wait_for_another_run(tmp_path: Path) -> None:
    def other_run() -> None:
        with second_run(tmp_path) as process:
            until(process, "another run is at it")
            process.send_signal(signal.SIGINT)
            _, said = process.communicate()
        assert process.returncode == 130, said
        assert "Stopped." in said

    meanwhile(tmp_path, other_run)

    assert (tmp_path / "aaa.txt").read_text("utf-8").startswith("A[")


def test_a_second_run_that_writes_elsewhere_goes_on_alone_and_says_so(tmp_path: Path) -> None:
    said = []

    def other_run() -> None:
        with second_run(tmp_path, "--output_dir", "elsewhere") as process:
            said.append(process.communicate()[1])

    meanwhile(tmp_path, other_run)

    assert "recording-in-work: " in said[0]
    assert "keeping no progress" in said[0]
    assert (tmp_path / "elsewhere" / "aaa.txt").read_text("utf-8").startswith("A[")


def test_what_a_person_wrote_meanwhile_is_left_and_told(tmp_path: Path) -> None:
    """One for a recording that is in work, and one for a recording whose turn has not come."""

    def person() -> None:
        for name in ("aaa.txt", "talk.txt"):
            (tmp_path / name).write_text("my own notes", "utf-8")

    said = meanwhile(tmp_path, person)

    assert (tmp_path / "aaa.txt").read_text("utf-8") == "my own notes"
    assert (tmp_path / "aaa.wav.txt").read_text("utf-8").startswith("A[")
    assert "aaa.txt appeared while we worked" in said
    assert (tmp_path / "talk.txt").read_text("utf-8") == "my own notes"
    assert "talk.wav: results are there already, made by something else" in said
