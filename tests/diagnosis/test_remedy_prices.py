"""One rule for what a remedy costs, and for whom it is written: docs/adding-a-finding.md tells it."""

from __future__ import annotations

import re

import pytest

from yamabiko.diagnosis.articles import article, ids
from yamabiko.diagnosis.checks import CHECKS
from yamabiko.engines import models
from yamabiko.engines.models import problems, unavailable
from yamabiko.engines.models.sources import SourceFailed

WORK = (
    r"\bpip3? (?:install|uninstall|download)|\buv (?:pip|tool|venv)|\bconda install|\bapt(?:-get)? (?:install|purge)"
    r"|\bcmake\b|\bcargo\b|\bdocker run\b|\bsystemctl\b|\brmmod\b|\breboot\b|\bchown\b|\bchmod\b|\busermod\b|\bremount\b"
    r"|yamabiko models (?:pull|remove)|yamabiko engines (?:install|repair|remove)"
)
"""Commands that fetch, build, install or take away, or change the machine."""


@pytest.mark.parametrize("id_", ids())
def test_what_fetches_builds_or_changes_something_is_effort(id_):
    free = [advice for advice in article(id_).remedies if advice.cost == "none"]

    assert [advice.command for advice in free if re.search(WORK, advice.command or "")] == []


def test_to_fetch_a_model_has_one_price():
    base = models.find_entry("base")
    found = (
        unavailable.not_here(base),
        problems.wrong_hash(base, (), ours=True),
        unavailable.unavailable(base, [SourceFailed("hub", "hub"), SourceFailed("hub", "hub", "offline")], ()),
    )

    assert {one.cost for f in found for one in f.remedies if "models pull" in (one.command or "")} == {"effort"}


_NAMED = {"model": "model_size_or_path", "require_gpu": "device"}
"""faster-whisper's word, where it is another than ours."""
OURS = r"^(?:yamabiko |--(?:device|compute[-_]type|model|require))"


@pytest.mark.parametrize("id_", [check.id for check in CHECKS])
def test_somebody_elses_program_is_told_in_its_own_words_too(id_):
    """Logs come from any program: an option of ours, without the library's word for it, helps nobody there."""
    options = [a for a in article(id_).remedies if re.match(OURS, a.command or "") and a.command.startswith("--")]
    theirs = "\n".join(f"{a.what.en}\n{a.command}" for a in article(id_).remedies)

    for one in options:
        option = re.match(r"--(\w+)", one.command.replace("compute-type", "compute_type"))
        assert option is not None
        assert re.search(rf"\b{_NAMED.get(option[1], option[1])}=", theirs), (id_, one.command)
