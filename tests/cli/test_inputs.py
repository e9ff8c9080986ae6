"""What is named and cannot be read: each has its own cause, and the others are done."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from program import COMMAND, environment, noise_file, run_program, script_file
from yamabiko.cli.inputs import Recording, gather


def told(*words: str | Path, recursive: bool = False) -> list[tuple[str, str]]:
    """Id and cause of everything that cannot be taken."""
    recordings, problems = gather([str(word) for word in words], recursive=recursive)
    findings = [*problems, *(one.trouble for one in recordings if one.trouble)]
    return [(finding.id, f"{finding.cause.en} {finding.evidence} {finding.remedies}") for finding in findings]


@pytest.mark.parametrize("name", ["Title [dQw4w9WgXcQ].mp4", "what?.mp3", "gone.wav"])
def test_a_missing_file_is_a_missing_file_whatever_its_name(name: str, tmp_path: Path) -> None:
    [(id_, words)] = told(tmp_path / name)
    assert id_ == "input-missing"
    assert name in words
    assert "--recursive" not in words


def test_a_pattern_that_nothing_matches_is_not_helped_by_subfolders(tmp_path: Path) -> None:
    [(id_, words)] = told(tmp_path / "*.mp3")
    assert id_ == "input-no-recordings"
    assert "--recursive" not in words


@pytest.mark.parametrize(
    ("inside", "deeper"), [((), False), (("notes.txt",), False), ((".git/",), False), (("talks/",), True)]
)
def test_subfolders_are_proposed_where_there_are_any(inside: tuple[str, ...], deeper: bool, tmp_path: Path) -> None:
    for name in inside:
        (tmp_path / name).mkdir() if name.endswith("/") else (tmp_path / name).write_text("")
    [(id_, words)] = told(tmp_path)
    assert id_ == "input-no-recordings"
    assert ("--recursive" in words) is deeper
    assert ("not in its subfolders" in words) is deeper
    assert ("Name another folder" in words) is not deeper


@pytest.mark.parametrize(
    ("word", "remedy"),
    [
        ("https://example.org/watch?v=[x]", "yt-dlp -x 'https://example.org/watch?v=[x]'"),
        ("http://example.org/a.mp3", "curl -LO http://example.org/a.mp3"),
        ("ftp://example.org/a.mp3", "curl -LO"),
        ("file:///home/taro/my%20talk.wav", "yamabiko '/home/taro/my talk.wav'"),
    ],
)
def test_an_address_is_not_fetched_and_that_is_said(word: str, remedy: str) -> None:
    [(id_, words)] = told(word)
    assert id_ == "input-address"
    assert word in words
    assert remedy in words


def test_standard_input_is_not_read() -> None:
    [(id_, words)] = told("-")
    assert id_ == "input-not-a-file"
    assert "Standard input" in words


def test_a_link_to_nothing_says_where_it_points(tmp_path: Path) -> None:
    (tmp_path / "talk.wav").symlink_to("disk/talk.wav")
    for named in (tmp_path / "talk.wav", tmp_path):
        [(id_, words)] = told(named)
        assert id_ == "input-missing"
        assert "link to nothing" in words
        assert "disk/talk.wav" in words


def test_a_recording_counts_under_its_own_name_beside_links_to_it(tmp_path: Path) -> None:
    real = tmp_path / "x.wav"
    real.write_bytes(b"x")
    alias = tmp_path / "alias.wav"
    alias.symlink_to("x.wav")
    for words in ([tmp_path], [tmp_path / "*.wav"], [alias, real]):
        recordings, problems = gather([str(word) for word in words], recursive=True)
        assert ([one.path for one in recordings], problems) == ([real], [])
    assert gather([str(alias)], recursive=False)[0] == [Recording(alias, Path())]


def test_a_pipe_of_the_shell_is_told_as_a_pipe(tmp_path: Path) -> None:
    """`yamabiko <(cat talk.wav)`: the folder beside it is not to blame."""
    reading, writing = os.pipe()
    try:
        done = subprocess.run(
            [*COMMAND, f"/dev/fd/{reading}", "--engine", "scripted"],
            env=environment(tmp_path), cwd=tmp_path, pass_fds=(reading,), capture_output=True, text=True, check=False,
        )  # fmt: skip
    finally:
        os.close(reading)
        os.close(writing)
    assert done.returncode == 3, done.stderr
    assert "A pipe cannot be read as a recording" in done.stderr


@pytest.mark.skipif(
    sys.platform == "win32" or (os.geteuid() == 0 and shutil.which("setpriv") is None),
    reason="needs a user with limits",
)
def test_folders_that_may_not_be_read_cost_only_themselves(tmp_path: Path) -> None:
    """A file in a closed folder, a closed folder, and two subfolders: a finding each, and the rest is done."""
    work = tmp_path / "work"
    for name in ("closed", "all/locked", "all/sealed"):
        (work / name).mkdir(parents=True)
        noise_file(work / name / "a.wav", 1)
    noise_file(work / "all/good.wav", 1)
    script = script_file(work / "script.json")
    for name, mode in (("closed", 0), ("all/locked", 0), ("all/sealed", 0o400)):
        (work / name).chmod(mode)
    # Root may read everything, unless it gives that up.
    limits = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    try:
        done = subprocess.run(
            [*limits, *COMMAND, "closed/a.wav", "closed", "all", "--recursive", "--engine", "scripted",
             "--model", str(script), "--vad_filter", "False", "-f", "txt"],
            env=environment(work / "home"), cwd=work, capture_output=True, text=True, check=False,
        )  # fmt: skip
    finally:
        for name in ("closed", "all/locked", "all/sealed"):
            (work / name).chmod(0o700)
    assert done.returncode == 7, done.stderr
    assert done.stderr.count("input-folder-unreadable: ") == 4
    for folder in ("folder closed", f"{work / 'closed'}", "folder all/locked", "folder all/sealed"):
        assert f"{folder}\n" in done.stderr, done.stderr
    assert (work / "all/good.txt").read_text("utf-8")
    assert "Look in subfolders" not in done.stderr


def test_what_cannot_be_read_is_told_before_anything_is_set_up(tmp_path: Path) -> None:
    result = run_program("gone.wav", home=tmp_path, PIP_INDEX_URL="http://127.0.0.1:9")
    assert result.code == 3
    assert "gone.wav: input-missing" in result.err
    assert "engine" not in result.err


@pytest.mark.skipif(
    sys.platform == "win32" or (os.geteuid() == 0 and shutil.which("setpriv") is None),
    reason="needs a user with limits",
)
def test_a_folder_for_results_that_is_closed_is_no_bug_of_ours(tmp_path: Path) -> None:
    noise_file(tmp_path / "a.wav", 1)
    script = script_file(tmp_path / "script.json")
    (tmp_path / "closed").mkdir(mode=0)
    limits = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    try:
        done = subprocess.run(
            [*limits, *COMMAND, "a.wav", "--output_dir", "closed/out", "--engine", "scripted", "--model", str(script),
             "--vad_filter", "False", "-f", "txt"],
            env=environment(tmp_path / "home"), cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
    finally:
        (tmp_path / "closed").chmod(0o700)
    assert done.returncode == 8, done.stderr
    assert "yamabiko-bug" not in done.stderr
    assert "closed/out" in done.stderr
