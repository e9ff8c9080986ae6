"""The real program as a process, as a user starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy

from yamabiko.audio.decode import decode
from yamabiko.bundled import Clip
from yamabiko.settings import Settings

COMMAND = (sys.executable, "-P", "-m", "yamabiko")


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


def environment(home: Path, **more: str) -> dict[str, str]:
    """English, no terminal, everything that yamabiko keeps in `home`."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("YAMABIKO_") and k not in ("LC_ALL", "LANG")}
    return {**kept, "YAMABIKO_HOME": str(home), "YAMABIKO_LANG": "en", **more}


def run_program(
    *arguments: str | Path, home: Path, cwd: Path | None = None, timeout_s: float = 300, stdin: str = "", **more: str
) -> Result:
    """Run to the end; no bare traceback ever reaches a user."""
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        env=environment(home, **more),
        cwd=cwd or home,
        input=stdin.encode(),
        capture_output=True,
        timeout=timeout_s,
        check=False,
    )
    result = Result(done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8"))
    assert "Traceback" not in result.err, result.err
    return result


def noise_file(path: Path, seconds: float, seed: int = 3) -> Path:
    """A WAV file of noise, 16 kHz: every stretch of it sounds otherwise."""
    samples = numpy.random.default_rng(seed).integers(-3000, 3000, int(seconds * 16_000)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(samples.tobytes())
    return path


def script_file(path: Path, *cues: dict[str, Any], **facts: Any) -> Path:
    path.write_text(json.dumps({"cues": cues, **facts}), "utf-8")
    return path


def children_of(pid: int) -> set[int]:
    """Processes whose parent is `pid`, the dead that nobody waited for included."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):  # it ended while we looked
            continue
        if parent == pid:
            found.add(int(stat.parent.name))
    return found


def samples_of(clip: Clip, folder: Path) -> Any:
    decode(clip.path, folder / "clip.f32", Settings())
    return numpy.fromfile(folder / "clip.f32", "<f4")


def write_wav(path: Path, parts: list[Any]) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((numpy.concatenate(parts) * 32767).astype("<i2").tobytes())
    return path
