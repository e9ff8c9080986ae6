"""SRT and WebVTT, read back by small strict parsers of their grammars."""

from __future__ import annotations

import html
import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_transcripts import broken_text, said, said_in_words, shown_of, transcript, transcripts, without_spaces

from yamabiko.formats import Layout, render
from yamabiko.speech import Segment, Transcript

Read = list[tuple[int, int, str]]


def _ms(hours: str | None, minutes: str, seconds: str, ms: str) -> int:
    assert int(minutes) < 60
    assert int(seconds) < 60
    return ((int(hours or 0) * 60 + int(minutes)) * 60 + int(seconds)) * 1000 + int(ms)


def read_srt(text: str) -> Read:
    """Number, times, at least one line, an empty line; nothing else. Players look for the arrow to find cues."""
    time = r"(\d{2,}):(\d\d):(\d\d),(\d{3})"
    found: Read = []
    blocks = text.split("\n\n")
    assert blocks.pop() == ""
    for number, block in enumerate(blocks, start=1):
        head, times, *lines = block.split("\n")
        assert head == str(number)
        match = re.fullmatch(f"{time} --> {time}", times)
        assert match, times
        assert lines
        assert all(line and "-->" not in line for line in lines)
        values = match.groups()
        found.append((_ms(*values[:4]), _ms(*values[4:]), "\n".join(lines)))
    return found


def read_vtt(text: str) -> Read:
    """W3C WebVTT section 4.1: header, empty line, cue blocks; `&` and `<` only as escapes and tags."""
    time = r"(?:(\d{2,}):)?(\d\d):(\d\d)\.(\d{3})"
    assert text.startswith("WEBVTT\n\n")
    assert "\0" not in text
    found: Read = []
    blocks = text.removeprefix("WEBVTT\n\n").split("\n\n")
    assert blocks.pop() == ""
    for block in blocks:
        times, *lines = block.split("\n")
        match = re.fullmatch(f"{time} --> {time}", times)
        assert match, times
        assert lines
        for line in lines:
            assert line
            assert "-->" not in line
            assert not re.search(r"&(?!amp;|lt;|gt;)", line)
            assert not re.search(r"<(?!/?u>)", line)
        values = match.groups()
        found.append((_ms(*values[:4]), _ms(*values[4:]), html.unescape(re.sub("</?u>", "", "\n".join(lines)))))
    return found


def assert_in_order(read: Read) -> None:
    assert all(start < end for start, end, _ in read)
    assert all(a[1] <= b[0] for a, b in pairwise(read))


@settings(deadline=None)  # the machine may be busy
@given(transcripts(broken_text), st.booleans())
def test_srt_reads_back(given_: Transcript, highlight: bool) -> None:
    assert_in_order(read_srt(render(given_, "srt", Layout(highlight_words=highlight))))
    shown = "".join(text for _, _, text in read_srt(render(given_, "srt")))
    expected = shown_of(given_)
    # SubRip has no escape for an arrow: it is shortened, as in Whisper; nothing else may differ.
    arrows = re.compile("-+>")
    assert arrows.sub(">", without_spaces(shown)) == arrows.sub(">", expected)


@settings(deadline=None)  # the machine may be busy
@given(transcripts(broken_text), st.booleans())
def test_vtt_reads_back_without_losing_a_character(given_: Transcript, highlight: bool) -> None:
    assert_in_order(read_vtt(render(given_, "vtt", Layout(highlight_words=highlight))))
    shown = "".join(text for _, _, text in read_vtt(render(given_, "vtt")))
    expected = shown_of(given_)
    assert without_spaces(shown) == expected


def test_srt_is_what_whisper_writes() -> None:
    """The layout of openai-whisper 20250625's WriteSRT: number, HH:MM:SS,mmm, text, empty line."""
    spoken = transcript(Segment(0.0, 2.5, " Hello."), Segment(3661.234, 3662.5, " Bye."))
    assert render(spoken, "srt") == (
        "1\n00:00:00,000 --> 00:00:02,500\nHello.\n\n2\n01:01:01,234 --> 01:01:02,500\nBye.\n\n"
    )


def test_vtt_is_what_whisper_writes() -> None:
    """Its WriteVTT leaves the hours out where there are none."""
    spoken = transcript(Segment(0.0, 2.5, " Hello."), Segment(3661.234, 3662.5, " Bye."))
    assert render(spoken, "vtt") == (
        "WEBVTT\n\n00:00.000 --> 00:02.500\nHello.\n\n01:01:01.234 --> 01:01:02.500\nBye.\n\n"
    )


@pytest.mark.parametrize(
    ("text", "srt", "vtt"),
    [
        ("a --> b", "a -> b", "a --&gt; b"),
        ("a ----> b", "a -> b", "a ----&gt; b"),
        ("R&D <b>", "R&D <b>", "R&amp;D &lt;b&gt;"),
        ("&lt;", "&lt;", "&amp;lt;"),
    ],
)
def test_text_that_looks_like_grammar_is_only_text(text: str, srt: str, vtt: str) -> None:
    assert srt in render(said(text), "srt")
    assert vtt in render(said(text), "vtt")


def test_a_highlighted_word_is_underlined_without_its_spaces_and_escaped() -> None:
    spoken = said_in_words(" R&D", " now")
    assert "<u>R&D</u> now" in render(spoken, "srt", Layout(highlight_words=True))
    assert "<u>R&amp;D</u> now" in render(spoken, "vtt", Layout(highlight_words=True))


def test_a_recording_longer_than_a_hundred_hours_keeps_its_times() -> None:
    assert "100:00:01,000 --> " in render(said("a", 360_001.0, 360_002.0), "srt")


def test_nothing_said_is_still_a_valid_file() -> None:
    assert render(transcript(), "srt") == ""
    assert render(transcript(), "vtt") == "WEBVTT\n\n"
    assert read_vtt(render(transcript(), "vtt")) == []


def test_a_very_long_text_is_laid_out() -> None:
    """An hour of speech in one segment, as an engine without segment times gives it."""
    text = "今日は天気が良いので、散歩に出かけようと思いました。" * 800
    read = read_srt(render(said(text, 0.0, 3600.0), "srt"))
    assert_in_order(read)
    assert without_spaces("".join(shown for _, _, shown in read)) == text
