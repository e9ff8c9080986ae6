"""
Text that nobody said: what Whisper writes into silence, and phrases it repeats without end. Pure.

No sign is enough by itself for what people could have said: somebody may end a talk with “Thanks for watching”, say
“はい、はい、はい”, or read a list that compresses as well as a loop. Two independent signs are asked for, but of a phrase
that fills the answer to its end (`ENDLESS_TIMES`): who really says one so often loses copies of it. Where the speech
finder hears somebody, the scores of the engine count for nothing. Figures: docs/guard.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby

from yamabiko.speech import Dropped, Segment
from yamabiko.transcription.merge import written_without_spaces
from yamabiko.transcription.stock_phrases import Kind, bare, stock_phrase

Hears = Callable[[float, float], float | None]
"""
How likely somebody speaks somewhere between two times, on the clock of the segments: the best half second of it.

None: nobody listened. 0: nothing sounds there at all.
"""

NOTHING_HEARD = 0.1
"""The best half second beneath real text is 0.89 at the least: docs/guard.md."""
HARDLY_HEARD = 0.5
SURELY_NO_SPEECH = 0.6
"""Whisper's own threshold of `no_speech_prob`."""
UNLIKELY_LOGPROB = -1.0
"""Whisper's own threshold of `avg_logprob`: below it, it tries again."""
DOUBTFUL_LOGPROB = -0.5
FAST_UNSPACED = 20.0
"""Letters a second that nobody speaks: Japanese news has 6 to 9, a rapid talker 12."""
FAST_SPACED = 40.0
"""As above, where words have spaces: fast English is 20."""
TIMES_ERR_S = 1.0
"""By so much the times of a segment may be wrong at either end."""
LOOP_TIMES, LOOP_LETTERS = 5, 20
"""From so many repetitions and letters on, a repeated phrase is a loop, if there is another sign."""
ENDLESS_TIMES, ENDLESS_LETTERS = 15, 60
"""A phrase that fills the answer to its end needs no other sign; and one of its copies stays."""
SAME_SEGMENTS = 4
"""So many segments of the same text in a row are a loop, if there is another sign."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """Together the text that came in, in its order."""

    kept: tuple[Segment, ...]
    dropped: tuple[Dropped, ...] = ()
    """On the clock of the segments."""


def guard(segments: Sequence[Segment], hears: Hears) -> Guarded:
    """
    `segments`, ordered, without what nobody said. What it keeps, it keeps again.

    A segment stays whole, goes whole, or loses the repetitions at its end: then its first copy stays, with the times of
    its words, or with the share of its time that its letters have.
    """
    kept, dropped = tuple(segments), list[Dropped]()
    while True:
        passed = _pass(kept, hears)
        dropped += passed.dropped
        if not passed.dropped:
            return Guarded(kept, tuple(sorted(dropped, key=lambda one: one.start_s)))
        kept = passed.kept


def _pass(segments: Sequence[Segment], hears: Hears) -> Guarded:
    kept: list[Segment] = []
    dropped: list[Dropped] = []
    again = _said_again(segments)
    for place, segment in enumerate(segments):
        signs = _signs(segments, place, hears)
        if (reason := signs.reason(again[place])) is not None:
            dropped.append(_dropped(segment, reason))
            continue
        start = _loop(segment.text, doubtful=signs.doubtful)
        if start is None:
            kept.append(segment)
            continue
        whole, rest = _cut(segment, start)
        kept.append(whole)
        dropped.append(_dropped(rest, "repeated: one phrase to the end of the answer"))
    return Guarded(tuple(kept), tuple(dropped))


def _dropped(segment: Segment, reason: str) -> Dropped:
    return Dropped(segment.start_s, segment.end_s, segment.text, reason)


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
        surely_none = self.no_speech > SURELY_NO_SPEECH and self.logprob < DOUBTFUL_LOGPROB
        return surely_none or (self.no_speech > 0.5 and self.logprob < UNLIKELY_LOGPROB)

    @property
    def rare(self) -> bool:
        """A stock phrase that nobody says twice on end. “Thank you. Thank you. Thank you.” is what applause hears."""
        return self.phrase in ("spoken", "written")

    @property
    def doubtful(self) -> bool:
        """Any sign at all, beside text that repeats itself."""
        poor = self.logprob is not None and self.logprob < UNLIKELY_LOGPROB
        silent = self.no_speech is not None and self.no_speech > SURELY_NO_SPEECH and not self.somebody
        hardly = self.heard is not None and not self.somebody
        return self.rare or self.fast or self.squeezed or poor or silent or hardly

    def reason(self, said_before: bool) -> str | None:
        """Why nobody said it; None: perhaps somebody did."""
        score = self._scores()
        if self.phrase and (why := self._no_phrase(said_before)):
            return f"stock phrase: {why}{score}"
        if said_before and self.doubtful:
            return f"repeated: the same segment over and over{score}"
        if self.nobody and not (self.logprob is not None and self.logprob > DOUBTFUL_LOGPROB / 2):
            return f"no speech: nobody is heard there{score}"
        if self.unlikely:
            return f"no speech: the engine doubts both speech and text{score}"
        if self.fast and (self.squeezed or (self.logprob is not None and self.logprob < UNLIKELY_LOGPROB)):
            return f"impossible: more text than can be said in that time{score}"
        return None

    def _no_phrase(self, said_before: bool) -> str | None:
        if self.heard is not None and not self.somebody:
            return "hardly anybody is heard there"
        if said_before and self.rare:
            return "over and over"
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


def _signs(segments: Sequence[Segment], place: int, hears: Hears) -> _Signs:
    segment = segments[place]
    timed = math.isfinite(segment.start_s) and math.isfinite(segment.end_s)
    return _Signs(
        phrase=stock_phrase(segment.text),
        heard=hears(segment.start_s, segment.end_s) if timed and segment.text.strip() else None,
        logprob=_figure(segment.avg_logprob),
        no_speech=_figure(segment.no_speech_prob),
        fast=timed and _fast(segments, place),
        squeezed=len(segment.words) >= 10
        and sum(word.end_s - word.start_s < 0.03 for word in segment.words) > 0.8 * len(segment.words),
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
    letters = bare(segment.text)
    unspaced = sum(map(written_without_spaces, letters))
    return unspaced / FAST_UNSPACED + (len(letters) - unspaced) / FAST_SPACED > room_s


# ---- text that repeats itself ------------------------------------------------------------------------------------------


def _said_again(segments: Sequence[Segment]) -> list[bool]:
    """Of each segment, whether it repeats the one before it in a row of at least `SAME_SEGMENTS`."""
    found: list[bool] = []
    for text, row in groupby(bare(segment.text) for segment in segments):
        count = len(list(row))
        found += [bool(text) and count >= SAME_SEGMENTS and place > 0 for place in range(count)]
    return found


_bare = lru_cache(4096)(bare)


def _loop(text: str, *, doubtful: bool) -> int | None:
    """
    Where in `text` the repetitions begin that go on to its end; the first copy lies before. None: it does not loop.

    `doubtful`: something else speaks against the text too.
    """
    found = [(place, letter) for place, character in enumerate(text) if (letter := _bare(character))]
    places, letters = [place for place, _ in found], [letter for _, letter in found]
    times, least = (LOOP_TIMES, LOOP_LETTERS) if doubtful else (ENDLESS_TIMES, ENDLESS_LETTERS)
    for period in range(1, len(letters) // times + 1):
        at = len(letters) - period
        while at > 0 and letters[at - 1] == letters[at - 1 + period]:
            at -= 1
        length = len(letters) - at
        if length >= least and length >= period * times:
            return len(text[: places[at + period]].rstrip())  # a space belongs to the word after it
    return None


def _cut(segment: Segment, place: int) -> tuple[Segment, Segment]:
    """`segment` before and from the character `place` of its text on."""
    head, tail = segment.text[:place], segment.text[place:]
    words, written = 0, 0
    for word in segment.words:
        written += len(word.text)
        if written > place:
            break
        words += 1
    if 0 < words < len(segment.words) and math.isfinite(segment.words[words - 1].end_s):
        cut_s = segment.words[words - 1].end_s
    else:
        cut_s = segment.start_s + (segment.end_s - segment.start_s) * place / len(segment.text)
    cut_s = min(max(cut_s, segment.start_s), segment.end_s) if segment.start_s <= segment.end_s else segment.end_s
    kept = replace(segment, text=head, end_s=cut_s, words=segment.words[:words], tokens=(), compression_ratio=None)
    return kept, replace(segment, start_s=cut_s, text=tail, words=segment.words[words:])
