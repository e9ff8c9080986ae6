"""
Whisper's real weights in the file formats of other engines: of the CTranslate2 model that the tests' home has.

The numbers are the same; only their order and their names change. CTranslate2's model.bin, format version 6, little
endian: u32 version, name of the spec, u32 revision, u32 count, then of each variable its name, u8 rank, u32 a
dimension, u8 type, u32 bytes, the bytes; names are u16 length and bytes with a NUL. ggml's file: read off
whisper.cpp's whisper_model_load, 1.8.5.
"""

from __future__ import annotations

import json
import re
import struct
import subprocess
import tempfile
from pathlib import Path
from typing import IO, Any

import numpy
from numpy.typing import NDArray

_TYPES = {0: "<f4", 1: "<i1", 2: "<i2", 3: "<i4", 4: "<f2"}
Tensors = dict[str, NDArray[Any]]
_Q8_0, _Q8_0_FILE, _BLOCK = 8, 2007, 32
"""ggml_type of a tensor; ggml_ftype of a file, with the version of quantising in thousands; weights of one scale."""


def ggml(source: Path, target: Path, *, quantised: bool = False) -> Path:
    """The folder of a CTranslate2 Whisper model as one ggml file of float16, or of q8_0 as whisper.cpp's quantize has it."""
    variables = _variables((source / "model.bin").read_bytes())
    vocabulary = (source / "vocabulary.txt").read_text("utf-8").split("\n")[:-1]
    tensors = _named(variables)
    dims = _dimensions(variables, tensors)
    with target.open("wb") as file:
        file.write(struct.pack("<I11i", 0x67676D6C, *dims.values(), _Q8_0_FILE if quantised else 1))
        mel = _mel_filters(dims["n_mels"])
        file.write(struct.pack("<2i", *mel.shape) + mel.tobytes())
        ordinary = vocabulary[: vocabulary.index("<|endoftext|>")]
        file.write(struct.pack("<i", len(ordinary)))
        alphabet = _byte_alphabet()
        for token in ordinary:
            raw = bytes(alphabet[character] for character in token)
            file.write(struct.pack("<i", len(raw)) + raw)
        for name, value in tensors.items():
            _write(file, name, value, quantised=quantised)
    return target


def weights(source: Path) -> tuple[Tensors, dict[str, int]]:
    """Of the folder of a CTranslate2 Whisper model, under OpenAI's names; how many layers encoder and decoder have."""
    variables = _variables((source / "model.bin").read_bytes())
    return _named(variables), {part: _layers(variables, part) for part in ("encoder", "decoder")}


_AS_CHECKPOINT = """
import sys, numpy, torch
tensors = dict(numpy.load(sys.argv[1]))
dims = {name[5:]: int(tensors.pop(name)) for name in list(tensors) if name.startswith("dims/")}
state = {name: torch.from_numpy(value) for name, value in tensors.items()}
torch.save({"dims": dims, "model_state_dict": state}, sys.argv[2])
"""


def openai(source: Path, target: Path, python: Path) -> Path:
    """The folder of a CTranslate2 Whisper model as a checkpoint of OpenAI's, float16. `python` has torch."""
    variables = _variables((source / "model.bin").read_bytes())
    tensors = _named(variables)
    dims = _dimensions(variables, tensors)
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder) / "tensors.npz"
        numbers = {f"dims/{name}": numpy.int64(value) for name, value in dims.items()}
        numpy.savez(given, **{name: value.astype("<f2") for name, value in tensors.items()}, **numbers)
        subprocess.run([python, "-I", "-c", _AS_CHECKPOINT, given, target], check=True)
    return target


_HUGGINGFACE = (
    (r"\.blocks\.", ".layers."), (r"\.cross_attn_ln\.", ".encoder_attn_layer_norm."), (r"\.cross_attn\.", ".encoder_attn."),
    (r"\.attn_ln\.", ".self_attn_layer_norm."), (r"\.attn\.", ".self_attn."), (r"\.query\.", ".q_proj."),
    (r"\.key\.", ".k_proj."), (r"\.value\.", ".v_proj."), (r"\.out\.", ".out_proj."), (r"\.mlp\.0\.", ".fc1."),
    (r"\.mlp\.2\.", ".fc2."), (r"\.mlp_ln\.", ".final_layer_norm."), (r"encoder\.ln_post\.", "encoder.layer_norm."),
    (r"decoder\.ln\.", "decoder.layer_norm."), (r"positional_embedding$", "embed_positions.weight"),
    (r"token_embedding\.", "embed_tokens."),
)  # fmt: skip
"""OpenAI's names, as patterns, and those of transformers; applied in this order."""


def huggingface(source: Path, target: Path) -> Path:
    """The folder of a CTranslate2 Whisper model as a folder that transformers reads, float16."""
    variables = _variables((source / "model.bin").read_bytes())
    tensors = _named(variables)
    vocabulary = (source / "vocabulary.txt").read_text("utf-8").split("\n")[:-1]
    told = json.loads((source / "config.json").read_text("utf-8"))
    target.mkdir(parents=True, exist_ok=True)
    for name, content in _huggingface_settings(_dimensions(variables, tensors), vocabulary, told).items():
        (target / name).write_text(json.dumps(content, ensure_ascii=False), "utf-8")
    (target / "tokenizer.json").write_bytes((source / "tokenizer.json").read_bytes())
    renamed = {}
    for name, value in tensors.items():
        for pattern, new in _HUGGINGFACE:
            name = re.sub(pattern, new, name)
        renamed[f"model.{name}"] = value.astype("<f2")
    safetensors(renamed, target / "model.safetensors")
    return target


def safetensors(tensors: Tensors, target: Path) -> None:
    """float16 numbers in the file format of safetensors: u64 bytes of a JSON header, the header, the numbers."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, value in tensors.items():
        header[name] = {"dtype": "F16", "shape": value.shape, "data_offsets": [at, at + value.nbytes]}
        at += value.nbytes
    head = json.dumps(header).encode()
    with target.open("wb") as file:
        file.write(struct.pack("<Q", len(head)) + head)
        for value in tensors.values():
            file.write(value.tobytes())


def _huggingface_settings(dims: dict[str, int], vocabulary: list[str], told: dict[str, Any]) -> dict[str, Any]:
    end, start = vocabulary.index("<|endoftext|>"), vocabulary.index("<|startoftranscript|>")
    tokens = {"bos_token_id": end, "eos_token_id": end, "pad_token_id": end, "decoder_start_token_id": start}
    untimed, translate = vocabulary.index("<|notimestamps|>"), vocabulary.index("<|translate|>")
    return {
        "config.json": tokens | {
            "architectures": ["WhisperForConditionalGeneration"], "model_type": "whisper", "is_encoder_decoder": True,
            "vocab_size": dims["n_vocab"], "num_mel_bins": dims["n_mels"], "d_model": dims["n_audio_state"],
            "encoder_layers": dims["n_audio_layer"], "encoder_attention_heads": dims["n_audio_head"],
            "encoder_ffn_dim": 4 * dims["n_audio_state"], "decoder_layers": dims["n_text_layer"],
            "decoder_attention_heads": dims["n_text_head"], "decoder_ffn_dim": 4 * dims["n_text_state"],
            "max_source_positions": dims["n_audio_ctx"], "max_target_positions": dims["n_text_ctx"],
        },
        "generation_config.json": tokens | {
            "max_length": dims["n_text_ctx"], "max_initial_timestamp_index": 50, "is_multilingual": True,
            "no_timestamps_token_id": untimed, "prev_sot_token_id": vocabulary.index("<|startofprev|>"),
            "suppress_tokens": told["suppress_ids"], "begin_suppress_tokens": told["suppress_ids_begin"],
            "alignment_heads": told["alignment_heads"], "return_timestamps": False,
            "lang_to_id": {vocabulary[number]: number for number in range(start + 1, translate)},
            "task_to_id": {task: vocabulary.index(f"<|{task}|>") for task in ("transcribe", "translate")},
        },
        "preprocessor_config.json": {
            "feature_extractor_type": "WhisperFeatureExtractor", "feature_size": dims["n_mels"], "n_fft": 400,
            "sampling_rate": 16000, "hop_length": 160, "chunk_length": 30, "padding_value": 0.0,
        },
        "tokenizer_config.json": {
            "tokenizer_class": "WhisperTokenizer", "bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>",
            "unk_token": "<|endoftext|>", "pad_token": "<|endoftext|>",
            # The token before <|0.00|> is the last of these, to the library.
            "additional_special_tokens": vocabulary[end : untimed + 1],
        },
    }  # fmt: skip


def _dimensions(variables: Tensors, tensors: Tensors) -> dict[str, int]:
    """Under OpenAI's names, in the order of ggml's header."""
    conv, embedding = tensors["encoder.conv1.weight"], tensors["decoder.token_embedding.weight"]
    return {
        "n_vocab": embedding.shape[0],
        "n_audio_ctx": tensors["encoder.positional_embedding"].shape[0],
        "n_audio_state": conv.shape[0],
        "n_audio_head": int(variables["encoder/num_heads"]),
        "n_audio_layer": _layers(variables, "encoder"),
        "n_text_ctx": tensors["decoder.positional_embedding"].shape[0],
        "n_text_state": embedding.shape[1],
        "n_text_head": int(variables["decoder/num_heads"]),
        "n_text_layer": _layers(variables, "decoder"),
        "n_mels": conv.shape[1],
    }


def _write(file: IO[bytes], name: str, value: NDArray[Any], *, quantised: bool) -> None:
    if name in ("encoder.conv1.bias", "encoder.conv2.bias"):
        value = value[:, None]  # over all moments
    half = value.ndim > 1 and value.shape[-1] > 1 and not name.endswith("positional_embedding")
    blocks = quantised and half and value.ndim == 2  # convolutions stay as they are
    title = name.encode()
    file.write(struct.pack("<3i", value.ndim, len(title), _Q8_0 if blocks else int(half)))
    file.write(struct.pack(f"<{value.ndim}i", *reversed(value.shape)))
    file.write(title + (_in_blocks(value) if blocks else value.astype("<f2" if half else "<f4").tobytes()))


def _in_blocks(value: NDArray[Any]) -> bytes:
    """q8_0, as ggml's quantize_row_q8_0_ref: of 32 weights their scale, float16, and what int8 each is of it."""
    rows = value.astype(numpy.float32).reshape(-1, _BLOCK)
    scale = numpy.abs(rows).max(axis=1) / 127
    found = numpy.empty(len(rows), [("scale", "<f2"), ("weights", "<i1", _BLOCK)])
    found["scale"] = scale
    found["weights"] = numpy.rint(rows / numpy.where(scale, scale, 1)[:, None])
    return found.tobytes()


def _variables(content: bytes) -> Tensors:
    at = 0

    def number(kind: str) -> int:
        nonlocal at
        (value,) = struct.unpack_from("<" + kind, content, at)
        at += struct.calcsize("<" + kind)
        return int(value)

    def text() -> str:
        nonlocal at
        length = number("H")
        at += length
        return content[at - length : at - 1].decode()

    assert number("I") in (5, 6), "another format of CTranslate2"
    assert text() == "WhisperSpec"
    number("I")
    found: Tensors = {}
    for _ in range(number("I")):
        name = text()
        shape = tuple(number("I") for _ in range(number("B")))
        kind, size = number("B"), number("I")
        found[name] = numpy.frombuffer(content, _TYPES[kind], offset=at, count=size // int(_TYPES[kind][-1])).reshape(
            shape
        )
        at += size
    for _ in range(number("I")):
        alias, name = text(), text()
        found[alias] = found[name]
    return found


def _layers(variables: Tensors, part: str) -> int:
    found = (re.match(rf"{part}/layer_(\d+)/", name) for name in variables)
    return 1 + max(int(match[1]) for match in found if match)


def _named(variables: Tensors) -> Tensors:
    """Under OpenAI's names. CTranslate2 joins query, key and value in one, with a bias of zeros for the key."""
    found: Tensors = {}

    def linear(theirs: str, *ours: str) -> None:
        parts = zip(
            ours,
            numpy.split(variables[f"{theirs}/weight"], len(ours)),
            numpy.split(variables[f"{theirs}/bias"], len(ours)),
            strict=True,
        )
        for name, weight, bias in parts:
            found[f"{name}.weight"] = weight
            if not name.endswith(".key"):
                found[f"{name}.bias"] = bias

    def norm(theirs: str, ours: str) -> None:
        found[f"{ours}.weight"], found[f"{ours}.bias"] = variables[f"{theirs}/gamma"], variables[f"{theirs}/beta"]

    for conv in ("conv1", "conv2"):
        for what in ("weight", "bias"):
            found[f"encoder.{conv}.{what}"] = variables[f"encoder/{conv}/{what}"]
    for part in ("encoder", "decoder"):
        found[f"{part}.positional_embedding"] = variables[f"{part}/position_encodings/encodings"]
    found["decoder.token_embedding.weight"] = variables["decoder/embeddings/weight"]
    norm("encoder/layer_norm", "encoder.ln_post")
    norm("decoder/layer_norm", "decoder.ln")
    for part in ("encoder", "decoder"):
        for number in range(_layers(variables, part)):
            theirs, ours = f"{part}/layer_{number}", f"{part}.blocks.{number}"
            linear(f"{theirs}/self_attention/linear_0", *(f"{ours}.attn.{name}" for name in ("query", "key", "value")))
            linear(f"{theirs}/self_attention/linear_1", f"{ours}.attn.out")
            norm(f"{theirs}/self_attention/layer_norm", f"{ours}.attn_ln")
            if part == "decoder":
                linear(f"{theirs}/attention/linear_0", f"{ours}.cross_attn.query")
                linear(f"{theirs}/attention/linear_1", f"{ours}.cross_attn.key", f"{ours}.cross_attn.value")
                linear(f"{theirs}/attention/linear_2", f"{ours}.cross_attn.out")
                norm(f"{theirs}/attention/layer_norm", f"{ours}.cross_attn_ln")
            linear(f"{theirs}/ffn/linear_0", f"{ours}.mlp.0")
            linear(f"{theirs}/ffn/linear_1", f"{ours}.mlp.2")
            norm(f"{theirs}/ffn/layer_norm", f"{ours}.mlp_ln")
    return found


def _mel_filters(bands: int, window: int = 400, rate: int = 16_000) -> NDArray[numpy.float32]:
    """Triangles of equal area on Slaney's mel scale, shape (bands, window / 2 + 1)."""
    knee_hz, knee_mel, step = 1000.0, 15.0, numpy.log(6.4) / 27.0

    def hertz(mel: NDArray[Any]) -> NDArray[Any]:
        return numpy.where(mel < knee_mel, mel * 200.0 / 3.0, knee_hz * numpy.exp(step * (mel - knee_mel)))

    top = knee_mel + numpy.log(rate / 2 / knee_hz) / step
    edges = hertz(numpy.linspace(0.0, top, bands + 2))
    bins = numpy.linspace(0.0, rate / 2, window // 2 + 1)
    left, middle, right = (edges[start : start + bands, None] for start in range(3))
    rise, fall = (bins - left) / (middle - left), (right - bins) / (right - middle)
    return (numpy.maximum(0, numpy.minimum(rise, fall)) * 2.0 / (right - left)).astype(numpy.float32)


def _byte_alphabet() -> dict[str, int]:
    """GPT-2's characters that stand for bytes."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    odd = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + place): byte for place, byte in enumerate(odd)}
