"""`yamabiko config ...`: what is set and where it is said, the file itself, and the keys of clients."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from yamabiko import settings
from yamabiko.cli import answers, configured, exits, screen
from yamabiko.cli.parameters import Number
from yamabiko.cli.parser import App
from yamabiko.findings import Problem
from yamabiko.i18n import Text

if TYPE_CHECKING:
    from yamabiko.configuration.file import ConfigFile
    from yamabiko.configuration.settle import Settled

SWITCHES = frozenset({"--json", "--origin"})

app = App(
    Text(
        "Settings: what holds and why, the settings file, keys for clients.",
        "有効な設定とその由来、設定ファイル、クライアントのキー。",
    )
)

Json = Annotated[bool, answers.Json]
Named = Annotated[
    str | None,
    typer.Option(
        "--config", metavar=str(Text("FILE", "ファイル")), show_default=False,
        help=str(Text("Another settings file than the usual one", "別の設定ファイルを使う")),
    ),
]  # fmt: skip
Origin = Annotated[
    bool, typer.Option("--origin/--no-origin", help=str(Text("Say where each value is said", "値の由来も表示する")))
]
KeyName = Annotated[
    str,
    typer.Argument(
        metavar=str(Text("NAME", "名前")), help=str(Text("Who the key is for", "キーを使う人やプログラム")), show_default=False
    ),
]  # fmt: skip


def _limit(kind: Any, high: float, en: str, ja: str) -> Any:
    return typer.Option(min=0, max=high, parser=Number(kind, 0, high), help=str(Text(en, ja)))


@app.verb("show", Text("Every setting with the value that holds.", "すべての設定と、有効な値を表示する。"))
def show(origin: Origin = False, json: Json = False, config: Named = None) -> None:
    from yamabiko.configuration import page
    from yamabiko.configuration.table import SETTINGS

    with answers.json_problems(json):
        found = _settled(config)
    if json:
        answers.print_json(_record(found))
    else:
        rows = [
            (one.key, page.shown(said.value), said.origin if origin else "", one.unit)
            for one in SETTINGS
            if (said := found.said[one.key])
        ]
        rows += [("security.keys", f"{entry.name}: set", entry.origin if origin else "", "") for entry in found.keys]
        rows += [("api_key", f"{name}: set", "YAMABIKO_API_KEY" if origin else "", "") for name in _of_environment()]
        headers = (Text("setting", "設定"), Text("value", "値"), Text("said in", "由来"), Text("unit", "単位"))
        answers.show_table(headers, rows)
        configured.show(found.findings)
    if found.errors:
        raise typer.Exit(exits.USAGE)


@app.verb("path", Text("Where the settings file is.", "設定ファイルの場所を表示する。"))
def path(config: Named = None) -> None:
    from yamabiko.configuration.settle import place

    screen.print_result(f"{place(os.environ, settings.current(), config)[0]}\n")


@app.verb("check", Text("All that is wrong with the settings.", "設定の誤りをすべて表示する。"))
def check(json: Json = False, config: Named = None) -> None:
    with answers.json_problems(json):
        found = _settled(config)
    if json:
        answers.print_json({"path": found.path, "exists": found.exists, "findings": found.findings})
    else:
        configured.show(found.findings)
        if not found.findings:
            none = Text(f"No settings file yet ({found.path}).", f"設定ファイルはまだありません（{found.path}）。")
            well = Text(f"{found.path}: nothing is wrong.", f"{found.path}: 誤りはありません。")
            screen.print_result(f"{well if found.exists else none}\n")
    if found.errors:
        raise typer.Exit(exits.USAGE)


@app.verb("write", Text("Write a settings file with every default in it.", "既定値を記した設定ファイルを作る。"))
def write(
    file: Annotated[
        str | None,
        typer.Argument(metavar=str(Text("FILE", "ファイル")), help=str(Text("Where", "場所")), show_default=False),
    ] = None,
) -> None:
    screen.print_result(f"{_written(file)}\n")


@app.verb(
    "add-key", Text("Make a key for a client; it is shown once.", "クライアントのキーを発行する（表示は一度だけ）。")
)
def add_key(
    name: KeyName,
    requests_per_minute: Annotated[
        float, _limit(float, 1e6, "Recordings in a minute; 0: no limit", "1分あたりの要求数。0なら無制限")
    ] = 0,
    at_once: Annotated[
        int, _limit(int, 1000, "Recordings at once; 0: no limit", "同時に処理する要求数。0なら無制限")
    ] = 0,
    max_upload_mb: Annotated[
        int, _limit(int, 999_999, "Largest upload, in MiB; 0: as for all", "アップロードの上限（MiB）。0なら全体の上限")
    ] = 0,
    config: Named = None,
) -> None:
    from yamabiko.configuration import keys

    limits = {"requests_per_minute": requests_per_minute, "at_once": at_once, "max_upload_mb": max_upload_mb}
    secret = keys.make()
    with _held(config) as found:
        _replace(found, keys.with_key(found, name, secret, limits))
    screen.print_result(f"{secret}\n")
    _said(
        Text(
            f"This is the key of {name}; it is shown this once, and {found.path} holds its hash.",
            f"{name} のキーです。表示はこの一度だけで、{found.path} にはハッシュ値だけが保存されます。",
        )
    )


@app.verb("remove-key", Text("Take a client's key away.", "クライアントのキーを取り消す。"))
def remove_key(name: KeyName, config: Named = None) -> None:
    from yamabiko.configuration import keys

    with _held(config) as found:
        _replace(found, keys.without_key(found, name))
    _said(Text(f"{name} is no longer in {found.path}.", f"{found.path} から {name} を取り除きました。"))


# ---- parts --------------------------------------------------------------------------------------------------------------


def _settled(named: str | None) -> Settled:
    from yamabiko.configuration.settle import settle

    return settle(os.environ, settings.current(), named)


def _record(found: Settled) -> dict[str, Any]:
    """Of keys their names and limits; what they hash to is nobody's business."""
    from yamabiko.configuration.table import BY_KEY

    return {
        "path": found.path,
        "exists": found.exists,
        "settings": {
            key: {"value": said.value, "unit": BY_KEY[key].unit or None, "origin": said.origin}
            for key, said in found.said.items()
        },
        "keys": [
            {
                "name": one.name, "requests_per_minute": one.requests_per_minute, "at_once": one.at_once,
                "max_upload_mb": one.max_upload_mb, "origin": one.origin,
            }
            for one in found.keys
        ] + [{"name": name, "origin": "YAMABIKO_API_KEY"} for name in _of_environment()],
        "findings": found.findings,
    }  # fmt: skip


def _of_environment() -> list[str]:
    """Names of the keys in YAMABIKO_API_KEY."""
    from yamabiko.cli.serve import named_keys

    return [name for name, _ in named_keys(os.environ.get("YAMABIKO_API_KEY", "").split())]


def _written(named: str | None) -> Path:
    """A file that was not there. Raises: Problem (config-not-written)."""
    from yamabiko.configuration import file, page, told
    from yamabiko.configuration.settle import place

    path = place(os.environ, settings.current(), named)[0]
    try:
        if file.write_new(path, page.config()):
            return path
    except OSError as error:
        raise Problem(told.not_written(path, str(error))) from None
    raise Problem(told.not_changed(path, "system: it is there already, and is never overwritten"))


@contextlib.contextmanager
def _held(named: str | None) -> Iterator[ConfigFile]:
    """The settings file, which nobody else changes meanwhile. Raises: Problem."""
    from filelock import FileLock

    from yamabiko.configuration import file, page, told
    from yamabiko.configuration.settle import place

    path = place(os.environ, settings.current(), named)[0]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.name}.lock")):
            file.write_new(path, page.config())
            found = file.read(path)
            assert found is not None
            yield found
    except OSError as error:
        raise Problem(told.not_changed(path, f"system: {error}")) from None


def _replace(found: ConfigFile, text: str) -> None:
    from yamabiko.configuration import file

    file.replace(found.path, found.with_text(text))


def _said(what: Text) -> None:
    console = screen.make_console()
    screen.say(console, what)
    screen.say(
        console,
        Text("A server that runs takes it up at its next start.", "実行中のサーバーには、次の起動時に反映されます。"),
    )
