"""What NeMo tells of the times of its tokens, as parts of the text. Read for this file: nemo_toolkit 3.0.0."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from yamabiko.engines import wording

_PAUSE_S = 1.0
"""Where nobody speaks for so long, a segment ends."""
_LONGEST_TOKEN_S = 0.32
"""A CTC head tells when a token begins. Four steps of 80 ms."""


def of_ctc(times: Mapping[str, Any]) -> Mapping[str, Any]:
    """
    The times of a CTC head's tokens and words, from the frames in which it writes them.

    NeMo lets each token begin where the one before it does, however long the pause between them, and end where it begins
    itself (ctc_decoding.py, _compute_offsets). `timestep` are all frames that are not blank.
    """
    tokens, frames = times["char"], [int(frame) for frame in times["timestep"]]
    frame_s = next((token["end"] / token["end_offset"] for token in tokens if token["end_offset"]), None)
    if frame_s is None or not frames or any(token["start_offset"] != frames[0] for token in tokens[1:2]):
        return times  # as it would be, were that mended
    # The end of the last one is not its own where it is a full stop: then it is the first frame behind the one before it.
    begins = [frames[0], *(int(token["start_offset"]) for token in tokens[2:]), _last(tokens, frames)][: len(tokens)]
    timed = []
    for token, begin, follows in zip(tokens, begins, [*begins[1:], math.inf], strict=True):
        run = next(frame for frame in itertools.count(begin + 1) if frame not in frames or frame >= follows)
        end_s = max(run * frame_s, min(begin * frame_s + _LONGEST_TOKEN_S, follows * frame_s))
        timed.append({**token, "start": begin * frame_s, "end": end_s})
    # A word has the offsets of its first and of its last token.
    first = {token["start_offset"]: one for token, one in zip(reversed(tokens), reversed(timed), strict=True)}
    last = {token["end_offset"]: one for token, one in zip(tokens, timed, strict=True)}
    words = [
        {
            **word,
            "start": first.get(word["start_offset"], word)["start"],
            "end": last.get(word["end_offset"], word)["end"],
        }
        for word in times["word"]
    ]
    return {"char": timed, "word": words}


def _last(tokens: Sequence[Mapping[str, Any]], frames: Sequence[int]) -> int:
    """The frame in which the last token begins."""
    told, before = int(tokens[-1]["end_offset"]), int(tokens[-1]["start_offset"])
    return told if told > before else next((frame for frame in frames if frame > before), frames[-1])


def pieces(text: str, times: Mapping[str, Any], length_s: float) -> list[wording.Piece]:
    """The tokens as parts of the text, with their spaces; whole words where tokens do not spell it."""
    if not text.strip():
        return []
    tokens = [(_said(token["char"]), token) for token in times["char"]]
    parts = wording.laid_out(text, [said for said, _ in tokens])
    if parts is not None:
        timed = list(zip(parts, (token for _, token in tokens), strict=True))
    else:
        timed = [(wording.spaced(word["word"]), word) for word in times["word"]]
    found: list[wording.Piece] = []
    for part, token in timed:
        if not part:
            continue
        start_s = min(max(float(token["start"]), found[-1].start_s if found else 0.0), length_s)
        end_s = min(max(float(token["end"]), start_s), length_s)
        found.append(wording.Piece(part if found else wording.spaced(part.lstrip()), start_s, end_s))
    return found


def _said(token: str | Sequence[str]) -> str:
    """A transducer's decoder gives lists of one."""
    return token if isinstance(token, str) else "".join(token)


def sentences(pieces: Sequence[wording.Piece]) -> Iterator[list[wording.Piece]]:
    """Phrases, cut also where a full stop stands before a space."""
    for phrase in wording.phrases(pieces, _PAUSE_S):
        gathered: list[wording.Piece] = []
        for piece in phrase:
            if gathered and gathered[-1].text.endswith(".") and piece.text.startswith(" "):
                yield gathered
                gathered = []
            gathered.append(piece)
        if gathered:
            yield gathered
