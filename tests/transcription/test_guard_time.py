"""Text for which there was no time: in its words, or in the sound that the engine had left when it wrote it."""

from __future__ import annotations

import pytest

from yamabiko.speech import Segment, Word
from yamabiko.transcription.guard import Guarded, guard


def everybody(start_s: float, end_s: float) -> float:
    return 0.97


EXPERT = (" You're", 29.18, 29.20, 0.128), (" the", 29.20, 29.20, 0.033), (" marketing", 29.20, 29.22, 5e-6), (
    " expert.", 29.22, 29.22, 0.004
)  # fmt: skip


def expert(words=EXPERT, seek: int | None = 2918, **more) -> Segment:
    """Whisper base on diar/dev00.wav: once more what was just said, in the last 76 ms of a chunk that ends at 29.256 s."""
    timed = tuple(Word(start_s, end_s, text, likely) for text, start_s, end_s, likely in words)
    scores = {"avg_logprob": -0.741, "no_speech_prob": 0.938} | more
    text = "".join(word.text for word in timed) or " You're the marketing expert."
    start_s, end_s = (timed[0].start_s, timed[-1].end_s) if timed else (29.18, 31.18)
    return Segment(start_s, end_s, text, timed, seek=seek, **scores)


SLOW_WORDS = tuple((text, 28.0 + n * 0.1, 28.1 + n * 0.1, likely) for n, (text, _, _, likely) in enumerate(EXPERT))
FAST_WORDS = tuple((text, 28.0 + n * 0.09, 28.09 + n * 0.09, likely) for n, (text, _, _, likely) in enumerate(EXPERT))
BEFORE = Segment(27.78, 29.18, " You're the marketing expert, okay?", avg_logprob=-0.336, no_speech_prob=0.513, seek=0)
CHUNK_S = 29.256


@pytest.mark.parametrize(
    "again",
    [
        expert(),
        expert(words=()),
        expert(seek=None),
        expert(seek=0),
        expert(avg_logprob=-0.3, no_speech_prob=0.2),
        expert(words=SLOW_WORDS, avg_logprob=-0.3, no_speech_prob=0.2),
        expert(words=FAST_WORDS, seek=0),
        expert(words=(), seek=2880),
        expert(avg_logprob=None, no_speech_prob=None),
    ],
    ids=[
        "as it was",
        "no words",
        "no window told",
        "in the same window",
        "good scores, unlikely words",
        "words with half of the time, no sound left",
        "words with 0.47 of the time",
        "three fifths of the time left",
        "no scores",
    ],
)
def test_text_without_time_that_the_engine_doubts_goes_though_somebody_just_spoke(again: Segment):
    judged = guard((BEFORE, again), everybody, CHUNK_S)

    assert judged.kept == (BEFORE,)
    (dropped,) = judged.dropped
    assert dropped.text == " You're the marketing expert."
    assert dropped.reason.startswith("impossible: ")


def test_what_was_said_before_is_not_said_again_in_a_second():
    """Whisper base on long/en_26min_clean.opus at 508 s, with 1.43 s of sound left; scores and words as they were."""
    text = " I'll say nothing of my antecedents, nor of the circumstances which led me to leave my native country."
    likely = (
        0.058,
        0.006,
        0.002,
        0.009,
        0.021,
        0.156,
        0.001,
        0.026,
        0.093,
        0.001,
        0.013,
        0.002,
        0.359,
        0.636,
        0.002,
        0.073,
    )
    words = tuple(
        Word(17.7 if n == 0 else 19.1, 19.1, f" {word}", one)
        for n, (word, one) in enumerate(zip(text.split(), (*likely, 0.001, 0.018), strict=True))
    )
    again = Segment(17.7, 19.1, text, words, avg_logprob=-0.678, no_speech_prob=0.796, seek=1770)

    assert [dropped.text for dropped in guard((again,), everybody, 19.128).dropped] == [text]


def test_words_of_a_fifth_of_a_second_that_the_engine_itself_finds_unlikely_go_in_the_middle_of_a_chunk():
    """The same recording at 1142.8 s, behind “Eight, the press yard.”"""
    words = tuple(
        Word(27.9 if n == 0 else 28.1, 28.1, text, likely)
        for n, (text, likely) in enumerate([(" And", 0.013), (" the", 0.026), (" press", 0.00014), (" yard.", 0.0001)])
    )
    again = Segment(27.9, 28.1, " And the press yard.", words, avg_logprob=-0.751, no_speech_prob=0.582, seek=2790)

    assert guard((again,), everybody, 29.5).kept == ()


@pytest.mark.parametrize(("likely", "instant", "stays"), [(0.018, 9, False), (0.018, 5, True), (0.3, 9, True)])
def test_unlikely_words_of_which_most_have_no_time_go_though_all_together_have_enough(
    likely: float, instant: int, stays: bool
):
    """Whisper base on long/ja_15min_clean.opus at 828.5 s, where nobody speaks for a second; the first case is as it was."""
    text = "ヘンゼルが4件くらいです。"
    pieces = ["ヘ", "ン", "ゼル", "が", "4", "件", "くらい", "で", "す", "。"]
    slow = len(pieces) - instant
    words = tuple(
        Word(min(28.96 + n * 0.1, 29.98) if n < slow else 29.98, 29.06 + n * 0.1 if n < slow else 29.98, piece, likely)
        for n, piece in enumerate(pieces)
    )
    again = Segment(28.96, 29.98, text, words, avg_logprob=-1.78, no_speech_prob=0.584, seek=2896)

    assert (guard((again,), everybody, 30.0).kept == (again,)) is stays


@pytest.mark.parametrize(("text", "likely"), [(" only.", 0.027), (" Okay.", 0.001), (" Right.", 1e-9)])
def test_one_word_may_be_unlikely_and_short_and_yet_be_said(text: str, likely: float):
    """“only.” ends a sentence at 864 s of that recording, in a window of its own, and is really said."""
    word = Segment(
        20.0, 20.02, text, (Word(20.0, 20.02, text, likely),), avg_logprob=-0.892, no_speech_prob=0.611, seek=2000
    )

    assert guard((word,), everybody, 20.6) == Guarded((word,))
    assert guard((word,), everybody, 20.1) == Guarded((word,))


SURE_WORDS = tuple((text, start_s, end_s, 0.4) for text, start_s, end_s, _ in EXPERT)


@pytest.mark.parametrize(
    "real",
    [
        expert(words=SURE_WORDS, avg_logprob=-0.3, no_speech_prob=0.2),
        expert(words=SURE_WORDS, seek=0),
        expert(words=SLOW_WORDS, seek=0),
        expert(words=(), seek=0),
        expert(words=(), seek=None),
        expert(words=(), avg_logprob=-0.4),
        expert(words=(), no_speech_prob=0.7),
        expert(words=(), seek=2865),
        expert(words=(), avg_logprob=None, no_speech_prob=None),
    ],
    ids=[
        "likely words and scores",
        "likely words, a whole window",
        "words with half of the time",
        "a whole window",
        "no sign of time",
        "the engine is rather sure of it",
        "it may hear speech",
        "four fifths of the time left",
        "no second sign",
    ],
)
def test_one_sign_that_a_text_was_not_said_is_not_enough(real: Segment):
    """Times err, and so do scores: real words had 46 % of the shortest time, and the scores -0.53 and 0.68."""
    assert guard((BEFORE, real), everybody, CHUNK_S) == Guarded((BEFORE, real))


def test_of_several_answers_times_are_no_sign():
    """They were moved apart where two answers overlap, or come from an aligner: a real word may be left with none."""
    assert guard((BEFORE, expert()), everybody).kept == (BEFORE, expert())


@pytest.mark.parametrize(("likely", "stays"), [(0.28, True), (0.06, True), (0.046, False)])
def test_words_without_time_stay_where_they_are_a_little_likely(likely: float, stays: bool):
    """Real text had 0.28 at the least, invented 0.046 at the most: docs/guard.md."""
    words = tuple((text, start_s, end_s, likely) for text, start_s, end_s, _ in EXPERT)
    again = expert(words=words, seek=0, avg_logprob=-0.3, no_speech_prob=0.2)

    judged = guard((BEFORE, again), everybody, CHUNK_S)

    assert [one.text for one in judged.dropped] == ([] if stays else [again.text])
