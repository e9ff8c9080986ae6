"""
faster-whisper: OpenAI's Whisper models on CTranslate2, on the CPU or CUDA.

Read for this file: faster-whisper 1.2.1 (transcribe.py), CTranslate2 4.8.5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yamabiko.engines.card_parts import CT2_RUNGS, CTRANSLATE2_LACKS, NEVER_RUN_ON_A_GPU
from yamabiko.engines.contract import ALL_OF_SEARCH, Card, DetectedLanguage, Loaded, Placement, Profile, likeliest
from yamabiko.i18n import Text
from yamabiko.speech import Evidence, Segment, TranscribeOptions, Word

if TYPE_CHECKING:
    from yamabiko.engines.contract import Audio

CARD = Card(
    name="faster-whisper",
    job="transcribe",
    summary=Text("Whisper on CTranslate2: fast on the CPU, faster with CUDA", "CTranslate2版Whisper。CPUでも速い"),
    distribution="faster-whisper",
    imports=("faster_whisper", "ctranslate2"),
    licence="MIT",
    languages="99 (Whisper)",
    features=frozenset(
        {
            "segment-times",
            "word-times",
            "punctuation",
            "language-detection",
            "translation",
            "prompt",
            "hotwords",
            "batch",
        }
    ),
    default_model="base",
    model_format="ctranslate2-whisper",
    placements=CT2_RUNGS,
    profiles=(
        Profile("cpu", "faster-whisper-cpu.txt", ("cpu",)),
        Profile(
            "cuda12",
            "faster-whisper-cuda12.txt",
            ("cuda", "cpu"),
            library_packages=("nvidia/cublas", "nvidia/cuda_nvrtc"),
            not_verified=NEVER_RUN_ON_A_GPU,
        ),
    ),
    lacking=CTRANSLATE2_LACKS,
    longest_chunk_s=30.0,
    evidence=("introspection",),
    search=ALL_OF_SEARCH,
    # generate_segment_batched decodes once and keeps what comes. It hands a temperature on, and CTranslate2 takes the best
    # of a single candidate all the same: sampling_topk is 1 where nobody sets it.
    search_alone=frozenset(
        {
            "temperatures",
            "best_of",
            "compression_ratio_threshold",
            "logprob_threshold",
            "no_speech_threshold",
            "condition_on_previous_text",
            "hallucination_silence_threshold",
        }
    ),
)


def create() -> FasterWhisper:
    return FasterWhisper()


class FasterWhisper:
    _model: Any

    def load(self, model: Path, placement: Placement, threads: int) -> Loaded:
        import ctranslate2
        import faster_whisper

        self._seed = ctranslate2.set_random_seed
        self._model = faster_whisper.WhisperModel(
            str(model),
            device=placement.device,
            compute_type=placement.compute_type,
            cpu_threads=threads,
            local_files_only=True,
        )
        self._model.encode = _remembering(self._model.encode)
        self._batched = faster_whisper.BatchedInferencePipeline(self._model)
        device, compute_type = self._really()
        version = f"{faster_whisper.__version__} (CTranslate2 {ctranslate2.__version__})"
        return Loaded(device, compute_type, version, () if self._model.model.is_multilingual else ("en",))

    def transcribe(self, batch: Sequence[Audio], options: TranscribeOptions) -> Iterator[tuple[int, Segment]]:
        # The fallback temperatures sample at random: seeded, the same audio gives the same text in every worker.
        self._seed(0)
        # Asked together, chunks get one language: that of the likeliest. Where each may have its own, one at a time.
        together = len(batch) > 1 and (options.language is not None or not self._model.model.is_multilingual)
        if together:
            yield from self._transcribe_together(batch, options)
        for index, audio in enumerate(() if together else batch):
            segments, info = self._model.transcribe(
                audio,
                temperature=options.temperatures,
                compression_ratio_threshold=options.compression_ratio_threshold,
                log_prob_threshold=options.logprob_threshold,
                no_speech_threshold=options.no_speech_threshold,
                condition_on_previous_text=options.condition_on_previous_text,
                hallucination_silence_threshold=options.hallucination_silence_threshold,
                **self._shared_options(options),
            )
            language = None if options.language else info.language
            for segment in segments:
                yield index, _ours(segment, 0.0, language)

    def _transcribe_together(self, batch: Sequence[Audio], options: TranscribeOptions) -> Iterator[tuple[int, Segment]]:
        """
        One pass of the decoder for all chunks, without thresholds, fallbacks or sampling: see `search_alone`.
        """
        import numpy

        rate = self._model.feature_extractor.sampling_rate
        clips, start = [], 0
        for audio in batch:
            clips.append({"start": start / rate, "end": (start + len(audio)) / rate})
            start += len(audio)
        segments, info = self._batched.transcribe(
            numpy.concatenate(batch),
            clip_timestamps=clips,
            batch_size=len(batch),
            temperature=0.0,
            without_timestamps=False,
            **self._shared_options(options),
        )
        language = None if options.language else info.language
        index = 0
        for segment in segments:
            while index + 1 < len(clips) and segment.start >= clips[index]["end"] - 0.005:
                index += 1
            yield index, _ours(segment, clips[index]["start"], language)

    def _shared_options(self, options: TranscribeOptions) -> dict[str, Any]:
        return {
            "language": options.language,
            "task": options.task,
            "beam_size": options.beam_size,
            "best_of": options.best_of,
            "patience": options.patience,
            "length_penalty": options.length_penalty,
            "repetition_penalty": options.repetition_penalty,
            "no_repeat_ngram_size": options.no_repeat_ngram_size,
            "initial_prompt": options.initial_prompt,
            "hotwords": options.hotwords,
            "suppress_tokens": list(options.suppress_tokens),
            "word_timestamps": options.word_timestamps,
            "prepend_punctuations": options.prepend_punctuations,
            "append_punctuations": options.append_punctuations,
            "vad_filter": False,
        }

    def detect_language(self, audio: Audio, languages: Sequence[str] = ()) -> DetectedLanguage | None:
        if not self._model.model.is_multilingual:
            return None
        # Without the last frame, as the transcription has it: so the window is the same one, and encoded once.
        features = self._model.feature_extractor(audio)
        features = features[..., : max(1, features.shape[-1] - 1)]
        language, probability, every = self._model.detect_language(features=features)
        if not languages:
            return DetectedLanguage(language, float(probability))
        return likeliest(((code, float(likely)) for code, likely in every), languages)

    def evidence(self) -> tuple[Evidence, ...]:
        device, compute_type = self._really()
        return (Evidence("introspection", device, f"ctranslate2 model: device {device}, compute type {compute_type}"),)

    def _really(self) -> tuple[str, str]:
        """What the loaded model says of itself: `int8` asked for on a CPU becomes `int8_float32`."""
        model = self._model.model
        return str(model.device), str(model.compute_type)


def _remembering(encode: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """
    `WhisperModel.encode` that knows its last answer: half the work of a short recording whose language is to be found.

    The window heard for the language is the first one of the text, and the encoder's output for it is the same.
    """
    last: list[Any] = []

    def remembered(features: Any) -> Any:
        import numpy

        if not last or not numpy.array_equal(last[0], features):
            last[:] = features.copy(), encode(features)
        return last[1]

    return remembered


def _ours(segment: Any, offset_s: float, language: str | None) -> Segment:
    """Plain numbers: the library gives numpy's, which JSON cannot write."""
    words = tuple(
        Word(float(word.start) - offset_s, float(word.end) - offset_s, word.word, float(word.probability))
        for word in segment.words or ()
    )
    return Segment(
        start_s=float(segment.start) - offset_s,
        end_s=float(segment.end) - offset_s,
        text=segment.text,
        words=words,
        tokens=tuple(int(token) for token in segment.tokens),
        avg_logprob=float(segment.avg_logprob),
        no_speech_prob=float(segment.no_speech_prob),
        compression_ratio=float(segment.compression_ratio),
        seek=max(0, int(segment.seek) - round(offset_s * 100)),
        temperature=None if segment.temperature is None else float(segment.temperature),
        language=language,
    )
