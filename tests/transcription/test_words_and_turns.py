"""Words joined to turns: nothing said is lost, and everybody says their own."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yamabiko.audio.chunks import Chunk
from yamabiko.speech import SAMPLE_RATE, Character, Segment, Span, Turn, Word
from yamabiko.transcription.merge import merge
from yamabiko.transcription.speakers import labelled, tell_apart

A, B = Turn(0.0, 2.0, "A"), Turn(2.0, 4.0, "B")


def spoken(*words: Word, text: str | None = None) -> Segment:
    return Segment(words[0].start_s, words[-1].end_s, text or "".join(word.text for word in words), words, (1, 2))


def said(segments: tuple[Segment, ...]) -> list[tuple[str | None, str]]:
    return [(segment.speaker, segment.text) for segment in segments]


times = st.floats(0, 20) | st.sampled_from([0.0, 1.0, 2.0, 2.5])
turns = st.lists(
    st.tuples(times, st.floats(0, 5), st.sampled_from("xyz")).map(lambda t: Turn(t[0], t[0] + t[1], t[2])), max_size=8
)
words = st.builds(
    Word,
    times,
    times,
    st.sampled_from([" Hello", " you", "山", "彦。", "", " ", "a a"]),
    characters=st.lists(st.builds(Character, times, times, st.just("a")), max_size=2).map(tuple),
)


@st.composite
def transcribed(draw: st.DrawFn) -> tuple[Segment, ...]:
    """Segments as `merge` leaves them: in order, words inside; a few with words that are not their text."""
    found = []
    for _ in range(draw(st.integers(0, 4))):
        own = tuple(draw(st.lists(words, max_size=6)))
        text = "".join(word.text for word in own)
        text = draw(st.sampled_from([text, text, text, f" {text} ", "something else", text.replace(" ", "  ")]))
        found.append(Segment(draw(times), draw(times), text, own, (1,)))
    span = Span(0, 20 * SAMPLE_RATE)
    return merge([(Chunk(span, (span,)), found)])


@settings(deadline=None)  # the machine may be busy
@given(transcribed(), turns)
def test_no_text_and_no_word_is_lost_doubled_or_moved(segments, who):
    parts = tell_apart(segments, who)

    assert "".join(part.text for part in parts) == "".join(segment.text for segment in segments)
    unnamed = [(w.start_s, w.end_s, w.text, w.characters) for s in segments for w in s.words]
    assert [(w.start_s, w.end_s, w.text, w.characters) for s in parts for w in s.words] == unnamed
    end = 0.0
    for part in parts:
        assert end <= part.start_s <= part.end_s
        end = part.end_s


@settings(deadline=None)  # the machine may be busy
@given(transcribed(), turns)
def test_all_words_of_a_segment_are_of_its_speaker_and_asking_again_changes_nothing(segments, who):
    parts = tell_apart(segments, who)

    assert all(word.speaker == part.speaker for part in parts for word in part.words)
    assert tell_apart(parts, who) == parts


@settings(deadline=None)  # the machine may be busy
@given(transcribed(), turns)
def test_where_nobody_else_speaks_no_segment_is_cut(segments, who):
    one = [Turn(turn.start_s, turn.end_s, "x") for turn in who] + [Turn(0.0, 20.0, "x")]
    parts = tell_apart(segments, one)

    assert [part.text for part in parts] == [segment.text for segment in segments]
    assert all(part.speaker == "x" for part in parts)
    assert [part.tokens for part in parts] == [segment.tokens for segment in segments]


def test_a_segment_is_cut_where_the_other_begins_to_speak() -> None:
    segment = spoken(Word(0.5, 1.0, " How"), Word(1.0, 1.9, " are you?"), Word(2.1, 2.5, " Fine,"), Word(2.5, 3.0, " thanks."))  # fmt: skip
    first, second = tell_apart([segment], [A, B])
    assert said((first, second)) == [("A", " How are you?"), ("B", " Fine, thanks.")]
    assert (first.start_s, first.end_s, second.start_s, second.end_s) == (0.5, 1.9, 2.1, 3.0)
    assert first.tokens == second.tokens == ()


def test_spaces_that_the_engines_words_leave_out_stay_in_the_text() -> None:
    segment = spoken(Word(0.5, 1.0, "Yes."), Word(2.1, 2.5, "No."), text=" Yes.  No. ")
    assert said(tell_apart([segment], [A, B])) == [("A", " Yes."), ("B", "  No. ")]


def test_a_word_across_a_boundary_is_of_whoever_speaks_most_of_it() -> None:
    assert said(tell_apart([spoken(Word(1.0, 2.9, "long"))], [A, B])) == [("A", "long")]
    assert said(tell_apart([spoken(Word(1.5, 2.6, "long"))], [A, B])) == [("B", "long")]


def test_shares_of_one_voice_in_several_turns_add_up() -> None:
    """2 s of one turn against 1.5 s twice."""
    who = [Turn(0.0, 1.5, "B"), Turn(1.5, 3.5, "A"), Turn(3.5, 5.0, "B")]
    assert said(tell_apart([Segment(0.0, 5.0, "all")], who)) == [("B", "all")]


@pytest.mark.parametrize(("at_s", "speaker"), [(4.0, "B"), (4.4, "B"), (4.5, "B"), (4.6, None), (30.0, None)])
def test_a_word_outside_all_turns_goes_to_the_nearest_within_half_a_second(at_s: float, speaker: str | None) -> None:
    assert said(tell_apart([spoken(Word(at_s, at_s + 0.2, "so"))], [A, B])) == [(speaker, "so")]


@pytest.mark.parametrize(("from_s", "speaker"), [(0.0, None), (0.29, None), (0.31, "A"), (0.75, "A")])
def test_a_word_before_a_turn_is_near_it_too(from_s: float, speaker: str | None) -> None:
    later = Turn(1.0, 2.0, "A")
    assert said(tell_apart([spoken(Word(from_s, from_s + 0.2, "so"))], [later])) == [(speaker, "so")]


def test_a_long_turn_is_seen_behind_short_ones_that_came_after_it() -> None:
    who = [Turn(0.0, 60.0, "A"), *(Turn(float(n), n + 0.2, "B") for n in range(1, 40))]
    assert said(tell_apart([spoken(Word(50.0, 50.5, "still"))], who)) == [("A", "still")]


def test_words_that_are_not_the_text_cut_nothing() -> None:
    segment = spoken(Word(0.0, 1.5, " One"), Word(2.5, 3.0, " two"), text=" 1 2")
    (one,) = tell_apart([segment], [A, B])
    assert (one.speaker, one.text, [word.speaker for word in one.words]) == ("A", " 1 2", ["A", "A"])


def test_without_turns_nobody_is_named() -> None:
    segment = spoken(Word(0.0, 1.0, " One"), Word(1.0, 2.0, " two"))
    assert tell_apart([segment], []) == (segment,)


def test_letters_are_given_in_the_order_of_first_speech_and_names_stay() -> None:
    who = [Turn(5.0, 6.0, "s0"), Turn(0.0, 1.0, "s7"), Turn(1.0, 2.0, "山田"), Turn(2.0, 3.0, "s7")]
    assert [turn.speaker for turn in labelled(who, ("山田",))] == ["A", "山田", "A", "B"]
    assert [turn.start_s for turn in labelled(who)] == [0.0, 1.0, 2.0, 5.0]


def test_no_letter_is_given_that_is_a_persons_name() -> None:
    assert [turn.speaker for turn in labelled([Turn(0, 1, "s0"), Turn(1, 2, "A")], ("A",))] == ["B", "A"]


def test_after_twenty_six_voices_letters_double() -> None:
    who = labelled([Turn(float(n), n + 1.0, f"s{n}") for n in range(28)])
    assert [turn.speaker for turn in who[25:]] == ["Z", "AA", "AB"]


@given(turns)
def test_labels_given_twice_are_the_same(who):
    assert labelled(labelled(who)) == labelled(who)


def test_twenty_thousand_words_are_joined_to_two_thousand_turns() -> None:
    """Two hours of talk; each word looked at each turn, it would be forty million looks."""
    who = [Turn(n * 4.0, n * 4.0 + 3.5, "AB"[n % 2]) for n in range(2_000)]
    talk = [spoken(*(Word(n * 4 + k * 0.35, n * 4 + k * 0.35 + 0.3, " word") for k in range(10))) for n in range(2_000)]
    assert [part.speaker for part in tell_apart(talk, who)] == ["AB"[n % 2] for n in range(2_000)]
