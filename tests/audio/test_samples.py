from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yamabiko.audio import samples
from yamabiko.audio.samples import AudioCutShort, Level, blocks, level, levelled_blocks, read
from yamabiko.speech import SAMPLE_RATE, Span


def written(folder: Path, audio) -> Path:
    path = folder / "decoded.f32"
    numpy.asarray(audio, "<f4").tofile(path)
    return path


def test_a_slice_is_the_slice_of_the_recording(tmp_path):
    path = written(tmp_path, numpy.arange(1000))

    found = read(path, Span(100, 105))

    assert found.tolist() == [100, 101, 102, 103, 104]
    assert found.dtype == numpy.float32
    assert read(path, Span(7, 7)).size == 0


@pytest.mark.parametrize("span", [Span(990, 1001), Span(2000, 2001)])
def test_a_slice_beyond_the_end_says_where_the_file_ends(tmp_path, span):
    """Half a chunk transcribed in silence is text lost in silence."""
    with pytest.raises(AudioCutShort, match="ends at 1000"):
        read(written(tmp_path, numpy.zeros(1000)), span)


@pytest.mark.parametrize("span", [Span(-1, 5), Span(5, 4)])
def test_a_slice_that_is_none_is_refused(tmp_path, span):
    with pytest.raises(ValueError, match="stretch"):
        read(written(tmp_path, numpy.zeros(10)), span)


@settings(max_examples=40)
@given(st.integers(0, 5000), st.integers(1, 1500))
def test_blocks_are_the_whole_file_in_order(tmp_path_factory, total, size):
    path = written(tmp_path_factory.mktemp("blocks"), numpy.arange(total))

    found = list(blocks(path, size))

    assert all(block.size == size for block in found[:-1])
    assert all(0 < block.size <= size for block in found)
    assert numpy.array_equal(numpy.concatenate([*found, numpy.zeros(0)]), numpy.arange(total))


def test_a_file_that_shrinks_while_it_is_read_is_an_error(tmp_path):
    path = written(tmp_path, numpy.zeros(1000))
    reading = blocks(path, 300)
    next(reading)

    with path.open("r+b") as file:
        file.truncate(450 * 4)

    with pytest.raises(AudioCutShort, match="had 1000 samples and now ends at 450"):
        list(reading)


def test_a_file_that_ends_within_a_sample_is_an_error(tmp_path):
    path = tmp_path / "decoded.f32"
    path.write_bytes(b"1234567")

    with pytest.raises(AudioCutShort, match="7 bytes"):
        list(blocks(path, 10))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.f32"):
        read(tmp_path / "gone.f32", Span(0, 1))


def voice(seconds: float = 4.0) -> numpy.ndarray:
    """Bursts of tone with silence between, loudest sample 1.0."""
    t = numpy.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return numpy.sin(2 * numpy.pi * 200 * t) * (numpy.sin(2 * numpy.pi * 0.5 * t) > 0)


@settings(max_examples=30)
@given(st.floats(-50, 90), st.floats(-0.5, 0.5))
def test_the_finder_hears_the_same_whatever_the_level_and_offset(tmp_path_factory, decibels, offset):
    """The same talk recorded quietly, loudly, as unscaled integers or on a DC offset has the same speech in it."""
    gain = 10 ** (decibels / 20)
    folder = tmp_path_factory.mktemp("level")

    heard = numpy.concatenate(list(levelled_blocks(written(folder, voice() * gain + offset * gain), 10_000)))

    loudest = numpy.sort(numpy.square(heard.reshape(-1, 512)).mean(axis=1))[-31]
    assert 10 * numpy.log10(loudest) == pytest.approx(samples.TARGET_LEVEL_DB, abs=1.0)
    assert abs(heard.mean()) < 0.01


def test_a_click_does_not_decide_the_level(tmp_path):
    quiet = voice() * 0.001
    quiet[100] = 1.0

    assert level(written(tmp_path, quiet)).gain > 20


def test_one_second_of_speech_in_ten_quiet_minutes_decides_it(tmp_path):
    """Otherwise the faint noise of an empty room would be raised until the speech is overdriven."""
    recording = numpy.random.default_rng(1).standard_normal(600 * SAMPLE_RATE).astype(numpy.float32) * 1e-4
    recording[: 2 * SAMPLE_RATE] += voice(2.0).astype(numpy.float32) * 0.5

    assert level(written(tmp_path, recording)).gain < 1


def test_silence_and_rounding_noise_are_not_raised_without_end(tmp_path):
    assert level(written(tmp_path, numpy.zeros(SAMPLE_RATE))) == Level()
    assert level(written(tmp_path, [])) == Level()
    assert level(written(tmp_path, numpy.tile([0, 2**-15], SAMPLE_RATE))).gain <= 1000


@pytest.mark.filterwarnings("error")
def test_samples_that_are_no_numbers_do_not_decide_the_level(tmp_path):
    spoiled = voice()
    spoiled[::5000] = numpy.nan
    spoiled[1::5000] = numpy.inf

    assert level(written(tmp_path, spoiled)).gain == pytest.approx(level(written(tmp_path, voice())).gain, rel=0.1)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/status")
def test_the_memory_of_reading_does_not_grow_with_the_recording(tmp_path):
    """A mapped file would add its whole length to the worker."""
    path = tmp_path / "forty_minutes.f32"
    with path.open("wb") as file:
        file.truncate(2400 * SAMPLE_RATE * 4)
    script = (
        "import resource, sys; from pathlib import Path; from yamabiko.audio import samples\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024\n"
        "next(samples.blocks(Path(sys.argv[1]), 480000)); before = peak()\n"
        "n = sum(block.size for block in samples.levelled_blocks(Path(sys.argv[1]), 480000))\n"
        "print(n, peak() - before)"
    )

    answer = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)

    total, grown = map(int, answer.stdout.split())
    assert total == 2400 * SAMPLE_RATE
    assert grown < 30 * 1024**2  # one block of 30 s in float64 and its square; the file has 154 MB
