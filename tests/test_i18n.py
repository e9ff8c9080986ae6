"""Which language the reader gets."""

from __future__ import annotations

import pytest

from yamabiko.i18n import Text, reader_language

NAMES = ("YAMABIKO_LANG", "LC_ALL", "LC_MESSAGES", "LANG")


@pytest.fixture(autouse=True)
def _undecided(monkeypatch: pytest.MonkeyPatch):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    reader_language.cache_clear()
    yield
    reader_language.cache_clear()


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({"LANG": "ja_JP.UTF-8"}, "ja"),
        ({"LANG": "en_US.UTF-8"}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "fr_FR.UTF-8"}, "en"),
        ({"LC_ALL": "ja_JP.eucJP", "LANG": "en_US.UTF-8"}, "ja"),
        ({"LC_ALL": "C", "LANG": "ja_JP.UTF-8"}, "en"),
        ({"LC_ALL": "", "LC_MESSAGES": "ja_JP", "LANG": "en_US"}, "ja"),
        ({"YAMABIKO_LANG": "en", "LC_ALL": "ja_JP.UTF-8"}, "en"),
        ({"YAMABIKO_LANG": "JA", "LC_ALL": "en_US.UTF-8"}, "ja"),
        ({"YAMABIKO_LANG": "", "LANG": "ja_JP.UTF-8"}, "ja"),
        ({"YAMABIKO_LANG": "xx", "LANG": "ja_JP.UTF-8"}, "en"),
        ({}, "en"),
    ],
)
def test_the_reader_gets_the_language_of_the_setting_then_of_the_locale(monkeypatch, environment, language):
    """POSIX: LC_ALL stands above LC_MESSAGES, that above LANG; an empty value counts as none."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert reader_language() == language


def test_a_text_keeps_both_languages_and_speaks_one(monkeypatch):
    monkeypatch.setenv("YAMABIKO_LANG", "ja")
    text = Text("done", "完了")

    assert (str(text), text.en, text.ja) == ("完了", "done", "完了")
