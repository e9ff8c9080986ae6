"""Frames of whatever a file holds to mono float32 at 16 kHz, on the file's own clock. Runs in the decoder's child process only."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from yamabiko.audio.decode_walls import Refused
from yamabiko.audio.downmix import MonoMix, Samples
from yamabiko.speech import SAMPLE_RATE

if TYPE_CHECKING:  # PyAV is imported where it is used: no other process of ours may load it by mistake
    from av.audio.frame import AudioFrame
    from av.audio.resampler import AudioResampler
    from numpy.typing import NDArray

    from yamabiko.audio.decode_stream import Stream

LOWEST_RATE, HIGHEST_RATE = 2_000, 768_000
MOST_CHANNELS = 64
SMALLEST_GAP_S = 0.1
"""A jump of the file's own clock that is filled with silence; ffmpeg's `min_hard_comp` is the same."""
LARGEST_GAP_S = 600.0
"""A larger jump is another clock (joined broadcasts), not a pause."""
VALUES_AT_ONCE = 1 << 17
"""Values (samples times channels) gathered before numpy works on them: 0.5 MiB of float32."""


def refuse_absurd(sample_rate: int, channels: int) -> None:
    if not LOWEST_RATE <= sample_rate <= HIGHEST_RATE or not 1 <= channels <= MOST_CHANNELS:
        raise Refused("input-not-audio", f"decoder: the file claims {channels} channels at {sample_rate} Hz")


class Mono16k:
    """
    Frames of any format to mono float32 at 16 kHz, on the file's own clock.

    Where the clock jumps ahead of the sound (lost packets, pauses that were not
    sent, audio that starts after the picture), silence is put in, so that times
    in the result are times in the recording.
    """

    def __init__(self, stream: Stream, start_s: float | None, write: Callable[[Samples], None]) -> None:
        self._stream = stream
        self._write = write
        self._start_s = start_s
        self._passed_s = 0.0
        self._kind: tuple[int, int, str] | None = None
        self._pending: list[NDArray[Any]] = []
        self._pending_values = 0
        self._mix = MonoMix(1, SAMPLE_RATE)
        self._resampler: AudioResampler | None = None
        self._to_float: AudioResampler | None = None

    def frame(self, frame: AudioFrame) -> None:
        kind = (frame.sample_rate, frame.layout.nb_channels, frame.format.name)
        if kind != self._kind:
            self._change(kind)
        if (time_s := frame.time) is not None:
            self._follow_clock(time_s)
        self._passed_s += frame.samples / frame.sample_rate
        values = self._values(frame)
        self._pending.append(values)
        self._pending_values += values.size
        if self._pending_values >= VALUES_AT_ONCE:
            self._work_off()

    def finish(self) -> None:
        """The end of the file: what is still held in mixer and resampler comes out."""
        if self._kind is None:
            return
        self._work_off()
        self._resample(self._mix.flush())
        if self._resampler is not None:
            self._out(self._resampler.resample(None))
            self._resampler = None

    def _change(self, kind: tuple[int, int, str]) -> None:
        """Joined recordings may change their format in the middle."""
        from av.audio.resampler import AudioResampler

        self.finish()
        rate, channels, _ = kind
        refuse_absurd(rate, channels)
        self._kind = kind
        self._mix = MonoMix(channels, rate)
        self._to_float = None
        if rate != SAMPLE_RATE:
            self._resampler = AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)

    def _follow_clock(self, time_s: float) -> None:
        if self._start_s is None:
            self._start_s = time_s
        gap_s = time_s - self._start_s - self._passed_s
        if gap_s <= SMALLEST_GAP_S:
            return
        if gap_s > LARGEST_GAP_S:
            self._start_s += gap_s
            return
        if self._passed_s > 0:  # a late start is no gap
            self._stream.gaps += 1
            self._stream.gap_s += gap_s
        self._passed_s += gap_s
        self._work_off()
        assert self._kind is not None
        rate, channels, _ = self._kind
        left = round(gap_s * rate)
        while left > 0:
            now = min(left, VALUES_AT_ONCE // channels)
            self._resample(self._mix.push(np.zeros((channels, now), np.float32)))
            left -= now

    def _values(self, frame: AudioFrame) -> NDArray[Any]:
        try:
            values: NDArray[Any] = frame.to_ndarray()
        except (ValueError, KeyError):  # PyAV has no array for 64-bit integers
            from av.audio.resampler import AudioResampler

            if self._to_float is None:
                self._to_float = AudioResampler(format="fltp", layout=frame.layout, rate=frame.sample_rate)
            parts = [part.to_ndarray() for part in self._to_float.resample(frame)]
            return np.concatenate(parts, axis=1)
        if not frame.format.is_planar:
            return values.reshape(-1, frame.layout.nb_channels).T
        return values

    def _work_off(self) -> None:
        if not self._pending:
            return
        values = np.concatenate(self._pending, axis=1)
        self._pending, self._pending_values = [], 0
        sound = self._clean(values) if values.dtype.kind == "f" else _from_integers(values)
        self._resample(self._mix.push(sound))

    def _clean(self, values: NDArray[Any]) -> Samples:
        """NaN and infinity become silence; floats written on an integer's scale come back to -1..1."""
        finite = np.isfinite(values)
        if not finite.all():
            self._stream.not_finite += int(values.size - np.count_nonzero(finite))
            values = np.where(finite, values, 0)
        if self._stream.codec.startswith("pcm_f") and self._stream.scaled_by == 1.0:
            rms = float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))
            if rms > 8:  # 18 dB over full scale for a whole block: no recording is that hot
                self._stream.scaled_by = 1 / 32768 if np.abs(values).max() <= 4 * 32768 else 1 / 2**31
        if self._stream.scaled_by != 1.0:
            values = values * self._stream.scaled_by
        clean: Samples = np.clip(values, -1.0, 1.0).astype(np.float32, copy=False)
        return clean

    def _resample(self, mono: Samples) -> None:
        from av.audio.frame import AudioFrame

        if not mono.size:
            return
        if self._resampler is None:
            self._write(mono)
            return
        assert self._kind is not None
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(mono[np.newaxis, :]), format="flt", layout="mono")
        frame.sample_rate = self._kind[0]
        self._out(self._resampler.resample(frame))

    def _out(self, frames: list[AudioFrame]) -> None:
        for frame in frames:
            self._write(np.clip(frame.to_ndarray()[0], -1.0, 1.0).astype(np.float32, copy=False))


def _from_integers(values: NDArray[Any]) -> Samples:
    floats = values.astype(np.float32)
    if values.dtype == np.uint8:
        return (floats - np.float32(128)) / np.float32(128)
    return floats * np.float32(2.0 ** (1 - 8 * values.dtype.itemsize))
