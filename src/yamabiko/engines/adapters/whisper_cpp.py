"""
whisper.cpp: Whisper in C++, from one ggml file, quantised if one likes.

Read for this file: pywhispercpp 1.5.1 (model.py and its low-level module, which alone gives tokens and their
probabilities), whisper.cpp 1.8.5 (whisper.h, whisper.cpp).
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from yamabiko.engines import ggml_devices, wording
from yamabiko.engines.card_parts import NEVER_RUN_ON_A_GPU, NO_GPU
from yamabiko.engines.contract import (
    AS_STORED,
    Card,
    DetectedLanguage,
    Loaded,
    ModelUnreadable,
    Placement,
    Profile,
    likeliest,
)
from yamabiko.i18n import Text
from yamabiko.speech import Evidence, Segment, TranscribeOptions, Word

if TYPE_CHECKING:
    from yamabiko.engines.contract import Audio


def _built(name: str, device: str, switch: str, sdk: Text) -> Profile:
    """With one of ggml's backends, for which a compiler and the backend's own development files must be here."""
    return Profile(
        name,
        "whisper.cpp-built.txt",
        (device, "cpu"),
        built=("pywhispercpp",),
        variables=(
            (switch, "ON"),
            ("BUILD_SHARED_LIBS", "OFF"),
            ("CMAKE_POSITION_INDEPENDENT_CODE", "ON"),
        ),
        by_request=True,
        built_with=Text(f"a C++ compiler and {sdk.en}", f"C++ コンパイラーと {sdk.ja}"),
        not_verified=Text("never built or run by us for a GPU", "GPU用のビルド・動作は未確認"),
    )


CARD = Card(
    name="whisper.cpp",
    job="transcribe",
    summary=Text("Whisper in C++: one file a model, also quantised", "C++版Whisper。モデルは1ファイル、量子化も可"),
    distribution="pywhispercpp",
    imports=("pywhispercpp", "_pywhispercpp"),
    licence="MIT",
    languages="99 (Whisper)",
    features=frozenset({"segment-times", "word-times", "punctuation", "language-detection", "translation", "prompt"}),
    default_model="base",
    model_format="ggml-whisper",
    placements=(
        Placement("cuda", AS_STORED),
        Placement("vulkan", AS_STORED, answers=("whispercpp-cuda-init-failed", "whispercpp-ptx-toolchain")),
        Placement("mps", AS_STORED),
        Placement("cpu", AS_STORED, answers=(*NO_GPU, "whispercpp-cpu-build-silent", "ggml-vulkan-software-device")),
    ),
    profiles=(
        Profile("cpu", "whisper.cpp-cpu.txt", ("cpu",)),
        # The wheels for Linux and Windows hold no backend for a GPU.
        _built("cuda", "cuda", "GGML_CUDA", Text("the CUDA Toolkit (nvcc)", "CUDA Toolkit（nvcc）")),
        _built("rocm", "cuda", "GGML_HIP", Text("ROCm with its HIP compiler", "ROCm と HIP コンパイラー")),
        _built(
            "vulkan",
            "vulkan",
            "GGML_VULKAN",
            Text(
                "the Vulkan SDK (headers newer than Debian 12's 1.3.239, and glslc)",
                "Vulkan SDK（Debian 12 の 1.3.239 より新しいヘッダーと glslc）",
            ),
        ),
        # Those for macOS do.
        Profile("metal", "whisper.cpp-cpu.txt", ("mps", "cpu"), by_request=True, not_verified=NEVER_RUN_ON_A_GPU),
    ),
    longest_chunk_s=30.0,
    evidence=("introspection", "last-words"),
    search=frozenset(
        {
            "beam_size",
            "best_of",
            "temperatures",
            "logprob_threshold",
            "no_speech_threshold",
        }
    ),
)

_MAGIC = 0x67676D6C
_KINDS = {0: "float32", 1: "float16", 2: "q4_0", 3: "q4_1", 7: "q8_0", 8: "q5_0", 9: "q5_1", 10: "q2_k", 11: "q3_k",
          12: "q4_k", 13: "q5_k", 14: "q6_k"}  # fmt: skip
"""Of the weights: ggml_ftype in ggml.h; a quantisation's version stands above it, in thousands."""
_BLOCKS = {0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 10: (256, 84),
           11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210)}  # fmt: skip
"""Of a tensor's type (ggml_type in ggml.h): how many weights stand together, in how many bytes."""
_HEADS = {4: "TINY", 6: "BASE", 12: "SMALL", 24: "MEDIUM"}
"""By the number of the encoder's layers: whose cross-attention tells when a word was spoken."""


def create() -> WhisperCpp:
    return WhisperCpp()


class WhisperCpp:
    _context: Any = None

    def load(self, model: Path, placement: Placement, threads: int) -> Loaded:
        import _pywhispercpp
        import pywhispercpp.model

        self._library = _pywhispercpp
        self._path, self._gpu, self._threads = str(model), placement.device != "cpu", threads
        self._heads, self._kind = _read_header(model)
        self._open(times_of_words=False)
        self._multilingual = bool(_pywhispercpp.whisper_is_multilingual(self._context))
        languages = () if self._multilingual else ("en",)
        return Loaded(self._device(), self._kind, f"{pywhispercpp.model.__version__} (whisper.cpp)", languages)

    def transcribe(self, batch: Sequence[Audio], options: TranscribeOptions) -> Iterator[tuple[int, Segment]]:
        if options.word_timestamps and not self._times_of_words:
            self._open(times_of_words=True)
        for index, audio in enumerate(batch):
            for segment in self._chunk(audio, options):
                yield index, segment

    def detect_language(self, audio: Audio, languages: Sequence[str] = ()) -> DetectedLanguage | None:
        if not self._multilingual:
            return None
        import numpy

        library = self._library
        if library.whisper_pcm_to_mel(self._context, audio, len(audio), self._cores()) != 0:
            raise RuntimeError("whisper_pcm_to_mel failed")
        likely = numpy.zeros(library.whisper_lang_max_id() + 1, numpy.float32)
        if library.whisper_lang_auto_detect(self._context, 0, self._cores(), likely) < 0:
            raise RuntimeError("whisper_lang_auto_detect failed")
        return likeliest(
            ((library.whisper_lang_str(number), float(value)) for number, value in enumerate(likely)), languages
        )

    def evidence(self) -> tuple[Evidence, ...]:
        info = self._library.whisper_print_system_info()
        names = ", ".join(name for name, _ in self._devices())
        said = f"whisper_print_system_info: {info.strip()}; ggml's devices: {names}"
        return (Evidence("introspection", self._device(), said),)

    # ---- inside ------------------------------------------------------------------------------------------------

    def _open(self, *, times_of_words: bool) -> None:
        """A context; the times of words take a pass of the decoder more, so it is made for them when they are wanted."""
        library = self._library
        if self._context is not None:
            library.whisper_free(self._context)
            self._context = None
        asked = library.whisper_context_default_params()
        asked.use_gpu = self._gpu
        if times_of_words and self._heads:
            asked.flash_attn = False  # the two cannot be had together
            asked.dtw_token_timestamps = True
            asked.dtw_aheads_preset = getattr(library, f"WHISPER_AHEADS_{self._heads}")
        self._context = library.whisper_init_from_file_with_params(self._path, asked)
        if self._context is None:
            raise ModelUnreadable(f"whisper.cpp could not read {self._path}")
        self._times_of_words = times_of_words

    def _device(self) -> str:
        """A build without a GPU's backend takes `use_gpu` and computes on the CPU."""
        return ggml_devices.taken(self._devices(), gpu=self._gpu)

    def _devices(self) -> tuple[tuple[str, int], ...]:
        return ggml_devices.devices(ggml_devices.registry(self._library.__file__))

    def _cores(self) -> int:
        here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return self._threads or here

    def _chunk(self, audio: Audio, options: TranscribeOptions) -> Iterator[Segment]:
        library, context = self._library, self._context
        asked = self._parameters(options)
        if library.whisper_full(context, asked, audio, len(audio)) != 0:
            raise RuntimeError("whisper_full failed")
        language = None
        if options.language is None and self._multilingual:
            language = library.whisper_lang_str(library.whisper_full_lang_id(context))
        for number in range(library.whisper_full_n_segments(context)):
            yield self._segment(number, len(audio) / 16000, language, words=options.word_timestamps)

    def _parameters(self, options: TranscribeOptions) -> Any:
        library = self._library
        ways = library.whisper_sampling_strategy
        beams = options.beam_size > 1
        asked = library.whisper_full_default_params(
            ways.WHISPER_SAMPLING_BEAM_SEARCH if beams else ways.WHISPER_SAMPLING_GREEDY
        )
        temperatures = options.temperatures or (0.0,)
        asked.beam_search = {"beam_size": options.beam_size, "patience": -1.0}
        asked.greedy = {"best_of": options.best_of}
        asked.n_threads = self._cores()
        asked.language = options.language or ("auto" if self._multilingual else "en")
        asked.translate = options.task == "translate"
        asked.no_context = True  # else it goes on with the text of its last answer, which may be another recording's
        asked.temperature = temperatures[0]
        asked.temperature_inc = temperatures[1] - temperatures[0] if len(temperatures) > 1 else 0.0
        # None is off: nothing falls below the one, or rises above the other. Left out as silence is only what does both.
        likely, silent = options.logprob_threshold, options.no_speech_threshold
        asked.logprob_thold = -math.inf if likely is None else likely
        asked.no_speech_thold = math.inf if silent is None else silent
        asked.initial_prompt = options.initial_prompt or ""
        asked.print_progress = asked.print_realtime = asked.print_timestamps = False
        asked.token_timestamps = options.word_timestamps
        return asked

    def _segment(self, number: int, longest_s: float, language: str | None, *, words: bool) -> Segment:
        library, context = self._library, self._context
        end_of_text = library.whisper_token_eot(context)
        tokens = [
            _Token(
                library.whisper_full_get_token_id(context, number, place),
                library.whisper_token_to_bytes(context, library.whisper_full_get_token_id(context, number, place)),
                library.whisper_full_get_token_data(context, number, place),
            )
            for place in range(library.whisper_full_n_tokens(context, number))
        ]
        said = [token for token in tokens if token.id < end_of_text]
        start_s = min(library.whisper_full_get_segment_t0(context, number) / 100, longest_s)
        end_s = min(library.whisper_full_get_segment_t1(context, number) / 100, longest_s)
        return Segment(
            start_s=start_s,
            end_s=max(start_s, end_s),
            text=library.whisper_full_get_segment_text(context, number).decode("utf-8", "replace"),
            words=tuple(_words(said, start_s, max(start_s, end_s))) if words else (),
            tokens=tuple(token.id for token in said),
            avg_logprob=sum(float(token.data.plog) for token in said) / len(said) if said else None,
            language=language,
        )


class _Token:
    def __init__(self, id_: int, content: bytes, data: Any) -> None:
        self.id, self.content, self.data = int(id_), content, data


def _words(said: Sequence[_Token], start_s: float, end_s: float) -> Iterator[Word]:
    """
    Tokens put together to what people read as one: from space to space, or character by character without spaces.

    A word begins where the token before it ends: dynamic time warping gives each token one time, its end.
    """
    gathered: list[_Token] = []
    at = start_s

    def word() -> Word:
        nonlocal at
        times = [token.data.t_dtw / 100 for token in gathered if token.data.t_dtw >= 0]
        times = times or [token.data.t1 / 100 for token in gathered]
        until = min(max(times[-1], at), end_s)
        probability = float(sum(token.data.p for token in gathered) / len(gathered))
        found = Word(at, until, b"".join(token.content for token in gathered).decode("utf-8", "replace"), probability)
        at = until
        return found

    for token in said:
        if gathered and _is_whole(gathered) and _begins_a_word(token.content, gathered[-1].content):
            yield word()
            gathered = []
        gathered.append(token)
    if gathered:
        yield word()


def _is_whole(tokens: Sequence[_Token]) -> bool:
    try:
        b"".join(token.content for token in tokens).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _begins_a_word(content: bytes, before: bytes) -> bool:
    return wording.begins_a_word(content.decode("utf-8", "ignore"), before.decode("utf-8", "ignore"))


def _read_header(model: Path) -> tuple[str, str]:
    """
    Which heads tell the times of words, and what the weights are stored as.

    Raises: ModelUnreadable, for a file that is no whole ggml model. whisper.cpp prints why and returns nothing, and of a
    file without any weights it says “assuming empty model for testing” and works on (whisper_model_load, 1.8.5).
    """
    with open(model, "rb") as file:
        head = file.read(48)
        if len(head) < 48 or struct.unpack_from("<I", head)[0] != _MAGIC:
            raise ModelUnreadable(f"{model} is no ggml model: it begins with {head[:4].hex(' ')}")
        vocabulary, _, _, _, encoder, _, _, _, decoder, mels, kind = struct.unpack_from("<11i", head, 4)
        try:
            weights, missing = _walk(file, os.fstat(file.fileno()).st_size)
        except struct.error:
            weights, missing = 0, 1
    if not weights or missing:
        raise ModelUnreadable(f"{model} is cut off: it ends within its {weights + 1}. tensor")
    if encoder in _HEADS and encoder == decoder:
        heads = _HEADS[encoder] + ("_EN" if vocabulary == 51864 else "")
    elif encoder == 32:
        heads = "LARGE_V3_TURBO" if decoder == 4 else "LARGE_V3" if mels == 128 else "LARGE_V2"
    else:
        heads = ""  # a distilled model: whisper.cpp's own guess of the times stands
    return heads, _KINDS.get(kind % 1000, f"ggml kind {kind}")


def _walk(file: IO[bytes], size: int) -> tuple[int, int]:
    """From behind the header to the end: the whole tensors, and the bytes that lack. Raises: struct.error, where cut."""

    def numbers(count: int) -> tuple[int, ...]:
        return struct.unpack(f"<{count}i", file.read(4 * count))

    rows, columns = numbers(2)
    file.seek(4 * rows * columns, os.SEEK_CUR)
    for _ in range(numbers(1)[0]):
        file.seek(numbers(1)[0], os.SEEK_CUR)
    whole = 0
    while (at := file.tell()) < size:
        rank, title, kind = numbers(3)
        elements = math.prod(numbers(rank))
        if kind not in _BLOCKS:
            return whole + 1, 0  # stored in a way we do not know: whisper.cpp will say so
        per_block, bytes_ = _BLOCKS[kind]
        file.seek(title + elements // per_block * bytes_, os.SEEK_CUR)
        whole += file.tell() <= size
    return whole, max(0, at - size)
