"""Every row of the nasty recordings over HTTP, with the real engine: the status that its manifest expects, and no 5xx."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from rapidfuzz.distance import Levenshtein

from served import Served, begin, beside, end

DATA = Path(os.environ.get("YAMABIKO_TEST_DATA") or Path(__file__).parents[3] / "shared" / "data") / "nasty"
MANIFEST = DATA / "manifest.jsonl"
Row = dict[str, Any]
ROWS: list[Row] = [json.loads(line) for line in MANIFEST.read_text("utf-8").splitlines()] if MANIFEST.is_file() else []

pytestmark = pytest.mark.skipif(not ROWS, reason=f"no recordings at {DATA}; set YAMABIKO_TEST_DATA")

ROOM_BYTES = 300 * 2**20
"""What all processes may hold more than after a plain request: a decoding child at its limit, not a recording of two hours."""
FINDINGS = {"no audio stream": "input-no-audio-stream", "must not read other files": "input-playlist"}


@pytest.fixture(scope="module")
def tiny(ready_home: Path) -> Iterator[Served]:
    """The smallest real model, warm."""
    served = begin(beside(ready_home), "--model", "tiny.en")
    send(served, next(row for row in ROWS if row["audio"] == "jfk.mp3"))
    yield served
    end(served)


def send(served: Served, row: Row) -> Any:
    form = {"response_format": "verbose_json", "beam_size": "1"}
    with served.http as http, (DATA / row["audio"]).open("rb") as file:
        return http.post("/v1/audio/transcriptions", files={"file": (row["audio"], file)}, data=form)


def held_bytes(served: Served) -> int:
    """Of the server and all it started; memory that processes share is counted for each."""
    total = 0
    for process in [
        served.process.pid,
        *(child.pid for child in psutil.Process(served.process.pid).children(recursive=True)),
    ]:
        try:
            total += psutil.Process(process).memory_info().rss
        except psutil.Error:  # it ended while we looked
            continue
    return total


class Peak:
    """The most that was held while the block ran."""

    def __init__(self, served: Served) -> None:
        self.bytes = held_bytes(served)
        self._served = served
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        while not self._over.wait(0.05):
            self.bytes = max(self.bytes, held_bytes(self._served))

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def left_behind(served: Served) -> list[str]:
    return [path.name for path in (served.home / "cache/work").glob(f"{served.process.pid}-*")]


@pytest.mark.parametrize("row", ROWS, ids=[row["audio"] for row in ROWS])
def test_row(tiny: Served, row: Row) -> None:
    expect = row["expect"]
    before = held_bytes(tiny)
    with Peak(tiny) as peak:
        answer = send(tiny, row)
    found = answer.json()
    assert peak.bytes < before + ROOM_BYTES, f"{(peak.bytes - before) >> 20} MiB more than before"
    assert left_behind(tiny) == []
    assert (
        (answer.status_code == 200)
        if expect.startswith("ok") and "or 4xx" not in expect
        else answer.status_code in (200, 400)
    )
    if answer.status_code == 400:
        assert "4xx" in expect
        assert found["error"]["param"] == "file"
        known = next((id_ for words_, id_ in FINDINGS.items() if words_ in expect), None)
        assert answer.headers["x-yamabiko-finding"] == (known or found["error"]["yamabiko"]["id"])
        assert found["error"]["yamabiko"]["id"].startswith("input-")
        assert row["audio"] in found["error"]["message"]
        assert "root:" not in answer.text, "the playlist names /etc/passwd"
        return
    assert not expect.startswith("4xx"), found
    notices = [notice["id"] for notice in found["yamabiko"]["notices"]]
    if row["text"]:
        limit = 11 if "clipped" in row["audio"] else 2
        assert Levenshtein.distance(words(found["text"]), words(row["text"])) <= limit, found["text"]
        assert "audio-partial" not in notices
    elif expect.startswith("ok-empty"):
        assert (found["text"], found["segments"]) == ("", [])
        assert "no-speech" in notices
    else:
        assert "audio-partial" in notices
