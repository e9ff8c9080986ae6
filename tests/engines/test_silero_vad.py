"""
The windowing is tested here; the real model in a real child, in the environment that the tests' home has.

YAMABIKO_TEST_DATA: a folder of recordings with en/, ja/ and nasty/, for the tests on real speech; without it they
are skipped, with that reason.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from program import Result
from yamabiko import children
from yamabiko.audio import samples
from yamabiko.audio.speech_spans import spans
from yamabiko.engines import catalog
from yamabiko.engines.adapters import silero_vad

SOURCE = Path(silero_vad.__file__).parents[3]
DATA = Path(os.environ.get("YAMABIKO_TEST_DATA") or SOURCE.parents[1] / "shared" / "data")
WINDOW = silero_vad.WINDOW_SAMPLES

LISTEN = """
import json, resource, sys
from pathlib import Path
from yamabiko.audio import samples
from yamabiko.engines.adapters import silero_vad
import numpy
finder = silero_vad.create()
before = [e.value for e in finder.evidence()]
loaded = finder.load(Path(sys.argv[1]), silero_vad.CARD.placements[0], 0)
asked = json.loads(sys.argv[3])
answers = []
for size in asked["blocks"]:
    blocks = samples.levelled_blocks(Path(sys.argv[2]), size)
    answers.append(numpy.concatenate([numpy.zeros(0), *finder.probabilities(blocks)]).tolist())
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"loaded": [loaded.device, loaded.compute_type, loaded.engine_version], "answers": answers,
    "before": before, "evidence": [[e.kind, e.says, e.value] for e in finder.evidence()], "peak_bytes": peak}))
"""


class Recurrent:
    """Stands in for the model file: its answer depends on every sample of the window and on all that came before."""

    def run(self, names, inputs):
        state, answers = inputs["h"].copy(), []
        assert inputs["input"].shape[1] == 576
        for window in inputs["input"].astype(numpy.float64):
            state = state * 0.9 + numpy.float32(window @ numpy.arange(1, 577))
            answers.append(state[0, 0, 0])
        return numpy.array(answers, numpy.float32), state, inputs["c"]


def asked(audio: numpy.ndarray, sizes: list[int]) -> numpy.ndarray:
    """Probabilities of `audio` cut into blocks of these many windows, the rest in one."""
    finder = silero_vad.create()
    finder._session = Recurrent()
    cuts = [at * WINDOW for at in numpy.cumsum(sizes) if at * WINDOW < audio.size]
    return numpy.concatenate([numpy.zeros(0), *finder.probabilities(iter(numpy.split(audio, cuts)))])


@given(st.integers(0, 2000 * WINDOW), st.lists(st.integers(0, 300), max_size=12))
def test_the_answer_does_not_depend_on_the_blocks(length, sizes):
    """A resumed run must cut its chunks where the first run cut them."""
    audio = numpy.random.default_rng(length).standard_normal(length).astype(numpy.float32)

    whole = asked(audio, [])

    assert whole.size == -(-length // WINDOW)
    assert numpy.array_equal(asked(audio, sizes), whole)


def test_one_sample_that_is_no_number_does_not_spoil_the_rest():
    audio = numpy.ones(10 * WINDOW, numpy.float32)
    audio[700:703] = [numpy.nan, numpy.inf, -numpy.inf]

    assert numpy.isfinite(asked(audio, [])).all()


def test_a_block_that_breaks_the_windows_is_refused():
    finder = silero_vad.create()
    finder._session = Recurrent()

    with pytest.raises(ValueError, match="multiple of 512"):
        list(finder.probabilities(iter([numpy.zeros(500, numpy.float32), numpy.zeros(512, numpy.float32)])))


def test_the_card_is_what_the_catalog_promises():
    card = catalog.card(catalog.SPEECH_FINDER)

    assert card.job == "find-speech"
    assert card.default_model == "silero-vad-v6"
    assert "onnxruntime" not in sys.modules


@pytest.fixture(scope="module")
def listen(shared_home: Path, silero_installed: Result):
    """A real child with the real model: (file, block sizes) -> what it printed."""
    assert silero_installed.code == 0, silero_installed.err
    [interpreter] = shared_home.glob("data/engines/silero-vad-cpu-*/bin/python")
    [model] = shared_home.glob(f"cache/models/**/{silero_vad.MODEL_FILE}")

    def run(path: Path, blocks: list[int]) -> dict:
        done = subprocess.run(
            [interpreter, "-c", LISTEN, model, path, json.dumps({"blocks": blocks})],
            env={**os.environ, **children.UNTOLD, "PYTHONPATH": str(SOURCE)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture
def decoded(tmp_path):
    """A recording of the test data, decoded and multiplied."""

    def decode(name: str, gain: float = 1.0) -> Path:
        import av

        if not (DATA / name).exists():
            pytest.skip(f"no recording {DATA / name}")
        with av.open(str(DATA / name)) as source:
            resampler = av.AudioResampler("fltp", "mono", 16000)
            frames = [out for frame in source.decode(audio=0) for out in resampler.resample(frame)]
            frames += resampler.resample(None)
        path = tmp_path / "decoded.f32"
        (numpy.concatenate([frame.to_ndarray()[0] for frame in frames]) * gain).astype("<f4").tofile(path)
        return path

    return decode


def noise(path: Path, seconds: int) -> Path:
    numpy.random.default_rng(7).normal(0, 0.05, seconds * 16000).astype("<f4").tofile(path)
    return path


def test_the_real_model_gives_the_same_whatever_the_blocks(listen, tmp_path):
    path = noise(tmp_path / "noise.f32", 40)

    whole, *cut = listen(path, [40 * 16000, WINDOW, 7 * WINDOW, 300 * WINDOW])["answers"]

    assert len(whole) == 1250
    assert all(0 <= one <= 1 for one in whole)
    assert all(answer == whole for answer in cut)


def test_the_engine_says_where_it_runs_after_loading_and_nothing_before(listen, tmp_path):
    said = listen(noise(tmp_path / "noise.f32", 1), [WINDOW])

    assert said["before"] == []
    assert said["loaded"][:2] == ["cpu", "float32"]
    assert said["evidence"] == [["introspection", "cpu", "onnxruntime providers: CPUExecutionProvider"]]


def test_one_block_of_five_minutes_takes_little_more_memory_than_small_ones(listen, tmp_path):
    """The model runs over 8 s at a time, whatever it is handed: the block itself is all that grows."""
    path = noise(tmp_path / "noise.f32", 300)

    small = listen(path, [256 * WINDOW])["peak_bytes"]
    large = listen(path, [300 * 16000])["peak_bytes"]

    assert large - small < 4 * 300 * 16000 * 4


@pytest.mark.parametrize("gain", [1.0, 1e-3, 30_000.0])
@pytest.mark.parametrize("name", ["en/jfk.flac", "ja/leopard_ja.wav", "nasty/jfk_very_quiet.flac"])
def test_speech_is_found_at_any_level(listen, decoded, name, gain):
    """A thousandth of the level is deafness for the bare model; integers that were never scaled are nearly so."""
    path = decoded(name, gain)

    found = spans(listen(path, [256 * WINDOW])["answers"][0], WINDOW, samples.count(path))

    assert sum(span.samples for span in found) > 0.7 * samples.count(path)


@pytest.mark.parametrize(
    "name",
    ["white_noise_20s.wav", "brown_noise_20s.wav", "tone_1k_10s.wav", "dc_offset_clipped_10s.wav", "silence_30s.wav"],
)
def test_noise_tone_and_silence_are_not_speech(listen, decoded, name):
    path = decoded(f"nasty/{name}")

    likely = listen(path, [256 * WINDOW])["answers"][0]

    assert spans(likely, WINDOW, samples.count(path)) == ()
