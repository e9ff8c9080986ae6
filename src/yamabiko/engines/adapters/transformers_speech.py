"""
transformers: Whisper, Distil-Whisper, kotoba-whisper, Wav2Vec2 and MMS from folders as Hugging Face's hub has them.

Read for this file: transformers 5.23.0, torch 2.13.0. config.json decides which kind of model it is.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yamabiko.engines import transformers_ctc, transformers_whisper
from yamabiko.engines.card_parts import NO_GPU_FOR_TORCH, PYTORCH_LACKS, pytorch_profiles
from yamabiko.engines.contract import Card, DetectedLanguage, Loaded, ModelUnreadable, NoSpeechModel, Placement
from yamabiko.engines.transformers_kind import told_by
from yamabiko.i18n import Text
from yamabiko.speech import Evidence, Segment, TranscribeOptions

if TYPE_CHECKING:
    from yamabiko.engines.contract import Audio


CARD = Card(
    name="transformers",
    job="transcribe",
    summary=Text(
        "Whisper, kotoba-whisper, Wav2Vec2 and MMS on PyTorch, as the hub has them",
        "HubのWhisper・kotoba-whisper・Wav2Vec2・MMS（PyTorch）",
    ),
    distribution="transformers",
    imports=("transformers", "torch"),
    licence="Apache-2.0",
    languages="the model's own",
    # Whisper's; a CTC model has times of segments, words and characters, and batches.
    features=frozenset(
        {"segment-times", "word-times", "punctuation", "language-detection", "translation", "prompt", "batch"}
    ),
    default_model="whisper-base",
    model_format="transformers-speech",
    placements=(
        # Neither numba nor librosa comes into this process, so no second LLVM meets ROCm's.
        Placement("cuda", "float16", answers=("rocm-two-llvms-segfault",)),
        Placement("cuda", "bfloat16", costs_accuracy=True, answers=("rocm-two-llvms-segfault",)),
        Placement("cuda", "float32", answers=("rocm-two-llvms-segfault",)),
        Placement("cpu", "float32", answers=NO_GPU_FOR_TORCH),
    ),
    profiles=pytorch_profiles("transformers"),
    lacking=PYTORCH_LACKS,
    longest_chunk_s=30.0,
    evidence=("introspection",),
    search=frozenset(
        {
            "beam_size",
            "length_penalty",
            "repetition_penalty",
            "no_repeat_ngram_size",
            "temperatures",
            "compression_ratio_threshold",
            "logprob_threshold",
            "no_speech_threshold",
            "suppress_tokens",
        }
    ),
)


def create() -> Transformers:
    return Transformers()


class Transformers:
    _model: Any
    _reader: transformers_whisper.Whisper | transformers_ctc.Ctc

    def load(self, model: Path, placement: Placement, threads: int) -> Loaded:
        import torch
        import transformers

        transformers.utils.logging.disable_progress_bar()
        transformers.utils.logging.set_verbosity_error()  # it warns of its own inner calls; what matters is raised
        if threads:
            torch.set_num_threads(threads)
        folder = model if model.is_dir() else model.parent
        whisper, dtype = _is_whisper(folder), getattr(torch, placement.compute_type)
        try:
            read = (transformers_whisper if whisper else transformers_ctc).read(folder, dtype)
        except _unreadable() as error:
            _refuse(folder, error)
        self._model, *parts, told = read
        _refuse_incomplete(folder, told)
        self._model.eval().to(placement.device)
        self._reader = (transformers_whisper.Whisper if whisper else transformers_ctc.Ctc)(self._model, *parts)
        device, compute_type = self._really()
        version = f"{transformers.__version__} (torch {torch.__version__})"
        return Loaded(
            device, compute_type, version, self._reader.languages,
            features=None if whisper else ("segment-times", "word-times", "batch"), search=None if whisper else (),
        )  # fmt: skip

    def transcribe(self, batch: Sequence[Audio], options: TranscribeOptions) -> Iterator[tuple[int, Segment]]:
        yield from self._reader.transcribe(batch, options)

    def detect_language(self, audio: Audio, languages: Sequence[str] = ()) -> DetectedLanguage | None:
        return self._reader.detect_language(audio, languages)

    def evidence(self) -> tuple[Evidence, ...]:
        device, compute_type = self._really()
        kind = type(self._model).__name__
        return (Evidence("introspection", device, f"{kind}: parameters of {compute_type} on {device}"),)

    def _really(self) -> tuple[str, str]:
        parameter = next(self._model.parameters())
        return parameter.device.type, str(parameter.dtype).removeprefix("torch.")


def _unreadable() -> tuple[type[Exception], ...]:
    """What is raised of files that are no whole model: it is read on the CPU first, so nothing else is at fault."""
    from safetensors import SafetensorError

    of_files = (OSError, EOFError, SafetensorError, pickle.UnpicklingError)
    return (*of_files, ValueError, RuntimeError, KeyError, TypeError, AttributeError)


def _refuse(folder: Path, error: Exception) -> None:
    """Raises: MemoryError; ModelUnreadable for the rest."""
    if "allocate memory" in str(error):  # torch's own words: no exception of its own stands for it
        raise MemoryError(str(error)) from error
    lines = str(error).strip().splitlines() or [""]
    raise ModelUnreadable(f"{folder}: {type(error).__name__}: {lines[0][:300]}") from error


def _refuse_incomplete(folder: Path, told: dict[str, Any]) -> None:
    """
    The library fills weights that the files lack with random numbers, warns, and goes on. Raises: ModelUnreadable.

    A wav2vec2 that was never trained to write (no lm_head) is met here too.
    """
    missing = sorted(name for name in told["missing_keys"] if not name.endswith("masked_spec_embed"))
    if missing:
        raise ModelUnreadable(f"{folder}: the files lack {len(missing)} weights of the model, among them {missing[0]}")


def _is_whisper(folder: Path) -> bool:
    """Raises: NoSpeechModel, where config.json names a kind of model that is not read here; ModelUnreadable."""
    config = folder / "config.json"
    try:
        told = told_by(config)
    except (OSError, ValueError) as error:
        raise ModelUnreadable(f"{config}: {error}") from None
    if told.kind is None:
        raise NoSpeechModel(f"{config}: {told.said}: neither Whisper nor a CTC model")
    return told.kind == "whisper"
