"""
The adapter on its real weights, told that one person speaks all the time: python campplus_inside.py SOURCES MODEL SOUND

Runs in the engine's own environment. SOUND is ten seconds, decoded. Prints who it hears: samples of each, and tracks.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main(sources: str, model: Path, sound: Path) -> None:
    sys.path.insert(0, sources)
    import numpy

    from yamabiko.engines.adapters import campplus
    from yamabiko.engines.voices.segmentation import FRAMES, PEOPLE
    from yamabiko.speech import Span

    finder = campplus.create()
    finder.load(model, campplus.CARD.placements[0], 1)
    audio = numpy.fromfile(sound, "<f4")
    speaking = numpy.zeros((FRAMES, PEOPLE), bool)
    speaking[:, 0] = True
    heard, prints = finder._people(Span(0, len(audio)), audio, speaking, {})
    people = [[(span.start_sample, span.end_sample) for span in spans] for spans in heard.people]
    print(json.dumps({"people": people, "tracks": heard.tracks, "prints": prints.shape}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
