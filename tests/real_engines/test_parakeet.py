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
import pytest

from homes import run_once
from yamabiko.audio.decode import decode
from yamabiko.bundled import clips
from yamabiko.engines.adapters.parakeet import CARD
from yamabiko.settings import Settings

JA = next(clip for clip in clips() if clip.language == "ja")
SOURCES = Path(__file__).parents[2] / "src"


class Touch:
    """A pickle that, once it is read as any other, makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.path), "w")


@pytest.fixture(scope="module")
def folder(ready_home: Path, run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The models of all kinds, one that carries code, and the clip as the workers read it."""
    done = run_once(run_folder, "engines", "install", CARD.name, "--profile", "cpu", "--no-verify", home=ready_home)
    assert done.code == 0, done.err
    models = models_parakeet.kinds(ready_home)
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


def test_memory_does_not_grow_with_the_recording(told: dict[str, dict[str, Any]]) -> None:
    most = told["memory"]
    assert most["ten minutes"] < most["one minute"] + 64


def test_no_hub_is_asked(told: dict[str, dict[str, Any]]) -> None:
    assert told["environment"] == {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
