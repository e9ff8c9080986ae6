"""Words of the catalogue that are no names are read in Japanese."""

from __future__ import annotations

import re

import pytest

from yamabiko.cli import catalogue_words
from yamabiko.engines import catalog
from yamabiko.engines.models.catalogue import catalogue

_A_NAME = r"\([^)]*\)|\S*[/.]\S*|openai-whisper|Whisper|MMS|wheel|[a-z]{2}(?=,|$)"


@pytest.mark.parametrize(
    "told", sorted({str(card.languages) for card in catalog.cards() if isinstance(card.languages, str)})
)
def test_every_languages_word_of_a_card_is_read_in_japanese(told: str) -> None:
    assert not re.search(r"[A-Za-z]{3,}", re.sub(_A_NAME, "", catalogue_words.languages(told).ja))


def test_every_word_of_the_catalogue_is_read_in_japanese() -> None:
    for entry in catalogue().models:
        languages = catalogue_words.languages(entry.languages)
        assert languages.en == entry.languages
        assert not re.search(r"[A-Za-z]{3,}", re.sub(_A_NAME, "", languages.ja)), languages.ja
        source = catalogue_words.source(entry.pinned_from)
        assert not re.search(r"\b(?:by us|from|the|that|which|says|but|equal|all)\b", source.ja), source.ja


def test_names_stay() -> None:
    assert catalogue_words.languages("25 (Europe)").ja == "25（ヨーロッパ）"
    assert catalogue_words.languages("99 (Whisper)").ja == "99（Whisper）"
    assert catalogue_words.languages(("ja", "en")).ja == "ja, en"
    assert catalogue_words.source("a/b c.yaml; never computed by us").ja.startswith("a/b c.yaml（")
