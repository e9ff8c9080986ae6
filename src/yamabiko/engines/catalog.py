"""
The engines, as data: adding one is one adapter file and one line here.

Nobody else names an adapter. Reading a CARD imports no engine.
"""

from __future__ import annotations

import difflib
import importlib
from functools import cache
from types import ModuleType

from yamabiko.engines.contract import Card
from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.i18n import Text

ADAPTERS = {
    "faster-whisper": "yamabiko.engines.adapters.faster_whisper",
    "whisper.cpp": "yamabiko.engines.adapters.whisper_cpp",
    "reazonspeech": "yamabiko.engines.adapters.reazonspeech",
    "onnx-asr": "yamabiko.engines.adapters.onnx_asr",
    "whisperx": "yamabiko.engines.adapters.whisperx",
    "openai-whisper": "yamabiko.engines.adapters.openai_whisper",
    "transformers": "yamabiko.engines.adapters.transformers_speech",
    "parakeet": "yamabiko.engines.adapters.parakeet",
    "wav2vec2-aligner": "yamabiko.engines.adapters.wav2vec2_aligner",
    "pyannote": "yamabiko.engines.adapters.pyannote",
    "silero-vad": "yamabiko.engines.adapters.silero_vad",
    "campplus": "yamabiko.engines.adapters.campplus",
    "scripted": "yamabiko.engines.adapters.scripted",
}

DEFAULT_ENGINE = "faster-whisper"
SPEECH_FINDER = "silero-vad"
ALIGNER = "wav2vec2-aligner"
SPEAKER_FINDER = "campplus"


@cache
def adapter(name: str) -> ModuleType:
    """The adapter's module: `CARD` and `create()`. Raises: Problem (engine-unknown)."""
    if name not in ADAPTERS:
        raise Problem(_unknown(name))
    return importlib.import_module(ADAPTERS[name])


_OPTION = {"transcribe": "--engine", "find-speakers": "--speaker-engine"}
"""Where an engine of this job can be named; the others are chosen for people."""
_JOB = {
    "transcribe": "write what is said",
    "find-speech": "find speech",
    "find-speakers": "tell speakers apart",
    "align": "time words",
}


def _unknown(name: str) -> Finding:
    jobs = {one: card(one).job for one in ADAPTERS}
    near = [one for one in difflib.get_close_matches(name, ADAPTERS, n=1, cutoff=0.7) if jobs[one] in _OPTION]
    meant = tuple(Remedy(Text(f"Use {one}", f"{one} を使う"), f"{_OPTION[jobs[one]]} {one}") for one in near)
    known = ((words, [one for one in ADAPTERS if jobs[one] == job]) for job, words in _JOB.items())
    return Finding(
        id="engine-unknown",
        severity="error",
        area="usage",
        cause=Text(f"There is no engine named “{name}”.", f"「{name}」というエンジンはありません。"),
        evidence=tuple(f"engines here that {words}: {', '.join(names)}" for words, names in known),
        remedies=(*meant, Remedy(Text("See what there is", "一覧を見る"), "yamabiko engines list")),
    )


def card(name: str) -> Card:
    """Raises: Problem (engine-unknown)."""
    found: Card = adapter(name).CARD
    return found


def cards() -> tuple[Card, ...]:
    return tuple(card(name) for name in ADAPTERS)


def transcriber(name: str) -> Card:
    """As `card`, for a transcript. Raises: Problem (engine-unknown; engine-writes-no-text, if that is not its job)."""
    found = card(name)
    if found.job != "transcribe":
        raise Problem(_writes_no_text(found))
    return found


_NO_TEXT = {
    "find-speech": lambda name: Text(
        f"The engine “{name}” finds speech and writes no text.",
        f"エンジン「{name}」は話し声の検出用で、文字起こしはできません。",
    ),
    "align": lambda name: Text(
        f"The engine “{name}” times the words of another engine's text and writes none.",
        f"エンジン「{name}」は単語の時刻の計算用で、文字起こしはできません。",
    ),
    "find-speakers": lambda name: Text(
        f"The engine “{name}” tells speakers apart and writes no text.",
        f"エンジン「{name}」は話者の区別用で、文字起こしはできません。",
    ),
}


def _writes_no_text(found: Card) -> Finding:
    able = [one.name for one in cards() if one.job == "transcribe" and not one.for_tests]
    return Finding(
        id="engine-writes-no-text",
        severity="error",
        area="usage",
        cause=_NO_TEXT[found.job](found.name),
        evidence=(f"engines that transcribe: {', '.join(able)}",),
        remedies=tuple(Remedy(Text(f"Use {one}", f"{one} を使う"), f"--engine {one}") for one in able),
    )
