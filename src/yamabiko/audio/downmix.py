"""
Many channels to one, without losing what was said.

The plain mean is right nearly always: two speakers on two channels are both
kept. It is wrong where channels cancel each other (a microphone wired in
opposite phase: L = -R gives silence), and it is faint where most channels of a
surround recording are silent. Both are measured on the sound itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

BLOCK_S = 0.1
"""One decision a block: shorter than a word, longer than a pitch period."""
FADE_S = 0.02
"""Weights move over this time, so that a change of mind never clicks."""
CANCELS_BELOW = 0.3
CANCELS_NO_MORE_ABOVE = 0.6
"""
Energy of the sum over the sum of energies: 1 for unrelated channels, 0 for
opposite phase, 0.2 for R = -L/2, of which the mean leaves a quarter. Two
thresholds, so that a recording near one does not flip-flop.
"""
ACTIVE_ABOVE = 1e-4
"""A channel counts in the mean if its energy so far is within 40 dB of the loudest's."""
LOUDER_BY = 2.0
"""Among cancelling channels, another is taken only if it has twice the energy."""
SILENT_BELOW = 1e-7
"""Mean square under which a block (-70 dB) says nothing about phase: the decision stands."""


class MonoMix:
    """
    Mixes a stream, block by block, in constant memory.

    What comes out does not depend on how the stream was cut into calls, and is
    as long as what went in.
    """

    def __init__(self, channels: int, sample_rate: int) -> None:
        self._channels = channels
        self._block = max(1, round(BLOCK_S * sample_rate))
        self._fade = max(1, min(self._block, round(FADE_S * sample_rate)))
        self._rest: Samples = np.zeros((channels, 0), np.float32)
        self._energy_so_far = np.zeros(channels)
        self._cancelling: int | None = None
        """The channel heard alone while the others would cancel it."""
        self._weights: Samples | None = None

    def push(self, sound: Samples) -> Samples:
        """Finite float32 of shape (channels, n) in; shape (m,) out: all whole blocks so far."""
        if self._channels == 1:
            only: Samples = sound[0]
            return only
        sound = np.concatenate((self._rest, sound), axis=1) if self._rest.shape[1] else sound
        whole = sound.shape[1] // self._block * self._block
        self._rest = sound[:, whole:].copy()
        return self._mix(sound[:, :whole], self._block)

    def flush(self) -> Samples:
        """The last, shorter block."""
        rest, self._rest = self._rest, np.zeros((self._channels, 0), np.float32)
        return self._mix(rest, max(1, rest.shape[1]))

    def _mix(self, sound: Samples, block: int) -> Samples:
        blocks = sound.shape[1] // block
        if not blocks:
            return np.zeros(0, np.float32)
        cut = sound.reshape(self._channels, blocks, block).astype(np.float64)
        energies = np.einsum("cbn,cbn->bc", cut, cut)
        total = cut.sum(axis=0)
        sums = np.einsum("bn,bn->b", total, total)

        mono = np.empty(sound.shape[1], np.float32)
        run_start, run_weights, run_before = 0, self._weights, self._weights
        for index in range(blocks):
            weights = self._decide(energies[index], float(sums[index]), block)
            if run_weights is None or not np.array_equal(weights, run_weights):
                self._fill(mono, sound, run_start, index * block, run_before, run_weights)
                run_start, run_before, run_weights = index * block, run_weights, weights
        self._fill(mono, sound, run_start, blocks * block, run_before, run_weights)
        self._weights = run_weights
        return mono

    def _fill(
        self, mono: Samples, sound: Samples, start: int, end: int, before: Samples | None, weights: Samples | None
    ) -> None:
        """Samples start..end with `weights`, coming from the weights that held `before`."""
        if end <= start or weights is None:
            return
        mono[start:end] = _weigh(weights, sound[:, start:end])
        if before is not None and before is not weights:
            fade = min(self._fade, end - start)
            ramp = np.arange(1, fade + 1, dtype=np.float32) / np.float32(self._fade)
            old = _weigh(before, sound[:, start : start + fade])
            mono[start : start + fade] = old + ramp * (mono[start : start + fade] - old)

    def _decide(self, energy: NDArray[np.float64], energy_of_sum: float, samples: int) -> Samples:
        self._energy_so_far += energy
        all_energy = float(energy.sum())
        if all_energy > SILENT_BELOW * samples * self._channels:
            coherence = energy_of_sum / all_energy
            if coherence < CANCELS_BELOW or (self._cancelling is not None and coherence < CANCELS_NO_MORE_ABOVE):
                loudest = int(np.argmax(energy))
                if self._cancelling is None or energy[loudest] > LOUDER_BY * energy[self._cancelling]:
                    self._cancelling = loudest
            else:
                self._cancelling = None
        weights = np.zeros(self._channels, np.float32)
        if self._cancelling is not None:
            weights[self._cancelling] = 1.0
        else:
            active = int(np.count_nonzero(self._energy_so_far > ACTIVE_ABOVE * self._energy_so_far.max()))
            weights[:] = 1.0 / max(1, active)
        return weights


def _weigh(weights: Samples, sound: Samples) -> Samples:
    """A weighted sum, channel by channel: not a matrix product, whose library ends the process when memory is short."""
    mono: Samples = np.zeros(sound.shape[1], np.float32)
    for weight, channel in zip(weights, sound, strict=True):
        if weight:
            mono += weight * channel
    return mono
