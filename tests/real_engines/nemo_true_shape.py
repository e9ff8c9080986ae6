"""
Parakeet in its true shape, with weights made up at random: python nemo_true_shape.py FOLDER ONNX_PACKAGES

Runs in the engine's own environment; ONNX_PACKAGES is a folder that holds the package `onnx`, which NeMo's export needs.
Writes parakeet-tdt_ctc-0.6b-ja.nemo, and of parakeet-tdt-0.6b-v2 what onnx-asr reads. Takes 10 GB of disk for a while.

Shapes: NVIDIA's model cards (FastConformer-XL: 24 layers, 1024 wide), NeMo's examples/asr/conf/fastconformer. The files
are as large as the published ones, within 0.1 % (models/catalogue.toml). What is random writes far more or far fewer
tokens than speech has, so the blank is made the likeliest: what is measured is the encoder, and a step of the decoder a frame.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from nemo_models import DURATIONS, Shape, auxiliary, encoder, tokenizer, transducer

PARAKEET = Shape(width=1024, layers=24, heads=8, widening=4, channels=256, memory=640, memory_layers=2)
JAPANESE = replace(PARAKEET, bands=80, tokens=3072)
ENGLISH = replace(PARAKEET, bands=128, tokens=1024)
NOTHING = 50.0
"""Added to what speaks for the blank."""


def main(folder: Path, onnx_packages: str) -> None:
    os.environ["HF_HUB_OFFLINE"] = "1"
    sys.path.append(onnx_packages)
    from nemo.collections.asr import models

    hybrid = {**transducer(DURATIONS, JAPANESE), "aux_ctc": auxiliary()}
    made = build(models.EncDecHybridRNNTCTCBPEModel, hybrid, JAPANESE, folder / "ja")
    made.save_to(str(folder / "parakeet-tdt_ctc-0.6b-ja.nemo"))
    del made
    made = build(models.EncDecRNNTBPEModel, transducer(DURATIONS, ENGLISH), ENGLISH, folder / "en")
    export(made, folder / "parakeet-tdt-0.6b-v2-onnx", folder / "en/tokenizer/vocab.txt")


def build(kind: Any, parts: dict[str, Any], shape: Shape, folder: Path) -> Any:
    import torch
    from omegaconf import OmegaConf

    folder.mkdir()
    tokenizer(folder / "tokenizer", sentences(shape.tokens), shape.tokens)
    torch.manual_seed(0)
    model = kind(cfg=OmegaConf.create({**encoder(folder / "tokenizer", shape), **parts}))
    model.eval()
    blank = len(model.joint.vocabulary)
    with torch.no_grad():
        model.joint.joint_net[-1].bias[blank] += NOTHING
        if hasattr(model, "ctc_decoder"):
            model.ctc_decoder.decoder_layers[0].bias[blank] += NOTHING
    return model


def sentences(tokens: int) -> list[str]:
    """Of so many different characters that a vocabulary of this size can be made of them."""
    chance = random.Random(0)
    characters = [chr(0x4E00 + number) for number in range(tokens // 2)]
    return ["".join(chance.sample(characters, 40)) for _ in range(2000)] + ["".join(characters)]


def export(model: Any, folder: Path, vocabulary: Path) -> None:
    """As istupakov's Parakeet: encoder-model.onnx with its weights in one file beside it, decoder_joint-model.onnx."""
    import onnx

    apart = folder / "exported"
    apart.mkdir(parents=True)
    model.export(str(apart / "model.onnx"), onnx_opset_version=17, check_trace=False)
    (apart / "decoder_joint-model.onnx").rename(folder / "decoder_joint-model.onnx")
    onnx.save(
        onnx.load(apart / "encoder-model.onnx"), folder / "encoder-model.onnx",
        save_as_external_data=True, location="encoder-model.onnx.data",
    )  # fmt: skip
    shutil.rmtree(apart)
    pieces = ["<unk>", *vocabulary.read_text("utf-8").splitlines(), "<blk>"]
    (folder / "vocab.txt").write_text("".join(f"{piece} {number}\n" for number, piece in enumerate(pieces)), "utf-8")
    config = {"model_type": "nemo-conformer-tdt", "features_size": ENGLISH.bands, "subsampling_factor": 8}
    (folder / "config.json").write_text(json.dumps(config), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
