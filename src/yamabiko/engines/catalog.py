"""
The engines, as data: adding one is one adapter file and one line here.

Nobody else names an adapter. Reading a CARD imports no engine.
"""

from __future__ import annotations

import difflib
import importlib
import re
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
    "transcribe": Text("engines here that write what is said", "文字起こしをするエンジン"),
    "find-speech": Text("engines here that find speech", "話し声を検出するエンジン"),
    "find-speakers": Text("engines here that tell speakers apart", "話者を区別するエンジン"),
    "align": Text("engines here that time words", "単語の時刻を求めるエンジン"),
}


def near(name: str, cutoff: float) -> list[str]:
    """
    The engines that somebody who typed `name` may have meant, best first; none that is for tests alone.

    Compared with the whole name and with its parts, so that “wisper” finds whisper.cpp; a whole name that is
    nearly typed is meant alone.
    """
    typed = _letters(name)
    whole = {one: _alike(typed, _letters(one)) for one in ADAPTERS if not card(one).for_tests}
    scores = {one: score for one, score in whole.items() if score >= _SLIP}
    if not scores:
        parts = {one: [part for part in re.split(r"[-._]", one) if len(part) > _SHORT] for one in whole}
        scores = {
            one: max(score, *(_alike(typed, part) for part in (one, *parts[one]))) for one, score in whole.items()
        }
    return sorted((one for one in scores if scores[one] >= cutoff), key=lambda one: -scores[one])


_SLIP = 0.9
"""As alike as two words are that differ by a slip of the finger."""
_SHORT = 4
"""Letters of a part that says nothing: `cpp`, `asr`."""


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _alike(a: str, b: str) -> float:
    return difflib.SequenceMatcher(None, a, b).ratio()


def _unknown(name: str) -> Finding:
    jobs = {one: card(one).job for one in ADAPTERS}
    namable = [one for one in near(name, 0.7) if jobs[one] in _OPTION]
    meant = tuple(Remedy(Text(f"Use {one}", f"{one} を使う"), f"{_OPTION[jobs[one]]} {one}") for one in namable)
    offered = [one for one in ADAPTERS if not card(one).for_tests]
    known = ((words, [one for one in offered if jobs[one] == job]) for job, words in _JOB.items())
    return Finding(
        id="engine-unknown",
        severity="error",
        area="usage",
        cause=Text(f"There is no engine named “{name}”.", f"「{name}」というエンジンはありません。"),
        evidence=tuple(f"{words}: {', '.join(names)}" for words, names in known),
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
        evidence=(f"{_JOB['transcribe']}: {', '.join(able)}",),
        remedies=tuple(Remedy(Text(f"Use {one}", f"{one} を使う"), f"--engine {one}") for one in able),
    )
