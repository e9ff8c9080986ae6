"""`yamabiko serve`: the same transcripts over HTTP, for programs that speak OpenAI's audio API."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from yamabiko import settings
from yamabiko.cli import options, screen
from yamabiko.engines import catalog
from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.i18n import Text

if TYPE_CHECKING:
    from yamabiko.server.serve import CannotListen

HELP = Text(
    "Serve transcripts over HTTP, with OpenAI's audio API.",
    "OpenAI互換の音声APIで、文字起こしをHTTPで提供します。",
)

Host = Annotated[
    str,
    typer.Option("--host", metavar=str(Text("ADDRESS", "アドレス")),
                 help=str(Text("Address to listen on; other machines need a key", "待ち受けるアドレス。他のマシンから使うにはキーが必要"))),
]  # fmt: skip
Port = Annotated[
    int,
    typer.Option(
        "--port", "-p", min=0, max=65535, help=str(Text("Port; 0: any that is free", "ポート。0なら空いているもの"))
    ),
]
WyomingPort = Annotated[
    int | None,
    typer.Option(
        "--wyoming-port", min=0, max=65535, show_default=False,
        help=str(Text("Also speak Wyoming (Home Assistant) on this port, usually 10300; 0: any that is free",
                      "Wyoming（Home Assistant）でも待ち受けるポート。通常は10300、0なら空いているもの")),
    ),
]  # fmt: skip
WyomingHost = Annotated[
    str,
    typer.Option(
        "--wyoming-host", metavar=str(Text("ADDRESS", "アドレス")),
        help=str(Text("Address for it; Wyoming has no keys: whoever reaches the address can use the server",
                      "そのアドレス。Wyomingにはキーがなく、届く人は誰でも使える")),
    ),
]  # fmt: skip
ApiKey = Annotated[
    list[str] | None,
    typer.Option("--api-key", metavar=str(Text("[NAME:]KEY", "[名前:]キー")), envvar="YAMABIKO_API_KEY", show_default=False,
                 help=str(Text("Key that clients must send; may be given several times", "クライアントが送るキー。複数指定できる"))),
]  # fmt: skip
AllowHost = Annotated[
    list[str] | None,
    typer.Option("--allow-host", metavar=str(Text("NAME", "名前")), show_default=False,
                 help=str(Text("Name by which clients call this server, besides localhost", "localhost のほかに、呼び出しを許す名前"))),
]  # fmt: skip
AllowWebhook = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-webhook", metavar=str(Text("HOST", "ホスト")), show_default=False,
        help=str(Text("Host in this network that may be told of jobs that are over", "完了を知らせてよい、ローカルネットワーク内のホスト")),
    ),
]  # fmt: skip
MaxUpload = Annotated[
    int, typer.Option("--max-upload-mb", min=1, help=str(Text("Largest upload, in MiB", "アップロードの上限（MiB）")))
]
MaxWaiting = Annotated[
    int,
    typer.Option("--max-waiting", min=1, max=1000,
                 help=str(Text("Requests at work and waiting; more are told to come again", "処理中と待機中の要求の上限"))),
]  # fmt: skip


def command(
    host: Host = "127.0.0.1",
    port: Port = 8080,
    wyoming_port: WyomingPort = None,
    wyoming_host: WyomingHost = "127.0.0.1",
    api_key: ApiKey = None,
    allow_host: AllowHost = None,
    allow_webhook: AllowWebhook = None,
    model: options.Model = None,
    engine: options.Engine = catalog.DEFAULT_ENGINE,
    device: options.Device = "auto",
    compute_type: options.ComputeType = "auto",
    threads: options.Threads = 0,
    install: options.Install = True,
    max_upload_mb: MaxUpload = 2048,
    max_waiting: MaxWaiting = 64,
) -> None:
    from yamabiko.scheduling.setup import check
    from yamabiko.server.config import MIB, Config, Key, is_loopback
    from yamabiko.server.serve import CannotListen, serve

    if wyoming_port is None and wyoming_host != "127.0.0.1":
        raise typer.BadParameter(
            str(Text("Nothing listens there without --wyoming-port.", "--wyoming-port がないと待ち受けません。"))
        )
    config = Config(
        host=host,
        port=port,
        keys=tuple(Key.of(*_named(number, key)) for number, key in enumerate(api_key or (), 1)),
        hosts=tuple(allow_host or ()),
        wyoming_port=wyoming_port,
        wyoming_host=wyoming_host,
        webhook_hosts=tuple(allow_webhook or ()),
        engine=engine,
        model=model,
        device=device,
        compute_type=compute_type,
        threads=threads,
        may_install=install,
        most_upload_bytes=max_upload_mb * MIB,
        most_waiting=max_waiting,
    )
    config.check()
    here = settings.current()
    from yamabiko.scheduling.setup import Wish

    check(Wish(engine, model, device, compute_type, threads), here)
    console = screen.make_console()

    def listening(address: str) -> None:
        http = address.startswith("http")
        others = not is_loopback(wyoming_host)
        screen.say(console, _listens(address) if http else _listens_too(address, to_others=others))

    try:
        serve(config, here, listening)
    except CannotListen as error:
        raise Problem(_cannot_listen(error)) from None
    screen.say(console, Text("Stopped.", "終了しました。"))


def _named(number: int, key: str) -> tuple[str, str]:
    name, colon, secret = key.partition(":")
    return (name, secret) if colon and name else (f"key {number}", key)


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
    host, port = error.host, error.port
    said = os.strerror(error.errno) if error.errno else str(error)
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
