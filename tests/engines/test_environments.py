"""Environments made by the real uv from wheels on a loopback index: what is found, made, replaced and removed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from package_index import Index, clean_environment, engine, lock_line, serving, wheel

from yamabiko import settings
from yamabiko.engines import environments
from yamabiko.engines.contract import Card
from yamabiko.engines.installer import Progress
from yamabiko.findings import Problem
from yamabiko.i18n import Text

TINY = wheel("tiny")


@pytest.fixture
def index(tmp_path, monkeypatch):
    with serving(TINY) as server:
        for name in list(os.environ):
            monkeypatch.delenv(name)
        for name, value in clean_environment(tmp_path, server.url).items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
def ours(index):
    return settings.read(os.environ)


@pytest.fixture
def card(tmp_path):
    return locked(tmp_path / "tiny.txt", TINY)


def locked(lock: Path, *files: tuple[str, bytes], **how) -> Card:
    lock.write_text("".join(map(lock_line, files)))
    return engine(lock, **how)


def names(ours: settings.Settings) -> list[str]:
    return sorted(path.name for path in (ours.data_dir / "engines").iterdir() if not path.name.endswith(".lock"))


def output(python: Path, code: str) -> str:
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_an_engine_that_was_never_installed_is_not_found_and_the_finding_says_how_to_install_it(card, ours):
    assert environments.find(card, ours) is None
    assert environments.state(card, ours).status == "not installed"
    with pytest.raises(Problem) as caught:
        environments.require(card, ours)
    assert caught.value.finding.id == "engine-not-installed", caught.value.finding.evidence
    assert caught.value.finding.remedies[0].command == "yamabiko engines install tiny"
    assert not ours.data_dir.exists(), "to ask is not to write"


def test_an_installed_engine_is_found_again_and_imports_in_its_own_interpreter(card, ours):
    made = environments.install(card, ours)

    assert environments.find(card, ours) == made
    assert made.origin == "managed"
    assert made.path.name == f"tiny-cpu-{made.lock_hash}"
    assert output(made.python, "import tiny; print(tiny.version)") == "1.0"
    assert output(made.python, "import sys; print(sys.prefix)") == str(made.path)
    assert names(ours) == [made.path.name], "nothing else is left in the folder"


def test_a_second_installation_asks_no_index(card, ours, index):
    made = environments.install(card, ours)
    index.mode = "500"
    index.asked.clear()

    assert environments.install(card, ours) == made
    assert index.asked == []


def test_state_tells_size_python_and_packages(card, ours):
    environments.install(card, ours)

    state = environments.state(card, ours, thorough=True)

    assert (state.status, state.packages) == ("ready", (("tiny", "1.0"),))
    assert state.python == sys.version.split()[0]
    assert state.size_bytes > 0
    assert state.environment == environments.find(card, ours)


def test_progress_counts_the_bytes_of_the_downloads(tmp_path, ours, index):
    """The bar's full length is the size of the wheel that the index served."""
    heavy = wheel("tiny", "1.0", {"tiny/__init__.py": "# " + "x" * 3_000_000 + "\n"})
    index.files = dict([heavy])
    steps: list[Progress] = []

    environments.install(locked(tmp_path / "l.txt", heavy), ours, progress=steps.append)

    measured = [step for step in steps if step.total]
    assert measured[-1].done == measured[-1].total
    assert measured[-1].total == pytest.approx(len(heavy[1]), rel=0.01)  # uv shows three digits
    assert {"finding the packages", "downloading tiny", "checking that the engine loads"} <= {s.what.en for s in steps}


def test_settings_of_the_shell_that_point_elsewhere_do_not_reach_uv(card, ours, tmp_path, monkeypatch):
    """An activated conda or venv, PYTHONPATH, or uv settings of the project one stands in."""
    monkeypatch.delenv("UV_NO_CONFIG")
    (tmp_path / "uv.toml").write_text('index-url = "http://127.0.0.1:9/simple"\n')
    monkeypatch.chdir(tmp_path)
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH", "UV_PROJECT_ENVIRONMENT", "UV_CONSTRAINT", "UV_TARGET"):
        monkeypatch.setenv(name, str(tmp_path / "elsewhere"))

    assert output(environments.install(card, ours).python, "import tiny; print(tiny.version)") == "1.0"


def test_a_stale_version_in_an_extra_index_does_not_hide_the_locked_one(card, ours, tmp_path, monkeypatch):
    """pip takes all indexes as equals; uv alone would stop at the first that knows the name."""
    empty = tmp_path / "empty/simple"
    empty.mkdir(parents=True)
    with serving(wheel("tiny", "0.9")) as stale:
        monkeypatch.setenv("PIP_EXTRA_INDEX_URL", f"{stale.url} {empty.as_uri()}")

        made = environments.install(card, ours)

        assert "/simple/tiny/" in stale.asked
    assert output(made.python, "import tiny; print(tiny.version)") == "1.0"


def test_a_folder_of_wheels_is_enough_without_any_index(card, ours, tmp_path, monkeypatch, index):
    wheels = tmp_path / "wheels, mine"  # pip's list is split at spaces: so a link to it without one
    wheels.mkdir()
    (wheels / TINY[0]).write_bytes(TINY[1])
    (tmp_path / "wheels,mine").symlink_to(wheels)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels,mine"))

    environments.install(card, ours)

    assert index.asked == []


def test_an_index_set_for_uv_stands_above_the_one_set_for_pip(card, ours, monkeypatch, index):
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")

    environments.install(card, ours)


def test_native_libraries_of_the_profile_are_named_for_the_workers_library_path(tmp_path, ours, index):
    files = {"tiny/__init__.py": "", "vendor/blas/lib/libblas.so": "not really"}
    library = wheel("tiny", "1.0", files)
    index.files = dict([library])

    made = environments.install(locked(tmp_path / "l.txt", library, library_packages=("vendor/blas",)), ours)

    (folder,) = made.library_paths
    assert (folder / "libblas.so").exists()


@pytest.mark.parametrize("gone", ["tiny", "tiny-1.0.dist-info"])
def test_a_deleted_package_is_noticed_and_repair_mends_it(card, ours, gone):
    made = environments.install(card, ours)
    folder = next(made.path.glob(f"lib/*/site-packages/{gone}"))
    subprocess.run(["rm", "-r", folder], check=True)

    assert environments.find(card, ours) is None
    state = environments.state(card, ours)
    assert state.status == "broken"
    assert state.why.evidence == (f"{made.path}: {gone} is gone",)
    with pytest.raises(Problem) as caught:
        environments.require(card, ours)
    assert caught.value.finding.id == "engine-environment-broken", caught.value.finding.evidence

    assert environments.repair(card, ours) == made
    assert environments.state(card, ours, thorough=True).status == "ready"
    assert names(ours) == [made.path.name]


def test_an_interpreter_that_was_uninstalled_is_noticed(card, ours):
    made = environments.install(card, ours)
    made.python.unlink()
    made.python.symlink_to("/nonexistent/bin/python3")

    assert environments.find(card, ours) is None
    assert environments.state(card, ours).why.evidence == (
        f"{made.path}: its Python is gone: /nonexistent/bin/python3",
    )
    assert environments.install(card, ours) == made, "installing over a broken one replaces it"
    assert output(made.python, "import tiny; print(tiny.version)") == "1.0"


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"lock_sha256": 1}'])
def test_a_marker_that_cannot_be_read_means_broken(card, ours, content):
    made = environments.install(card, ours)
    (made.path / "yamabiko.json").write_text(content)

    assert environments.find(card, ours) is None
    assert environments.state(card, ours).status == "broken"


def test_a_file_changed_in_place_is_not_taken_again_from_uvs_cache(card, ours):
    """uv links files from its cache, so the change is in the cache too: a repair from there would mend nothing."""
    made = environments.install(card, ours)
    file = next(made.path.glob("lib/*/site-packages/tiny/__init__.py"))
    size = file.stat().st_size
    with file.open("r+") as stream:
        stream.write("#" * size)
    assert environments.state(card, ours).status == "ready", "a glance looks at sizes alone"
    assert environments.state(card, ours, thorough=True).why.evidence == (f"{made.path}: tiny/__init__.py was changed",)

    environments.repair(card, ours)

    assert output(made.python, "import tiny; print(tiny.version)") == "1.0"


def test_a_file_that_was_cut_short_is_seen_at_a_glance(card, ours):
    made = environments.install(card, ours)
    file = next(made.path.glob("lib/*/site-packages/tiny/__init__.py"))
    size = file.stat().st_size
    file.unlink()
    file.touch()
    why = environments.state(card, ours).why
    assert why.evidence == (f"{made.path}: tiny/__init__.py has 0 bytes, its package says {size}",)


def test_a_new_lock_makes_a_new_environment_and_the_older_one_goes(card, ours, tmp_path, index):
    older = environments.install(card, ours)
    newer_wheel = wheel("tiny", "2.0")
    index.files = dict([newer_wheel])
    locked(tmp_path / "tiny.txt", newer_wheel)

    assert environments.find(card, ours) is None
    assert environments.state(card, ours).status == "outdated"
    newer = environments.install(card, ours)

    assert newer.path != older.path
    assert names(ours) == [newer.path.name]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows who uses a file")
def test_an_environment_in_use_is_neither_retired_nor_removed(card, ours, tmp_path, index):
    older = environments.install(card, ours)
    worker = subprocess.Popen(
        [older.python, "-c", "print(1, flush=True); input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with worker:
        worker.stdout.readline()
        newer_wheel = wheel("tiny", "2.0")
        index.files = dict([newer_wheel])
        locked(tmp_path / "tiny.txt", newer_wheel)

        newer = environments.install(card, ours)

        assert older.path.exists()
        with pytest.raises(Problem) as caught:
            environments.remove(card, ours)
        assert caught.value.finding.id == "engine-in-use", caught.value.finding.evidence
        assert str(worker.pid) in caught.value.finding.evidence[0]
        assert newer.path.exists()
        worker.communicate(b"\n")
    assert environments.remove(card, ours)
    assert names(ours) == []


def test_remove_says_whether_there_was_something(card, ours):
    assert environments.remove(card, ours) is False
    environments.install(card, ours)
    assert environments.remove(card, ours) is True
    assert environments.find(card, ours) is None
    assert environments.remove(card, ours) is False


def test_an_engine_without_profiles_runs_in_the_running_interpreter(ours):
    words = Text("no needs", "必要なものなし")
    scripted = Card(
        "scripted", "transcribe", words, None, (), "MIT", "en", frozenset(), None, None, (), longest_chunk_s=30.0
    )

    found = environments.find(scripted, ours, "cpu")

    assert found.python == Path(sys.executable)
    assert found.origin == "running interpreter"
    assert environments.install(scripted, ours) == found
    assert environments.state(scripted, ours).status == "ready"
    assert environments.remove(scripted, ours) is False


def test_an_engine_importable_here_is_used_from_here_until_a_managed_one_is_installed(tmp_path, ours, monkeypatch):
    """And is not imported by being found."""
    package = tmp_path / "path/tiny"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path / "path")
    card = locked(tmp_path / "tiny.txt", TINY)

    assert environments.find(card, ours).origin == "running interpreter"
    environments.install(card, ours)
    assert environments.find(card, ours).origin == "managed"


def test_a_folder_that_a_removed_package_left_is_no_engine(tmp_path, ours, monkeypatch):
    (tmp_path / "path/tiny").mkdir(parents=True)
    monkeypatch.syspath_prepend(tmp_path / "path")

    assert environments.find(locked(tmp_path / "tiny.txt", TINY), ours) is None


def test_an_unknown_profile_is_a_finding_that_names_the_known_ones(card, ours: settings.Settings, index: Index):
    for call in (environments.find, environments.install, environments.repair, environments.state):
        with pytest.raises(Problem) as caught:
            call(card, ours, "cuda99")
        assert caught.value.finding.id == "engine-profile-unknown", caught.value.finding.evidence
        assert "cpu" in caught.value.finding.evidence[0]
