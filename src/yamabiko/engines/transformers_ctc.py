"""
Models that write one character a moment (CTC): Wav2Vec2 (XLS-R), HuBERT, WavLM, and MMS with an adapter a language.

Read for this file: transformers 5.23.0 (models/wav2vec2/modeling_wav2vec2.py, tokenization_wav2vec2.py). Characters and
their times are read off the likeliest path, a step of 20 ms each; the library's own decoding knows no times of words
for writing without spaces.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yamabiko.engines import wording
from yamabiko.engines.contract import DetectedLanguage, ModelUnreadable
from yamabiko.speech import SAMPLE_RATE, Segment, TranscribeOptions

if TYPE_CHECKING:
    from yamabiko.engines.contract import Audio

_PAUSE_S = 1.0
"""Where nobody speaks for so long, a segment ends: these models write no punctuation."""
_SHORTEST = SAMPLE_RATE // 10
"""Samples; the convolutions need 25 ms."""
_ADAPTER = re.compile(r"adapter\.([\w-]+)\.(?:safetensors|bin)")
_MMS = {
    "af": "afr", "am": "amh", "ar": "ara", "as": "asm", "az": "azj-script_latin", "ba": "bak", "be": "bel", "bg": "bul",
    "bn": "ben", "bo": "bod", "bs": "bos", "ca": "cat", "cs": "ces", "cy": "cym", "da": "dan", "de": "deu", "el": "ell",
    "en": "eng", "es": "spa", "et": "est", "fa": "fas", "fi": "fin", "fo": "fao", "fr": "fra", "gl": "glg", "gu": "guj",
    "ha": "hau", "he": "heb", "hi": "hin", "hr": "hrv", "ht": "hat", "hu": "hun", "hy": "hye", "id": "ind", "is": "isl",
    "it": "ita", "ja": "jpn", "jw": "jav", "ka": "kat", "kk": "kaz", "km": "khm", "kn": "kan", "ko": "kor", "lo": "lao",
    "lt": "lit", "lv": "lav", "mg": "mlg", "mi": "mri", "mk": "mkd", "ml": "mal", "mn": "mon", "mr": "mar", "ms": "zlm",
    "mt": "mlt", "my": "mya", "ne": "npi", "nl": "nld", "no": "nob", "oc": "oci", "pa": "pan", "pl": "pol", "ps": "pus",
    "pt": "por", "ro": "ron", "ru": "rus", "sd": "snd", "sk": "slk", "sl": "slv", "sn": "sna", "so": "som", "sq": "sqi",
    "sr": "srp-script_latin", "su": "sun", "sv": "swe", "sw": "swh", "ta": "tam", "te": "tel", "tg": "tgk", "th": "tha",
    "tk": "tuk-script_latin", "tl": "tgl", "tr": "tur", "tt": "tat", "uk": "ukr", "ur": "urd-script_arabic",
    "uz": "uzb-script_latin", "vi": "vie", "yi": "ydd", "yo": "yor", "yue": "yue-script_traditional",
    "zh": "cmn-script_simplified",
}  # fmt: skip
"""Whisper's codes as MMS names its adapters: ISO 639-3, with the script where it has several."""


class Ctc:
    def __init__(self, model: Any, tokenizer: Any, features: Any, adapters: Sequence[str], current: str | None) -> None:
        import torch

        self._torch, self._model, self._tokenizer, self._features = torch, model, tokenizer, features
        self._adapters, self._current = tuple(adapters), current
        self._step = getattr(model.config, "inputs_to_logits_ratio", None)

    @property
    def languages(self) -> tuple[str, ...]:
        """Of the adapters; empty where the model has none: no file of it says which language it writes."""
        named = {theirs: ours for ours, theirs in _MMS.items()}
        return tuple(named.get(name, name) for name in self._adapters)

    def detect_language(self, audio: Audio, languages: Sequence[str]) -> DetectedLanguage | None:
        return None

    def transcribe(self, batch: Sequence[Audio], options: TranscribeOptions) -> Iterator[tuple[int, Segment]]:
        language = self._speak(options.language) if self._adapters else None
        # Of a model that does not mask, silence behind a shorter chunk would change its text.
        masks = bool(getattr(self._features, "return_attention_mask", False))
        groups = [range(len(batch))] if masks else [[number] for number in range(len(batch))]
        for group in groups:
            likely, step = self._likely([batch[number] for number in group])
            for number, table in zip(group, likely, strict=True):
                length_s = len(batch[number]) / SAMPLE_RATE
                steps = table[: max(1, math.ceil(length_s / step))]
                best, probabilities = steps.argmax(-1).tolist(), steps.max(-1).values.exp().tolist()
                pieces = list(_pieces(best, probabilities, step, length_s, self._text))
                for segment in _segments(pieces, language, words=options.word_timestamps):
                    yield number, segment

    def _speak(self, language: str | None) -> str | None:
        """Take the adapter of this language; the code that was not asked for, where the one at hand decides."""
        wanted = _MMS.get(language or "", language) or self._current
        if wanted not in self._adapters:
            raise ValueError(f"the model has no adapter for {language}: {', '.join(self._adapters)}")
        if wanted != self._current:
            self._tokenizer.set_target_lang(wanted)
            self._model.load_adapter(wanted, local_files_only=True)
            self._current = wanted
        return None if language else next((ours for ours, name in _MMS.items() if name == wanted), wanted)

    def _likely(self, batch: Sequence[Audio]) -> tuple[Any, float]:
        """Log-probabilities, shape (chunks, steps, tokens), and the seconds of a step."""
        import numpy

        longest = max(_SHORTEST, *(len(audio) for audio in batch))
        audios = [numpy.pad(audio, (0, max(0, _SHORTEST - len(audio)))) for audio in batch]
        given = self._features(audios, sampling_rate=SAMPLE_RATE, padding=True, return_tensors="pt")
        inputs = {name: value.to(self._model.device) for name, value in given.items()}
        name = self._model.main_input_name
        inputs[name] = inputs[name].to(self._model.dtype)
        with self._torch.no_grad():
            logits = self._model(**inputs).logits.float().log_softmax(-1).cpu()
        samples = self._step or longest / logits.shape[1]
        return logits, samples / SAMPLE_RATE

    def _text(self, token: int) -> str | None:
        """None: nothing was said (CTC's blank); empty: what is no text."""
        if token == self._tokenizer.pad_token_id:
            return None
        if token in self._tokenizer.all_special_ids:
            return ""
        said = str(self._tokenizer.convert_ids_to_tokens(token))
        return said.replace(str(getattr(self._tokenizer, "word_delimiter_token", None) or "|"), " ").replace("▁", " ")


def _pieces(
    tokens: Sequence[int], probabilities: Sequence[float], step_s: float, length_s: float,
    text: Callable[[int], str | None],
) -> Iterator[wording.Piece]:  # fmt: skip
    """What the likeliest path says: a token that lasts is one token, and a space belongs to what stands behind it."""
    space, begun = "", False
    for token, run in groupby(range(len(tokens)), key=tokens.__getitem__):
        said = text(token)
        if not said:
            continue
        if not said.strip():
            space = " "
            continue
        steps = list(run)
        shown = (space + said if not said.startswith(" ") else said) if begun else wording.spaced(said.strip())
        space, begun = "", True
        likely = sum(probabilities[step] for step in steps) / len(steps)
        yield wording.Piece(shown, min(steps[0] * step_s, length_s), min((steps[-1] + 1) * step_s, length_s), likely)


def _segments(pieces: Sequence[wording.Piece], language: str | None, *, words: bool) -> Iterator[Segment]:
    for phrase in wording.phrases(pieces, _PAUSE_S):
        logs = [math.log(piece.probability) for piece in phrase if piece.probability]
        yield Segment(
            start_s=phrase[0].start_s,
            end_s=phrase[-1].end_s,
            text="".join(piece.text for piece in phrase),
            words=tuple(wording.words(phrase)) if words else (),
            avg_logprob=math.fsum(logs) / len(logs) if logs else None,
            language=language,
        )


def read(folder: Path, dtype: Any) -> tuple[Any, Any, Any, tuple[str, ...], str | None, Any]:
    """
    Model, tokenizer, feature extractor, adapters, the one at hand, and what is missing in the files.

    The processor is not asked for: of a model with a language model beside it, it would want a decoder that nobody has.
    Raises: ModelUnreadable, and whatever the library raises.
    """
    from transformers import AutoFeatureExtractor, AutoModelForCTC, AutoTokenizer

    found = sorted(match[1] for item in folder.iterdir() if (match := _ADAPTER.fullmatch(item.name)))
    current, more, less = None, {}, {}
    if found:
        settings = folder / "tokenizer_config.json"
        said = json.loads(settings.read_text("utf-8")).get("target_lang") if settings.is_file() else None
        current = said if said in found else "eng" if "eng" in found else found[0]
        more, less = {"target_lang": current}, {"ignore_mismatched_sizes": True}
        vocabulary = json.loads((folder / "vocab.json").read_text("utf-8"))
        if current not in vocabulary:
            raise ModelUnreadable(f"{folder}: there is an adapter for {current}, and vocab.json has no letters of it")
    model, told = AutoModelForCTC.from_pretrained(
        folder, dtype=dtype, local_files_only=True, output_loading_info=True, **more, **less
    )
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, **more)
    features = AutoFeatureExtractor.from_pretrained(folder, local_files_only=True)
    return model, tokenizer, features, tuple(found), current, told
