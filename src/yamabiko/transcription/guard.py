"""
Text that nobody said: what Whisper writes into silence, and phrases it repeats without end. Pure.

No sign is enough by itself for what people could have said: somebody may end a talk with “Thanks for watching”, say
“はい、はい、はい”, or read a list that compresses as well as a loop. Two independent signs are asked for. Where the speech
finder hears somebody, the scores of the engine count for nothing. Figures: docs/guard.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from yamabiko.speech import Dropped, Segment
from yamabiko.transcription.repeats import NO_TIME_S, Repeat, cut_off, repeats, shortest_s, surplus, without_time
from yamabiko.transcription.stock_phrases import Kind, stock_phrase

Hears = Callable[[float, float], float | None]
"""
How likely somebody speaks somewhere between two times, on the clock of the segments: the best half second of it.

None: nobody listened. 0: nothing sounds there at all.
"""

Speaks = Callable[[float, float], float]
"""For how many seconds somebody surely speaks between two times, on the clock of the segments."""

NOTHING_HEARD = 0.1
"""The best half second beneath real text is 0.89 at the least: docs/guard.md."""
HARDLY_HEARD = 0.5
SURELY_NO_SPEECH = 0.6
"""Whisper's own threshold of `no_speech_prob`."""
NO_SPEECH_IF_DOUBTED = 0.75
"""By so much, where it doubts its text too: Whisper gave 0.68 and `avg_logprob` -0.53 to words that were really said."""
NO_SPEECH_WHATEVER_IT_SAYS = 0.9
"""Whatever its text: Whisper base gave 0.93 to 0.99 to silence and noise."""
UNLIKELY_LOGPROB = -1.0
"""Whisper's own threshold of `avg_logprob`: below it, it tries again."""
DOUBTFUL_LOGPROB = -0.5
UNLIKELY_WORDS = 0.05
"""Mean probability of the words of a text (geometric): 0.28 for real text at the least, 0.046 and less for invented."""
FEW_WORDS = 3
"""Fewer may be unlikely and said: Whisper base gave 0.027 to a real “only.”"""
NO_TIME_SHARE = 0.5
"""Of the shortest time in which a text can be said. By itself no sign: a real “Okay.” had 60 ms, 0.45 of it."""
NO_SOUND_SHARE = 0.75
"""
The same of the sound that an engine had left, whose length does not err; a word may be cut in two by it. Real text had
1.7 of it at the least, invented 0.67 at the most.
"""
TIMES_ERR_S = 1.0
"""By so much the times of a segment may be wrong at either end."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """Together the text that came in, in its order."""

    kept: tuple[Segment, ...]
    dropped: tuple[Dropped, ...] = ()
    """On the clock of the segments."""


def guard(
    segments: Sequence[Segment], hears: Hears, end_s: float | None = None, speaks: Speaks | None = None
) -> Guarded:
    """
    `segments`, ordered, without what nobody said. What it keeps, it keeps again.

    `end_s`: where the sound ends that all of them answer, which begins at 0; None: they are of several answers, and
    nothing is said of how much of a phrase, or of a text, there was time for. `speaks`: None: nobody listened. A segment
    stays whole, goes whole, or loses the repetitions at its end: at least one copy stays.
    """
    kept, dropped = tuple(segments), list[Dropped]()
    while True:
        passed = _pass(kept, hears, end_s)
        if not passed.dropped:
            passed = _copies(kept, hears, end_s, speaks)
        dropped += passed.dropped
        if not passed.dropped:
            return Guarded(kept, tuple(sorted(dropped, key=lambda one: one.start_s)))
        kept = passed.kept


def _pass(segments: Sequence[Segment], hears: Hears, end_s: float | None) -> Guarded:
    kept: list[Segment] = []
    dropped: list[Dropped] = []
    for place, segment in enumerate(segments):
        reason = _signs(segments, place, hears, end_s).reason()
        if reason is None:
            kept.append(segment)
        else:
            dropped.append(Dropped(segment.start_s, segment.end_s, segment.text, reason))
    return Guarded(tuple(kept), tuple(dropped))


# ---- the signs of one segment ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Signs:
    phrase: Kind | None
    heard: float | None
    logprob: float | None
    no_speech: float | None
    fast: bool
    """More text than anybody could say from the segment before it to the one after it."""
    squeezed: bool
    """Its words have no time."""
    timeless: bool
    """It has not half of the time that it takes to say it, or most of its words begin and end at the same moment."""
    unheard: bool
    """The engine had less sound left to listen to, when it wrote it, than it takes to say it."""
    unlikely_words: bool

    @property
    def nobody(self) -> bool:
        return self.heard is not None and self.heard < NOTHING_HEARD

    @property
    def somebody(self) -> bool:
        return self.heard is not None and self.heard >= HARDLY_HEARD

    @property
    def unlikely(self) -> bool:
        """By Whisper's own two scores: it doubts both the sound and its text."""
        if self.somebody or self.no_speech is None or self.logprob is None:
            return False
        return self.doubted or (self.no_speech > 0.5 and self.logprob < UNLIKELY_LOGPROB)

    @property
    def doubted(self) -> bool:
        """By both scores, whoever is heard."""
        if self.no_speech is None or self.logprob is None:
            return False
        return self.no_speech > NO_SPEECH_IF_DOUBTED and self.logprob < DOUBTFUL_LOGPROB

    def reason(self) -> str | None:
        """Why nobody said it; None: perhaps somebody did."""
        score = self._scores()
        if self.phrase and (why := self._no_phrase()):
            return f"stock phrase: {why}{score}"
        if self.nobody and not (self.logprob is not None and self.logprob > DOUBTFUL_LOGPROB / 2):
            return f"no speech: nobody is heard there{score}"
        if self.unlikely:
            return f"no speech: the engine doubts both speech and text{score}"
        if self.fast and (self.squeezed or (self.logprob is not None and self.logprob < UNLIKELY_LOGPROB)):
            return f"impossible: more text than can be said in that time{score}"
        if self.unheard and (self.doubted or self.unlikely_words):
            return f"impossible: more text than the engine had sound left to hear, and it doubts it{score}"
        if self.timeless and self.unlikely_words:
            return f"impossible: it has no time, and its words are unlikely{score}"
        return None

    def _no_phrase(self) -> str | None:
        if self.heard is not None and not self.somebody:
            return "hardly anybody is heard there"
        if self.unlikely or (self.heard is None and self.no_speech is not None and self.no_speech > SURELY_NO_SPEECH):
            return "the engine hears no speech"
        limit = DOUBTFUL_LOGPROB if self.phrase == "written" else UNLIKELY_LOGPROB
        if self.logprob is not None and self.logprob < limit:
            return "the engine doubts it"
        return "too fast to be said" if self.fast else None

    def _scores(self) -> str:
        figures = (("speech", self.heard), ("avg_logprob", self.logprob), ("no_speech_prob", self.no_speech))
        told = ", ".join(f"{name} {figure:.2f}" for name, figure in figures if figure is not None)
        return f" ({told})" if told else ""


def _signs(segments: Sequence[Segment], place: int, hears: Hears, end_s: float | None) -> _Signs:
    segment = segments[place]
    timed = math.isfinite(segment.start_s) and math.isfinite(segment.end_s)
    return _Signs(
        phrase=stock_phrase(segment.text),
        heard=hears(segment.start_s, segment.end_s) if timed and segment.text.strip() else None,
        logprob=_figure(segment.avg_logprob),
        no_speech=_figure(segment.no_speech_prob),
        fast=timed and _fast(segments, place),
        squeezed=len(segment.words) >= 10
        and sum(word.end_s - word.start_s < NO_TIME_S for word in segment.words) > 0.8 * len(segment.words),
        # Of several answers, times are no longer the engine's own: they were moved apart, or aligned.
        timeless=end_s is not None and timed and _timeless(segment),
        unheard=end_s is not None and _unheard(segment, end_s),
        unlikely_words=_unlikely_words(segment),
    )


def _figure(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _fast(segments: Sequence[Segment], place: int) -> bool:
    """Whether the text could not be said even in all of the time from the segment before it to the one after it."""
    segment = segments[place]
    before = max((one.end_s for one in segments[:place][-1:]), default=segment.start_s)
    after = min((one.start_s for one in segments[place + 1 :][:1]), default=segment.end_s)
    room_s = max(after, segment.end_s) - min(before, segment.start_s) + 2 * TIMES_ERR_S
    if not math.isfinite(room_s):
        return False
    return shortest_s(segment.text) > room_s


def _timeless(segment: Segment) -> bool:
    instant = sum(word.end_s - word.start_s < NO_TIME_S for word in segment.words)
    too_short = segment.end_s - segment.start_s < NO_TIME_SHARE * shortest_s(segment.text)
    return too_short or instant > len(segment.words) / 2


def _unheard(segment: Segment, end_s: float) -> bool:
    """An engine that goes from window to window may have one left of a few hundredths of a second, and writes of it."""
    return segment.seek is not None and end_s - segment.seek / 100 < NO_SOUND_SHARE * shortest_s(segment.text)


def _unlikely_words(segment: Segment) -> bool:
    likely = [_figure(word.probability) for word in segment.words]
    logs = [math.log(max(one, 1e-9)) for one in likely if one is not None]
    return len(logs) == len(likely) >= FEW_WORDS and sum(logs) / len(logs) < math.log(UNLIKELY_WORDS)


# ---- a phrase over and over --------------------------------------------------------------------------------------------


def _copies(segments: Sequence[Segment], hears: Hears, end_s: float | None, speaks: Speaks | None) -> Guarded:
    """Without the copies of the last phrase for which there is a second sign."""
    for repeat in reversed(repeats(segments)):
        stock = _never_so_often(segments, repeat, speaks)
        for copy, why, covered in (
            (stock, "nobody says this stock phrase over and over", bool(stock)),
            (0, _nobody_repeats(segments, repeat, hears), False),
            (None if end_s is None else without_time(segments, repeat), "its last copies take no time", True),
            (_too_many(segments, repeat, end_s), "more copies than can be said in that time", True),
        ):
            if copy is not None and why:
                return Guarded(*cut_off(segments, repeat, copy, f"repeated: {why}", covered=covered))
    return Guarded(tuple(segments))


def _never_so_often(segments: Sequence[Segment], repeat: Repeat, speaks: Speaks | None) -> int | None:
    """From which copy on a stock phrase is no longer said: behind as many as there is speech for, if somebody listened."""
    if stock_phrase(repeat.phrase) not in ("spoken", "written"):
        return None
    held = _held(segments, repeat)
    if speaks is None or not all(math.isfinite(one.start_s) and math.isfinite(one.end_s) for one in held):
        return 0
    return surplus(segments, repeat, sum(speaks(one.start_s, one.end_s) for one in held))


def _held(segments: Sequence[Segment], repeat: Repeat) -> Sequence[Segment]:
    """What holds its copies from the second on. The first may really be said."""
    return segments[repeat.copies[0][0] : repeat.last + 1]


def _nobody_repeats(segments: Sequence[Segment], repeat: Repeat, hears: Hears) -> str | None:
    held = _held(segments, repeat)
    heard = [hears(one.start_s, one.end_s) for one in held if math.isfinite(one.start_s) and math.isfinite(one.end_s)]
    known = [one for one in heard if one is not None]
    if known:
        return "hardly anybody is heard there" if max(known) < HARDLY_HEARD else None
    scores = [_figure(one.no_speech_prob) for one in held]
    if all(one is not None and one > NO_SPEECH_WHATEVER_IT_SAYS for one in scores):
        return f"the engine hears no speech (no_speech_prob {scores[0]:.2f})"
    return None


def _too_many(segments: Sequence[Segment], repeat: Repeat, end_s: float | None) -> int | None:
    if end_s is None:
        return None
    first = repeat.copies[0][0]
    before = segments[first - 1].end_s - TIMES_ERR_S if first else 0.0
    after = segments[repeat.last + 1].start_s + TIMES_ERR_S if repeat.last + 1 < len(segments) else end_s
    return surplus(segments, repeat, min(after, end_s) - max(before, 0.0))
