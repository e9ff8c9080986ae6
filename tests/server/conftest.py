"""Servers for the tests of this room: each the real program, ended and looked at afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from program import Result
from served import Served, begin, beside, end
from yamabiko.bundled import clips


@pytest.fixture
def serve(silero_home: Path) -> Iterator[Callable[..., Served]]:
    """`serve(script, options...)`: a server whose engine follows a script; speech is found for real."""
    started: list[Served] = []

    def start(model: str = "", *options: str, **how: object) -> Served:
        engine = ("--engine", "scripted", *(("--model", model) if model else ()))
        started.append(begin(silero_home, *engine, *options, **how))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for served in started:
        if served.process.poll() is None:
            end(served)


@pytest.fixture(scope="session")
def plain(shared_home: Path, silero_installed: Result) -> Iterator[Served]:
    """A scripted engine that says how much audio it got, for all tests of this process that break no server."""
    assert silero_installed.code == 0, silero_installed.err
    served = begin(beside(shared_home), "--engine", "scripted")
    yield served
    end(served)


@pytest.fixture(scope="session")
def real(ready_home: Path) -> Iterator[Served]:
    """faster-whisper with Whisper base, for all tests of this process."""
    served = begin(beside(ready_home))
    yield served
    end(served)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A clip in which somebody speaks: ours."""
    clip = next(clip for clip in clips() if clip.language == "en")
    copy = tmp_path / "museum 博物館.flac"
    copy.write_bytes(clip.path.read_bytes())
    return copy
