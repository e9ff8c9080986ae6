"""Models from an address of their authors', over a real loopback server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from models_loopback import Desk, Served, at_desk, entry, pinned

from yamabiko.engines import models
from yamabiko.engines.models import ModelEntry
from yamabiko.engines.models.catalogue import AuthorsSource
from yamabiko.findings import Problem
from yamabiko.records import Malformed

FORMAT = "openai-whisper-pt"
CHECKPOINT = bytes(range(256)) * 1000


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with at_desk(tmp_path) as desk:
        yield desk


def checkpoint(desk: Desk) -> ModelEntry:
    source = AuthorsSource(f"{desk.hub.url}/models/tiny.pt")
    return ModelEntry("tiny", FORMAT, "en", "MIT", "1", files=(pinned("tiny.pt", CHECKPOINT),), authors=source)


def test_a_checkpoint_comes_from_its_authors_and_goes_on_where_it_was_cut(desk):
    page = Served(CHECKPOINT, cuts=[1000, len(CHECKPOINT)])
    desk.hub.pages["/models/tiny.pt"] = page
    ask = {**desk.ask(checkpoint(desk)), "format": FORMAT}

    got = models.pull("tiny", **ask)

    assert (got.origin, got.pinned, got.path.name) == ("authors", True, "tiny.pt")
    assert got.path.read_bytes() == CHECKPOINT
    assert [headers.get("range") for headers in desk.hub.headers_of("tiny.pt")] == [None, "bytes=1000-"]
    assert desk.unfinished() == []
    assert models.locate("tiny", **ask).origin == "our cache"


@pytest.mark.parametrize(
    ("page", "said"),
    [(Served(CHECKPOINT[:-1] + b"!"), "wrong bytes: expected sha256"), (Served(status=404), "404")],
)
def test_what_is_not_the_pinned_file_is_refused(desk, page, said):
    desk.hub.pages["/models/tiny.pt"] = page

    with pytest.raises(Problem) as raised:
        models.pull("tiny", **{**desk.ask(checkpoint(desk)), "format": FORMAT})

    assert raised.value.finding.id == "model-unavailable"
    assert any(said in line and "tiny.pt" in line for line in raised.value.finding.evidence)


def test_offline_the_authors_are_not_asked(desk):
    with pytest.raises(Problem) as raised:
        models.pull("tiny", offline=True, **{**desk.ask(checkpoint(desk)), "format": FORMAT})

    assert desk.requests == 0
    assert any("nothing may be fetched" in line for line in raised.value.finding.evidence)


def test_an_address_without_a_hash_is_no_source(desk):
    with pytest.raises(Malformed, match="size and hash"):
        entry(False, False, files=False, authors=AuthorsSource(desk.hub.url))
