"""
Models of onnx-asr for tests: a tiny Parakeet (TDT) with weights made up at random, in the library's real files.

Its text means nothing; how long it looks on, when it says nothing and that a silence stays one is as in a real model.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy
from numpy.typing import NDArray
from onnx_files import Graph

ENGINE = "onnx-asr"
TRUE = False
JAPANESE = ("\u2581", "、", "。", "今", "日", "は", "天気", "が", "いい", "ので", "公", "園", "まで", "散", "歩", "に", "行", "き",
            "ましょう", "音声", "認識", "の", "を", "する", "です", "ます", "か", "も")  # fmt: skip
ENGLISH = ("\u2581the", "\u2581a", "\u2581walk", "\u2581in", "ing", "s", "\u2581park", ",", ".", "?", "\u2581to", "day",
           "\u2581was", "er", "\u2581we")  # fmt: skip
_WIDTH, _BANDS, _STEP = 16, 80, 8


def build(home: Path, folder: Path) -> Path:
    return parakeet(folder / "tiny-parakeet", JAPANESE)


def broken(home: Path, folder: Path) -> Path:
    model = parakeet(folder / "cut-off-parakeet", JAPANESE)
    weights = model / "encoder-model.onnx"
    weights.write_bytes(weights.read_bytes()[:-9_000])
    return model


def parakeet(folder: Path, pieces: Sequence[str], precision: str = "") -> Path:
    """`precision`: what stands in the names of the weights, as `.int8`."""
    folder.mkdir(exist_ok=True)
    vocabulary = ["<unk>", *pieces, "<blk>"]
    lines = (f"{piece} {number}\n" for number, piece in enumerate(vocabulary))
    (folder / "vocab.txt").write_text("".join(lines), "utf-8")
    config = {"model_type": "nemo-conformer-tdt", "features_size": _BANDS, "subsampling_factor": _STEP}
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    chance = numpy.random.default_rng(7)
    _encoder(chance).write(folder / f"encoder-model{precision}.onnx")
    _decoder(chance, len(vocabulary)).write(folder / f"decoder_joint-model{precision}.onnx")
    return folder


def _encoder(chance: numpy.random.Generator) -> Graph:
    graph = Graph()
    _frames(graph, chance.normal(0, 0.1, (_WIDTH, _BANDS, _STEP)))
    return graph


def _frames(graph: Graph, kernel: NDArray[Any]) -> None:
    """One convolution: a frame of 80 ms hears itself alone, so what follows a chunk in a batch changes nothing in it."""
    heard = graph.input("audio_signal", "float32", ("batch", _BANDS, "time"))
    length = graph.input("length", "int64", ("batch",))
    frames = graph.add("Conv", heard, graph.weight(kernel), strides=[_STEP], pads=[0, _STEP - 1])
    graph.output("outputs", graph.add("Tanh", frames), "float32", ("batch", _WIDTH, "frames"))
    rounded = graph.add("Add", length, graph.weight(numpy.array(_STEP - 1)))
    frame_count = graph.add("Div", rounded, graph.weight(numpy.array(_STEP)))
    graph.output("encoded_lengths", frame_count, "int64", ("batch",))


def _decoder(chance: numpy.random.Generator, tokens: int) -> Graph:
    graph = Graph()
    heard, (said, *states) = _asked(graph)
    memory = graph.add("Gather", graph.weight(chance.normal(0, 1, (tokens, _WIDTH))), said)
    kept = graph.add("Tanh", graph.add("Add", memory, states[0]))
    now = graph.add("Transpose", heard, perm=[0, 2, 1])
    mixed = graph.add("Tanh", graph.add("Add", now, kept))
    scores = graph.add("MatMul", mixed, graph.weight(chance.normal(0, 1.5, (_WIDTH, tokens + 5))))
    likings = numpy.zeros(tokens + 5)
    likings[0], likings[tokens - 1], likings[tokens:] = -50, 3.0, (-2, 1, 1, 0, 0)
    _answered(graph, graph.add("Add", scores, graph.weight(likings)), (kept, states[1]), tokens)
    return graph


def _asked(graph: Graph) -> tuple[str, list[str]]:
    """What is heard; the last token, and two states."""
    heard = graph.input("encoder_outputs", "float32", (1, _WIDTH, 1))
    said = graph.input("targets", "int32", (1, 1))
    graph.input("target_length", "int32", (1,))
    return heard, [said, *(graph.input(f"input_states_{number}", "float32", (1, 1, _WIDTH)) for number in (1, 2))]


def _answered(graph: Graph, scores: str, states: Sequence[str], tokens: int) -> None:
    """Scores of every token, then of every step from 0 to 4 frames."""
    scores = graph.add("Unsqueeze", scores, graph.weight(numpy.array([0])))
    graph.output("outputs", scores, "float32", (1, 1, 1, tokens + 5))
    for number, state in enumerate(states, 1):
        graph.output(f"output_states_{number}", state, "float32", (1, 1, _WIDTH))


LOW, HIGH = "\u2581low", "\u2581high"


def hearing(folder: Path) -> Path:
    """One that truly hears: every 80 ms it writes `LOW` or `HIGH` if that half of the bands is loud."""
    parakeet(folder, (LOW, HIGH))
    graph, halves = Graph(), numpy.zeros((_WIDTH, _BANDS, _STEP))
    halves[0, : _BANDS // 2], halves[1, _BANDS // 2 :] = 2 / _BANDS / _STEP, 2 / _BANDS / _STEP
    _frames(graph, halves)
    graph.write(folder / "encoder-model.onnx")
    tokens = 4
    weights, likings = numpy.zeros((_WIDTH, tokens + 5)), numpy.zeros(tokens + 5)
    weights[0, 1] = weights[1, 2] = 10
    likings[0], likings[tokens - 1], likings[tokens + 1] = -50, 3, 50  # loud is 0.3; always one frame on
    graph = Graph()
    heard, (_, *states) = _asked(graph)
    scores = graph.add("MatMul", graph.add("Transpose", heard, perm=[0, 2, 1]), graph.weight(weights))
    _answered(graph, graph.add("Add", scores, graph.weight(likings)), states, tokens)
    graph.write(folder / "decoder_joint-model.onnx")
    return folder
