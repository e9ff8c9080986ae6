"""
Write the rows of docs/openai-compatibility.md from what two real servers answer to OpenAI's SDK.

    YAMABIKO_HOME=FOLDER python scripts/write_conformance.py

FOLDER holds the engines faster-whisper and silero-vad and the model base.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "server")]

import conformance  # noqa: E402

from served import begin, end  # noqa: E402

if __name__ == "__main__":
    home = Path(os.environ["YAMABIKO_HOME"])
    real, plain = begin(home), begin(home, "--engine", "scripted")
    lines = []
    try:
        for row in conformance.ROWS:
            lines.append(row.line(row.ask(real if row.real else plain)))
            print(lines[-1], flush=True)
    finally:
        end(real)
        end(plain)
    conformance.write(lines)
