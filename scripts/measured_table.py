"""src/yamabiko/engines/measured.toml, row by row: what was measured anew takes the place of what stood there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from yamabiko.engines import catalog
from yamabiko.engines.choices import Measured, measurements

FILE = Path(__file__).resolve().parents[1] / "src/yamabiko/engines/measured.toml"


def with_work(row: Measured, work: float, times_base: float) -> Measured:
    """Of tiny models it says nothing."""
    if row.weights == "random, tiny":
        return replace(row, work=0.0, times_base=0.0)
    return replace(row, work=round(work, 3), times_base=round(times_base, 2))


def write(rows: Sequence[Measured]) -> None:
    """A row takes the place of one of the same engine, model and precision, and any of a tiny model's."""
    kept = {_key(row): row for row in (*measurements().engines, *rows)}
    better = {row.engine for row in kept.values() if row.weights != "random, tiny"}
    kept = {key: row for key, row in kept.items() if row.weights != "random, tiny" or row.engine not in better}
    order = list(catalog.ADAPTERS)
    lines = ["# Written by: python scripts/measure_engines.py [--true-shape]. Fields: choices.py, Measured."]
    for row in sorted(kept.values(), key=lambda row: (order.index(row.engine), row.weights != "real")):
        lines += ["", "[[engines]]", *(f"{name} = {json.dumps(value)}" for name, value in asdict(row).items())]
    FILE.write_text("\n".join(lines) + "\n", "utf-8", newline="\n")


def _key(row: Measured) -> tuple[str, str, str]:
    return row.engine, row.model, row.compute_type
