"""Which alignment model of the catalogue is for a language."""

from __future__ import annotations

from yamabiko.engines import catalog, models

AUTO = "auto"
"""In place of a model's name: that of the language which is spoken."""


def by_language() -> dict[str, str]:
    """Names of models, by code of the language."""
    card = catalog.card(catalog.ALIGNER)
    return {
        code: entry.name
        for entry in models.catalogue().models
        if entry.format == card.model_format
        for code in entry.languages.split(", ")
    }
