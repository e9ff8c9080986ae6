"""
Small experiments, each in a child of its own: what no file shows, somebody has to try.

A probe is one file in `scripts/`, run by the interpreter of the environment
that it asks about. It tells what it learns as it learns it, on a channel of its
own, so that a death leaves what was known before; death by a signal is a result
like any other. Devices are touched by one probe at a time.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from yamabiko import children, logs
from yamabiko.diagnosis.facts.records import Probed

_CHILD = Path(__file__).parent / "child.py"
_SCRIPTS = Path(__file__).parent / "scripts"
IN_ENVIRONMENT: dict[str, tuple[str, ...]] = {
    "bindings": ("cuda-bindings",),
    "count": ("ctranslate2", "onnxruntime", "onnxruntime-gpu", "torch"),
    "ggml": ("pywhispercpp",),
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu", "onnxruntime-migraphx", "onnxruntime-rocm"),
    "rocm-llvm": ("torch",),
    "sherpa": ("sherpa-onnx",),
}
"""Probes that ask about an environment, and the packages of which it must hold one; the others ask the machine."""
LIMIT_S = 30.0
"""A driver that wakes a GPU takes seconds; an antivirus that reads a new library, more."""
_LAST_LINES = 30
_LONGEST_LINE = 500


@dataclass(frozen=True, slots=True)
class Place:
    """Where a probe runs."""

    environment: str = ""
    """The environment's name in the facts; empty: our own interpreter, for what needs no package."""
    python: Path = field(default_factory=lambda: Path(sys.executable))
    library_paths: tuple[Path, ...] = ()
    variables: tuple[tuple[str, str | None], ...] = ()
    """Set, or with None taken away, before the child starts."""

    def surroundings(self) -> dict[str, str]:
        """The child's variables: the user's own, without those that bend its Python, and with ours."""
        own = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV", "CONDA_"))}
        own = children.with_variables(own | children.UNTOLD, self.variables)
        if self.library_paths:
            name = "PATH" if sys.platform == "win32" else "LD_LIBRARY_PATH"
            own = children.with_variables(own, [(name, os.pathsep.join(map(str, self.library_paths)))])
        return own


def names() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in _SCRIPTS.glob("*.py")))


def run(probe: str, place: Place | None = None, arguments: Sequence[str] = (), limit_s: float = LIMIT_S) -> Probed:
    """
    Try it. Never raises for what the child does: it may die, hang, flood or speak nonsense.

    Raises: ValueError, if there is no such probe.
    """
    if probe not in names():
        raise ValueError(f"no probe is named {probe}")
    return run_script(_SCRIPTS / f"{probe}.py", place or Place(), arguments, limit_s)


def run_script(script: Path, place: Place, arguments: Sequence[str] = (), limit_s: float = LIMIT_S) -> Probed:
    """One that is not among ours; it finds `tell(name=value)` and `arguments` among its globals."""
    probe = script.stem
    with tempfile.TemporaryDirectory(prefix="yamabiko-probe-", ignore_cleanup_errors=True) as folder:
        told = Path(folder) / "told"
        command = [str(place.python), "-I", "-B", str(_CHILD), str(told), str(os.getpid())]
        try:
            process = children.start_lasting(
                [*command, str(script), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=place.surroundings(),
                cwd=folder,
            )
        except OSError as error:
            return Probed(probe, place.environment, "not run", words=(f"{place.python}: {error.strerror or error}",))
        result = _watch(process, probe, place.environment, told, limit_s)
    logs.event("probe", probe=probe, environment=place.environment, ended=result.ended, ending=result.ending)
    return result


def _watch(
    process: subprocess.Popen[bytes], probe: str, environment: str, told: Path, limit_s: float
) -> Probed:  # fmt: skip
    assert process.stdout is not None
    words = children.LastWords(process.stdout)
    status: int | None = None
    with contextlib.suppress(subprocess.TimeoutExpired):
        status = process.wait(limit_s)
    children.kill_group(process)  # also what it left behind
    lines = tuple(line[:_LONGEST_LINE] for line in newest_words(words.lines(wait_s=2), _LAST_LINES))
    values, raised = _told(told)
    if status is None:
        return Probed(probe, environment, "silent", f"nothing for {limit_s:.0f} s", values, lines)
    ended = "raised" if raised else "well" if status == 0 else "died"
    ending = "" if ended != "died" else children.ending(status).name
    return Probed(probe, environment, ended, ending, values, (*lines, *raised))


def newest_words(lines: Sequence[str], count: int = 8) -> tuple[str, ...]:
    """
    The last words, in their order.

    Of a crash that the fault handler told they are the first lines of what it wrote, since it names the newest frame
    first; a quarter of them may be what stood before it.
    """
    fault = next((number for number, line in enumerate(lines) if _FAULT.match(line)), None)
    if fault is None:
        return tuple(lines[-count:])
    before = max(0, fault - count // 4)
    return tuple(lines[before : before + count])


_FAULT = re.compile(r"Fatal Python error: |Windows fatal exception: ")


def _told(path: Path) -> tuple[dict[str, str], tuple[str, ...]]:
    """What the child told before its end; half a line is what a death leaves."""
    values: dict[str, str] = {}
    raised: list[str] = []
    try:
        text = path.read_text("utf-8", "replace")
    except OSError:
        return {}, ()
    for line in text.splitlines():
        try:
            told = json.loads(line)
        except ValueError:
            continue
        if isinstance(told, dict):
            raised += [str(told.pop("raised"))[: 4 * _LONGEST_LINE]] if "raised" in told else []
            values |= {str(key): str(value) for key, value in told.items()}
    return values, tuple(raised)
