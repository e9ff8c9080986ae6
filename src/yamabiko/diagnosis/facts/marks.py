"""
What this machine shows without an engine imported and without a driver touched.

Each fact is a value with the evidence line it came from. (The doctor's full set
of facts arrives with the doctor.)
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class NvidiaMarks:
    """Marks that an NVIDIA GPU leaves in the file system: necessary for CUDA, not sufficient."""

    present: bool | None
    """None: this platform shows nothing without asking the driver."""
    evidence: str


def nvidia_marks(root: Path = Path("/")) -> NvidiaMarks:
    if sys.platform == "darwin":
        return NvidiaMarks(False, "platform: macOS has no CUDA")
    if sys.platform != "linux":
        return NvidiaMarks(None, f"platform: {sys.platform} is not looked at yet")
    cards = sorted(path.name for path in (root / "dev").glob("nvidia[0-9]*"))
    if cards:
        return NvidiaMarks(True, f"/dev: {', '.join(cards)}")
    if (root / "dev/dxg").exists():
        return NvidiaMarks(True, "/dev/dxg: WSL shows a GPU")
    return NvidiaMarks(False, "/dev: no nvidia0, no dxg")
