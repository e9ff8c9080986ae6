"""A remedy fits the machine that it is shown for, and takes nothing away before what replaces it is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from casebook import facts, platform
from yamabiko.diagnosis.articles import article, ids
from yamabiko.diagnosis.examine import Symptom, examine, explain
from yamabiko.diagnosis.facts.records import Facts
from yamabiko.diagnosis.facts.saved import load
from yamabiko.findings import Finding

SEEDS = Path(__file__).parent / "seeds"
NVIDIAS = r"\+cuda|ENABLE_GPU=ON|nvidia-|--gpus|\bcu\d\d\d\b|GGML_CUDA|WITH_CUDA|\[cuda|onnxruntime-gpu|tensorrt|/cuda\b|/cuda/"
"""What serves an NVIDIA GPU alone."""
SHERPA = "session.cc:GetSessionOptionsImpl:181 Please compile with -DSHERPA_ONNX_ENABLE_GPU=ON. Available providers: "


def machine(name: str, **packages: str) -> Facts:
    found = facts(platform(name))
    if not packages:
        return found
    own = {"name": "/home/USER/venv", "packages": {k.replace("_", "-"): v for k, v in packages.items()}}
    return facts({**platform(name), "environments": [own]})


def the_cause(seen: Facts, *words: str) -> Finding:
    return explain(Symptom(words), seen).confirmed[0]


def commands(finding: Finding) -> list[str]:
    return [remedy.command for remedy in finding.remedies if remedy.command]


# ---- sherpa-onnx ----------------------------------------------------------------------------------------------------


def test_a_radeon_is_not_told_to_get_a_wheel_for_cuda():
    radeon = load(SEEDS / "radeon-gfx906/facts.json").facts
    log = tuple((SEEDS / "radeon-gfx906/sherpa.txt").read_text("utf-8").splitlines())

    assert commands(the_cause(radeon, *log)) == ["--device cpu"]


@pytest.mark.parametrize("name", ["amd-supported", "apple", "cpu-only-linux", "jetson"])
@pytest.mark.parametrize("known", [True, False])
def test_wheels_for_cuda_are_offered_where_there_are_such(name, known):
    packages = {"sherpa_onnx": "1.12.26"} if known else {}

    offered = commands(the_cause(machine(name, **packages), SHERPA))

    assert [command for command in offered if "+cuda" in command] == []
    assert "--device cpu" in offered


def test_the_wheel_for_cuda_is_of_the_version_that_is_there():
    offered = commands(the_cause(machine("bare-ada", sherpa_onnx="1.12.26"), SHERPA))

    assert "sherpa-onnx==1.12.26+cuda12.cudnn9" in offered[0]
    assert "uninstall" not in offered[0]


# ---- onnxruntime ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kept"), [("bare-ada", "onnxruntime-gpu==1.22.0"), ("amd-supported", "onnxruntime==1.22.0")]
)
def test_of_two_onnxruntimes_the_one_is_kept_that_the_machine_can_use(name, kept):
    both = {"onnxruntime": "1.22.0", "onnxruntime-gpu": "1.22.0"}
    shared = {"path": "onnxruntime/__init__.py", "owners": list(both), "winner": "onnxruntime"}
    seen = facts(
        {**platform(name), "environments": [{"name": "/home/USER/venv", "packages": both, "contested": [shared]}]}
    )

    [finding] = [one for one in examine(seen) if one.id == "ort-package-clobber"]

    assert commands(finding)[0].endswith(f" {kept}")


# ---- everywhere -----------------------------------------------------------------------------------------------------

PLACEHOLDER = r"(?<![$\w/])(?:[A-Z][A-Z_]{2,})(?![\w=])|<[a-z-]+>|\.\.\."
REMOVES = r"uninstall|\brm -|\bremove\b|\bpurge\b"


@pytest.mark.parametrize("id_", ids())
def test_nothing_is_taken_away_for_what_is_not_named(id_):
    """Pasted, such a command removes what works, and then fails at the placeholder."""
    harmful = []
    for command in (c for a in article(id_).remedies for c in (a.command, *a.commands.values()) if c):
        parts = re.split(r"&&|;", command.partition("   # ")[0])
        for at, part in enumerate(parts):
            removes = re.search(REMOVES, part) and not re.search(PLACEHOLDER, part)
            if removes and any(re.search(PLACEHOLDER, later) for later in parts[at + 1 :]):
                harmful.append(command)

    assert harmful == []


def test_a_placeholder_is_known_for_one():
    """The test above would have found what it is for."""
    before, after = ["pip uninstall -y sherpa-onnx ", " pip install 'sherpa-onnx==VERSION+cuda12.cudnn9'"]

    assert re.search(REMOVES, before)
    assert not re.search(PLACEHOLDER, before)
    assert re.search(PLACEHOLDER, after)


WITHOUT_NVIDIA = {
    "sherpa-cpu-wheel": SHERPA,
    "ort-tensorrt-ep-missing": "Please install TensorRT libraries as mentioned in the GPU requirements page",
    "whispercpp-legacy-flags": "WHISPER_CUBLAS is deprecated and will be removed",
    "whispercpp-false-gpu-report": "gpu_actually_enabled: true",
    "ggml-dynamic-backend-not-found": "load_backend: failed to load /app/libggml-hip.so",
}


@pytest.mark.parametrize("name", ["amd-supported", "apple", "cpu-only-linux"])
@pytest.mark.parametrize("id_", WITHOUT_NVIDIA)
def test_nobody_without_nvidia_is_told_to_do_what_serves_nvidia(id_, name):
    confirmed = [f for f in explain(Symptom((WITHOUT_NVIDIA[id_],)), machine(name)).confirmed if f.id == id_]

    for finding in confirmed:
        assert [command for command in commands(finding) if re.search(NVIDIAS, command)] == []
        assert finding.remedies, "and something is left that helps"
