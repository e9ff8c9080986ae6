"""
Whisper on transformers: windows of 30 s, many at once, each with its language and with the authors' fallbacks.

Read for this file: transformers 5.23.0 (models/whisper/generation_whisper.py, feature_extraction_whisper.py). Its own
loop over a recording stacks windows of several temperatures, which have several lengths, so the loop stands here and
each call of `generate` is one window of each chunk. It is always told the task: without one it writes junk.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yamabiko.engines import wording
from yamabiko.engines.contract import DetectedLanguage
from yamabiko.speech import SAMPLE_RATE, Segment, TranscribeOptions

if TYPE_CHECKING:
    from yamabiko.engines.contract import Audio

_WINDOW = 3000
"""Frames that the encoder takes, of 10 ms each; a timestamp counts two of them."""
_HOP = SAMPLE_RATE // 100
_SHORTEST = 10
"""Frames: what is left of a chunk and shorter than this is not listened to any more."""


@dataclass(slots=True)
class _Chunk:
    features: Any
    """Log-mel, shape (bands, frames of at least one window)."""
    seconds: float
    frames: int
    """Of sound; the rest of a window is silence."""
    seek: int = 0
    language: str | None = None
    found: list[Segment] = field(default_factory=list)

    @property
    def left(self) -> int:
        return self.frames - self.seek if self.seek == 0 or self.frames - self.seek >= _SHORTEST else 0


@dataclass(slots=True)
class _Heard:
    """One window, decoded at one temperature."""

    segments: list[Any]
    """As `generate` returns them."""
    text: str
    avg_logprob: float
    probabilities: list[float] | None
    """Of each token that was generated; None of a beam search, which scores whole texts."""
    temperature: float

    @property
    def compression_ratio(self) -> float:
        raw = self.text.encode()
        return len(raw) / len(zlib.compress(raw))


class Whisper:
    """A Whisper of any size, Distil-Whisper and kotoba-whisper too."""

    def __init__(self, model: Any, tokenizer: Any, features: Any) -> None:
        import torch

        self._torch, self._model, self._tokenizer, self._features = torch, model, tokenizer, features
        self._settings = settings = model.generation_config
        _complete(settings, model.config, tokenizer)
        self._end, self._timestamps = (
            tokenizer.convert_tokens_to_ids("<|endoftext|>"),
            settings.no_timestamps_token_id + 1,
        )
        self._languages = {name.strip("<|>"): number for name, number in (settings.lang_to_id or {}).items()}
        self._last: list[Any] = []

    @property
    def languages(self) -> tuple[str, ...]:
        """Codes, where the model knows fewer than Whisper's."""
        return () if self._languages else ("en",)

    def detect_language(self, audio: Audio, languages: Sequence[str]) -> DetectedLanguage | None:
        if not self._languages:
            return None
        likely = self._first_token(self._encoded([self._chunk(audio)]))[0]
        numbers = [number for code, number in self._languages.items() if not languages or code in languages]
        if not numbers:
            return None
        among = likely[numbers].softmax(-1)
        best = int(among.argmax())
        code = next(code for code, number in self._languages.items() if number == numbers[best])
        return DetectedLanguage(code, float(among[best]))

    def transcribe(self, batch: Sequence[Audio], options: TranscribeOptions) -> Iterator[tuple[int, Segment]]:
        self._torch.manual_seed(0)  # the fallback temperatures sample at random
        chunks = [self._chunk(audio) for audio in batch]
        first = 0
        while first < len(chunks):
            self._next_window([chunk for chunk in chunks if chunk.left > 0], options)
            while first < len(chunks):
                for segment in chunks[first].found:
                    yield first, segment
                chunks[first].found.clear()
                if chunks[first].left > 0:
                    break
                first += 1

    # ---- one window of each chunk ------------------------------------------------------------------------------

    def _next_window(self, chunks: Sequence[_Chunk], options: TranscribeOptions) -> None:
        """Hear the next window of each chunk: its segments are found, and its `seek` is behind them."""
        if not chunks:
            return
        encoded = self._encoded(chunks)
        likely = self._first_token(encoded)
        silent = likely.softmax(-1)[:, self._timestamps - 2].tolist()
        for chunk, scores in zip(chunks, likely, strict=True):
            if self._languages and not chunk.language:
                codes = list(self._languages)
                heard = codes[int(scores[[self._languages[code] for code in codes]].argmax())]
                chunk.language = options.language or heard
        results: list[_Heard] = [self._nothing()] * len(chunks)
        waiting = list(range(len(chunks)))
        for temperature in options.temperatures or (0.0,):
            told = self._decode([chunks[n] for n in waiting], encoded[waiting], temperature, options)
            for number, heard_now in zip(waiting, told, strict=True):
                results[number] = heard_now
            waiting = [n for n in waiting if _failed(results[n], silent[n], options)]
            if not waiting:
                break
        for chunk, result, silence in zip(chunks, results, silent, strict=True):
            if not _is_silence(result, silence, options):
                chunk.found += self._segments(chunk, result, silence, options)
            chunk.seek += self._heard_frames(chunk, result) if not _is_silence(result, silence, options) else _WINDOW

    def _decode(
        self, chunks: Sequence[_Chunk], encoded: Any, temperature: float, options: TranscribeOptions
    ) -> Iterator[_Heard]:
        from transformers.modeling_outputs import BaseModelOutput

        frames = self._torch.tensor([min(chunk.left, _WINDOW) for chunk in chunks])
        mask = (self._torch.arange(_WINDOW)[None] < frames[:, None]).long().to(encoded.device)
        beams = options.beam_size if temperature == 0 else 1
        told = self._model.generate(
            encoder_outputs=BaseModelOutput(last_hidden_state=encoded),
            attention_mask=mask,
            return_timestamps=True,
            return_token_timestamps=options.word_timestamps or None,
            return_segments=True,
            force_unique_generate_call=True,
            temperature=temperature,
            num_beams=beams,
            logprob_threshold=float("-inf"),  # decided here; without one the scores are not returned
            repetition_penalty=options.repetition_penalty,
            no_repeat_ngram_size=options.no_repeat_ngram_size,
            **({"length_penalty": options.length_penalty} if beams > 1 else {}),
            **({"task": options.task, "language": [chunk.language for chunk in chunks]} if self._languages else {}),
            **self._suppressed(options),
            **self._prompt(options, chunks),
        )
        for segments in told["segments"]:
            yield self._heard(segments, temperature)

    def _heard(self, segments: list[Any], temperature: float) -> _Heard:
        if not segments:
            return self._nothing(temperature)
        result = segments[0]["result"]
        tokens, scores = result["sequences"], result["scores"]
        said = [int(token) for segment in segments for token in segment["tokens"] if int(token) < self._end]
        text = self._tokenizer.decode(said, clean_up_tokenization_spaces=False)
        if "sequences_scores" in result:
            return _Heard(segments, text, float(result["sequences_scores"]), None, temperature)
        begun = segments[0]["idxs"][0]
        logs = []
        for scored, token in zip(scores, tokens[begun:].tolist(), strict=False):
            logs.append(float((scored.float() * (temperature or 1.0)).log_softmax(-1)[token]))
            if token == self._end:
                break
        average = sum(logs) / max(1, len(logs))
        probabilities = [float(self._torch.tensor(log).exp()) for log in logs]
        return _Heard(segments, text, average, probabilities, temperature)

    def _nothing(self, temperature: float = 0.0) -> _Heard:
        return _Heard([], "", 0.0, None, temperature)

    def _heard_frames(self, chunk: _Chunk, result: _Heard) -> int:
        """How far on the next window begins: where the last whole segment ends, if another one was begun behind it."""
        tokens = [int(token) for token in result.segments[-1]["tokens"][-2:]] if result.segments else []
        if len(tokens) == 2 and min(tokens) >= self._timestamps:
            return 2 * (tokens[0] - self._timestamps) or _WINDOW
        return _WINDOW

    def _segments(self, chunk: _Chunk, result: _Heard, silence: float, options: TranscribeOptions) -> Iterator[Segment]:
        offset_s = chunk.seek / 100

        for found in result.segments:
            ends_s = min(offset_s + float(found["end"]), chunk.seconds)

            def at(seconds: Any, latest_s: float = ends_s) -> float:
                return round(min(max(0.0, offset_s + float(seconds)), latest_s), 3)

            pieces = self._pieces(found, result, at)
            text = "".join(piece.text for piece in pieces)
            if not text.strip():
                continue
            yield Segment(
                start_s=at(found["start"]),
                end_s=max(at(found["start"]), at(found["end"])),
                text=text,
                words=tuple(wording.words(pieces)) if options.word_timestamps else (),
                tokens=tuple(int(token) for token in found["tokens"]),
                avg_logprob=result.avg_logprob,
                no_speech_prob=silence,
                compression_ratio=result.compression_ratio,
                temperature=result.temperature,
                seek=chunk.seek,
                language=None if options.language else chunk.language,
            )

    def _pieces(self, found: Any, result: _Heard, at: Any) -> list[wording.Piece]:
        """Tokens of text, those that share a character as one. A token begins where the one before it ends."""
        begun, (first, _) = result.segments[0]["idxs"][0], found["idxs"]
        ends = found["result"].get("token_timestamps")
        said = [(first + place, int(token)) for place, token in enumerate(found["tokens"]) if int(token) < self._end]
        pieces: list[wording.Piece] = []
        gathered: list[int] = []
        for place, (last, token) in enumerate(said):
            gathered.append(token)
            text = self._tokenizer.decode(gathered, clean_up_tokenization_spaces=False)
            if text.endswith("\ufffd") and len(gathered) < 4 and place + 1 < len(said):
                continue  # within a character
            start = last - len(gathered) + 1
            those = (result.probabilities or [])[start - begun : last - begun + 1]
            likely = sum(those) / len(those) if those else None
            times = (0.0, 0.0) if ends is None else (ends[start - 1], ends[last])
            pieces.append(wording.Piece(text, at(times[0]), at(times[1]), likely))
            gathered = []
        return pieces

    # ---- what the model is given -------------------------------------------------------------------------------

    def _chunk(self, audio: Audio) -> _Chunk:
        features = self._features(
            audio, sampling_rate=SAMPLE_RATE, return_tensors="pt", truncation=False, padding="max_length"
        )["input_features"][0]
        return _Chunk(features, len(audio) / SAMPLE_RATE, max(1, -(-len(audio) // _HOP)))

    def _encoded(self, chunks: Sequence[_Chunk]) -> Any:
        """The encoder's answer to the next window of each, the last one remembered: the language asks for it too."""
        windows = self._torch.stack([_window(chunk) for chunk in chunks]).to(self._model.device, self._model.dtype)
        if not self._last or not self._torch.equal(self._last[0], windows):
            with self._torch.no_grad():
                self._last[:] = windows, self._model.get_encoder()(windows).last_hidden_state
        return self._last[1]

    def _first_token(self, encoded: Any) -> Any:
        """How likely each token is to be the first: the languages are among them, and silence. Logits, (chunks, tokens)."""
        begin = self._settings.decoder_start_token_id
        asked = self._torch.full((len(encoded), 1), begin, device=encoded.device)
        with self._torch.no_grad():
            told = self._model(encoder_outputs=(encoded,), decoder_input_ids=asked, use_cache=False)
        return told.logits[:, -1].float().cpu()

    def _suppressed(self, options: TranscribeOptions) -> dict[str, Any]:
        if options.suppress_tokens == (-1,):
            return {}
        usual = list(self._settings.suppress_tokens or ()) if -1 in options.suppress_tokens else []
        wanted = usual + [token for token in options.suppress_tokens if token >= 0]
        return {
            "suppress_tokens": wanted or [self._timestamps - 1]
        }  # which timestamps forbid anyway; None is “as usual”

    def _prompt(self, options: TranscribeOptions, chunks: Sequence[_Chunk]) -> dict[str, Any]:
        if not options.initial_prompt or any(chunk.seek for chunk in chunks):
            return {}
        prompt = self._tokenizer.get_prompt_ids(options.initial_prompt, return_tensors="pt")
        return {"prompt_ids": prompt.to(self._model.device)}


def _window(chunk: _Chunk) -> Any:
    """The next 30 s, behind the sound as the authors pad it, shape (bands, 3000)."""
    if chunk.seek == 0:
        return chunk.features[:, :_WINDOW]
    rest = chunk.features[:, chunk.seek : min(chunk.frames, chunk.seek + _WINDOW)]
    padded = rest.new_zeros(len(rest), _WINDOW)
    padded[:, : rest.shape[1]] = rest
    return padded


def _is_silence(heard: _Heard, silence: float, options: TranscribeOptions) -> bool:
    if options.no_speech_threshold is None or silence <= options.no_speech_threshold:
        return False
    return options.logprob_threshold is None or heard.avg_logprob <= options.logprob_threshold


def _failed(heard: _Heard, silence: float, options: TranscribeOptions) -> bool:
    """Whether the next temperature is to be tried; the authors' rule."""
    limit, least = options.compression_ratio_threshold, options.logprob_threshold
    repeats = limit is not None and heard.compression_ratio > limit
    unlikely = least is not None and heard.avg_logprob < least
    return (repeats or unlikely) and not (unlikely and _is_silence(heard, silence, options))


def _complete(settings: Any, config: Any, tokenizer: Any) -> None:
    """What models that were trained further lack in generation_config.json, read off the tokenizer and the sizes."""
    known = tokenizer.get_vocab()
    if getattr(settings, "no_timestamps_token_id", None) is None:
        settings.no_timestamps_token_id = known["<|notimestamps|>"]
    multilingual = getattr(settings, "is_multilingual", None)
    settings.is_multilingual = config.vocab_size >= 51865 if multilingual is None else multilingual
    if not settings.is_multilingual:
        settings.lang_to_id = None
    elif not getattr(settings, "lang_to_id", None):
        settings.lang_to_id = {name: n for name, n in known.items() if re.fullmatch(r"<\|[a-z]{2,3}\|>", name)}
        settings.task_to_id = {task: known[f"<|{task}|>"] for task in ("transcribe", "translate")}
    if not getattr(settings, "alignment_heads", None):
        layers, heads = config.decoder_layers, config.decoder_attention_heads
        settings.alignment_heads = [[layer, head] for layer in range(layers // 2, layers) for head in range(heads)]
    settings.forced_decoder_ids = None  # of old files: a language and a task that nobody asked for


def read(folder: Path, dtype: Any) -> tuple[Any, Any, Any, Any]:
    """Model, tokenizer, feature extractor, and what is missing in the files. Raises: whatever the library raises."""
    from transformers import AutoFeatureExtractor, AutoTokenizer, WhisperForConditionalGeneration

    model, told = WhisperForConditionalGeneration.from_pretrained(
        folder, dtype=dtype, local_files_only=True, output_loading_info=True
    )
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    return model, tokenizer, AutoFeatureExtractor.from_pretrained(folder, local_files_only=True), told
