"""
Read the decoded file: raw little-endian float32, mono, 16 kHz.

Read, not mapped: a mapped page counts as memory of the process that touched
it, so the memory of a worker would grow with the recording.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy

from yamabiko.speech import SAMPLE_RATE, Span

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Audio = NDArray[numpy.float32]

SAMPLE_BYTES = 4
FORMAT = "<f4"

TARGET_LEVEL_DB = -30.0
"""
dB of full scale to which the loudest second of a recording is brought.

Silero v6 finds the same speech anywhere from -45 to -10, nothing below -60 and
less above 0: scripts/measure_speech_finding.py.
"""
MOST_GAIN_DB = 60.0
"""Below that lies the rounding of 16 bits, not speech."""
LEVEL_WINDOW = 512
LOUDEST_S = 1.0
OFFSET_THAT_MATTERS = 1e-4


class AudioCutShort(OSError):
    """The decoded file holds less than it did when it was made."""


@dataclass(frozen=True, slots=True)
class Level:
    """What must be done to a whole recording before a speech finder can hear it."""

    offset: float = 0.0
    """To be taken away from each sample first: an offset of 0.003 makes Silero deaf to quiet speech."""
    gain: float = 1.0


def count(path: Path) -> int:
    """Samples in the file. Raises: AudioCutShort, if it ends within a sample; OSError."""
    size = os.stat(path).st_size
    if size % SAMPLE_BYTES:
        raise AudioCutShort(f"decoded audio {path.name}: {size} bytes end within a sample")
    return size // SAMPLE_BYTES


class Recording:
    """A decoded file, for whoever reads it in an order of his own. Raises: as `count` and `read`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.samples = count(path)

    def read(self, span: Span) -> Audio:
        return read(self._path, span)


def read(path: Path, span: Span) -> Audio:
    """
    The samples of `span`, shape (span.samples,).

    Raises: AudioCutShort, if the file does not hold all of them; ValueError for
    a span that is none; OSError, if it cannot be read.
    """
    if span.start_sample < 0 or span.samples < 0:
        raise ValueError(f"not a stretch of a recording: {span}")
    with path.open("rb", buffering=0) as file:
        file.seek(span.start_sample * SAMPLE_BYTES)
        found: Audio = numpy.fromfile(file, FORMAT, span.samples)
    if found.size < span.samples:
        raise AudioCutShort(
            f"decoded audio {path.name}: samples {span.start_sample} to {span.end_sample} were asked for,"
            f" but it ends at {span.start_sample + found.size if found.size else count(path)}"
        )
    return found.astype(numpy.float32, copy=False)


def blocks(path: Path, samples_per_block: int) -> Iterator[Audio]:
    """
    The whole file in order, in blocks of `samples_per_block`; the last may be shorter.

    What is appended after the start is not read. Raises: AudioCutShort, if the
    file shrinks meanwhile; OSError, if it cannot be read.
    """
    if samples_per_block < 1:
        raise ValueError(f"blocks of {samples_per_block} samples")
    total = count(path)
    with path.open("rb", buffering=0) as file:
        for start in range(0, total, samples_per_block):
            wanted = min(samples_per_block, total - start)
            block: Audio = numpy.fromfile(file, FORMAT, wanted)
            if block.size < wanted:
                raise AudioCutShort(
                    f"decoded audio {path.name}: it had {total} samples and now ends at {start + block.size}"
                )
            yield block.astype(numpy.float32, copy=False)


def level(path: Path) -> Level:
    """
    One pass over the file, with memory for one block: what `levelled_blocks` must do.

    The loudness is that of the loudest second in all, found by counting windows
    of 32 ms in steps of 0.5 dB: a click does not decide it, and speech in one
    second out of two hours does. One gain for the whole recording, so silence
    stays as far below the speech as it was.
    """
    total = count(path)
    if not total:
        return Level()
    offset = sum(float(_finite(block).sum(dtype=numpy.float64)) for block in blocks(path, _BLOCK)) / total
    edges = numpy.arange(-120.0, 200.0, 0.5)
    loudness: NDArray[Any] = numpy.zeros(edges.size - 1, numpy.int64)
    for block in blocks(path, _BLOCK):
        windows = _finite(block[: block.size // LEVEL_WINDOW * LEVEL_WINDOW]).reshape(-1, LEVEL_WINDOW)
        power = numpy.square(windows.astype(numpy.float64) - offset).mean(axis=1)
        decibels = 10 * numpy.log10(numpy.maximum(power, 1e-30))
        loudness += numpy.histogram(decibels, edges)[0]
    return Level(offset if abs(offset) > OFFSET_THAT_MATTERS else 0.0, _gain(loudness, edges))


def levelled_blocks(path: Path, samples_per_block: int) -> Iterator[Audio]:
    """`blocks`, brought to a level that a speech finder hears: what to feed it. Reads the file three times."""
    heard = level(path)
    for block in blocks(path, samples_per_block):
        yield (block - numpy.float32(heard.offset)) * numpy.float32(heard.gain)


_BLOCK = 30 * SAMPLE_RATE // LEVEL_WINDOW * LEVEL_WINDOW


def _finite(block: Audio) -> Audio:
    return numpy.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)


def _gain(loudness: NDArray[Any], edges: NDArray[Any]) -> float:
    """From how many windows are how loud. Windows quieter than the first edge are not in it."""
    heard = int(loudness.sum())
    if not heard:
        return 1.0
    wanted = min(int(LOUDEST_S * SAMPLE_RATE / LEVEL_WINDOW), heard)
    louder = numpy.cumsum(loudness[::-1])[::-1]
    level_db = float(edges[int(numpy.flatnonzero(louder >= wanted)[-1])])
    return float(10 ** (min(TARGET_LEVEL_DB - level_db, MOST_GAIN_DB) / 20))
