"""
Lines and cues for one phrase: the cheapest way to cut it, over all ways.

A line is never wider than the limit where any cut allows it. First come the
places between words; a word wider than a line is cut inside as the last
resort, rather than run over the edge of the screen. What may never begin or
end a line (JIS X 4051) is kept even then: a row of a hundred ー runs over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from yamabiko.formats.breaking import CLAUSE, INSIDE_WORD, NEVER, SENTENCE, Glyph, costs
from yamabiko.formats.contract import Layout

_SLACK = 80.0
"""Of an empty line; grows with the square, so that two lines of a cue come out alike."""
_NEW_LINE = 15.0
_NEW_CUE = 60.0
_OVER = 5000.0
_PAUSE_S = 0.5
_PAUSE_RELIEF = 35.0
_PLACES_A_LINE = 32
"""At most so many places to end a line are weighed for each, so that wide lines cost no more time than narrow ones."""
_PLACES_IN_A_WORD = 4

Lines = list[tuple[Glyph, ...]]


@dataclass(frozen=True, slots=True)
class _Atom:
    """What no line cuts: glyphs `start` to `end`, the last maybe a space that is not shown at the end of a line."""

    start: int
    end: int
    width: int
    trailing: int
    """Columns of that space."""
    words: int
    """Words that begin in it."""
    after: float
    """Cost of ending a line after it."""
    cue_after: float
    """Cost of ending a cue after it."""


def cut(glyphs: Sequence[Glyph], words_known: bool, layout: Layout, language: str | None = None) -> list[Lines]:
    """
    The glyphs as cues of lines, in order; nothing is lost but spaces at line ends.

    `glyphs` begins and ends with something visible and holds no two spaces in a row.
    """
    count = layout.max_line_count if layout.max_words_per_line is None else 1
    atoms = _atoms(glyphs, costs(glyphs, words_known, language), layout)
    found: list[Lines] = []
    for cue in _cheapest(atoms, layout.max_line_width, layout.max_words_per_line, count):
        lines: Lines = []
        for first, last in cue:
            line = glyphs[atoms[first].start : atoms[last - 1].end]
            lines.append(tuple(line[:-1] if line[-1].is_space else line))
        found.append(lines)
    return found


# ---- what a line may hold --------------------------------------------------------------------------------------------


def _atoms(glyphs: Sequence[Glyph], after: Sequence[float], layout: Layout) -> list[_Atom]:
    width = layout.max_line_width
    columns = list(accumulate((glyph.width for glyph in glyphs), initial=0))
    between = [i for i in range(len(glyphs) - 1) if after[i] < INSIDE_WORD]
    if width is not None:
        between = _thinned(between, after, columns, width // _PLACES_A_LINE)
    ends: list[int] = []
    start = 0
    for end in [*between, len(glyphs) - 1]:
        if width is not None and columns[end + 1] - columns[start] - _trailing(glyphs[end]) > width:
            inside = [i for i in range(start, end) if after[i] < NEVER]
            ends += _thinned(inside, after, columns, width // _PLACES_IN_A_WORD)
        ends.append(end)
        start = end + 1
    starts = [0, *(end + 1 for end in ends[:-1])]
    atoms = [_atom(glyphs, start, end, after) for start, end in zip(starts, ends, strict=True)]
    return atoms if width is not None else _whole_words(glyphs, atoms, after)


def _thinned(places: Sequence[int], after: Sequence[float], columns: Sequence[int], window: int) -> list[int]:
    """The cheapest place in each stretch of `window` columns."""
    if window <= 1:
        return list(places)
    best: dict[int, int] = {}
    for place in places:
        stretch = columns[place] // window
        if stretch not in best or after[place] <= after[best[stretch]]:
            best[stretch] = place
    return list(best.values())


def _whole_words(glyphs: Sequence[Glyph], atoms: Sequence[_Atom], after: Sequence[float]) -> list[_Atom]:
    """Without a line width, only the number of words can end a line: parts of a word are one."""
    starts = [atom.start for atom in atoms if atom.words or atom.start == 0]
    ends = [*(start - 1 for start in starts[1:]), len(glyphs) - 1]
    return [_atom(glyphs, start, end, after) for start, end in zip(starts, ends, strict=True)]


def _atom(glyphs: Sequence[Glyph], start: int, last: int, after: Sequence[float]) -> _Atom:
    own = glyphs[start : last + 1]
    trailing = _trailing(own[-1])
    words, before = 0, glyphs[start - 1].word if start else None
    for glyph in own:
        if not glyph.is_space and glyph.word != before:
            words, before = words + 1, glyph.word
    pause = last + 1 < len(glyphs) and glyphs[last + 1].start_s - own[-1].end_s >= _PAUSE_S
    # A cue should end where the thought does, more so than a line.
    weight = 1.0 if after[last] <= SENTENCE else 1.5 if after[last] <= CLAUSE else 1.75
    cue_after = _NEW_CUE + after[last] * weight - (_PAUSE_RELIEF if pause else 0.0)
    width = sum(glyph.width for glyph in own) - trailing
    return _Atom(start, last + 1, width, trailing, words, after[last] + _NEW_LINE, cue_after)


def _trailing(glyph: Glyph) -> int:
    return glyph.width if glyph.is_space else 0


# ---- the cheapest way ------------------------------------------------------------------------------------------------

_Step = tuple[int, int, bool]
"""Where the last line began: atom, lines before it in its cue; and whether it ended the cue."""


def _cheapest(
    atoms: Sequence[_Atom], width: int | None, words: int | None, count: int | None
) -> list[list[tuple[int, int]]]:
    """
    Cues, each a list of lines, each a range of atoms.

    Dynamic programming over (atoms set so far, lines before in the open cue).
    With no limit on lines (`count` None) all lines are one cue.
    """
    n = len(atoms)
    total = sum(atom.width + atom.trailing for atom in atoms)
    if words is None and (width is None or total <= width):
        return [[(0, n)]]
    # A cue may have no more lines than there are atoms, whatever was asked.
    states = 1 if count is None else min(count, n)
    best = [[NEVER] * states for _ in range(n + 1)]
    steps: list[list[_Step]] = [[(0, 0, True)] * states for _ in range(n + 1)]
    best[0][0] = 0.0
    for i in range(n):
        reached = [(k, cost) for k, cost in enumerate(best[i]) if cost < NEVER]
        k_least, least = min(reached, key=lambda pair: pair[1])
        for j, looks in _lines_from(atoms, i, width, words):
            there, step = best[j], steps[j]
            ends_cue = j == n or count is not None
            cost = least + looks + (0.0 if j == n else atoms[j - 1].cue_after)
            if ends_cue and cost < there[0]:
                there[0], step[0] = cost, (i, k_least, True)
            if j == n:
                continue
            looks += atoms[j - 1].after
            for k, cost_k in reached:
                to = 0 if count is None else k + 1
                if to < states and cost_k + looks < there[to]:
                    there[to], step[to] = cost_k + looks, (i, k, False)
    return _walk_back(steps, n)


def _lines_from(atoms: Sequence[_Atom], i: int, width: int | None, words: int | None) -> list[tuple[int, float]]:
    """Where a line that begins with atom `i` may end, each with the cost of its looks."""
    found: list[tuple[int, float]] = []
    columns = said = trailing = 0
    for j in range(i, len(atoms)):
        atom = atoms[j]
        columns += trailing + atom.width
        trailing = atom.trailing
        said += atom.words
        over = width is not None and columns > width
        if j > i and (over or (words is not None and said > words)):
            break
        if width is None:
            looks = 0.0
        elif over:
            looks = _OVER + columns - width
        else:
            looks = _SLACK * (1 - columns / width) ** 2
        found.append((j + 1, looks))
    return found


def _walk_back(steps: Sequence[Sequence[_Step]], n: int) -> list[list[tuple[int, int]]]:
    cues: list[list[tuple[int, int]]] = []
    j, k = n, 0
    while j > 0:
        i, before, ends_cue = steps[j][k]
        if ends_cue:
            cues.append([])
        cues[-1].append((i, j))
        j, k = i, before
    return [cue[::-1] for cue in cues[::-1]]
