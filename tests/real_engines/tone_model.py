"""
A wav2vec2 model that truly hears: five pure tones stand for five characters, so that times are known exactly.

Made in the environment of wav2vec2-aligner, in some seconds: python tone_model.py FOLDER. The weights are trained frame
by frame on tones of random length and loudness; nothing of anybody's is in them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy
from numpy.typing import NDArray

RATE = 16_000
TONES = {"あ": 330.0, "い": 620.0, "a": 1100.0, "b": 1900.0, "c": 3100.0}
VOCABULARY = ("<pad>", "<s>", "</s>", "<unk>", "|", *TONES)


def tone(character: str, seconds: float, loudness: float = 0.3) -> NDArray[numpy.float32]:
    """Silence for a character without a tone."""
    moments = numpy.arange(round(seconds * RATE)) / RATE
    wave = loudness * numpy.sin(2 * numpy.pi * TONES.get(character, 0.0) * moments)
    return wave.astype(numpy.float32)


def _example(
    random: numpy.random.Generator, seconds: float, longest_silence_s: float = 0.4
) -> tuple[NDArray[numpy.float32], NDArray[numpy.int64]]:
    """Sound, and which token is heard at each sample."""
    parts, labels = [], []
    while sum(map(len, parts)) < seconds * RATE:
        for character in (str(random.choice(list(TONES))), ""):
            longest_s = 0.4 if character else longest_silence_s
            part = tone(character, float(random.uniform(0.06, longest_s)), float(random.uniform(0.1, 0.6)))
            parts.append(part)
            labels.append(numpy.full(len(part), VOCABULARY.index(character) if character else 0))
    sound = numpy.concatenate(parts)[: round(seconds * RATE)]
    sound = sound + random.normal(0, 0.003, len(sound)).astype(numpy.float32)
    return sound, numpy.concatenate(labels)[: len(sound)]


def main(folder: Path) -> None:
    sys.path.append(str(Path(__file__).parent))
    from trained_ctc import train

    train(
        folder, VOCABULARY, lambda random: _example(random, 1.5), enough=0.12, steps=400, hidden_size=32,
        num_hidden_layers=1, num_attention_heads=2, intermediate_size=64, num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
    )  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]))
