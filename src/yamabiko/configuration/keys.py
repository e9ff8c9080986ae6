"""
The keys of clients in config.toml: read, added and removed there. The file holds hashes; a key is shown once.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from yamabiko.configuration import file as config_file
from yamabiko.configuration import told
from yamabiko.configuration.file import ConfigFile
from yamabiko.configuration.table import KEY_FIELDS, KeyField
from yamabiko.configuration.values import KINDS, bounds, of_kind
from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.i18n import Text

TABLE = "security.keys"


@dataclass(frozen=True, slots=True)
class KeyEntry:
    name: str
    sha256: str
    requests_per_minute: float = 0
    """0: as many as it likes; so below."""
    at_once: int = 0
    max_upload_mb: int = 0
    origin: str = ""


def entries(file: ConfigFile) -> tuple[tuple[KeyEntry, ...], list[Finding]]:
    """Those that are whole, and what is wrong with the others."""
    security = file.values.get("security")
    given = security.get("keys", []) if isinstance(security, dict) else []
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        rule = Text("each key is a table of its own: [[security.keys]]", "キーごとに [[security.keys]] の表を書きます")
        return (), [told.wrong(f"file: {file.place(TABLE)}", TABLE, rule)]
    found: dict[str, KeyEntry] = {}
    findings: list[Finding] = []
    for number, one in enumerate(given):
        entry, wrong = _entry(file, number, one)
        findings += wrong
        if entry is not None and entry.name in found:
            rule = Text("there is another key of this name", "同じ名前のキーがほかにあります")
            findings.append(told.wrong(f"file: {entry.origin}", f"{TABLE}.name", rule, entry.name))
        elif entry is not None:
            found[entry.name] = entry
    return tuple(found.values()), findings


def _entry(file: ConfigFile, number: int, given: Mapping[str, Any]) -> tuple[KeyEntry | None, list[Finding]]:
    here = f"{TABLE}[{number}]"
    findings: list[Finding] = []
    known = {one.name: one for one in KEY_FIELDS}
    values: dict[str, Any] = {}
    for name, value in given.items():
        place = file.place(f"{here}.{name}")
        if name in known:
            rule = _rule(known[name], value)
            values[name] = value
            if rule is not None:
                findings.append(told.wrong(f"file: {place}", f"{TABLE}.{name}", rule))
        elif name.lower() in ("key", "secret", "api_key", "token", "password"):
            findings.append(told.plain_secret(place, f"{TABLE}.{name}"))
        else:
            near = told.near(name, list(known))
            findings.append(told.unknown(place, f"{TABLE}.{name}", near))
    findings += [
        told.wrong(f"file: {file.place(here)}", f"{TABLE}.{name}", Text("it is missing", "指定がありません"))
        for name in ("name", "sha256")
        if name not in values
    ]
    if any(finding.severity == "error" for finding in findings):
        return None, findings
    return KeyEntry(**values | {"sha256": values["sha256"].lower()}, origin=file.place(here)), findings


def _rule(field: KeyField, value: object) -> Text | None:
    """What is wrong with it."""
    if (found := of_kind(field.kind, value)) is None:
        return KINDS[field.kind]
    if field.name == "name":
        return name_rule(str(found))
    if field.name == "sha256" and not re.fullmatch(r"[0-9a-fA-F]{64}", str(found)):
        return Text("it is 64 hexadecimal digits", "64桁の16進数を指定します")
    if isinstance(found, (int, float)) and not 0 <= found <= field.high:
        return bounds(0, field.high)
    return None


def name_rule(name: str) -> Text | None:
    if re.fullmatch(r"[^\s:\"'\\\x00-\x1f\x7f]{1,64}", name):
        return None
    return Text(
        "a name is 1 to 64 characters without spaces, colons and quotes",
        "名前は空白・コロン・引用符を含まない64文字以内で指定します",
    )


def make() -> str:
    return secrets.token_urlsafe(32)


def with_key(file: ConfigFile, name: str, secret: str, limits: Mapping[str, float]) -> str:
    """The file's text with one key more, at its end. Raises: Problem (config-value-wrong, config-unreadable)."""
    rule = name_rule(name)
    if rule is None and any(one.name == name for one in entries(file)[0]):
        rule = Text("there is another key of this name", "同じ名前のキーがほかにあります")
    if rule is not None:
        remedy = Remedy(Text("See which there are", "登録済みのキーを見る"), "yamabiko config show")
        raise Problem(told.wrong("option: NAME", "NAME", rule, name, remedy))
    lines = [f'name = "{name}"', f'sha256 = "{hashlib.sha256(secret.encode()).hexdigest()}"']
    lines += [f"{field} = {value:g}" for field, value in limits.items() if value]
    text = file.text.rstrip("\n") + f"\n\n[[{TABLE}]]\n" + "\n".join(lines) + "\n"
    return _verified(file, text, before=entries(file)[0], more=1)


def without_key(file: ConfigFile, name: str) -> str:
    """The file's text without this key; comments stay. Raises: Problem (config-value-wrong, config-unreadable)."""
    names = [one.get("name") for one in _tables(file)]
    if name not in names:
        rule = Text("there is no key of this name", "この名前のキーはありません")
        shown = ", ".join(str(one) for one in names) or "-"
        raise Problem(told.wrong(f"file: {file.place(TABLE)}; keys: {shown}"[:500], "NAME", rule, name))
    lines = file.text.split("\n")
    found = config_file.headers(file.text)
    starts = [number for number, brackets, table in found if table == TABLE and brackets == "[["]
    if len(starts) != len(names):
        raise Problem(_by_hand(file))
    start = starts[names.index(name)]
    end = next((number for number, *_ in found if number > start), len(lines))
    while end > start + 1 and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#")):
        end -= 1  # what stands before the next table belongs to that
    kept = [*lines[:start], *lines[end:]]
    return _verified(file, "\n".join(kept), before=entries(file)[0], more=-1)


def _tables(file: ConfigFile) -> list[dict[str, Any]]:
    security = file.values.get("security")
    given = security.get("keys", []) if isinstance(security, dict) else []
    return [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []


def _verified(file: ConfigFile, text: str, before: tuple[KeyEntry, ...], more: int) -> str:
    """The text, if it says what was meant and nothing else. Raises: Problem."""
    try:
        after = config_file.parse(file.path, text)
    except Problem:
        raise Problem(_by_hand(file)) from None
    others = [{k: v for k, v in values.items() if k != "security"} for values in (file.values, after.values)]
    if others[0] != others[1] or len(_tables(after)) != len(_tables(file)) + more:
        raise Problem(_by_hand(file))
    return text


def _by_hand(file: ConfigFile) -> Finding:
    return told.unreadable(file.path, "file: its keys are not written as tables [[security.keys]]; change it by hand")
