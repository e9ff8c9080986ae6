"""`yamabiko serve`: the same transcripts over HTTP, for programs that speak OpenAI's audio API."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from yamabiko import settings
from yamabiko.cli import options, screen
from yamabiko.engines import catalog
from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.i18n import Text

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
    from yamabiko.server.config import MIB, Config, Key
    from yamabiko.server.serve import serve

    config = Config(
        host=host,
        port=port,
        keys=tuple(Key.of(*_named(number, key)) for number, key in enumerate(api_key or (), 1)),
        hosts=tuple(allow_host or ()),
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
        screen.say(
            console,
            Text(
                f"yamabiko listens on {address} (Ctrl-C ends it)",
                f"{address} で待ち受けています（Ctrl-C で終了）",
            ),
        )

    try:
        serve(config, here, listening)
    except OSError as error:
        raise Problem(_cannot_listen(host, port, error)) from None
    screen.say(console, Text("Stopped.", "終了しました。"))


def _named(number: int, key: str) -> tuple[str, str]:
    name, colon, secret = key.partition(":")
    return (name, secret) if colon and name else (f"key {number}", key)


def _cannot_listen(host: str, port: int, error: OSError) -> Finding:
    return Finding(
        id="address-in-use",
        severity="error",
        area="usage",
        cause=Text(
            f"{host}:{port} cannot be listened on: {os.strerror(error.errno) if error.errno else error}.",
            f"{host}:{port} で待ち受けられません（{os.strerror(error.errno) if error.errno else error}）。",
        ),
        evidence=(f"system: {error}",),
        remedies=(
            Remedy(
                Text("Take another port", "別のポートを使う"),
                f"yamabiko serve --port {port + 1 if 0 < port < 65535 else 8081}",
            ),
            Remedy(
                Text("See who holds this one", "使用中のプログラムを調べる"), f"ss -ltnp 'sport = :{port}'", "effort"
            ),
        ),
    )
