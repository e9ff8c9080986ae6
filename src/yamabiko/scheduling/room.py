"""
Whether another model fits beside those that are loaded, and which of them must go if it does not.

Pure: figures go in, names come out. Memory is bytes; `host` is the machine's, `device` a GPU's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from yamabiko.findings import Finding, Remedy
from yamabiko.i18n import Text

MIB = 1024**2
KEPT_FREE_ON_DEVICE = 512 * MIB
"""Of a GPU's memory, for what an inference takes besides its model. A figure of caution; not measured on a GPU."""
WITHOUT_MODEL = 300 * MIB
"""Resident in a worker besides its model: `yamabiko serve`, /models/loaded, faster-whisper tiny and base, one CPU."""

Name = TypeVar("Name")


@dataclass(frozen=True, slots=True)
class Need:
    """What a worker takes, measured at its last answer; `device` is None on the CPU, and where no driver tells it."""

    host: int
    device: int | None = None


@dataclass(frozen=True, slots=True)
class Resident(Generic[Name]):
    """A loaded model."""

    name: Name
    place: str
    """Its device: `cpu`, `cuda:0`."""
    need: Need
    idle_s: float | None
    """None: at work, and not to be ended."""


@dataclass(frozen=True, slots=True)
class Room:
    """How much may be used. `budget` 0: as much as the machine has left."""

    budget: int = 0
    keep_free: int = 1024 * MIB
    """For the neighbours on this machine."""

    def never_fits(self, need: int) -> bool:
        """Whether a worker that takes so many bytes of the host's memory is too large even alone."""
        return 0 < self.budget < need

    def must_go(
        self,
        wanted: Need | None,
        place: str,
        residents: Sequence[Resident[Name]],
        *,
        available: int | None,
        device_free: int | None,
        guess: int = 0,
    ) -> list[Name]:
        """
        Those to end before a model that needs `wanted` is loaded on `place`, the longest idle first.

        `wanted` None: it was never measured here; then `guess` stands for the host's
        memory, and on a GPU nobody stays beside it. `available` and `device_free`:
        what the system and the driver call free now; None: they do not say. If even
        all of them are too few, all of them go: it is tried, and its failure tells.
        """
        idle = sorted((r for r in residents if r.idle_s is not None), key=lambda r: -(r.idle_s or 0.0))
        going: list[Resident[Name]] = []
        if place != "cpu":
            beside = [r for r in idle if r.place == place]
            going += self._too_many(beside, wanted.device if wanted else None, lambda r: r.need.device, device_free)
        rest = [r for r in idle if r not in going]
        free = self._host_free(residents, going, available)
        going += _first_until(rest, wanted.host if wanted else guess, lambda r: r.need.host, free)
        return [r.name for r in going]

    def _too_many(
        self,
        beside: list[Resident[Name]],
        wanted: int | None,
        size: Callable[[Resident[Name]], int | None],
        free: int | None,
    ) -> list[Resident[Name]]:
        if wanted is None or free is None or any(size(r) is None for r in beside):
            return beside
        return _first_until(beside, wanted, lambda r: size(r) or 0, free - KEPT_FREE_ON_DEVICE)

    def _host_free(
        self, residents: Sequence[Resident[Name]], going: Sequence[Resident[Name]], available: int | None
    ) -> int | None:
        """None: nobody knows, and everything fits."""
        freed = sum(r.need.host for r in going)
        limits = [available - self.keep_free + freed] if available is not None else []
        if self.budget:
            limits.append(self.budget - sum(r.need.host for r in residents) + freed)
        return min(limits, default=None)


def _first_until(
    idle: Sequence[Resident[Name]], wanted: int, size: Callable[[Resident[Name]], int], free: int | None
) -> list[Resident[Name]]:
    going: list[Resident[Name]] = []
    for resident in idle:
        if free is None or wanted <= free:
            break
        going.append(resident)
        free += size(resident)
    return going


def guess(model: str) -> int:
    """What a worker with this model, a file or a folder, may take of the host's memory, before it was ever measured."""
    path = Path(model)
    try:
        files = [path] if path.is_file() else [file for file in path.iterdir() if file.is_file()] if model else []
        return WITHOUT_MODEL + sum(file.stat().st_size for file in files)
    except OSError:  # gone meanwhile: loading it will say so
        return WITHOUT_MODEL


def over_budget(engine: str, model: str, need: int, budget: int) -> Finding:
    shown = f"{budget / MIB:.0f} MiB"
    return Finding(
        id="model-over-budget",
        severity="error",
        area="model",
        cause=Text(
            f"{model} ({engine}) takes {need / MIB:.0f} MiB, more than the {shown} that models may have here.",
            f"{model}（{engine}）は {need / MIB:.0f} MiB を使い、モデルに許されたメモリ {shown} を超えます。",
        ),
        evidence=(
            f"worker: {need} bytes resident with the model loaded",
            f"option: --memory-budget-mb {budget // MIB}",
        ),
        remedies=(
            Remedy(
                Text("Allow more memory, on the server", "サーバー側で上限を上げる"),
                f"yamabiko serve --memory-budget-mb {-(-need // MIB)}",
            ),
            Remedy(Text("Use a smaller model", "小さいモデルを使う"), "--model tiny", "accuracy"),
        ),
    )
