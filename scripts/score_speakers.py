"""
How well speakers are told apart: the diarization error rate of each recording with an RTTM beside it.

    YAMABIKO_HOME=FOLDER python scripts/score_speakers.py RECORDINGS [--speakers N]

FOLDER holds the engine campplus and its model. The rate is what was missed, heard where nobody speaks and given to the
wrong person, in seconds of speech of the RTTM, with people paired so that it is least; overlapped speech counts, once
without a collar and once with 0.25 s around each border left out.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy

from yamabiko import settings
from yamabiko.audio.decode import decode
from yamabiko.audio.speaker_turns import Heard, speakers
from yamabiko.engines.catalog import SPEAKER_FINDER
from yamabiko.engines.contract import SpeakerCount
from yamabiko.scheduling import signals
from yamabiko.scheduling.pool import Pool
from yamabiko.scheduling.scheduler import Conduct, Run
from yamabiko.scheduling.setup import Wish, prepare
from yamabiko.speech import Span, Turn

STEP_S = 0.01


def read_rttm(path: Path) -> list[Turn]:
    """The lines of kind SPEAKER."""
    lines = [line.split() for line in path.read_text("utf-8").splitlines() if line.startswith("SPEAKER")]
    return [Turn(float(one[3]), float(one[3]) + float(one[4]), one[7]) for one in lines]


def error_rate(truth: Sequence[Turn], found: Sequence[Turn], collar_s: float = 0.0) -> tuple[float, float, float]:
    """Error, of it missed and of it false alarm; the rest is confusion. People are paired so that it is least."""
    length = round(max((turn.end_s for turn in (*truth, *found)), default=0.0) / STEP_S) + 1
    scored = numpy.ones(length, bool)
    if collar_s:
        for edge_s in itertools.chain.from_iterable((turn.start_s, turn.end_s) for turn in truth):
            scored[max(0, round((edge_s - collar_s) / STEP_S)) : round((edge_s + collar_s) / STEP_S)] = False
    real, heard = _frames(truth, length)[:, scored], _frames(found, length)[:, scored]
    spoken, told = real.sum(axis=0), heard.sum(axis=0)
    both = real.astype(int) @ heard.T.astype(int)
    if len(both) > len(both.T):
        both = both.T
    pairings = itertools.permutations(range(both.shape[1]), both.shape[0])
    right = max((sum(both[i, j] for i, j in enumerate(pairing)) for pairing in pairings), default=0)
    total = max(1, int(spoken.sum()))
    missed, false = numpy.maximum(spoken - told, 0).sum(), numpy.maximum(told - spoken, 0).sum()
    return (numpy.maximum(spoken, told).sum() - right) / total, missed / total, false / total


def _frames(turns: Sequence[Turn], length: int) -> Any:
    people = sorted({turn.speaker for turn in turns})
    found = numpy.zeros((len(people), length), bool)
    for turn in turns:
        found[people.index(turn.speaker), round(turn.start_s / STEP_S) : round(turn.end_s / STEP_S)] = True
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", type=Path)
    parser.add_argument("--speakers", type=int)
    given = parser.parse_args()
    here = settings.current()
    outfit = prepare(Wish(SPEAKER_FINDER), here, lambda *_: None)
    with Pool(here) as pool, tempfile.TemporaryDirectory() as folder:
        for rttm in sorted(given.recordings.glob("*.rttm")):
            decoded = decode(rttm.with_suffix(".wav"), Path(folder) / "audio.f32", here)
            run = Run(pool, outfit, Conduct())
            voices = signals.find_speakers(run, decoded.path, (Span(0, decoded.samples),), SpeakerCount())
            heard = [Heard(one.window, one.people, prints, one.tracks) for one, prints in voices]
            found = speakers(heard, at_least=given.speakers or 1, at_most=given.speakers).turns
            truth = read_rttm(rttm)
            error, missed, false = error_rate(truth, found)
            print(
                f"{rttm.stem:12} people {len({t.speaker for t in found})} of {len({t.speaker for t in truth})}"
                f"  DER {error:.1%} (missed {missed:.1%}, false {false:.1%}, confused {error - missed - false:.1%})"
                f"  with a collar {error_rate(truth, found, 0.25)[0]:.1%}  {run.inference_s:.1f} s for"
                f" {decoded.duration_s:.0f} s"
            )


if __name__ == "__main__":
    main()
