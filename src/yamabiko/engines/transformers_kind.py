"""
What a model in transformers' form is for: its config.json tells, and where it does not, the library cannot tell either.

Standard library alone: asked before a worker starts, and in it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["whisper", "ctc"]


@dataclass(frozen=True, slots=True)
class Told:
    kind: Kind | None
    """None: no model that writes down speech, as far as its configuration tells."""
    said: str
    """What stands in the configuration."""


def told_by(config: Path) -> Told:
    """Raises: OSError, ValueError for what is no configuration."""
    found = json.loads(config.read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise ValueError("it is no JSON object")
    names = [str(name) for name in found.get("architectures") or ()]
    model_type = found.get("model_type")
    ctc: Kind | None = "ctc" if any(name.endswith("ForCTC") for name in names) else None
    said = f"model_type {model_type or 'is missing'}, architectures {', '.join(names) or 'are missing'}"
    return Told("whisper" if model_type == "whisper" else ctc, said)
