"""
What shapes a result: kept with it in the ledger, so that a later run can say in what it would be another.

A line of JSON: by option, its value, or the mark of one that may be long or private, as a prompt is.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace

from yamabiko.cli import asked as words
from yamabiko.engines import catalog
from yamabiko.findings import Finding, Remedy
from yamabiko.i18n import Text
from yamabiko.records import to_plain
from yamabiko.speech import Transcript

_SHAPES_NOTHING = frozenset(
    {
        "files", "trust_model", "trust_pickle", "output_dir", "output_format", "print", "overwrite", "recursive", "device", "fallback",
        "threads", "batch_size", "install", "verbose", "quiet", "carry_initial_prompt", "fp16",
    }
)  # fmt: skip
"""Where it runs, what is written where, what is shown. All other options shape what is written."""
_DONE_AGAIN = frozenset({"require_gpu"})
"""A promise: what was made without it is made again, as it is."""
_NAMES = ("engine", "model", "compute_type", "language", "task", "align", "speaker_engine", "speaker_model")
"""Texts that are told, and not by their mark: names."""
_TYPED = {"temperature_increment": "temperature_increment_on_fallback"}
"""Where an option has another name than its value."""
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
    parts = [_part(_TYPED.get(name, name).replace("_", "-"), was[name]) for name in other]
    more = ["…"] if len(parts) > _MOST_TOLD else []
    return Text(
        ", ".join([*(part.en for part in parts[:_MOST_TOLD]), *more]),
        "、".join([*(part.ja for part in parts[:_MOST_TOLD]), *more]),
    )


def only_a_test(before: str, now: str) -> bool:
    """Whether an engine for tests wrote what is there, and one that hears is asked for now: then nothing is done yet."""
    for_tests = {card.name for card in catalog.cards() if card.for_tests}
    return _options(before).get("engine") in for_tests and _options(now).get("engine") not in for_tests


def to_type_again(transcript: Transcript) -> Transcript:
    """With the remedies in its receipt as they are typed now that the result is written."""
    receipt = transcript.receipt
    notices, fallbacks = (tuple(map(once_written, findings)) for findings in (receipt.notices, receipt.fallbacks))
    return replace(transcript, receipt=replace(receipt, notices=notices, fallbacks=fallbacks))


def once_written(notice: Finding) -> Finding:
    """A notice comes beside a result: what would change that has to say that it is done again, or ends in “done already”."""
    return replace(notice, remedies=tuple(map(_once_written, notice.remedies)))


def _once_written(remedy: Remedy) -> Remedy:
    if remedy.command is None or re.match(r"(?:yamabiko FILE )?--", remedy.command) is None:
        return remedy
    typed = {name.replace("-", "_").removeprefix("no_") for name in re.findall(r"(?<!\S)--([\w-]+)", remedy.command)}
    if "overwrite" in typed or typed <= _SHAPES_NOTHING | _DONE_AGAIN:
        return remedy
    return replace(remedy, command=f"{remedy.command} --overwrite")


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
