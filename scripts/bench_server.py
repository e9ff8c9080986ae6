"""
What HTTP costs: a request of 60 s of speech beside the work that the workers did for it, as a ratio within one run.

    YAMABIKO_HOME=FOLDER python scripts/bench.py server [--server-model base]

FOLDER holds the engines faster-whisper and silero-vad and the model.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

TIMES = 3
MOST = 1.05


def measure(recording: Path, warm: Path, model: str) -> float:
    """
    The median ratio of three requests, on a server that is ready and has answered `warm`, which is short.

    Time over HTTP is from sending the first byte to having the last. The work is
    what the receipt says of it: finding speech and inference, inside the workers.
    """
    server = subprocess.Popen(
        [sys.executable, "-m", "yamabiko", "serve", "--port", "0", "--no-install", "--model", model],
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env={**os.environ, "YAMABIKO_LANG": "en"},
    )  # fmt: skip
    try:
        assert server.stderr is not None
        found = re.search(r"http://\S+:\d+", server.stderr.readline())
        if found is None:
            sys.exit("the server did not start: " + server.stderr.read())
        with httpx.Client(base_url=found[0], timeout=600, trust_env=False) as http:
            while http.get("/ready").status_code != 200:
                time.sleep(0.1)
            ask(http, warm)  # the speech finder loads with the first
            return statistics.median(ratio(*ask(http, recording)) for _ in range(TIMES))
    finally:
        server.terminate()
        server.wait()


def ask(http: httpx.Client, recording: Path) -> tuple[float, dict[str, Any]]:
    begun = time.perf_counter()
    with recording.open("rb") as file:
        form = {"language": "en", "response_format": "verbose_json"}
        answer = http.post("/v1/audio/transcriptions", files={"file": file}, data=form)
    took_s = time.perf_counter() - begun
    answer.raise_for_status()
    timings: dict[str, Any] = answer.json()["yamabiko"]["timings"]
    return took_s, timings


def ratio(took_s: float, timings: dict[str, Any]) -> float:
    inside_s = timings["find_speech_s"] + timings["inference_s"]
    print(
        f"server   {took_s:.2f} s over HTTP; {timings['total_s']:.2f} s in the pipeline, of which decoding "
        f"{timings['decode_s']:.2f} s; {inside_s:.2f} s in the workers: ratio {took_s / inside_s:.3f}",
        flush=True,
    )
    return float(took_s / inside_s)
