from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yamabiko.audio.chunks import Chunk
from yamabiko.seams import glued, joined
from yamabiko.speech import SAMPLE_RATE, Character, Segment, Span, Word
from yamabiko.transcription.merge import ChunkMissing, merge, within_speech


def seconds(start: float, end: float) -> Span:
    return Span(int(start * SAMPLE_RATE), int(end * SAMPLE_RATE))


def said(start_s: float, end_s: float, text: str = "x", words: tuple[Word, ...] = ()) -> Segment:
    return Segment(start_s, end_s, text, words)


times = st.floats(-5, 40) | st.sampled_from([0.0, 30.0, float("nan"), float("inf"), float("-inf")])
characters = st.builds(Character, times, times, st.just("a"))
words = st.builds(
    Word, times, times, st.sampled_from([" a", "b", "山", ""]), characters=st.lists(characters, max_size=2).map(tuple)
)
segments = st.builds(
    Segment, times, times, st.sampled_from([" a.", "b", "山彦", "", " "]), st.lists(words, max_size=2).map(tuple)
)


@st.composite
def answers(draw: st.DrawFn) -> list[tuple[Span, tuple[Segment, ...]]]:
    at, found = 0, []
    for gap, length, said_there in draw(
        st.lists(st.tuples(st.integers(0, 99_999), st.integers(1, 480_000), st.lists(segments, max_size=4)), max_size=3)
    ):
        found.append((Span(at + gap, at + gap + length), tuple(said_there)))
        at += gap + length
    return found


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(answers())
def test_segments_come_out_ordered_inside_their_chunk_and_never_overlapping(results):
    """Subtitles that overlap or run backwards are refused by players; and engines do give such times."""
    merged = merge(results)

    assert len(merged) == sum(len(found) for _, found in results)
    end = 0.0
    homes = [span for span, found in results for _ in found]
    for segment, span in zip(merged, homes, strict=True):
        assert span.start_s <= segment.start_s <= segment.end_s <= span.end_s
        assert end <= segment.start_s
        end = segment.end_s
        at = segment.start_s
        for word in segment.words:
            assert at <= word.start_s <= word.end_s <= segment.end_s
            at = word.start_s
            for character in word.characters:
                assert at <= character.start_s <= character.end_s <= word.end_s
                at = character.end_s
            at = word.end_s


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(answers())
def test_no_text_is_lost_or_changed_but_for_a_space_at_a_seam(results):
    merged = merge(results)

    before = [segment for _, found in results for segment in found]
    for was, now in zip(before, merged, strict=True):
        assert now.text in (was.text, " " + was.text)
        assert [w.text.lstrip() for w in now.words] == [w.text.lstrip() for w in was.words]


def test_times_go_to_the_clock_of_the_recording():
    merged = merge(
        [
            (Chunk(seconds(10, 20), (seconds(11, 19),)), (said(1.5, 3.0, " one", (Word(1.5, 2.0, " one"),)),)),
            (seconds(60, 90), (said(0.0, 2.0, " two"),)),
        ]
    )

    assert [(s.start_s, s.end_s) for s in merged] == [(11.5, 13.0), (60.0, 62.0)]
    assert (merged[0].words[0].start_s, merged[0].words[0].end_s) == (11.5, 12.0)


def test_of_two_that_overlap_the_earlier_gives_way():
    merged = merge([(seconds(0, 10), (said(0, 5), said(3, 6)))])

    assert [(s.start_s, s.end_s) for s in merged] == [(0, 3), (3, 6)]


def test_times_beyond_the_chunk_are_brought_back_into_it():
    """Whisper pads to 30 s, and gives times up to there for a chunk of 4 s."""
    merged = merge([(seconds(100, 104), (said(0, 2), said(2, 29.98)))])

    assert merged[-1].end_s == 104


def test_a_segment_of_no_length_is_given_some_where_there_is_room():
    middle, last = merge([(seconds(0, 10), (said(4, 4), said(10, 10)))])

    assert (middle.start_s, middle.end_s) == (4, 4.02)
    assert (last.start_s, last.end_s) == pytest.approx((9.98, 10))


def test_a_chunk_without_an_answer_is_an_error_and_is_named():
    with pytest.raises(ChunkMissing) as caught:
        merge([(seconds(0, 10), ()), (seconds(10, 20), None)])

    assert caught.value.finding.id == "chunk-missing"
    assert "10.00–20.00" in caught.value.finding.cause.en
    assert caught.value.span == seconds(10, 20)


@pytest.mark.parametrize(
    ("chunks", "hole"),
    [
        ([], seconds(2, 9)),
        ([seconds(0, 5)], seconds(5, 9)),
        ([seconds(5, 20)], seconds(2, 5)),
        ([seconds(0, 4), seconds(6, 20)], seconds(4, 6)),
    ],
)
def test_speech_that_lies_in_no_chunk_is_an_error(chunks, hole):
    with pytest.raises(ChunkMissing) as caught:
        merge([(chunk, ()) for chunk in chunks], speech=(seconds(2, 9),))

    assert caught.value.span == hole


def test_speech_over_two_chunks_that_touch_is_no_hole():
    assert merge([(seconds(0, 4), ()), (seconds(4, 20), ())], speech=(seconds(2, 9), seconds(10, 11))) == ()


def test_chunks_that_overlap_are_refused():
    """The words in the overlap would stand twice in the transcript."""
    with pytest.raises(ValueError, match="overlap"):
        merge([(seconds(0, 10), ()), (seconds(9, 20), ())])


@pytest.mark.parametrize(
    ("left", "right", "text"),
    [
        (" The end.", "Next", " The end. Next"),
        (" The end.", " Next", " The end. Next"),
        ("안녕하세요.", "네", "안녕하세요. 네"),
        ("終わりです。", "次です", "終わりです。次です"),
        ("終わり", "Next", "終わりNext"),
        (" Next", "次", " Next次"),
        ("结束了", "下一个", "结束了下一个"),
        ("จบแล้ว", "ต่อไป", "จบแล้วต่อไป"),
        (" wait", ", no", " wait, no"),
        (" (aside", ") then", " (aside) then"),
        (" he said “", "yes", " he said “yes"),
        ("конец.", "Дальше", "конец. Дальше"),
        ("ｶﾅ", "ｶﾅ", "ｶﾅｶﾅ"),
        ("", "Next", "Next"),
    ],
)
def test_a_seam_neither_glues_words_nor_puts_spaces_where_none_are_written(left, right, text):
    apart = merge([(seconds(0, 5), (said(0, 1, left),)), (seconds(5, 9), (said(0, 1, right),))])
    in_one_chunk = merge([(seconds(0, 5), (said(0, 1, left), said(1, 2, right)))])

    assert ["".join(segment.text for segment in merged) for merged in (apart, in_one_chunk)] == [text, text]
    assert joined((left, "", right)) == text


def test_the_word_at_the_seam_carries_the_space_too():
    merged = merge(
        [
            (seconds(0, 5), (said(0, 1, " end."),)),
            (seconds(5, 9), (said(0, 1, "Next one", (Word(0, 0.5, "Next"), Word(0.5, 1, " one"))),)),
        ]
    )

    assert [word.text for word in merged[1].words] == [" Next", " one"]


def test_an_empty_segment_does_not_hide_the_seam():
    merged = merge([(seconds(0, 5), (said(0, 1, " end."), said(1, 2, ""))), (seconds(5, 9), (said(0, 1, "Next"),))])

    assert "".join(segment.text for segment in merged) == " end. Next"


@given(st.text(max_size=3), st.text(max_size=3))
def test_nothing_is_glued_to_a_space_or_to_nothing(left, right):
    assert not glued(left + " ", right)
    assert not glued(left, " " + right)
    assert not glued("", right)


def test_a_phrase_begins_with_the_voice_and_not_with_the_silence_before_it():
    chunk = Chunk(seconds(10, 20), (seconds(11, 14), seconds(15, 18.5)))
    segments = (said(0.0, 4.0, " one", (Word(0.0, 2.0, " one"),)), said(5.0, 10.0, " two"), said(0.2, 0.8, " before"))

    one, two, before = within_speech(chunk, segments)

    assert (one.start_s, one.end_s, one.words[0].start_s) == (1.0, 4.0, 1.0)
    assert (two.start_s, two.end_s) == (5.0, 8.5)
    assert (before.start_s, before.end_s) == (0.2, 0.8), "what lies outside is not squeezed away"
