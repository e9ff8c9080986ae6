"""One file over HTTP: cut, resumed, lied about, and never taken wrong."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from models_loopback import Served, Server, serving, sha256

from yamabiko.engines.models.fetch import Fetched, FetchFailed, Patience, Wanted, check_reachable, fetch, open_client

BODY = bytes(range(256)) * 4096
HASTY = Patience(connect_s=1, read_s=0.3)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture(autouse=True)
def forgetful(server: Server) -> None:
    server.pages.clear()
    server.asked.clear()


def _fetch(
    server: Server, part: Path, *, pinned: bool = True, patience: Patience = HASTY, heard: list[int] | None = None
) -> Fetched:
    known = {"size": len(BODY), "sha256": sha256(BODY)} if pinned else {}
    with open_client({}, patience) as client:
        wanted = Wanted(f"{server.url}/file", part, **known)
        return fetch(client, wanted, (heard if heard is not None else []).append, patience)


def test_a_connection_cut_twice_is_taken_up_within_one_call(server, tmp_path):
    server.pages["/file"] = Served(BODY, cuts=[100_000, 200_000])
    heard: list[int] = []

    got = _fetch(server, tmp_path / "file.part", heard=heard)

    assert (tmp_path / "file.part").read_bytes() == BODY
    assert (got.size, got.sha256) == (len(BODY), sha256(BODY))
    assert [headers.get("range") for headers in server.headers_of("/file")] == [None, "bytes=100000-", "bytes=300000-"]
    assert heard == sorted(heard)
    assert [path.name for path in tmp_path.iterdir()] == ["file.part"]


def test_a_connection_that_brings_nothing_more_is_given_up_and_kept(server, tmp_path):
    server.pages["/file"] = Served(BODY, cuts=[100_000, 0])

    with pytest.raises(FetchFailed, match="cut short after 100000 of") as raised:
        _fetch(server, tmp_path / "file.part")
    assert raised.value.kind == "cut"
    assert (tmp_path / "file.part").stat().st_size == 100_000

    _fetch(server, tmp_path / "file.part")
    assert server.headers_of("/file")[-1]["range"] == "bytes=100000-"
    assert (tmp_path / "file.part").read_bytes() == BODY


def test_a_server_that_ignores_range_is_read_from_the_start(server, tmp_path):
    (tmp_path / "file.part").write_bytes(BODY[:5000])
    server.pages["/file"] = Served(BODY, ranges=False)

    _fetch(server, tmp_path / "file.part")

    assert (tmp_path / "file.part").read_bytes() == BODY


@pytest.mark.parametrize("how", [{"range_status": 416}, {"range_start": 3}], ids=["416", "another range"])
def test_a_server_that_cannot_continue_is_asked_from_the_start(server, tmp_path, how):
    (tmp_path / "file.part").write_bytes(BODY[:5000])
    server.pages["/file"] = Served(BODY, **how)

    _fetch(server, tmp_path / "file.part")

    assert (tmp_path / "file.part").read_bytes() == BODY
    assert [headers.get("range") for headers in server.headers_of("/file")] == ["bytes=5000-", None]


def test_a_part_of_something_else_costs_one_more_fetch_not_the_file(server, tmp_path):
    (tmp_path / "file.part").write_bytes(b"x" * 5000)
    server.pages["/file"] = Served(BODY)

    _fetch(server, tmp_path / "file.part")

    assert (tmp_path / "file.part").read_bytes() == BODY
    assert [headers.get("range") for headers in server.headers_of("/file")] == ["bytes=5000-", None]


def test_a_whole_part_is_checked_and_nothing_is_asked(server, tmp_path):
    (tmp_path / "file.part").write_bytes(BODY)

    _fetch(server, tmp_path / "file.part")

    assert server.asked == []


def test_wrong_bytes_are_named_and_deleted(server, tmp_path):
    false = BODY[:-1] + b"!"
    server.pages["/file"] = Served(false)

    with pytest.raises(FetchFailed) as raised:
        _fetch(server, tmp_path / "file.part")

    assert sha256(BODY) in str(raised.value)
    assert sha256(false) in str(raised.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("page", "kind"),
    [
        (Served(BODY[:1000]), "wrong"),
        (Served(BODY + b"more"), "wrong"),
        (Served(BODY + b"more", length=-1), "wrong"),
        (Served(BODY[:1000], length=-1), "cut"),
        (Served(BODY[:1000], length=len(BODY)), "wrong"),
        (Served(BODY, headers={"Content-Encoding": "gzip"}), "refused"),
        (Served(BODY, status=206), "refused"),
        (Served(BODY, status=500), "refused"),
        (Served(BODY, status=404), "missing"),
        (Served(BODY, status=403), "gated"),
        (Served(status=302, headers={"Location": "/file"}), "refused"),
        (Served(status=302, headers={"Location": "ftp://127.0.0.1/file"}), "refused"),
        (Served(status=204), "refused"),
    ],
    ids=lambda value: f"{value.status}-{len(value.body)}-{value.length}" if isinstance(value, Served) else value,
)
def test_a_server_that_lies_gets_a_name_and_no_file(server, tmp_path, page, kind):
    server.pages["/file"] = page

    with pytest.raises(FetchFailed) as raised:
        _fetch(server, tmp_path / "file.part")

    assert raised.value.kind == kind
    assert sum(path.stat().st_size for path in tmp_path.glob("file.part")) <= 1000


def test_a_file_of_unknown_hash_goes_on_only_if_the_server_confirms_it_is_the_same(server, tmp_path):
    server.pages["/file"] = Served(BODY, etag='"one"', cuts=[100_000, 0])
    with pytest.raises(FetchFailed):
        _fetch(server, tmp_path / "file.part", pinned=False)
    changed = bytes(reversed(BODY))
    server.pages["/file"] = Served(changed, etag='"two"')

    got = _fetch(server, tmp_path / "file.part", pinned=False)

    assert server.headers_of("/file")[-1]["if-range"] == '"one"'
    assert got.sha256 == sha256(changed)


def test_a_file_of_unknown_hash_without_an_etag_starts_over(server, tmp_path):
    (tmp_path / "file.part").write_bytes(b"of what?")
    server.pages["/file"] = Served(BODY)

    assert _fetch(server, tmp_path / "file.part", pinned=False).sha256 == sha256(BODY)
    assert "range" not in server.headers_of("/file")[0]


def test_a_server_that_falls_silent_is_given_up(server, tmp_path):
    quiet = threading.Event()
    server.pages["/file"] = Served(BODY, hold=quiet)
    try:
        with pytest.raises(FetchFailed, match="ReadTimeout"):
            _fetch(server, tmp_path / "file.part")
    finally:
        quiet.set()


def test_a_trickle_counts_as_a_stall(server, tmp_path):
    server.pages["/file"] = Served(BODY)

    with pytest.raises(FetchFailed, match="stalled"):
        _fetch(server, tmp_path / "file.part", patience=Patience(window_s=0.0, window_bytes=len(BODY)))


def test_a_host_that_cannot_be_had_is_known_at_once():
    with pytest.raises(FetchFailed, match="refused"):
        check_reachable("http://127.0.0.1:9", 5)
    with pytest.raises(FetchFailed, match=r"nowhere\.invalid"):
        check_reachable("https://nowhere.invalid", 5)


@pytest.mark.skipif(sys.platform != "linux", reason="a full queue of connections is silent on Linux only")
def test_a_host_that_swallows_connections_is_given_up_in_time():
    """
    As behind a firewall that drops packets. A listener whose queue is full answers no more connections.
    """
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        began = time.monotonic()
        with pytest.raises(FetchFailed) as raised:
            check_reachable(f"http://127.0.0.1:{listener.getsockname()[1]}", 0.3)

    assert raised.value.kind == "unreachable"
    assert time.monotonic() - began < 5


def test_certificates_that_are_not_there_are_named(tmp_path):
    with (
        pytest.raises(FetchFailed, match="certificates or proxy"),
        open_client({"REQUESTS_CA_BUNDLE": str(tmp_path / "none.pem")}, HASTY),
    ):
        pass


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cuts=st.lists(st.integers(1, len(BODY) - 1), max_size=3),
    left=st.integers(0, len(BODY) + 3),
    true=st.booleans(),
    ranges=st.booleans(),
)
def test_whatever_was_left_and_wherever_it_is_cut_the_bytes_are_right_or_refused(
    server, tmp_path, cuts, left, true, ranges
):
    part = tmp_path / "file.part"
    part.write_bytes((BODY + b"xyz")[:left] if true else b"?" * left)
    server.pages["/file"] = Served(BODY, cuts=list(cuts), ranges=ranges)

    try:
        _fetch(server, part)
        came = ""
    except FetchFailed as failed:
        came = failed.kind
    content = part.read_bytes() if part.exists() else b""
    part.unlink(missing_ok=True)

    assert (came == "" and content == BODY) or (came == "cut" and content != BODY)
