"""
The files of `yamabiko-whisper` against openai-whisper's rules.

The reference below was written from the rules of whisper/utils.py at openai/whisper
c0d2f624c09dc18e709e37c2ad90c039a4eb72a2 (20250625), in another shape than ours: first it decides for each word what
comes before it, then it puts the words together. Ours was also compared with that file's own `get_writer`, by hand.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yamabiko.formats import Layout, openai_whisper
from yamabiko.speech import Receipt, Segment, Transcript, Word

RECEIPT = Receipt("scripted", "1", "env", "base", None, "auto", "auto", "cpu", "int8", "proved")


def transcript(*segments: Segment, language: str | None = "en") -> Transcript:
    return Transcript("talk.wav", 60.0, "transcribe", language, 0.9, segments, RECEIPT)


def spoken(start_s: float, end_s: float, text: str) -> Segment:
    """A segment whose words share out its time evenly."""
    parts = [f" {part}" for part in text.split()]
    step = (end_s - start_s) / len(parts)
    words = [Word(start_s + n * step, start_s + (n + 1) * step, part, 0.5) for n, part in enumerate(parts)]
    return Segment(start_s, end_s, "".join(parts), tuple(words), (1, 2), -0.25, 0.125, 1.5, 0.0)


def rendered(name: str, told: Transcript, layout: Layout | None = None, *, words: bool = False) -> str:
    plain = Layout(None, None, None)
    return openai_whisper.render(name, openai_whisper.result(told, word_timestamps=words), layout or plain)


# ---- what stands in the files, spelt out -----------------------------------------------------------------------------

TALK = transcript(spoken(0, 2, "Good morning."), spoken(3661.0004, 3662.5, "a --> b\tc"))


def test_text_is_a_line_a_segment() -> None:
    assert rendered("txt", TALK) == "Good morning.\na --> b c\n"


def test_hours_are_always_in_srt_and_only_where_there_are_any_in_vtt() -> None:
    assert rendered("srt", TALK) == (
        "1\n00:00:00,000 --> 00:00:02,000\nGood morning.\n\n2\n01:01:01,000 --> 01:01:02,500\na -> b c\n\n"
    )
    assert rendered("vtt", TALK) == (
        "WEBVTT\n\n00:00.000 --> 00:02.000\nGood morning.\n\n01:01:01.000 --> 01:01:02.500\na -> b c\n\n"
    )


def test_a_tab_in_the_text_is_a_space_in_the_table() -> None:
    told = transcript(Segment(0.0004, 1.9996, " a\tb "))
    assert rendered("tsv", told) == "start\tend\ttext\n0\t2000\ta b\n"


def test_json_has_openai_whispers_keys_in_its_order_and_nothing_invented() -> None:
    text = rendered("json", transcript(Segment(0, 1, " 山彦"), language=None))
    assert text == (
        '{"text": " \\u5c71\\u5f66", "segments": [{"id": 0, "seek": null, "start": 0, "end": 1, '
        '"text": " \\u5c71\\u5f66", "tokens": [], "temperature": null, "avg_logprob": null, '
        '"compression_ratio": null, "no_speech_prob": null}], "language": null}'
    )


def test_the_language_that_was_asked_for_stands_in_the_json_as_it_was_spelt() -> None:
    found = openai_whisper.result(TALK, word_timestamps=False, language="English")
    assert found["language"] == "English"
    assert list(found) == ["text", "segments", "language"]


def test_times_of_words_come_last_in_a_segment() -> None:
    found = openai_whisper.result(TALK, word_timestamps=True)
    assert list(found["segments"][0])[-1] == "words"
    assert found["segments"][0]["words"][1] == {"word": " morning.", "start": 1.0, "end": 2.0, "probability": 0.5}


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        (Layout(None, None, None), ["one two three four", "five six"]),
        (Layout(9, None, None), ["one two\nthree\nfour", "five six"]),
        (Layout(9, 2, None), ["one two\nthree", "four five\nsix"]),
        (Layout(None, None, 3), ["one two three", "four", "five six"]),
        (Layout(None, 1, None), ["one two three four", "five six"]),
    ],
)
def test_lines_are_limited_as_openai_whisper_limits_them(layout: Layout, expected: list[str]) -> None:
    told = transcript(spoken(0, 4, "one two three four"), spoken(4, 6, "five six"))
    blocks = rendered("srt", told, layout, words=True).removesuffix("\n\n").split("\n\n")
    assert [block.split("\n", 2)[2] for block in blocks] == expected


def test_a_long_pause_ends_a_cue_that_has_room() -> None:
    told = transcript(spoken(0, 1, "one"), spoken(3.5, 4, "two"), spoken(4, 5, "three"))
    text = rendered("vtt", told, Layout(40, 2, None), words=True)
    assert text == "WEBVTT\n\n00:00.000 --> 00:01.000\none\n\n00:03.500 --> 00:05.000\ntwo three\n\n"


def test_the_word_that_is_said_is_underlined_and_pauses_are_plain() -> None:
    said = Segment(0, 3, " a b", (Word(0, 1, " a"), Word(2, 3, " b")))
    text = rendered("vtt", transcript(said), Layout(None, None, None, True), words=True)
    assert text == (
        "WEBVTT\n\n00:00.000 --> 00:01.000\n<u>a</u> b\n\n00:01.000 --> 00:02.000\na b\n\n"
        "00:02.000 --> 00:03.000\na <u>b</u>\n\n"
    )


def test_text_for_which_an_engine_has_no_words_is_not_left_out() -> None:
    told = transcript(spoken(0, 1, "one"), Segment(1, 2, " two three"))
    assert "two three" in rendered("srt", told, words=True)


def test_nobody_speaks() -> None:
    files = {name: rendered(name, transcript(language=None)) for name in openai_whisper.NAMES}
    assert files.pop("json") == '{"text": "", "segments": [], "language": null}'
    assert files == {"txt": "", "srt": "", "vtt": "WEBVTT\n\n", "tsv": "start\tend\ttext\n"}


# ---- any transcript --------------------------------------------------------------------------------------------------


def reference(segments: list[dict[str, Any]], layout: Layout) -> list[str]:
    """The text of each cue."""
    width, words = layout.max_line_width or 1000, layout.max_words_per_line or 1000
    across = layout.max_line_width is not None and layout.max_line_count is not None
    flat = [(n, word) for segment in segments for n, word in enumerate(segment["words"])]
    joints, used, lines = [], 0, 1
    for at, (n, word) in enumerate(flat):
        long_pause = across and at > 0 and word["start"] - flat[at - 1][1]["start"] > 3.0
        new_segment = not across and at > 0 and n % words == 0
        if used > 0 and used + len(word["word"]) <= width and not (long_pause or new_segment):
            joints.append("")
            used += len(word["word"])
            continue
        too_many = layout.max_line_count is not None and at > 0 and (long_pause or lines >= layout.max_line_count)
        if new_segment or too_many:
            joints.append("cue")
            lines = 1
        elif used > 0:
            joints.append("line")
            lines += 1
        else:
            joints.append("cue" if at == 0 else "first")
        used = len(word["word"].strip())
    cues: list[str] = []
    for joint, (_, word) in zip(joints, flat, strict=True):
        if joint == "cue":
            cues.append(word["word"].strip())
        else:
            cues[-1] += {"": word["word"], "line": "\n" + word["word"].strip(), "first": word["word"].strip()}[joint]
    return cues


LIMITS = st.none() | st.integers(1, 12)
TEXTS = st.sampled_from([" a", " bb", " ccc,", "、", "今日", " long-word", " -->", " "])
TIMES = st.lists(st.floats(0, 4, allow_nan=False), min_size=2, max_size=2)


@st.composite
def talks(draw: st.DrawFn) -> Transcript:
    at_s, segments = 0.0, []
    for texts in draw(st.lists(st.lists(TEXTS, min_size=1, max_size=6), max_size=5)):
        begin_s, words = at_s, []
        for text in texts:
            pause_s, length_s = draw(TIMES)
            words.append(Word(at_s + pause_s, at_s + pause_s + length_s, text))
            at_s = words[-1].end_s
        segments.append(Segment(begin_s, at_s, "".join(texts), tuple(words)))
    return transcript(*segments)


@given(talks(), LIMITS, LIMITS, LIMITS)
def test_any_talk_is_laid_out_as_the_reference_does(
    told: Transcript, width: int | None, count: int | None, words: int | None
) -> None:
    layout = Layout(width, count, words)
    found = openai_whisper.result(told, word_timestamps=True)
    text = openai_whisper.render("vtt", found, layout)
    expected = reference(found["segments"], layout)
    # a cue's text may hold empty lines where words are spaces, so it is compared and not split at them
    assert text.startswith("WEBVTT\n\n")
    rest = text.removeprefix("WEBVTT\n\n")
    for cue in expected:
        times, _, rest = rest.partition("\n")
        assert " --> " in times
        assert rest.startswith(f"{cue}\n\n")
        rest = rest.removeprefix(f"{cue}\n\n")
    assert rest == ""


@given(talks())
def test_json_of_any_talk_can_be_read_again(told: Transcript) -> None:
    found = openai_whisper.result(told, word_timestamps=True)
    assert json.loads(openai_whisper.render("json", found, Layout())) == found
