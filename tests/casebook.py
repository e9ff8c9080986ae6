"""
Recorded machines and failures: what must be found on them, and what must not.

    platforms/<name>.toml   facts of a healthy machine
    cases/<id>.toml         [[must]] and [[must_not]], each with
        name, source    what it is, and where it came from: an issue's number, or a reproduction
        on              the platform that it happened on
        facts           what is different there: tables are merged into the platform's, anything else replaces it;
                        an environment's `packages` may be written as name = "version"
        words, ending, engine   of a failure; without them the facts alone must show it
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yamabiko.diagnosis.examine import Symptom, examine, explain
from yamabiko.diagnosis.facts.records import Facts
from yamabiko.findings import Finding
from yamabiko.records import from_plain

HERE = Path(__file__).parent / "diagnosis"
PLATFORMS = tuple(sorted(path.stem for path in (HERE / "platforms").glob("*.toml")))


@dataclass(frozen=True)
class Case:
    id: str
    must: bool
    name: str
    source: str
    facts: Facts
    symptom: Symptom | None

    def findings(self) -> tuple[Finding, ...]:
        """What we say about it."""
        return explain(self.symptom, self.facts).confirmed if self.symptom else examine(self.facts)


def platform(name: str) -> dict[str, Any]:
    return tomllib.loads((HERE / "platforms" / f"{name}.toml").read_text("utf-8"))


def facts(plain: dict[str, Any]) -> Facts:
    """Facts written by hand: packages may be a table of versions."""
    written = dict(plain)
    written["environments"] = [
        {**e, "path": e.get("path", f"/srv/{e['name']}"), "packages": _packages(e.get("packages", {}))}
        for e in plain.get("environments", ())
    ]
    return from_plain(Facts, written)


def _packages(packages: Any) -> list[dict[str, str]]:
    if isinstance(packages, dict):
        return [{"name": name, "version": version} for name, version in packages.items()]
    return list(packages)


def cases() -> Iterator[Case]:
    for path in sorted((HERE / "cases").glob("*.toml")):
        book = tomllib.loads(path.read_text("utf-8"))
        for kind in ("must", "must_not"):
            for one in book.get(kind, ()):
                words = tuple(one.get("words", ()))
                symptom = Symptom(words, one.get("ending", ""), one.get("engine", ""))
                yield Case(
                    path.stem,
                    kind == "must",
                    one["name"],
                    one["source"],
                    facts(_merged(platform(one["on"]), one.get("facts", {}))),
                    symptom if words or one.get("ending") else None,
                )


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        both = isinstance(old, dict) and isinstance(value, dict) and "because" not in value and "because" not in old
        merged[key] = _merged(old, value) if both else value
    return merged
