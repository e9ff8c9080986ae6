"""`GET /docs`: every address of this server on one page that asks nothing of any other machine."""

from __future__ import annotations

from html import escape
from typing import Any

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 16px/1.5 system-ui, "Hiragino Sans", "Yu Gothic UI", Meiryo, "Noto Sans JP", sans-serif;
       max-width: 56rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff }}
code {{ font: 0.95em ui-monospace, monospace }} dt {{ margin-top: 1rem }} dd {{ margin-left: 1.5rem; color: #444 }}
h2 {{ border-bottom: 1px solid #ccc; margin-top: 2rem }} b {{ display: inline-block; min-width: 4.5rem }}
@media (prefers-color-scheme: dark) {{ body {{ color: #ddd; background: #181818 }} dd {{ color: #aaa }} }}
</style></head><body>
<h1>{title}</h1>
<p>The same for programs: <a href="openapi.json">openapi.json</a></p>
{sections}
</body></html>
"""


def page(document: dict[str, Any]) -> str:
    """The OpenAPI document for people."""
    by_tag: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            entry = _entry(method, path, told)
            by_tag.setdefault((told.get("tags") or ["other"])[0], []).append(entry)
    sections = "\n".join(f"<h2>{escape(tag)}</h2>\n<dl>{''.join(found)}</dl>" for tag, found in by_tag.items())
    info = document["info"]
    return _PAGE.format(title=escape(f"{info['title']} {info['version']}"), sections=sections)


def _entry(method: str, path: str, told: dict[str, Any]) -> str:
    words = escape(told.get("description") or told.get("summary") or "")
    return f"<dt><code><b>{method.upper()}</b> {escape(path)}</code></dt><dd>{words}</dd>"
