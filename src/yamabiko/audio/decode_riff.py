"""What stands in a WAV file after the end that its header claims. FFmpeg reads up to there, and says nothing."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass

UNTOLD = (0, 0xFFFFFFFF)
"""Sizes that a stream's writer leaves in the header: the sound goes on to the end of the file, and FFmpeg reads it."""
MOST_CHUNKS = 64
MOST_RECORDINGS = 1000
LITTLE_BYTES = 256 * 1024
"""Less than this, if it is no recording, is no sound that anybody misses."""
_TAGS = (b"ID3", b"TAG", b"APETAGEX")


@dataclass(frozen=True, slots=True)
class Beyond:
    """What was not read."""

    size_bytes: int
    recordings: int
    """How many WAV files follow, one after the other; 0: data of another kind."""
    recordings_s: float
    """Length of their sound, by their headers."""


@dataclass(frozen=True, slots=True)
class _Wav:
    end: int
    sound_s: float


def beyond(file: io.RawIOBase | io.BytesIO) -> Beyond | None:
    """
    None, if the header tells of all that is there, or if it tells no length, or if only tags and little else follow.

    Reads headers alone, and leaves the file at its beginning.
    """
    try:
        size = file.seek(0, io.SEEK_END)
        first = _wav_at(file, 0, size)
        return _after(file, first.end, size) if first is not None else None
    except OSError:
        return None  # whoever reads the sound meets it again, and tells
    finally:
        file.seek(0)


def _after(file: io.RawIOBase | io.BytesIO, end: int, size: int) -> Beyond | None:
    at, recordings, sound_s = _past_chunks(file, end, size), 0, 0.0
    while recordings < MOST_RECORDINGS and (wav := _wav_at(file, at, size)) is not None:
        at, recordings, sound_s = _past_chunks(file, wav.end, size), recordings + 1, sound_s + wav.sound_s
    if recordings:
        return Beyond(size - end, recordings, sound_s)
    if size - at < max(LITTLE_BYTES, end // 50):
        return None
    head = _read(file, at, 4096)
    return None if head.startswith(_TAGS) or not any(head) else Beyond(size - at, 0, 0.0)


def _wav_at(file: io.RawIOBase | io.BytesIO, at: int, size: int) -> _Wav | None:
    head = _read(file, at, 12)
    if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
        return None
    (claimed,) = struct.unpack("<I", head[4:8])
    place, bytes_a_second = at + 12, 0
    for _ in range(MOST_CHUNKS):
        head = _read(file, place, 20)
        if len(head) < 8:
            return None
        name, length = struct.unpack("<4sI", head[:8])
        if name == b"data":
            place += 8
            untold = claimed in UNTOLD or length in UNTOLD
            end = size if untold else min(size, place + length)
            return _Wav(end, (end - place) / bytes_a_second if bytes_a_second else 0.0)
        if name == b"fmt " and len(head) == 20:
            (bytes_a_second,) = struct.unpack("<I", head[16:20])
        place += 8 + length + length % 2
    return None


def _past_chunks(file: io.RawIOBase | io.BytesIO, at: int, size: int) -> int:
    """Chunks behind the sound (LIST, id3, bext, ...), counted by the header or not: words, and no sound."""
    for _ in range(MOST_CHUNKS):
        # Behind an odd number of bytes there is one more, to make it even; not every program writes it.
        at += _read(file, at, 1) == b"\0" and _read(file, at + 1, 1) > b"\0"
        head = _read(file, at, 8)
        if len(head) < 8 or head[:4] == b"RIFF" or not all(0x20 <= letter < 0x7F for letter in head[:4]):
            break
        (length,) = struct.unpack("<I", head[4:8])
        if at + 8 + length > size:
            break
        at += 8 + length
    return min(at, size)


def _read(file: io.RawIOBase | io.BytesIO, at: int, count: int) -> bytes:
    file.seek(at)
    return file.read(count) or b""
