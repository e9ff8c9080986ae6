"""What Wyoming's `describe` is answered with: one program, and the models that can be named to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from yamabiko import __version__
from yamabiko.engines import catalog, models
from yamabiko.engines.models import ModelState
from yamabiko.formats.language_names import LANGUAGE_NAMES
from yamabiko.server.desk import Desk

US = {"name": "yamabiko", "url": ""}


def info(desk: Desk) -> dict[str, list[dict[str, Any]]]:
    """`installed` is what is here and whole. Blocking: it looks at files."""
    program = _artifact("yamabiko", "Local speech to text that says what device it used, with proof")
    program |= {
        "models": _models(desk),
        "supports_transcript_streaming": True,
        "requires_external_vad": True,  # where a command ends is for the client to say
    }
    others = ("tts", "handle", "intent", "wake", "mic", "snd")
    return {"asr": [program], **{name: [] for name in others}}


def own_model(desk: Desk) -> str:
    """The server's own model, as clients are told of it: of one's own folder only the last name."""
    wish = desk.default_wish()
    named = wish.model or catalog.card(wish.engine).default_model or wish.engine
    return Path(named).name


def _models(desk: Desk) -> list[dict[str, Any]]:
    """The server's own first: clients that choose take the first."""
    card, own = catalog.card(desk.config.engine), own_model(desk)
    known = [state for state in models.entries(desk.settings) if state.entry.format == card.model_format]
    found = {state.entry.name: _model(state) for state in known}
    first = {"languages": sorted(LANGUAGE_NAMES), **_artifact(own, f"the model of this server, for {card.name}")}
    # Home Assistant asks once, maybe while the model is still on its way, and drops for good what is not installed.
    first |= found.pop(own, {}) | {"installed": True}
    return [first, *found.values()]


def _model(state: ModelState) -> dict[str, Any]:
    entry = state.entry
    maker = entry.hub.repo.partition("/")[0] if entry.hub else US["name"]
    return {
        "name": entry.name,
        "attribution": {"name": maker, "url": ""},
        "installed": state.local is not None,
        "description": f"{entry.name} ({entry.licence})",
        "version": entry.revision,
        "languages": [entry.languages] if entry.languages in LANGUAGE_NAMES else sorted(LANGUAGE_NAMES),
    }


def _artifact(name: str, description: str) -> dict[str, Any]:
    return {
        "name": name, "attribution": US, "installed": True, "description": description, "version": __version__,
    }  # fmt: skip
