"""
Times for the words of any engine: a wav2vec2 model (or HuBERT, WavLM, ...) that says how likely each character is.

Read for this file: transformers 5.23.0 (modeling_auto.py, tokenization_wav2vec2.py), WhisperX 3.8.6 (alignment.py).
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yamabiko.engines.card_parts import NO_GPU_FOR_TORCH, PYTORCH_LACKS, pytorch_profiles
from yamabiko.engines.contract import Card, Loaded, ModelUnreadable, Placement
from yamabiko.i18n import Text
from yamabiko.speech import SAMPLE_RATE, Evidence

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    from yamabiko.engines.contract import Audio

CARD = Card(
    name="wav2vec2-aligner",
    job="align",
    summary=Text(
        "Times each word of any engine's text with a wav2vec2 model",
        "どのエンジンの文字起こしにも、wav2vec2で単語の時刻を付ける",
    ),
    distribution="transformers",
    imports=("transformers", "torch"),
    licence="Apache-2.0",
    languages="those of the model",
    features=frozenset({"word-times", "character-times"}),
    default_model="align-en",
    model_format="wav2vec2-ctc",
    placements=(Placement("cuda", "float32"), Placement("cpu", "float32", answers=NO_GPU_FOR_TORCH)),
    profiles=pytorch_profiles("wav2vec2-aligner"),
    lacking=PYTORCH_LACKS,
    longest_chunk_s=30.0,
    evidence=("introspection",),
)

SHORTEST_SAMPLES = 400
"""One frame: what the convolutions of wav2vec2 see at once. Less is filled up with silence."""
_NO_SOUND = frozenset({"<s>", "</s>", "<unk>", "[unk]", "[pad]", "<pad>", "<mask>"})


def create() -> Wav2Vec2Aligner:
    return Wav2Vec2Aligner()


class Wav2Vec2Aligner:
    _model: Any

    def load(self, model: Path, placement: Placement, threads: int) -> Loaded:
        import torch
        import transformers

        if threads:
            torch.set_num_threads(threads)
        self._columns = _vocabulary(model)
        try:
            self._model = transformers.AutoModelForCTC.from_pretrained(
                str(model), local_files_only=True, dtype=torch.float32
            )
            self._prepare = transformers.AutoFeatureExtractor.from_pretrained(str(model), local_files_only=True)
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise ModelUnreadable(f"{model}: {type(error).__name__}: {error}") from error
        except Exception as error:
            if type(error).__name__ != "SafetensorError":
                raise
            raise ModelUnreadable(f"{model}: {error}") from error
        if self._model.config.vocab_size <= max(self._columns.values(), default=0):
            raise ModelUnreadable(f"{model}: vocab.json names more than the {self._model.config.vocab_size} outputs")
        self._model = self._model.to(placement.device).eval()
        device, kind = self._really()
        return Loaded(device, kind, f"{transformers.__version__} (PyTorch {torch.__version__})")

    def log_probabilities(self, audio: Audio, characters: str) -> tuple[NDArray[numpy.float32], float]:
        import numpy
        import torch

        config = self._model.config
        if len(audio) < SHORTEST_SAMPLES:
            audio = numpy.pad(audio, (0, SHORTEST_SAMPLES - len(audio)))
        prepared = self._prepare(audio, sampling_rate=SAMPLE_RATE, return_tensors="pt")
        with torch.inference_mode():
            heard = self._model(next(iter(prepared.values()))[:1].to(self._model.device)).logits[0]
            every = torch.log_softmax(heard.float(), -1).cpu().numpy()
        sounds = sorted(column for token, column in self._columns.items() if token.lower() not in _NO_SOUND)
        columns = [every[:, config.pad_token_id], every[:, sounds].max(1)]
        unknown = numpy.full(len(every), numpy.nan, numpy.float32)
        for character in characters:
            column = next((self._columns[form] for form in _forms(character) if form in self._columns), None)
            columns.append(unknown if column is None else every[:, column])
        return numpy.stack(columns, 1), config.inputs_to_logits_ratio / SAMPLE_RATE

    def evidence(self) -> tuple[Evidence, ...]:
        device, kind = self._really()
        return (Evidence("introspection", device, f"PyTorch: the model's weights are on {device}, {kind}"),)

    def _really(self) -> tuple[str, str]:
        weights = next(self._model.parameters())
        device = weights.device
        return f"cuda:{device.index or 0}" if device.type == "cuda" else device.type, str(weights.dtype).split(".")[-1]


def _forms(character: str) -> Iterator[str]:
    """How a vocabulary may spell it: most know either small or capital letters alone, and `|` for a space."""
    if character == " ":
        yield "|"
    plain = unicodedata.normalize("NFKC", character)
    yield from (character, character.lower(), character.upper(), plain, plain.lower(), plain.upper())


def _vocabulary(model: Path) -> dict[str, int]:
    """The column of each token. Raises: ModelUnreadable."""
    file = model / "vocab.json"
    try:
        found = json.loads(file.read_text("utf-8"))
        if found and all(isinstance(value, dict) for value in found.values()):  # MMS: one vocabulary a language
            told = json.loads((model / "tokenizer_config.json").read_text("utf-8"))
            found = found[told["target_lang"]]
        return {str(token): int(column) for token, column in found.items()}
    except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise ModelUnreadable(f"{file}: {type(error).__name__}: {error}") from error
