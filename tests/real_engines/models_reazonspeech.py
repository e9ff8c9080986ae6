"""
Models of sherpa-onnx for tests: a tiny k2 transducer that writes Japanese, and a tiny CTC model of NeMo's.

Their weights are made up at random, in the files that the library reads; what they write means nothing. In silence they
write nothing, as a real model: a stretch's loudness stands in the first number that the encoder makes of it.
"""

from __future__ import annotations

from pathlib import Path

import numpy
from onnx_files import Graph, metadata

ENGINE = "reazonspeech"
TRUE = False
HIRAGANA = "".join(map(chr, range(ord("ぁ"), ord("ん") + 1)))
JAPANESE = ("<blk>", "<sos/eos>", "<unk>", *HIRAGANA, *"今日天気公園散歩行音声認識。、ー", *"NHK12")
ENGLISH = ("▁the", "▁a", "▁walk", "▁in", "ing", "s", "▁park", "▁to", "day", "er", "▁we", "<blk>")
_WIDTH, _BANDS = 16, 80
_PARTS = ("encoder", "decoder", "joiner")


def build(home: Path, folder: Path) -> Path:
    return transducer(folder / "tiny-k2")


def broken(home: Path, folder: Path) -> Path:
    model = transducer(folder / "cut-off-k2")
    encoder = model / "encoder-epoch-99-avg-1.onnx"
    encoder.write_bytes(encoder.read_bytes()[:-9_000])
    return model


def transducer(folder: Path, precisions: tuple[str, ...] = ("",)) -> Path:
    """`precisions`: what stands in the names of the files, as `.int8`; each gets all three."""
    folder.mkdir(exist_ok=True)
    _write_tokens(folder, JAPANESE)
    for number, precision in enumerate(precisions):
        chance = numpy.random.default_rng(11 + number)
        graphs = (_encoder(chance), _decoder(chance), _joiner(chance))
        facts = ({"model_type": "zipformer2", "version": 1, "model_author": "test", "comment": "tiny"},
                 {"context_size": 2, "vocab_size": len(JAPANESE)}, {"joiner_dim": _WIDTH})  # fmt: skip
        for part, graph, told in zip(_PARTS, graphs, facts, strict=True):
            written = graph.write(folder / f"{part}-epoch-99-avg-1{precision}.onnx")
            tell(written, {key: str(value) for key, value in told.items()})
    return folder


def nemo_ctc(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    _write_tokens(folder, ENGLISH)
    chance, graph, step = numpy.random.default_rng(5), Graph(), 8
    heard = graph.input("audio_signal", "float32", ("batch", _BANDS, "time"))
    length = graph.input("length", "int64", ("batch",))
    kernel = graph.weight(chance.normal(0, 0.2, (len(ENGLISH), _BANDS, step)))
    scores = graph.add("Conv", heard, kernel, strides=[step], pads=[0, step - 1])
    sure = graph.add("LogSoftmax", graph.add("Transpose", scores, perm=[0, 2, 1]), axis=-1)
    graph.output("logprobs", sure, "float32", ("batch", "frames", len(ENGLISH)))
    graph.output("lengths", length, "int64", ("batch",))
    facts = {"model_type": "EncDecCTCModelBPE", "vocab_size": len(ENGLISH), "subsampling_factor": step,
             "normalize_type": "per_feature"}  # fmt: skip
    tell(graph.write(folder / "model.onnx"), {key: str(value) for key, value in facts.items()})
    return folder


def tell(model: Path, facts: dict[str, str]) -> None:
    """Metadata, as `onnx.helper.set_model_props` would write it."""
    with model.open("ab") as file:
        file.write(metadata(facts))


def _write_tokens(folder: Path, tokens: tuple[str, ...]) -> None:
    lines = (f"{token} {number}\n" for number, token in enumerate(tokens))
    (folder / "tokens.txt").write_text("".join(lines), "utf-8")


def _encoder(chance: numpy.random.Generator) -> Graph:
    """One number in forty milliseconds of each width; no stretch hears its neighbours."""
    graph, step = Graph(), 4
    heard = graph.input("x", "float32", ("N", "T", _BANDS))
    length = graph.input("x_lens", "int64", ("N",))
    kernel = chance.normal(0, 0.05, (_WIDTH, _BANDS, step))
    kernel[0] = 1 / (8 * _BANDS * step)
    offset = numpy.zeros(_WIDTH)
    offset[0] = 1.2
    bands = graph.add("Transpose", heard, perm=[0, 2, 1])
    frames = graph.add("Conv", bands, graph.weight(kernel), graph.weight(offset), strides=[step], pads=[0, step - 1])
    graph.output("encoder_out", graph.add("Transpose", frames, perm=[0, 2, 1]), "float32", ("N", "U", _WIDTH))
    rounded = graph.add("Add", length, graph.weight(numpy.array(step - 1)))
    graph.output("encoder_out_lens", graph.add("Div", rounded, graph.weight(numpy.array(step))), "int64", ("N",))
    return graph


def _decoder(chance: numpy.random.Generator) -> Graph:
    graph = Graph()
    said = graph.input("y", "int64", ("N", 2))
    memory = chance.normal(0, 1, (len(JAPANESE), _WIDTH))
    memory[:, 0] = 0
    both = graph.add("Gather", graph.weight(memory), said, axis=0)
    last = graph.add("ReduceMean", both, graph.weight(numpy.array([1])), keepdims=0)
    graph.output("decoder_out", last, "float32", ("N", _WIDTH))
    return graph


def _joiner(chance: numpy.random.Generator) -> Graph:
    graph = Graph()
    heard = graph.input("encoder_out", "float32", ("N", _WIDTH))
    said = graph.input("decoder_out", "float32", ("N", _WIDTH))
    mixed = graph.add("Tanh", graph.add("Add", heard, said))
    weights = chance.normal(0, 1, (_WIDTH, len(JAPANESE)))
    weights[0] = 0
    weights[:, 0] = 0
    weights[0, 0] = -12
    likings = numpy.zeros(len(JAPANESE))
    likings[:3] = 11, -50, -50
    scores = graph.add("Add", graph.add("MatMul", mixed, graph.weight(weights)), graph.weight(likings))
    graph.output("logit", scores, "float32", ("N", len(JAPANESE)))
    return graph
