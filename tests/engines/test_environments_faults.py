"""Installations that fail or are killed: the Finding names the cause, and nothing half-made counts as ready."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

import package_index
import pytest
from package_index import clean_environment, engine, lock_line, serving, wheel

from yamabiko import settings
from yamabiko.children import ending
from yamabiko.engines import environment_problems, environments
from yamabiko.engines.installer import UvEnd
from yamabiko.findings import Finding, Problem

TINY = wheel("tiny")


@pytest.fixture
def index(tmp_path, monkeypatch):
    with serving(TINY) as server:
        for name in list(os.environ):
            monkeypatch.delenv(name)
        for name, value in clean_environment(tmp_path, server.url).items():
            monkeypatch.setenv(name, value)
        (tmp_path / "tiny.txt").write_text(lock_line(TINY))
        yield server


@pytest.fixture
def card(tmp_path, index):
    return engine(tmp_path / "tiny.txt")


def ours() -> settings.Settings:
    return settings.read(os.environ)


def failure(card) -> Finding:
    """The Finding of an installation that must fail, after which nothing is found and nothing is left."""
    with pytest.raises(Problem) as caught:
        environments.install(card, ours())
    assert environments.find(card, ours()) is None
    root = ours().data_dir / "engines"
    assert [path.name for path in root.glob("*")] in ([], [".tiny-cpu.lock"])
    finding = caught.value.finding
    assert finding.remedies
    assert finding.severity == "error"
    return finding


@pytest.mark.parametrize(
    ("mode", "id_", "quoted"),
    [
        ("404", "engine-package-not-in-index", "tiny was not found in the package registry"),
        ("401", "index-refused", "401 Unauthorized"),
        ("403", "index-refused", "403 Forbidden"),
        ("407", "index-refused", "407 Proxy Authentication Required"),
        ("500", "index-unreachable", "500 Internal Server Error"),
        ("cut", "index-unreachable", "end of file before message length reached"),
        ("hang", "index-unreachable", "operation timed out"),
        ("stall", "index-unreachable", "network timeout"),
    ],
)
def test_an_index_that_misbehaves_is_named_with_uvs_own_words(card, index, monkeypatch, mode, id_, quoted):
    if mode in ("hang", "stall"):
        monkeypatch.setenv("UV_HTTP_TIMEOUT", "1")
    index.mode = mode

    finding = failure(card)

    assert finding.id == id_, finding.evidence
    assert any(line.startswith("uv: ") and quoted in line for line in finding.evidence), finding.evidence
    assert finding.evidence[0].startswith("uv: error: "), "from the first line on"
    assert any("PIP_INDEX_URL" in line for line in finding.evidence), "where the address came from"


def test_an_index_that_is_down_is_unreachable_and_its_password_is_not_shown(card, monkeypatch, capfd):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    monkeypatch.setenv("PIP_INDEX_URL", f"http://someone:s3cret@127.0.0.1:{port}/simple")

    finding = failure(card)

    assert finding.id == "index-unreachable", finding.evidence
    assert "Connection refused" in " ".join(finding.evidence)
    assert f"****@127.0.0.1:{port}" in " ".join(finding.evidence)
    assert "s3cret" not in repr(finding) + "".join(capfd.readouterr())
    assert "someone" not in repr(finding)


def test_an_index_that_nobody_may_ask_did_not_answer(card, index, monkeypatch):
    monkeypatch.setenv("UV_OFFLINE", "1")

    finding = failure(card)

    assert finding.id == "index-unreachable", finding.evidence
    assert "No index was asked" in finding.cause.en
    assert finding.remedies[0].command == "unset UV_OFFLINE"
    assert any("cache" in line or "network was disabled" in line for line in finding.evidence), finding.evidence


def test_each_line_of_uv_is_told_once(card, monkeypatch):
    """One for each package that it asked for, all the same but for nothing."""
    lines = ["error: Failed to fetch", "cause: dns error", "cause: dns error", "cause: client error (Connect)"]

    finding = environment_problems.from_uv(UvEnd(ending(2), (*lines, *lines[1:])), "tiny", Path("tiny.txt"), ())

    assert finding.id == "index-unreachable", finding.evidence
    assert finding.evidence[:-1] == tuple(f"uv: {line}" for line in dict.fromkeys(lines))


def test_an_extra_index_that_refuses_us_is_named_though_another_one_answered(card, index, monkeypatch):
    index.files = {}
    with serving() as private:
        private.mode = "401"
        monkeypatch.setenv("PIP_EXTRA_INDEX_URL", private.url)

        finding = failure(card)

        assert finding.id == "index-refused", finding.evidence
        assert any(private.url in line and line.startswith("uv: hint") for line in finding.evidence)


def test_what_uv_draws_is_no_evidence(card, index):
    index.mode = "404"

    assert not any(set("⠋░█━") & set(line) for line in failure(card).evidence)


def test_after_a_failure_the_next_installation_succeeds(card, index):
    index.mode = "500"
    failure(card)
    index.mode = "ok"

    assert environments.install(card, ours()).python.exists()


def test_a_file_other_than_the_locked_one_is_refused(card, index):
    other = wheel("tiny", "1.0", {"tiny/__init__.py": "stolen = True\n"})
    index.files = dict([other])

    finding = failure(card)

    assert finding.id == "engine-hash-mismatch", finding.evidence
    assert any("Hash mismatch for `tiny==1.0`" in line for line in finding.evidence)


@pytest.mark.parametrize("damage", [lambda data: data[:200], lambda data: b"<html>please log in</html>"])
def test_a_file_that_arrives_damaged_is_refused(card, index, damage):
    index.files = {TINY[0]: damage(TINY[1])}

    assert failure(card).id == "engine-download-damaged"


@pytest.mark.parametrize("tag", ["cp39-cp39-win_amd64", "py3-none-win32"])
def test_a_package_without_a_build_for_this_machine_is_named(tmp_path, index, tag):
    foreign = wheel("tiny", tag=tag)
    index.files = dict([foreign])
    (tmp_path / "tiny.txt").write_text(lock_line(foreign))

    finding = failure(engine(tmp_path / "tiny.txt"))

    assert finding.id == "engine-no-wheel", finding.evidence
    assert any(sys.version.split()[0] in line for line in finding.evidence)


def test_source_that_would_have_to_be_built_is_not_run(tmp_path, index):
    index.files = {"tiny-1.0.tar.gz": TINY[1]}

    assert failure(engine(tmp_path / "tiny.txt")).id == "engine-no-wheel"


def test_a_lock_without_hashes_is_not_installed(tmp_path, index):
    (tmp_path / "tiny.txt").write_text("tiny==1.0\n")

    assert failure(engine(tmp_path / "tiny.txt")).id == "engine-install-failed"


@pytest.mark.parametrize(
    ("code", "quoted", "missing"),
    [
        (
            "raise ImportError('libgomp.so.1: cannot open shared object file: No such ...')",
            "libgomp.so.1",
            "libgomp.so.1",
        ),
        ("import ctypes; ctypes.CDLL('libnowhere++.so')", "libnowhere++.so", "libnowhere++.so"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV", None),
    ],
)
def test_an_engine_that_does_not_load_here_is_not_called_installed(tmp_path, index, code, quoted, missing):
    bad = wheel("tiny", "1.0", {"tiny/__init__.py": code + "\n"})
    index.files = dict([bad])
    (tmp_path / "tiny.txt").write_text(lock_line(bad))

    finding = failure(engine(tmp_path / "tiny.txt"))

    assert finding.id == "engine-import-failed", finding.evidence
    assert any(quoted in line for line in finding.evidence)
    assert finding.cause.en.endswith(f": {missing} is missing." if missing else "on this machine.")
    assert [one.command for one in finding.remedies] == [
        *([f"apt-file search {missing}"] if missing else []),
        "yamabiko engines install tiny",
    ]


def test_too_little_disk_space_is_noticed_before_the_download(card, index, monkeypatch):
    monkeypatch.setenv("YAMABIKO_FREE_DISK_BYTES", str(2**60))

    finding = failure(card)

    assert finding.id == "disk-full", finding.evidence
    assert finding.evidence[0].endswith(" MiB free, of which 1,099,511,627,776 MiB are to be left untouched")
    assert finding.remedies[0].command == f"{sys.executable} -m uv cache prune"
    assert index.asked == []


def test_a_data_folder_that_cannot_be_made_is_named(card, tmp_path):
    (tmp_path / "home").write_text("a file stands where the folder should")

    with pytest.raises(Problem) as caught:
        environments.install(card, ours())

    assert caught.value.finding.id == "engine-data-dir-not-writable", caught.value.finding.evidence
    assert str(tmp_path / "home/data/engines") in caught.value.finding.cause.en


def test_a_python_that_was_uninstalled_under_us_is_named(card, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nonexistent/bin/python3")

    assert failure(card).id == "engine-python-missing"


@pytest.mark.parametrize("index_is_told", [True, False], ids=["while installing", "while asking for the index"])
def test_a_python_that_may_not_be_run_is_named_and_not_uv(card, tmp_path, monkeypatch, index_is_told):
    python = tmp_path / "python3"
    python.write_text("#!/bin/sh\n")
    python.chmod(0o644)
    monkeypatch.setattr(sys, "executable", str(python))
    if not index_is_told:
        monkeypatch.delenv("PIP_INDEX_URL")
        monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "http://127.0.0.1:9/simple")

    finding = failure(card)

    assert finding.id == "engine-python-unusable", finding.evidence
    assert f"{python}: Permission denied" in finding.cause.en


def test_a_pip_setting_that_cannot_be_read_stops_before_a_wrong_index_is_asked(card, index, tmp_path, monkeypatch):
    (tmp_path / "pip.conf").write_text("index-url = before any section\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))

    assert failure(card).id == "pip-settings-unreadable"
    assert index.asked == []


def start(lock: Path) -> subprocess.Popen[str]:
    """Another yamabiko that installs the tiny engine; a line on its standard output for each step."""
    return subprocess.Popen(
        [sys.executable, package_index.__file__, str(lock)], stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )


def children_of(pid: int) -> set[int]:
    """Processes of this parent, from /proc."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rsplit(")", 1)[1].split()[1]) == pid:
                found.add(int(stat.parent.name))
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends uv with us")
def test_killed_in_the_middle_of_a_download_it_leaves_nothing_that_counts(card, index, tmp_path):
    """kill -9 of yamabiko takes uv along; the next installation sweeps what is left and succeeds."""
    index.mode = "stall"
    with start(tmp_path / "tiny.txt") as first:
        assert index.waits.wait(60), "uv asked for the file and has half of it"
        (uv,) = children_of(first.pid)
        watch = os.pidfd_open(uv)
        first.kill()
    ended, _, _ = select.select([watch], [], [], 30)
    os.close(watch)
    assert ended, "uv goes on without us"
    root = ours().data_dir / "engines"
    assert [path.name.split("@")[0] for path in root.glob(".building*")] == [".building"]
    assert environments.find(card, ours()) is None
    state = environments.state(card, ours())
    assert state.status == "not installed"
    assert "left by an installation that did not end" in state.notes[0]

    index.mode = "ok"
    made = environments.install(card, ours())

    assert sorted(path.name for path in root.glob("*")) == sorted([".tiny-cpu.lock", made.path.name])


@pytest.mark.skipif(sys.platform != "linux", reason="finds uv through /proc")
def test_uv_killed_in_the_middle_is_an_interrupted_installation(card, index, tmp_path):
    index.mode = "stall"
    code = (
        "import sys, pathlib, yamabiko.settings as s, package_index\n"
        "from yamabiko.engines import environments\nfrom yamabiko.findings import Problem\n"
        "try: environments.install(package_index.engine(pathlib.Path(sys.argv[1])), s.current())\n"
        "except Problem as problem: print(problem.finding.id, problem.finding.evidence[-1])\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(package_index.__file__).parent)}
    command = [sys.executable, "-c", code, str(tmp_path / "tiny.txt")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as child:
        assert index.waits.wait(60)
        (uv,) = children_of(child.pid)
        os.kill(uv, signal.SIGKILL)
        said, _ = child.communicate(timeout=60)

    assert said.split("\n")[0] == "engine-install-interrupted uv ended with SIGKILL"
    assert list((ours().data_dir / "engines").glob(".building*")) == []


def test_ctrl_c_takes_uv_and_the_half_made_folder_along(card, index, tmp_path):
    index.mode = "stall"
    with start(tmp_path / "tiny.txt") as child:
        assert index.waits.wait(60)
        child.send_signal(signal.SIGINT)
        child.wait(timeout=60)

    assert list((ours().data_dir / "engines").glob(".building*")) == []
    assert environments.find(card, ours()) is None


def test_of_two_installations_at_once_one_makes_it_and_the_other_waits(card, index, tmp_path):
    index.mode = "stall"
    with start(tmp_path / "tiny.txt") as first:
        assert index.waits.wait(60)
        assert environments.state(card, ours()).status == "installing"
        with start(tmp_path / "tiny.txt") as second:
            assert second.stdout.readline().startswith("waiting for another yamabiko")
            index.go_on.set()
            said = [process.communicate(timeout=60)[0].splitlines()[-1] for process in (first, second)]

    assert said == [f"ready {environments.find(card, ours()).path}"] * 2
    assert index.asked.count(f"/files/{TINY[0]}") == 1


@pytest.mark.parametrize(
    ("lines", "id_"),
    [
        # As uv 0.13.9 wrote it with its cache on a full tmpfs.
        (("error: Failed to download `x==1.0`", "  cause: No space left on device (os error 28)"), "disk-full"),
        # A proxy that replaces certificates; the words are rustls'.
        (("error: Failed to fetch: x", "  cause: invalid peer certificate: UnknownIssuer"), "index-unreachable"),
        (("error: something that nobody has seen yet",), "engine-install-failed"),
    ],
)
def test_words_of_uv_are_taken_for_a_cause_only_where_they_are_unmistakable(lines, id_):
    finding = environment_problems.from_uv(UvEnd(ending(1), lines), "tiny", Path("tiny.txt"), ())

    assert finding.id == id_, finding.evidence
    assert finding.evidence[0] == f"uv: {lines[0]}"
    assert finding.evidence[len(lines)] == "uv ended with exit 1"
