"""From settings and the flags above them to what the server is told. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from yamabiko.configuration.keys import KeyEntry
from yamabiko.configuration.settle import Settled
from yamabiko.configuration.table import MIB, SETTINGS, Setting
from yamabiko.formats.language_names import language_code
from yamabiko.server.config import Config, Key


def config(settled: Settled, flags: Mapping[str, Any], keys: Sequence[Key] = ()) -> Config:
    """`flags`: by key, in the unit of the setting, where they were given. `keys`: besides those of the file."""
    values: dict[str, Any] = {
        setting.field: _as_field(setting, flags.get(setting.key, settled.value(setting.key)))
        for setting in SETTINGS
        if not setting.of_settings
    }
    values["model"] = flags.get("whisper.model") or settled.model(values["engine"])
    values["wyoming_port"] = None if values["wyoming_port"] < 0 else values["wyoming_port"]
    language = values["language"]
    values["language"] = None if language.strip().lower() == "auto" else language_code(language)
    return Config(**values, keys=(*map(_key, settled.keys), *keys))


def _as_field(setting: Setting, value: Any) -> Any:
    if setting.kind == "whole":
        return int(value * setting.factor)
    return float(value * setting.factor) if setting.kind == "number" else value


def _key(entry: KeyEntry) -> Key:
    return Key(entry.name, entry.sha256, entry.requests_per_minute, entry.at_once, entry.max_upload_mb * MIB)
