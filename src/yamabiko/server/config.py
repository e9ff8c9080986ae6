"""What a server is told at its start."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import socket
from dataclasses import dataclass

from yamabiko.engines import catalog
from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.i18n import Text

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Key:
    """A client that may come in. The key itself is nowhere kept: only what it hashes to."""

    name: str
    sha256: str
    requests_per_minute: float = 0
    """Of those that bring work; 0: as many as it likes."""
    at_once: int = 0
    """Requests at work and in the queue; 0: as all clients together may have."""
    most_upload_bytes: int = 0
    """0: as for all."""

    @staticmethod
    def of(name: str, secret: str) -> Key:
        return Key(name, hashlib.sha256(secret.encode()).hexdigest())

    def fits(self, secret: str) -> bool:
        """Takes as long for a wrong one as for the right one."""
        return hmac.compare_digest(hashlib.sha256(secret.encode()).hexdigest(), self.sha256)


@dataclass(frozen=True, slots=True)
class Own:
    """The engines beside the one that writes, where a request asks for them and names none."""

    speaker_engine: str = catalog.SPEAKER_FINDER
    speaker_model: str = ""
    """A name or a folder; empty: the engine's own default."""
    aligner: str = ""
    """A name or a folder; empty: by the language that is spoken."""


OWN = Own()


@dataclass(frozen=True, slots=True)
class Config:
    host: str = "127.0.0.1"
    port: int = 8080
    keys: tuple[Key, ...] = ()
    hosts: tuple[str, ...] = ()
    """Names besides the machine's own by which it may be called: what stands in a Host header."""
    wyoming_port: int | None = None
    """Of a second address that speaks Wyoming; None: there is none; 0: any port that is free."""
    wyoming_host: str = "127.0.0.1"
    wyoming_without_key: bool = False
    """Whether others than this machine may reach Wyoming, which has no keys."""
    """Not `host`: Wyoming has no keys, so who wants other machines to reach it says so."""
    webhook_hosts: tuple[str, ...] = ()
    """May be told of jobs though their addresses are private."""
    engine: str = catalog.DEFAULT_ENGINE
    model: str | None = None
    device: str = "auto"
    compute_type: str = "auto"
    threads: int = 0
    batch_size: int = 1
    """Stretches of speech asked of the engine at once, where it can."""
    language: str | None = None
    """Of recordings whose request names none; None: it is detected."""
    speaker_engine: str = catalog.SPEAKER_FINDER
    speaker_model: str = ""
    align: str = ""
    trust_model: bool = False
    """Whether a model may be one's own that has the size of a known one."""
    trust_pickle: bool = False
    """Whether models of pickled objects may be opened whose hash is not known."""
    guard: bool = True
    """Whether text that nobody said is left out, where a request does not say it."""
    idle_unload_s: float = 600.0
    """A model that nobody asked for during so long is given up with its process; 0: never."""
    memory_budget_bytes: int = 0
    """What models may take together; 0: what the machine has free."""
    keep_free_bytes: int = 512 * MIB
    """Memory left to the machine's other programs."""
    may_install: bool = True
    most_upload_bytes: int = 2048 * MIB
    most_waiting: int = 64
    """Requests at work and in the queue; who comes then is told when to come again."""
    allowed_folders: tuple[str, ...] = ()
    """Whose files a client may name by their path instead of sending them."""
    cors_origins: tuple[str, ...] = ()
    """`https://app.example`: pages of other origins that may use this server. None: no CORS header is ever sent."""

    @property
    def own(self) -> Own:
        return Own(self.speaker_engine, self.speaker_model, self.align)

    @property
    def is_loopback(self) -> bool:
        return is_loopback(self.host)

    def check(self) -> None:
        """Raises: Problem (bind-without-key)."""
        if self.wyoming_port is not None and not is_loopback(self.wyoming_host) and not self.wyoming_without_key:
            raise Problem(_wyoming_has_no_keys(self.wyoming_host))
        if self.is_loopback or self.keys or not _is_somebodys(self.host):
            return
        raise Problem(
            _bind_without_key(
                "--host",
                self.host,
                "--api-key",
                Text(
                    f"On {self.host} everybody in the network could use this server, and no key is set.",
                    f"{self.host} で待ち受けるとネットワーク上の誰でも使えますが、キーが設定されていません。",
                ),
                Remedy(
                    Text(
                        "Make a key that clients must send; it is shown once",
                        "クライアントが送るキーを作る（一度だけ表示されます）",
                    ),
                    "yamabiko config add-key NAME",
                    "effort",
                ),
            )
        )


def _wyoming_has_no_keys(host: str) -> Finding:
    allow = "--wyoming-without-key"
    return _bind_without_key(
        "--wyoming-host",
        host,
        allow,
        Text(
            f"On {host} everybody in the network could use this server: Wyoming has no keys.",
            f"{host} で待ち受けるとネットワーク上の誰でも使えます。Wyoming にはキーがありません。",
        ),
        Remedy(
            Text("In a network of your own: say that it may be so", "自分のネットワークなら、許可を明示する"),
            f"--wyoming-host {host} {allow}",
            "effort",
        ),
    )


def _bind_without_key(option: str, host: str, lacking: str, cause: Text, remedy: Remedy) -> Finding:
    """`option` names an address that others reach; `lacking` would have made that right."""
    return Finding(
        id="bind-without-key",
        severity="error",
        area="usage",
        cause=cause,
        evidence=(f"option: {option} {host}, and no {lacking}",),
        remedies=(for_this_machine(option), remedy),
    )


def for_this_machine(option: str) -> Remedy:
    """`option`: the one that names the address."""
    return Remedy(
        Text("Let programs on this machine alone use it", "このマシンのプログラムだけに使わせる"), f"{option} 127.0.0.1"
    )


def _is_somebodys(host: str) -> bool:
    """A name that leads nowhere endangers nobody; listening on it fails, and says so."""
    try:
        return bool(socket.getaddrinfo(host, None))
    except (OSError, UnicodeError):
        return False


def is_loopback(host: str) -> bool:
    """Whether this machine alone can reach the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
