"""The clips that are part of yamabiko: for the demo, for verifying an engine, for tests. See clips/README.md."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.i18n import Text

_FOLDER = Path(__file__).with_name("clips")


@dataclass(frozen=True, slots=True)
class Clip:
    """A short recording of which every word is known."""

    path: Path
    """FLAC, 16 kHz, mono."""
    language: str
    text: str
    """Exactly what is said: two sentences, with about a second of silence between them."""
    seconds: float


def clips() -> tuple[Clip, ...]:
    """
    One English and one Japanese clip.

    Raises: Problem (bundled-clips-damaged), if the installation lost them.
    """
    try:
        entries = tomllib.loads((_FOLDER / "clips.toml").read_text("utf-8"))["clip"]
        found = tuple(
            Clip(_FOLDER / entry["file"], entry["language"], entry["join"].join(entry["sentences"]), entry["seconds"])
            for entry in entries
        )
        for clip in found:
            clip.path.stat()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Problem(_damaged(error)) from error
    return found


def _damaged(error: Exception) -> Finding:
    return Finding(
        id="bundled-clips-damaged",
        severity="error",
        area="input",
        cause=Text(
            "The clips that belong to yamabiko cannot be read: its installation is not whole.",
            "付属の音声クリップを読めません。インストール内容が欠けています。",
        ),
        evidence=(f"{type(error).__name__}: {error}", f"folder: {_FOLDER}"),
        remedies=(
            Remedy(
                Text("Install yamabiko again", "yamabikoを入れ直す"),
                "python -m pip install --force-reinstall --no-deps yamabiko",
                "effort",
            ),
        ),
    )
