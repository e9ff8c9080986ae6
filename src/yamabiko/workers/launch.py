"""What a worker is started with."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from yamabiko import children
from yamabiko.engines.contract import Placement


@dataclass(frozen=True, slots=True)
class Launch:
    """Everything that must be settled before the process starts."""

    engine: str
    python: Path
    managed: bool
    """True: an environment of ours, in which the user's own packages have no place."""
    placement: Placement
    device_index: int | None = None
    """Which GPU; None: the first that the user's CUDA_VISIBLE_DEVICES leaves."""
    library_paths: tuple[Path, ...] = ()
    variables: tuple[tuple[str, str | None], ...] = ()
    """Set, or with None taken away: what the doctor found to help here. The placement's own stand above them."""

    def environment(self, inherited: dict[str, str]) -> dict[str, str]:
        """
        The worker's environment. A library path set from inside a running process has no effect; here it has.
        """
        unwanted = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTHONSTARTUP", "__PYVENV_LAUNCHER__"}
        result = {name: value for name, value in inherited.items() if name not in unwanted}
        result |= {"PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1", "HF_HUB_OFFLINE": "1", **children.UNTOLD}
        result = children.with_variables(result, self.variables)
        if self.managed:
            result["PYTHONNOUSERSITE"] = "1"
            result.pop("PYTHONDONTWRITEBYTECODE", None)  # else each start compiles all of the engine anew
        elif "PYTHONPATH" in inherited:
            result["PYTHONPATH"] = inherited["PYTHONPATH"]
        if self.placement.device == "cpu":
            result["CUDA_VISIBLE_DEVICES"] = ""  # a broken driver must not be touched by what runs on the CPU
        elif self.device_index is not None:
            result["CUDA_VISIBLE_DEVICES"] = str(self.device_index)
            result["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"  # the order that nvidia-smi shows
        if self.library_paths:
            name = "PATH" if sys.platform == "win32" else "LD_LIBRARY_PATH"
            paths = os.pathsep.join(str(path) for path in self.library_paths)
            result = children.with_variables(result, [(name, paths)])
        return result
