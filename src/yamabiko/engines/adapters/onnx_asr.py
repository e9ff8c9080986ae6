"""
onnx-asr: Parakeet, Canary, GigaAM, Whisper and others on ONNX Runtime, without torch.

Read for this file: onnx-asr 0.12.0 (loader.py, resolver.py, asr.py, models/), ONNX Runtime 1.31.1
(onnxruntime_inference_collection.py). A model is a folder; config.json says which of the library's types it is, the
names of its files say how precise it is.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yamabiko.engines import wording
from yamabiko.engines.card_parts import CUDA12_RUNTIME, NEVER_RUN_ON_A_GPU, NO_GPU_FOR_ONNX, ONNX_RUNTIME_LACKS
from yamabiko.engines.contract import Card, DetectedLanguage, Feature, Loaded, ModelUnreadable, Placement, Profile
from yamabiko.i18n import Text
from yamabiko.speech import SAMPLE_RATE, Evidence, Segment, TranscribeOptions

if TYPE_CHECKING:
    from yamabiko.engines.contract import Audio

CARD = Card(
    name="onnx-asr",
    job="transcribe",
    summary=Text(
        "Parakeet, Canary and others on ONNX Runtime: small, no torch",
        "ONNX Runtime版のParakeet・Canaryなど。軽量でtorch不要",
    ),
    distribution="onnx-asr",
    imports=("onnx_asr", "onnxruntime"),
    licence="MIT",
    languages="the model's own",
    # Whisper's models find the language and give no times, Parakeet's are the other way round: the CARD is Parakeet's.
    features=frozenset({"segment-times", "word-times", "punctuation", "batch"}),
    default_model="parakeet-tdt-0.6b-v3",
    model_format="onnx-asr",
    placements=(
        Placement("cuda", "float16"),
        # CUDA has no kernels for most of what int8 files hold: those nodes would go to the CPU, one by one.
        Placement("cuda", "float32", answers=("ort-partial-placement",)),
        Placement("cpu", "int8", costs_accuracy=True, answers=NO_GPU_FOR_ONNX),
        Placement("cpu", "float32", answers=NO_GPU_FOR_ONNX),  # where there are no files in int8
    ),
    profiles=(
        Profile("cpu", "onnx-asr-cpu.txt", ("cpu",)),
        Profile(
            "cuda12",
            "onnx-asr-cuda12.txt",
            ("cuda", "cpu"),
            library_packages=CUDA12_RUNTIME,
            not_verified=NEVER_RUN_ON_A_GPU,
        ),
        Profile(
            "cuda13",
            "onnx-asr-cuda13.txt",
            ("cuda", "cpu"),
            library_packages=("nvidia/cu13", "nvidia/cudnn"),
            not_verified=NEVER_RUN_ON_A_GPU,
        ),
    ),
    lacking=ONNX_RUNTIME_LACKS,
    longest_chunk_s=25.0,
    evidence=("introspection", "last-words"),
)

_RUSSIAN = ("gigaam-v3-e2e-rnnt", "gigaam-v3-e2e-ctc", "gigaam-v3-rnnt", "gigaam-v3-ctc", "gigaam-v2-rnnt",
            "gigaam-v2-ctc", "t-one-ctc")  # fmt: skip
_BY_CONFIG_ALONE = ("nemo-conformer-tdt", "nemo-conformer-rnnt")
"""Their files have the same names."""
_KINDS = (*_BY_CONFIG_ALONE, "nemo-conformer-aed", "nemo-conformer-ctc", "whisper", "whisper-ort", "kaldi-rnnt",
          "gigaam-multilingual-large-ctc", "gigaam-multilingual-ctc", *_RUSSIAN)  # fmt: skip
"""The library's types; where several fit a folder whose config.json names none, the first."""
_PROMPTED = ("whisper", "whisper-ort", "nemo-conformer-aed")
"""
They write text from a prompt with the language in it, and no times. One chunk at a time: a batch of Whisper's is
levelled by its loudest chunk, and one of Canary's ends only when all its chunks end at the same token.
"""
_PRECISIONS = {
    "float32": (None,),
    "float16": ("fp16",),
    "int8": ("int8", "quantized", "uint8"),
    "int4": ("q4", "int4", "bnb4"),
}
"""By what stands in the names of the files, in the order of preference."""
_EUROPEAN = ("bg", "hr", "cs", "da", "nl", "en", "et", "fi", "fr", "de", "el", "hu", "it", "lv", "lt", "mt", "pl", "pt",
             "ro", "ru", "sk", "sl", "es", "sv", "uk")  # fmt: skip
_LANGUAGES_BY_VOCABULARY = {
    "ec182b70dd42113aff6c5372c75cac58c952443eb22322f57bbd7f53977d497d": ("en",),  # parakeet-tdt-0.6b-v2
    "d58544679ea4bc6ac563d1f545eb7d474bd6cfa467f0a6e2c1dc1c7d37e3c35d": _EUROPEAN,  # parakeet-tdt-0.6b-v3
}
"""sha256 of vocab.txt. No file of the model says which languages it was trained on."""
_SHORTEST_S = 0.1
"""Features are levelled over their moments: of fewer than two there is no spread, and the library divides by zero."""
_LONGEST_TOKEN_S = 0.32
"""A token has a start only. Four steps of 80 ms: the farthest that a Parakeet TDT looks on from one token."""
_PAUSE_S = 1.0
"""Where nobody speaks for so long, a segment ends."""


def create() -> OnnxAsr:
    return OnnxAsr()


class OnnxAsr:
    def load(self, model: Path, placement: Placement, threads: int) -> Loaded:
        import onnx_asr
        import onnxruntime
        from onnxruntime.capi.onnxruntime_pybind11_state import Fail

        onnxruntime.disable_telemetry_events()  # what Windows heeds; elsewhere children.UNTOLD has done it
        folder = model if model.is_dir() else model.parent
        self._kind = _kind(folder)
        self._precision, quantization = _precision(self._kind, folder, placement.compute_type)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        providers = ["CPUExecutionProvider"]
        if placement.device != "cpu":
            providers.insert(0, "CUDAExecutionProvider")
            onnxruntime.preload_dlls(directory="")  # CUDA's libraries that lie in wheels are on no loader's path
        try:
            self._model = onnx_asr.load_model(
                self._kind, folder, quantization=quantization, sess_options=options, providers=providers
            ).with_timestamps()
        except (KeyError, ValueError) as error:  # of the vocabulary and the configuration
            raise ModelUnreadable(f"{folder}: {error}") from error
        except Fail as error:  # of weights in a file of their own: gone, or cut off
            raise (ModelUnreadable(f"{folder}: {error}") if "External " in str(error) else error) from None
        for session in self._sessions():
            session.disable_fallback()  # an error amid the work is to be seen, not answered by the CPU
        engine = f"{version('onnx-asr')} (ONNX Runtime {onnxruntime.__version__})"
        languages, features = _languages(self._kind, folder), self._features()
        return Loaded(self._device(), self._precision, engine, languages, features=features)

    def transcribe(self, batch: Sequence[Audio], options: TranscribeOptions) -> Iterator[tuple[int, Segment]]:
        if self._kind in _PROMPTED:
            for index, audio in enumerate(batch):
                yield from ((index, segment) for segment in self._from_prompt(audio, options))
            return
        for index, result in enumerate(self._model.recognize([_long_enough(audio) for audio in batch])):
            for segment in _segments(result, len(batch[index]) / SAMPLE_RATE, words=options.word_timestamps):
                yield index, segment

    def detect_language(self, audio: Audio, languages: Sequence[str] = ()) -> DetectedLanguage | None:
        """Whisper alone can tell, and of its two formats the one with a decoder of its own."""
        if not self._finds_language:
            return None
        import numpy

        asr = self._model.asr

        codes = {token[2:-2]: id_ for token, id_ in asr._tokens.items() if _is_language(token)}
        possible = [code for code in codes if not languages or code in languages]
        if not possible:
            return None
        heard = asr._encode(audio[None, :], numpy.array([len(audio)], numpy.int64))
        logits, _ = asr._decode(asr._detect_lang_input, asr._create_state(), heard)
        scores = logits[0, -1][[codes[code] for code in possible]].astype(numpy.float64)
        likely = numpy.exp(scores - scores.max())
        best = int(likely.argmax())
        return DetectedLanguage(possible[best], float(likely[best] / likely.sum()))

    def evidence(self) -> tuple[Evidence, ...]:
        sessions = self._sessions()
        if not sessions:
            return ()
        each = "; ".join(", ".join(session.get_providers()) for session in sessions)
        return (Evidence("introspection", self._device(), f"onnxruntime providers of each session: {each}"),)

    # ---- inside ------------------------------------------------------------------------------------------------

    def _features(self) -> tuple[Feature, ...] | None:
        if self._kind not in _PROMPTED:
            return None
        more: tuple[Feature, ...] = ("translation",) if self._kind == "nemo-conformer-aed" else ()
        return "segment-times", "punctuation", *(("language-detection",) if self._finds_language else ()), *more

    @property
    def _finds_language(self) -> bool:
        return self._kind == "whisper" and all(
            hasattr(self._model.asr, name) for name in ("_encode", "_decode", "_tokens")
        )

    def _sessions(self) -> list[Any]:
        """ONNX Runtime's sessions of the model. Their names are the library's own affair; none is relied on."""
        return [value for value in vars(self._model.asr).values() if hasattr(value, "get_providers")]

    def _device(self) -> str:
        """What the sessions really use: asked for CUDA and refused, ONNX Runtime takes the CPU and says so on stderr."""
        sessions = self._sessions()
        used = {session.get_providers()[0] for session in sessions}
        return "cuda" if used == {"CUDAExecutionProvider"} else "cpu"

    def _from_prompt(self, audio: Audio, options: TranscribeOptions) -> Iterator[Segment]:
        language, found = options.language, None
        if language is None and self._kind == "nemo-conformer-aed":
            raise ValueError("a Canary model cannot find the language, and has to be told it: --language")
        if language is None:
            found = self.detect_language(audio, options.languages)
            language = found.language if found else None
        target = {"target_language": "en"} if options.task == "translate" else {}
        result = self._model.recognize(_long_enough(audio), language=language, **target)
        text = wording.spaced(result.text.strip())
        if text:
            heard = None if found is None else found.language
            yield Segment(0.0, len(audio) / SAMPLE_RATE, text, avg_logprob=_mean(result.logprobs), language=heard)


def _long_enough(audio: Audio) -> Audio:
    import numpy

    lacking = int(_SHORTEST_S * SAMPLE_RATE) - len(audio)
    return numpy.pad(audio, (0, lacking)) if lacking > 0 else audio


def _is_language(token: str) -> bool:
    return token.startswith("<|") and token.endswith("|>") and token[2:-2].isalpha() and 2 <= len(token) - 4 <= 3


def _mean(logprobs: Sequence[float] | None) -> float | None:
    """None where there are none, or where a model gives scores that are no logarithms of probabilities."""
    known = [float(value) for value in logprobs or ()]
    return sum(known) / len(known) if known and max(known) <= 1e-3 else None


# ---- what the folder holds ------------------------------------------------------------------------------------------


def _files(kind: str, folder: Path, quantization: str | None) -> dict[str, Path] | None:
    """The files that the library would read; None where one is missing."""
    from onnx_asr.loader import create_asr_resolver

    try:
        found: dict[str, Path] = create_asr_resolver(kind, folder, offline=True).resolve_model(
            quantization=quantization
        )
    except OSError:  # what the library raises of files that are missing, or there twice, is one
        return None
    return found


def _kind(folder: Path) -> str:
    """
    The library's type of this model: the one that config.json names, else the first that fits the names of its files.

    Raises: ModelUnreadable, where there is none.
    """
    config = folder / "config.json"
    try:
        said = json.loads(config.read_text(encoding="utf-8")).get("model_type")
    except (ValueError, AttributeError) as error:
        raise ModelUnreadable(f"{config}: {error}") from None
    if said in _KINDS:
        return str(said)
    names = [name for each in _PRECISIONS.values() for name in each]
    for kind in _KINDS:
        if kind not in _BY_CONFIG_ALONE and any(_files(kind, folder, name) for name in names):
            return kind
    raise ModelUnreadable(f"{config}: model_type {said!r} is none of onnx-asr's, and no type has such files")


def _precision(kind: str, folder: Path, wanted: str) -> tuple[str, str | None]:
    """
    Precision, and what stands for it in the names of the files: the wanted one if the folder has it, else what it has.

    Raises: ModelUnreadable, where the folder lacks a file of the model.
    """
    order = [wanted, *_PRECISIONS] if wanted in _PRECISIONS else [*_PRECISIONS]
    for precision in order:
        for name in _PRECISIONS[precision]:
            if _files(kind, folder, name):
                return precision, name
    there = ", ".join(sorted(item.name for item in folder.iterdir()))
    raise ModelUnreadable(f"{folder} holds no whole model of the type {kind}: {there}")


def _languages(kind: str, folder: Path) -> tuple[str, ...]:
    """What is known of this model; empty where nothing is."""
    if kind in _RUSSIAN:
        return ("ru",)
    vocabulary = folder / "vocab.txt"
    if not vocabulary.is_file():
        return ()
    content = vocabulary.read_bytes()
    known = _LANGUAGES_BY_VOCABULARY.get(hashlib.sha256(content).hexdigest())
    if known:
        return known
    pieces = [line.rsplit(" ", 1)[0].strip("\u2581") for line in content.decode("utf-8", "replace").splitlines()]
    written = [piece for piece in pieces if piece]
    kana = sum("\u3041" <= piece[0] <= "\u30ff" for piece in written)
    kanji = sum("\u4e00" <= piece[0] <= "\u9fff" for piece in written)
    return ("ja",) if kana and kana + kanji > len(written) / 2 else ()


# ---- tokens to segments ---------------------------------------------------------------------------------------------


def _segments(result: Any, length_s: float, *, words: bool) -> Iterator[Segment]:
    """A sentence each, or what is said up to a pause; times within the chunk."""
    for pieces in wording.phrases(_pieces(result, length_s), _PAUSE_S):
        known = [math.log(piece.probability) for piece in pieces if piece.probability]
        yield Segment(
            start_s=pieces[0].start_s,
            end_s=pieces[-1].end_s,
            text="".join(piece.text for piece in pieces),
            words=tuple(wording.words(pieces)) if words else (),
            avg_logprob=math.fsum(known) / len(known) if known else None,
        )


def _pieces(result: Any, length_s: float) -> list[wording.Piece]:
    """
    The tokens that are text, with their spaces. A token has a start only: it ends where the next one begins, or sooner.

    The library's text has lost spaces before punctuation, which the tokens have; it is the text that counts.
    """
    tokens, starts = result.tokens, [min(float(start), length_s) for start in result.timestamps]
    ends = [min(follows, start + _LONGEST_TOKEN_S) for start, follows in pairwise([*starts, length_s])]
    texts = wording.laid_out(result.text, tokens) or tokens
    found: list[wording.Piece] = []
    for place, (text, start, end) in enumerate(zip(texts, starts, ends, strict=True)):
        if not text.strip() or re.fullmatch(r"\s*<.+>", text):
            continue
        shown = text if found else wording.spaced(text)
        probability = min(1.0, math.exp(result.logprobs[place])) if result.logprobs else None
        found.append(wording.Piece(shown, start, end, probability))
    return found
