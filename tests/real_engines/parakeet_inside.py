"""
The adapter on NeMo itself, once imported: python parakeet_inside.py SOURCES MODELS SOUND

Runs in the engine's own environment. Prints a line of JSON a case: what was said, in which way, or what was raised.
The workers that run it otherwise are tested in test_promises.py.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LONG_MINUTES = 10


def main(sources: str, models: Path, sound: Path) -> None:
    sys.path.insert(0, sources)
    os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] = "1"  # as somebody may have it set for another program
    import numpy

    audio = numpy.fromfile(sound, "<f4")
    tell("library", **load_and_hear(models / "hybrid.nemo", "", audio))
    half = audio[:8000]
    tell("half a second", **hear(half))
    tell("half a second, filled up", **hear(numpy.pad(half, (0, 8000))))
    tell("pickle", **load_and_hear(models / "pickle.nemo", "", audio))
    for kind in ("tdt", "rnnt", "ctc"):
        tell(f"kind {kind}", **load_and_hear(models / f"{kind}.nemo", "", audio))
    tell("CTC head of TDT", **load_and_hear(models / "tdt.nemo", "ctc", audio))
    tell("CTC head of CTC", **load_and_hear(models / "ctc.nemo", "ctc", audio))
    for mode in ("full-graphs", "no-graphs", "ctc"):
        tell(mode, **load_and_hear(models / "hybrid.nemo", mode, audio))
    tell("memory", **memory(audio))
    tell("partial-graphs", **load_and_hear(models / "hybrid.nemo", "partial-graphs", audio))  # last: it stays refused
    for kind in ("hybrid", "tdt", "rnnt"):
        for mode, told in on_cuda(models / f"{kind}.nemo", audio):
            tell(f"cuda {kind} {mode}", **told)
    tell("environment", **{name: os.environ.get(name) for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")})


def tell(case: str, **values: Any) -> None:
    print("CASE " + json.dumps({"case": case, **values}), flush=True)


_engine: list[Any] = []


def load_and_hear(model: Path, mode: str, audio: Any, device: str = "cpu") -> dict[str, Any]:
    from yamabiko.engines.adapters import parakeet
    from yamabiko.engines.contract import Placement

    _engine[:] = [parakeet.create()]
    try:
        loaded = _engine[0].load(model, Placement(device, "float32", mode=mode), 1)
    except Exception as error:  # noqa: BLE001 - whatever is raised is told
        return {"raised": type(error).__name__, "message": str(error)}
    return {"languages": loaded.languages, "precision": loaded.compute_type, **hear(audio)}


def on_cuda(model: Path, audio: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """
    Every rung with a GPU, by its mode, as it is where the driver can have loops in graphs: all but the weights' place.

    NeMo settles how it will decode when the decoder is made, whatever there is; where the weights lie it looks at later.
    """
    from nemo.collections.asr import models  # noqa: F401 - all modules that have the guard by name
    from nemo.core import ModelPT

    from yamabiko.engines.adapters import parakeet

    restore, asked = ModelPT.restore_from.__func__, []

    def to_cpu(kind: Any, *positional: Any, map_location: Any = None, **named: Any) -> Any:
        asked.append(map_location)
        return restore(kind, *positional, map_location="cpu", **named)

    ModelPT.restore_from = classmethod(to_cpu)
    for rung in parakeet.CARD.placements:
        if rung.device == "cpu" or (rung.mode == "ctc" and model.stem != "hybrid"):
            continue
        for module in list(sys.modules.values()):
            if parakeet._GUARD in getattr(module, "__dict__", {}):
                setattr(module, parakeet._GUARD, lambda: None)
        told = load_and_hear(model, rung.mode, audio, rung.device)
        yield rung.mode, {**told, "asked": asked[-1]}
    ModelPT.restore_from = classmethod(restore)


def hear(audio: Any) -> dict[str, Any]:
    from yamabiko.speech import TranscribeOptions

    segments = [segment for _, segment in _engine[0].transcribe([audio], TranscribeOptions(word_timestamps=True))]
    return {
        "text": "".join(segment.text for segment in segments),
        "words": [(word.start_s, word.end_s, word.text) for segment in segments for word in segment.words],
        "evidence": [one.value for one in _engine[0].evidence()],
    }


def memory(audio: Any) -> dict[str, float]:
    """The most that was in use after one minute, and after ten, in chunks of 30 s; MiB."""
    import numpy

    chunk = numpy.resize(audio, 30 * 16000)
    most = []
    for minutes in (1, LONG_MINUTES - 1):
        for _ in range(2 * minutes):
            hear(chunk)
        most.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return {"one minute": most[0], "ten minutes": most[1]}


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
