"""Of a worker that died the library's own words are evidence, however much the fault handler wrote behind them."""

from __future__ import annotations

import subprocess
import sys

from yamabiko.children import Ending
from yamabiko.diagnosis.autopsy import evidence
from yamabiko.engines.contract import Placement
from yamabiko.workers.exits import WorkerExit

SAID = "Unable to load any of {libcudnn_ops.so.9.1.0, libcudnn_ops.so.9.1, libcudnn_ops.so.9, libcudnn_ops.so}"
DYING = f"""
import faulthandler, os, numpy
faulthandler.enable(all_threads=False)
def deep(n):
    return deep(n - 1) if n else culprit()
def culprit():
    os.write(2, b"{SAID}\\n")
    os.abort()
deep(30)
"""


def test_what_the_library_said_before_it_died_is_kept() -> None:
    died = subprocess.run([sys.executable, "-c", DYING], capture_output=True, text=True, check=False)
    words = tuple(died.stderr.splitlines())
    assert words[-1].startswith("Extension modules: ")
    exit_ = WorkerExit(
        "died",
        "load",
        "faster-whisper",
        Placement("cpu", "int8"),
        Ending("signal", 6, "SIGABRT"),
        "closed",
        None,
        words,
    )
    told = evidence(exit_)
    assert f"worker said: {SAID}" in told
    assert any("in culprit" in line for line in told)
    assert not any("Extension modules" in line for line in told)
