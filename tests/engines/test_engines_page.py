"""docs/engines.md says what the CARDs say."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from yamabiko.engines import catalog
from yamabiko.engines.choices import measurements
from yamabiko.engines.page import page
from yamabiko.engines.verified import PROMISES, verified

TESTS = Path(__file__).parents[1]
DOCS = TESTS.parent / "docs"


def test_the_page_is_what_the_cards_say() -> None:
    assert (DOCS / "engines.md").read_text("utf-8") == page(), "run scripts/write_engines.py"


def test_every_issue_that_a_rung_answers_is_explained() -> None:
    findings = (DOCS / "findings.md").read_text("utf-8")
    told = set(re.findall(r"\(findings\.md#([\w.-]+)\)", page()))
    assert told
    assert {id_ for id_ in told if not re.search(rf"^#+ .*{re.escape(id_)}", findings, re.MULTILINE)} == set()


def test_every_engine_was_measured_and_verified() -> None:
    """Those that write no text too: each with its version, the size of its environment and a date of its own."""
    wanted = {card.name for card in catalog.cards() if not card.for_tests}
    assert {one.engine for one in measurements().engines} == wanted
    assert all(one.version and one.environment_bytes and one.date for one in measurements().engines)
    assert set(verified()) == wanted
    for one in verified().values():
        assert one.promises or one.own_tests, one.engine
        assert one.date


def test_every_promise_that_is_asked_of_an_engine_has_words() -> None:
    """As the tests are named; what is asked of engines together, or of none, is no promise of one."""
    files = (TESTS / "real_engines/test_promises.py", TESTS / "real_engines/test_words_on_average.py")
    asked = {
        one.name for file in files for one in ast.parse(file.read_text("utf-8")).body
        if isinstance(one, ast.FunctionDef) and one.name.startswith("test_")
        and {"bench", "running", "language", "card"} & {argument.arg for argument in one.args.args}
    }  # fmt: skip
    assert asked <= set(PROMISES)
    assert {one.test for each in verified().values() for one in each.promises} <= asked


def test_an_engine_whose_promise_is_broken_is_not_called_whole() -> None:
    assert not [one.engine for one in verified().values() if one.own_broken]
    assert not [p.test for one in verified().values() for p in one.promises if p.outcome == "broken"]
