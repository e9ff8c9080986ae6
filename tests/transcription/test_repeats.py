"""Where a phrase is written over and over, how often it can have been said, and what a second hearing tells of it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yamabiko.audio.chunks import Chunk
from yamabiko.speech import SAMPLE_RATE, Segment, Span
from yamabiko.transcription.repeats import cut_off, heard_again, refuted, repeats, shortest_s
from yamabiko.transcription.second_hearing import second_hearings


def said(text: str, start_s: float = 0.0, end_s: float = 3.0) -> Segment:
    return Segment(start_s, end_s, text)


def first_copies(*written: str) -> list[str]:
    """Of each phrase over and over in segments of these texts: all that is written up to its second copy."""
    segments = [said(text, n * 3.0, n * 3.0 + 3) for n, text in enumerate(written)]
    found = []
    for repeat in repeats(segments):
        kept, _ = cut_off(segments[: repeat.last + 1], repeat, 0, "", covered=False)
        found.append("".join(segment.text for segment in kept))
    return found


@pytest.mark.parametrize(
    ("written", "first"),
    [
        ([" Now then, seven of clubs," + " seven of clubs," * 9], " Now then, seven of clubs,"),
        ([" Say you know", *[" you know"] * 6], " Say you know"),
        ([" I know", *[" you know"] * 6], " I know you know"),
        ([" It was.", *[" I'm so excited.", " Thanks for that."] * 4], " It was. I'm so excited. Thanks for that."),
        ([" Oh, gee," + " oh, ah, gee," * 5], " Oh, gee, oh, ah,"),
        (["予定を確認します。" + "確認します。" * 5], "予定を確認します。"),
    ],
    ids=[
        "in a segment",
        "over segments",
        "letters alike by chance",
        "two by turns",
        "from a word on",
        "without spaces",
    ],
)
def test_a_phrase_over_and_over_is_found_and_its_first_copy_left_whole(written: list[str], first: str):
    assert first_copies(*written) == [first]


@pytest.mark.parametrize(
    "text",
    [
        " It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness",
        "はい、はい、はい。",
        " No, no, no, no, no!",
        " seven of clubs, seven of clubs, seven of clubs, eight of spades",
        "",
    ],
)
def test_little_or_changing_repetition_is_none(text: str):
    assert first_copies(text) == []


def test_two_phrases_one_after_the_other_are_two():
    assert first_copies(" good morning" * 5, " good night" * 5) == [
        " good morning",
        " good morning" * 5 + " good night",
    ]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.text("abc 。あ", max_size=6), max_size=4), st.text("dい", min_size=1, max_size=6), st.integers(20, 40)
)
def test_what_is_cut_off_and_what_stays_are_all_of_it(before: list[str], phrase: str, times: int):
    segments = [said(text, n, n + 1) for n, text in enumerate([*before, phrase * times])]

    (*_, repeat) = repeats(segments)
    kept, dropped = cut_off(segments, repeat, 0, "why", covered=False)

    assert "".join(piece.text for piece in (*kept, *dropped)) == "".join(segment.text for segment in segments)
    assert repeat.last == len(segments) - 1


def test_nobody_says_so_much_so_fast():
    assert shortest_s("あ" * 150) == pytest.approx(10)
    assert shortest_s(" abcdefghij" * 30) == pytest.approx(10)


PHRASE = "sevenofclubs"


@pytest.mark.parametrize(
    ("heard", "says_so"),
    [
        ([" and the best was that nobody in the whole city", " had ever thought of asking for it before."], True),
        ([" Seven of clubs."], False),
        ([" Seventh of clubs, and the best was that nobody in the whole city had ever thought of it."], False),
        ([" Thanks."], False),
        ([" and then and then and then and then and then and then and then and then"], False),
        ([" Four of hearts and a king."] * 3, False),
        (["", " "], False),
    ],
    ids=[
        "other speech",
        "the phrase, once",
        "nearly the phrase",
        "too little",
        "another loop",
        "the same thrice",
        "nothing",
    ],
)
def test_only_other_speech_that_fills_the_time_refutes_a_phrase(heard: list[str], says_so: bool):
    assert refuted(PHRASE, heard, spoken_s=12.0) is says_so


def test_a_phrase_heard_badly_is_heard():
    assert heard_again(PHRASE, ["7F clubs"]) is False
    assert heard_again("7fclubs", [" Seven of clubs."])
    assert heard_again(PHRASE, [" The seventh of clubs."])


def cut_whole(speech, stretch: Span) -> tuple[Chunk, ...]:
    return (Chunk(stretch, (stretch,)),)


def test_the_place_that_is_asked_again_goes_from_the_second_copy_to_what_is_said_next():
    span = Span(60 * SAMPLE_RATE, 90 * SAMPLE_RATE)
    row = [said(" you know it", n * 2.0, n * 2.0 + 2) for n in range(6)]

    (to_the_next,) = second_hearings(0, Chunk(span, (span,)), [*row, said(" Goodbye.", 14, 16)], cut_whole)
    (to_the_end,) = second_hearings(0, Chunk(span, (span,)), row, cut_whole)

    assert (to_the_next.stretch.start_s, to_the_next.stretch.end_s) == (62, 74)
    assert (to_the_end.stretch.start_s, to_the_end.stretch.end_s) == (62, 90)


def test_hardly_any_speech_is_not_asked_again():
    span = Span(0, 30 * SAMPLE_RATE)
    row = [said(" you know it", 28 + n * 0.2, 28.2 + n * 0.2) for n in range(6)]

    assert list(second_hearings(0, Chunk(span, (span,)), row, cut_whole)) == []
