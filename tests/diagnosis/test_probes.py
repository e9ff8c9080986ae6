"""A probe's child may die, hang, flood or speak nonsense: what it told before is kept, and how it ended is a result."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from yamabiko.diagnosis import probes
from yamabiko.diagnosis.facts.learned import learned
from yamabiko.diagnosis.facts.records import Facts, Probed, System, Unavailable
from yamabiko.diagnosis.probes import Place

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")

TOLD = "globals()['tell'](before='yes')\n"


def tried(tmp_path: Path, code: str, limit_s: float = 20.0, **variables: str | None) -> Probed:
    script = tmp_path / "experiment.py"
    script.write_text(TOLD + code)
    return probes.run_script(script, Place("here", variables=tuple(variables.items())), ("one", "two"), limit_s)


@pytest.mark.parametrize(
    ("code", "ended", "ending"),
    [
        ("pass", "well", ""),
        ("raise RuntimeError('CUDA failure! 35')", "raised", ""),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "died", "SIGSEGV"),
        ("import os; os.abort()", "died", "SIGABRT"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGILL)", "died", "SIGILL"),
        ("import os; os._exit(3)", "died", "exit 3"),
        ("import ctypes; ctypes.string_at(0)", "died", "SIGSEGV"),
    ],
)
def test_every_end_is_a_result(code: str, ended: str, ending: str, tmp_path: Path) -> None:
    result = tried(tmp_path, code)
    assert (result.ended, result.ending) == (ended, ending)
    assert result.values["before"] == "yes"
    assert result.environment == "here"


def test_the_frame_that_crashed_is_among_the_last_words(tmp_path: Path) -> None:
    """The fault handler names the newest frame first: the last lines would be the outermost."""
    code = """
import ctypes, threading
def deep(n):
    return deep(n - 1) if n else culprit()
def culprit():
    ctypes.string_at(0)
threading.Thread(target=threading.Event().wait, daemon=True, name="innocent").start()
deep(60)
"""
    result = tried(tmp_path, code)
    assert result.ending == "SIGSEGV"
    told = probes.newest_words(result.words)
    assert any("in culprit" in line for line in told), told
    assert not [line for line in result.words if "threading.py" in line]


def test_one_that_hangs_is_ended_at_its_limit(tmp_path: Path) -> None:
    result = tried(tmp_path, "import threading; threading.Event().wait()", limit_s=1.5)
    assert result.ended == "silent"
    assert result.values == {"before": "yes"}


def test_a_flood_keeps_its_newest_lines(tmp_path: Path) -> None:
    result = tried(tmp_path, "for n in range(200_000): print('line', n, 'x' * 900 if n == 199_999 else '')")
    assert result.ended == "well"
    assert result.words[-1].startswith("line 199999 xxx")
    assert len(result.words[-1]) <= 500
    assert len(result.words) <= 30


def test_nonsense_on_the_channel_is_left_out(tmp_path: Path) -> None:
    result = tried(tmp_path, "import sys; open(sys.argv[1], 'a').write('{half a line\\n[1]\\n\\x00')")
    assert result.values == {"before": "yes"}


def test_the_library_path_is_set_before_the_start(tmp_path: Path) -> None:
    code = "import os; globals()['tell'](path=os.environ.get('LD_LIBRARY_PATH', ''), seen=os.environ.get('SEEN', '-'))"
    script = tmp_path / "experiment.py"
    script.write_text(code)
    place = Place("here", library_paths=(tmp_path,), variables=(("SEEN", None), ("LD_LIBRARY_PATH", "/below")))
    assert probes.run_script(script, place).values == {"path": f"{tmp_path}{os.pathsep}/below", "seen": "-"}


def test_an_interpreter_that_is_gone_is_said_and_not_raised(tmp_path: Path) -> None:
    result = probes.run("load", Place("gone", python=tmp_path / "python"), ("json",))
    assert result.ended == "not run"
    assert str(tmp_path / "python") in result.words[0]


def test_a_module_that_cannot_be_imported_is_named() -> None:
    result = probes.run("load", Place(), ("json", "no_such_module_here"))
    assert result.ended == "raised"
    assert result.values["importing"] == "no_such_module_here"
    assert "no_such_module_here" in result.words[-1]


def test_there_is_no_probe_without_a_file() -> None:
    with pytest.raises(ValueError, match="no probe is named"):
        probes.run("../child")


def test_what_the_driver_says_becomes_facts() -> None:
    told = {
        "cuda": "12.9", "init": "0", "count": "1", "gpu.0.name": "NVIDIA H200", "gpu.0.capability": "9.0",
        "gpu.0.memory_bytes": "150000000000",
    }  # fmt: skip
    more = {"driver": "575.57.08", "count": "1", "gpu.0.compute_mode": "Exclusive_Process", "gpu.0.mig": "0"}
    facts = learned(Facts(System("linux")), Probed("driver", values=told), Probed("nvml", values=more))
    assert (facts.nvidia.cuda, facts.nvidia.cuda_from, facts.nvidia.driver) == (
        "12.9",
        "cuDriverGetVersion",
        "575.57.08",
    )
    assert isinstance(facts.nvidia.gpus, tuple)
    [gpu] = facts.nvidia.gpus
    assert (gpu.name, gpu.capability, gpu.compute_mode, gpu.mig) == ("NVIDIA H200", "9.0", "Exclusive_Process", False)
    assert facts.probe("nvml") is not None


def test_a_driver_that_refuses_leaves_its_words_and_no_gpu() -> None:
    said = {"cuda": "13.0", "init": "999", "said": "cuInit: 999 CUDA_ERROR_UNKNOWN"}
    facts = learned(Facts(System("linux")), Probed("driver", values=said))
    assert facts.nvidia.said == "cuInit: 999 CUDA_ERROR_UNKNOWN"
    assert facts.nvidia.gpus == ()


def test_an_answer_of_zero_is_no_driver_and_no_fact() -> None:
    facts = learned(Facts(System("linux")), Probed("driver", values={"cuda": "0.0"}))
    assert isinstance(facts.nvidia.cuda, Unavailable)
