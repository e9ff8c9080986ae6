"""
What an engine's library is given of the search: python promises_search_inside.py SOURCES ENGINE MODEL SOUND LANGUAGE QUESTIONS

Runs in the engine's own environment, on the real library, which is watched where the adapter hands things over and goes on
as ever. QUESTIONS is JSON: under `alone` and `together`, which is for two chunks at once, lists of options by their names.
Prints JSON: `promised`, the names that the loaded model heeds, and for each question what arrived, likewise by name.
"""

from __future__ import annotations

import copy
import inspect
import json
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

Told = dict[str, Any]
"""By an option's name, its value as it arrived; a name that is not here was given to nobody."""


class Spy:
    """Of one library. Made before the engine is loaded; `engine` is it, from then on."""

    engine: Any
    listens_s = 2.5
    """To as much of the sound; no longer than it takes to see what arrived."""
    times_words = False

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []
        """Arguments of each call that is watched, by their names."""

    def begin(self) -> None:
        """When the engine is loaded."""

    def ask(self, batch: list[Any], options: Any) -> list[Any]:
        self.seen.clear()
        return [segment for _, segment in self.engine.transcribe(batch, options)]

    def told(self, batch: list[Any], options: Any) -> Told:
        self.ask(batch, options)
        return self.read()

    def read(self) -> Told:
        """Out of `seen`."""
        raise NotImplementedError

    def watch(self, owner: Any, name: str) -> None:
        real = getattr(owner, name)
        signature = inspect.signature(real)
        [*rest] = (one.name for one in signature.parameters.values() if one.kind is one.VAR_KEYWORD)

        def watched(*positional: Any, **named: Any) -> Any:
            bound = signature.bind(*positional, **named)
            bound.apply_defaults()
            given = {**bound.arguments, **(bound.arguments[rest[0]] if rest else {})}
            # Libraries add to the lists that they are given.
            self.seen.append({key: copy.copy(one) if isinstance(one, list) else one for key, one in given.items()})
            return real(*positional, **named)

        setattr(owner, name, watched)

    def arrived(self, name: str) -> Any:
        """The value of an argument that any of the calls had; None if none did."""
        return next((given[name] for given in self.seen if name in given), None)


_AS_THE_LIBRARY_SAYS = {"logprob_threshold": "log_prob_threshold"}


class FasterWhisper(Spy):
    """Its decoder takes an object with all options; the times of words take punctuation by itself."""

    times_words = True

    def __init__(self) -> None:
        super().__init__()
        import faster_whisper

        self.watch(faster_whisper.WhisperModel, "generate_with_fallback")
        self.watch(faster_whisper.BatchedInferencePipeline, "generate_segment_batched")
        self.watch(faster_whisper.WhisperModel, "add_word_timestamps")

    def read(self) -> Told:
        options, tokenizer = self.arrived("options"), self.arrived("tokenizer")
        told = {name: getattr(options, _AS_THE_LIBRARY_SAYS.get(name, name)) for name in every_name()}
        told |= {name: self.arrived(name) for name in told if name.endswith("_punctuations")}
        written = [token for token in options.suppress_tokens if token < tokenizer.eot]
        usual = sorted(set(tokenizer.non_speech_tokens))
        return {**told, "suppress_tokens": [-1] if usual == written else written}


class WhisperX(FasterWhisper):
    def __init__(self) -> None:
        Spy.__init__(self)
        import whisperx.asr

        self.watch(whisperx.asr.WhisperModel, "generate_segment_batched")
        self.watch(whisperx.asr.WhisperModel, "add_word_timestamps")


class OpenaiWhisper(Spy):
    """None of a beam is its greedy search, and of a penalty or of patience the usual."""

    def __init__(self) -> None:
        super().__init__()
        import whisper

        self.watch(whisper.model.Whisper, "transcribe")

    def read(self) -> Told:
        usual = {"temperatures": self.arrived("temperature"), "beam_size": 1, "patience": 1.0, "length_penalty": 1.0}
        [given] = self.seen[-1:]
        return {**given, **{name: value for name, value in usual.items() if given.get(name) is None}}


class WhisperCpp(Spy):
    """The parameters of its C interface, read back from the library's own structure when it gets to work, which is little."""

    listens_s = 0.05

    def __init__(self) -> None:
        super().__init__()
        import _pywhispercpp

        real = _pywhispercpp.whisper_full

        def watched(context: Any, asked: Any, *rest: Any) -> Any:
            self.seen.append({"asked": asked})
            return real(context, asked, *rest)

        _pywhispercpp.whisper_full = watched

    def read(self) -> Told:
        asked = self.arrived("asked")
        beams = asked.strategy.name == "WHISPER_SAMPLING_BEAM_SEARCH"
        return {
            "beam_size": asked.beam_search["beam_size"] if beams else 1,
            "best_of": asked.greedy["best_of"],
            "temperatures": list(self._temperatures(asked)),
            "logprob_threshold": None if math.isinf(asked.logprob_thold) else round(asked.logprob_thold, 4),
            "no_speech_threshold": None if math.isinf(asked.no_speech_thold) else round(asked.no_speech_thold, 4),
        }

    @staticmethod
    def _temperatures(asked: Any) -> Iterator[float]:
        """As whisper_full counts them: up to 1, or the first one alone."""
        temperature, step = asked.temperature, asked.temperature_inc
        yield round(temperature, 4)
        while step > 0 and (temperature := temperature + step) < 1 + 1e-5:
            yield round(temperature, 4)


class Transformers(Spy):
    """
    Its library decodes one window at one temperature; which are tried, and what is silence, the adapter decides.

    So thresholds are no argument: each is held to what comes of it, on both sides of what it is compared with.
    """

    deciding: frozenset[str] | None = None

    def __init__(self) -> None:
        super().__init__()
        import transformers

        self.watch(transformers.WhisperForConditionalGeneration, "generate")

    def begin(self) -> None:
        self.engine._model.generation_config.max_length = 20  # at high temperatures it would ramble on

    def told(self, batch: list[Any], options: Any) -> Told:
        given = super().told(batch, options)
        told = {**given, "temperatures": self._tried(batch, replace(options, **_NEVER_CONTENT))}
        if self.deciding is None:
            self.deciding = frozenset(self._that_decide(batch, options))
        return told | {name: getattr(options, name) for name in self.deciding}

    def read(self) -> Told:
        given = self.seen[0]
        tokens = given.get("suppress_tokens", [-1])
        end = self.engine._reader._end
        named = ("length_penalty", "repetition_penalty", "no_repeat_ngram_size")
        return {
            "beam_size": given["num_beams"],
            **{name: given[name] for name in named if name in given},
            **({} if "length_penalty" in given or given["num_beams"] > 1 else {"length_penalty": 1.0}),
            "suppress_tokens": [token for token in tokens if token < end],
        }

    def _tried(self, batch: list[Any], options: Any) -> list[float]:
        self.ask(batch, options)
        return [given["temperature"] for given in self.seen]

    def _that_decide(self, batch: list[Any], options: Any) -> Iterator[str]:
        """The thresholds of which something comes, and at the right place."""
        usual = replace(options, **_ALWAYS_CONTENT)
        heard = self.ask(batch, usual)[0]
        ratio, likely, silence = heard.compression_ratio, heard.avg_logprob, heard.no_speech_prob

        def tries(**threshold: float) -> int:
            return len(self._tried(batch, replace(usual, **threshold)))

        alone = tries()
        for name, content, not_content in (
            ("compression_ratio_threshold", ratio * 1.05, ratio * 0.95),
            ("logprob_threshold", likely - 0.05, likely + 0.05),
        ):
            if tries(**{name: content}) == alone < tries(**{name: not_content}):
                yield name
        found, left_out = (
            self.ask(batch, replace(usual, no_speech_threshold=at)) for at in (silence * 1.5, silence / 1.5)
        )
        if found and len(left_out) < len(found):
            yield "no_speech_threshold"


_ALWAYS_CONTENT: dict[str, Any] = {
    "beam_size": 1, "temperatures": (0.0, 0.5), "compression_ratio_threshold": None, "logprob_threshold": None,
    "no_speech_threshold": None,
}  # fmt: skip
_NEVER_CONTENT: dict[str, Any] = {
    "beam_size": 1, "compression_ratio_threshold": None, "logprob_threshold": 1.0, "no_speech_threshold": None,
}  # fmt: skip
"""No text has a logarithm of its likelihood as high as that."""


class ReazonSpeech(Spy):
    """What sherpa-onnx's recognizer is made with, as the recognizer keeps it."""

    def read(self) -> Told:
        made = self.engine._recognizer.config
        beams = made.decoding_method == "modified_beam_search"
        return {"beam_size": made.max_active_paths if beams else 1}


SPIES: dict[str, Callable[[], Spy]] = {
    "faster-whisper": FasterWhisper,
    "whisperx": WhisperX,
    "openai-whisper": OpenaiWhisper,
    "whisper.cpp": WhisperCpp,
    "transformers": Transformers,
    "reazonspeech": ReazonSpeech,
}


def every_name() -> list[str]:
    from yamabiko.engines.contract import ALL_OF_SEARCH

    return sorted(ALL_OF_SEARCH)


def main(sources: str, name: str, model: Path, sound: Path, language: str, questions: str) -> None:
    sys.path.insert(0, sources)
    import numpy

    from yamabiko.engines import catalog
    from yamabiko.speech import SAMPLE_RATE, TranscribeOptions

    spy, card = SPIES[name](), catalog.card(name)
    spy.engine = catalog.adapter(name).create()
    placement = next(one for one in card.placements if one.device == "cpu")
    loaded = spy.engine.load(model, placement, 1)
    spy.begin()
    audio = numpy.fromfile(sound, "<f4")[: round(spy.listens_s * SAMPLE_RATE)]
    tuples = {field.name for field in fields(TranscribeOptions) if str(field.type).startswith("tuple")}

    def told(question: dict[str, Any], batch: list[Any]) -> Told:
        asked = {name: tuple(value) if name in tuples else value for name, value in question.items()}
        arrived = spy.told(batch, TranscribeOptions(language or None, word_timestamps=spy.times_words, **asked))
        return {name: value for name, value in arrived.items() if name in question}

    asked = json.loads(questions)
    answer = {
        "promised": sorted(card.search if loaded.search is None else loaded.search),
        "alone": [told(question, [audio]) for question in asked["alone"]],
        "together": [told(question, [audio, audio]) for question in asked["together"]],
    }
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    _, sources_, name_, model_, sound_, language_, questions_ = sys.argv
    main(sources_, name_, Path(model_), Path(sound_), language_, questions_)
