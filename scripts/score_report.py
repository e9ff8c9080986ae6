"""What scripts/score_data.py prints, and the facts without which its numbers could not be made again."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any


def lines(name: str, scored: dict[str, Any]) -> str:
    """One set as a few lines: a line a measure, the two sides beside each other, and the speed."""
    sides = scored["sides"]
    shown = [f"{name}: {scored['samples']} samples scored, {scored['skipped']} skipped"]
    for measure in sides["plain"]["measures"]:
        shown.append(
            f"  {measure:<22}" + "".join(f"{side:>7} {_rate(sides[side]['measures'][measure])}" for side in sides)
        )
    for word, key in (("real-time factor", "work_s"), ("with start and loading", "wall_s")):
        shown.append(f"  {word:<22}" + "".join(f"{side:>7} {_factor(sides[side], key):<33}" for side in sides))
    shown += [f"  FAILED, {side}: {sides[side]['failed']} files" for side in sides if sides[side]["failed"]]
    return "\n".join(line.rstrip() for line in shown)


def _rate(measured: dict[str, Any]) -> str:
    counts = f"{measured['errors']}/{measured['units']}"
    kinds = f"S{measured['substitutions']} D{measured['deletions']} I{measured['insertions']}"
    return f"{measured['percent']:6.2f} % {counts:>9} {kinds:<14}"


def _factor(side: dict[str, Any], key: str) -> str:
    return f"{side[key] / side['audio_s']:6.2f}" if side["audio_s"] else "     -"


def worse(sets: dict[str, Any], tolerance: float) -> list[str]:
    """A line for each measure on which ours has more errors than plain plus `tolerance`, and its files."""
    found = []
    for name, scored in sets.items():
        mine, other = scored["sides"].get("ours"), scored["sides"]["plain"]
        for measure in other["measures"] if mine else ():
            more = mine["measures"][measure]["errors"] - other["measures"][measure]["errors"]
            if more > tolerance:
                found.append(f"WORSE on {name}, {measure}: {more} errors more than plain faster-whisper")
                found += _where(mine["files"], other["files"], measure)
        if mine and mine["failed"]:
            found.append(f"WORSE on {name}: {mine['failed']} files failed")
    return found


def _where(mine: list[dict[str, Any]], other: list[dict[str, Any]], measure: str) -> list[str]:
    return [
        f"    {a['audio']}: {a['errors'][measure]} errors, plain {b['errors'][measure]}\n"
        f"      said  {a['reference']}\n      ours  {a['text']}\n      plain {b['text']}"
        for a, b in zip(mine, other, strict=True)
        if a["errors"][measure] > b["errors"][measure]
    ]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def versions() -> dict[str, str]:
    """Of the packages that make the numbers. A package run from a source folder has the version of its install."""
    return {name: metadata.version(name) for name in ("yamabiko", "whisper-normalizer", "rapidfuzz")}


def machine(repository: Path) -> dict[str, Any]:
    """The machine and the moment, without the name of either machine or person."""
    return {
        "system": platform.platform(),
        "python": platform.python_version(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "load": os.getloadavg() if hasattr(os, "getloadavg") else None,
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _git(repository, "rev-parse", "HEAD"),
        "changed": bool(_git(repository, "status", "--porcelain", "--", "src")),
    }


def _cpu() -> str:
    try:
        named = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    except OSError:  # not Linux
        named = []
    return named[0].partition(":")[2].strip() if named else platform.processor()


def _git(repository: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):  # a source archive, or no git here
        return None
    return done.stdout.strip()
