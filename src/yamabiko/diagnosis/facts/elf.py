"""What a shared library asks for, read from the file: nothing is loaded, so nothing can crash."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any


@dataclass(frozen=True, slots=True)
class Dynamic:
    needed: tuple[str, ...] = ()
    runpath: tuple[str, ...] = ()
    """DT_RUNPATH, else DT_RPATH."""


def dynamic(path: Path) -> Dynamic:
    """The dynamic section. Raises: OSError, ValueError (not an ELF file, or one that is cut short)."""
    from elftools.elf.dynamic import DynamicSection

    with path.open("rb") as stream:
        section = next((s for s in _sections(stream) if isinstance(s, DynamicSection)), None)
        if section is None:
            return Dynamic()
        texts: dict[str, list[str]] = {"needed": [], "runpath": [], "rpath": []}
        for tag in section.iter_tags():
            for name, found in texts.items():
                if hasattr(tag, name):
                    found.append(str(getattr(tag, name)))
    run = texts["runpath"] or texts["rpath"]
    return Dynamic(tuple(texts["needed"]), tuple(part for text in run for part in text.split(":") if part))


def mentions(path: Path, names: Sequence[str]) -> tuple[str, ...]:
    """
    Which of `names` stand among the file's texts: constants and names of symbols, not its code.

    Raises: OSError, ValueError (as `dynamic`).
    """
    with path.open("rb") as stream:
        spans = [(s["sh_offset"], s["sh_size"]) for s in _sections(stream) if s.name in (".rodata", ".dynstr")]
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            wanted = [(name, name.encode()) for name in names]
            return tuple(n for n, text in wanted if any(data.find(text, at, at + size) >= 0 for at, size in spans))


def _sections(stream: IO[bytes]) -> list[Any]:
    from elftools.common.exceptions import ELFError
    from elftools.construct import ConstructError
    from elftools.elf.elffile import ELFFile

    try:
        return list(ELFFile(stream).iter_sections())
    except (ELFError, ConstructError, KeyError, IndexError, AttributeError, UnicodeDecodeError) as error:
        raise ValueError(f"no whole ELF file: {type(error).__name__}: {error}") from error
