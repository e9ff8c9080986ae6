"""Who is who, and who speaks when: from voice prints that are made up, so that the truth is known."""

from __future__ import annotations

from itertools import pairwise

import numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from yamabiko.audio.speaker_turns import Heard, cluster, speakers, voice_print
from yamabiko.speech import SAMPLE_RATE, Span

DIMENSIONS = 32


def voice(person: int, take: int, spread: float = 0.35) -> numpy.ndarray:
    """People at right angles to each other; takes of one person 0.9 alike, as those of CAM++ are."""
    own = numpy.zeros(DIMENSIONS)
    own[person] = 1.0
    noise = numpy.random.default_rng(1000 * person + take).normal(size=DIMENSIONS)
    found = own + spread * noise / numpy.linalg.norm(noise)
    return (found / numpy.linalg.norm(found)).astype(numpy.float32)


def span(start_s: float, end_s: float) -> Span:
    return Span(round(start_s * SAMPLE_RATE), round(end_s * SAMPLE_RATE))


def recording(talk: list[tuple[int, float, float]], length_s: float, width_s: float = 10.0) -> list[Heard]:
    """What a finder hears that listens to ten seconds every five and never errs. `talk`: person, start, end."""
    found = []
    start_s = 0.0
    while start_s < length_s:
        end_s = min(start_s + width_s, length_s)
        people: dict[int, list[Span]] = {}
        for person, begins_s, ends_s in talk:
            if begins_s < end_s and start_s < ends_s:
                people.setdefault(person, []).append(span(max(begins_s, start_s), min(ends_s, end_s)))
        prints = numpy.array([voice(person, len(found)) for person in people]).reshape(len(people), DIMENSIONS)
        found.append(Heard(span(start_s, end_s), tuple(map(tuple, people.values())), prints))
        start_s += 5.0
    return found


def own_stretches(count: int) -> numpy.ndarray:
    """Each was heard in a stretch of its own."""
    return numpy.stack([numpy.arange(count), numpy.zeros(count, int)], axis=1)


TALK = [(0, 1.0, 4.0), (1, 4.5, 9.0), (0, 9.5, 14.0), (2, 15.0, 19.0), (1, 20.0, 24.0)]


def test_each_moment_belongs_to_who_speaks_in_it() -> None:
    turns = speakers(recording(TALK, 25.0)).turns
    names = {0: turns[0].speaker, 1: turns[1].speaker, 2: turns[3].speaker}
    assert len(set(names.values())) == 3
    assert [(names[person], start, end) for person, start, end in TALK] == [
        (turn.speaker, round(turn.start_s, 2), round(turn.end_s, 2)) for turn in turns
    ]


def test_two_who_speak_at_once_are_both_heard() -> None:
    turns = speakers(recording([(0, 0.0, 6.0), (1, 4.0, 10.0)], 10.0)).turns
    assert [(turn.start_s, turn.end_s) for turn in turns] == [(0.0, 6.0), (4.0, 10.0)]


def test_those_of_one_track_may_be_one_person_and_those_of_two_never() -> None:
    spans = ((span(0.0, 4.0),), (span(4.5, 9.0),))
    prints = numpy.stack([voice(0, 1), voice(0, 2)])
    told = {
        tracks: len({turn.speaker for turn in speakers([Heard(span(0, 10), spans, prints, tracks)]).turns})
        for tracks in ((0, 0), (0, 1), ())
    }
    assert told == {(0, 0): 1, (0, 1): 2, (): 2}


def test_stretches_that_disagree_about_a_voice_make_no_second_one() -> None:
    """Two say that it is one person, two that it is another: all four hear one."""
    whole = span(0, 10)
    heard = [Heard(whole, ((whole,),), voice(person, take)[None]) for person in (0, 1) for take in (1, 2)]
    assert [(turn.start_s, turn.end_s) for turn in speakers(heard).turns] == [(0.0, 10.0)]


def test_a_cough_in_many_stretches_that_overlap_is_nobody_new() -> None:
    """0.8 s that four stretches hear are 0.8 s, and less than somebody needs to be told apart."""
    heard = [
        Heard(
            span(start_s, start_s + 10.0),
            ((span(start_s, 6.5), span(7.5, start_s + 10.0)), (span(6.6, 7.4),)),
            numpy.stack([voice(0, take), voice(1, take)]),
        )
        for take, start_s in enumerate((0.0, 2.0, 4.0, 6.0))
    ]
    assert len({turn.speaker for turn in speakers(heard).turns}) == 1


def test_as_many_people_are_told_apart_as_were_said() -> None:
    heard = recording(TALK, 25.0)
    for count in (1, 2, 3):
        assert len({t.speaker for t in speakers(heard, at_least=count, at_most=count).turns}) == count


def test_a_known_voice_has_its_name_and_a_strange_one_has_none() -> None:
    known = {"Hanako": voice(1, 777), "Ken": voice(9, 778)}
    found = speakers(recording(TALK, 25.0), known=known)
    assert {t.speaker for t in found.turns if 4.5 <= t.start_s < 9 or t.start_s >= 20} == {"Hanako"}
    assert "Ken" not in {t.speaker for t in found.turns}
    assert found.likeness["Hanako"] > 0.8 > 0.5 > found.likeness["Ken"]


def test_one_voice_print_is_made_of_a_recording_of_one_person() -> None:
    found = voice_print(recording([(4, 0.0, 3.0)], 3.0))
    assert found is not None
    assert float(found @ voice(4, 1)) > 0.8
    assert voice_print([Heard(span(0, 1), ((span(0, 1),),), numpy.full((1, DIMENSIONS), numpy.nan))]) is None


def test_nobody_gives_no_turns() -> None:
    assert speakers([]).turns == ()
    assert speakers([Heard(span(0, 10), (), numpy.zeros((0, 0)))]).turns == ()


talks = st.lists(
    st.tuples(st.integers(0, 5), st.floats(0, 60), st.floats(0.5, 12)).map(lambda t: (t[0], t[1], t[1] + t[2])),
    max_size=12,
)


@settings(deadline=None, max_examples=40)
@given(talks, st.integers(1, 8), st.integers(0, 4))
def test_turns_are_ordered_within_what_was_heard_and_never_more_people_than_allowed(
    talk: list[tuple[int, float, float]], least: int, more: int
) -> None:
    heard = recording(talk, 72.0)
    turns = speakers(heard, at_least=least, at_most=least + more).turns
    assert list(turns) == sorted(turns, key=lambda t: (t.start_s, t.end_s, t.speaker))
    assert all(0 <= t.start_s < t.end_s <= 72.1 for t in turns)
    assert len({t.speaker for t in turns}) <= least + more
    for one in {t.speaker for t in turns}:
        own = [t for t in turns if t.speaker == one]
        assert all(a.end_s < b.start_s for a, b in pairwise(own)), "a turn ends before the next"


@settings(deadline=None, max_examples=20)
@given(st.permutations(range(12)))
def test_who_is_who_does_not_depend_on_the_order(order: list[int]) -> None:
    people = numpy.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 2])[order]
    voices = numpy.stack([voice(person, take) for take, person in enumerate(people)])
    labels = cluster(voices, numpy.full(12, 2.0), own_stretches(12))
    same = people[:, None] == people[None]
    assert numpy.array_equal(labels[:, None] == labels[None], same)


def test_thousands_of_voice_prints_are_told_apart_in_parts() -> None:
    people = numpy.random.default_rng(3).integers(0, 6, 3200)
    voices = numpy.stack([voice(person, take) for take, person in enumerate(people)])
    labels = cluster(voices, numpy.full(people.size, 2.0), own_stretches(people.size))
    assert len(set(zip(people.tolist(), labels.tolist(), strict=True))) == 6 == len(set(labels.tolist()))
