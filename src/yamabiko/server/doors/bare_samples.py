"""Samples that came without any header, as a WAV file: from then on they are a recording like any other."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from yamabiko.speech import SAMPLE_RATE

_BLOCK = 1 << 20
_MOST = 0xFFFFFFFF
"""A WAV file's own count of bytes goes no further; what comes behind it is still read."""


@dataclass(frozen=True, slots=True)
class Form:
    """Little-endian, interleaved; 8 bit are unsigned, all else is signed, as in a WAV file."""

    rate: int
    """Hertz."""
    width: int
    """Bytes a sample."""
    channels: int

    @property
    def frame_bytes(self) -> int:
        return self.width * self.channels


SPEECH = Form(SAMPLE_RATE, 2, 1)
HEADER_BYTES = 44


def header(form: Form, data_bytes: int) -> bytes:
    """44 bytes, to stand before `data_bytes` of samples."""
    size = min(data_bytes, _MOST - HEADER_BYTES)
    kind = (16, 1, form.channels, form.rate, form.rate * form.frame_bytes, form.frame_bytes, 8 * form.width)
    return struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", size + 36, b"WAVE", b"fmt ", *kind, b"data", size)


def as_wav(bare: Path, target: Path, form: Form = SPEECH) -> None:
    """Copies whole frames; what is left over of the last one is dropped. Blocking. Raises: OSError."""
    size = bare.stat().st_size // form.frame_bytes * form.frame_bytes
    with target.open("wb") as made, bare.open("rb") as samples:
        made.write(header(form, size))
        while size and (block := samples.read(min(size, _BLOCK))):
            size -= len(block)
            made.write(block)
