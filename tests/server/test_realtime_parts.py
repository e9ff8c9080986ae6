"""The pure parts of live captions: sound, turns, and what of a text will not change any more."""

from __future__ import annotations

import itertools

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yamabiko.server.realtime.agreement import agreed, continued
from yamabiko.server.realtime.buffer import Buffer
from yamabiko.server.realtime.pace import Pace
from yamabiko.server.realtime.sound import _ALAW, _ULAW, Decoder, Resampler
from yamabiko.server.realtime.turn_detection import WINDOW, ServerVad, TurnDetector
from yamabiko.speech import Span

WORDS = st.text(alphabet="ab 今日。,", max_size=30)


@pytest.mark.parametrize("rate", [24_000, 8_000])
@given(cuts=st.lists(st.integers(0, 3000), max_size=8))
def test_blocks_of_any_size_join_to_the_same_sound(rate, cuts) -> None:
    sound = numpy.random.default_rng(5).uniform(-0.5, 0.5, 3000).astype("<f4")
    edges = [0, *sorted(cuts), 3000]
    filter_ = Resampler(rate)
    parts = [filter_.feed(sound[a:b]) for a, b in itertools.pairwise(edges)]
    numpy.testing.assert_allclose(numpy.concatenate(parts), Resampler(rate).feed(sound), atol=1e-6)


@pytest.mark.parametrize(
    ("rate", "pitch"), [(24_000, 300), (24_000, 3000), (24_000, 6500), (8_000, 300), (8_000, 3000)]
)
def test_a_tone_stays_what_it_is(rate, pitch) -> None:
    """Against the tone itself at 16 kHz: the expected value is mathematics."""
    heard = Resampler(rate).feed(numpy.sin(2 * numpy.pi * pitch * numpy.arange(rate) / rate).astype("<f4"))[2000:-2000]
    at = 2 * numpy.pi * pitch * numpy.arange(heard.size) / 16_000
    size = abs(numpy.exp(-1j * at) @ heard) * 2 / heard.size
    assert size == pytest.approx(1, abs=0.012)
    assert numpy.sqrt(numpy.mean(heard**2)) == pytest.approx(0.5**0.5, abs=0.01)


def test_what_16_khz_cannot_hold_is_gone() -> None:
    tone = numpy.sin(2 * numpy.pi * 9500 * numpy.arange(24_000) / 24_000).astype("<f4")
    assert numpy.abs(Resampler(24_000).feed(tone)[1000:-1000]).max() < 1e-3


def test_g711_is_as_the_recommendation_has_it() -> None:
    """Values of ITU-T G.711's tables, scaled to 16 bits."""
    assert [round(float(_ULAW[code]) * 32768) for code in (0x00, 0x80, 0x7F, 0xFF, 0x0F)] == [
        -32124,
        32124,
        0,
        0,
        -16764,
    ]
    assert [round(float(_ALAW[code]) * 32768) for code in (0x55, 0xD5, 0x2A, 0xAA, 0x00)] == [
        -8,
        8,
        -32256,
        32256,
        -5504,
    ]


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="whole number"):
        Decoder("audio/pcm").samples(b"odd")


def test_the_buffer_keeps_places() -> None:
    buffer = Buffer()
    for start in range(0, 100, 10):
        buffer.append(numpy.arange(start, start + 10, dtype=numpy.float32))
    buffer.forget_before(37)
    assert (buffer.start, buffer.end) == (37, 100)
    assert buffer.read(Span(39, 62)).tolist() == list(range(39, 62))
    with pytest.raises(ValueError):
        buffer.read(Span(36, 40))


# ---- turns ------------------------------------------------------------------------------------------------------------------


def test_a_turn_has_padding_before_and_silence_behind() -> None:
    detector = TurnDetector(ServerVad(prefix_padding_ms=320, silence_duration_ms=320))
    heard = [detector.step(p) for p in [0.0] * 20 + [0.9] * 30 + [0.0] * 20]
    told = [(number, one.what, one.place) for number, one in enumerate(heard) if one]
    assert told == [(22, "speech", 10 * WINDOW), (59, "silence", 60 * WINDOW)]


def test_a_short_pause_and_a_click_are_no_turns() -> None:
    detector = TurnDetector(ServerVad(silence_duration_ms=320))
    assert not any(detector.step(p) for p in [0.9, 0.9, 0.0] * 20)
    heard = [detector.step(p) for p in ([0.9] * 10 + [0.0] * 8) * 5]
    assert [one.what for one in heard if one] == ["speech"]


# ---- text -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "now", "sure"),
    [
        ("Good morning", "Good morning and", "Good"),
        ("Good morning and welcome to the music.", "Good morning and welcome to the museum.", "Good morning and welcome to the"),
        ("to the museum.", "to the museum. The tour", "to the"),
        ("今日は。", "今日は朝から", "今日は"),
        ("今日は朝から雨が", "今日は朝から雨が降って", "今日は朝から"),
        ("", "anything", ""),
        ("one", "two", ""),
    ],
)  # fmt: skip
def test_only_what_both_say_and_is_over_is_sure(before, now, sure) -> None:
    assert agreed(before, now) == sure


@given(before=WORDS, now=WORDS)
def test_what_is_sure_stands_in_both(before, now) -> None:
    sure = agreed(before, now)
    assert before.startswith(sure)
    assert now.startswith(sure)


@given(shown=WORDS, whole=WORDS)
def test_the_rest_completes_what_was_shown_or_says_that_it_does_not(shown, whole) -> None:
    rest, same = continued(shown, whole)
    assert same == (shown + rest == whole) or not same
    assert whole.endswith(rest)


def test_a_changed_mind_costs_no_word_that_comes_behind() -> None:
    assert continued("Good morning, and welcome", "Good morning and welcome to the museum") == (" to the museum", False)


# ---- pace -------------------------------------------------------------------------------------------------------------------


def test_only_a_machine_that_falls_behind_is_called_slow() -> None:
    pace = Pace()
    pace.finished(audio_s=1, work_s=2, engine_s=2, late_s=2)  # a short word: slow, and yet in time
    assert not pace.behind
    pace.finished(audio_s=60, work_s=30, engine_s=30, late_s=40)  # a whole file at once: late, and yet fast
    assert not pace.behind
    pace = Pace()
    pace.finished(audio_s=10, work_s=15, engine_s=12, late_s=15)
    assert pace.behind
    finding = pace.finding("large-v3")
    assert "1.5" in finding.cause.en
    assert "1.20" in finding.evidence[0]
