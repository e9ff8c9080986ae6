"""Sound that was heard and is still needed, by its place since the session began."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

import numpy

from yamabiko.audio.samples import FORMAT
from yamabiko.speech import Span

if TYPE_CHECKING:
    from yamabiko.engines.contract import Audio


class Buffer:
    """16 kHz samples. Places count from the session's first sample and stay what they are."""

    def __init__(self) -> None:
        self._blocks: deque[Audio] = deque()
        self.start = 0
        self.end = 0

    @property
    def held(self) -> int:
        return self.end - self.start

    def append(self, block: Audio) -> None:
        if block.size:
            self._blocks.append(block)
            self.end += block.size

    def read(self, span: Span) -> Audio:
        """Raises: ValueError, if a part of it is gone or has not come."""
        if not self.start <= span.start_sample <= span.end_sample <= self.end:
            raise ValueError(f"{span} is not in {self.start}..{self.end}")
        parts, at = [numpy.zeros(0, numpy.float32)], self.start
        for block in self._blocks:
            first, last = max(span.start_sample - at, 0), min(span.end_sample - at, block.size)
            if first < last:
                parts.append(block[first:last])
            at += block.size
        return numpy.concatenate(parts)

    def forget_before(self, place: int) -> None:
        place = min(place, self.end)
        while self._blocks and self.start + self._blocks[0].size <= place:
            self.start += self._blocks.popleft().size
        if self._blocks and place > self.start:
            self._blocks[0] = self._blocks[0][place - self.start :].copy()
            self.start = place


def write(samples: Audio, path: Path) -> Path:
    """As workers read it. Raises: OSError."""
    samples.astype(FORMAT).tofile(path)
    return path
