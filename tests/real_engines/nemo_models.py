"""
Tiny NeMo models with weights made up at random, saved by NeMo itself: python nemo_models.py FOLDER

Runs in the engine's own environment. Writes hybrid.nemo (TDT and CTC), tdt.nemo, rnnt.nemo and ctc.nemo in one go,
since the import of NeMo takes longer than all the rest. Their texts mean nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SENTENCES = (
    "今日は天気がいいので、公園まで散歩に行きましょう。",
    "音声認識の精度を評価するために、いくつかの文章を読み上げます。",
    "洗濯機が回っているのは、早朝かもしれません。",
)
DURATIONS = (0, 1, 2, 3, 4)
NEMO = "nemo.collections.asr.modules."


@dataclass(frozen=True, slots=True)
class Shape:
    """How large each part is."""

    width: int = 32
    layers: int = 2
    heads: int = 2
    widening: int = 2
    """Of the feed-forward layers."""
    channels: int = 16
    """Of the convolutions that make one frame of eight."""
    bands: int = 80
    memory: int = 32
    """Width of what a transducer remembers of its own tokens, and of its joint."""
    memory_layers: int = 1
    tokens: int = 80


TINY = Shape()


def main(folder: Path) -> None:
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch
    from nemo.collections.asr import models
    from omegaconf import OmegaConf

    torch.set_num_threads(1)
    tokenizer(folder / "tokenizer", SENTENCES, TINY.tokens)
    kinds = {
        "hybrid": (models.EncDecHybridRNNTCTCBPEModel, {**transducer(DURATIONS, TINY), "aux_ctc": auxiliary()}),
        "tdt": (models.EncDecRNNTBPEModel, transducer(DURATIONS, TINY)),
        "rnnt": (models.EncDecRNNTBPEModel, transducer((), TINY)),
        "ctc": (models.EncDecCTCModelBPE, {"decoder": ctc_head(), "decoding": {"strategy": "greedy_batch"}}),
    }
    for name, (kind, parts) in kinds.items():
        torch.manual_seed(0)
        model = kind(cfg=OmegaConf.create({**encoder(folder / "tokenizer", TINY), **parts}))
        model.eval()
        model.save_to(str(folder / f"{name}.nemo"))


def tokenizer(folder: Path, sentences: Sequence[str], tokens: int) -> None:
    import sentencepiece

    folder.mkdir()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([*sentences] * 20),
        model_prefix=str(folder / "tokenizer"),
        vocab_size=tokens,
        model_type="bpe",
        character_coverage=1.0,
        unk_id=0,
        bos_id=-1,
        eos_id=-1,
        pad_id=-1,
        minloglevel=2,
    )
    trained = sentencepiece.SentencePieceProcessor(str(folder / "tokenizer.model"))
    pieces = [trained.id_to_piece(number) for number in range(1, trained.get_piece_size())]
    (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in pieces), "utf-8")


def encoder(tokens: Path, shape: Shape) -> dict[str, Any]:
    """A FastConformer as Parakeet's: a frame each 80 ms."""
    return {
        "sample_rate": 16000, "log_prediction": False, "compute_eval_loss": False, "skip_nan_grad": False,
        "model_defaults": {"enc_hidden": shape.width, "pred_hidden": shape.memory, "joint_hidden": shape.memory},
        "tokenizer": {"dir": str(tokens), "type": "bpe"},
        "preprocessor": {
            "_target_": NEMO + "AudioToMelSpectrogramPreprocessor", "sample_rate": 16000, "normalize": "per_feature",
            "window_size": 0.025, "window_stride": 0.01, "window": "hann", "features": shape.bands, "n_fft": 512,
            "frame_splicing": 1, "dither": 0.0, "pad_to": 0,
        },
        "spec_augment": {"_target_": NEMO + "SpectrogramAugmentation", "freq_masks": 0, "time_masks": 0,
                         "freq_width": 1, "time_width": 0.05},
        "encoder": {
            "_target_": NEMO + "ConformerEncoder", "feat_in": shape.bands, "feat_out": -1, "n_layers": shape.layers, "d_model": shape.width,
            "use_bias": False, "subsampling": "dw_striding", "subsampling_factor": 8,
            "subsampling_conv_channels": shape.channels, "causal_downsampling": False, "ff_expansion_factor": shape.widening,
            "self_attention_model": "rel_pos", "n_heads": shape.heads, "att_context_size": [-1, -1],
            "att_context_style": "regular", "xscaling": False, "untie_biases": True, "pos_emb_max_len": 5000,
            "conv_kernel_size": 9, "conv_norm_type": "batch_norm", "dropout": 0.0, "dropout_pre_encoder": 0.0,
            "dropout_emb": 0.0, "dropout_att": 0.0,
        },
        "optim": {"name": "adamw", "lr": 1e-3}, "train_ds": None, "validation_ds": None, "test_ds": None,
    }  # fmt: skip


def transducer(durations: tuple[int, ...], shape: Shape) -> dict[str, Any]:
    """TDT with durations, plain RNNT without."""
    decoding: dict[str, Any] = {"strategy": "greedy_batch", "greedy": {"max_symbols": 10}, "beam": {"beam_size": 2}}
    joint: dict[str, Any] = {
        "_target_": NEMO + "RNNTJoint", "log_softmax": None, "preserve_memory": False, "fuse_loss_wer": False,
        "fused_batch_size": 4, "jointnet": {"joint_hidden": shape.memory, "activation": "relu", "dropout": 0.0},
    }  # fmt: skip
    loss: dict[str, Any] = {"loss_name": "default"}
    if durations:
        decoding |= {"model_type": "tdt", "durations": list(durations)}
        joint |= {"num_extra_outputs": len(durations)}
        kinds = {"fastemit_lambda": 0.0, "durations": list(durations), "sigma": 0.02, "omega": 0.1}
        loss = {"loss_name": "tdt", "tdt_kwargs": kinds}
    return {
        "decoder": {
            "_target_": NEMO + "RNNTDecoder", "normalization_mode": None, "random_state_sampling": False,
            "blank_as_pad": True,
            "prednet": {"pred_hidden": shape.memory, "pred_rnn_layers": shape.memory_layers, "t_max": None, "dropout": 0.0},
        },
        "joint": joint,
        "decoding": decoding,
        "loss": loss,
    }  # fmt: skip


def auxiliary() -> dict[str, Any]:
    return {
        "ctc_loss_weight": 0.3, "use_cer": True, "ctc_reduction": "mean_batch", "decoder": ctc_head(),
        "decoding": {"strategy": "greedy_batch"},
    }  # fmt: skip


def ctc_head() -> dict[str, Any]:
    return {"_target_": NEMO + "ConvASRDecoder", "feat_in": None, "num_classes": -1, "vocabulary": []}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
