"""
A plain faster-whisper run, as its README shows it. Runs in the engine's environment, knows nothing of yamabiko.

Standard input: {"model": folder, "compute_type": "int8", "beam_size": 5, "threads": 0,
"files": [{"audio": path, "language": code}]}.
Standard output: one JSON line with versions and load time, then one a file: {"audio", "text", "seconds", "audio_s"}.
"""

from __future__ import annotations

import json
import sys
import time


def main() -> None:
    import ctranslate2
    import faster_whisper

    asked = json.load(sys.stdin)
    began = time.perf_counter()
    model = faster_whisper.WhisperModel(
        asked["model"], device="cpu", compute_type=asked["compute_type"], cpu_threads=asked["threads"]
    )
    _say(
        load_s=time.perf_counter() - began,
        versions={"faster-whisper": faster_whisper.__version__, "ctranslate2": ctranslate2.__version__},
    )
    for file in asked["files"]:
        began = time.perf_counter()
        segments, info = model.transcribe(
            file["audio"], language=file["language"], beam_size=asked["beam_size"], vad_filter=False
        )
        text = "".join(segment.text for segment in segments).strip()
        _say(audio=file["audio"], text=text, seconds=time.perf_counter() - began, audio_s=info.duration)


def _say(**values: object) -> None:
    print(json.dumps(values), flush=True)


if __name__ == "__main__":
    main()
