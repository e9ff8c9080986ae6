"""On a machine with an NVIDIA GPU: the device in the receipt is the GPU, and that is proved. Skipped elsewhere."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from program import Result, run_program
from yamabiko.bundled import clips


def transcribe(home: Path, folder: Path, *more: str) -> tuple[Result, dict[str, Any]]:
    recording = shutil.copy(clips()[0].path, folder / "talk.flac")
    result = run_program(recording, "--overwrite", *more, home=home, timeout_s=600)
    assert result.code == 0, result.err
    return result, json.loads((folder / "talk.json").read_text("utf-8"))


@pytest.mark.parametrize("compute_type", ["float16", "int8_float16", "float32"])
def test_the_gpu_is_used_and_proved(compute_type: str, home: Path, tmp_path: Path) -> None:
    _, document = transcribe(home, tmp_path, "--device", "cuda", "--compute_type", compute_type, "--require_gpu")
    receipt = document["yamabiko"]
    assert (receipt["used_device"], receipt["verdict"]) == ("cuda:0", "proved")
    assert "museum" in document["text"]
    seen = {e["kind"] for e in receipt["evidence"] if e["says"] == "cuda" and e["kind"] != "introspection"}
    assert seen & {"device-memory", "process-activity"} or seen >= {"device-memory-rise", "device-activity"}
    assert not [e for e in receipt["evidence"] if e["says"] == "cpu"]


def test_an_engine_that_lies_about_the_gpu_is_found_out(home: Path, tmp_path: Path) -> None:
    """The scripted engine claims CUDA and touches none of it, while NVML itself holds the GPU's files open."""
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"claims": "cuda"}), "utf-8")
    _, document = transcribe(
        tmp_path / "home", tmp_path, "--engine", "scripted", "--model", str(script), "--device", "cuda"
    )
    receipt = document["yamabiko"]
    assert (receipt["used_device"], receipt["verdict"]) == ("cpu", "refuted")


def test_on_a_machine_with_a_gpu_the_cpu_is_proved_too(home: Path, tmp_path: Path) -> None:
    _, document = transcribe(home, tmp_path, "--device", "cpu")
    assert (document["yamabiko"]["used_device"], document["yamabiko"]["verdict"]) == ("cpu", "proved")


LOOK = """
import json, time
from yamabiko.workers.observe import Observer
begun = time.perf_counter()
observer = Observer("cuda")
opened_s = time.perf_counter() - begun
evidence = observer.watch().evidence()
print(json.dumps([opened_s, observer._last.cost_s, {e.kind: [e.says, e.value] for e in evidence}]))
"""


def test_what_asking_nvml_opens_is_not_taken_for_an_engines(record_property: Callable[[str, object], None]) -> None:
    done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=True)
    opened_s, look_s, seen = json.loads(done.stdout)
    print(f"NVML opened in {opened_s * 1e3:.1f} ms, a look took {look_s * 1e3:.1f} ms: {seen}")
    record_property("look_s", look_s)
    assert seen["device-files"][0] == "cpu" or "/dev/dxg" in seen["device-files"][1]
    assert seen["device-memory"][0] != "cuda"


def test_the_gpu_and_the_cpu_say_the_same(home: Path, tmp_path: Path) -> None:
    _, on_gpu = transcribe(home, tmp_path, "--device", "cuda", "--compute_type", "float32", "--require_gpu")
    _, on_cpu = transcribe(home, tmp_path, "--device", "cpu", "--compute_type", "float32")
    assert on_gpu["text"] == on_cpu["text"]


def test_auto_finds_the_gpu(home: Path, tmp_path: Path) -> None:
    result, document = transcribe(home, tmp_path)
    assert document["yamabiko"]["used_device"] == "cuda:0", result.err
