"""
What is set, and where it is said: the environment goes before config.toml, and that before the defaults.

Everything that is wrong is told at once. Nothing is printed or raised here: who calls decides what a mistake costs.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yamabiko.configuration import told
from yamabiko.configuration.file import ConfigFile, read
from yamabiko.configuration.keys import KeyEntry, entries
from yamabiko.configuration.table import BY_KEY, BY_OTHER_NAME, SETTINGS, TABLES, TITLES, Setting, Value
from yamabiko.configuration.values import from_file, from_variable
from yamabiko.findings import Finding, Problem
from yamabiko.i18n import Text
from yamabiko.settings import Settings

MOST_UNKNOWN = 20
"""More unknown keys are counted, not listed."""

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Said:
    value: Value
    origin: str = DEFAULT
    """`default`, `path:line`, or the name of a variable."""


@dataclass(frozen=True, slots=True)
class Settled:
    path: Path
    """Of the settings file, whether it is there or not."""
    exists: bool
    said: Mapping[str, Said]
    """By key; all of them."""
    keys: tuple[KeyEntry, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity == "error")

    def value(self, key: str) -> Any:
        return self.said[key].value

    def is_said(self, key: str) -> bool:
        return self.said[key].origin != DEFAULT

    def model(self, engine: str) -> str | None:
        """What is set, where it is meant for this engine; None: the engine's own."""
        engine_said, model_said = self.said["whisper.engine"], self.said["whisper.model"]
        if not model_said.value or engine != engine_said.value:
            return None
        of_file = ":" in model_said.origin
        if of_file and engine_said.origin.startswith("YAMABIKO_"):  # another engine than the file's model was meant for
            return None
        return str(model_said.value)

    def settings(self, before: Settings) -> Settings:
        """`before`, with the limits that are set."""
        changed: dict[str, Any] = {
            setting.field: _kind(before, setting)(self.value(setting.key) * setting.factor)
            for setting in SETTINGS
            if setting.of_settings and self.is_said(setting.key)
        }
        return dataclasses.replace(before, **changed)


def _kind(before: Settings, setting: Setting) -> type[int] | type[float]:
    return int if setting.kind == "whole" and isinstance(getattr(before, setting.field), int) else float


def place(environment: Mapping[str, str], settings: Settings, named: str | None = None) -> tuple[Path, bool]:
    """Where the settings file is, and whether somebody named it."""
    asked = named or environment.get("YAMABIKO_CONFIG")
    if asked:
        return Path(asked).expanduser().absolute(), True
    return settings.config_dir / "config.toml", False


def settle(environment: Mapping[str, str], settings: Settings, named: str | None = None) -> Settled:
    """Everything, with all that is wrong as findings."""
    path, is_named = place(environment, settings, named)
    findings: list[Finding] = []
    file = None
    try:
        file = read(path)
        if file is None and is_named:
            findings.append(told.not_there(path))
    except Problem as problem:
        findings.append(problem.finding)
    said = {setting.key: Said(setting.default) for setting in SETTINGS}
    keys: tuple[KeyEntry, ...] = ()
    if file is not None:
        in_file = _File(file)
        said.update(in_file.said)
        keys, wrong = entries(file)
        findings += [*in_file.findings, *wrong]
    for setting in SETTINGS:
        try:
            if (found := _from_environment(setting, environment)) is not None:
                said[setting.key] = found
        except Problem as problem:
            findings.append(problem.finding)
    return Settled(path, file is not None, said, keys, tuple(findings))


def _from_environment(setting: Setting, environment: Mapping[str, str]) -> Said | None:
    """An empty variable counts as not set. Raises: Problem (config-value-wrong)."""
    for name, factor in ((setting.variable, 1.0), (setting.older, setting.factor)):
        given = environment.get(name, "") if name else ""
        if given.strip():
            return Said(from_variable(setting, name, given, factor), name)
    return None


class _File:
    """What a file says, setting by setting."""

    def __init__(self, file: ConfigFile) -> None:
        self._file = file
        self.said: dict[str, Said] = {}
        self.findings: list[Finding] = []
        self._unknown: list[str] = []
        for key, value in _leaves(file.values):
            self._one(key, value)
        for key in self._unknown[:MOST_UNKNOWN]:
            self.findings.append(told.unknown(file.place(key), key, nearest(key)))
        if len(self._unknown) > MOST_UNKNOWN:
            self.findings.append(told.too_many(file.path, len(self._unknown) - MOST_UNKNOWN))

    def _one(self, key: str, value: object) -> None:
        table, _, name = key.rpartition(".")
        setting = BY_KEY.get(key)
        if setting is None and table in ("", *TABLES):
            setting = BY_OTHER_NAME.get(name)
        if setting is None:
            self._strange(key)
            return
        where = self._file.place(key)
        try:
            found = from_file(setting, key, value, where, self._file.path.parent)
        except Problem as problem:
            self.findings.append(problem.finding)
            return
        before = self.said.get(setting.key)
        if before is not None and before.value != found:
            self.findings.append(told.twice(where, key, setting.key, before.origin))
            return
        self.said[setting.key] = Said(found, where)

    def _strange(self, key: str) -> None:
        if key == "security.keys":
            return  # read by themselves
        if key in TITLES:
            rule = Text(
                f"it is a table, written [{key}] on a line of its own", f"[{key}] という行で始まる表として書きます"
            )
            self.findings.append(told.wrong(f"file: {self._file.place(key)}", key, rule))
            return
        if key.rpartition(".")[2].lower() in ("api_key", "api_keys", "key", "token", "password"):
            self.findings.append(told.plain_secret(self._file.place(key), key))
            return
        self._unknown.append(key)


def _leaves(values: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """Keys with their tables. What stands deeper than any setting, or in a table that nobody knows, is named once."""
    for name, value in values.items():
        if not isinstance(value, dict) or name not in TABLES:
            yield name, value
            continue
        for inner, deep in value.items():
            yield f"{name}.{inner}", deep


def nearest(key: str) -> str | None:
    """The setting that was probably meant."""
    table, _, name = key.rpartition(".")
    moved = [known for known in BY_KEY if known.endswith(f".{name}")]
    if moved:
        return moved[0]
    if not table:
        words = {one.name: one.key for one in SETTINGS} | {name: f"[{name}]" for name in TITLES}
        return next((words[one] for one in difflib.get_close_matches(name.lower(), list(words), 1, 0.7)), None)
    same = difflib.get_close_matches(name.lower(), [one.name for one in SETTINGS if one.table == table], 1, 0.6)
    if same:
        return f"{table}.{same[0]}"
    return next(iter(difflib.get_close_matches(key.lower(), list(BY_KEY), 1, 0.75)), None)
