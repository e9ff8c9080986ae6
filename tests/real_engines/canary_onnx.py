"""
A tiny Canary (NeMo's AED) as onnx-asr reads it, whose text is the prompt that it was given.

Names of files, inputs and outputs, the prompt and the memory between steps: onnx-asr 0.12.0 (models/nemo.py,
NemoConformerAED). It writes a word for each token of the prompt from the language of the speech to that of the text, then
ends; what is heard changes nothing.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy
from onnx_files import Graph

LANGUAGES = ("en", "de", "fr", "ja")
_PROMPT = ("<|startofcontext|>", "<|startoftranscript|>", "<|emo:undefined|>", "<|pnc|>", "<|nopnc|>", "<|noitn|>",
           "<|notimestamp|>", "<|nodiarize|>")  # fmt: skip
_END = "<|endoftext|>"
VOCABULARY = ("<unk>", _END, "▁", *_PROMPT, *(f"<|{one}|>" for one in LANGUAGES), *(f"▁{one}" for one in LANGUAGES),
              "<blk>")  # fmt: skip
_BANDS, _STEP = 80, 8
_BEHIND_LANGUAGE = 6
"""Tokens from the language of the speech to the end of the prompt, itself among them."""


def canary(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    lines = (f"{piece} {number}\n" for number, piece in enumerate(VOCABULARY))
    (folder / "vocab.txt").write_text("".join(lines), "utf-8")
    config = {"model_type": "nemo-conformer-aed", "features_size": _BANDS, "subsampling_factor": _STEP}
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    _encoder().write(folder / "encoder-model.onnx")
    _decoder().write(folder / "decoder-model.onnx")
    return folder


def _encoder() -> Graph:
    graph = Graph()
    heard = graph.input("audio_signal", "float32", ("batch", _BANDS, "time"))
    graph.input("length", "int64", ("batch",))
    kernel = graph.weight(numpy.random.default_rng(7).normal(0, 0.1, (4, _BANDS, _STEP)))
    frames = graph.add("Conv", heard, kernel, strides=[_STEP], pads=[0, _STEP - 1])
    frames = graph.add("Transpose", frames, perm=[0, 2, 1])
    graph.output("encoder_embeddings", frames, "float32", ("batch", "frames", 4))
    shape = graph.add("Slice", graph.add("Shape", frames), graph.weight([0]), graph.weight([2]))
    mask = graph.add("Expand", graph.weight(numpy.ones((1, 1), numpy.int64)), shape)
    graph.output("encoder_mask", mask, "int64", ("batch", "frames"))
    return graph


def _decoder() -> Graph:
    """It remembers all tokens, one number each; the next one follows from that which stands six before it."""
    graph, tokens = Graph(), len(VOCABULARY)
    said = graph.input("input_ids", "int64", ("batch", "tokens"))
    graph.input("encoder_embeddings", "float32", ("batch", "frames", 4))
    graph.input("encoder_mask", "int64", ("batch", "frames"))
    before = graph.input("decoder_mems", "float32", (1, "batch", "said", tokens))
    now = graph.add("Unsqueeze", graph.add("Gather", graph.weight(numpy.eye(tokens)), said), graph.weight([0]))
    known = graph.add("Concat", before, now, axis=2)
    graph.output("decoder_hidden_states", known, "float32", (1, "batch", "all", tokens))
    asked = graph.add("Slice", known, graph.weight([-_BEHIND_LANGUAGE]), graph.weight([1 - _BEHIND_LANGUAGE]),
                      graph.weight([2]))  # fmt: skip
    follows = numpy.full((tokens, tokens), -9.0)
    follows[:, VOCABULARY.index(_END)] = -1
    for language in LANGUAGES:
        follows[VOCABULARY.index(f"<|{language}|>"), VOCABULARY.index(f"▁{language}")] = -0.1
    scores = graph.add("MatMul", graph.add("Squeeze", asked, graph.weight([0])), graph.weight(follows))
    graph.output("logits", scores, "float32", ("batch", 1, tokens))
    return graph
