"""Whatever a machine shows, or a file of facts says: no check falls over it, and one that does costs no visit."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casebook import PLATFORMS, cases, facts, platform
from program import environment
from yamabiko.diagnosis import examine as examining
from yamabiko.diagnosis.checks import CHECKS, Check
from yamabiko.diagnosis.checkup import check_facts
from yamabiko.diagnosis.examine import Symptom, examine, explain
from yamabiko.diagnosis.facts.records import Facts
from yamabiko.diagnosis.report import lines
from yamabiko.records import from_plain, to_plain

CASES = [to_plain(case.facts) for case in cases()]
ODD = [
    "",
    "unknown",
    "2",
    "0",
    "None",
    "main",
    "abc",
    "v",
    ".",
    "12.",
    "1.2.3.4.5.6.7",
    "2.8.0+cu128.local",
    "９.１",
    "-1",
    "!",
]
_PACKAGES = """
torch torchcodec torchaudio torchvision ctranslate2 onnxruntime onnxruntime-gpu nemo-toolkit cuda-bindings pyannote-audio
whisperx nvidia-cudnn-cu12 sherpa-onnx sherpa-onnx-core pywhispercpp huggingface-hub speechbrain lightning faster-whisper
numpy triton hf-xet transformers nvidia-cublas-cu12 nvidia-cuda-nvrtc-cu12 cuda-python numba
"""
PACKAGES = _PACKAGES.split()


def bugs(seen: Facts) -> list[str]:
    told = explain(Symptom(("RuntimeError: CUDA error: out of memory",), "SIGABRT"), seen)
    found = [*examine(seen), *told.confirmed, *told.unfinished]
    return [line for finding in found if finding.id == "yamabiko-bug" for line in finding.evidence]


@pytest.mark.parametrize(("name", "detail"), [("bare-ada", "torch.cuda"), ("amd-supported", "torch.hip")])
def test_a_package_may_have_any_version(name: str, detail: str) -> None:
    raised = []
    for package in PACKAGES:
        for odd in ("", "unknown", "2", "0", "12.", "main"):
            packages = dict.fromkeys(PACKAGES, "2.8.0") | {package: odd}
            one = {"name": "/v", "python": "3.12", "packages": packages, "details": {detail: "12.8"}}
            raised += [f"{package} {odd!r}: {line}" for line in bugs(facts({**platform(name), "environments": [one]}))]
    assert raised == []


def strings(plain: Any) -> Iterator[Callable[[str], None]]:
    """A way to replace each text in it by another."""
    if isinstance(plain, (dict, list)):
        for key, value in list(plain.items()) if isinstance(plain, dict) else list(enumerate(plain)):
            if isinstance(value, str):
                yield lambda other, key=key: plain.__setitem__(key, other)
            else:
                yield from strings(value)


@given(st.sampled_from(CASES), st.data())
def test_any_text_among_the_facts_may_be_another(plain: dict[str, Any], data: st.DataObject) -> None:
    changed = to_plain(from_plain(Facts, plain))
    places = list(strings(changed))
    for at in data.draw(st.lists(st.integers(0, len(places) - 1), min_size=1, max_size=12)):
        places[at](data.draw(st.sampled_from(ODD) | st.text(max_size=12)))

    seen = from_plain(Facts, changed)
    assert bugs(seen) == []
    lines(check_facts(seen))


@pytest.mark.parametrize("name", PLATFORMS)
@pytest.mark.parametrize("odd", ["", "unknown", "abc"])
def test_a_driver_a_gpu_and_a_system_may_say_anything(name: str, odd: str) -> None:
    plain = to_plain(facts(platform(name)))
    for place in ("nvidia", "system", "amd"):
        for put in strings(plain[place]):
            put(odd)
    plain["system"]["name"] = platform(name)["system"]["name"]
    assert bugs(from_plain(Facts, plain)) == []


def _raises(seen: Facts) -> Any:
    raise IndexError(f"of {seen.system.name}")


def test_a_check_that_falls_over_is_a_finding_beside_those_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examining, "CHECKS", (Check("falls-over", look=_raises), *CHECKS))
    dead = facts(
        {**platform("cpu-only-linux"), "environments": [{"name": "e", "engine": "silero-vad", "broken": "gone"}]}
    )

    found = examine(dead)

    assert {"engine-environment-broken", "yamabiko-bug"} <= {finding.id for finding in found}
    [bug] = [finding for finding in found if finding.id == "yamabiko-bug"]
    assert bug.evidence[0].startswith("falls-over: test_any_values.py:")


FALLS_OVER = """
import sys
from yamabiko.diagnosis import examine
from yamabiko.diagnosis.checks import Check

def look(facts):
    raise IndexError("of mine")

examine.CHECKS = (Check("falls-over", words=("flux",), look=look), *examine.CHECKS)
sys.argv = ["yamabiko", "doctor", "--quick", *sys.argv[1:]]
from yamabiko.cli import main
main.run()
"""


@pytest.mark.parametrize("more", [(), ("--log", "-")])
def test_the_doctor_says_that_it_could_not_finish(more: tuple[str, ...], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FALLS_OVER, *more],
        input="RuntimeError: flux\n", env=environment(tmp_path), cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 2, done.stdout + done.stderr
    assert "system" in done.stdout.splitlines()[0]
    assert "yamabiko-bug" in done.stdout
    assert "falls-over: <string>:" in done.stdout.replace("\n", " ")


def test_a_doctor_that_falls_over_itself_could_not_finish(tmp_path: Path) -> None:
    """Exit 1 would say that the machine is sick."""
    code = FALLS_OVER.replace("(Check(", "None and (Check(")
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert "yamabiko-bug" in done.stderr
