from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from made_transcripts import broken_text, said, said_in_words, shown_of, transcript, transcripts, without_spaces

from yamabiko.formats import Layout
from yamabiko.formats.cues import READABLE_MS, Cue, cues
from yamabiko.formats.times import in_order, milliseconds, usable
from yamabiko.speech import Segment, Transcript, Word

LAYOUT = Layout()


def text(cue: Cue) -> str:
    return "".join(run.text for line in cue.lines for run in line)


def assert_sound(found: list[Cue]) -> None:
    for cue in found:
        assert 0 <= cue.start_ms < cue.end_ms
        assert cue.lines
        assert all("".join(run.text for run in line).strip() for line in cue.lines)
    for before, after in pairwise(found):
        assert before.end_ms <= after.start_ms


@settings(deadline=None)  # the machine may be busy
@given(transcripts(broken_text), st.booleans())
def test_cues_never_overlap_and_never_lose_text_whatever_times_and_words_arrive(
    given_: Transcript, highlight: bool
) -> None:
    """NaN, infinite, negative, equal, reversed and overlapping times; words that are not the text."""
    assert_sound(cues(given_, Layout(highlight_words=highlight)))
    found = cues(given_, LAYOUT)
    expected = shown_of(given_)
    assert without_spaces("".join(map(text, found))) == expected


def test_segments_of_no_length_at_one_moment_follow_each_other() -> None:
    found = cues(transcript(*(Segment(5.0, 5.0, f" {i}") for i in range(5)), Segment(9.0, 10.0, " end")), LAYOUT)
    assert_sound(found)
    assert [cue.start_ms for cue in found] == [5000, 5800, 6600, 7400, 8200, 9000], "they share the pause behind"


@pytest.mark.parametrize(
    ("segments", "shown"),
    [
        ([(1.0, 2.0), (5.0, 5.0), (5.0, 8.0)], [(1000, 2000), (5000 - READABLE_MS, 5000), (5000, 8000)]),
        ([(1.0, 5.0), (5.0, 5.0), (5.0, 8.0)], [(1000, 5000 - READABLE_MS), (5000 - READABLE_MS, 5000), (5000, 8000)]),
        ([(0.0, 0.0), (0.0, 4.0)], [(0, READABLE_MS), (READABLE_MS, 4000)]),
        ([(0.0, 0.0), (0.0, 0.5), (0.5, 4.0)], [(0, 250), (250, 500), (500, 4000)]),
    ],
    ids=["from the pause before", "from what is said before", "at the beginning", "with too little room"],
)
def test_a_segment_of_no_length_amid_others_can_be_read(
    segments: list[tuple[float, float]], shown: list[tuple[int, int]]
) -> None:
    """It was shown for a millisecond."""
    found = cues(transcript(*(Segment(a, b, f"{i}") for i, (a, b) in enumerate(segments)), duration_s=9.0), LAYOUT)
    assert [(cue.start_ms, cue.end_ms) for cue in found] == shown


def test_words_of_no_length_do_not_move_those_before_them() -> None:
    """Whisper's words often have none; each still begins when it is said."""
    words = tuple(Word(t, t + 0.2 * (i % 2), f" w{i}") for i, t in enumerate((1.0, 1.0, 1.2, 1.2, 1.4, 1.4, 1.6)))
    one_word = Layout(max_words_per_line=1, max_line_count=1)
    found = cues(transcript(Segment(1.0, 1.6, "".join(w.text for w in words), words), duration_s=9.0), one_word)
    assert_sound(found)
    assert all(abs(cue.start_ms - w.start_s * 1000) <= 2 for cue, w in zip(found, words, strict=True))


def test_the_earlier_of_two_overlapping_segments_gives_way() -> None:
    found = cues(transcript(Segment(1.0, 5.2, "a"), Segment(5.0, 8.0, "b")), LAYOUT)
    assert [(cue.start_ms, cue.end_ms) for cue in found] == [(1000, 5000), (5000, 8000)]


def test_a_cue_too_short_to_read_stays_until_the_next_begins() -> None:
    found = cues(transcript(Segment(1.0, 1.1, "a"), Segment(1.5, 1.6, "b"), Segment(9.0, 9.1, "c")), LAYOUT)
    assert [(cue.start_ms, cue.end_ms) for cue in found] == [
        (1000, 1500),
        (1500, 1500 + READABLE_MS),
        (9000, 9000 + READABLE_MS),
    ]


def test_a_cue_is_not_held_beyond_the_end_of_the_recording() -> None:
    (cue,) = cues(transcript(Segment(9.8, 9.9, "a"), duration_s=10.0), LAYOUT)
    assert cue.end_ms == 10_000


def test_segments_of_no_length_at_the_end_are_read_before_the_recording_ends() -> None:
    """
    An English recording of 11 s, asked for as Japanese, had such times at its end. The last cue was shown for 0.8 s after
    the recording, from 00:00:11,012 on, and those before it for a millisecond each.
    """
    nothings = (Segment(11.0, 11.0, text) for text in ("あなたの国が", "何を", "してくれるか"))
    found = cues(transcript(Segment(0.0, 7.6, "同胞の皆さん"), *nothings, duration_s=11.0), LAYOUT)

    assert_sound(found)
    assert [(cue.start_ms, cue.end_ms) for cue in found] == [
        (0, 7600),
        (11_000 - 3 * READABLE_MS, 11_000 - 2 * READABLE_MS),
        (11_000 - 2 * READABLE_MS, 11_000 - READABLE_MS),
        (11_000 - READABLE_MS, 11_000),
    ]
    assert [text(cue) for cue in found] == ["同胞の皆さん", "あなたの国が", "何を", "してくれるか"]


def test_a_segment_of_no_length_takes_its_time_from_long_cues_before_it_and_leaves_them_their_beginning() -> None:
    found = cues(transcript(Segment(8.0, 11.0, "spoken"), Segment(11.0, 11.0, "late"), duration_s=11.0), LAYOUT)
    assert [(cue.start_ms, cue.end_ms) for cue in found] == [
        (8000, 11_000 - READABLE_MS),
        (11_000 - READABLE_MS, 11_000),
    ]


def test_short_cues_before_a_segment_of_no_length_keep_half_of_their_time() -> None:
    words = [Word(i * 0.2, (i + 1) * 0.2, f" w{i:02d}") for i in range(55)]
    dense = Segment(0.0, 11.0, "".join(word.text for word in words), tuple(words))
    one_word = Layout(max_words_per_line=1, max_line_count=1)

    found = cues(transcript(dense, Segment(11.0, 11.0, "late"), duration_s=11.0), one_word)

    assert_sound(found)
    assert len(found) == 56
    assert (found[-1].start_ms, found[-1].end_ms) == (11_000 - READABLE_MS, 11_000)
    assert min(cue.end_ms - cue.start_ms for cue in found) >= 100
    assert [cue.start_ms for cue in found[:40]] == [i * 200 for i in range(40)], "only the last moments are moved"


def test_more_segments_of_no_length_than_a_recording_has_room_for_share_it() -> None:
    found = cues(transcript(*(Segment(2.0, 2.0, f"{i}") for i in range(10)), duration_s=2.0), LAYOUT)
    assert_sound(found)
    assert [cue.end_ms - cue.start_ms for cue in found] == [200] * 10
    assert found[-1].end_ms == 2000


def test_where_the_recordings_end_is_not_known_nothing_is_moved() -> None:
    (cue,) = cues(transcript(Segment(11.0, 11.0, "late"), duration_s=0.0), LAYOUT)
    assert (cue.start_ms, cue.end_ms) == (11_000, 11_000 + READABLE_MS)


def last_said_ms(given_: Transcript) -> int:
    """The latest time of a segment or of a word."""
    ends = [end_s for _, _, end_s in in_order(given_.segments)]
    ends += [
        usable(t, 0.0) for segment in given_.segments for word in segment.words for t in (word.start_s, word.end_s)
    ]
    return milliseconds(max(ends, default=0.0))


@settings(deadline=None)  # the machine may be busy
@given(transcripts(broken_text), st.booleans())
def test_no_cue_ends_after_both_the_recording_and_what_was_said(given_: Transcript, highlight: bool) -> None:
    """Of a recording whose end is known. In one of 5 ms, 9 cues of a millisecond have no place: they get 9."""
    duration_ms = milliseconds(usable(given_.duration_s, 0.0))
    assume(duration_ms)

    found = cues(given_, Layout(highlight_words=highlight))

    assert_sound(found)
    plain = len(cues(given_, LAYOUT))
    assert all(cue.end_ms <= max(duration_ms, last_said_ms(given_), plain) for cue in found)


def test_a_long_segment_without_length_is_given_time_to_be_read_in_order() -> None:
    found = cues(said("今日は晴れです。" * 12, 5.0, 5.0), LAYOUT)
    assert len(found) > 1
    assert_sound(found)
    assert min(cue.end_ms - cue.start_ms for cue in found) >= READABLE_MS


def test_times_without_words_are_shared_out_by_display_width() -> None:
    found = cues(said("漢" * 20 + "。" + "a" * 21, 0.0, 6.3), Layout(max_line_count=1))
    assert [(cue.start_ms, cue.end_ms) for cue in found] == [(0, 4200), (4200, 6300)]


def test_cue_times_are_those_of_the_words_in_it() -> None:
    words = [Word(i * 2.0, i * 2.0 + 0.9, f" word{i:02d}") for i in range(20)]
    segment = Segment(0.0, 39.0, "".join(word.text for word in words), tuple(words))
    for cue in cues(transcript(segment), LAYOUT):
        numbers = [int(part[4:]) for line in cue.lines for run in line for part in run.text.split()]
        assert cue.start_ms == numbers[0] * 2000
        assert cue.end_ms == numbers[-1] * 2000 + 900


def test_a_word_far_outside_its_segment_does_not_push_what_follows() -> None:
    wild = Segment(1.0, 2.0, " a b", (Word(1.0, 1.5, " a"), Word(900.0, 901.0, " b")))
    found = cues(transcript(wild, Segment(3.0, 4.0, " c")), Layout(max_words_per_line=1))
    assert [text(cue) for cue in found] == ["a", "b", "c"]
    assert found[-1].start_ms == 3000


def test_words_that_are_not_the_text_are_not_believed() -> None:
    segment = Segment(1.0, 3.0, " hello world", (Word(1.0, 2.0, " goodbye"),))
    (cue,) = cues(transcript(segment), LAYOUT)
    assert text(cue) == "hello world"
    assert (cue.start_ms, cue.end_ms) == (1000, 3000)


def test_words_without_spaces_time_a_text_with_spaces() -> None:
    segment = Segment(1.0, 3.0, " hello world", (Word(1.2, 2.0, "hello"), Word(2.0, 2.8, "world")))
    (cue,) = cues(transcript(segment), LAYOUT)
    assert (text(cue), cue.start_ms, cue.end_ms) == ("hello world", 1200, 2800)


def test_each_word_is_underlined_while_it_is_said() -> None:
    spoken = transcript(Segment(1.0, 4.0, " One two", (Word(1.0, 2.0, " One"), Word(3.0, 4.0, " two"))))
    found = cues(spoken, Layout(highlight_words=True))
    assert_sound(found)
    shown = [
        (cue.start_ms, cue.end_ms, "|".join(run.text for line in cue.lines for run in line if run.underlined))
        for cue in found
    ]
    assert shown == [(1000, 2000, "One"), (2000, 3000, ""), (3000, 4000, "two")]
    assert {text(cue) for cue in found} == {"One two"}


def test_highlighting_without_word_times_shows_plain_cues() -> None:
    assert cues(said("Hello there"), Layout(highlight_words=True)) == cues(said("Hello there"), LAYOUT)


def test_highlighting_shows_the_whole_cue_for_as_long_as_the_plain_one() -> None:
    spoken = said_in_words(*["今日", "は", "とても", "天気", "が", "良い", "です", "ね"] * 8, word_s=0.3)
    plain, lit = cues(spoken, LAYOUT), cues(spoken, Layout(highlight_words=True))
    assert_sound(lit)
    for cue in plain:
        parts = [part for part in lit if cue.start_ms <= part.start_ms < cue.end_ms]
        assert (parts[0].start_ms, parts[-1].end_ms) == (cue.start_ms, cue.end_ms)
        assert {text(part) for part in parts} == {text(cue)}


def test_a_segment_of_spaces_alone_is_no_cue() -> None:
    assert cues(transcript(Segment(1.0, 2.0, " \t\n\u3000\u00a0")), LAYOUT) == []
