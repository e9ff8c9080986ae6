"""
`scripted`: an engine that says, stalls, raises, floods, lies or dies on cue.

A real adapter in a real worker process. It needs no package and no weights: its
"model" is a JSON file, or nothing, in which case it says how much audio it was
given. It is how faults are shown without broken hardware, here and on your
machine: `yamabiko talk.wav --engine scripted --model script.json`.

    {
      "says": "[{seconds:.2f} s, {sum:08x}]",
      "language": "en",
      "claims": "cpu",
      "features": ["segment-times"],
      "search": ["beam_size"],
      "precision": "float16",
      "cues": [{"at": "chunk", "skip": 2, "times": 1, "device": "cuda", "do": "die", "signal": "SIGSEGV",
                "words": "what it prints before"}]
    }

`says` may use {seconds} (length of the chunk) and {sum} (a checksum of its
samples), so that the same audio always gives the same text; a list of texts
makes as many segments of a chunk. `features` and
`search` are what the model heeds; without them, everything. `precision` is what it
loads in, whatever it was asked for. A cue fires `at`
"load", "language", "chunk" (before it is answered), "answered" (after its text,
before its end) or "evidence" (when all is answered), after `skip` chances let
pass, `times` times, on every device or on one; chances are counted in files
beside the script, and so survive the death of a worker. What a cue can `do` is
the list of methods `_do_*` below.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from yamabiko import __version__
from yamabiko.engines.contract import ALL_OF_SEARCH, Card, DetectedLanguage, Loaded, Placement
from yamabiko.i18n import Text
from yamabiko.speech import SAMPLE_RATE, Evidence, Segment, TranscribeOptions, Word

if TYPE_CHECKING:
    from yamabiko.engines.contract import Audio

CARD = Card(
    name="scripted",
    job="transcribe",
    summary=Text(
        "Says and breaks what a script tells it to: for tests and demonstrations", "台本どおりに話し、壊れる試験用"
    ),
    distribution=None,
    imports=(),
    licence="MIT",
    languages="whatever the script says",
    features=frozenset(
        {"segment-times", "word-times", "language-detection", "translation", "prompt", "hotwords", "batch"}
    ),
    default_model=None,
    model_format=None,
    placements=(
        Placement("cuda", "float16"),
        Placement("cuda", "int8", costs_accuracy=True),
        Placement("cpu", "int8", costs_accuracy=True),
        Placement("cpu", "float32"),
    ),
    evidence=("introspection",),
    for_tests=True,
    search=ALL_OF_SEARCH,
)


def create() -> Scripted:
    return Scripted()


class _Silence(Exception):
    """The chunk in hand gets no answer text."""


class _Otherwise(Exception):
    """The chunk in hand gets another text than `says`."""


class Scripted:
    def __init__(self) -> None:
        self._script: dict[str, Any] = {}
        self._counts = Path()
        self._placement = Placement("cpu", "int8")

    def load(self, model: Path, placement: Placement, threads: int) -> Loaded:
        self._placement = placement
        if model.name:
            self._script = json.loads(model.read_text("utf-8"))
            self._counts = model.with_name(model.name + ".counts")
            self._counts.mkdir(exist_ok=True)
        self._play("load")
        heeded = {name: tuple(self._script[name]) for name in ("features", "search") if name in self._script}
        precision = str(self._script.get("precision", placement.compute_type))
        return Loaded(self._claimed_device, precision, __version__, **heeded)

    @property
    def _claimed_device(self) -> str:
        """Honest unless told otherwise: no script runs on a GPU, but one may claim to."""
        return str(self._script.get("claims", "cpu"))

    def transcribe(self, batch: Sequence[Audio], options: TranscribeOptions) -> Iterator[tuple[int, Segment]]:
        for index, audio in enumerate(batch):
            said = self._script.get("says", "[{seconds:.2f} s, {sum:08x}]")
            try:
                self._play("chunk")
            except _Silence:
                continue
            except _Otherwise as cue:
                said = str(cue)
            seconds = len(audio) / SAMPLE_RATE
            parts = said if isinstance(said, list) else [said]
            for number, part in enumerate(parts):
                start_s, end_s = (seconds * edge / len(parts) for edge in (number, number + 1))
                text = part.format(seconds=seconds, sum=zlib.crc32(audio.tobytes()))
                words = (Word(start_s, end_s, text, 1.0),) if options.word_timestamps else ()
                if text:
                    yield index, Segment(start_s, end_s, text, words)
            self._play("answered")

    def detect_language(self, audio: Audio, languages: Sequence[str] = ()) -> DetectedLanguage | None:
        self._play("language")
        said = str(self._script.get("language", "en"))
        return DetectedLanguage(said if not languages or said in languages else languages[0], 1.0)

    def evidence(self) -> tuple[Evidence, ...]:
        self._play("evidence")
        return (Evidence("introspection", self._claimed_device, f"the script claims {self._claimed_device}"),)

    # ---- cues --------------------------------------------------------------------------------------------------

    def _play(self, moment: str) -> None:
        for number, cue in enumerate(self._script.get("cues", ())):
            if self._is_due(number, cue, moment):
                print(cue.get("words", ""), file=sys.stderr, flush=True)
                getattr(self, f"_do_{cue['do']}")(cue)

    def _is_due(self, number: int, cue: dict[str, Any], moment: str) -> bool:
        here = {"device": self._placement.device, "compute_type": self._placement.compute_type}
        if cue["at"] != moment or any(cue.get(key, value) != value for key, value in here.items()):
            return False
        counter = self._counts / str(number)
        chance = counter.stat().st_size if counter.exists() else 0
        with counter.open("ab") as file:  # one byte a chance: an append survives whatever comes next
            file.write(b".")
        skip = int(cue.get("skip", 0))
        return skip <= chance < skip + int(cue.get("times", 1_000_000))

    def _do_die(self, cue: dict[str, Any]) -> NoReturn:
        """By a signal, the way a native crash ends a process; or by leaving with a `status`."""
        if "status" in cue:
            os._exit(int(cue["status"]))
        number = signal.Signals[str(cue["signal"])]
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        time.sleep(60)
        raise AssertionError("survived its own death")

    def _do_stall(self, cue: dict[str, Any]) -> None:
        time.sleep(float(cue.get("seconds", 3600)))

    def _do_raise(self, cue: dict[str, Any]) -> NoReturn:
        raise RuntimeError(str(cue.get("message", "raised on cue")))

    def _do_flood(self, cue: dict[str, Any]) -> None:
        """Writes `megabytes` to standard error: a server that does not drain the pipe would stop us here."""
        line = b"flood " * 170 + b"\n"
        for _ in range(int(cue.get("megabytes", 8)) * 1024):
            os.write(2, line)

    def _do_silence(self, cue: dict[str, Any]) -> NoReturn:
        raise _Silence

    def _do_say(self, cue: dict[str, Any]) -> NoReturn:
        """Another `text` than it says at other times."""
        raise _Otherwise(cue["text"])

    def _do_exhaust_memory(self, cue: dict[str, Any]) -> NoReturn:
        """Takes memory, and touches it, until there is no more."""
        taken = []
        while True:
            taken.append(bytearray(os.urandom(1024)) * (64 * 1024))

    def _do_nonsense(self, cue: dict[str, Any]) -> None:
        """Writes garbage into every socket this process holds, as a stray native write would."""
        for descriptor in range(3, 64):
            try:
                if os.readlink(f"/proc/self/fd/{descriptor}").startswith("socket:"):
                    os.write(descriptor, bytes(cue.get("text", "\x00garbage\n"), "latin-1"))
            except OSError:
                continue  # not open, or closed since
