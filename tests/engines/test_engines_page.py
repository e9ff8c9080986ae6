"""docs/engines.md says what the CARDs say."""

from __future__ import annotations

import re
from pathlib import Path

from yamabiko.engines import catalog
from yamabiko.engines.choices import measurements
from yamabiko.engines.page import page

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_what_the_cards_say() -> None:
    assert (DOCS / "engines.md").read_text("utf-8") == page(), "run scripts/write_engines.py"


def test_every_issue_that_a_rung_answers_is_explained() -> None:
    findings = (DOCS / "findings.md").read_text("utf-8")
    told = set(re.findall(r"\(findings\.md#([\w.-]+)\)", page()))
    assert told
    assert {id_ for id_ in told if not re.search(rf"^#+ .*{re.escape(id_)}", findings, re.MULTILINE)} == set()


def test_every_engine_that_transcribes_was_measured() -> None:
    wanted = {card.name for card in catalog.cards() if card.job == "transcribe" and not card.for_tests}
    assert {one.engine for one in measurements().engines} == wanted
