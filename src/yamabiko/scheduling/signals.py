"""
What engines beside the transcribing ones hear in a recording: where somebody speaks, who, and when each character.

Each asks the worker of a Run, down its ladder, and gives what came as arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy

from yamabiko.engines.contract import SpeakerCount, Voices
from yamabiko.scheduling.scheduler import Run
from yamabiko.speech import Span
from yamabiko.workers.messages import Done, Stretch
from yamabiko.workers.process import Worker

if TYPE_CHECKING:
    from numpy.typing import NDArray

M = TypeVar("M")


def find_speech(
    run: Run, audio: Path, heard: Callable[[int], None] = lambda samples: None, *, levelled: bool = True
) -> tuple[NDArray[Any], int]:
    """
    How likely each window of so many samples is speech: float32, one value a window; and the window.

    `heard` is told how many samples are done. Raises: Problem, when no rung is left.
    """

    def listen(worker: Worker) -> tuple[NDArray[Any], int]:
        found: list[NDArray[Any]] = []
        window = done = 0
        for message, probabilities in _heard(run, worker, worker.find_speech(audio, levelled=levelled)):
            window = message.window_samples
            found.append(probabilities)
            done += probabilities.size * window
            heard(done)
        return (numpy.concatenate(found) if found else numpy.zeros(0, "<f4")), max(1, window)

    return run.survive(listen)


def find_speakers(
    run: Run, audio: Path, spans: Sequence[Span], count: SpeakerCount,
    heard: Callable[[int], None] = lambda samples: None,
) -> list[tuple[Voices, NDArray[Any]]]:  # fmt: skip
    """
    People told apart in each stretch, with their voice prints: float32, shape (people, dimensions).

    `heard` is told how many samples are done. Raises: Problem, when no rung is left.
    """

    def listen(worker: Worker) -> list[tuple[Voices, NDArray[Any]]]:
        found: list[tuple[Voices, NDArray[Any]]] = []
        for message, prints in _heard(run, worker, worker.find_speakers(audio, spans, count)):
            found.append((message.voices, prints.reshape(len(message.voices.people), -1) if prints.size else prints))
            heard(message.voices.window.end_sample)
        return found

    return run.survive(listen)


def align(
    run: Run, audio: Path, stretches: Sequence[Stretch], heard: Callable[[int], None] = lambda stretches: None
) -> list[tuple[NDArray[Any], float]]:
    """
    What an aligner hears in each stretch: float32, shape (frames, 2 + characters), and the seconds of a frame.

    `heard` is told how many stretches are done. Raises: Problem, when no rung is left.
    """

    def listen(worker: Worker) -> list[tuple[NDArray[Any], float]]:
        found: list[tuple[NDArray[Any], float]] = []
        for message, likely in _heard(run, worker, worker.align(audio, stretches)):
            found.append((likely.reshape(-1, message.columns), message.frame_s))
            heard(len(found))
        return found

    return run.survive(listen)


def _heard(run: Run, worker: Worker, items: Iterator[tuple[M, bytes] | Done]) -> Iterator[tuple[M, NDArray[Any]]]:
    """Each message with its payload, float32; what was observed meanwhile is noted at the end."""
    for item in items:
        if isinstance(item, Done):
            run.observe(item, worker.last_words())
            return
        message, payload = item
        yield message, numpy.frombuffer(payload, "<f4")
