"""Models that a client may name: those of the catalogue, and the server's own. Never a path."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from yamabiko.engines import catalog, models
from yamabiko.engines.contract import Card
from yamabiko.findings import Remedy
from yamabiko.i18n import Text
from yamabiko.server.problems import Refused, refused


def catalogued(card: Card) -> tuple[str, ...]:
    """What the engine can read, by name."""
    return tuple(sorted({entry.name for entry in models.catalogue().models if entry.format == card.model_format}))


def named(given: str, card: Card, own: str | None, param: str, listed: str, others: Iterable[str] = ()) -> str:
    """
    The model's name, whichever of its names (turbo, Systran/faster-whisper-base) was given; the server's own as it stands.

    `own`: the server's, whatever it is; `listed`: an address that lists them; `others`: what may be meant besides.

    Raises: Refused (model-unknown, with the nearest name there is).
    """
    if given == own:
        return given
    name = next((one for one, format_ in _meant(given) if format_ == card.model_format), None)
    if name is not None:
        return own if own is not None and (name, card.model_format) in _meant(own) else name
    reader = _reader(given) if param == "model" else None
    if reader is not None:
        raise _an_engine(reader, card) if given == reader.name else _another_engines(given, reader, card)
    if _meant(given):
        raise _of_another_kind(given, card, param)
    near = difflib.get_close_matches(given, [*catalogued(card), *others], 1)
    raise _unknown(
        Text(f"There is no model named “{given[:100]}” here.", f"「{given[:100]}」というモデルはありません。"),
        card,
        param,
        Remedy(Text("Did you mean this one?", "これではありませんか？"), f"{param}={near[0]}")
        if near
        else Remedy(Text("See which there are", "一覧を見る"), listed),
    )


def _meant(given: str) -> tuple[tuple[str, str], ...]:
    """Name and format of the catalogue's models that are called so, by name, alias or hub id."""
    return tuple((entry.name, entry.format) for entry in models.catalogue().called(given))


def _reader(model: str) -> Card | None:
    """The engine that writes text with the catalogue's model of this name; or the engine, where it is one's name."""
    formats = {format_ for _, format_ in _meant(model)}
    able = (
        one
        for one in catalog.cards()
        if one.job == "transcribe" and not one.for_tests and (one.model_format in formats or one.name == model)
    )
    return next(able, None)


def _unknown(cause: Text, card: Card, param: str, *remedies: Remedy) -> Refused:
    known = ", ".join(catalogued(card))
    return refused("model-unknown", cause, f"models of {card.name}: {known}", param=param, remedies=remedies)


def _another_engines(given: str, reader: Card, card: Card) -> Refused:
    return _unknown(
        Text(
            f"“{given}” is a model of {reader.name}, and this request goes to {card.name}.",
            f"「{given}」は {reader.name} 用のモデルですが、この要求のエンジンは {card.name} です。",
        ),
        card,
        "model",
        Remedy(Text("Name its engine with it", "エンジンも併せて指定する"), f"engine={reader.name}, model={given}"),
        Remedy(
            Text("Or make it the server's own", "または、サーバーの既定にする"),
            f"yamabiko serve --engine {reader.name} --model {given}",
            "effort",
        ),
    )


def _an_engine(meant: Card, card: Card) -> Refused:
    return _unknown(
        Text(
            f"“{meant.name}” is an engine, and no model; this request goes to {card.name}.",
            f"「{meant.name}」はモデルではなくエンジンの名前です。この要求のエンジンは {card.name} です。",
        ),
        card,
        "model",
        Remedy(Text("Name it as the engine", "エンジンとして指定する"), f"engine={meant.name}"),
    )


def _of_another_kind(given: str, card: Card, param: str) -> Refused:
    return _unknown(
        Text(
            f"“{given}” is a model of another engine, and {card.name} cannot read it.",
            f"「{given}」は別のエンジン用のモデルで、{card.name} では使えません。",
        ),
        card,
        param,
        *(
            Remedy(Text("Name one of its own", "対応するモデルを指定する"), f"{param}={one}")
            for one in catalogued(card)[:1]
        ),
    )
