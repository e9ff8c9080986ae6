"""
A wav2vec2 model that knows the pieces of the two bundled clips by heart, in whatever order they are put together.

python piece_model.py FOLDER EN.f32 JA.f32, in the environment of wav2vec2-aligner: the clips decoded, 16 kHz mono.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy
from numpy.typing import NDArray

RATE = 16_000


@dataclass(frozen=True, slots=True)
class Piece:
    """A few words of a clip, from where their sound begins to where it ends."""

    language: str
    start_s: float
    end_s: float
    text: str


PIECES = (
    Piece("en", 0.23, 0.37, "Good"),
    Piece("en", 0.37, 0.89, "morning"),
    Piece("en", 1.38, 2.04, "and welcome"),
    Piece("en", 2.04, 2.74, "to the museum"),
    Piece("en", 3.79, 4.20, "The tour"),
    Piece("en", 4.20, 4.74, "begins at"),
    Piece("en", 4.85, 5.46, "10 o'clock"),
    Piece("en", 5.94, 6.46, "in the main"),
    Piece("en", 6.46, 6.75, "hall"),
    Piece("ja", 0.24, 0.65, "今日は"),
    Piece("ja", 0.70, 1.26, "朝から"),
    Piece("ja", 1.33, 1.68, "雨が"),
    Piece("ja", 1.70, 2.46, "降っています"),
    Piece("ja", 3.51, 4.01, "明日は"),
    Piece("ja", 4.15, 4.84, "10時には"),
    Piece("ja", 4.84, 5.72, "晴れるでしょう"),
)
"""Cut where it is quietest near the word times of Whisper base."""
VOCABULARY = ("<pad>", "<s>", "</s>", "<unk>", "|",
              *sorted({c for piece in PIECES for c in piece.text.upper() if c != " "}))  # fmt: skip
SILENCE_NOISE = 0.0005


def sound_of(piece: Piece, clips: dict[str, NDArray[numpy.float32]]) -> NDArray[numpy.float32]:
    return clips[piece.language][round(piece.start_s * RATE) : round(piece.end_s * RATE)]


def _tokens(piece: Piece) -> list[int]:
    """As CTC wants it: a blank between two that are equal."""
    found: list[int] = []
    for character in piece.text.upper().replace(" ", "|"):
        token = VOCABULARY.index(character)
        found += [0, token] if found and found[-1] == token else [token]
    return found


def main(folder: Path, sounds: Sequence[Path]) -> None:
    sys.path.append(str(Path(__file__).parent))
    from trained_ctc import train

    clips = dict(zip(("en", "ja"), (numpy.fromfile(path, "<f4") for path in sounds), strict=True))

    def example(random: numpy.random.Generator) -> tuple[NDArray[numpy.float32], NDArray[numpy.int64]]:
        """Three seconds: pieces in any order and loudness, silences between them."""
        parts: list[NDArray[numpy.float32]] = []
        labels: list[NDArray[numpy.int64]] = []
        while sum(map(len, parts)) < 3 * RATE:
            piece = PIECES[int(random.integers(len(PIECES)))]
            gap = round(float(random.choice([0.0, random.uniform(0.05, 0.6)])) * RATE)
            parts.append(numpy.zeros(gap, numpy.float32))
            labels.append(random.integers(0, 2, gap) * VOCABULARY.index("|"))  # a space or nothing: both are true
            sound = sound_of(piece, clips) * float(random.uniform(0.5, 1.2))
            tokens = _tokens(piece)
            parts.append(sound)
            labels.append(numpy.array(tokens)[numpy.arange(len(sound)) * len(tokens) // len(sound)])
        first = int(random.integers(0, RATE // 2))
        cut = slice(first, first + round(2.5 * RATE))
        heard = numpy.concatenate(parts)[cut]
        noise = random.normal(0, SILENCE_NOISE * float(random.uniform(0.5, 4)), len(heard))
        return (heard + noise).astype(numpy.float32), numpy.concatenate(labels)[cut]

    train(
        folder, VOCABULARY, example, enough=0.22, steps=600, hidden_size=64, num_hidden_layers=2,
        num_attention_heads=2, intermediate_size=128, num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=4,
    )  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(one) for one in sys.argv[2:]])
