"""
What this machine shows of GPUs without an engine imported and without a driver touched.

The one question that every start asks; all other facts are gathered for the doctor and after a failure (`gather`).
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Maker = Literal["nvidia", "amd", "apple"]


@dataclass(frozen=True, slots=True)
class GpuMarks:
    """Marks that a GPU leaves in the file system: necessary for its use, not sufficient."""

    nvidia: bool | None
    """None: this platform shows nothing without asking the driver."""
    evidence: str
    """About NVIDIA's."""
    amd: bool = False
    """Its compute driver is here (/dev/kfd)."""
    apple: bool = False

    def of(self, maker: Maker) -> bool | None:
        return {"nvidia": self.nvidia, "amd": self.amd, "apple": self.apple}[maker]


def gpu_marks(root: Path = Path("/")) -> GpuMarks:
    """Not verified on Windows, on macOS and with a GPU of AMD."""
    if sys.platform == "darwin":
        return GpuMarks(False, "platform: macOS has no CUDA", apple=True)
    if sys.platform == "win32":
        library = Path(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "nvcuda.dll")
        if library.exists():
            return GpuMarks(True, f"{library}: NVIDIA's driver is installed")
        return GpuMarks(None, f"{library} is not there: NVIDIA's driver may be elsewhere")
    if sys.platform != "linux":
        return GpuMarks(None, f"platform: {sys.platform} is not looked at yet")
    nvidia, evidence = _nvidia(root)
    return GpuMarks(nvidia, evidence, amd=(root / "dev/kfd").exists())


def _nvidia(root: Path) -> tuple[bool, str]:
    cards = sorted(path.name for path in (root / "dev").glob("nvidia[0-9]*"))
    if cards:
        return True, f"/dev: {', '.join(cards)}"
    if (root / "dev/dxg").exists():
        if (root / "usr/lib/wsl/lib/libcuda.so.1").exists():
            return True, "/dev/dxg: WSL shows a GPU, and Windows gives it NVIDIA's libcuda"
        return False, "/dev/dxg: WSL shows a GPU, but Windows gives it no libcuda: not NVIDIA's, or no driver"
    return False, "/dev: no nvidia0, no dxg"
