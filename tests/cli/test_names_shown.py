"""Names and quoted lines as a terminal gets them: every ordinary character as it is, none that the terminal obeys."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from program import noise_file, run_program, script_file
from yamabiko.audio.decode_child import one_line
from yamabiko.cli.screen import say


def test_a_full_width_space_in_a_name_is_shown_as_it_is(tmp_path: Path) -> None:
    noise_file(tmp_path / "会議\u3000第一回.wav", 0.5)
    script = script_file(tmp_path / "script.json")
    engine = ("--engine", "scripted", "--model", script, "--vad_filter", "False", "-f", "txt")
    result = run_program("会議\u3000第一回.wav", *engine, home=tmp_path)
    assert result.code == 0, result.err
    assert "wrote 会議\u3000第一回.txt" in result.err
    assert "\n会議\u3000第一回.wav: " in result.err
    assert "\\x" not in result.err


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("全角\u3000空白", "全角\u3000空白"),
        ("no-break\u00a0space", "no-break\u00a0space"),
        ("family \U0001f468\u200d\U0001f469\u200d\U0001f467", "family \U0001f468\u200d\U0001f469\u200d\U0001f467"),
        ("Apple's NFD か\u3099", "Apple's NFD か\u3099"),
        ("clear\x1b[2J", "clear\\x1b[2J"),
        ("line\nfeed\rreturn\ttab", "line\\x0afeed\\x0dreturn\\x09tab"),
        ("c1\x9b2J", "c1\\x9b2J"),
        ("separator\u2028paragraph\u2029", "separator\\u2028paragraph\\u2029"),
        ("exe\u202egpj.", "exe\\u202egpj."),
        ("not UTF-8 \udcff", "not UTF-8 \\udcff"),
    ],
)
def test_only_what_would_break_a_line_is_escaped(name: str, shown: str) -> None:
    screen = io.StringIO()
    say(Console(file=screen, width=200, soft_wrap=True), name)
    assert screen.getvalue() == f"{shown}\n"


def test_a_decoder_quotes_a_full_width_space() -> None:
    """What a library says of a file names the file."""
    assert one_line("会議\u3000第一回.wav:\x1b[2J bad\n") == "会議\u3000第一回.wav:\N{REPLACEMENT CHARACTER}[2J bad"
