"""What nobody said goes, with its reason; what somebody may have said stays."""

from __future__ import annotations

import math

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yamabiko.audio.samples import FORMAT
from yamabiko.speech import SAMPLE_RATE, Segment, Span, Word
from yamabiko.transcription.guard import Guarded, guard
from yamabiko.transcription.guarding import Guarding, hearing, sounding, speaking, told
from yamabiko.transcription.stock_phrases import stock_phrase


def said(text: str, start_s: float = 0.0, end_s: float = 3.0, **more) -> Segment:
    return Segment(start_s, end_s, text, **more)


def everybody(start_s: float, end_s: float) -> float:
    return 0.97


def nobody(start_s: float, end_s: float) -> float:
    return 0.02


def unasked(start_s: float, end_s: float) -> None:
    return None


def texts(judged: Guarded) -> tuple[str, list[str]]:
    return "".join(s.text for s in judged.kept), [d.text for d in judged.dropped]


INVENTED = [  # as they came out, over what; figures are Whisper's
    (said(" You", 0, 2, avg_logprob=-0.70, no_speech_prob=0.93), "base, 30 s of silence, no speech finder"),
    (said(" you", 0, 2, avg_logprob=-1.70, no_speech_prob=0.56), "base, a tone of 1 kHz"),
    (said(" Thank you.", 0, 10, avg_logprob=-1.64, no_speech_prob=0.56), "base, the same tone once more"),
    (
        said(" It's been a long time, it's been a long time.", 0, 10, avg_logprob=-1.12, no_speech_prob=0.51),
        "tiny.en, the same tone",
    ),
    (said(" 2,5-1,2-1", 2, 4, avg_logprob=-0.51, no_speech_prob=0.81), "base, white noise"),
]


@pytest.mark.parametrize(("segment", "where"), INVENTED, ids=[where for _, where in INVENTED])
def test_what_whisper_base_wrote_over_no_speech_goes_by_its_scores_alone(segment: Segment, where: str):
    kept, dropped = texts(guard((segment,), unasked))

    assert kept == ""
    assert dropped == [segment.text]


@pytest.mark.parametrize(("segment", "where"), INVENTED, ids=[where for _, where in INVENTED])
def test_where_somebody_is_heard_the_engines_doubts_take_out_no_words_of_their_own(segment: Segment, where: str):
    kept, _ = texts(guard((segment,), everybody))

    assert kept == segment.text or stock_phrase(segment.text) is not None


@pytest.mark.parametrize(
    "phrase",
    [
        "ご視聴ありがとうございました。",
        "おやすみなさい。",
        " Thanks for watching!",
        " 시청해주셔서 감사합니다.",
        "谢谢观看",
    ],
)
def test_a_stock_phrase_stays_where_somebody_says_it_and_goes_where_nobody_does(phrase: str):
    """A speaker may well end with it, so being on the list is one sign, and one is not enough."""
    segment = said(phrase, avg_logprob=-0.3, no_speech_prob=0.1)

    assert texts(guard((segment,), everybody)) == (phrase, [])
    assert texts(guard((segment,), unasked)) == (phrase, [])
    assert texts(guard((segment,), nobody)) == ("", [phrase])


@pytest.mark.parametrize(("heard", "stays"), [(0.51, True), (0.6, True), (0.84, True), (0.49, False), (0.11, False)])
def test_half_likely_speech_protects_a_phrase_that_people_say_and_less_does_not(heard: float, stays: bool):
    """Real text has 0.89 where it is spoken into a microphone; over the telephone or from afar it may be less."""
    segment = said(" Thanks for watching.", avg_logprob=-0.3, no_speech_prob=0.1)
    loop = said(" and we go home" * 8, 0, 28, avg_logprob=-0.3, no_speech_prob=0.1)

    assert (guard((segment,), lambda start_s, end_s: heard).kept == (segment,)) is stays
    assert (guard((loop,), lambda start_s, end_s: heard, 28).kept == (loop,)) is stays


@pytest.mark.parametrize(("heard", "stays"), [(0.51, True), (0.84, True), (0.49, False)])
def test_where_speech_is_half_likely_the_scores_of_the_engine_count_for_nothing(heard: float, stays: bool):
    segment = said(" So we went on to the harbour.", avg_logprob=-1.2, no_speech_prob=0.8)

    assert (guard((segment,), lambda start_s, end_s: heard).kept == (segment,)) is stays


@pytest.mark.parametrize(("logprob", "stays"), [(-0.05, True), (-0.24, True), (-0.26, False), (-0.7, False)])
def test_what_the_engine_is_sure_of_stays_although_the_speech_finder_hears_nobody(logprob: float, stays: bool):
    """A speech finder is deaf to some whispers and some singing; two have to err before a word is lost."""
    segment = said(" So we went on to the harbour.", avg_logprob=logprob, no_speech_prob=0.1)

    judged = guard((segment,), nobody)

    assert (judged.kept == (segment,)) is stays
    assert all("nobody is heard there" in dropped.reason for dropped in judged.dropped)


@pytest.mark.parametrize(("heard", "stays"), [(0.89, True), (0.11, True), (0.09, False)])
def test_a_tenth_of_likely_speech_keeps_what_an_engine_without_scores_wrote(heard: float, stays: bool):
    segment = said(" We met them at the station.")

    assert texts(guard((segment,), lambda start_s, end_s: heard)) == (
        (segment.text, []) if stays else ("", [segment.text])
    )


def test_an_engine_without_scores_is_not_sure_of_anything():
    assert guard((said(" So we went on to the harbour."),), nobody).kept == ()


def test_a_credit_of_subtitles_goes_on_less_than_a_phrase_that_people_say():
    credit = said("字幕由Amara.org社区提供", avg_logprob=-0.6)
    phrase = said("谢谢观看", avg_logprob=-0.6)

    assert guard((credit,), everybody).kept == ()
    assert guard((phrase,), everybody).kept == (phrase,)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (" Thank you for watching! Bye-bye.", "spoken"),
        (" Thank you. Thank you very much.", "everyday"),
        ("ご視聴ありがとうございました。ご視聴ありがとうございました。", "spoken"),
        ("ご視聴ありがとうございました。次は天気です。", None),
        (" Untertitel im Auftrag des ZDF für funk, 2017", "written"),
        (" Sous-titrage ST' 501", "written"),
        ("ＭＢＣ 뉴스 이덕영입니다.", "written"),
        (" Thanks for watching the news with me", None),
        ("", None),
        ("2024", None),
    ],
)
def test_a_phrase_counts_in_any_spelling_and_only_as_the_whole_text(text: str, kind: str | None):
    assert stock_phrase(text) == kind


@pytest.mark.parametrize(
    "text",
    [
        "はい、はい、はい。",
        " No, no, no, no, no, no, no!",
        " U-S-A! U-S-A! U-S-A! U-S-A! U-S-A! U-S-A!",
        " It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness",
        " Yes we can. Yes we can. Yes we can. Yes we can. Yes we can.",
        "あああああああああ",
        " Thank you. Thank you. Thank you. Thank you. Thank you. Thank you.",
    ],
)
def test_what_people_repeat_stays(text: str):
    segment = said(text, 0, 8, avg_logprob=-0.3, no_speech_prob=0.57, compression_ratio=3.0)

    assert guard((segment,), everybody) == Guarded((segment,))
    assert guard((segment,), unasked) == Guarded((segment,))


@pytest.mark.parametrize(
    "text", ["今日は会議の予定を" + "確認します。" * 24, " Seven of clubs." * 20, " go home" + " go" * 60]
)
def test_a_phrase_that_fills_the_answer_stays_if_there_is_time_to_say_it(text: str):
    """
    A second hearing has to tell, for the text does not: twenty real copies were once lost here.

    Scores: Whisper base and tiny.en of what was really said over and over.
    """
    doubted = said(text, 0, 28, avg_logprob=-1.25, no_speech_prob=0.28, compression_ratio=9.0)
    unheard = said(text, 0, 28, avg_logprob=-0.53, no_speech_prob=0.68, compression_ratio=9.0)

    for segment in (doubted, unheard):
        assert guard((segment,), everybody, 28) == Guarded((segment,))
        assert guard((segment,), unasked, 28) == Guarded((segment,))


def test_of_more_copies_than_can_be_said_as_many_stay_as_can():
    """Whisper base wrote 32 copies of what was said eight times in 16.26 s; 22 would be said by nobody in less."""
    segment = said(" What joy there is in living," * 32, 0, 16.26)

    judged = guard((segment,), everybody, 16.26)

    assert texts(judged) == (" What joy there is in living," * 22, [" What joy there is in living," * 10])
    assert judged.kept[0].end_s == 16.26, "what stays was said in all of that time"
    assert "more copies than can be said" in judged.dropped[0].reason


def test_a_loop_over_no_speech_leaves_what_came_before_it_and_one_copy():
    sense, phrase = "今日は会議の予定を", "確認します。"
    segment = said(sense + phrase * 24, 0, 28, avg_logprob=-0.1, no_speech_prob=0.2)

    judged = guard((segment,), lambda start_s, end_s: 0.3)

    assert texts(judged) == (sense + phrase, [phrase * 23])
    assert judged.kept[0].end_s == pytest.approx(28 * 15 / 153)
    assert judged.dropped[0].start_s == judged.kept[0].end_s
    assert judged.dropped[0].end_s == 28


def test_a_loop_of_which_the_engine_itself_hears_no_speech_goes_where_nobody_looked_for_any():
    """Whisper base over white noise, without a speech finder and without other temperatures."""
    segment = said(" 4" + "-0" * 111, 0, 30, avg_logprob=-0.06, no_speech_prob=0.99, compression_ratio=17.2)

    assert texts(guard((segment,), unasked, 30))[0] == " 4-0-"
    assert guard((segment,), everybody, 30).kept == (segment,)


def test_what_is_left_of_a_loop_ends_with_its_last_word():
    words = tuple(Word(n * 0.4, n * 0.4 + 0.3, f" go{' home' * (n == 0)}") for n in range(40))
    segment = said("".join(word.text for word in words), 0, 16, words=words)

    (kept,) = guard((segment,), lambda start_s, end_s: 0.3).kept

    assert kept.text == " go home go"
    assert kept.words == words[:2]
    assert kept.end_s == words[1].end_s


def test_copies_behind_the_end_of_the_sound_go():
    """Whisper tiny.en over speech in noise: eight of eighteen “you know” begin and end at 30 s."""
    row = [said(" you know", n * 3.0, n * 3.0 + 3) for n in range(10)]
    behind = [said(" you know", 30, 30) for _ in range(8)]

    judged = guard((*row, *behind), everybody, 30)

    assert judged.kept == tuple(row)
    assert {dropped.reason for dropped in judged.dropped} == {"repeated: its last copies take no time"}


def test_a_phrase_that_comes_again_from_chunk_to_chunk_stays_once():
    row = [said("ご視聴ありがとうございました", n * 30.0, n * 30.0 + 4, avg_logprob=-0.2) for n in range(5)]

    judged = guard(row, everybody)

    assert judged.kept == (row[0],)
    assert len(judged.dropped) == 4


def test_thanks_to_long_applause_stay():
    row = [said(" Thank you.", n * 3.0, n * 3.0 + 1, avg_logprob=-0.3, no_speech_prob=0.2) for n in range(6)]

    assert guard(row, everybody) == Guarded(tuple(row))
    assert guard(row, unasked) == Guarded(tuple(row))


def test_somebody_who_answers_yes_again_and_again_is_not_a_loop():
    row = [said("はい。", n * 5.0, n * 5.0 + 1, avg_logprob=-0.4) for n in range(12)]

    assert guard(row, everybody) == Guarded(tuple(row))


def test_more_text_than_can_be_said_goes_if_its_words_have_no_time():
    words = tuple(Word(29.9, 29.9, f" word{n}") for n in range(60))
    text = "".join(word.text for word in words)
    squeezed = said(text, 29.9, 30.0, words=words)
    late = said(text, 29.9, 30.0, avg_logprob=-0.3)

    assert guard((said(" Hello.", 27, 29.9), squeezed), everybody).kept == (said(" Hello.", 27, 29.9),)
    assert guard((late,), everybody).kept == (late,), "a time may be wrong where the text is right"


def test_no_scores_and_nobody_listening_leave_all_as_it_is():
    """Engines that measure nothing have no sign to give."""
    row = (said("ご視聴ありがとうございました"), said(" You", 3, 4), said("", 4, 5), said("x", math.nan, math.nan))

    assert guard(row, unasked) == Guarded(row)


# ---- for any answer ----------------------------------------------------------------------------------------------------

WORDS = st.sampled_from(
    [
        "はい、",
        " you",
        " Thank you.",
        "ご視聴ありがとうございました",
        " and then",
        " no",
        "会議",
        "。",
        "",
        " 1,5-1",
        " 谢谢观看",
    ]
)
SCORES = st.none() | st.floats(-3, 0)
TEXTS = st.one_of(
    st.lists(WORDS, max_size=8).map("".join),
    st.tuples(WORDS, WORDS, st.integers(1, 80)).map(lambda made: made[0] + made[1] * made[2]),
    st.text(max_size=12),
)


@st.composite
def answers(draw: st.DrawFn) -> tuple[Segment, ...]:
    found, at = [], 0.0
    for text in draw(st.lists(TEXTS, max_size=8)):
        at += draw(st.floats(0.1, 2))
        end = at + draw(st.floats(0.5, 10))
        found.append(Segment(at, end, text, avg_logprob=draw(SCORES), no_speech_prob=draw(st.none() | st.floats(0, 1))))
        at = end
    return tuple(found)


HEARD = st.none() | st.floats(0, 1)


@settings(max_examples=100, deadline=None)
@given(answers(), HEARD)
def test_kept_and_dropped_are_all_of_it_in_its_order(segments: tuple[Segment, ...], heard: float | None):
    judged = guard(segments, lambda start_s, end_s: heard)

    pieces = sorted([*judged.kept, *judged.dropped], key=lambda piece: (piece.start_s, piece.end_s))
    for segment in segments:
        within = [piece.text for piece in pieces if segment.start_s <= piece.start_s < segment.end_s]
        assert "".join(within) == segment.text
    assert "".join(piece.text for piece in pieces) == "".join(segment.text for segment in segments)
    assert all(dropped.reason for dropped in judged.dropped)


@settings(max_examples=100, deadline=None)
@given(answers(), HEARD, st.none() | st.floats(0, 1))
def test_what_it_keeps_it_keeps_again(segments: tuple[Segment, ...], heard: float | None, share: float | None):
    speaks = None if share is None else lambda start_s, end_s: share * (end_s - start_s)
    kept = guard(segments, lambda start_s, end_s: heard, speaks=speaks).kept

    assert guard(kept, lambda start_s, end_s: heard, speaks=speaks) == Guarded(kept)
    assert [s.start_s for s in kept] == sorted(s.start_s for s in kept)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(st.characters(categories=["L", "Zs"]), max_size=60), max_size=6))
def test_without_a_sign_nothing_goes(told_texts: list[str]):
    row = tuple(
        said(f"{n} {text}", n * 5.0, n * 5.0 + 4, avg_logprob=-0.4, no_speech_prob=0.1)
        for n, text in enumerate(told_texts)
    )

    assert guard(row, everybody) == Guarded(row) or any(len(set(text)) * 10 < len(text) for text in told_texts)


# ---- what it listens to ------------------------------------------------------------------------------------------------


def test_half_a_second_of_speech_is_heard_and_a_click_is_not():
    likely = numpy.zeros(1000, numpy.float32)
    likely[300:320] = 0.95  # 9.6 to 10.24 s
    likely[700] = 1.0
    hears = hearing(likely, 512)

    assert hears(8.8, 9.2) == pytest.approx(0.95, abs=0.01)
    assert hears(21.0, 23.0) < 0.1
    assert hears(5.0, 6.0) == 0
    assert hears(100.0, 101.0) is None, "beyond the end nobody listened"


def test_seconds_of_speech_are_counted_between_the_times_alone():
    likely = numpy.full(1000, 0.1, numpy.float32)
    likely[250:500] = 0.95  # 8 to 16 s
    likely[750] = 0.49
    speaks = speaking(likely, 512)

    assert speaks(0, 32) == pytest.approx(8.0)
    assert speaks(9, 10) == pytest.approx(1.0, abs=0.04)
    assert speaks(6, 9) == pytest.approx(1.0, abs=0.04)
    assert (speaks(0, 7.9), speaks(16.1, 900.0), speaks(40.0, 50.0), speaks(10.0, 9.0)) == (0, 0, 0, 0)


def test_where_nobody_looked_for_speech_only_the_silence_of_zeros_speaks(tmp_path):
    sound = numpy.zeros(20 * SAMPLE_RATE, FORMAT)
    sound[12 * SAMPLE_RATE :] = numpy.random.default_rng(0).normal(0, 1e-3, 8 * SAMPLE_RATE)
    sound.tofile(tmp_path / "audio.f32")
    hears = sounding(tmp_path / "audio.f32")

    assert hears(0, 10) == 0
    assert hears(5, 13) is None
    assert hears(19, 40) is None


def test_what_was_dropped_is_told_on_the_clock_of_the_recording():
    guarding = Guarding(nobody)
    span = Span(60 * SAMPLE_RATE, 90 * SAMPLE_RATE)

    guarding.answer(span, (said(" You", 3, 5),))
    guarding.answer(span, (said(" You", 3, 5),))
    (dropped,) = guarding.all_dropped()

    assert (dropped.start_s, dropped.end_s, dropped.text) == (63, 65, " You")
    finding = told((dropped,))
    assert "63.0-65.0 s: You" in finding.evidence[0]
    assert finding.remedies[0].command == "--no-guard"
