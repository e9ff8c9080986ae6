"""
ReazonSpeech: a Zipformer transducer for Japanese, on sherpa-onnx; and the other offline models that sherpa-onnx reads.

Read for this file: sherpa-onnx 2.0.1 (offline_recognizer.py; csrc/offline-recognizer-*.h, symbol-table.cc, session.cc,
provider.cc), ReazonSpeech's own wrapper (pkg/k2-asr). What a folder holds is read off the names of its files and the
metadata in them; sherpa-onnx ends its process over a model that it cannot read, so we look first.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yamabiko.engines import onnx_files, wording
from yamabiko.engines.card_parts import CUDA12_RUNTIME, NEVER_MADE, NO_GPU
from yamabiko.engines.contract import Card, DetectedLanguage, Feature, Loaded, ModelUnreadable, Placement, Profile
from yamabiko.i18n import Text
from yamabiko.speech import SAMPLE_RATE, Evidence, Segment, TranscribeOptions

if TYPE_CHECKING:
    from yamabiko.engines.contract import Audio

_NO_GPU = (*NO_GPU, "sherpa-cpu-wheel")

CARD = Card(
    name="reazonspeech",
    job="transcribe",
    summary=Text(
        "Japanese, small and quick on a CPU (k2 on sherpa-onnx)", "日本語専用。CPUでも速い（sherpa-onnx版k2）"
    ),
    distribution="sherpa-onnx",
    imports=("sherpa_onnx",),
    licence="Apache-2.0",
    languages=("ja",),
    features=frozenset({"segment-times", "word-times", "hotwords", "batch"}),
    default_model="reazonspeech-k2-v2",
    model_format="sherpa-onnx",
    placements=(
        Placement("cuda", "float32"),
        Placement("cpu", "float32", answers=_NO_GPU),
        Placement("cpu", "int8_float32", costs_accuracy=True, answers=_NO_GPU),
        Placement("cpu", "int8", costs_accuracy=True, answers=_NO_GPU),
    ),
    profiles=(
        # The wheels of the package index compute on the CPU alone, whatever they are asked for: sherpa-cpu-wheel.
        Profile("cpu", "reazonspeech-cpu.txt", ("cpu",)),
        Profile(
            "cuda12",
            "reazonspeech-cuda12.in",
            ("cuda", "cpu"),
            library_packages=CUDA12_RUNTIME,
            find_links="https://k2-fsa.github.io/sherpa/onnx/cuda.html",
            by_request=True,
            not_verified=NEVER_MADE,
        ),
    ),
    lacking=(
        ("cuda13", Text("sherpa-onnx has wheels for CUDA 12.", "sherpa-onnx のGPU用ビルドは CUDA 12 用です。")),
        ("vulkan", Text("sherpa-onnx has no provider for Vulkan.", "sherpa-onnx は Vulkan に対応していません。")),
        ("rocm", Text("sherpa-onnx has no provider for ROCm.", "sherpa-onnx は ROCm に対応していません。")),
        (
            "metal",
            Text(
                "sherpa-onnx reaches Apple's GPU through CoreML alone, which we do not use.",
                "sherpa-onnx が Apple のGPUを使う方法は CoreML だけで、これには未対応です。",
            ),
        ),
    ),
    longest_chunk_s=28.0,
    evidence=("introspection", "last-words"),
    search=frozenset({"beam_size"}),
)

PADDING_S = 0.9
"""Of silence before and after, as ReazonSpeech's own wrapper has it: without it the first and last words suffer."""
LONGEST_TOKEN_S = 0.4
"""A token has a start alone. Of some eight morae a second, three are as many as a character is commonly read with."""
PAUSE_S = 0.6
_SHORTEST_S = 0.5
"""Less than a frame of sound is no input for the models that get no padding."""

_PRECISIONS = {"float32": "", "int8": ".int8", "float16": ".fp16"}
_ROLES = {"float32": ("float32",) * 3, "int8": ("int8",) * 3, "int8_float32": ("int8", "float32", "int8")}
"""How precise encoder, decoder and joiner are wanted; ReazonSpeech calls the last int8-fp32."""
_BY_METADATA = {
    "zipformer2_ctc": ("from_zipformer_ctc", "model"),
    "EncDecCTCModel": ("from_nemo_ctc", "model"),
    "EncDecCTCModelBPE": ("from_nemo_ctc", "model"),
    "EncDecHybridRNNTCTCBPEModel": ("from_nemo_ctc", "model"),
    "wenet_ctc": ("from_wenet_ctc", "model"),
    "telespeech_ctc": ("from_telespeech_ctc", "model"),
    "sense_voice_ctc": ("from_sense_voice", "model"),
    "paraformer": ("from_paraformer", "paraformer"),
}
"""What a single file is, by the model_type in its metadata: the constructor, and what it calls the file."""
_NEED_A_BLANK = ("from_zipformer_ctc", "from_nemo_ctc", "from_wenet_ctc", "from_telespeech_ctc")
_SENSE_VOICE = ("zh", "en", "ja", "ko", "yue")


def create() -> ReazonSpeech:
    return ReazonSpeech()


@dataclass(frozen=True, slots=True)
class _Model:
    """What a folder holds, and how sherpa-onnx is asked for it."""

    constructor: str
    arguments: dict[str, str]
    compute_type: str
    languages: tuple[str, ...]
    tokens: frozenset[str]

    @property
    def searches(self) -> bool:
        """Whether it can follow several beams; sherpa-onnx's own examples take NeMo's transducers without."""
        return self.arguments.get("model_type") == "transducer"

    @property
    def is_told_language(self) -> bool:
        return self.constructor in ("from_whisper", "from_sense_voice")

    @property
    def by_characters(self) -> bool:
        """Each token is one character, so that any word can be spelled as the model would write it."""
        return sum(len(token) == 1 for token in self.tokens) > 0.9 * len(self.tokens)

    @property
    def features(self) -> tuple[Feature, ...]:
        if self.constructor == "from_whisper":
            translates: tuple[Feature, ...] = () if self.languages == ("en",) else ("translation",)
            return "segment-times", "punctuation", *translates, "batch"
        if self.constructor == "from_moonshine":  # sherpa-onnx has no times of it
            return "segment-times", "batch"
        boosts = self.searches and self.by_characters  # the models whose hotwords sherpa-onnx can boost
        return "segment-times", "word-times", *(("hotwords",) if boosts else ()), "batch"


class ReazonSpeech:
    _recognizer: Any = None
    _way: tuple[tuple[str, Any], ...] = ()

    def load(self, model: Path, placement: Placement, threads: int) -> Loaded:
        import sherpa_onnx

        self._library = sherpa_onnx
        self._provider, self._threads = placement.device, threads
        self._model = _read_folder(model if model.is_dir() else model.parent, placement.compute_type)
        self._open(TranscribeOptions())
        version = f"{sherpa_onnx.version} (sherpa-onnx, ONNX Runtime {sherpa_onnx.onnxruntime_version})"
        return Loaded(
            self._device(), self._model.compute_type, version, self._model.languages,
            features=self._model.features, search=("beam_size",) if self._model.searches else (),
        )  # fmt: skip

    def transcribe(self, batch: Sequence[Audio], options: TranscribeOptions) -> Iterator[tuple[int, Segment]]:
        import numpy

        self._open(options)
        before_s = PADDING_S if self._model.searches else 0.0
        hotwords = self._hotwords(options)
        streams = []
        for audio in batch:
            stream = self._recognizer.create_stream(hotwords) if hotwords else self._recognizer.create_stream()
            behind = max(int(before_s * SAMPLE_RATE), int(_SHORTEST_S * SAMPLE_RATE) - len(audio))
            stream.accept_waveform(SAMPLE_RATE, numpy.pad(audio, (int(before_s * SAMPLE_RATE), behind)))
            streams.append(stream)
        self._recognizer.decode_streams(streams)
        for index, (audio, stream) in enumerate(zip(batch, streams, strict=True)):
            for segment in _segments(stream.result, before_s, len(audio) / SAMPLE_RATE, options):
                yield index, segment

    def detect_language(self, audio: Audio, languages: Sequence[str] = ()) -> DetectedLanguage | None:
        """sherpa-onnx tells a language, and not how likely it is: that is no detection."""
        return None

    def evidence(self) -> tuple[Evidence, ...]:
        device = self._device()
        has = "holds" if device == "cuda" else "holds no"
        return (Evidence("introspection", device, f"sherpa_onnx/lib {has} libonnxruntime_providers_cuda"),)

    # ---- inside ------------------------------------------------------------------------------------------------

    def _open(self, options: TranscribeOptions) -> None:
        """Beams, language and task are settled when a recognizer is made, so another is made when they change."""
        way = self._way_of(options)
        if self._recognizer is not None and way == self._way:
            return
        self._recognizer = None  # before the next: both would take their memory
        make = getattr(self._library.OfflineRecognizer, self._model.constructor)
        self._recognizer = make(
            **self._model.arguments, **dict(way), num_threads=self._cores(), provider=self._provider
        )
        self._way = way

    def _way_of(self, options: TranscribeOptions) -> tuple[tuple[str, Any], ...]:
        whisper = self._model.constructor == "from_whisper"
        if self._model.searches and (options.beam_size > 1 or options.hotwords):
            return ("decoding_method", "modified_beam_search"), ("max_active_paths", max(2, options.beam_size))
        if not self._model.is_told_language:
            return ()
        language = options.language or ""
        return (
            (("language", language), ("task", options.task)) if whisper else (("language", language), ("use_itn", True))
        )

    def _hotwords(self, options: TranscribeOptions) -> str:
        """
        Words as sherpa-onnx wants them: their tokens between spaces, a slash between words.

        A word with a character that the model cannot write is left out: it would be boosted without that character.
        """
        if not options.hotwords or "hotwords" not in self._model.features:
            return ""
        asked = (word.strip() for word in re.split(r"[,、，/\n]", options.hotwords))
        return "/".join(
            " ".join(word.replace(" ", "")) for word in asked if word and set(word) - {" "} <= self._model.tokens
        )

    def _cores(self) -> int:
        here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return self._threads or here

    def _device(self) -> str:
        """sherpa-onnx tells nobody what it uses; without ONNX Runtime's library for CUDA it cannot be CUDA."""
        libraries = Path(self._library.__file__).parent / "lib"
        able = any(libraries.glob("*onnxruntime_providers_cuda*"))
        return "cuda" if able and self._provider == "cuda" else "cpu"


# ---- from tokens to segments ----------------------------------------------------------------------------------------


def _segments(result: Any, before_s: float, length_s: float, options: TranscribeOptions) -> Iterator[Segment]:
    """Phrases with their times; one segment for all where the model gives its tokens none."""
    text = result.text.strip()
    if not text:
        return
    found = None if options.language else re.sub(r"[<|>]", "", result.lang) or None
    pieces = _pieces(text, result, before_s, length_s)
    if not pieces:
        yield Segment(0.0, length_s, wording.spaced(text), language=found)
        return
    for phrase in wording.phrases(pieces, PAUSE_S):
        likely = [piece.probability for piece in phrase if piece.probability]
        yield Segment(
            start_s=phrase[0].start_s,
            end_s=phrase[-1].end_s,
            text="".join(piece.text for piece in phrase),
            words=tuple(wording.words(phrase)) if options.word_timestamps else (),
            avg_logprob=sum(map(math.log, likely)) / len(likely) if likely else None,
            language=found,
        )


def _pieces(text: str, result: Any, before_s: float, length_s: float) -> list[wording.Piece]:
    """
    The text by its tokens, each until the next begins, or as long as one is said.

    Empty where tokens have no times, and where they do not spell the text: those of byte-level BPE are bytes.
    """
    parts = wording.laid_out(text, result.tokens)
    if parts is None or len(result.timestamps) != len(parts):
        return []
    starts = [min(max(0.0, float(at) - before_s), length_s) for at in result.timestamps]
    said_s = [float(s) for s in result.durations] if len(result.durations) == len(parts) else []
    logprobs = result.ys_log_probs if len(result.ys_log_probs) == len(parts) else [None] * len(parts)
    pieces: list[wording.Piece] = []
    for at, (part, start, logprob) in enumerate(zip(parts, starts, logprobs, strict=True)):
        until = starts[at + 1] if at + 1 < len(starts) else length_s
        end = min(until, start + (said_s[at] if said_s and said_s[at] > 0 else LONGEST_TOKEN_S), length_s)
        likely = None if logprob is None else min(1.0, math.exp(float(logprob)))
        pieces.append(wording.Piece(part, start, max(start, end), likely))
    return [replace(pieces[0], text=wording.spaced(pieces[0].text)), *pieces[1:]] if pieces else []


# ---- what a folder holds --------------------------------------------------------------------------------------------


def _read_folder(folder: Path, compute_type: str) -> _Model:
    """Raises: ModelUnreadable, where sherpa-onnx would end the process, or write what the model does not say."""
    names = sorted(path.name for path in folder.glob("*.onnx"))
    listed = _tokens_file(folder)
    tokens = _read_tokens(listed)
    wanted = _ROLES.get(compute_type, _ROLES["float32"])
    encoder, decoder, joiner = (_pick(names, role, precise) for role, precise in zip(_PARTS, wanted, strict=True))
    preprocessor = _pick(names, "preprocess", wanted[0])
    if encoder and decoder and joiner:
        nemo = _metadata(folder / encoder, "model_type").startswith("EncDec")
        kind = {"model_type": "nemo_transducer" if nemo else "transducer"}
        constructor, parts = "from_transducer", {"encoder": encoder, "decoder": decoder, "joiner": joiner}
    elif preprocessor:
        uncached, cached = (_pick(names, f"{role}_decode", wanted[1]) for role in ("uncached", "cached"))
        parts = {"preprocessor": preprocessor, "encoder": _pick(names, "encode", wanted[0]),
                 "uncached_decoder": uncached, "cached_decoder": cached}  # fmt: skip
        constructor, kind = "from_moonshine", {}
    elif encoder and decoder:
        kind = {}
        constructor, parts = "from_whisper", {"encoder": encoder, "decoder": decoder}
        if not _metadata(folder / encoder, "model_type").startswith("whisper"):
            raise ModelUnreadable(f"{folder} holds an encoder and a decoder that are not Whisper's, and no joiner")
    else:
        one = _pick([n for n in names if not re.search("encode|decode|joiner", n)], "", wanted[0])
        if not one:
            raise ModelUnreadable(f"{folder} holds no model of sherpa-onnx: {', '.join(names) or 'no .onnx file'}")
        told = _metadata(folder / one, "model_type")
        if told not in _BY_METADATA:
            raise ModelUnreadable(f"{folder / one} is no model that we know: its model_type is “{told}”")
        kind, (constructor, argument) = {}, _BY_METADATA[told]
        parts = {argument: one}
    if lacking := [role for role, name in parts.items() if not name]:
        raise ModelUnreadable(f"{folder} lacks {', '.join(lacking)}")
    files = [folder / name for name in parts.values()]
    _check(files, constructor, tokens, listed)
    paths = {role: str(folder / name) for role, name in parts.items()}
    return _Model(
        constructor,
        {**paths, **kind, "tokens": str(listed)},
        _precision(list(parts.values())),
        _languages(constructor, files[0], tokens),
        frozenset(token for token in tokens if not token.startswith("<")),
    )


_PARTS = ("encoder", "decoder", "joiner")


def _tokens_file(folder: Path) -> Path:
    """As sherpa-onnx's own exports of Whisper call it: tiny-tokens.txt."""
    usual = folder / "tokens.txt"
    return usual if usual.exists() else next(iter(sorted(folder.glob("*-tokens.txt"))), usual)


def _pick(names: Sequence[str], role: str, precise: str) -> str:
    """The file of this role as precise as wanted, else another; empty where there is none."""
    fitting = [name for name in names if name.startswith(role) or f"-{role}" in name]
    order = (precise, *(other for other in _PRECISIONS if other != precise))
    return next((name for kind in order for name in fitting if _precision([name]) == kind), "")


def _precision(names: Sequence[str]) -> str:
    found = {next((kind for kind, mark in _PRECISIONS.items() if mark and mark in name), "float32") for name in names}
    return "_".join(sorted(found, reverse=True))


def _metadata(file: Path, key: str) -> str:
    return onnx_files.metadata(file).get(key, "")


def _check(files: Sequence[Path], constructor: str, tokens: dict[str, int], listed: Path) -> None:
    """All files are whole, and every token that they can write is known. Raises: ModelUnreadable."""
    sizes = [int(size) for file in files if (size := _metadata(file, "vocab_size")).isdigit()]
    if sizes and max(tokens.values(), default=-1) + 1 < max(sizes):
        raise ModelUnreadable(f"{listed} has {len(tokens)} tokens, and the model beside it writes {max(sizes)}")
    if constructor in _NEED_A_BLANK and not {"<blk>", "<eps>", "<blank>"} & tokens.keys():
        raise ModelUnreadable(f"{listed} has no <blk>")


_BLANKS = " \t\r"
"""What sherpa-onnx parts a line at; a token may be another of Unicode's spaces."""


def _read_tokens(file: Path) -> dict[str, int]:
    """A line a token: the token and its number; where it is a space, the number alone. Raises: ModelUnreadable."""
    tokens: dict[str, int] = {}
    try:
        lines = [line.strip(_BLANKS) for line in file.read_text(encoding="utf-8").split("\n")]
    except (OSError, UnicodeDecodeError) as error:
        raise ModelUnreadable(f"{file} cannot be read: {error}") from None
    for number, line in enumerate(lines, 1):
        if not line and number == len(lines):
            break
        *token, id_ = re.split(f"[{_BLANKS}]+", line)
        if len(token) > 1 or not re.fullmatch(r"-?\d+", id_):
            raise ModelUnreadable(f"{file} is no list of tokens: its line {number} is “{line[:60]}”")
        tokens[token[0] if token else " "] = int(id_)
    if not tokens:
        raise ModelUnreadable(f"{file} is empty")
    return tokens


def _languages(constructor: str, file: Path, tokens: dict[str, int]) -> tuple[str, ...]:
    """
    As far as the files tell: a model that writes hiragana, and little but Japanese characters, knows Japanese alone.

    Empty: not known.
    """
    if constructor == "from_sense_voice":
        return _SENSE_VOICE
    if constructor == "from_whisper":
        codes = _metadata(file, "all_language_codes")  # over any other, sherpa-onnx ends its process
        return ("en",) if _metadata(file, "is_multilingual") == "0" else tuple(codes.split(",") if codes else ())
    written = [token.lstrip("▁ ") for token in tokens if not token.startswith("<")]
    wide = sum(token[:1] >= wording.WIDE for token in written)
    hiragana = sum("ぁ" <= token[:1] <= "ゖ" for token in written)
    return ("ja",) if hiragana >= 40 and wide > 0.8 * len(written) else ()
