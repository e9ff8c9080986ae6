"""openai-whisper as its users meet it: the real library in its real environment, on Whisper base as a .pt file."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from promises import Bench, recordings, set_up

from program import run_program
from yamabiko.bundled import clips
from yamabiko.diagnosis.autopsy import explain_exit
from yamabiko.engines import catalog
from yamabiko.workers.exits import WorkerFailed

JA = next(clip for clip in clips() if clip.language == "ja")


@pytest.fixture(scope="session")
def bench(ready_home: Path, run_folder: Path) -> Bench:
    return set_up(catalog.card("openai-whisper"), ready_home, run_folder)


def test_words_have_times_and_the_language_is_found(bench: Bench, tmp_path: Path) -> None:
    done = run_program(
        "transcribe", JA.path, "--engine", "openai-whisper", "--model", bench.model, "--trust-model", "--trust-pickle",
        "--word-timestamps", "--beam_size", "1", "-f", "json", "-o", tmp_path, home=bench.home,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "frames/s" not in done.err, "the library's own progress is not shown"
    told = json.loads((tmp_path / f"{JA.path.stem}.json").read_text("utf-8"))
    words = [word for segment in told["segments"] for word in segment["words"]]
    assert told["language"] == "ja"
    assert len(words) > 8, "Japanese is no single word"
    assert all(0 <= word["start"] <= word["end"] <= JA.seconds + 0.1 for word in words)


class _Code:
    def __init__(self, touched: Path) -> None:
        self.touched = touched

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (str(self.touched),))


def test_a_file_that_holds_code_is_read_as_numbers_alone(bench: Bench, tmp_path: Path) -> None:
    """Also where the user trusts it: the library never runs what it unpickles."""
    touched, model = tmp_path / "the code ran", tmp_path / "code.pt"
    model.write_bytes(pickle.dumps({"dims": {}, "model_state_dict": _Code(touched)}, protocol=2))
    with bench.worker(model) as worker, pytest.raises(WorkerFailed) as failed:
        worker.load(str(model), 1)
    assert explain_exit(failed.value.exit).finding.id == "model-broken"
    assert not touched.exists()


_ON_ROCM = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
import numpy, torch
torch.version.hip = sys.argv[3] or None
from yamabiko.engines import catalog
from yamabiko.engines.contract import Placement
from yamabiko.speech import TranscribeOptions
engine = catalog.adapter("openai-whisper").create()
engine.load(Path(sys.argv[2]), Placement("cpu", "float32"), 1)
asked = TranscribeOptions(language="ja", word_timestamps=True, beam_size=1, temperatures=(0.0,))
audio = numpy.fromfile(sys.argv[4], "<f4")
words = [(w.text, w.start_s, w.end_s) for _, s in engine.transcribe([audio], asked) for w in s.words]
print("llvmlite" in sys.modules, words)
"""


def test_beside_rocm_numba_stays_out_and_words_have_the_same_times(bench: Bench, tmp_path: Path) -> None:
    """The build of torch is said to be ROCm's; the machine's is the CPU's."""
    with bench.worker() as worker:
        python = worker.launch.python
    audio = recordings(tmp_path)["ja"].path
    source = Path(catalog.__file__).parents[2]

    def told(hip: str) -> list[str]:
        done = subprocess.run(
            [python, "-I", "-c", _ON_ROCM, source, bench.model, hip, audio], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.split(" ", 1)

    with_numba, without = told(""), told("7.2")
    assert (with_numba[0], without[0]) == ("True", "False")
    assert without[1] == with_numba[1]


def test_float16_asked_of_a_cpu_is_told_as_float32(bench: Bench) -> None:
    placement = replace(bench.card.placements[-1], compute_type="float16")
    with bench.worker(placement=placement) as worker:
        ready = worker.load(str(bench.model), 1)
    assert (ready.loaded.device, ready.loaded.compute_type) == ("cpu", "float32")
