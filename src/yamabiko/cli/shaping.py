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
from yamabiko.i18n import Text
from yamabiko.records import to_plain

_SHAPES_NOTHING = frozenset(
    {
        "files", "trust_model", "trust_pickle", "output_dir", "output_format", "print", "overwrite", "recursive", "device", "fallback",
        "threads", "batch_size", "install", "verbose", "quiet", "carry_initial_prompt", "fp16",
    }
)  # fmt: skip
"""Where it runs, what is written where, what is shown. All other options shape what is written."""
_NAMES = ("engine", "model", "compute_type", "language", "task", "align", "speaker_engine", "speaker_model")
"""Texts that are told, and not by their mark: names."""
_MOST_TOLD = 4


def shaping(asked: SimpleNamespace) -> str:
    """Of what was asked for on the command line. Raises: Problem (language-unknown)."""
    return told({**vars(asked), "language": words.language_asked(asked)})


def told(options: Mapping[str, object]) -> str:
    kept = {name: _kept(name, value) for name, value in options.items() if name not in _SHAPES_NOTHING}
    return json.dumps(kept, sort_keys=True, ensure_ascii=False)


def _kept(name: str, value: object) -> object:
    if value is None or value in ("", (), []):
        return None
    if isinstance(value, bool | int | float) or name in _NAMES:
        return value
    return "#" + hashlib.sha256(json.dumps(to_plain(value), sort_keys=True, default=str).encode()).hexdigest()[:12]


def differences(before: str, now: str) -> Text:
    """In what a result was made otherwise; empty where it is not known."""
    was, is_ = _options(before), _options(now)
    other = [name for name in dict.fromkeys((*_NAMES, *sorted(is_))) if name in was and was[name] != is_.get(name)]
    parts = [_part(name.replace("_", "-"), was[name]) for name in other]
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
    if was is None or was is False:
        return Text(f"without --{name}", f"--{name} なし")
    if was is True:
        return Text(f"with --{name}", f"--{name} あり")
    if isinstance(was, str) and was.startswith("#"):
        return Text(f"another --{name}", f"別の --{name}")
    return Text(f"--{name} {was}", f"--{name} {was}")
