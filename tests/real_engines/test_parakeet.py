"""parakeet on NeMo itself, in its real environment, on tiny models that NeMo wrote."""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import models_parakeet
import nemo_tones
import numpy
import pytest
from own_environment import made
from promises import Bench, ask
from tone_model import tone

from homes import run_once
from yamabiko.audio.decode import decode
from yamabiko.bundled import clips
from yamabiko.engines.adapters.parakeet import CARD
from yamabiko.engines.contract import Placement
from yamabiko.settings import Settings
from yamabiko.speech import Span, TranscribeOptions

JA = next(clip for clip in clips() if clip.language == "ja")
SOURCES = Path(__file__).parents[2] / "src"


class Touch:
    """A pickle that, once it is read as any other, makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.path), "w")


@pytest.fixture(scope="module")
def home(ready_home: Path, run_folder: Path) -> Path:
    done = run_once(run_folder, "engines", "install", CARD.name, "--profile", "cpu", "--no-verify", home=ready_home)
    assert done.code == 0, done.err
    return ready_home


@pytest.fixture(scope="module")
def folder(home: Path) -> Path:
    """The models of all kinds, one that carries code, and the clip as the workers read it."""
    models = models_parakeet.kinds(home)
    with_code(models / "hybrid.nemo", models / "pickle.nemo", models / "the code ran")
    decode(JA.path, models / "sound.f32", Settings())
    return models


def with_code(whole: Path, target: Path, marker: Path) -> None:
    weights = io.BytesIO()
    with zipfile.ZipFile(weights, "w") as archive:  # as torch.save writes it
        archive.writestr("archive/data.pkl", pickle.dumps(Touch(marker), protocol=2))
        archive.writestr("archive/version", "3\n")
    with tarfile.open(whole) as source, tarfile.open(target, "w") as changed:
        for member in source.getmembers():
            content = source.extractfile(member)
            data = content.read() if content else b""
            if member.name.endswith("model_weights.ckpt"):
                data, member.size = weights.getvalue(), len(weights.getvalue())
            changed.addfile(member, io.BytesIO(data))


@pytest.fixture(scope="module")
def told(folder: Path, ready_home: Path) -> dict[str, dict[str, Any]]:
    """Every case, by its name; under `words` what NeMo wrote on standard error."""
    [python] = ready_home.glob("data/engines/parakeet-cpu-*/bin/python")
    command = [python, "-I", Path(__file__).with_name("parakeet_inside.py"), SOURCES, folder, folder / "sound.f32"]
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TRANSFORMERS_"))}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=surroundings)
    assert done.returncode == 0, done.stderr[-3000:]
    cases = (json.loads(line[5:]) for line in done.stdout.splitlines() if line.startswith("CASE "))
    return {case.pop("case"): case for case in cases} | {"words": {"all": done.stderr + done.stdout}}


def test_every_way_of_using_graphs_gives_the_same_text(told: dict[str, dict[str, Any]]) -> None:
    assert told["library"]["text"]
    for mode in ("full-graphs", "partial-graphs", "no-graphs"):
        assert told[mode]["text"] == told["library"]["text"], mode
        assert told[mode]["words"] == told["library"]["words"], mode


def test_the_evidence_tells_how_the_model_decodes(told: dict[str, dict[str, Any]]) -> None:
    ways = {
        case: told[case]["evidence"][0].split("; ")[1] for case in ("no-graphs", "partial-graphs", "ctc", "kind rnnt")
    }
    assert ways == {
        "no-graphs": "transducer, CUDA graphs: off",
        "partial-graphs": "transducer, CUDA graphs: no_while_loops",
        "ctc": "CTC head",
        "kind rnnt": "transducer, CUDA graphs: off",
    }


GRAPHS = {"full-graphs": "full_graph", "partial-graphs": "no_while_loops", "no-graphs": "off"}
"""What NeMo has settled on, by the mode of the rung with a GPU, where its guard has nothing against loops in graphs."""


@pytest.mark.parametrize("kind", ["hybrid", "tdt", "rnnt"])
def test_each_rung_with_a_gpu_decodes_with_the_graphs_that_it_names(told: dict[str, dict[str, Any]], kind: str) -> None:
    """After a transcription: NeMo may make its decoder anew for one. The device that it was asked for is the GPU."""
    rungs = {
        case.removeprefix(f"cuda {kind} "): found for case, found in told.items() if case.startswith(f"cuda {kind} ")
    }
    ways = {mode: f"transducer, CUDA graphs: {graphs}" for mode, graphs in GRAPHS.items()}
    if kind == "hybrid":
        ways["ctc"] = "CTC head"
        assert rungs.keys() == {rung.mode for rung in CARD.placements if rung.device == "cuda"}
    assert {mode: found["evidence"][0].split("; ")[1] for mode, found in rungs.items()} == ways
    assert {found["asked"] for found in rungs.values()} == {"cuda"}


def test_partial_graphs_come_from_nemo_s_guard_which_gives_our_reason(told: dict[str, dict[str, Any]]) -> None:
    assert "Reason: yamabiko: partial CUDA graphs were asked for" in told["words"]["all"]


def test_models_of_each_kind_are_read(told: dict[str, dict[str, Any]]) -> None:
    for kind in ("tdt", "rnnt", "ctc"):
        found = told[f"kind {kind}"]
        assert found["text"], kind
        assert (found["languages"], found["precision"]) == (["ja"], "float32")
        starts = [start for start, _, _ in found["words"]]
        assert starts == sorted(starts)
    assert len(told["library"]["words"]) > 8, "Japanese is no single word"


def test_a_hybrid_has_another_head_and_a_plain_transducer_has_none(told: dict[str, dict[str, Any]]) -> None:
    assert told["ctc"]["text"] not in ("", told["library"]["text"])
    assert told["CTC head of CTC"]["text"] == told["kind ctc"]["text"]
    assert told["CTC head of TDT"]["raised"] == "ValueError"
    assert "has no CTC head" in told["CTC head of TDT"]["message"]


def test_a_short_recording_is_filled_up_behind_so_its_times_stay(told: dict[str, dict[str, Any]]) -> None:
    """NeMo fills it up on both sides: all would be half a second late or early."""
    short, filled = told["half a second"]["words"], told["half a second, filled up"]["words"]
    assert [(start, text) for start, _, text in short if start < 0.5] == [
        (start, text) for start, _, text in filled if start < 0.5
    ]
    assert all(end <= 0.5 for _, end, _ in short)


def test_weights_that_carry_code_are_refused_and_the_code_does_not_run(
    told: dict[str, dict[str, Any]], folder: Path
) -> None:
    assert told["pickle"]["raised"] == "ModelUnreadable"
    assert "model_weights.ckpt" in told["pickle"]["message"]
    assert not (folder / "the code ran").exists()


FRAME_S = 0.08
SPOKEN = (("", 0.96), ("あ", 0.80), ("", 0.48), ("い", 0.64), ("", 0.64))
"""Tones, and how long each sounds; "": silence."""


@pytest.mark.parametrize(("mode", "frames"), [("", (10, 8)), ("ctc", (1, 1))])
def test_words_begin_where_the_tones_do(
    home: Path, run_folder: Path, tmp_path: Path, mode: str, frames: tuple[int, int]
) -> None:
    """A model that hears tones: its transducer writes one in each frame, its CTC head once, so times are known to one."""
    model = made(CARD.name, nemo_tones, home, run_folder) / "tones.nemo"
    sound = numpy.concatenate([tone(character, seconds) for character, seconds in SPOKEN])
    sound += numpy.random.default_rng(1).normal(0, 0.003, len(sound)).astype("<f4")
    sound.tofile(tmp_path / "tones.f32")
    with Bench(CARD, home, model).worker(placement=Placement("cpu", "float32", mode=mode)) as worker:
        worker.load(str(model), 1)
        asked = TranscribeOptions(word_timestamps=True)
        [segments] = ask(worker, tmp_path / "tones.f32", [Span(0, len(sound))], asked).segments
    said = [(word.text.strip(), word.start_s) for segment in segments for word in segment.words]
    starts_s = {one: [start for text, start in said if text == one] for one in dict(said)}
    assert starts_s.keys() == {"あ", "い"}, said
    for (text, begins_s, ends_s), count in zip((("あ", 0.96, 1.76), ("い", 2.24, 2.88)), frames, strict=True):
        assert starts_s[text][0] == pytest.approx(begins_s, abs=1.01 * FRAME_S), said
        last_s = ends_s - FRAME_S if count > 1 else begins_s
        assert starts_s[text][-1] == pytest.approx(last_s, abs=1.01 * FRAME_S), said
        assert len(starts_s[text]) == pytest.approx(count, abs=count > 1), said


def test_memory_does_not_grow_with_the_recording(told: dict[str, dict[str, Any]]) -> None:
    most = told["memory"]
    assert most["ten minutes"] < most["one minute"] + 64


def test_no_hub_is_asked(told: dict[str, dict[str, Any]]) -> None:
    assert told["environment"] == {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
