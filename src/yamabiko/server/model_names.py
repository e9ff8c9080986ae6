"""Models that a client may name: those of the catalogue, and the server's own. Never a path."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from yamabiko.engines import models
from yamabiko.engines.contract import Card
from yamabiko.findings import Remedy
from yamabiko.i18n import Text
from yamabiko.server.problems import refused


def catalogued(card: Card) -> tuple[str, ...]:
    """What the engine can read, by name."""
    return tuple(sorted({entry.name for entry in models.catalogue().models if entry.format == card.model_format}))


def check(given: str, card: Card, own: str | None, param: str, listed: str, others: Iterable[str] = ()) -> None:
    """
    `own`: the server's, whatever it is; `listed`: an address that lists them; `others`: what may be meant besides.

    Raises: Refused (model-unknown, with the nearest name there is).
    """
    known = catalogued(card)
    if given in known or given == own:
        return
    near = difflib.get_close_matches(given, [*known, *others], 1)
    raise refused(
        "model-unknown",
        Text(f"There is no model named “{given[:100]}” here.", f"「{given[:100]}」というモデルはありません。"),
        f"models of {card.name}: {', '.join(known)}",
        param=param,
        remedies=(
            Remedy(Text("Did you mean this one?", "これではありませんか？"), f"{param}={near[0]}")
            if near
            else Remedy(Text("See which there are", "一覧を見る"), listed),
        ),
    )
