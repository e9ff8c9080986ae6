"""
How much speech is found, how much is lost, and what noise is taken for speech.

    PYTHONPATH=src PYTHON scripts/measure_speech_finding.py RECORDINGS MODEL [--threshold 0.35] [--pad 400] ...

PYTHON has av, numpy and onnxruntime; RECORDINGS holds folders with a manifest.jsonl each; MODEL is
silero_vad_v6.onnx. Prints one line a set:

speech   share of the time inside spans
lost     seconds outside spans as loud as speech: less than 25 dB below the loudest twentieth (0.1 s frames).
         Where the time of speech is known (RTTM, *.segments.json) only what lies inside it. Breath, applause
         and music between sentences count too, so 0 is not the aim.
missed   share of the RTTM's speech outside spans
false    spans in recordings in which nothing is said (text "") and in generated noise
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy

from yamabiko.audio import samples
from yamabiko.audio.speech_spans import SpeechOptions, spans
from yamabiko.engines.adapters import silero_vad
from yamabiko.speech import SAMPLE_RATE, Span

WINDOW = silero_vad.WINDOW_SAMPLES
BLOCK = 256 * WINDOW
FRAME = SAMPLE_RATE // 10
LEVELS_DB = (-80, -60, -40, -20, 0, 40, 90)


@dataclass
class Tally:
    recordings: int = 0
    seconds: float = 0.0
    speech_s: float = 0.0
    lost_s: float = 0.0
    said_s: float = 0.0
    missed_s: float = 0.0
    false: int = 0


def decode(source: Path, target: Path) -> None:
    with av.open(str(source)) as container, target.open("wb") as out:
        resampler = av.AudioResampler("fltp", "mono", SAMPLE_RATE)
        frames: Iterator[Any] = iter([*container.decode(audio=0), None])
        for frame in frames:
            for part in resampler.resample(frame):
                part.to_ndarray()[0].astype("<f4").tofile(out)


def mask(stretches: list[Span], total: int) -> Any:
    inside = numpy.zeros(total, bool)
    for span in stretches:
        inside[span.start_sample : span.end_sample] = True
    return inside


def known_speech(source: Path, row: dict[str, Any]) -> tuple[list[Span] | None, bool]:
    """Where somebody speaks, if anybody wrote it down; and whether silence inside was left out."""
    segments = source.with_name(source.stem + ".segments.json")
    if segments.exists():
        times = [(item["start"], item["end"]) for item in json.loads(segments.read_text("utf-8"))]
        return [Span(int(a * SAMPLE_RATE), int(b * SAMPLE_RATE)) for a, b in times], False
    if row.get("rttm"):
        fields = [line.split() for line in (source.parent / row["rttm"]).read_text("utf-8").splitlines()]
        starts = [(float(f[3]), float(f[3]) + float(f[4])) for f in fields if f]
        return [Span(int(a * SAMPLE_RATE), int(b * SAMPLE_RATE)) for a, b in starts], True
    return None, False


def loud_frames(audio: Any) -> Any:
    frames = audio[: audio.size // FRAME * FRAME].reshape(-1, FRAME)
    level = 10 * numpy.log10(numpy.square(frames - audio.mean()).mean(axis=1) + 1e-18)
    return level > numpy.sort(level)[-max(1, level.size // 20)] - 25


def listen(finder: silero_vad.SileroVad, path: Path, options: SpeechOptions) -> tuple[Span, ...]:
    found = list(finder.probabilities(samples.levelled_blocks(path, BLOCK)))
    likely = numpy.concatenate(found) if found else numpy.zeros(0, numpy.float32)
    return spans(likely, WINDOW, samples.count(path), options)


def measure(finder: silero_vad.SileroVad, folder: Path, options: SpeechOptions, decoded: Path) -> dict[str, Tally]:
    tallies: dict[str, Tally] = {}
    for line in (folder / "manifest.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        if folder.name == "nasty" and row["text"] is None:
            continue
        source = folder / row["audio"]
        decode(source, decoded)
        found = listen(finder, decoded, options)
        silent = row["text"] == ""
        tally = tallies.setdefault(f"{folder.name}{' (nothing said)' if silent else ''}", Tally())
        tally.recordings += 1
        tally.seconds += samples.count(decoded) / SAMPLE_RATE
        tally.speech_s += sum(span.duration_s for span in found)
        if silent:
            tally.false += len(found)
            continue
        audio = samples.read(decoded, Span(0, samples.count(decoded)))
        outside = ~mask(list(found), audio.size)
        said, exact = known_speech(source, row)
        if said is not None:
            inside = mask(said, audio.size)
            outside &= inside
            if exact:
                tally.said_s += inside.sum() / SAMPLE_RATE
                tally.missed_s += outside.sum() / SAMPLE_RATE
        whole = outside[: audio.size // FRAME * FRAME].reshape(-1, FRAME).all(axis=1)
        tally.lost_s += float((whole & loud_frames(audio)).sum()) * FRAME / SAMPLE_RATE
    return tallies


def show(name: str, tally: Tally) -> None:
    missed = f"{100 * tally.missed_s / tally.said_s:.1f} %" if tally.said_s else "-"
    print(
        f"{name:24} {tally.recordings:4} recordings {tally.seconds:8.1f} s  speech"
        f" {100 * tally.speech_s / max(tally.seconds, 0.001):5.1f} %  lost {tally.lost_s:5.1f} s  missed {missed:>6}"
        f"  false {tally.false}"
    )


def generated(seed: int, seconds: int = 120) -> Iterator[tuple[str, Any]]:
    random, n = numpy.random.default_rng(seed), seconds * SAMPLE_RATE
    t, hertz = numpy.arange(n) / SAMPLE_RATE, numpy.maximum(numpy.fft.rfftfreq(n, 1 / SAMPLE_RATE), 1)
    spectrum = numpy.fft.rfft(random.standard_normal(n))
    voice_like = numpy.fft.irfft(spectrum / (1 + (hertz / 500) ** 2), n)
    yield "white", numpy.fft.irfft(spectrum, n)
    yield "pink", numpy.fft.irfft(spectrum / numpy.sqrt(hertz), n)
    yield "brown", numpy.fft.irfft(spectrum / hertz, n)
    yield "speech spectrum", voice_like
    yield "speech rhythm", voice_like * (1 + numpy.sin(2 * numpy.pi * 4 * t))
    yield "mains hum", sum(numpy.sin(2 * numpy.pi * 50 * k * t) / k for k in range(1, 12))
    yield "siren", numpy.sin(2 * numpy.pi * (300 + 200 * numpy.sin(2 * numpy.pi * 0.7 * t)) * t)
    chords = numpy.zeros(n)
    for start in range(0, n, SAMPLE_RATE // 2):
        at = t[: SAMPLE_RATE // 2]
        root = 220 * 2 ** (random.integers(0, 12) / 12)
        for note in (1, 1.26, 1.5, 2):
            for k in range(1, 6):
                chords[start : start + at.size] += (
                    numpy.sin(2 * numpy.pi * root * note * k * at) / k * numpy.exp(-3 * at)
                )
    yield "chords", chords


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--threshold", type=float, default=SpeechOptions().threshold)
    parser.add_argument("--min_speech_duration_ms", type=int, default=SpeechOptions().min_speech_duration_ms)
    parser.add_argument("--min_silence_duration_ms", type=int, default=SpeechOptions().min_silence_duration_ms)
    parser.add_argument("--speech_pad_ms", type=int, default=SpeechOptions().speech_pad_ms)
    parser.add_argument("--sets", nargs="*", help="folders to take; default: all but long")
    asked = vars(parser.parse_args())
    root, model, sets = asked.pop("recordings"), asked.pop("model"), asked.pop("sets")
    options = SpeechOptions(**asked)
    print(options)
    finder = silero_vad.create()
    finder.load(model, silero_vad.CARD.placements[0], 0)
    with tempfile.TemporaryDirectory() as scratch:
        decoded = Path(scratch) / "decoded.f32"
        for manifest in sorted(root.glob("*/manifest.jsonl")):
            if manifest.parent.name in sets if sets else manifest.parent.name != "long":
                for name, tally in measure(finder, manifest.parent, options, decoded).items():
                    show(name, tally)
        noises(finder, options, decoded)
        if (quiet := root / "en" / "jfk.flac").exists():
            levels(finder, options, quiet, decoded)
        two_hours(finder, options, decoded)


def noises(finder: silero_vad.SileroVad, options: SpeechOptions, decoded: Path) -> None:
    tallies: dict[str, Tally] = {}
    for seed in range(3):
        for name, noise in generated(seed):
            (0.1 * noise / numpy.abs(noise).max()).astype("<f4").tofile(decoded)
            found = listen(finder, decoded, options)
            tally = tallies.setdefault(f"generated {name}", Tally())
            tally.recordings += 1
            tally.seconds += noise.size / SAMPLE_RATE
            tally.speech_s += sum(span.duration_s for span in found)
            tally.false += len(found)
    for name, tally in tallies.items():
        show(name, tally)


def levels(finder: silero_vad.SileroVad, options: SpeechOptions, source: Path, decoded: Path) -> None:
    """The same speech quieter and louder: what the model finds by itself, and what it finds of levelled samples."""
    decode(source, decoded)
    audio = samples.read(decoded, Span(0, samples.count(decoded)))
    for decibels in LEVELS_DB:
        (audio * 10 ** (decibels / 20)).astype("<f4").tofile(decoded)
        bare = numpy.concatenate(list(finder.probabilities(samples.blocks(decoded, BLOCK))))
        levelled = numpy.concatenate(list(finder.probabilities(samples.levelled_blocks(decoded, BLOCK))))
        shares = [f"{100 * (found >= options.threshold).mean():5.1f} %" for found in (bare, levelled)]
        print(f"{source.name} at {decibels:+4d} dB: windows of speech, bare {shares[0]}, levelled {shares[1]}")


def two_hours(finder: silero_vad.SileroVad, options: SpeechOptions, decoded: Path) -> None:
    noise = (0.01 * numpy.random.default_rng(1).standard_normal(60 * SAMPLE_RATE)).astype("<f4")
    with decoded.open("wb") as out:
        for _ in range(120):
            noise.tofile(out)
    begun = time.perf_counter()
    listen(finder, decoded, options)
    print(f"two hours of audio: {time.perf_counter() - begun:.1f} s, one thread, levelling and spans included")


if __name__ == "__main__":
    main()
