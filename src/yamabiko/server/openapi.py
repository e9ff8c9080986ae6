"""
The OpenAPI document: FastAPI's, told truly.

Forms are read while they come, so FastAPI cannot read them off the code: what an operation takes, answers and does stands
in `route_words`. Every error of every route has one envelope.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

from fastapi import FastAPI

from yamabiko.i18n import Text
from yamabiko.server.field_kinds import Field
from yamabiko.server.field_words import RECORDING
from yamabiko.server.gate import OPEN
from yamabiko.server.route_words import HEADERS, ROUTES, Route
from yamabiko.server.schemas import COMPONENTS, JSON, Answer, Schema, ref

_ERROR: Schema = {"description": "What went wrong.", "content": {JSON: {"schema": ref("Error")}}}


def describe(app: FastAPI) -> Callable[[], Schema]:
    """What is to stand in for `app.openapi`: the same document, told truly."""
    made = app.openapi

    def document() -> Schema:
        if app.openapi_schema is None:
            _tell(made())
        return made()

    return document


def told(route: Route, language: str = "en") -> str:
    """What it does, and what it ignores, in whole sentences."""

    def said(text: Text) -> str:
        return text.ja if language == "ja" else text.en

    found = [said(route.words), *([said(route.more)] if route.more else [])]
    if route.ignored:
        names = ", ".join(route.ignored)
        found.append(said(Text(f"Ignored: {names}.", f"次の項目は無視します: {names}。")))
    return ("" if language == "ja" else " ").join(found)


def _tell(document: Schema) -> None:
    components = document.setdefault("components", {})
    components["schemas"] = deepcopy(COMPONENTS)
    components["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "Only where the server was given keys."}
    }
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            _operation(operation, ROUTES[method.upper(), path])


def _operation(operation: Schema, route: Route) -> None:
    operation["summary"] = route.words.en.rstrip(".")
    operation["description"] = told(route)
    operation["security"] = [{}] if route.path in OPEN else [{}, {"key": []}]
    operation["parameters"] = [
        _parameter(field, where)
        for field in route.takes
        for where in ("path", "query", "header")
        if where in field.where.split(" or ")
    ]
    operation.pop("requestBody", None)
    if body := _body(route.takes):
        operation["requestBody"] = body
    answer = {"description": "What was asked for.", "content": _content(route.answer)}
    if _recording(route) and route.status == 200:
        answer["headers"] = {
            name: {"description": words.en, "schema": {"type": "string"}} for name, words in HEADERS.items()
        }
    operation["responses"] = {
        str(route.status): answer,
        **{str(status): {"description": "Not yet.", "content": _content({JSON: one})} for status, one in route.refuses},
        "4XX": _ERROR,
        "5XX": _ERROR,
    }


def _recording(route: Route) -> bool:
    """Whether it answers a recording: then headers carry the receipt."""
    return any(field.schema.get("format") == "binary" for field in route.takes)


def _content(answer: Answer) -> Schema:
    return {kind: {"schema": deepcopy(schema)} for kind, schema in answer.items()}


def _parameter(field: Field, where: str) -> Schema:
    return {
        "name": field.name,
        "in": where,
        "required": field.required,
        "description": field.words.en,
        "schema": dict(field.schema),
    }


# ---- bodies --------------------------------------------------------------------------------------------------------------


def _body(takes: tuple[Field, ...]) -> Schema:
    """Empty, where the operation takes none."""
    form = [field for field in takes if "form" in field.where]
    if form:
        schema: Schema = {
            "type": "object",
            "properties": {field.name: _described(field) for field in form},
            "required": [field.name for field in form if field.required],
        }
        if RECORDING[0] in form:
            schema["anyOf"] = [{"required": [field.name]} for field in RECORDING]
        return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
    fields = [field for field in takes if field.where == "body"]
    return {"content": {JSON: {"schema": _nested(fields)}}} if fields else {}


def _described(field: Field) -> Schema:
    return {**field.schema, "description": field.words.en}


def _nested(fields: list[Field]) -> Schema:
    """One object of names with dots in them."""
    whole: Schema = {"type": "object", "properties": {}}
    for field in fields:
        *parents, name = field.name.split(".")
        place = whole
        for parent in parents:
            place = place["properties"].setdefault(parent, {"type": "object"})
            place.setdefault("properties", {})
        place["properties"][name] = _described(field) | ({"properties": {}} if "object" in field.schema["type"] else {})
    return whole
