import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yamabiko.audio.downmix import ACTIVE_ABOVE, MonoMix

RATE = 16_000


def mixed(sound: np.ndarray, rate: int = RATE, cuts: tuple[int, ...] = ()) -> np.ndarray:
    mix = MonoMix(len(sound), rate)
    pieces = np.split(sound.astype(np.float32), sorted(cut % (sound.shape[1] + 1) for cut in cuts), axis=1)
    return np.concatenate([*(mix.push(piece) for piece in pieces), mix.flush()])


def voice(seconds: float, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    loudness = np.repeat(random.uniform(0.1, 1, int(seconds * 10)), RATE // 10)
    return (random.normal(0, 0.2, len(loudness)) * loudness).clip(-1, 1).astype(np.float32)


def tone(seconds: float, hertz: float = 200) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


def energy(sound: np.ndarray) -> float:
    return float(np.square(sound, dtype=np.float64).sum())


shapes = st.tuples(st.integers(1, 8), st.integers(0, 9000), st.integers(0, 2**31))


@given(shapes, st.sampled_from([7350, 16_000, 44_100]), st.lists(st.integers(0, 9000), max_size=5))
def test_the_mix_is_as_long_as_the_recording_and_never_louder_than_full_scale(shape, rate, cuts):
    channels, count, seed = shape
    sound = np.random.default_rng(seed).uniform(-1, 1, (channels, count)).astype(np.float32)

    mono = mixed(sound, rate, tuple(cuts))

    assert len(mono) == count
    assert np.isfinite(mono).all()
    assert np.abs(mono).max(initial=0) <= 1 + 1e-5


@given(shapes, st.lists(st.integers(0, 9000), min_size=1, max_size=6), st.booleans())
def test_the_mix_does_not_depend_on_how_the_stream_was_cut(shape, cuts, opposite):
    """Decoders hand over blocks of any size; a transcript must not depend on it."""
    channels, count, seed = shape
    sound = np.random.default_rng(seed).uniform(-1, 1, (channels, count)).astype(np.float32)
    if opposite and channels == 2:
        sound[1, count // 2 :] = -sound[0, count // 2 :]

    assert np.allclose(mixed(sound, cuts=tuple(cuts)), mixed(sound), atol=1e-6)


@given(st.integers(0, 2**31), st.floats(0.5, 1.0), st.floats(0, 0.05))
def test_opposite_phase_keeps_what_was_said(seed, balance, noise):
    """One microphone wired the wrong way round: the mean of both channels is silence."""
    left = voice(1, seed)
    right = -balance * left + noise * voice(1, seed + 1)

    mono = mixed(np.stack([left, right]))

    assert energy(mono) > 0.9 * energy(left)


@given(st.integers(0, 2**31))
def test_same_sound_on_all_channels_passes_unchanged(seed):
    sound = voice(1, seed)

    assert np.allclose(mixed(np.stack([sound] * 2)), sound, atol=1e-6)


@given(st.integers(0, 2**31))
def test_two_speakers_on_two_channels_are_both_kept(seed):
    """A telephone recording: taking the loudest channel would lose whoever is quieter."""
    one, other = voice(2, seed), voice(2, seed + 1)
    one[: RATE // 2] = 0
    other[RATE:] = 0

    mono = mixed(np.stack([one, other]))

    for speaker in (one, other):
        assert np.dot(mono, speaker) / energy(speaker) > 0.4


def test_a_surround_recording_with_sound_in_the_centre_alone_is_heard_at_full_level():
    sound = np.zeros((6, 2 * RATE), np.float32)
    sound[2] = voice(2, 5)

    assert np.allclose(mixed(sound), sound[2], atol=1e-6)


def test_a_dead_channel_does_not_halve_the_level():
    sound = np.stack([voice(2, 7), np.sqrt(ACTIVE_ABOVE) / 2 * voice(2, 8)])

    mono = mixed(sound)

    assert energy(mono) == pytest.approx(energy(sound[0]), rel=0.05)


@pytest.mark.parametrize("period_s", [0.05, 0.1, 0.23, 0.5, 1.0])
def test_a_phase_that_keeps_changing_never_clicks(period_s):
    """A click is a jump between neighbouring samples that the sound itself does not have."""
    left = tone(4)
    turn = np.sin(np.pi * np.arange(len(left)) / (period_s * RATE)).astype(
        np.float32
    )  # slides between in and out of phase
    sound = np.stack([left, left * turn])

    mono = mixed(sound)

    steepest = np.abs(np.diff(sound, axis=1)).max()
    assert np.abs(np.diff(mono)).max() < 1.5 * steepest


def test_a_recording_at_the_threshold_does_not_flip_flop():
    """What is left of the sum is now a little over the threshold, now a little under: one decision must stand."""
    random = np.random.default_rng(3)
    left, own = random.normal(0, 0.2, (2, 10 * RATE)).clip(-1, 1)
    wobble = np.repeat(random.uniform(0.85, 1.0, 100), RATE // 10)
    sound = np.stack([left, -left + wobble * own]).astype(np.float32)
    assert 0.26 < np.square(sound.sum(axis=0)).sum() / np.square(sound).sum() < 0.34
    mix = MonoMix(2, RATE)

    changes, before = 0, None
    for block in np.split(sound, 100, axis=1):
        mix.push(block)
        now = mix._weights.tolist()
        changes += before is not None and now != before
        before = now

    assert changes <= 3


def test_silence_does_not_change_the_decision():
    left = np.concatenate([voice(1, 1), np.zeros(RATE, np.float32), voice(1, 2)])
    mono = mixed(np.stack([left, -left]))

    assert np.allclose(mono, left, atol=1e-6)
