"""
What clients send, as samples: 24 kHz PCM16 or 8 kHz G.711 to 16 kHz mono float32.

Numpy alone: no decoding library is loaded into the server. Filters keep their
state, so that blocks of any size join without a click.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy
from numpy.lib.stride_tricks import sliding_window_view

from yamabiko.speech import SAMPLE_RATE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from yamabiko.engines.contract import Audio

Format = Literal["audio/pcm", "audio/pcmu", "audio/pcma"]
FORMATS: tuple[Format, ...] = ("audio/pcm", "audio/pcmu", "audio/pcma")
RATES: dict[Format, int] = {"audio/pcm": 24_000, "audio/pcmu": 8_000, "audio/pcma": 8_000}

TAPS_PER_PHASE = 64
"""Measured against a sine: nothing below 7 kHz loses more than 0.1 dB, nothing above 9 kHz is left at -60 dB."""


class Decoder:
    """Blocks of one stream, in order."""

    def __init__(self, format_: Format) -> None:
        self._format = format_
        self._resampler = Resampler(RATES[format_])

    def samples(self, block: bytes) -> Audio:
        """
        16 kHz samples in -1..1; none are lost, those of the last millisecond come with the next block.

        Raises: ValueError, if the block ends within a sample.
        """
        if self._format == "audio/pcm":
            if len(block) % 2:
                raise ValueError(f"{len(block)} bytes are no whole number of 16-bit samples")
            sound: Audio = numpy.frombuffer(block, "<i2").astype(numpy.float32) / numpy.float32(32768)
        else:
            table = _ULAW if self._format == "audio/pcmu" else _ALAW
            sound = table[numpy.frombuffer(block, numpy.uint8)]
        return self._resampler.feed(sound)


class Resampler:
    """A polyphase low-pass filter from 24 or 8 kHz to 16 kHz: two phases, as 16 kHz is 2/3 of one and 2/1 of the other."""

    def __init__(self, rate: int) -> None:
        """Raises: ValueError for a rate that is neither."""
        if rate * 2 % SAMPLE_RATE:
            raise ValueError(f"no filter for {rate} Hz")
        self._step = rate * 2 // SAMPLE_RATE
        self._phases = _filter(2, self._step)
        self._kept: Audio = numpy.zeros(TAPS_PER_PHASE - 1, numpy.float32)
        """Samples that the next outputs still look back at."""
        self._next = 0
        """Place of the next output on the clock of twice the rate, from the first sample that is new."""

    def feed(self, block: Audio) -> Audio:
        """All outputs that these samples complete, shape (about block.size * 16000 / rate,)."""
        sound = numpy.concatenate((self._kept, block))
        places = numpy.arange(self._next, 2 * block.size, self._step)
        self._next += places.size * self._step - 2 * block.size
        self._kept = sound[sound.size - (TAPS_PER_PHASE - 1) :]
        if not places.size:
            return numpy.zeros(0, numpy.float32)
        windows = sliding_window_view(sound, TAPS_PER_PHASE)
        out = numpy.empty(places.size, numpy.float32)
        for phase in (0, 1):
            mine = places % 2 == phase
            out[mine] = windows[places[mine] // 2] @ self._phases[phase]
        return out


def _filter(up: int, down: int) -> NDArray[Any]:
    """Shape (up, TAPS_PER_PHASE): a windowed sinc by phase, each turned round to stand against samples in order."""
    count = up * TAPS_PER_PHASE
    cutoff = 0.94 / max(up, down)
    at = numpy.arange(count) - (count - 1) / 2
    taps = cutoff * numpy.sinc(cutoff * at) * numpy.kaiser(count, 8.0) * up
    phases = taps.reshape(TAPS_PER_PHASE, up).T
    turned: NDArray[Any] = (phases / phases.sum(axis=1, keepdims=True))[:, ::-1].astype(numpy.float32)
    return turned


def _ulaw() -> Audio:
    """G.711 mu-law: sign, three bits of exponent, four of mantissa, all inverted."""
    code = ~numpy.arange(256, dtype=numpy.uint8)
    exponent, mantissa = (code >> 4) & 7, code & 15
    size = (((mantissa.astype(numpy.int32) << 3) + 132) << exponent) - 132
    return (numpy.where(code & 128, -size, size) / 32768).astype(numpy.float32)


def _alaw() -> Audio:
    """G.711 A-law: every second bit inverted."""
    code = numpy.arange(256, dtype=numpy.uint8) ^ 0x55
    exponent, mantissa = ((code >> 4) & 7).astype(numpy.int32), (code & 15).astype(numpy.int32)
    size = numpy.where(exponent == 0, (mantissa << 4) + 8, ((mantissa << 4) + 264) << numpy.maximum(exponent - 1, 0))
    return (numpy.where(code & 128, size, -size) / 32768).astype(numpy.float32)


_ULAW = _ulaw()
_ALAW = _alaw()
