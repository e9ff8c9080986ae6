"""
parakeet: NVIDIA's NeMo, for the models that it reads best itself: TDT, RNNT and CTC, from one .nemo file.

Read for this file: nemo_toolkit 3.0.0 (save_restore_connector.py, transcription.py, rnnt_decoding.py, ctc_decoding.py,
hybrid_rnnt_ctc_models.py, label_looping_base.py).

A transducer decodes on a GPU with whole CUDA graphs, where a guard of NeMo's lets it, with partial ones, or without
any: the same algorithm and the same text each time, and slower each time. The rungs name these ways as modes.
"""

from __future__ import annotations

import os
import pickle
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yamabiko.engines import nemo_times, wording
from yamabiko.engines.card_parts import NO_GPU_FOR_TORCH, PYTORCH_LACKS, pytorch_profiles
from yamabiko.engines.contract import Card, DetectedLanguage, Loaded, ModelUnreadable, Placement
from yamabiko.i18n import Text
from yamabiko.speech import SAMPLE_RATE, Evidence, Segment, TranscribeOptions

if TYPE_CHECKING:
    from yamabiko.engines.contract import Audio

_BUILT = ("antlr4-python3-runtime",)
_WHOLE, _PARTIAL, _NONE, _CTC = "full-graphs", "partial-graphs", "no-graphs", "ctc"

CARD = Card(
    name="parakeet",
    job="transcribe",
    summary=Text(
        "NVIDIA's Parakeet and other NeMo models: TDT, RNNT, CTC", "NVIDIAのParakeetなどNeMoのモデル（TDT・RNNT・CTC）"
    ),
    distribution="nemo-toolkit",
    imports=("nemo.collections.asr.models",),
    licence="Apache-2.0",
    languages="the model's own",
    features=frozenset({"segment-times", "word-times", "punctuation", "batch"}),
    default_model="parakeet-tdt_ctc-0.6b-ja",
    model_format="nemo",
    placements=(
        Placement("cuda", "float32", mode=_WHOLE),
        Placement(
            "cuda",
            "float32",
            mode=_PARTIAL,
            answers=(
                "nemo-cuda35-bindings-newer-than-driver",
                "nemo-capture-info-unpack",
                "nemo-nvrtc-ptx-222",
                "nemo-nvrtc-interned-bytes-corruption",
                "nemo-libcuda-missing-rocm",
            ),
        ),
        # Without graphs the guard, which itself fails where there is no libcuda, is never asked.
        Placement("cuda", "float32", mode=_NONE, answers=("nemo-libcuda-missing-rocm", "nemo-autocast-graph-wer")),
        # No transducer at all, so nothing that is known of its decoders.
        Placement(
            "cuda",
            "float32",
            mode=_CTC,
            costs_accuracy=True,
            answers=("nemo-cuda35-bindings-newer-than-driver", "nemo-capture-info-unpack", "nemo-libcuda-missing-rocm"),
        ),
        Placement(
            "cpu", "float32", answers=(*NO_GPU_FOR_TORCH, "nemo-libcuda-missing-rocm", "nemo-driver-below-12.6-slower")
        ),
    ),
    profiles=pytorch_profiles("parakeet", built=_BUILT),
    lacking=PYTORCH_LACKS,
    longest_chunk_s=30.0,
    evidence=("introspection",),
)

_UNASKED = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")
_GUARD = "check_cuda_python_cuda_graphs_conditional_nodes_supported"
"""Of NeMo: raises ImportError where the driver cannot have loops in a CUDA graph."""
_CONFIGURATION, _WEIGHTS = "model_config.yaml", "model_weights.ckpt"
_SHORTEST_S = 1.0
"""NeMo fills shorter recordings up to this on both sides, which would move all times."""
_EUROPEAN = ("bg", "hr", "cs", "da", "nl", "en", "et", "fi", "fr", "de", "el", "hu", "it", "lv", "lt", "mt", "pl", "pt",
             "ro", "ru", "sk", "sl", "es", "sv", "uk")  # fmt: skip
_LANGUAGES_BY_NAME = {
    "parakeet-tdt-0.6b-v3": _EUROPEAN,
    "parakeet-tdt_ctc-0.6b-ja": ("ja",),
    "parakeet-tdt-0.6b-v2": ("en",),
    "parakeet-tdt-1.1b": ("en",),
    "parakeet-tdt_ctc-1.1b": ("en",),
    "parakeet-tdt_ctc-110m": ("en",),
    "parakeet-ctc-0.6b": ("en",),
    "parakeet-ctc-1.1b": ("en",),
    "parakeet-rnnt-0.6b": ("en",),
    "parakeet-rnnt-1.1b": ("en",),
}
"""By the names that NVIDIA gave its files: in none of them it is written which languages the model was trained on."""


def create() -> Parakeet:
    return Parakeet()


class Parakeet:
    _model: Any

    def load(self, model: Path, placement: Placement, threads: int) -> Loaded:
        _check_archive(model)
        os.environ.update(dict.fromkeys(_UNASKED, "1"))
        os.environ.pop("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", None)  # tensors are read from the weights, and no code
        import nemo
        import torch
        from nemo.collections.asr import models

        if threads:
            torch.set_num_threads(threads)
        graphs = placement.device != "cpu" and placement.mode in ("", _WHOLE, _PARTIAL)
        if placement.mode == _PARTIAL:
            _refuse_whole_graphs()  # before the decoder is made: it asks the guard but once
        with _unpacking_on_disk(), _as_unreadable(model):
            configuration = models.ASRModel.restore_from(str(model), return_config=True)
            kind = _kind(model, configuration, models)
            _set_decoding(configuration, graphs=graphs or placement.mode == _PARTIAL)
            self._model = kind.restore_from(
                str(model), map_location=placement.device, override_config_path=configuration
            )
        self._model.eval()
        if placement.mode == _CTC:
            self._take_ctc()
        device, precision = self._really()
        version = f"{nemo.__version__} (torch {torch.__version__})"
        return Loaded(device, precision, version, _languages(model, _vocabulary(self._model)))

    def transcribe(self, batch: Sequence[Audio], options: TranscribeOptions) -> Iterator[tuple[int, Segment]]:
        heard = self._model.transcribe(
            [_long_enough(audio) for audio in batch],
            batch_size=len(batch),
            return_hypotheses=True,
            timestamps=True,
            num_workers=0,
            verbose=False,
        )
        for index, hypothesis in enumerate(heard):
            best = hypothesis[0] if isinstance(hypothesis, list) else hypothesis  # of several, where it is a beam
            times = best.timestamp if self._transduces() else nemo_times.of_ctc(best.timestamp)
            pieces = nemo_times.pieces(best.text, times, len(batch[index]) / SAMPLE_RATE)
            for sentence in nemo_times.sentences(pieces):
                yield (
                    index,
                    Segment(
                        start_s=sentence[0].start_s,
                        end_s=sentence[-1].end_s,
                        text="".join(piece.text for piece in sentence),
                        words=tuple(wording.words(sentence)) if options.word_timestamps else (),
                    ),
                )

    def detect_language(self, audio: Audio, languages: Sequence[str] = ()) -> DetectedLanguage | None:
        return None  # a model for many languages writes the one it hears, and does not say which

    def evidence(self) -> tuple[Evidence, ...]:
        device, precision = self._really()
        computer = self._decoding_computer()
        how = "CTC head"
        if computer is not None:
            mode = computer.cuda_graphs_mode
            how = f"transducer, CUDA graphs: {'off' if mode is None else mode.value}"
        elif self._transduces():
            how = "transducer, one recording at a time"
        return (Evidence("introspection", device, f"{type(self._model).__name__}: {device}, {precision}; {how}"),)

    # ---- inside ------------------------------------------------------------------------------------------------

    def _take_ctc(self) -> None:
        """Raises: ValueError, where the model has no such head. A pure CTC model has nothing else."""
        if hasattr(self._model, "ctc_decoder"):
            self._model.change_decoding_strategy(decoder_type="ctc", verbose=False)
        elif self._transduces():
            raise ValueError(f"this model ({type(self._model).__name__}) has no CTC head")

    def _transduces(self) -> bool:
        return hasattr(self._model, "joint") and getattr(self._model, "cur_decoder", "rnnt") == "rnnt"

    def _decoding_computer(self) -> Any:
        """What decodes in batches, with graphs or without; None where something else does."""
        return getattr(self._model.decoding.decoding, "decoding_computer", None) if self._transduces() else None

    def _really(self) -> tuple[str, str]:
        """Where the weights lie, and as what."""
        weight = next(self._model.parameters())
        return weight.device.type, str(weight.dtype).removeprefix("torch.")


# ---- before the model ------------------------------------------------------------------------------------------------


def _check_archive(model: Path) -> None:
    """Raises: ModelUnreadable, for what is no whole tar file with a model in it."""
    try:
        with tarfile.open(model) as archive:
            inside = {Path(name).name for name in archive.getnames()}
    except (tarfile.TarError, EOFError) as error:
        raise ModelUnreadable(f"{model} is no whole .nemo file: {error}") from None
    lacking = [name for name in (_CONFIGURATION, _WEIGHTS) if name not in inside]
    if lacking:
        raise ModelUnreadable(f"{model} is no .nemo file of one model: it holds no {' and no '.join(lacking)}")


@contextmanager
def _as_unreadable(model: Path) -> Iterator[None]:
    """What torch raises of weights that are damaged, and of weights that are those of another model."""
    try:
        yield
    except (pickle.UnpicklingError, EOFError) as error:
        raise ModelUnreadable(f"{model}: {_WEIGHTS}: {error}") from error
    except RuntimeError as error:
        if "PytorchStreamReader" in str(error) or "Error(s) in loading state_dict" in str(error):
            raise ModelUnreadable(f"{model}: {_WEIGHTS}: {str(error)[:500]}") from error
        raise


@contextmanager
def _unpacking_on_disk() -> Iterator[None]:
    """NeMo unpacks the file, 2.5 GB of it, into the folder for passing files; /tmp is often memory."""
    before = tempfile.tempdir
    if "TMPDIR" not in os.environ and os.access("/var/tmp", os.W_OK):
        tempfile.tempdir = "/var/tmp"
    try:
        yield
    finally:
        tempfile.tempdir = before


def _kind(model: Path, configuration: Any, models: Any) -> Any:
    """
    The class that the file names, if it is a transducer's or CTC's.

    NeMo would find it by itself; but whatever is raised while it makes the model it then hides behind “Can't instantiate
    abstract class ASRModel” (from_config_dict in core/classes/common.py).
    """
    name = str(configuration.get("target") or "").rpartition(".")[2]
    kind = getattr(models, name, None)
    if not isinstance(kind, type) or not issubclass(kind, models.EncDecRNNTModel | models.EncDecCTCModel):
        raise ModelUnreadable(f"{model} holds a {name or 'model without a name'}: no TDT, RNNT or CTC model")
    return kind


def _set_decoding(configuration: Any, *, graphs: bool) -> None:
    """
    Times of tokens from the start, and graphs or not, in the file's own configuration: so the decoder is made once.

    `transcribe(timestamps=True)` makes it anew where the configuration did not ask for times, and with it all that was
    set on the decoder itself would be gone (rnnt_models.py).
    """
    from omegaconf import OmegaConf, open_dict

    with open_dict(configuration):
        for holder in (configuration, configuration.get("aux_ctc")):
            if holder is not None and holder.get("decoding") is not None:
                holder.decoding.compute_timestamps = True
        if configuration.get("joint") is not None:
            if configuration.get("decoding") is None:
                configuration.decoding = OmegaConf.create({"strategy": "greedy_batch", "compute_timestamps": True})
            if configuration.decoding.get("greedy") is None:
                configuration.decoding.greedy = OmegaConf.create({})
            configuration.decoding.greedy.use_cuda_graph_decoder = graphs


def _refuse_whole_graphs() -> None:
    """
    Let NeMo's guard refuse, so that it takes the way it documents itself: partial graphs.

    Modules that use the guard have it by name, each its own; so each is given ours.
    """

    def refused() -> None:
        raise ImportError("yamabiko: partial CUDA graphs were asked for")

    for module in list(sys.modules.values()):
        if _GUARD in getattr(module, "__dict__", {}):
            setattr(module, _GUARD, refused)


# ---- what the model is ------------------------------------------------------------------------------------------------


def _vocabulary(model: Any) -> tuple[str, ...]:
    """Its tokens, as its tokenizer writes them."""
    holder = model.joint if hasattr(model, "joint") else model.decoder
    return tuple(str(token) for token in getattr(holder, "vocabulary", None) or ())


def _languages(model: Path, vocabulary: Sequence[str]) -> tuple[str, ...]:
    """By the name that its makers gave the file, else by its writing; empty where neither tells."""
    known = _LANGUAGES_BY_NAME.get(model.stem)
    if known:
        return known
    written = [token for token in (token.strip("\u2581 ") for token in vocabulary) if token]
    kana = sum("\u3041" <= token[0] <= "\u30ff" for token in written)
    kanji = sum("\u4e00" <= token[0] <= "\u9fff" for token in written)
    return ("ja",) if kana and kana + kanji > len(written) / 2 else ()


# ---- what it heard ----------------------------------------------------------------------------------------------------


def _long_enough(audio: Audio) -> Audio:
    import numpy

    lacking = int(_SHORTEST_S * SAMPLE_RATE) - len(audio)
    return numpy.pad(audio, (0, max(0, lacking)))  # and a copy, which torch may write into
