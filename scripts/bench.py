"""
Timings and memory of the real program, as ratios within one run: `make bench`, or parts of it by name.

    python scripts/bench.py [help] [memory] [server] [--long-s 7200] [--model tiny.en]

help    seconds for `yamabiko --help`, beside a bare interpreter
memory  peak resident memory of all processes together: a long recording beside one of five minutes
server  60 s of speech over HTTP beside the work inside the workers (--server-model base); exit 1 above 1.05
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path
from typing import Any

import bench_server
import numpy

from yamabiko.audio.decode import decode
from yamabiko.bundled import clips
from yamabiko.settings import Settings

SHORT_S = 300.0
RATE = 16_000
LOOK_EVERY_S = 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=["help", "memory"], choices=["help", "memory", "server"])
    parser.add_argument("--long-s", type=float, default=7200.0)
    parser.add_argument("--model", default="tiny.en")
    parser.add_argument("--pause-s", type=float, default=1.0, help="silence after each time the clip is spoken")
    parser.add_argument("--server-model", default="base")
    given = parser.parse_args()
    if "help" in given.parts:
        measure_help()
    if "server" in given.parts:
        measure_server(given.server_model, given.pause_s)
    if "memory" in given.parts:
        measure_memory(given.long_s, given.model, given.pause_s)


def measure_help() -> None:
    ours = best_of(5, [sys.executable, "-m", "yamabiko", "--help"])
    bare = best_of(5, [sys.executable, "-c", "pass"])
    print(f"help     {ours:.2f} s (a bare interpreter: {bare:.2f} s), best of 5")


def best_of(times: int, command: list[str]) -> float:
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        taken.append(time.perf_counter() - begun)
    return min(taken)


def measure_memory(long_s: float, model: str, pause_s: float) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spoken = english(folder)
        peaks = []
        for seconds in (SHORT_S, long_s):
            recording = write(folder / f"{seconds:.0f}.wav", spoken, seconds, pause_s)
            begun = time.perf_counter()
            peaks.append(peak_bytes(recording, model))
            took = time.perf_counter() - begun
            print(f"memory   {seconds:6.0f} s: peak {peaks[-1] / 2**20:.0f} MiB, all processes; {took:.0f} s")
            recording.unlink()
        print(f"memory   ratio {peaks[1] / peaks[0]:.3f} (at most 1.25)")
    sys.exit(0 if peaks[1] <= 1.25 * peaks[0] else 1)


def measure_server(model: str, pause_s: float) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recording = write(folder / "minute.wav", english(folder), 60.0, pause_s)
        found = bench_server.measure(recording, clips()[0].path, model)
    print(f"server   ratio {found:.3f}, median of {bench_server.TIMES} (at most {bench_server.MOST})")
    if found > bench_server.MOST:
        sys.exit(1)


def english(folder: Path) -> Any:
    decode(clips()[0].path, folder / "clip.f32", Settings())
    return (numpy.fromfile(folder / "clip.f32", "<f4") * 32767).astype("<i2")


def write(path: Path, spoken: Any, seconds: float, pause_s: float) -> Path:
    """The clip again and again, with silence between."""
    once = numpy.concatenate([spoken, numpy.zeros(int(pause_s * RATE), "<i2")]).tobytes()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        left = int(seconds * RATE) * 2
        while left > 0:
            file.writeframes(once[:left])
            left -= len(once)
    return path


def peak_bytes(recording: Path, model: str) -> int:
    """The largest sum of resident memory over the program and all it started."""
    command = [
        sys.executable, "-m", "yamabiko", str(recording), "--model", model, "--language", "en", "--beam_size", "1",
        "--output_dir", str(recording.parent), "--overwrite", "--quiet",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        peak = max(peak, sum(map(resident_bytes, family(process.pid))))
        time.sleep(LOOK_EVERY_S)
    if process.returncode:
        sys.exit(f"the program failed: exit {process.returncode}")
    return peak


def family(pid: int) -> list[int]:
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):  # it ended while we looked
            continue
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def resident_bytes(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


if __name__ == "__main__":
    main()
