"""Facts and findings in a file that may be shown to others: user names, host name, home paths and tokens removed."""

from __future__ import annotations

import getpass
import json
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from yamabiko.diagnosis.facts.records import FORMAT, Facts, Rung
from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.i18n import Text
from yamabiko.records import Malformed, from_plain, to_plain

_SECRETS = (
    (re.compile(r"\bhf_[A-Za-z0-9]{8,}"), "hf_***"),
    (re.compile(r"\b(?:sk|ghp|gho|github_pat|xox[abp])[-_][A-Za-z0-9_-]{8,}"), "***"),
    (re.compile(r"//[^/@\s]+:[^/@\s]*@"), "//***@"),
    (re.compile(r"\b(?:GPU|MIG)-[0-9a-f]{8}-[0-9a-f-]{20,}"), "GPU-***"),
    (re.compile(r"/(?:home|Users)/[^/\s:\"']+"), "/home/USER"),
    (re.compile(r"(?i)\b([A-Z]:\\+Users\\+)[^\\\s:\"']+"), r"\1USER"),
)


def redactor() -> Callable[[str], str]:
    """A function that takes out what names this person or machine, or opens a door."""
    names = {name: mark for name, mark in ((_user(), "USER"), (socket.gethostname(), "HOST")) if len(name) > 2}
    home = str(Path.home())

    def clean(text: str) -> str:
        if len(home) > 1:
            text = text.replace(home, "~")
        for pattern, instead in _SECRETS:
            text = pattern.sub(instead, text)
        for name, mark in names.items():
            if name != "root":  # everybody's
                text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", mark, text)
        return text

    return clean


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container's user without a name
        return ""


def dump(facts: Facts, findings: tuple[Finding, ...], tried: object, clean: Callable[[str], str]) -> str:
    """The file's text; `tried`: what came of each thing that was tried."""
    record = {"facts": to_plain(facts), "findings": to_plain(findings), "tried": to_plain(tried)}
    return json.dumps(_cleaned(record, clean), ensure_ascii=False, indent=1) + "\n"


def _cleaned(value: Any, clean: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {key: _cleaned(item, clean) for key, item in value.items()}
    return [_cleaned(item, clean) for item in value] if isinstance(value, list) else value


def load(path: Path) -> tuple[Facts, tuple[Finding, ...], tuple[Rung, ...]]:
    """Facts that were saved, here or anywhere, what was found then, and what was tried. Raises: Problem (facts-unreadable)."""
    try:
        record = json.loads(path.read_text("utf-8"))
        if not isinstance(record, dict):
            raise Malformed("the file holds no object")
        plain = record.get("facts", record)
        if not isinstance(plain, dict) or "system" not in plain:
            raise Malformed("it is no report of the doctor's: nothing in it describes a system")
        facts = from_plain(Facts, plain)
        if facts.format > FORMAT:
            raise Malformed(f"format {facts.format}; this yamabiko reads up to {FORMAT}")
        findings = tuple(from_plain(Finding, one) for one in record.get("findings", ()))
        return facts, findings, tuple(from_plain(Rung, one) for one in record.get("tried", ()))
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
