"""The settings written out: the commented config.toml of the first start, and docs/settings.md. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence

from yamabiko.configuration.table import KEY_FIELDS, SETTINGS, TITLES, VARIABLES, Setting, Value
from yamabiko.i18n import Text

_HEAD = """\
# yamabiko's settings. Take away the # before a key to change it; what is set on the command line or in the
# environment (YAMABIKO_...) goes before it. `yamabiko config check` looks at the file, `yamabiko config show --origin`
# says what holds and why. The server reads it at its start.
# yamabiko の設定ファイルです。変更するキーの先頭の # を外してください。コマンドラインと環境変数（YAMABIKO_...）の指定が
# 優先されます。誤りの確認は `yamabiko config check`、有効な値とその由来は `yamabiko config show --origin` で表示できます。
# サーバーは起動時に読み込みます。
"""

_KEYS = """
# Keys of clients. `yamabiko config add-key NAME` makes one, shows it once and writes its hash here.
# クライアントのキー。`yamabiko config add-key 名前` で発行すると一度だけ表示され、ハッシュ値がここに書き込まれます。
#[[security.keys]]
"""


def toml(value: Value) -> str:
    """As it stands in a TOML file."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(toml(one) for one in value) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return f"{value:.15g}"


def config() -> str:
    """The commented file: every key with its default, and nothing set."""
    parts = [_HEAD]
    for table, title in TITLES.items():
        parts.append(f"\n# ---- {title.en} / {title.ja}\n[{table}]\n")
        for setting in SETTINGS:
            if setting.table == table:
                help_ = setting.help
                parts.append(
                    f"# {help_.en}{_unit(setting)}\n# {help_.ja}\n#{setting.name} = {toml(setting.default)}\n\n"
                )
    parts.append(_KEYS)
    examples: dict[str, Value] = {"name": "anna", "sha256": "64 hexadecimal digits"}
    for field in KEY_FIELDS:
        parts.append(
            f"#{field.name} = {toml(examples.get(field.name, field.default))}  # {field.help.en} / {field.help.ja}\n"
        )
    return "".join(parts).replace("\n\n\n", "\n\n")


def _unit(setting: Setting) -> str:
    return f" ({setting.unit})" if setting.unit in ("MiB", "minutes") else ""


def docs() -> str:
    """docs/settings.md from the first table on."""
    parts = []
    for table, title in TITLES.items():
        parts.append(f"## [{table}]\n{title.en}. {title.ja}。\n\n")
        parts.append("| key | default | | variable | flag of `serve` | other names |\n|---|---|---|---|---|---|\n")
        for one in (setting for setting in SETTINGS if setting.table == table):
            variables = "<br>".join(f"`{name}`" for name in (one.variable, one.older) if name)
            flag = f"`{one.flag.replace('-', '_').replace('__', '--', 1)}`" if one.flag else ""
            also = ", ".join(f"`{name}`" for name in one.also)
            also_there = " Also `transcribe`." if one.for_transcribe else ""
            what = f"{one.help.en.removesuffix(' ...')}.{_range(one)}{also_there}<br>{one.help.ja}"
            parts.append(f"| `{one.name}` | `{toml(one.default)}` | {what} | {variables} | {flag} | {also} |\n")
        parts.append("\n")
    parts.append(
        "## [[security.keys]]\nOne table a key. キーごとに1つの表を書きます。\n\n| key | default | |\n|---|---|---|\n"
    )
    parts += [f"| `{one.name}` | `{toml(one.default)}` | {_both(one.help)} |\n" for one in KEY_FIELDS]
    parts.append("\n## In the environment alone\n\n| variable | |\n|---|---|\n")
    parts += [f"| `{name}` | {_both(help_)} |\n" for name, help_ in VARIABLES]
    return "".join(parts)


def _both(help_: Text) -> str:
    return f"{help_.en}.<br>{help_.ja}"


def _range(setting: Setting) -> str:
    if setting.kind not in ("whole", "number"):
        return ""
    unit = f" {setting.unit}" if setting.unit else ""
    return f" {setting.low:g} to {setting.high:,.15g}{unit}."


def shown(value: Value | Sequence[str]) -> str:
    """A value for people, on one line."""
    return toml(tuple(value) if isinstance(value, list) else value)  # type: ignore[arg-type]
