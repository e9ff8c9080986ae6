"""Small reads that never raise: a value, or why there is none."""

from __future__ import annotations

from pathlib import Path

from yamabiko.diagnosis.facts.records import Unavailable


def text_of(path: Path, most_bytes: int = 256 * 1024) -> str | Unavailable:
    """The file's text, stripped; a file of /proc may vanish, hang behind a dead mount, or be closed to us."""
    try:
        with path.open("rb") as stream:
            return stream.read(most_bytes).decode("utf-8", "replace").strip()
    except OSError as error:
        return Unavailable(f"{path}: {error.strerror or type(error).__name__}")


def number_of(path: Path) -> int | Unavailable:
    """A whole number in a file."""
    text = text_of(path)
    if isinstance(text, Unavailable):
        return text
    try:
        return int(text)
    except ValueError:
        return Unavailable(f"{path}: “{text[:40]}” is no number")


def not_on(platform: str) -> Unavailable:
    return Unavailable(f"not looked at on {platform}")
