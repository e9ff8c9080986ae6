"""
What shapes a result: kept with it in the ledger, so that a later run can say in what it would be another.

A line of JSON: by option, its value, or the mark of one that may be long or private, as a prompt is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from types import SimpleNamespace

from yamabiko.cli import asked as words
from yamabiko.cli import speakers
from yamabiko.i18n import Text
from yamabiko.records import to_plain

_SHOWN = ("engine", "model", "compute_type", "language", "task", "align")
"""Their values are told; of the others, that they differ."""
_MOST_TOLD = 4


def shaping(asked: SimpleNamespace) -> str:
    """Of what was asked for on the command line. Raises: Problem (area usage)."""
    options = dict(vars_of(words.transcribe_options(asked)))
    if words.language_per_chunk(asked):
        options["language"] = "each"
    return told(
        {
            "engine": asked.engine,
            "model": asked.model,
            "compute_type": asked.compute_type,
            "temperature": options.pop("temperatures"),
            **options,
            **vars_of(words.layout(asked)),
            "diarize": speakers.told(asked),
            "align": asked.align,
            "require_gpu": asked.require_gpu,
        }
    )


def vars_of(record: object) -> Mapping[str, object]:
    plain = to_plain(record)
    assert isinstance(plain, dict)
    return plain


def told(options: Mapping[str, object]) -> str:
    kept = {name: value if name in _SHOWN else _mark(value) for name, value in options.items()}
    return json.dumps(kept, sort_keys=True, ensure_ascii=False)


def _mark(value: object) -> str | None:
    if value is None or value is False or value in ((), ""):
        return None
    return hashlib.sha256(json.dumps(to_plain(value), sort_keys=True).encode()).hexdigest()[:12]


def differences(before: str, now: str) -> Text:
    """In what a result was made otherwise; empty where it is not known."""
    was, is_ = _options(before), _options(now)
    if not was:
        return Text("", "")
    other = [name for name in (*_SHOWN, *sorted(is_)) if was.get(name) != is_.get(name)]
    parts = [_part(name, was.get(name)) for name in dict.fromkeys(other)]
    more = ["…"] if len(parts) > _MOST_TOLD else []
    return Text(
        ", ".join([*(part.en for part in parts[:_MOST_TOLD]), *more]),
        "、".join([*(part.ja for part in parts[:_MOST_TOLD]), *more]),
    )


def _options(line: str) -> dict[str, object]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _part(name: str, was: object) -> Text:
    if was is None:
        return Text(f"no --{name}", f"--{name} なし")
    if name not in _SHOWN:
        return Text(f"another --{name}", f"--{name} が別の値")
    return Text(f"--{name} {was}", f"--{name} {was}")
