"""Recordings made on the spot, and a hold on the decoder's child process, for the decoding tests."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from yamabiko.audio.decode import Decoded, decode
from yamabiko.audio.decode_start import Start, spawn
from yamabiko.findings import Finding, Problem
from yamabiko.settings import Settings

ROOMY = Settings(free_disk_bytes=0)


def babble(seconds: float, rate: int = 16_000, seed: int = 1) -> NDArray[np.float32]:
    """Syllables of low-passed noise with pauses between them: an envelope that can be recognised, like speech's."""
    random = np.random.default_rng(seed)
    count = round(seconds * rate)
    pairs = np.repeat(random.uniform(-0.5, 0.5, count // 8 + 1), 8)[:count]
    loudness = np.repeat(random.choice([0.0, 0.2, 0.6, 1.0], int(seconds * 5) + 1), rate // 5)[:count]
    return (pairs * np.pad(loudness, (0, count - len(loudness)))).astype(np.float32)


def wav(
    path: Path, channels: NDArray[np.floating], rate: int = 16_000, kind: str = "<i2", claimed_bytes: int | None = None
) -> Path:
    """A WAV file of shape (channels, samples) or (samples,); `kind` is `<i2`, `<i4`, `<f4` or `<f8`."""
    channels = np.atleast_2d(channels)
    dtype = np.dtype(kind)
    scale = 2 ** (8 * dtype.itemsize - 1) - 1 if dtype.kind == "i" else 1
    data = np.ascontiguousarray((channels.T * scale).astype(dtype)).tobytes()
    count, width = len(channels), dtype.itemsize
    form = struct.pack(
        "<HHIIHH", 1 if dtype.kind == "i" else 3, count, rate, rate * count * width, count * width, 8 * width
    )
    size = len(data) if claimed_bytes is None else claimed_bytes
    head = b"RIFF" + struct.pack("<I", min(size + 36, 2**32 - 1)) + b"WAVEfmt " + struct.pack("<I", 16) + form
    path.write_bytes(head + b"data" + struct.pack("<I", size) + data)
    return path


def long_silent_wav(path: Path, seconds: int) -> Path:
    """Hours of recording that take no disk space: the samples are a hole in the file."""
    size = seconds * 16_000 * 2
    wav(path, np.zeros(0), claimed_bytes=size)
    os.truncate(path, 44 + size)
    return path


def encode(
    path: Path, sound: NDArray[np.float32], rate: int, codec: str, layout: str = "mono", picture: bool = False
) -> Path:
    """`sound` of shape (channels, samples) in any container and codec PyAV writes; `picture`: a video beside it."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        video = container.add_stream("mpeg4", rate=5) if picture else None
        if video is not None:
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        frame_size = 1024
        for start in range(0, sound.shape[1], frame_size):
            block = np.ascontiguousarray(np.atleast_2d(sound)[:, start : start + frame_size])
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
            frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if video is not None:
            for index in range(int(sound.shape[1] / rate * 5)):
                picture_frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), index % 255, np.uint8))
                picture_frame.pts, picture_frame.time_base = index, Fraction(1, 5)
                container.mux(video.encode(picture_frame))
            container.mux(video.encode(None))
    return path


def samples(decoded: Decoded) -> NDArray[np.float32]:
    found = np.fromfile(decoded.path, "<f4")
    assert len(found) == decoded.samples
    assert np.isfinite(found).all()
    assert np.abs(found).max(initial=0) <= 1
    return found


def envelope(sound: NDArray[np.floating], rate: int = 16_000) -> NDArray[np.float64]:
    """Loudness in steps of 50 ms."""
    step = rate // 20
    whole = len(sound) // step * step
    return np.sqrt(np.mean(sound[:whole].astype(np.float64).reshape(-1, step) ** 2, axis=1))


def alike(found: NDArray[np.floating], expected: NDArray[np.floating], expected_rate: int = 16_000) -> float:
    """
    Correlation of the two loudness envelopes: 1 is the same course of loudness.

    A shift of up to 0.1 s is forgiven: lossy codecs pad their start.
    """
    one, other = envelope(found), envelope(expected, expected_rate)
    count = min(len(one), len(other)) - 2
    pairs = [(one[lag : lag + count], other[:count]) for lag in range(3)]
    pairs += [(one[:count], other[lag : lag + count]) for lag in range(1, 3)]
    return max(float(np.corrcoef(*(part[: min(map(len, pair))] for part in pair))[0, 1]) for pair in pairs)


def refusal(source: Path, target: Path, settings: Settings = ROOMY, start: Start = spawn) -> Finding:
    """The Finding of a decode that must fail, having left nothing behind."""
    before = target.read_bytes() if target.is_file() else None
    with pytest.raises(Problem) as caught:
        decode(source, target, settings, None, start)
    finding = caught.value.finding
    assert not target.with_name(target.name + ".part").exists()
    assert (target.read_bytes() if target.is_file() else None) == before
    assert finding.cause.ja
    assert finding.remedies
    return finding


def ids(decoded: Decoded) -> list[str]:
    return [notice.id for notice in decoded.notices]


def decoders_of(parent: int) -> Iterator[int]:
    """Process ids of the decoders that `parent` runs (Linux)."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                after_name = (entry / "stat").read_text().rpartition(")")[2].split()
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue  # it ended while we looked
            if int(after_name[1]) == parent and b"yamabiko.audio.decode_child" in command:
                yield int(entry.name)
