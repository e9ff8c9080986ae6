"""The real server as a process on a loopback port, and what it must leave behind: nothing."""

from __future__ import annotations

import atexit
import contextlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import openai
import pytest

from program import COMMAND, environment

LOOK_S = 0.1


@dataclass
class Served:
    url: str
    process: subprocess.Popen[str]
    home: Path
    _sdk: openai.OpenAI | None = None

    @property
    def http(self) -> httpx.Client:
        return httpx.Client(
            base_url=self.url, timeout=120, trust_env=False, verify=False
        )  # certificates take time to read

    @property
    def sdk(self) -> openai.OpenAI:
        if self._sdk is None:
            self._sdk = openai.OpenAI(base_url=f"{self.url}/v1", api_key="none", max_retries=0, http_client=self.http)
        return self._sdk

    def stats(self) -> dict[str, float]:
        with self.http as http:
            found: dict[str, float] = http.get("/stats").json()
            return found

    def wait_until(self, true: Callable[[], bool], limit_s: float = 60) -> float:
        """Seconds until it was true."""
        begun = time.monotonic()
        while not true():
            with contextlib.suppress(subprocess.TimeoutExpired):  # a pause that its end would cut short
                self.process.wait(LOOK_S)
                pytest.fail("the server ended")
            assert time.monotonic() - begun < limit_s, "waited too long"
        return time.monotonic() - begun

    def ready(self) -> bool:
        with self.http as http:
            return http.get("/ready").status_code == 200


def beside(home: Path) -> Path:
    """A home with the engines and models of another and jobs of its own: a home's jobs belong to one server at a time."""
    own = Path(tempfile.mkdtemp(prefix="yamabiko-beside-"))
    (own / "data").mkdir()
    for name in ("data/engines", "cache"):
        (home / name).mkdir(parents=True, exist_ok=True)
        (own / name).symlink_to(home / name)
    atexit.register(shutil.rmtree, own, ignore_errors=True)
    return own


def begin(home: Path, *options: str, wait: bool = True, **variables: str) -> Served:
    process = subprocess.Popen(
        [*COMMAND, "serve", "--port", "0", "--no-install", *options],
        env=environment(home, **variables), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    line = process.stderr.readline()
    found = re.search(r"http://\S+:\d+", line)
    if found is None:
        process.wait(10)
        pytest.fail(line + process.stderr.read())
    served = Served(found[0], process, home)
    if wait:
        served.wait_until(served.ready)
    return served


def end(served: Served) -> str:
    """Politely; what it said at last. Nothing is left behind."""
    if served._sdk is not None:
        served._sdk.close()
    children = _descendants(served.process.pid)
    served.process.send_signal(signal.SIGTERM)
    _, said = served.process.communicate(timeout=30)  # closes its stderr too
    assert served.process.returncode == 0, said
    assert "Traceback" not in said
    begun = time.monotonic()
    while left := [pid for pid in children if Path(f"/proc/{pid}").exists()]:
        # A worker that was just being started ends with its parent, by the kernel's hand and a moment later.
        assert time.monotonic() - begun < 10, left
    work = served.home / "cache/work"
    assert [path.name for path in work.glob(f"{served.process.pid}-*")] == []
    return said


def _descendants(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            found.append(int(stat.parent.name))
    return found
