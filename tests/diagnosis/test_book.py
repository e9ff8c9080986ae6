"""The book of findings: an article for whatever can be reported, and nothing in it that is never reported."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from raised_ids import Source

from yamabiko.diagnosis import book
from yamabiko.diagnosis.articles import article, ids, read
from yamabiko.diagnosis.checks import CHECKS
from yamabiko.diagnosis.platforms import here
from yamabiko.formats.text import display_width
from yamabiko.i18n import reader_language

ROOT = Path(__file__).resolve().parents[2]
SOURCE = Source()
RAISED = SOURCE.findings()
_OURS = re.compile(r"\b(?:src/yamabiko/[\w/]+\.py|tests/\w+/test_\w+\.py)")


@pytest.fixture
def speaking(monkeypatch):
    """Call it with `en` or `ja`."""

    def speak(language: str) -> None:
        monkeypatch.setenv("YAMABIKO_LANG", language)
        reader_language.cache_clear()

    yield speak
    reader_language.cache_clear()


# ---- nothing is missing, nothing is left over -----------------------------------------------------------------------


def test_the_id_of_every_finding_can_be_read_from_the_source() -> None:
    assert SOURCE.unread == []


def test_ids_behind_a_parameter_are_found_too() -> None:
    """One of each kind: a literal, one of two, handed to a function, a key of a table, in two rooms."""
    assert {"gpu-not-used", "worker-out-of-memory", "worker-silent", "engine-no-wheel", "input-playlist"} <= set(RAISED)
    assert len(RAISED["disk-full"]) >= 3


def test_whatever_can_be_reported_has_an_article() -> None:
    assert {id_: sorted(files) for id_, files in RAISED.items() if id_ not in ids()} == {}
    assert {check.id for check in CHECKS} - set(ids()) == set()


def test_every_article_is_of_something_that_can_be_reported() -> None:
    assert set(ids()) - set(RAISED) - {check.id for check in CHECKS} == set()


def test_every_check_that_is_written_is_asked() -> None:
    assert SOURCE.checks() - {check.id for check in CHECKS} == set()


@pytest.mark.parametrize("id_", ids())
def test_the_files_that_an_article_names_are_there(id_: str) -> None:
    named = [path for source in article(id_).sources for path in _OURS.findall(source)]
    assert [path for path in named if not (ROOT / path).exists()] == []


# ---- the files ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("language", "file"), [("en", "docs/findings.md"), ("ja", "docs/findings.ja.md")])
def test_the_book_is_what_the_script_writes(language, file):
    written = (ROOT / file).read_text("utf-8")

    assert written == book.book(language), "run scripts/write_findings.py"


def test_every_article_has_its_section_and_every_link_of_the_list_leads_to_one():
    text = (ROOT / "docs/findings.md").read_text("utf-8")
    headings = re.findall(r"^### (.+)$", text, re.MULTILINE)
    links = re.findall(r"\]\(#([^)]+)\)", text)

    assert sorted(headings) == sorted(ids())
    assert sorted(links) == sorted(heading.replace(".", "") for heading in headings)


# ---- one article ----------------------------------------------------------------------------------------------------


RAW = {
    "area": "worker",
    "severity": "error",
    "confidence": "medium",
    "symptom": {"en": "It says *nothing* of <this> and `__init__.py`.", "ja": "「これ」は何も言いません。"},
    "cause": {"en": "Some cause.", "ja": "何かの原因です。"},
    "known_by": {"en": "A sign.", "ja": "しるし。"},
    "meanwhile": {"en": "waits", "ja": "待ちます"},
    "remedies": [{"en": "Do this", "ja": "これをする", "command": "do --this", "cost": "speed"}],
    "sources": ["SYSTRAN/faster-whisper#1431", "src/yamabiko/children.py"],
}


def test_a_page_holds_all_that_an_article_knows(speaking):
    speaking("en")

    shown = book.page(read("some-id", RAW))

    for part in (
        "some-id",
        "It says *nothing*",
        "Some cause.",
        "A sign.",
        "waits",
        "Do this · costs speed",
        "do --this",
    ):
        assert part in shown
    assert "SYSTRAN/faster-whisper#1431" in shown
    assert "medium" in shown
    assert shown.endswith("\n")


def test_a_page_is_in_the_readers_language(speaking):
    speaking("ja")

    shown = book.page(read("some-id", RAW))

    assert "何かの原因です。" in shown
    assert "これをする · 遅くなる" in shown
    assert "Some cause." not in shown


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("id_", ids())
def test_a_page_fits_the_width_and_loses_nothing(speaking, id_, language):
    speaking(language)
    about = article(id_)

    shown = book.page(about, 60)

    remedies = about.remedies_on(here())
    commands = {line.strip() for remedy in remedies for line in (remedy.command or "").splitlines()}
    lines = [line for line in shown.splitlines() if line.strip() not in commands]
    assert [line for line in lines if display_width(line) > 60 and " " in line.strip()] == []
    assert _letters(str(about.known_by)) in _letters(shown)
    assert [line for line in commands if line not in shown] == []


def test_no_line_begins_with_what_may_not(speaking):
    speaking("ja")
    starts = {line.strip()[0] for id_ in ids() for line in book.page(article(id_), 50).splitlines() if line.strip()}

    assert not starts & set("、。」）ー・っゃゅょ")


def test_signs_of_markdown_in_a_text_are_shown_as_they_are():
    section = "\n".join(book.section(read("some-id", RAW), "en"))

    assert r"It says \*nothing\* of \<this\> and `__init__.py`." in section
    assert "[SYSTRAN/faster-whisper#1431](https://github.com/SYSTRAN/faster-whisper/issues/1431)" in section


def _letters(text: str) -> str:
    return "".join(text.split())
