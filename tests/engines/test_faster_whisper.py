"""The adapter with the real library, in the environment that the tests' home has."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from yamabiko.bundled import clips
from yamabiko.children import UNTOLD
from yamabiko.engines.adapters import faster_whisper

SOURCE = Path(faster_whisper.__file__).parents[3]
MODEL = "cache/models/ctranslate2-whisper/base-ebe41f70"

LISTEN = """
import json, sys
from dataclasses import replace
from pathlib import Path
import faster_whisper
from faster_whisper.audio import decode_audio
from yamabiko.engines.adapters import faster_whisper as adapter
from yamabiko.speech import TranscribeOptions

windows, encode = [], faster_whisper.WhisperModel.encode
faster_whisper.WhisperModel.encode = lambda model, features: windows.append(1) or encode(model, features)
engine = adapter.create()
engine.load(Path(sys.argv[1]), adapter.CARD.placements[-2], 2)

def text(audio, language):
    return [s.text for _, s in engine.transcribe([audio], replace(TranscribeOptions(), language=language))]

told = []
for clip in sys.argv[2:]:
    audio = decode_audio(clip)[: 3 * 16000]
    windows.clear()
    language = engine.detect_language(audio).language
    found = text(audio, language)
    encoded = len(windows)
    text(audio[8000:], language)
    told.append([language, encoded, found, text(audio, language)])
moment = engine.detect_language(audio[:100])
print(json.dumps({"clips": told, "moment": moment.language}))
"""


def test_a_short_recording_is_encoded_once_for_its_language_and_its_text(ready_home: Path) -> None:
    python = next((ready_home / "data/engines").glob("faster-whisper-cpu-*/bin/python"))
    paths = [str(clip.path) for clip in clips()]
    done = subprocess.run(
        [str(python), "-c", LISTEN, str(ready_home / MODEL), *paths],
        env={**UNTOLD, "PYTHONPATH": str(SOURCE), "OMP_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    for (language, encoded, found, again), clip in zip(told["clips"], clips(), strict=True):
        assert (language, encoded) == (clip.language, 1)
        assert found == again, "what is remembered is another recording's"
        assert "".join(found).strip()
    assert told["moment"], "less than one frame has a language too"
