"""
Whisper's real weights as onnx-asr reads them: an encoder, and a decoder that hears all tokens again at each step.

The graph is whisper/model.py's (openai-whisper 20250625); names of inputs and outputs are those that onnx-asr 0.12.0 asks
for (models/whisper.py, WhisperHf).
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy
from onnx_files import Graph
from whisper_weights import Tensors, weights

_HEAD = 64
"""Width of one head of attention, in all of Whisper's models."""


def whisper(source: Path, folder: Path) -> Path:
    """The folder of a CTranslate2 Whisper model as a folder of ONNX files, float32."""
    folder.mkdir(exist_ok=True)
    tensors, layers = weights(source)
    _encoder(tensors, layers["encoder"]).write(folder / "encoder_model.onnx")
    _decoder(tensors, layers["decoder"]).write(folder / "decoder_model_merged.onnx")
    vocabulary = (source / "vocabulary.txt").read_text("utf-8").split("\n")[:-1]
    ordinary = vocabulary.index("<|endoftext|>")
    numbered = {token: number for number, token in enumerate(vocabulary)}
    for name, chosen in (("vocab.json", vocabulary[:ordinary]), ("added_tokens.json", vocabulary[ordinary:])):
        (folder / name).write_text(json.dumps({token: numbered[token] for token in chosen}), "utf-8")
    bands = tensors["encoder.conv1.weight"].shape[1]
    (folder / "config.json").write_text(json.dumps({"model_type": "whisper", "num_mel_bins": bands}), "utf-8")
    return folder


class _Net(Graph):
    def __init__(self, tensors: Tensors) -> None:
        super().__init__()
        self.tensors = tensors

    def named(self, name: str) -> str:
        return self.weight(self.tensors[name].astype("f4"))

    def linear(self, value: str, name: str) -> str:
        found = self.add("MatMul", value, self.weight(self.tensors[f"{name}.weight"].astype("f4").T.copy()))
        return self.add("Add", found, self.named(f"{name}.bias")) if f"{name}.bias" in self.tensors else found

    def norm(self, value: str, name: str) -> str:
        return self.add("LayerNormalization", value, self.named(f"{name}.weight"), self.named(f"{name}.bias"), axis=-1)

    def attention(self, value: str, heard: str, name: str, mask: str = "") -> str:
        width = self.tensors[f"{name}.out.weight"].shape[0]
        apart, together = self.weight([0, 0, width // _HEAD, _HEAD]), self.weight([0, 0, width])

        def heads(source: str, part: str, *perm: int) -> str:
            return self.add("Transpose", self.add("Reshape", self.linear(source, f"{name}.{part}"), apart), perm=perm)

        scores = self.add("MatMul", heads(value, "query", 0, 2, 1, 3), heads(heard, "key", 0, 2, 3, 1))
        scores = self.add("Mul", scores, self.weight(_HEAD**-0.5))
        likely = self.add("Softmax", self.add("Add", scores, mask) if mask else scores, axis=-1)
        mixed = self.add("Transpose", self.add("MatMul", likely, heads(heard, "value", 0, 2, 1, 3)), perm=[0, 2, 1, 3])
        return self.linear(self.add("Reshape", mixed, together), f"{name}.out")

    def block(self, value: str, name: str, heard: str = "", mask: str = "") -> str:
        quiet = self.norm(value, f"{name}.attn_ln")
        value = self.add("Add", value, self.attention(quiet, quiet, f"{name}.attn", mask))
        if heard:
            asking = self.norm(value, f"{name}.cross_attn_ln")
            value = self.add("Add", value, self.attention(asking, heard, f"{name}.cross_attn"))
        inner = self.add("Gelu", self.linear(self.norm(value, f"{name}.mlp_ln"), f"{name}.mlp.0"))
        return self.add("Add", value, self.linear(inner, f"{name}.mlp.2"))


def _encoder(tensors: Tensors, layers: int) -> Graph:
    net = _Net(tensors)
    bands, width = tensors["encoder.conv1.weight"].shape[1], tensors["encoder.conv1.weight"].shape[0]
    value = net.input("input_features", "float32", ("batch", bands, 3000))
    for number, step in ((1, 1), (2, 2)):
        kernel, bias = net.named(f"encoder.conv{number}.weight"), net.named(f"encoder.conv{number}.bias")
        value = net.add("Gelu", net.add("Conv", value, kernel, bias, strides=[step], pads=[1, 1]))
    value = net.add("Transpose", value, perm=[0, 2, 1])
    value = net.add("Add", value, net.named("encoder.positional_embedding"))
    for number in range(layers):
        value = net.block(value, f"encoder.blocks.{number}")
    net.output("last_hidden_state", net.norm(value, "encoder.ln_post"), "float32", ("batch", 1500, width))
    return net


def _decoder(tensors: Tensors, layers: int) -> Graph:
    net = _Net(tensors)
    tokens, width = tensors["decoder.token_embedding.weight"].shape
    longest = tensors["decoder.positional_embedding"].shape[0]
    said = net.input("input_ids", "int64", ("batch", "tokens"))
    heard = net.input("encoder_hidden_states", "float32", ("batch", 1500, width))
    embedding = net.named("decoder.token_embedding.weight")
    count = net.add("Slice", net.add("Shape", said), net.weight([1]), net.weight([2]))
    begin, along = net.weight([0]), net.weight([0])
    places = net.add("Slice", net.named("decoder.positional_embedding"), begin, count, along)
    later = numpy.triu(numpy.full((longest, longest), -1e9, numpy.float32), 1)
    square = (net.weight([0, 0]), net.add("Concat", count, count, axis=0), net.weight([0, 1]))
    mask = net.add("Slice", net.weight(later), *square)
    value = net.add("Add", net.add("Gather", embedding, said), places)
    for number in range(layers):
        value = net.block(value, f"decoder.blocks.{number}", heard, mask)
    last = net.add("Slice", value, net.weight([-1]), net.weight([2**31]), net.weight([1]))
    scores = net.add("MatMul", net.norm(last, "decoder.ln"), net.add("Transpose", embedding, perm=[1, 0]))
    net.output("logits", scores, "float32", ("batch", 1, tokens))
    return net
