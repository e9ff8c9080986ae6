"""`yamabiko serve`: the same transcripts over HTTP, for programs that speak OpenAI's audio API."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from yamabiko import logs, settings
from yamabiko.cli import configured, screen
from yamabiko.cli.parameters import Number
from yamabiko.configuration import page
from yamabiko.configuration.table import BY_KEY
from yamabiko.configuration.told import wrong
from yamabiko.configuration.values import from_flag
from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.i18n import Text

if TYPE_CHECKING:
    from yamabiko.server.serve import CannotListen

HELP = Text(
    "Serve transcripts over HTTP, with OpenAI's audio API.",
    "OpenAI互換の音声APIで、文字起こしをHTTPで提供します。",
)


def _option(key: str, kind: Any, metavar: Text | None = None, *names: str) -> Any:
    """The option of a setting: everything about it stands in the table of settings."""
    setting = BY_KEY[key]
    how: dict[str, Any] = {}
    if kind in (int, float):
        how = {"min": setting.low, "max": setting.high, "parser": Number(kind, setting.low, setting.high)}
    shown = "" if setting.default in ("", ()) else page.shown(setting.default).strip('"')
    spelt = f"{setting.flag}/--no-{setting.flag[2:]}" if kind is bool else setting.flag
    return typer.Option(
        spelt,
        *names,
        help=str(setting.help),
        metavar=str(metavar) if metavar else None,
        show_default=shown or False,
        **how,
    )


_NAME, _ADDRESS = Text("NAME", "名前"), Text("ADDRESS", "アドレス")
_WORD, _HOST, _FOLDER = Text("WORD", "語"), Text("HOST", "ホスト"), Text("FOLDER", "フォルダー")

Host = Annotated[str | None, _option("server.host", str, _ADDRESS)]
Port = Annotated[int | None, _option("server.port", int, None, "-p")]
WyomingPort = Annotated[int | None, _option("server.wyoming_port", int)]
WyomingHost = Annotated[str | None, _option("server.wyoming_host", str, _ADDRESS)]
WyomingWithoutKey = Annotated[bool | None, _option("server.wyoming_without_key", bool)]
AllowHost = Annotated[list[str] | None, _option("server.allow_hosts", str, _NAME)]
AllowWebhook = Annotated[list[str] | None, _option("server.allow_webhooks", str, _HOST)]
Engine = Annotated[str | None, _option("whisper.engine", str, _NAME)]
Model = Annotated[str | None, _option("whisper.model", str, _NAME, "-m")]
Language = Annotated[str | None, _option("whisper.language", str, Text("LANGUAGE", "言語"), "-l")]
Device = Annotated[str | None, _option("whisper.device", str, Text("DEVICE", "デバイス"))]
ComputeType = Annotated[str | None, _option("whisper.compute_type", str, _WORD)]
Guard = Annotated[bool | None, _option("whisper.guard", bool)]
TrustModel = Annotated[bool | None, _option("security.trust_model", bool)]
TrustPickle = Annotated[bool | None, _option("security.trust_pickle", bool)]
Install = Annotated[bool | None, _option("whisper.install", bool)]
SpeakerEngine = Annotated[str | None, _option("speakers.speaker_engine", str, _NAME)]
SpeakerModel = Annotated[str | None, _option("speakers.speaker_model", str, _NAME)]
Align = Annotated[str | None, _option("speakers.align", str, _NAME)]
Threads = Annotated[int | None, _option("performance.threads", int)]
BatchSize = Annotated[int | None, _option("performance.batch_size", int)]
IdleUnload = Annotated[float | None, _option("performance.idle_unload_minutes", float)]
MemoryBudget = Annotated[int | None, _option("performance.memory_budget_mb", int)]
KeepFree = Annotated[int | None, _option("performance.keep_free_mb", int)]
MaxUpload = Annotated[int | None, _option("limits.max_upload_mb", int)]
MaxDuration = Annotated[float | None, _option("limits.max_duration_minutes", float)]
MaxWaiting = Annotated[int | None, _option("limits.max_waiting", int)]
AllowFolder = Annotated[list[str] | None, _option("security.allowed_folders", str, _FOLDER)]
CorsOrigin = Annotated[list[str] | None, _option("security.cors_origins", str, _ADDRESS)]
ApiKey = Annotated[
    list[str] | None,
    typer.Option("--api-key", metavar=str(Text("[NAME:]KEY", "[名前:]キー")), envvar="YAMABIKO_API_KEY", show_default=False,
                 help=str(Text("Key that clients must send; may be given several times", "クライアントが送るキー。複数指定できる"))),
]  # fmt: skip
ConfigFile = Annotated[
    str | None,
    typer.Option("--config", metavar=str(Text("FILE", "ファイル")), show_default=False,
                 help=str(Text("Another settings file than `yamabiko config path` says", "別の設定ファイルを使う"))),
]  # fmt: skip


Verbose = Annotated[
    bool,
    typer.Option("--verbose", "-v", help=str(Text("A line for every request", "要求ごとに1行表示する"))),
]  # fmt: skip


def command(
    host: Host = None,
    port: Port = None,
    wyoming_port: WyomingPort = None,
    wyoming_host: WyomingHost = None,
    wyoming_without_key: WyomingWithoutKey = None,
    api_key: ApiKey = None,
    allow_host: AllowHost = None,
    allow_webhook: AllowWebhook = None,
    model: Model = None,
    engine: Engine = None,
    language: Language = None,
    device: Device = None,
    compute_type: ComputeType = None,
    threads: Threads = None,
    batch_size: BatchSize = None,
    guard: Guard = None,
    speaker_engine: SpeakerEngine = None,
    speaker_model: SpeakerModel = None,
    align: Align = None,
    trust_model: TrustModel = None,
    trust_pickle: TrustPickle = None,
    install: Install = None,
    idle_unload_minutes: IdleUnload = None,
    memory_budget_mb: MemoryBudget = None,
    keep_free_mb: KeepFree = None,
    max_upload_mb: MaxUpload = None,
    max_duration_minutes: MaxDuration = None,
    max_waiting: MaxWaiting = None,
    allow_folder: AllowFolder = None,
    cors_origin: CorsOrigin = None,
    config: ConfigFile = None,
    verbose: Verbose = False,
) -> None:
    given = {name: value for name, value in locals().items() if value not in (None, []) and name != "verbose"}
    if verbose:
        logs.show_on_stderr()
    from yamabiko.configuration import serving
    from yamabiko.scheduling.setup import Wish, check
    from yamabiko.server.config import Key, is_loopback
    from yamabiko.server.serve import CannotListen, serve

    flags = _flags(given)
    settled = configured.settled(config)
    keys = tuple(Key.of(name, key) for name, key in named_keys(api_key or ()))
    told = serving.config(settled, flags, keys)
    told.check()
    if wyoming_host is not None and told.wyoming_port is None:
        rule = Text("nothing listens there without --wyoming-port", "--wyoming-port がないと待ち受けません")
        raise Problem(wrong("option: --wyoming-host", "--wyoming-host", rule, wyoming_host))
    here = settings.current()
    if max_duration_minutes is not None:
        here = replace(here, longest_audio_s=max_duration_minutes * 60)
    check(Wish(told.engine, told.model, told.device, told.compute_type, told.threads), here)
    console = screen.make_console()
    first = configured.write_first(settled)

    def listening(address: str) -> None:
        if not address.startswith("http"):
            screen.say(console, _listens_too(address, to_others=not is_loopback(told.wyoming_host)))
            return
        screen.say(console, _listens(address))
        configured.show(settled.findings)
        if isinstance(first, Finding):
            screen.show_finding(console, first)
        elif first is not None:
            screen.say(console, first)

    def say(what: Text | Finding) -> None:
        if isinstance(what, Finding):
            screen.show_finding(console, what)
        else:
            screen.say(console, what)

    try:
        serve(told, here, listening, say)
    except CannotListen as error:
        raise Problem(_cannot_listen(error)) from None
    screen.say(console, Text("Stopped.", "終了しました。"))


def _flags(given: Mapping[str, Any]) -> dict[str, Any]:
    """What was typed, by the key of its setting. Raises: Problem (config-value-wrong)."""
    by_option = {setting.flag[2:].replace("-", "_"): setting for setting in BY_KEY.values() if setting.flag}
    flags: dict[str, Any] = {}
    for name, value in given.items():
        if name in by_option:
            setting = by_option[name]
            flags[setting.key] = from_flag(setting, tuple(value) if isinstance(value, list) else value)
    return flags


def named_keys(given: Sequence[str]) -> list[tuple[str, str]]:
    """
    `anna:SECRET` and bare keys, as names and keys.

    A bare one is called after itself, wherever it stands: jobs belong to the name.
    """
    found = []
    for key in given:
        name, colon, secret = key.partition(":")
        called = f"key {hashlib.sha256(key.encode()).hexdigest()[:8]}"
        found.append((name, secret) if colon and name else (called, key))
    return found


def _listens(address: str) -> Text:
    return Text(
        f"yamabiko listens on {address} (Ctrl-C ends it)",
        f"{address} で待ち受けています（Ctrl-C で終了）",
    )


def _listens_too(address: str, *, to_others: bool) -> Text:
    if to_others:
        return Text(
            f"Wyoming (Home Assistant) on {address}; it has no keys: whoever reaches this address can use it",
            f"Wyoming（Home Assistant）は {address}。キーがないため、このアドレスに届く人は誰でも使えます",
        )
    return Text(
        f"Wyoming (Home Assistant) on {address}, for this machine alone",
        f"Wyoming（Home Assistant）は {address}（このマシンの中だけ）",
    )


def _cannot_listen(error: CannotListen) -> Finding:
    from yamabiko.server.config import for_this_machine

    host, port = error.host, error.port
    said = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)
    if error.errno in (socket.EAI_NONAME, socket.EAI_AGAIN, errno.EADDRNOTAVAIL):
        return Finding(
            id="address-not-here",
            severity="error",
            area="usage",
            cause=Text(
                f"{host} is no address of this machine: {said}.",
                f"{host} はこのマシンのアドレスではありません（{said}）。",
            ),
            evidence=(f"system: {error.strerror}", f"option: {error.option.replace('port', 'host')} {host}"),
            remedies=(
                for_this_machine("--host"),
                Remedy(
                    Text("Or listen on every address, with a key", "または、キーを設定して全アドレスで待ち受ける"),
                    "--host 0.0.0.0",
                ),
            ),
        )
    return Finding(
        id="address-in-use",
        severity="error",
        area="usage",
        cause=Text(
            f"{host}:{port} cannot be listened on: {said}.",
            f"{host}:{port} で待ち受けられません（{said}）。",
        ),
        evidence=(f"system: {error.strerror}",),
        remedies=(
            Remedy(
                Text("Take another port", "別のポートを使う"),
                f"yamabiko serve {error.option} {port + 1 if 0 < port < 65535 else 8081}",
            ),
            Remedy(
                Text("See who holds this one", "使用中のプログラムを調べる"), f"ss -ltnp 'sport = :{port}'", "effort"
            ),
        ),
    )
