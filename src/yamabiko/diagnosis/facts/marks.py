"""
What this machine shows without an engine imported and without a driver touched.

The one question that every start asks; all other facts are gathered for the doctor and after a failure (`gather`).
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
        if (root / "usr/lib/wsl/lib/libcuda.so.1").exists():
            return NvidiaMarks(True, "/dev/dxg: WSL shows a GPU, and Windows gives it NVIDIA's libcuda")
        return NvidiaMarks(
            False, "/dev/dxg: WSL shows a GPU, but Windows gives it no libcuda: not NVIDIA's, or no driver"
        )
    return NvidiaMarks(False, "/dev: no nvidia0, no dxg")
