"""The help pages: every command, both languages, nothing left of the parser's English, no line too wide."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from program import run_program
from yamabiko.cli.help_page import wrapped
from yamabiko.engines import catalog

COMMANDS = [
    "",
    "transcribe",
    "doctor",
    "engines",
    *(f"engines {verb}" for verb in ("list", "install", "repair", "remove", "verify")),
    "models",
    *(f"models {verb}" for verb in ("list", "pull", "path", "verify", "remove")),
]
PARSERS_ENGLISH = re.compile(
    r"Usage|Options|Arguments|Commands|default|required|Show|<\w+|\brange\b|TEXT|NAME|FILE|PATH|INTEGER|NUMBER|\{|x>=|more\b|Install"
)


def columns(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def help_of(command: str, home: Path, **environment: str) -> str:
    result = run_program(*command.split(), "--help", home=home, **environment)
    assert result.code == 0, result.err
    assert result.err == ""
    return result.out


@pytest.mark.parametrize("command", COMMANDS)
def test_japanese_help_is_japanese_from_first_to_last_line(command: str, tmp_path: Path) -> None:
    page = help_of(command, tmp_path, YAMABIKO_LANG="ja")
    assert page.startswith(f"使い方: {' '.join(['yamabiko', *command.split()])} [オプション]")
    assert not PARSERS_ENGLISH.search(page), PARSERS_ENGLISH.search(page)
    for line in page.splitlines():
        described = re.split(r"\s{2,}", line.strip())[-1]
        assert not line.startswith("  ") or re.search(r"[ぁ-んァ-ヶ一-龠]|^-|\[|--", described), line


@pytest.mark.parametrize("command", ["", "transcribe", "models verify"])
def test_english_help_is_english(command: str, tmp_path: Path) -> None:
    page = help_of(command, tmp_path)
    assert page.startswith(f"Usage: {' '.join(['yamabiko', *command.split()])} [OPTIONS]")
    assert page.isascii()
    assert "Show this page" in page


@pytest.mark.parametrize(("language", "width"), [("en", "60"), ("ja", "60"), ("ja", "200")])
def test_no_line_is_wider_than_the_terminal(language: str, width: str, tmp_path: Path) -> None:
    """A full-width character takes two columns; names of options are never cut, however narrow it is."""
    page = help_of("transcribe", tmp_path, YAMABIKO_LANG=language, COLUMNS=width)
    for line in page.splitlines():
        assert columns(line) < min(int(width), 100) or line.startswith("  --"), line


def test_values_are_told_in_the_words_of_the_trade(tmp_path: Path) -> None:
    page = " ".join(help_of("transcribe", tmp_path, COLUMNS="100").split())
    assert "--beam-size INTEGER" in page
    assert "[default: 5; 1 to 100]" in page
    assert "[default: 0; 0 to 1]" in page
    assert "-m, --model NAME" in page
    assert "[default: beside each file]" in page
    assert "--vad-filter / --no-vad-filter Transcribe only where somebody speaks [default: on]" in page
    assert "FILE... Recordings, videos, or folders of them [required]" in page


def test_help_is_there_by_its_short_name_and_under_its_verb(tmp_path: Path) -> None:
    assert run_program("-h", home=tmp_path).out == help_of("", tmp_path)
    assert run_program("transcribe", "-h", home=tmp_path).out == help_of("transcribe", tmp_path)


@pytest.mark.parametrize("verb", ["install", "repair", "remove", "verify"])
def test_which_environments_an_engine_has_is_said_where_they_are_listed(verb: str, tmp_path: Path) -> None:
    """The page named two of them, and there are more with every engine."""
    page = " ".join(help_of(f"engines {verb}", tmp_path).split())
    told = page.partition("--profile NAME ")[2].partition(" --")[0]
    assert "`yamabiko engines show`" in told
    assert not {profile.name for card in catalog.cards() for profile in card.profiles} & set(re.findall(r"\w+", told))


TEXTS = st.lists(st.sampled_from([*"ab 、。（」話し声ーっ", "word", " "]), max_size=60).map("".join)


@given(TEXTS, st.integers(8, 40))
def test_wrapping_loses_nothing_and_keeps_punctuation_off_the_line_begins(text: str, width: int) -> None:
    lines = wrapped(text, width)
    assert "".join("".join(lines).split()) == "".join(text.split())
    for line in lines:
        assert line == line.rstrip()
        assert line
    for line in lines[1:]:
        assert line[0] not in "、。」ーっ" or " " in text
