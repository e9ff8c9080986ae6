"""Facts and findings in a file that may be shown to others: see `redaction`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from yamabiko.diagnosis.facts.records import FORMAT, Facts, Rung
from yamabiko.diagnosis.facts.redaction import Redactor, redactor
from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.i18n import Text
from yamabiko.records import Malformed, from_plain, to_plain

__all__ = ["Saved", "dump", "load", "redactor"]


@dataclass(frozen=True, slots=True)
class Saved:
    """What a report holds."""

    facts: Facts
    findings: tuple[Finding, ...] = ()
    tried: tuple[Rung, ...] = ()
    """What came of each thing that was tried."""
    explaining: tuple[str, ...] = ()
    """Ids of those findings that a log's errors came from: the log itself is not in it."""


def dump(saved: Saved, clean: Redactor) -> str:
    """The file's text."""
    record = clean.record(to_plain(saved.facts), to_plain(saved.findings), to_plain(saved.tried))
    record["explaining"] = list(saved.explaining)
    return json.dumps(record, ensure_ascii=False, indent=1) + "\n"


LARGEST = 64_000_000
"""Characters of a report; one of a machine with many environments has two million."""


def load(path: Path) -> Saved:
    """What was saved, here or anywhere. Raises: Problem (facts-unreadable)."""
    try:
        if path.exists() and not path.is_file() and not path.is_fifo():
            raise Malformed("it is no file")  # a device may never end
        with path.open(encoding="utf-8") as stream:
            text = stream.read(LARGEST + 1)
        if len(text) > LARGEST:
            raise Malformed(f"it is longer than any report: more than {LARGEST // 10**6} million characters")
        record = json.loads(text)
        if not isinstance(record, dict):
            raise Malformed("the file holds no object")
        plain = record.get("facts", record)
        if not isinstance(plain, dict) or "system" not in plain:
            raise Malformed("it is no report of the doctor's: nothing in it describes a system")
        facts = from_plain(Facts, plain)
        if facts.format > FORMAT:
            raise Malformed(f"format {facts.format}; this yamabiko reads up to {FORMAT}")
        return Saved(
            facts,
            tuple(from_plain(Finding, one) for one in record.get("findings", ())),
            tuple(from_plain(Rung, one) for one in record.get("tried", ())),
            tuple(from_plain(str, one) for one in record.get("explaining", ())),
        )
    except FileNotFoundError:
        raise Problem(_missing(path)) from None
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise Problem(
            Finding(
                id="facts-unreadable",
                severity="error",
                area="usage",
                cause=Text(f"{path} holds no facts that can be read.", f"{path} から情報を読み取れません。"),
                evidence=(f"{path}: {error}"[:300],),
                remedies=(Remedy(Text("Save them anew", "保存し直す"), "yamabiko doctor --save FILE", "effort"),),
            )
        ) from None


def _missing(path: Path) -> Finding:
    where = path.parent if path.is_absolute() else Path.cwd()
    return Finding(
        id="facts-unreadable",
        severity="error",
        area="usage",
        cause=Text(f"There is no file {path}.", f"{path} というファイルはありません。"),
        evidence=(f"file system: it was looked for in {where}",),
        remedies=(
            Remedy(Text("Check the name", "名前を確かめる"), f"ls {where}"),
            Remedy(
                Text("Or save the facts there", "または、そこに保存する"), f"yamabiko doctor --save {path}", "effort"
            ),
        ),
    )
