"""What the doctor is handed may be huge, binary, endless or not there; and what it writes takes nobody's file away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from program import COMMAND, environment, run_program
from yamabiko.cli.doctor_files import LONGEST_BYTES, MOST_LINES, check_place, read_log, write_report
from yamabiko.findings import Problem

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the files of Linux")
ERROR = "RuntimeError: CUDA failed with error out of memory"


def refused(path: Path) -> str:
    """All that the refusal says."""
    with pytest.raises(Problem) as raised:
        read_log(path)
    finding = raised.value.finding
    assert finding.id == "log-unreadable"
    return " ".join([*finding.evidence, *(f"{one.what} {one.command}" for one in finding.remedies)])


def test_of_a_huge_log_the_newest_lines_are_read(tmp_path: Path) -> None:
    log = tmp_path / "huge.log"
    log.write_text("".join(f"line {n} {'x' * 100}\n" for n in range(300_000)) + ERROR + "\n")

    read = read_log(log)

    assert read.cut
    assert read.lines[-1] == ERROR
    assert len(read.lines) <= MOST_LINES
    assert sum(len(line) + 1 for line in read.lines) <= LONGEST_BYTES
    assert all(line.startswith("line ") for line in read.lines[:-1])


def test_that_lines_were_left_out_is_said(tmp_path: Path) -> None:
    result = run_program("doctor", "--quick", "--log", "-", home=tmp_path, stdin=f"fine\n{ERROR}\n" + "fine\n" * 6000)
    assert "newest 5,000 lines" in result.out
    told = json.loads(run_program("doctor", "--quick", "--json", "--log", "-", home=tmp_path, stdin="a\n" * 9000).out)
    assert told["log"] == {"lines": 5000, "cut": True}


def test_a_log_of_windows_is_text_however_long(tmp_path: Path) -> None:
    log = tmp_path / "wide.log"
    log.write_bytes(("前の行\n" * 300_000 + f"{ERROR}\n").encode("utf-16"))
    assert read_log(log).lines[-1] == ERROR


def test_bytes_of_zero_anywhere_are_no_text(tmp_path: Path) -> None:
    log = tmp_path / "talk.wav"
    log.write_bytes(b"a" * 5000 + b"\0" * 10)
    assert f"yamabiko {log}" in refused(log)


@pytest.mark.parametrize("name", ["/dev/urandom", "/dev/zero"])
def test_what_never_ends_is_not_read(name: str) -> None:
    assert "neither a file nor a pipe" in refused(Path(name))


def test_a_pipe_with_a_name_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    if os.fork() == 0:
        (tmp_path / "pipe").write_text(f"{ERROR}\n")
        os._exit(0)
    assert read_log(tmp_path / "pipe").lines == (ERROR,)
    os.wait()


def test_the_way_out_fits_what_is_there(tmp_path: Path) -> None:
    assert f"ls -lt {tmp_path}" in refused(tmp_path / "nosuch")
    assert f"ls -t {tmp_path}" in refused(tmp_path)
    assert "--log - < FILE" not in refused(tmp_path / "nosuch")


def test_no_folder_is_made_for_a_report(tmp_path: Path) -> None:
    result = run_program("doctor", "--quick", "--save", tmp_path / "a/b/r.json", home=tmp_path / "home", cwd=tmp_path)
    assert (result.code, result.out) == (2, "")
    assert "output-not-writable" in result.err
    assert not (tmp_path / "a").exists()


def test_a_folder_that_is_there_and_takes_no_file_is_not_to_be_made(tmp_path: Path) -> None:
    with pytest.raises(Problem) as raised:
        write_report(Path("/proc/x.json"), "{}")
    finding = raised.value.finding
    assert not [one for one in finding.remedies if "mkdir" in (one.command or "")]
    assert finding.evidence[0].endswith(": /proc/x.json")


def test_only_a_report_of_ours_is_written_over(tmp_path: Path) -> None:
    report, other = tmp_path / "r.json", tmp_path / "thesis.json"
    other.write_text('{"chapter": 1}')
    for _ in range(2):
        assert run_program("doctor", "--quick", "--save", report, home=tmp_path).code == 0
    result = run_program("doctor", "--quick", "--save", other, home=tmp_path)
    assert result.code == 2
    assert "no report" in result.err
    assert other.read_text() == '{"chapter": 1}'
    (tmp_path / "empty").touch()
    check_place(tmp_path / "empty")


@pytest.mark.parametrize(("content", "words"), [(None, "There is no file"), ("{}", "no report of the doctor's")])
def test_facts_that_are_none_are_named_for_what_they_are(content: str | None, words: str, tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    if content is not None:
        path.write_text(content)
    result = run_program("doctor", "--facts", path, home=tmp_path)
    assert result.code == 2
    assert words in result.err
    assert "__init__" not in result.err


def test_what_an_engine_said_is_no_command_to_the_terminal(tmp_path: Path) -> None:
    rung = {"environment": "ours", "what": "load", "well": False, "said": "a\0b\x1b[31mc", "finding": ""}
    environment = {"name": "ours", "path": "/a", "engine": "silero-vad"}
    facts = {"system": {"name": "linux"}, "environments": [environment]}
    (tmp_path / "f.json").write_text(json.dumps({"facts": facts, "findings": [], "tried": [rung]}))
    result = run_program("doctor", "--facts", tmp_path / "f.json", "--verbose", home=tmp_path)
    assert "a\\x00b\\x1b[31mc" in result.out
    assert not {"\0", "\x1b"} & set(result.out)


def test_a_device_that_never_ends_is_no_report(tmp_path: Path) -> None:
    result = run_program("doctor", "--facts", "/dev/zero", home=tmp_path)
    assert result.code == 2
    assert "facts-unreadable" in result.err


@pytest.mark.parametrize("before", [None, "an earlier report"])
def test_a_report_that_does_not_fit_leaves_what_was_there(before: str | None, tmp_path: Path) -> None:
    """A disk that is full, as a limit on the size of a file: the kernel refuses the rest."""
    import resource  # of POSIX alone

    report = tmp_path / "r.json"
    if before is not None:
        assert run_program("doctor", "--quick", "--save", report, home=tmp_path).code == 0
    kept = report.read_bytes() if before is not None else None

    done = subprocess.run(
        [*COMMAND, "doctor", "--quick", "--save", report],
        env=environment(tmp_path), cwd=tmp_path, capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)),
    )  # fmt: skip

    assert done.returncode == 2, done.stdout + done.stderr
    assert "output-not-writable" in done.stderr
    assert (report.read_bytes() if report.exists() else None) == kept
    assert list(tmp_path.glob("*r.json*")) == ([report] if before is not None else [])
