"""What a parameter or field is, as the OpenAPI document and `GET /docs` tell it; and the kinds that there are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from yamabiko.i18n import Text

Where = Literal["path", "query", "header", "form", "query or form", "body"]
"""`body`: of a JSON object; the name is a path in it, with dots."""


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    words: Text
    schema: dict[str, Any]
    """Its type, limits and default, as JSON schema."""
    where: Where = "form"
    required: bool = False


def text(name: str, en: str, ja: str, **more: Any) -> Field:
    return Field(name, Text(en, ja), {"type": "string", **more})


def number(name: str, lowest: float, highest: float, default: float, en: str, ja: str, kind: str = "number") -> Field:
    limits = {"minimum": lowest, "maximum": highest, "default": default}
    return Field(name, Text(en, ja), {"type": kind, **limits})


def count(name: str, lowest: int, highest: int, default: int, en: str, ja: str) -> Field:
    return number(name, lowest, highest, default, en, ja, "integer")


def flag(name: str, default: bool, en: str, ja: str) -> Field:
    return Field(name, Text(en, ja), {"type": "boolean", "default": default})


def many(name: str, en: str, ja: str, items: dict[str, Any] | None = None) -> Field:
    return Field(name, Text(en, ja), {"type": "array", "items": items or {"type": "string"}})


def file(name: str, en: str, ja: str, *, required: bool = True) -> Field:
    return Field(name, Text(en, ja), {"type": "string", "format": "binary"}, required=required)


def at(where: Where, *fields: Field, required: bool = False) -> tuple[Field, ...]:
    return tuple(replace(field, where=where, required=required or field.required) for field in fields)
