"""
Tiny models of every other kind that sherpa-onnx reads and we know, in the files and with the metadata that it asks for.

Read for this file: sherpa-onnx 1.13.4 and 2.0.1 (csrc/offline-*-model.cc, offline-recognizer-*-impl.h). Each writes its word
where it hears something loud, so that the time of it is known; Whisper and SenseVoice write what they are told.
"""

from __future__ import annotations

import base64
from pathlib import Path

import numpy
from models_reazonspeech import tell
from numpy.typing import NDArray
from onnx_files import Graph

Numbers = NDArray[numpy.float64]

BANDS = 80
WORD = "▁walk"
TOKENS = ("<blk>", "<unk>", WORD, "▁run")
_NEVER = -99.0
_JOINED = 7
"""Frames that SenseVoice and Paraformer see as one, every `_STEP` of them."""
_STEP = 6


def zipformer_ctc(folder: Path) -> Path:
    return _ctc(folder, "zipformer2_ctc", step=4, loud=-8.0)


def wenet_ctc(folder: Path) -> Path:
    """It hears samples as whole numbers, with a noise of its own below them."""
    return _ctc(folder, "wenet_ctc", step=4, loud=14.0, subsampling_factor=4)


def telespeech_ctc(folder: Path) -> Path:
    """It hears cepstra, the first of which is how loud it is, and writes moments first: (moments, 1, tokens)."""
    graph = Graph()
    heard = graph.input("feats", "float32", ("N", "T", 40))
    scores = graph.add("Transpose", _heard(graph, heard, numpy.eye(40)[0], 4, 0.0), perm=[1, 0, 2])
    graph.output("logits", scores, "float32", ("U", "N", len(TOKENS)))
    return _alone(folder, graph, TOKENS, model_type="telespeech_ctc", vocab_size=len(TOKENS))


def _ctc(folder: Path, kind: str, step: int, loud: float, **facts: int) -> Path:
    graph = Graph()
    heard = graph.input("x", "float32", ("N", "T", BANDS))
    length = graph.input("x_lens", "int64", ("N",))
    sure = graph.add("LogSoftmax", _heard(graph, heard, numpy.full(BANDS, 1 / BANDS), step, loud), axis=-1)
    graph.output("log_probs", sure, "float32", ("N", "U", len(TOKENS)))
    graph.output("log_probs_len", _steps(graph, length, step), "int64", ("N",))
    return _alone(folder, graph, TOKENS, model_type=kind, vocab_size=len(TOKENS), **facts)


def _heard(graph: Graph, heard: str, counts: Numbers, step: int, loud: float) -> str:
    """(N, T, bands) to (N, U, tokens): the word where the bands, as each counts, are above `loud`, else nothing."""
    kernel = numpy.zeros((len(TOKENS), len(counts), step))
    kernel[TOKENS.index(WORD)] = counts[:, None] / step
    offset = numpy.array([0.0, _NEVER, -loud, _NEVER])
    along = graph.add("Transpose", heard, perm=[0, 2, 1])
    scores = graph.add("Conv", along, graph.weight(kernel), graph.weight(offset), strides=[step], pads=[0, step - 1])
    return graph.add("Transpose", scores, perm=[0, 2, 1])


def _steps(graph: Graph, length: str, step: int) -> str:
    rounded = graph.add("Add", length, graph.weight(numpy.array(step - 1)))
    return graph.add("Div", rounded, graph.weight(numpy.array(step)))


def nemo_transducer(folder: Path) -> Path:
    """The word once, where it gets loud: what was said keeps it from being said again. NeMo's blank comes last."""
    folder.mkdir()
    tokens, step, blank = ("<unk>", WORD, "▁run", "<blk>"), 8, 3
    _write_tokens(folder, tokens)
    graph = Graph()
    heard = graph.input("audio_signal", "float32", ("B", BANDS, "T"))
    length = graph.input("length", "int64", ("B",))
    kernel = graph.weight(numpy.full((1, BANDS, step), 1 / BANDS / step))
    frames = graph.add("Conv", heard, kernel, strides=[step], pads=[0, step - 1])
    graph.output("outputs", frames, "float32", ("B", 1, "U"))
    graph.output("encoded_lengths", _steps(graph, length, step), "int64", ("B",))
    facts = {"model_type": "EncDecRNNTBPEModel", "vocab_size": blank, "subsampling_factor": step,
             "normalize_type": "per_feature", "pred_rnn_layers": 1, "pred_hidden": 2}  # fmt: skip
    _tell(graph.write(folder / "encoder.onnx"), facts)

    graph = Graph()
    said = graph.input("targets", "int32", ("B", 1))
    count = graph.input("target_length", "int32", ("B",))
    states = [graph.input(name, "float32", (1, "B", 2)) for name in ("states.1", "onnx::LSTM_3")]
    memory = numpy.full((len(tokens), 1), _NEVER)
    memory[blank] = 0
    out = graph.add("Transpose", graph.add("Gather", graph.weight(memory), said), perm=[0, 2, 1])
    graph.output("outputs", out, "float32", ("B", 1, 1))
    graph.output("prednet_lengths", count, "int32", ("B",))
    for name, state in zip(("states", "162"), states, strict=True):
        graph.output(name, state, "float32", (1, "B", 2))
    graph.write(folder / "decoder.onnx")

    graph = Graph()
    heard = graph.input("encoder_outputs", "float32", ("B", 1, 1))
    said = graph.input("decoder_outputs", "float32", ("B", 1, 1))
    both = graph.add("Unsqueeze", graph.add("Add", heard, said), graph.weight([1]))
    offset = numpy.array([_NEVER, 0.0, _NEVER, 0.0])
    scores = graph.add("MatMul", both, graph.weight(numpy.array([[0.0, 1.0, 0.0, 0.0]])))
    graph.output("outputs", graph.add("Add", scores, graph.weight(offset)), "float32", ("B", 1, 1, len(tokens)))
    graph.write(folder / "joiner.onnx")
    return folder


def moonshine(folder: Path) -> Path:
    """A word, another, the end: each follows from the one before. It tells no times."""
    folder.mkdir()
    tokens, width = ("<unk>", "<s>", "</s>", WORD, "▁run"), 4
    _write_tokens(folder, tokens)
    graph = Graph()
    sound = graph.add("Unsqueeze", graph.input("args_0", "float32", (1, "S")), graph.weight([1]))
    kernel = graph.weight(numpy.full((width, 1, 384), 1 / 384))
    frames = graph.add("Transpose", graph.add("Conv", sound, kernel, strides=[384]), perm=[0, 2, 1])
    graph.output("sequential", frames, "float32", (1, "T", width))
    graph.write(folder / "preprocess.onnx")
    graph = Graph()
    frames = graph.input("args_0", "float32", (1, "T", width))
    graph.input("args_1", "int32", (1,))
    graph.output("layer_normalization", frames, "float32", (1, "T", width))
    graph.write(folder / "encode.onnx")
    follows = numpy.zeros((len(tokens), len(tokens)))
    for before, after in ((1, 3), (3, 4), (4, 2)):
        follows[before, after] = 1
    for name in ("uncached_decode", "cached_decode"):
        graph = Graph()
        said = graph.input("args_0", "int32", (1, 1))
        frames = graph.input("args_1", "float32", (1, "T", width))
        graph.input("args_2", "int32", (1,))
        kept = graph.input("args_3", "float32", (1, "T", width)) if name == "cached_decode" else frames
        scores = graph.add("Gather", graph.weight(follows), said)
        graph.output("reversible_embedding", scores, "float32", (1, 1, len(tokens)))
        graph.output("functional_1", kept, "float32", (1, "T", width))
        graph.write(folder / f"{name}.onnx")
    return folder


PARAFORMER = ("今", "wal@@", "k", "日")
PARAFORMER_S = (1.0, 1.2, 1.4, 1.6)
"""When they are said, if it tells."""


def paraformer(folder: Path, *, timed: bool = True) -> Path:
    """Always the same tokens; `timed`: with the peaks at which each is said, of which sherpa-onnx drops the last."""
    tokens = ("<blank>", "<s>", "</s>", *PARAFORMER)
    graph = Graph()
    heard = graph.input("speech", "float32", ("N", "T", BANDS * _JOINED))
    length = graph.input("speech_lengths", "int32", ("N",))
    nothing = graph.add("Mul", graph.add("ReduceMean", heard, graph.weight([1, 2]), keepdims=1), graph.weight(0.0))
    said = numpy.eye(len(tokens))[[tokens.index(one) for one in (*PARAFORMER, "</s>")]]
    graph.output("logits", graph.add("Add", nothing, graph.weight(said[None])), "float32", ("N", "U", len(tokens)))
    graph.output("token_num", length, "int32", ("N",))
    if timed:
        peaks = numpy.zeros((1, 100))
        peaks[0, [round(at_s / 0.02) for at_s in (*PARAFORMER_S, 1.8)]] = 1
        flat = graph.add("Squeeze", nothing, graph.weight([2]))
        for name in ("us_alphas", "us_cif_peak"):
            graph.output(name, graph.add("Add", flat, graph.weight(peaks)), "float32", ("N", "P"))
    return _alone(folder, graph, tokens, model_type="paraformer", **_joined(len(tokens)))


SENSE_VOICE = {"zh": 3, "en": 4, "yue": 7, "ja": 11, "ko": 12}
_AUTO, _WITH_ITN, _WITHOUT_ITN = 0, 14, 15


def sense_voice(folder: Path) -> Path:
    """
    The language that it is told where it is loud, with a full stop where it is to write one.

    Told none, it takes it for Korean. What it thinks of the sound stands in four moments of their own before.
    """
    marks = (*(f"<|{one}|>" for one in SENSE_VOICE), "<|NEUTRAL|>", "<|Speech|>", "<|withitn|>")
    words = [f"▁{one}{stop}" for one in SENSE_VOICE for stop in ("", ".")]
    tokens = ("<unk>", "<s>", "</s>", *marks, *words)  # the first is the blank
    asked = numpy.full((16, len(tokens)), _NEVER)
    first = numpy.full((16, len(tokens)), _NEVER)
    for language, number in (*SENSE_VOICE.items(), ("ko", _AUTO)):
        first[number, tokens.index(f"<|{language}|>")] = 0
        asked[number, tokens.index(f"▁{language}")] = 0
        asked[number, tokens.index(f"▁{language}.")] = 0
    asked[:, 0] = 0
    stops = numpy.zeros((16, len(tokens)))
    for number, better in ((_WITH_ITN, 1.0), (_WITHOUT_ITN, -1.0)):
        stops[number, [tokens.index(word) for word in words if word.endswith(".")]] = better
    graph = Graph()
    heard = graph.input("x", "float32", ("N", "T", BANDS * _JOINED))
    graph.input("x_length", "int32", ("N",))
    language, style = graph.input("language", "int32", ("N",)), graph.input("text_norm", "int32", ("N",))

    def row(table: Numbers, number: str) -> str:
        return graph.add("Unsqueeze", graph.add("Gather", graph.weight(table), number), graph.weight([1]))

    loud = graph.add("ReduceMean", heard, graph.weight([2]), keepdims=1)
    silent = numpy.zeros((1, 1, len(tokens)))
    silent[..., 0] = 2
    word = graph.add("Add", row(asked, language), row(stops, style))
    said = graph.add("Sub", word, graph.add("Mul", loud, graph.weight(silent)))
    thoughts = numpy.full((1, 3, len(tokens)), _NEVER)
    for place, mark in enumerate(marks[-3:]):
        thoughts[0, place, tokens.index(mark)] = 0
    others = graph.add("Add", row(stops * 0, style), graph.weight(thoughts))
    four = graph.add("Concat", row(first, language), others, axis=1)
    graph.output("logits", graph.add("Concat", four, said, axis=1), "float32", ("N", "U", len(tokens)))
    facts = {f"lang_{name}": number for name, number in (*SENSE_VOICE.items(), ("auto", _AUTO))}
    return _alone(
        folder, graph, tokens, model_type="sense_voice_ctc", with_itn=_WITH_ITN, without_itn=_WITHOUT_ITN,
        normalize_samples=0, comment="tiny", **facts, **_joined(len(tokens)),
    )  # fmt: skip


def _joined(tokens: int) -> dict[str, int | str]:
    width = BANDS * _JOINED
    return {"vocab_size": tokens, "lfr_window_size": _JOINED, "lfr_window_shift": _STEP,
            "neg_mean": ",".join(["0"] * width), "inv_stddev": ",".join(["1"] * width)}  # fmt: skip


WHISPER = ("en", "ja", "de")
_CONTEXT = 448


def whisper(folder: Path, *, multilingual: bool = True) -> Path:
    """
    It writes the language and the task that stand in its prompt. Told no language, it takes it for Japanese.

    Weights are called as in sherpa-onnx's own archives. The first memory of its decoder keeps every token at its place.
    """
    folder.mkdir()
    words = [f" {one}" for one in (*WHISPER, "transcribe", "translate")]
    special = ["<|endoftext|>", "<|startoftranscript|>", *(f"<|{one}|>" for one in WHISPER), "<|translate|>",
               "<|transcribe|>", "<|nospeech|>", "<|notimestamps|>"]  # fmt: skip
    number = {token: place for place, token in enumerate([*words, *special])}
    lines = (f"{base64.b64encode(word.encode()).decode()} {number[word]}\n" for word in words)
    (folder / "tokens.txt").write_text("".join(lines), "utf-8")
    tokens, state = len(number), len(number)
    languages = [number[f"<|{one}|>"] for one in WHISPER]
    prompt = [number[one] for one in ("<|startoftranscript|>", "<|en|>", "<|transcribe|>")]
    facts = {
        "model_type": "whisper-tiny", "n_mels": BANDS, "n_text_layer": 1, "n_text_ctx": _CONTEXT, "n_text_state": state,
        "n_vocab": tokens, "sot": prompt[0], "eot": number["<|endoftext|>"], "blank_id": 0,
        "translate": number["<|translate|>"], "transcribe": number["<|transcribe|>"],
        "is_multilingual": int(multilingual), "no_timestamps": number["<|notimestamps|>"],
        "no_speech": number["<|nospeech|>"], "sot_sequence": ",".join(map(str, prompt[: 3 if multilingual else 1])),
        "all_language_tokens": ",".join(map(str, languages)), "all_language_codes": ",".join(WHISPER),
    }  # fmt: skip
    graph = Graph()
    heard = graph.input("mel", "float32", (1, BANDS, "T"))
    kernel = graph.weight(numpy.full((state, BANDS, 2), 1 / BANDS / 2))
    frames = graph.add("Transpose", graph.add("Conv", heard, kernel, strides=[2]), perm=[0, 2, 1])
    for name in ("n_layer_cross_k", "n_layer_cross_v"):
        graph.output(name, graph.add("Unsqueeze", frames, graph.weight([0])), "float32", (1, 1, "U", state))
    _tell(graph.write(folder / "tiny-encoder.onnx"), facts)
    follows = numpy.zeros((tokens, tokens))
    for name in (*WHISPER, "transcribe", "translate"):
        follows[number[f"<|{name}|>"], number[f" {name}"]] = 9
    follows[number["<|notimestamps|>"], number["<|endoftext|>"]] = 9
    likings = numpy.zeros(tokens)
    likings[number["<|ja|>"]] = 1
    _whisper_decoder(follows, likings).write(folder / "tiny-decoder.onnx")
    return folder


def _whisper_decoder(follows: Numbers, likings: Numbers) -> Graph:
    """The next token follows from that which stands two before the last: from the language, the task, then the end."""
    graph, state = Graph(), len(follows)
    said = graph.input("tokens", "int64", (1, "n_tokens"))
    kept, other = (
        graph.input(f"in_n_layer_self_{one}_cache", "float32", (1, 1, _CONTEXT, state)) for one in ("k", "v")
    )
    for name in ("n_layer_cross_k", "n_layer_cross_v"):
        graph.input(name, "float32", (1, 1, "U", state))
    offset = graph.input("offset", "int64", (1,))
    count = graph.add("Slice", graph.add("Shape", said), graph.weight([1]), graph.weight([2]))
    end = graph.add("Add", offset, count)
    scalar = graph.weight([0])
    places = graph.add("Range", graph.add("Squeeze", offset, scalar), graph.add("Squeeze", end, scalar),
                       graph.weight(numpy.array(1)))  # fmt: skip
    where = graph.add("Transpose", graph.add("Gather", graph.weight(numpy.eye(_CONTEXT)), places), perm=[1, 0])
    marked = graph.add("Squeeze", graph.add("Gather", graph.weight(numpy.eye(state)), said), scalar)
    known = graph.add("Add", kept, graph.add("MatMul", where, marked))
    asked = graph.add("Gather", known, graph.add("Sub", end, graph.weight([3])), axis=2)
    liked = graph.add("Add", graph.add("MatMul", asked, graph.weight(follows)), graph.weight(likings))
    scores = graph.add("Squeeze", liked, scalar)
    shape = graph.add("Concat", graph.weight([1]), count, graph.weight([state]), axis=0)
    graph.output("logits", graph.add("Expand", scores, shape), "float32", (1, "n_tokens", state))
    graph.output("out_n_layer_self_k_cache", known, "float32", (1, 1, _CONTEXT, state))
    graph.output("out_n_layer_self_v_cache", other, "float32", (1, 1, _CONTEXT, state))
    return graph


def _alone(folder: Path, graph: Graph, tokens: tuple[str, ...], **facts: int | str) -> Path:
    folder.mkdir()
    _write_tokens(folder, tokens)
    _tell(graph.write(folder / "model.onnx"), facts)
    return folder


def _tell(model: Path, facts: dict[str, int | str]) -> None:
    tell(model, {key: str(value) for key, value in facts.items()})


def _write_tokens(folder: Path, tokens: tuple[str, ...]) -> None:
    lines = (f"{token} {number}\n" for number, token in enumerate(tokens))
    (folder / "tokens.txt").write_text("".join(lines), "utf-8")
