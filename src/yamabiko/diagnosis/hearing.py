"""What stands around a line of a failure's words: whose failure it was, what was said after it, what denies it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import takewhile

from yamabiko.diagnosis.complaints import sounds_bad
from yamabiko.diagnosis.endings import tells_an_end, tells_an_interrupt
from yamabiko.diagnosis.log_lines import beginnings
from yamabiko.diagnosis.spoken import is_speech

LONGEST_LINE = 2_000
"""Characters; what floods its output must not stall us."""
_LONGEST_TRACEBACK = 60
_ABOVE_A_TRACEBACK = 2
"""Lines: `Process ForkProcess-1:` stands there."""
_FRAME = re.compile(r"\s*File \"|\s+at \S+.*\(|\s*#\d+ ")


def theirs(whose: tuple[str, ...], line: str, lines: Sequence[str], engine: str) -> bool | None:
    """
    Whether a failure was one of theirs, by the line, the traceback above it and the engine.

    False: a traceback tells that it was another's. None: nothing tells.
    """
    around = tuple(_around(line, lines, engine))
    if any(pattern.search(one[:LONGEST_LINE]) for pattern in _patterns(whose) for one in around):
        return True
    return False if line and any(_FRAME.match(one[:LONGEST_LINE]) for one in around) else None


def _around(line: str, lines: Sequence[str], engine: str) -> Iterator[str]:
    """The engine's name, the line, the traceback above it; of an end alone, the newest lines."""
    yield engine
    at = len(lines) - 1 - lines[::-1].index(line) if line else len(lines) - 1
    for place in range(at, max(-1, at - _LONGEST_TRACEBACK - 1), -1):
        yield lines[place]
        if line and "Traceback (most recent call last)" in lines[place][:LONGEST_LINE]:
            yield from lines[max(0, place - _ABOVE_A_TRACEBACK) : place]
            return


def is_the_last(line: str, lines: Sequence[str], then_only: tuple[str, ...]) -> bool:
    """Whether nothing but these stands below it, and nothing with its own beginning: a bar that has moved on."""
    at = len(lines) - 1 - lines[::-1].index(line)
    own = line.partition(":")[0].strip()
    below_it = takewhile(lambda below: not tells_an_interrupt(below), lines[at + 1 :])
    return all(
        not below.strip()
        or tells_an_end(below)
        or (below.partition(":")[0].strip() != own and any(p.match(below.strip()) for p in _patterns(then_only)))
        for below in below_it
    )


def tells_of_more_than_an_end(lines: Sequence[str]) -> bool:
    """Whether a program speaks of a failure, besides the end of a process itself."""
    return any(
        sounds_bad(line) and not tells_an_end(line) and not is_speech(lines, at) for at, line in enumerate(lines)
    )


def says(lines: Sequence[str], patterns: tuple[str, ...]) -> bool:
    """Whether a program's own line begins with one of these."""
    return any(
        pattern.search(line[:LONGEST_LINE])
        and any(pattern.match(line[:LONGEST_LINE], start) for start in beginnings(line[:LONGEST_LINE]))
        and not is_speech(lines, at)
        for pattern in _patterns(patterns)
        for at, line in enumerate(lines)
    )


@cache
def _patterns(words: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(word, re.IGNORECASE) for word in words)
