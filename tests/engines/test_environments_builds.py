"""Environments that need more than the default index: an index of the profile, a build, files taken out again."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sysconfig
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from package_index import Index, clean_environment, engine, lock_line, serving, wheel

from yamabiko import settings
from yamabiko.engines import environments
from yamabiko.engines.building import changed_files, site_packages
from yamabiko.engines.contract import Card
from yamabiko.findings import Problem
from yamabiko.i18n import Text

TINY = wheel("tiny")
FAST = wheel("fast", "2.0+cpu", {"fast/__init__.py": "", "fast/lib/gpu.so": "needs a GPU", "fast/lib/cpu.so": "fits"})
BACKEND = """\
import os, subprocess, sys, zipfile
def build_wheel(folder, settings=None, metadata=None):
    kind = os.environ.get("MADE_FOR", "all")
    if kind == "nothing":
        print("CMake Error at Find.cmake:3 (message):\\n  no HIP here\\n", file=sys.stderr)
        print("x.cpp:7:10: fatal error: vulkan/vulkan.hpp: No such file or directory", file=sys.stderr)
        subprocess.run([sys.executable, "-c", "raise SystemExit(1)"], check=True)
    name, info = "made-1.0-py3-none-any.whl", "made-1.0.dist-info"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as file:
        file.writestr("made.py", f"kind = {kind!r}")
        file.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: made\\nVersion: 1.0\\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        file.writestr(f"{info}/RECORD", f"made.py,,\\n{info}/METADATA,,\\n{info}/WHEEL,,\\n{info}/RECORD,,\\n")
    return name
"""


def source() -> tuple[str, bytes]:
    """A package without a wheel, which brings what builds it."""
    held = {
        "pyproject.toml": "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"
        "[project]\nname = 'made'\nversion = '1.0'\n",
        "PKG-INFO": "Metadata-Version: 2.1\nName: made\nVersion: 1.0\n",
        "backend.py": BACKEND,
    }
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in held.items():
            entry = tarfile.TarInfo(f"made-1.0/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content.encode()))
    return "made-1.0.tar.gz", file.getvalue()


MADE = source()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """The user's index: it has not everything."""
    with serving(TINY) as server:
        for name in list(os.environ):
            monkeypatch.delenv(name)
        for name, value in clean_environment(tmp_path, server.url).items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
def other() -> Iterator[Index]:
    """The index of the profile."""
    with serving(FAST) as server:
        yield server


def card(lock: Path, *files: tuple[str, bytes], **facts: Any) -> Card:
    lock.write_text("".join(map(lock_line, files)))
    made = engine(lock, "tiny")
    return replace(made, profiles=(replace(made.profiles[0], **facts),))


def names(python: Path, *modules: str) -> str:
    code = f"import {', '.join(modules)}; print('imported')"
    return subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=False).stdout.strip()


def test_what_the_user_s_index_lacks_comes_from_the_profile_s(index: Index, other: Index, tmp_path: Path) -> None:
    wanted = card(tmp_path / "both.txt", TINY, FAST, index=other.url)

    made = environments.install(wanted, settings.read(os.environ))

    assert names(made.python, "tiny", "fast") == "imported"
    assert index.sent.count(TINY[0]) == 1
    assert other.sent == [FAST[0]]


def test_a_build_of_the_profile_s_index_does_not_stand_in_for_the_usual_one(
    index: Index, other: Index, tmp_path: Path
) -> None:
    """2.0+cpu is a 2.0 too, and a higher one: PyTorch's index has torchaudio so, while PyPI's is in the lock."""
    labelled = wheel("tiny", "1.0+cpu")
    other.files[labelled[0]] = labelled[1]
    wanted = card(tmp_path / "both.txt", TINY, FAST, index=other.url)

    made = environments.install(wanted, settings.read(os.environ))

    assert names(made.python, "tiny", "fast") == "imported"
    assert (index.sent, other.sent) == ([TINY[0]], [FAST[0]])


def two_kinds(lock: Path) -> tuple[Card, tuple[str, bytes], tuple[str, bytes]]:
    """A package as soundfile is: one wheel without a library for any platform, one with it for this."""
    here = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    bare = wheel("tiny", files={"tiny/__init__.py": "import tiny.library\n"})
    whole = wheel(
        "tiny", files={"tiny/__init__.py": "import tiny.library\n", "tiny/library.py": ""}, tag=f"py3-none-{here}"
    )
    hashes = "".join(f" --hash=sha256:{hashlib.sha256(file[1]).hexdigest()}" for file in (bare, whole))
    lock.write_text(f"tiny==1.0{hashes}\n")
    return engine(lock), bare, whole


def test_an_index_beside_pip_s_own_does_not_hide_the_wheel_for_this_platform(
    index: Index, other: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pip looks at both, and takes what fits best."""
    wanted, bare, whole = two_kinds(tmp_path / "lock.txt")
    index.files, other.files = dict((bare, whole)), dict((bare,))
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", other.url)

    made = environments.install(wanted, settings.read(os.environ))

    assert names(made.python, "tiny") == "imported"


def test_an_index_without_a_wheel_for_this_platform_does_not_hide_the_other(
    index: Index, other: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted, _, whole = two_kinds(tmp_path / "lock.txt")
    index.files, other.files = dict((wheel("tiny", tag="py3-none-plan9_vax"),)), dict((whole,))
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", other.url)

    made = environments.install(wanted, settings.read(os.environ))

    assert names(made.python, "tiny") == "imported"


@pytest.mark.parametrize("unreachable", [True, False])
def test_a_folder_that_holds_it_all_is_asked_alone(
    index: Index, other: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unreachable: bool
) -> None:
    """Behind a wall, where the profile's index cannot be reached at all."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    (wheels / FAST[0]).write_bytes(FAST[1])
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    address = "http://127.0.0.1:9/simple" if unreachable else other.url

    made = environments.install(card(tmp_path / "both.txt", TINY, FAST, index=address), settings.read(os.environ))

    assert names(made.python, "tiny", "fast") == "imported"
    assert other.asked == []


def test_who_wants_no_index_gets_none(
    index: Index, other: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))

    with pytest.raises(Problem):
        environments.install(card(tmp_path / "both.txt", TINY, FAST, index=other.url), settings.read(os.environ))

    assert (index.asked, other.asked) == ([], [])


def test_an_index_of_the_profile_that_cannot_be_reached_is_named(index: Index, tmp_path: Path) -> None:
    wanted = card(tmp_path / "both.txt", TINY, FAST, index="http://127.0.0.1:9/simple")
    with pytest.raises(Problem) as raised:
        environments.install(wanted, settings.read(os.environ))

    assert raised.value.finding.id == "index-unreachable", raised.value.finding.evidence
    assert any("127.0.0.1:9" in line for line in raised.value.finding.evidence)


def test_files_that_cannot_load_here_are_taken_out_and_not_missed(index: Index, tmp_path: Path) -> None:
    index.files = dict([TINY, FAST])
    wanted = card(tmp_path / "both.txt", TINY, FAST, unwanted=("fast/lib/g*.so", "gone/*.so"))
    ours = settings.read(os.environ)

    made = environments.install(wanted, ours)

    site = site_packages(made.path)
    assert site is not None
    assert [file.name for file in (site / "fast/lib").iterdir()] == ["cpu.so"]
    assert list(changed_files(site)) == []
    assert environments.state(wanted, ours, thorough=True).status == "ready"


def test_a_second_environment_has_its_own_files(index: Index, tmp_path: Path) -> None:
    """uv links files from its cache: taking one out, or writing its package's list anew, leaves the cache whole."""
    index.files = dict([TINY, FAST])
    ours = settings.read(os.environ)
    environments.install(card(tmp_path / "a.txt", TINY, FAST, unwanted=("fast/lib/g*.so",)), ours)

    second = replace(card(tmp_path / "b.txt", FAST, TINY), name="second")
    made = environments.install(second, ours)

    site = site_packages(made.path)
    assert site is not None
    assert sorted(file.name for file in (site / "fast/lib").iterdir()) == ["cpu.so", "gpu.so"]
    assert list(changed_files(site)) == []


def test_only_what_the_card_names_is_built(index: Index, tmp_path: Path) -> None:
    index.files = dict([TINY, MADE])
    ours = settings.read(os.environ)
    with pytest.raises(Problem) as raised:
        environments.install(card(tmp_path / "made.txt", TINY, MADE), ours)
    assert raised.value.finding.id == "engine-no-wheel", raised.value.finding.evidence

    made = environments.install(card(tmp_path / "made.txt", TINY, MADE, built=("made",)), ours)

    assert names(made.python, "tiny", "made") == "imported"


def test_what_is_wanted_without_hashes_is_installed_from_a_list(index: Index, tmp_path: Path) -> None:
    wanted = card(tmp_path / "wanted.in", TINY)
    (tmp_path / "wanted.in").write_text("tiny==1.0\n")

    made = environments.install(wanted, settings.read(os.environ))

    assert names(made.python, "tiny") == "imported"


def test_what_a_list_s_packages_require_of_each_other_may_be_left_out(index: Index, tmp_path: Path) -> None:
    needing = wheel("tiny", requires=["fast"])
    index.files = dict([needing, FAST])
    wanted = card(tmp_path / "wanted.in", needing)
    (tmp_path / "wanted.in").write_text("tiny==1.0\n")
    ours = settings.read(os.environ)
    with_all = environments.install(wanted, ours)
    assert names(with_all.python, "tiny", "fast") == "imported"

    (tmp_path / "wanted.overrides").write_text('fast; python_version < "3"\n')
    made = environments.install(wanted, ours)

    assert made.path != with_all.path, "it is another environment"
    assert names(made.python, "tiny") == "imported"
    assert names(made.python, "fast") == ""


def test_what_is_built_with_other_variables_is_another_build(index: Index, tmp_path: Path) -> None:
    """uv keeps what it has built, and does not ask what was set for it."""
    index.files = dict([TINY, MADE])
    ours = settings.read(os.environ)
    kinds = []
    for number, kind in enumerate(("cuda", "vulkan")):
        wanted = card(tmp_path / f"{number}.txt", TINY, MADE, built=("made",), variables=(("MADE_FOR", kind),))
        made = environments.install(replace(wanted, name=f"engine{number}"), ours)
        code = "import made; print(made.kind)"
        kinds.append(
            subprocess.run([made.python, "-I", "-c", code], capture_output=True, text=True, check=True).stdout.strip()
        )

    assert kinds == ["cuda", "vulkan"]


def test_a_build_that_fails_tells_what_the_compiler_said_and_what_is_needed(index: Index, tmp_path: Path) -> None:
    index.files = dict([TINY, MADE])
    needs = Text("a C++ compiler and the Vulkan SDK", "C++ コンパイラーと Vulkan SDK")
    wanted = card(
        tmp_path / "made.txt", TINY, MADE, built=("made",), variables=(("MADE_FOR", "nothing"),), built_with=needs
    )
    ours = settings.read(os.environ)
    with pytest.raises(Problem) as raised:
        environments.install(wanted, ours)

    finding = raised.value.finding
    assert finding.id == "engine-build-failed", finding.evidence
    assert finding.evidence[:3] == (
        "build: CMake Error at Find.cmake:3 (message):",
        "build: no HIP here",
        "build: x.cpp:7:10: fatal error: vulkan/vulkan.hpp: No such file or directory",
    )
    assert needs.en in finding.cause.en
    assert needs.ja in finding.cause.ja
    assert environments.state(wanted, ours).status == "not installed"


def test_a_page_of_wheels_of_the_profile_is_looked_through(index: Index, tmp_path: Path) -> None:
    page = tmp_path / "page"
    page.mkdir()
    (page / FAST[0]).write_bytes(FAST[1])

    made = environments.install(card(tmp_path / "a.txt", TINY, FAST, find_links=str(page)), settings.read(os.environ))

    assert names(made.python, "tiny", "fast") == "imported"
