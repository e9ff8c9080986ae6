"""
Many clients at once for some minutes: does everybody get the own text, and does the memory stay level?

    python scripts/load_server.py [--clients 64] [--seconds 120] [--model tiny.en] [-- more options of `yamabiko serve`]

Starts a server, asks each of sixteen short clips alone, then all clients ask for clips over and over. Prints what came;
exit 1 if an answer was wrong, crossed or 5xx, or if the memory of all processes rose by more than a tenth between the
second quarter of the time and the last.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import bench
import httpx
import numpy

CLIPS = 16
MOST_RISE = 1.10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--model", default="tiny.en")
    parser.add_argument("more", nargs="*")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sounds = short_clips(Path(folder))
        command = [sys.executable, "-m", "yamabiko", "serve", "--port", "0", "--model", given.model, *given.more]
        server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, "YAMABIKO_LANG": "en"})
        try:
            assert server.stderr is not None
            found = re.search(r"http://\S+:\d+", server.stderr.readline())
            assert found is not None, "the server did not start"
            well = asyncio.run(Load(found[0], server.pid, sounds).run(given.clients, given.seconds))
        finally:
            server.terminate()
            server.wait(30)
    sys.exit(0 if well else 1)


def short_clips(folder: Path) -> list[Path]:
    """Three seconds each, beginning at sixteen places of the bundled English clip: no two say the same."""
    spoken = bench.english(folder)
    step = max(1, (len(spoken) - 3 * bench.RATE) // CLIPS)
    sounds = []
    for number in range(CLIPS):
        part = numpy.asarray(spoken[number * step : number * step + 3 * bench.RATE])
        sounds.append(bench.write(folder / f"{number}.wav", part, 3.0, 0.0))
    return sounds


class Load:
    def __init__(self, url: str, pid: int, sounds: list[Path]) -> None:
        self._client = httpx.AsyncClient(
            base_url=url, timeout=300, trust_env=False, limits=httpx.Limits(max_connections=None)
        )
        self._pid = pid
        self._sounds = [sound.read_bytes() for sound in sounds]
        self._right: list[str] = []
        self._statuses: collections.Counter[int] = collections.Counter()
        self._wrong: list[tuple[int, str]] = []
        self._took: list[float] = []
        self._memory: list[tuple[float, int]] = []

    async def run(self, clients: int, seconds: float) -> bool:
        while (await self._client.get("/ready")).status_code != 200:
            await asyncio.sleep(0.2)
        self._right = [(await self._ask(number)).json()["text"] for number in range(CLIPS)]
        print(f"alone    {len(set(self._right))} different texts of {CLIPS} clips")
        begun = time.monotonic()
        watching = asyncio.create_task(self._watch(begun))
        await asyncio.gather(*(self._come_again(client, begun + seconds) for client in range(clients)))
        watching.cancel()
        stats = (await self._client.get("/stats")).json()
        await self._client.aclose()
        return self._tell(clients, time.monotonic() - begun, stats)

    async def _ask(self, number: int) -> httpx.Response:
        files = {"file": (f"{number}.wav", self._sounds[number])}
        return await self._client.post("/v1/audio/transcriptions", files=files, data={"model": "whisper-1"})

    async def _come_again(self, client: int, until: float) -> None:
        number = client
        while time.monotonic() < until:
            number = (number + 7) % CLIPS
            begun = time.monotonic()
            answer = await self._ask(number)
            self._statuses[answer.status_code] += 1
            if answer.status_code == 429:
                await asyncio.sleep(float(answer.headers["retry-after"]))
                continue
            self._took.append(time.monotonic() - begun)
            if answer.status_code == 200 and answer.json()["text"] != self._right[number]:
                self._wrong.append((number, answer.json()["text"]))

    async def _watch(self, begun: float) -> None:
        while True:
            family = await asyncio.to_thread(bench.family, self._pid)
            held = sum(bench.resident_bytes(pid) for pid in family)
            self._memory.append((time.monotonic() - begun, held))
            await asyncio.sleep(1.0)

    def _tell(self, clients: int, seconds: float, stats: dict[str, float]) -> bool:
        end = self._memory[-1][0]
        early = statistics.median(held for at, held in self._memory if end / 4 <= at < end / 2)
        late = statistics.median(held for at, held in self._memory if at >= 3 * end / 4)
        took = sorted(self._took)
        print(
            f"load     {clients} clients, {seconds:.0f} s: {sum(self._statuses.values())} answers, by status {dict(self._statuses)}"
        )
        print(f"texts    {len(self._wrong)} wrong or crossed {json.dumps(self._wrong[:3], ensure_ascii=False)}")
        print(
            f"waits    median {took[len(took) // 2]:.1f} s, longest {took[-1]:.1f} s; {3 * len(took) / seconds:.1f} s of audio a second"
        )
        print(
            f"memory   {early / 2**20:.0f} MiB in the second quarter, {late / 2**20:.0f} MiB in the last: ratio {late / early:.3f}"
        )
        print(f"server   {stats['requests_answered']:.0f} answered, {stats['requests_failed']:.0f} failed")
        return not self._wrong and not any(code >= 500 for code in self._statuses) and late <= MOST_RISE * early


if __name__ == "__main__":
    main()
