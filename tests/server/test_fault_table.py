"""
Every way in which a worker can fail, before an answer and in the middle of one, for 1 and for 16 requests at once.

One server for all of the table: each request ends in the right text or in a clean error, and afterwards its descriptors,
threads, children and files are what they were.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from program import children_of, noise_file, script_file
from served import Served, begin, beside, end
from yamabiko.server.app import MOST_ASIDE

SIGNALS = ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGKILL", "SIGTERM", "SIGPIPE")
ONCE: dict[str, tuple[dict[str, Any], str]] = {
    # what the worker does, and the finding that says so
    **{name: ({"do": "die", "signal": name}, "worker-died-unexplained") for name in SIGNALS},
    "leaves with status 3": ({"do": "die", "status": 3}, "worker-died-unexplained"),
    "raises": ({"do": "raise"}, "engine-raised"),
    "hangs": ({"do": "stall"}, "worker-silent"),
    "talks nonsense": ({"do": "nonsense"}, "worker-nonsense"),
}
LIMITS = {
    "YAMABIKO_WORKER_FIRST_ANSWER_S": "4",
    "YAMABIKO_WORKER_SILENCE_S": "4",
    "YAMABIKO_WORKER_MEMORY_BYTES": str(600 * 2**20),
}
MORE = {"descriptors": 0, "threads": MOST_ASIDE, "children": 0, "files": 0}
"""The threads for files are kept once they are there, and so many at most: fewer than this table asks questions."""
TWO_CHUNKS_S = 31.0
"""Of noise, cut into stretches of 30 s at most."""


@pytest.fixture(scope="module")
def table(shared_home: Path, silero_installed: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Table]:
    folder = tmp_path_factory.mktemp("table")
    script = script_file(folder / "script.json")
    served = begin(beside(shared_home), "--engine", "scripted", "--model", str(script), **LIMITS)
    yield Table(served, script, [noise_file(folder / f"{n}.wav", TWO_CHUNKS_S + n / 10, n) for n in range(16)])
    end(served)


class Table:
    def __init__(self, served: Served, script: Path, sounds: list[Path]) -> None:
        self.served, self.script, self.sounds = served, script, sounds
        self.plays()
        self.right = [answer.json()["text"] for answer in self.ask(16)]  # also: all threads there will ever be
        assert len(set(self.right)) == 16
        self.before = self.holds()

    def plays(self, *cues: dict[str, Any], **facts: Any) -> None:
        """From the next question on, in a fresh worker."""
        self.unload()
        script_file(self.script, *cues, **facts)
        shutil.rmtree(f"{self.script}.counts", ignore_errors=True)

    def unload(self) -> None:
        with self.served.http as http:
            assert http.post("/models/unload").json()["at_work"] == []

    def ask(self, count: int) -> list[httpx.Response]:
        with ThreadPoolExecutor(count) as threads:
            return list(threads.map(self._ask, self.sounds[:count]))

    def _ask(self, sound: Path) -> httpx.Response:
        with self.served.http as http, sound.open("rb") as file:
            return http.post(
                "/v1/audio/transcriptions",
                files={"file": file},
                data={"model": "whisper-1", "language": "en", "vad_filter": "0"},
            )

    def holds(self) -> dict[str, int]:
        """What the server has open, with no model loaded."""
        self.served.wait_until(lambda: self.served.stats()["requests_at_work"] == 0)
        self.unload()
        pid = self.served.process.pid
        held: dict[str, int] = {}

        def look() -> bool:  # the sockets of the clients close a moment after they went
            nonlocal held
            held = {
                "descriptors": len(list(Path(f"/proc/{pid}/fd").iterdir())),
                "threads": len(list(Path(f"/proc/{pid}/task").iterdir())),
                "children": len(children_of(pid)),
                "files": len(list((self.served.home / "cache/work").glob(f"{pid}-*"))),
            }
            return not hasattr(self, "before") or all(held[name] <= self.before[name] + MORE[name] for name in held)

        try:
            self.served.wait_until(look, 15)
        except AssertionError:
            assert held == self.before, "left behind"
        return held


@pytest.mark.parametrize("count", [1, 16])
@pytest.mark.parametrize("when", ["before", "in the middle"])
@pytest.mark.parametrize("fault", list(ONCE))
def test_a_fault_costs_a_notice_and_no_answer(table, fault, when, count) -> None:
    cue, finding = ONCE[fault]
    table.plays({"at": "chunk", "skip": 0 if when == "before" else 1, "times": 1, **cue})

    answers = table.ask(count)

    assert [answer.status_code for answer in answers] == [200] * count, [answer.text[:500] for answer in answers]
    assert [answer.json()["text"] for answer in answers] == table.right[:count]
    told = [answer.headers["x-yamabiko-fallbacks"] for answer in answers if "x-yamabiko-fallbacks" in answer.headers]
    assert told == [finding]
    table.holds()


@pytest.mark.parametrize(("fault", "count"), [("SIGSEGV", 1), ("SIGSEGV", 16), ("raises", 1), ("talks nonsense", 1)])
def test_a_fault_at_every_answer_is_a_clean_error(table, fault, count) -> None:
    cue, finding = ONCE[fault]
    table.plays({"at": "chunk", "skip": 1, **cue})

    answers = table.ask(count)

    assert {answer.status_code for answer in answers} <= {200, 500}
    failed = [answer for answer in answers if answer.status_code == 500]
    assert failed
    assert {answer.json()["error"]["yamabiko"]["id"] for answer in failed} == {finding}
    for answer, right in zip(answers, table.right, strict=False):
        assert answer.status_code == 500 or answer.json()["text"] == right
    table.holds()


@pytest.mark.parametrize("count", [1, 16])
@pytest.mark.parametrize("when", ["before", "in the middle"])
def test_memory_that_does_not_suffice_ends_one_request_with_its_reason(table, when, count) -> None:
    """It is not tried again with as much: the ladder has no smaller rung here."""
    skip = 0 if when == "before" else 1
    table.plays({"at": "chunk", "skip": skip, "times": 1, "do": "exhaust_memory"})

    answers = table.ask(count)

    assert sorted(answer.status_code for answer in answers) == [200] * (count - 1) + [500]
    for answer, right in zip(answers, table.right, strict=False):
        if answer.status_code == 200:
            assert answer.json()["text"] == right
        else:
            assert answer.json()["error"]["yamabiko"]["id"] == "worker-out-of-memory"
    table.holds()


@pytest.mark.parametrize("count", [1, 16])
def test_a_worker_that_lies_about_its_device_is_not_believed(table, count) -> None:
    table.plays(claims="cuda")

    answers = table.ask(count)

    assert [answer.json()["text"] for answer in answers] == table.right[:count]
    assert {answer.json()["yamabiko"]["verdict"] for answer in answers} == {"refuted"}
    assert {answer.json()["yamabiko"]["used_device"] for answer in answers} == {"cpu"}
    table.holds()


@pytest.mark.parametrize("count", [1, 16])
def test_a_worker_that_floods_its_output_is_heard_out(table, count) -> None:
    table.plays({"at": "chunk", "times": 2, "do": "flood", "megabytes": 8})

    assert [answer.json()["text"] for answer in table.ask(count)] == table.right[:count]
    table.holds()


def test_after_all_that_the_server_answers_as_at_first(table) -> None:
    table.plays()
    assert [answer.json()["text"] for answer in table.ask(16)] == table.right
    assert json.loads(table.script.read_text())["cues"] == []
    table.holds()
