"""
Telling somebody's server that a job is over: signed, and never sent into this machine's own network.

A client could otherwise make us knock at addresses that it cannot reach itself:
so a name is looked up once, every address it has must be public, and the
connection goes to the address that was checked. Redirects are not followed.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import socket
import time
from typing import Any
from urllib.parse import urlsplit

from yamabiko import logs
from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.i18n import Text
from yamabiko.jobs.store import Job, told

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
TRIES = 3
WAIT_S = 10.0


def check(url: str, allowed: tuple[str, ...] = ()) -> tuple[str, str]:
    """
    The address to connect to, and the host's name. `allowed` are hosts that may be private.

    Raises: Problem (webhook-not-allowed).
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        parts, host, port = urlsplit(""), "", 0
    if parts.scheme not in ("http", "https") or not host or parts.username is not None:
        raise Problem(_refused(url, "only http:// and https:// without a user's name are called"))
    try:
        found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except OSError as error:
        raise Problem(_refused(url, f"lookup of {host}: {error}")) from None
    private = [address for address in found if not _is_public(address)]
    if private and host.lower() not in allowed:
        raise Problem(_refused(url, f"{host} is {private[0]}, which is not public"))
    return found[0], host


def send(url: str, secret: str, said: dict[str, Any], allowed: tuple[str, ...] = ()) -> bool:
    """
    Whether it arrived (any 2xx), after at most `TRIES` tries.

    `x-yamabiko-signature` is `sha256=` and the HMAC of the body under the job's secret.
    """
    import httpx

    body = json.dumps(said, ensure_ascii=False).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"content-type": "application/json", "x-yamabiko-signature": f"sha256={signature}"}
    for number in range(TRIES):
        if number:
            time.sleep(2**number)
        try:
            address, host = check(url, allowed)
            there = httpx.URL(url)
            with httpx.Client(timeout=WAIT_S, follow_redirects=False, trust_env=False) as client:
                answer = client.post(
                    there.copy_with(host=address),
                    content=body,
                    headers={**headers, "host": there.netloc.decode()},
                    extensions={"sni_hostname": host},
                )
            if answer.is_success:
                return True
            logs.event("webhook", status=answer.status_code)
        except (httpx.HTTPError, Problem) as error:
            logs.event("webhook", error=type(error).__name__)
    return False


def _is_public(address: str) -> bool:
    """Also of the IPv4 address that an IPv6 one leads to: by mapping, NAT64, 6to4 or Teredo."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    inner: list[ipaddress.IPv4Address | None] = []
    if isinstance(ip, ipaddress.IPv6Address):
        inner = [ip.ipv4_mapped, ip.sixtofour, ip.teredo[1] if ip.teredo else None]
        if ip in _NAT64:
            inner.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
    return all(each.is_global and not each.is_multicast for each in (ip, *filter(None, inner)))


def _refused(url: str, why: str) -> Finding:
    return Finding(
        id="webhook-not-allowed",
        severity="error",
        area="usage",
        cause=Text("This address is not called when a job is over.", "このアドレスには完了通知を送りません。"),
        evidence=(f"webhook: {url[:200]}", f"webhook: {why}"),
        remedies=(
            Remedy(
                Text("Allow the host, when the server is started", "サーバーの起動時にホストを許可する"),
                "yamabiko serve --allow-webhook HOST",
            ),
            Remedy(Text("Or listen to the job's events", "またはジョブのイベントを受信する"), "GET /v1/jobs/ID/events"),
        ),
    )


def notify(job: Job, allowed: tuple[str, ...]) -> None:
    """That a job is over, whatever way."""
    send(job.webhook, job.webhook_secret, {"type": f"job.{job.state}", "job": told(job)}, allowed)
