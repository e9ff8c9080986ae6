"""What several rooms' tests stand on: scripted models, recordings, and a watch for what is left running."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import numpy
import pytest

from program import children_of
from yamabiko.engines.contract import Placement
from yamabiko.settings import Settings
from yamabiko.speech import SAMPLE_RATE, Span
from yamabiko.workers.launch import Launch
from yamabiko.workers.process import Worker

pytest_plugins = ("homes",)

# What a shell starts in the background ignores Ctrl-C, and so would every program that a test starts.
with contextlib.suppress(ValueError):  # not the main thread
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A machine at work is slow at times, and that is no failure of what we test.
# Half of hypothesis' examples: the suite runs at every change, and HYPOTHESIS_EXAMPLES asks for more.
EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "50"))
hypothesis.settings.register_profile("yamabiko", deadline=None, max_examples=EXAMPLES)
hypothesis.settings.load_profile("yamabiko")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs no real engine first: `make test` fetches the engines meanwhile."""
    items.sort(key=lambda item: "shared_home" in getattr(item, "fixturenames", ()))


SOURCE = Path(__file__).resolve().parents[1] / "src"


@pytest.fixture
def no_children_left() -> Iterator[None]:
    """The test leaves no process behind, neither running nor as a zombie."""
    before = children_of(os.getpid())
    yield
    assert children_of(os.getpid()) <= before


@pytest.fixture
def script(tmp_path: Path) -> Callable[..., str]:
    """`script(cues..., says=, claims=)` is the path of a scripted model, as an Outfit or a Load wants it."""
    made = iter(range(1_000))

    def write(*cues: dict[str, Any], **facts: Any) -> str:
        path = tmp_path / f"script-{next(made)}.json"
        path.write_text(json.dumps({"cues": cues, **facts}), "utf-8")
        return str(path)

    return write


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[Span, ...]]:
    """A decoded file and five chunks of it, all of other sound and length, so that no text can pass for another."""
    path = tmp_path_factory.mktemp("recording") / "five.f32"
    samples = numpy.random.default_rng(7).uniform(-0.1, 0.1, 3 * SAMPLE_RATE).astype("<f4")
    samples.tofile(path)
    edges = [0, 4_000, 12_000, 22_000, 34_000, 48_000]
    return path, tuple(Span(start, end) for start, end in itertools.pairwise(edges))


@pytest.fixture(scope="session")
def silence_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seconds of digital silence, decoded."""
    path = tmp_path_factory.mktemp("silence") / "silence.f32"
    numpy.zeros(10 * SAMPLE_RATE, "<f4").tofile(path)
    return path


@pytest.fixture
def start_worker(no_children_left: None) -> Iterator[Callable[..., Worker]]:
    """Real workers of the scripted engine, ended with the test."""
    started: list[Worker] = []

    def start(device: str = "cpu", python: Path = Path(sys.executable), **settings: Any) -> Worker:
        launch = Launch("scripted", python, False, Placement(device, "int8"))
        worker = Worker(launch, Settings(**settings))
        started.append(worker)
        return worker

    yield start
    for worker in started:
        worker.kill()


@pytest.fixture
def impostor(tmp_path: Path) -> Callable[[str], Path]:
    """
    An interpreter that is none: a program that gets the channel and does what `body` says with it.

    `channel` is its Channel, `end` the bare socket below it; `messages` and `speech` are the modules.
    """

    def make(body: str) -> Path:
        path = tmp_path / "impostor"
        path.write_text(
            f"#!{sys.executable}\n"
            f"import os, socket, sys\nsys.path.insert(0, {str(SOURCE)!r})\n"
            "from yamabiko import speech\nfrom yamabiko.engines import contract\n"
            "from yamabiko.workers import messages\nfrom yamabiko.workers.channel import Channel\n"
            "end = socket.socket(fileno=int(sys.argv[sys.argv.index('--channel') + 1]))\nchannel = Channel(end)\n"
            "def greet():\n    channel.send(messages.Hello(os.getpid(), 'none'))\n"
            "def serve_load():\n    greet()\n    channel.receive()\n"
            "    channel.send(messages.Ready(contract.Loaded('cpu', 'int8', '0'), 0.0))\n"
            f"{body}\n"
        )
        path.chmod(0o755)
        return path

    return make
