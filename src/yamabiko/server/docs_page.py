"""`GET /docs`: every address of this server on one page, in English or Japanese, that asks nothing of any other machine."""

from __future__ import annotations

import json
import re
from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

from yamabiko import __version__
from yamabiko.i18n import Language, Text
from yamabiko.server import docs_text as say
from yamabiko.server import problems
from yamabiko.server.address import address
from yamabiko.server.field_kinds import Field
from yamabiko.server.field_words import RECORDING
from yamabiko.server.fields import allowed, invalid
from yamabiko.server.openapi import told
from yamabiko.server.route_words import HEADERS, SECTIONS, Route
from yamabiko.server.transcription_form import GRANULARITIES

_NO_LIMIT = 1e6
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def answer(request: Request) -> HTMLResponse:
    language = wanted_language(request.query_params.get("lang", ""), request.headers.get("accept-language", ""))
    headers = {"content-language": language, "vary": "accept-language, host", "content-security-policy": _POLICY}
    return HTMLResponse(page(language, address(request)), headers=headers)


def wanted_language(asked: str, accepted: str) -> Language:
    """`asked` is `?lang=`; `accepted` the header Accept-Language, whose likeliest of our two counts. Else English."""
    if asked in ("en", "ja"):
        return "ja" if asked == "ja" else "en"
    best: tuple[float, Language] = 0.0, "en"
    for entry in accepted.split(","):
        name, _, parameters = entry.strip().lower().partition(";")
        weight = parameters.strip().removeprefix("q=").strip() if parameters else "1"
        likely = float(weight) if re.fullmatch(r"[01](\.\d{0,3})?", weight) else 0.0
        primary = name.strip().partition("-")[0]
        if primary in ("en", "ja") and likely > best[0]:
            best = likely, "ja" if primary == "ja" else "en"
    return best[1]


def page(language: Language, base: str) -> str:
    """Of the server at `base`, which has no slash at its end."""
    other = "en" if language == "ja" else "ja"
    writer = _Writer(language, base)
    said = writer.said
    title = f"yamabiko {__version__}"
    return f"""<!doctype html>
<html lang="{language}"><head><meta charset="utf-8"><title>{title}: {said(say.TITLE)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>{say.STYLE}</style></head><body>
<header><h1>{title} <small>{said(say.TITLE)}</small></h1><a href="?lang={other}" lang="{other}">{said(say.OTHER)}</a></header>
<p>{said(say.INTRO)}<a href="openapi.json">openapi.json</a></p>
<p>{("" if language == "ja" else " ").join(map(said, (say.KEYS, say.EXAMPLES, say.NOT_IN_OPENAPI)))}</p>
<nav>{"".join(writer.contents(*section) for section in SECTIONS)}{writer.rest_of_contents()}</nav>
{"".join(writer.section(*section) for section in SECTIONS)}
{writer.wyoming()}
{writer.headers()}
{writer.errors()}
</body></html>
"""


class _Writer:
    """HTML in one language. Everything that is given is escaped here."""

    def __init__(self, language: Language, base: str) -> None:
        self._language = language
        self._base = base

    def said(self, text: Text) -> str:
        return escape(self._words(text))

    def _words(self, text: Text) -> str:
        return text.ja if self._language == "ja" else text.en

    # ---- the whole -----------------------------------------------------------------------------------------------------

    def contents(self, title: Text, routes: tuple[Route, ...]) -> str:
        lines = "".join(
            f'<li><a href="#{_anchor(route)}">{_method(route)}<code>{escape(route.path)}</code></a></li>'
            for route in routes
        )
        return f"<div><strong>{self.said(title)}</strong><ul>{lines}</ul></div>"

    def rest_of_contents(self) -> str:
        parts = {"wyoming": say.WYOMING, "headers": say.HEADERS, "errors": say.ERRORS}
        lines = "".join(f'<li><a href="#{name}">{self.said(text)}</a></li>' for name, text in parts.items())
        return f"<ul>{lines}</ul>"

    def section(self, title: Text, routes: tuple[Route, ...]) -> str:
        return f"<section><h2>{self.said(title)}</h2>{''.join(map(self._route, routes))}</section>\n"

    def errors(self) -> str:
        example = problems.body(invalid("timestamp_granularities", "syllable", allowed(GRANULARITIES), GRANULARITIES))
        shown = escape(json.dumps(example, ensure_ascii=False, indent=2))
        return f'<section><h2 id="errors">{self.said(say.ERRORS)}</h2><p>{self.said(say.ERRORS_TOLD)}</p><pre>{shown}</pre></section>'

    def headers(self) -> str:
        rows = "".join(
            f"<tr><td><code>{name}</code></td><td>{self.said(words)}</td></tr>" for name, words in HEADERS.items()
        )
        return f'<section><h2 id="headers">{self.said(say.HEADERS)}</h2><table><tbody>{rows}</tbody></table></section>'

    def wyoming(self) -> str:
        return (
            f'<section><h2 id="wyoming">{self.said(say.WYOMING)}</h2><p>{self.said(say.WYOMING_TOLD)}</p>'
            f"<pre>yamabiko serve --wyoming-port 10300</pre><p>{self.said(say.WYOMING_MORE)}</p></section>"
        )

    # ---- one address ---------------------------------------------------------------------------------------------------

    def _route(self, route: Route) -> str:
        curl = f"<pre>curl {escape(route.curl.format(base=self._base))}</pre>" if route.curl else ""
        return (
            f'<h3 id="{_anchor(route)}">{_method(route)} <code>{escape(route.path)}</code></h3>'
            f"<p>{escape(told(route, self._language))}</p>{curl}{self._table(route.takes)}\n"
        )

    def _table(self, takes: tuple[Field, ...]) -> str:
        if not takes:
            return ""
        places = {field.where for field in takes}
        head = "".join(f"<th>{self.said(column)}</th>" for column in say.COLUMNS)
        if len(places) == 1:
            head = head.replace("</th>", f" ({self.said(say.PLACES[places.pop()])})</th>", 1)
            rows = "".join(self._row(field, "") for field in takes)
        else:
            rows = "".join(self._row(field, f" <small>{self.said(say.PLACES[field.where])}</small>") for field in takes)
        return f'<table class="f"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'

    def _row(self, field: Field, place: str) -> str:
        return (
            f"<tr><td>{_code(field.name)}{place}</td>"
            f"<td>{self._type(field.schema)}</td><td>{self._default(field)}</td><td>{self.said(field.words)}</td></tr>"
        )

    def _type(self, schema: dict[str, Any]) -> str:
        if "enum" in schema:
            return ", ".join(_code(str(one)) for one in schema["enum"])
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        if kinds == ["array"]:
            return f"{self._type(schema['items'])} ({self.said(say.SEVERAL)})"
        if schema.get("format") == "binary":
            kinds = ["file"]
        first, *others = (self.said(say.TYPES[kind]) for kind in kinds)
        return ", ".join([first + self._limits(schema), *others])

    def _limits(self, schema: dict[str, Any]) -> str:
        if "minimum" not in schema:
            return ""
        lowest, highest = schema["minimum"], schema.get("maximum", _NO_LIMIT)
        if highest >= _NO_LIMIT:
            return " " + self.said(say.OR_MORE).format(f"{lowest:g}")
        return f" {lowest:g} – {highest:g}"

    def _default(self, field: Field) -> str:
        if field.required:
            return f"<em>{self.said(say.REQUIRED)}</em>"
        if field == RECORDING[0]:
            return f"<em>{self.said(say.ONE_OF_TWO)}</em>"
        if "default" not in field.schema:
            return ""
        default = field.schema["default"]
        return f"<code>{escape(default if isinstance(default, str) else json.dumps(default))}</code>"


def _code(name: str) -> str:
    """With places where a narrow column may break it."""
    shown = re.sub(r"([._])", r"\1<wbr>", escape(name))
    return f"<code>{shown}</code>"


def _method(route: Route) -> str:
    return f'<b class="m {route.method}">{route.method}</b> '


def _anchor(route: Route) -> str:
    return escape(f"{route.method}-{route.path}".lower().replace("/", "-").replace("{", "").replace("}", ""))
