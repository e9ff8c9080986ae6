"""What a shared library asks for, read from the file: nothing is loaded, so nothing can crash."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Dynamic:
    needed: tuple[str, ...] = ()
    runpath: tuple[str, ...] = ()
    """DT_RUNPATH, else DT_RPATH."""


def dynamic(path: Path) -> Dynamic:
    """The dynamic section. Raises: OSError, ValueError (not an ELF file, or one that is cut short)."""
    from elftools.common.exceptions import ELFError
    from elftools.construct import ConstructError
    from elftools.elf.dynamic import DynamicSection
    from elftools.elf.elffile import ELFFile

    try:
        with path.open("rb") as stream:
            section = next((s for s in ELFFile(stream).iter_sections("SHT_DYNAMIC")), None)
            if not isinstance(section, DynamicSection):
                return Dynamic()
            texts: dict[str, list[str]] = {"needed": [], "runpath": [], "rpath": []}
            for tag in section.iter_tags():
                for name, found in texts.items():
                    if hasattr(tag, name):
                        found.append(str(getattr(tag, name)))
            run = texts["runpath"] or texts["rpath"]
            return Dynamic(tuple(texts["needed"]), tuple(part for text in run for part in text.split(":") if part))
    except (ELFError, ConstructError, KeyError, IndexError, AttributeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name}: {type(error).__name__}: {error}") from error


def mentions(path: Path, names: Sequence[str]) -> tuple[str, ...]:
    """Which of `names` stand in the file as text. Raises: OSError."""
    if path.stat().st_size == 0:
        return ()
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return tuple(name for name in names if data.find(name.encode()) >= 0)
