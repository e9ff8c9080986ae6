"""
WhisperX: Whisper on CTranslate2, all stretches of speech at once, without the model's own coarse times.

Read for this file: WhisperX 3.8.6 (asr.py, vads/), faster-whisper 1.2.1 (transcribe.py), transformers 4.57.6 (the
pipeline under WhisperX's). WhisperX decodes each stretch without time tokens and times the words afterwards. Here the
cross-attention of the same model does that; `--align` has them timed by a wav2vec2 model instead, for every engine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yamabiko.engines.card_parts import CT2_RUNGS, CTRANSLATE2_LACKS, NEVER_RUN_ON_A_GPU, PYTORCH_INDEX
from yamabiko.engines.contract import Card, DetectedLanguage, Loaded, Placement, Profile, likeliest
from yamabiko.i18n import Text
from yamabiko.speech import SAMPLE_RATE, Evidence, Segment, TranscribeOptions, Word

if TYPE_CHECKING:
    from yamabiko.engines.contract import Audio

CARD = Card(
    name="whisperx",
    job="transcribe",
    summary=Text(
        "Whisper on CTranslate2, many stretches at once, words timed afterwards",
        "CTranslate2版Whisperの一括処理。単語の時刻は後から求める",
    ),
    distribution="whisperx",
    imports=("whisperx.asr", "ctranslate2"),
    licence="BSD-2-Clause",
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
        Profile(
            "cpu",
            "whisperx-cpu.txt",
            ("cpu",),
            index=f"{PYTORCH_INDEX}cpu",
            # Linked to CUDA's libraries, and torchaudio cannot be imported where they are there and do not load.
            unwanted=("torchaudio/lib/*.so",),
            not_verified=Text(
                "WhisperX declares PyTorch 2.8; here it runs on 2.13, and that was tested by us on the CPU",
                "WhisperXの指定はPyTorch 2.8だが、2.13で動かす（CPUで動作を確認済み）",
            ),
        ),
        Profile(
            "cuda12",
            "whisperx-cuda12.txt",
            ("cuda", "cpu"),
            library_packages=("nvidia/cublas", "nvidia/cudnn", "nvidia/cuda_nvrtc"),
            not_verified=NEVER_RUN_ON_A_GPU,
        ),
    ),
    lacking=CTRANSLATE2_LACKS,
    longest_chunk_s=30.0,
    evidence=("introspection",),
    search=frozenset(
        {
            "beam_size",
            "patience",
            "length_penalty",
            "repetition_penalty",
            "no_repeat_ngram_size",
            "suppress_tokens",
            "prepend_punctuations",
            "append_punctuations",
        }
    ),
)

_ENDS_ALWAYS = tuple("。！？!?")
_NO_END = frozenset({"mr.", "mrs.", "ms.", "dr.", "st.", "vs.", "prof.", "jr.", "sr.", "no.", "z.b.", "bzw.", "sra."})
_CLOSING = '」』）】”’")]'


def create() -> WhisperX:
    return WhisperX()


class WhisperX:
    _pipeline: Any

    def load(self, model: Path, placement: Placement, threads: int) -> Loaded:
        from importlib.metadata import version

        import ctranslate2
        import torch
        import whisperx.asr

        if threads:
            torch.set_num_threads(threads)
        ctranslate2.set_random_seed(0)
        self._library = whisperx.asr
        self._given = _as_given()
        self._pipeline = whisperx.asr.load_model(
            str(model),
            placement.device,
            compute_type=placement.compute_type,
            vad_model=self._given,
            threads=threads,
            local_files_only=True,
        )
        self._model = self._pipeline.model
        _remember(self._model)
        device, compute_type = self._really()
        told = f"{version('whisperx')} (CTranslate2 {ctranslate2.__version__})"
        return Loaded(device, compute_type, told, () if self._model.model.is_multilingual else ("en",))

    def transcribe(self, batch: Sequence[Audio], options: TranscribeOptions) -> Iterator[tuple[int, Segment]]:
        # Asked together, chunks get one language. Where each may have its own, one at a time.
        multilingual = self._model.model.is_multilingual
        if options.language is not None or not multilingual:
            language = (options.language if multilingual else None) or "en"
            for index, segments in enumerate(self._together(batch, language, options)):
                for segment in segments:
                    yield index, segment
            return
        for index, audio in enumerate(batch):
            detected = self.detect_language(audio, options.languages)
            language = detected.language if detected else "en"
            [segments] = self._together([audio], language, options)
            for segment in segments:
                yield index, replace(segment, language=language)

    def _together(self, batch: Sequence[Audio], language: str, options: TranscribeOptions) -> list[list[Segment]]:
        """One pass of the decoder for all chunks, and one to time the words."""
        import numpy

        self._pipeline.options = replace(self._pipeline.options, **_options(options))
        self._given.lengths = [len(audio) for audio in batch]
        found = self._pipeline.transcribe(
            numpy.concatenate(batch), batch_size=len(batch), language=language, task=options.task
        )["segments"]
        timed = self._timed([chunk["text"] for chunk in found], language, options)
        answer = []
        for audio, chunk, words in zip(batch, found, timed, strict=True):
            seconds = len(audio) / SAMPLE_RATE
            sentences = _sentences(_within(words, seconds)) or [chunk["text"]] * bool(chunk["text"].strip())
            answer.append([_segment(one, seconds, float(chunk["avg_logprob"]), options) for one in sentences])
        return answer

    def _timed(self, texts: Sequence[str], language: str, options: TranscribeOptions) -> list[list[Word]]:
        """When each word was said, by the cross-attention over what the encoder just gave."""
        tokenizer = self._library.Tokenizer(
            self._model.hf_tokenizer, self._model.model.is_multilingual, task=options.task, language=language
        )
        start = 0.0
        chunks, frames = [], []
        for text, samples in zip(texts, self._given.lengths, strict=True):
            seconds = samples / SAMPLE_RATE
            seek = round(start * self._model.frames_per_second)
            phrase = {"tokens": tokenizer.encode(text), "start": start, "end": start + seconds, "seek": seek}
            chunks.append([phrase])
            frames.append(max(2, round(seconds * self._model.frames_per_second)))
            start += seconds
        self._model.add_word_timestamps(
            chunks,
            tokenizer,
            self._model.last_encoded,
            frames,
            options.prepend_punctuations,
            options.append_punctuations,
            0.0,
        )
        return [
            [_word(word, phrase["seek"] / self._model.frames_per_second) for word in phrase.get("words", ())]
            for [phrase] in chunks
        ]

    def detect_language(self, audio: Audio, languages: Sequence[str] = ()) -> DetectedLanguage | None:
        if not self._model.model.is_multilingual:
            return None
        features = self._pipeline.preprocess({"inputs": audio[: 30 * SAMPLE_RATE]})["inputs"]
        told = self._model.model.detect_language(self._model.encode(features.numpy()))[0]
        return likeliest(((token[2:-2], float(likely)) for token, likely in told), languages)

    def evidence(self) -> tuple[Evidence, ...]:
        device, compute_type = self._really()
        return (Evidence("introspection", device, f"ctranslate2 model: device {device}, compute type {compute_type}"),)

    def _really(self) -> tuple[str, str]:
        model = self._model.model
        return str(model.device), str(model.compute_type)


def _as_given() -> Any:
    """What stands where WhisperX looks for speech: the chunks are stretches of speech already."""
    from whisperx.vads import Vad

    class AsGiven(Vad):  # type: ignore[misc, unused-ignore]
        lengths: Sequence[int] = ()

        def __init__(self) -> None:
            super().__init__(0.5)

        def __call__(self, audio: Any, **unused: Any) -> None:
            return None

        def merge_chunks(self, segments: None, chunk_size: int, onset: float, offset: float) -> list[dict[str, Any]]:
            chunks, start = [], 0
            for length in self.lengths:
                # Half a sample further: WhisperX makes whole samples of seconds by cutting off what is behind the point.
                begin, end = (start + 0.5) / SAMPLE_RATE, (start + length + 0.5) / SAMPLE_RATE
                chunks.append({"start": begin, "end": end, "segments": [(begin, end)]})
                start += length
            return chunks

    return AsGiven()


def _remember(model: Any) -> None:
    """Keep what the encoder last gave: the words are timed with it."""
    encode = model.encode

    def encoded(features: Any) -> Any:
        model.last_encoded = encode(features)
        return model.last_encoded

    model.encode = encoded


def _options(options: TranscribeOptions) -> dict[str, Any]:
    """What of ours WhisperX's decoder reads. It knows no other temperatures, and no thresholds to try them at."""
    return {
        "beam_size": options.beam_size,
        "patience": options.patience,
        "length_penalty": options.length_penalty,
        "repetition_penalty": options.repetition_penalty,
        "no_repeat_ngram_size": options.no_repeat_ngram_size,
        "initial_prompt": options.initial_prompt,
        "hotwords": options.hotwords,
        "suppress_tokens": list(options.suppress_tokens),
    }


def _word(word: dict[str, Any], offset_s: float) -> Word:
    return Word(
        float(word["start"]) - offset_s, float(word["end"]) - offset_s, word["word"], float(word["probability"])
    )


def _within(words: Sequence[Word], seconds: float) -> list[Word]:
    """In order, and inside the chunk: the model counts in steps of 20 ms."""
    kept: list[Word] = []
    earliest = 0.0
    for word in words:
        start = min(max(word.start_s, earliest), seconds)
        kept.append(replace(word, start_s=start, end_s=min(max(word.end_s, start), seconds)))
        earliest = start
    return kept


def _sentences(words: Sequence[Word]) -> list[list[Word]]:
    found: list[list[Word]] = []
    ended = True
    for number, word in enumerate(words):
        if ended:
            found.append([])
        found[-1].append(word)
        ended = number + 1 < len(words) and _ends(word.text, words[number + 1].text)
    return found


def _ends(text: str, following: str) -> bool:
    """Whether a sentence ends here. A full stop does before a capital letter, but not behind “Mr” or a single letter."""
    bare = text.rstrip(_CLOSING)
    if bare.endswith(_ENDS_ALWAYS):
        return True
    said = bare.strip().lower()
    return (
        bare.endswith(".")
        and len(said) > 2
        and said not in _NO_END
        and following.startswith(" ")
        and not following[1:2].islower()
    )


def _segment(said: list[Word] | str, seconds: float, avg_logprob: float, options: TranscribeOptions) -> Segment:
    if isinstance(said, str):  # no word of it got a time
        return Segment(0.0, seconds, said, avg_logprob=avg_logprob)
    return Segment(
        start_s=said[0].start_s,
        end_s=max(word.end_s for word in said),
        text="".join(word.text for word in said),
        words=tuple(said) if options.word_timestamps else (),
        avg_logprob=avg_logprob,
    )
