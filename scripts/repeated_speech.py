"""
Recordings for the guard: a short clip said over and over, as a person does it; and sounds over which decoders loop.

Made of DATA and of fixed seeds, so they are the same everywhere. Used by score_guard.py: sets `repeated` and `loops`.
"""

from __future__ import annotations

import json
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy
from numpy.typing import NDArray

RATE = 16_000
Sound = NDArray[Any]

CLIPS = (
    "en/LJ002-0020.wav", "en/whatstheweatherlike.wav", "en/ps_cards_003.wav", "en/spk2_snt2.wav",
    "ja/leopard_ja.wav", "ja_tts/RECITATION324_020_jf_tebukuro.flac", "ja_tts/RECITATION324_027_jm_kumo.flac",
)  # fmt: skip
TIMES = (6, 10, 20, 30)
GAPS_S = (0.1, 0.3, 0.6)
LOOPING_S = 30


@dataclass(frozen=True, slots=True)
class Made:
    audio: Path
    text: str
    """What is said in it; empty where nobody knows."""
    language: str | None
    times: int = 0


def repeated(data: Path, folder: Path) -> list[Made]:
    """
    Each clip 6, 10, 20 and 30 times with 0.1, 0.3 or 0.6 s between, and 20 times with every copy 8 % slower to 8 %
    faster, from 0.6 to 1.2 times as loud and with 0.1 to 0.5 s between: nobody says it twice alike.
    """
    made = []
    for number, clip in enumerate(CLIPS):
        entry = _entry(data, clip)
        sound, random = _trimmed(_read(data / clip)), numpy.random.default_rng(number)
        for place, times in enumerate(TIMES):
            gap_s = GAPS_S[(number + place) % len(GAPS_S)]
            parts = [part for _ in range(times) for part in (sound, _room(random, gap_s))]
            made.append(_made(folder, f"{Path(clip).stem}-{times}-{gap_s}", parts, entry, times))
        parts = []
        for _ in range(20):
            parts += [_faster(sound, random.uniform(0.92, 1.08)) * random.uniform(0.6, 1.2)]
            parts += [_room(random, random.uniform(0.1, 0.5))]
        made.append(_made(folder, f"{Path(clip).stem}-20-varied", parts, entry, 20))
    return made


def looping(data: Path, folder: Path) -> list[Made]:
    """30 s each of noise, music, song, voices at once, speech backwards, in noise, too fast, cut off, in another language."""
    return [Made(_write(folder / f"{name}.wav", sound), "", language) for name, language, sound in _looping(data)]


def _looping(data: Path) -> Iterator[tuple[str, str | None, Sound]]:
    random = numpy.random.default_rng(7)
    length = LOOPING_S * RATE
    yield "white_noise", None, random.normal(0, 0.05, length)
    yield "arpeggio", None, _level(numpy.concatenate([_note(pitch, 0.25) for pitch in random.choice(SCALE, 120)]))
    yield "song", None, _level(_song(random.choice(SCALE, 36) / 2))
    english = numpy.concatenate([_read(data / f"en/{name}") for name in ENGLISH])[:length]
    japanese = numpy.concatenate([_trimmed(_read(data / f"ja/common_voice_ja_{name}_16k.wav")) for name in JAPANESE])
    japanese, cities = japanese[:length], _read(data / "en/two_cities.wav")[:length]
    voices = [numpy.resize(sound, 28 * RATE) / numpy.abs(sound).max() for sound in (cities, english, japanese)]
    yield "babble", None, _level(sum(voices) + numpy.roll(voices[0], 5 * RATE)[::-1] + numpy.roll(voices[1], 9 * RATE))
    for language, sound in (("en", english), ("ja", japanese)):
        yield f"backwards_{language}", language, _level(sound[::-1])
        for below_db in (0, 5, 10):
            noise = random.normal(0, 1, len(sound)) * 10 ** (below_db / 20)
            yield f"noisy_{language}_{below_db}", language, _level(sound / numpy.sqrt(numpy.mean(sound**2)) + noise)
    yield "too_fast_en", "en", _faster(_read(data / "en/two_cities.wav"), 2.2)
    yield "cut_off_en", "en", cities
    yield "english_as_ja", "ja", english
    yield "japanese_as_en", "en", japanese
    chinese = _read(data / "multi/zhcn_continuous_mode_sample.wav")
    yield "chinese_as_ja", "ja", chinese
    yield "chinese_as_en", "en", chinese


ENGLISH = (
    "jfk.flac",
    "2412-153948-0000.flac",
    "leopard_en_mr_quilter.wav",
    "ps_sense_and_sensibility_01_austen_64kb-0870.wav",
)
JAPANESE = ("38833628", "38852485", "38864552", "38898180")
SCALE = (261.6, 329.6, 392.0, 523.3, 440.0, 349.2, 293.7, 246.9)
FORMANTS = (
    ((800, 90, 1.0), (1200, 110, 0.5), (2600, 160, 0.2)),
    ((300, 60, 1.0), (2200, 120, 0.4), (3000, 160, 0.25)),
    ((480, 70, 1.0), (850, 90, 0.4), (2500, 150, 0.1)),
)
"""Hertz, width and strength of those of a, i and o."""


def _note(pitch: float, seconds: float) -> Sound:
    at = numpy.arange(int(seconds * RATE)) / RATE
    return sum(numpy.sin(2 * numpy.pi * pitch * n * at) / n for n in range(1, 6)) * numpy.exp(-4 * at)


def _song(pitches: Sound) -> Sound:
    """A vowel of 0.8 s on each pitch, with vibrato."""
    at = numpy.arange(int(0.8 * RATE)) / RATE
    parts = []
    for number, pitch in enumerate(pitches):
        phase = 2 * numpy.pi * numpy.cumsum(pitch * (1 + 0.01 * numpy.sin(2 * numpy.pi * 5.5 * at))) / RATE
        formants = FORMANTS[number % len(FORMANTS)]
        tones = range(1, min(40, int(7000 / pitch) + 1))
        strengths = [sum(s / (1 + ((pitch * n - f) / width) ** 2) for f, width, s in formants) for n in tones]
        tone = sum(strength * numpy.sin(n * phase) for n, strength in zip(tones, strengths, strict=True))
        parts.append(tone * numpy.hanning(len(at)) ** 0.3)
    return numpy.concatenate(parts)


def _level(sound: Sound) -> Sound:
    return sound / numpy.abs(sound).max() * 0.4


def _room(random: numpy.random.Generator, seconds: float) -> Sound:
    return random.normal(0, 1e-4, int(seconds * RATE))


def _faster(sound: Sound, times: float) -> Sound:
    return numpy.interp(numpy.arange(0, len(sound) - 1, times), numpy.arange(len(sound)), sound)


def _trimmed(sound: Sound) -> Sound:
    """Without the silence around it: 30 dB below its loudest hundredth of a second."""
    step = RATE // 100
    frames = sound[: len(sound) // step * step].reshape(-1, step)
    loud = numpy.sqrt(numpy.mean(frames**2, axis=1))
    heard = numpy.flatnonzero(loud > 0.03 * loud.max())
    return sound[max(heard[0] - 2, 0) * step : (heard[-1] + 6) * step]


def _entry(data: Path, clip: str) -> dict[str, Any]:
    folder, name = clip.split("/")
    lines = (data / folder / "manifest.jsonl").read_text("utf-8").splitlines()
    return next(entry for entry in map(json.loads, lines) if entry["audio"] == name)


def _made(folder: Path, name: str, parts: list[Sound], entry: dict[str, Any], times: int) -> Made:
    space = "" if entry["language"] == "ja" else " "
    text = space.join([entry["text"]] * times)
    return Made(_write(folder / f"{name}.wav", numpy.concatenate(parts)), text, entry["language"], times)


def _read(path: Path) -> Sound:
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("flt", "mono", RATE)
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
        return numpy.concatenate([frame.to_ndarray()[0] for frame in (*frames, *resampler.resample(None))]).astype(
            float
        )


def _write(path: Path, sound: Sound) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((numpy.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
    return path
