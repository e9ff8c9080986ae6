"""
openai-whisper: Whisper as its authors published it, on PyTorch, from one .pt file.

Read for this file: openai-whisper 20250625 (__init__.py, transcribe.py, decoding.py, timing.py, model.py). It decodes a
window of 30 s in one call that nothing can interrupt, one window at a time: work is cancelled between chunks. Its
weights stay float32 in memory, whatever is asked; float16 is what it computes in.
"""

from __future__ import annotations

import pickle
import re
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yamabiko.engines.card_parts import NO_GPU_FOR_TORCH, PYTORCH_LACKS, pytorch_profiles
from yamabiko.engines.contract import (
    ALL_OF_SEARCH,
    Card,
    DetectedLanguage,
    Loaded,
    ModelUnreadable,
    Placement,
    likeliest,
)
from yamabiko.i18n import Text
from yamabiko.speech import SAMPLE_RATE, Evidence, Segment, TranscribeOptions, Word

if TYPE_CHECKING:
    from yamabiko.engines.contract import Audio

_BUILT = ("openai-whisper",)

CARD = Card(
    name="openai-whisper",
    job="transcribe",
    summary=Text("Whisper as OpenAI published it, on PyTorch", "OpenAI公式のWhisper（PyTorch）"),
    distribution="openai-whisper",
    imports=("whisper",),
    licence="MIT",
    languages="99 (Whisper)",
    features=frozenset({"segment-times", "word-times", "punctuation", "language-detection", "translation", "prompt"}),
    default_model="base",
    model_format="openai-whisper-pt",
    placements=(
        # Nothing fails for want of Triton's kernels, the times of words only take longer; numba is kept out beside ROCm.
        Placement("cuda", "float16", answers=("openai-whisper-triton-fallback", "rocm-two-llvms-segfault")),
        Placement("cuda", "float32", answers=("openai-whisper-triton-fallback", "rocm-two-llvms-segfault")),
        Placement("cpu", "float32", answers=NO_GPU_FOR_TORCH),
    ),
    profiles=pytorch_profiles("openai-whisper", built=_BUILT),
    lacking=PYTORCH_LACKS,
    longest_chunk_s=30.0,
    evidence=("introspection",),
    search=ALL_OF_SEARCH - {"repetition_penalty", "no_repeat_ngram_size"},
)

_HEADS = {
    (6, 80): "tiny",
    (8, 80): "base",
    (12, 80): "small",
    (16, 80): "medium",
    (20, 80): "large-v2",
    (20, 128): "large-v3",
}
"""By a decoder's heads and the mel bands, for decoders as deep as their encoder; large-v1 cannot be told from v2."""


def create() -> OpenaiWhisper:
    return OpenaiWhisper()


class OpenaiWhisper:
    _model: Any
    _computed_in: str = ""

    def load(self, model: Path, placement: Placement, threads: int) -> Loaded:
        import torch

        if torch.version.hip:
            _keep_numba_out()
        import whisper

        self._torch, self._whisper = torch, whisper
        if threads:
            torch.set_num_threads(threads)
        self._model = _read(whisper, model)
        heads = _alignment_heads(whisper, self._model.dims)
        if heads:
            self._model.set_alignment_heads(heads)
        self._model.to(placement.device)
        self._half = placement.compute_type == "float16" and self._model.device.type != "cpu"
        self._model.encoder.forward = _remembering(self._model.encoder.forward, torch.equal)
        self._model.encoder.register_forward_hook(self._see)
        version = f"{whisper.__version__} (torch {torch.__version__})"
        compute_type = "float16" if self._half else "float32"
        return Loaded(self._model.device.type, compute_type, version, () if self._model.is_multilingual else ("en",))

    def transcribe(self, batch: Sequence[Audio], options: TranscribeOptions) -> Iterator[tuple[int, Segment]]:
        for index, audio in enumerate(batch):
            # The fallback temperatures sample at random: seeded, the same audio gives the same text in every worker.
            self._torch.manual_seed(0)
            detected = None if options.language else self.detect_language(audio)
            language = detected.language if detected else None
            found = self._model.transcribe(
                self._torch.tensor(audio),
                verbose=None,
                language=options.language or language or "en",
                task=options.task,
                fp16=self._half,
                word_timestamps=options.word_timestamps,
                **_decoding(options),
            )
            for segment in found["segments"]:
                if segment["text"].strip():
                    yield index, _ours(segment, len(audio) / SAMPLE_RATE, language)

    def detect_language(self, audio: Audio, languages: Sequence[str] = ()) -> DetectedLanguage | None:
        if not self._model.is_multilingual:
            return None
        with self._torch.no_grad():
            _, every = self._model.detect_language(self._first_window(audio))
        return likeliest(((code, float(likely)) for code, likely in every.items()), languages)

    def evidence(self) -> tuple[Evidence, ...]:
        parameter = next(self._model.parameters())
        where = f"torch parameters: {parameter.dtype} on {parameter.device}"
        seen = f"; the encoder gave {self._computed_in}" if self._computed_in else ""
        return (Evidence("introspection", parameter.device.type, (where + seen).replace("torch.", "")),)

    # ---- inside ------------------------------------------------------------------------------------------------

    def _first_window(self, audio: Audio) -> Any:
        """As `transcribe` cuts it, so that it is encoded once for the language and the text, shape (bands, 3000)."""
        frames = self._whisper.audio.N_FRAMES
        mel = self._whisper.log_mel_spectrogram(
            self._torch.tensor(audio), self._model.dims.n_mels, padding=self._whisper.audio.N_SAMPLES
        )
        window = self._whisper.pad_or_trim(mel[:, : max(1, mel.shape[-1] - frames)], frames).to(self._model.device)
        return window.half() if self._half else window

    def _see(self, _module: Any, _given: Any, features: Any) -> None:
        self._computed_in = f"{features.dtype} on {features.device}"


def _read(whisper: Any, model: Path) -> Any:
    """
    The model, on the CPU: what fails here is the file. The library unpickles numbers only (`weights_only`), no code.

    Raises: ModelUnreadable, MemoryError.
    """
    try:
        return whisper.load_model(str(model), device="cpu")
    except (RuntimeError, pickle.UnpicklingError, EOFError, KeyError, TypeError, ValueError, AttributeError) as error:
        if "allocate memory" in str(error):  # torch's own words: no exception of its own stands for it
            raise MemoryError(str(error)) from error
        raise ModelUnreadable(f"{model} is no whole checkpoint of openai-whisper: {_said(error)}") from None


def _said(error: Exception) -> str:
    """
    What is wrong with the file, in torch's words. What it advises beside that, to read the file in a way that runs the code
    it holds, is passed on to nobody.
    """
    text = str(error)
    about = (
        text.partition("WeightsUnpickler error:")[2].strip() or text.removeprefix("Weights only load failed.").strip()
    )
    line = next(iter(about.splitlines()), "")
    return (
        re.split(r"Re-running `torch\.load`|In PyTorch 2\.6|Please use `torch", line)[0].strip()[:300]
        or type(error).__name__
    )


def _alignment_heads(whisper: Any, dims: Any) -> bytes | None:
    """
    Which heads tell when a word was spoken: the library knows it by a model's name, which a path does not say.

    None for sizes that it does not name: it takes all heads of the decoder's upper half then.
    """
    if dims.n_text_layer == dims.n_audio_layer:
        name = _HEADS.get((dims.n_text_head, dims.n_mels), "")
        name += ".en" if dims.n_vocab == 51864 else ""
    else:
        name = "large-v3-turbo" if (dims.n_audio_layer, dims.n_text_layer, dims.n_text_head) == (32, 4, 20) else ""
    found: bytes | None = getattr(whisper, "_ALIGNMENT_HEADS", {}).get(name)
    layers = {"tiny": 4, "base": 6, "small": 12, "medium": 24}.get(name.removesuffix(".en"), dims.n_text_layer)
    return found if layers == dims.n_text_layer else None


def _decoding(options: TranscribeOptions) -> dict[str, Any]:
    """
    The library's own names. It has no penalty for repetition and no hot words; a beam of one is its greedy search, and
    a length penalty of 1, the mean of a token, is its None.
    """
    beams = options.beam_size > 1
    return {
        "temperature": options.temperatures or (0.0,),
        "beam_size": options.beam_size if beams else None,
        "patience": options.patience if beams and options.patience != 1.0 else None,
        "best_of": options.best_of,
        "length_penalty": None if options.length_penalty == 1.0 else options.length_penalty,
        "suppress_tokens": list(options.suppress_tokens),
        "compression_ratio_threshold": options.compression_ratio_threshold,
        "logprob_threshold": options.logprob_threshold,
        "no_speech_threshold": options.no_speech_threshold,
        "condition_on_previous_text": options.condition_on_previous_text,
        "initial_prompt": options.initial_prompt,
        "prepend_punctuations": options.prepend_punctuations,
        "append_punctuations": options.append_punctuations,
        "hallucination_silence_threshold": options.hallucination_silence_threshold,
    }


def _remembering(encode: Callable[[Any], Any], equal: Callable[[Any, Any], bool]) -> Callable[[Any], Any]:
    """
    The encoder, knowing its last answer. The library asks it for the same window for the language, for each fallback
    temperature and for the times of words.
    """
    last: list[Any] = []

    def remembered(mel: Any) -> Any:
        if not last or last[0].dtype != mel.dtype or not equal(last[0], mel):
            last[:] = mel, encode(mel)
        return last[1]

    return remembered


def _keep_numba_out() -> None:
    """
    On ROCm, numba's LLVM beside torch's ends the process at the first inference (rocm-two-llvms-segfault).

    The library takes from numba one decorator, for two functions that run without it too: the times of words then take
    up to a second more a chunk. Not verified on a GPU of AMD.
    """

    def jit(*_: Any, **__: Any) -> Callable[[Any], Any]:
        return lambda function: function

    stand_in = types.ModuleType("numba", "yamabiko: stands in for numba, which must not be loaded beside ROCm")
    stand_in.jit = jit  # type: ignore[attr-defined]
    sys.modules.setdefault("numba", stand_in)


def _ours(segment: dict[str, Any], longest_s: float, language: str | None) -> Segment:
    """Plain numbers inside the chunk: the library counts in frames of 30 s, and in numpy's numbers."""

    def at(seconds: Any) -> float:
        return min(max(0.0, float(seconds)), longest_s)

    words = tuple(
        Word(at(word["start"]), max(at(word["start"]), at(word["end"])), word["word"], float(word["probability"]))
        for word in segment.get("words", ())
    )
    return Segment(
        start_s=at(segment["start"]),
        end_s=max(at(segment["start"]), at(segment["end"])),
        text=segment["text"],
        words=words,
        tokens=tuple(int(token) for token in segment["tokens"]),
        avg_logprob=float(segment["avg_logprob"]),
        no_speech_prob=float(segment["no_speech_prob"]),
        compression_ratio=float(segment["compression_ratio"]),
        seek=int(segment["seek"]),
        temperature=float(segment["temperature"]),
        language=language,
    )
