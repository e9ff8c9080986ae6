"""
A wav2vec2 model that truly hears: five pure tones stand for five characters, so that times are known exactly.

Made in the environment of wav2vec2-aligner, in some seconds: python tone_model.py FOLDER. The weights are trained frame
by frame on tones of random length and loudness; nothing of anybody's is in them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy
from numpy.typing import NDArray

RATE, FRAME = 16_000, 320
TONES = {"あ": 330.0, "い": 620.0, "a": 1100.0, "b": 1900.0, "c": 3100.0}
VOCABULARY = ("<pad>", "<s>", "</s>", "<unk>", "|", *TONES)


def tone(character: str, seconds: float, loudness: float = 0.3) -> NDArray[numpy.float32]:
    """Silence for a character without a tone."""
    moments = numpy.arange(round(seconds * RATE)) / RATE
    wave = loudness * numpy.sin(2 * numpy.pi * TONES.get(character, 0.0) * moments)
    return wave.astype(numpy.float32)


def _example(random: numpy.random.Generator, seconds: float) -> tuple[NDArray[numpy.float32], NDArray[numpy.int64]]:
    """Sound, and which token is heard at the middle of each frame."""
    parts, labels = [], []
    while sum(map(len, parts)) < seconds * RATE:
        for character in (str(random.choice(list(TONES))), ""):
            part = tone(character, float(random.uniform(0.06, 0.4)), float(random.uniform(0.1, 0.6)))
            parts.append(part)
            labels.append(numpy.full(len(part), VOCABULARY.index(character) if character else 0))
    sound = numpy.concatenate(parts)[: round(seconds * RATE)]
    sound = sound + random.normal(0, 0.003, len(sound)).astype(numpy.float32)
    middles = numpy.arange((len(sound) - 400) // FRAME + 1) * FRAME + 200
    return sound, numpy.concatenate(labels)[middles]


def main(folder: Path) -> None:
    import torch
    import transformers

    torch.manual_seed(0)
    torch.set_num_threads(1)
    random = numpy.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({t: n for n, t in enumerate(VOCABULARY)}), "utf-8")
    model = transformers.Wav2Vec2ForCTC(
        transformers.Wav2Vec2Config(
            vocab_size=len(VOCABULARY), hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
            intermediate_size=64, conv_dim=(32,) * 7, feat_extract_norm="layer", do_stable_layer_norm=True,
            num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2, pad_token_id=0, layerdrop=0.0,
            hidden_dropout=0.0, attention_dropout=0.0, feat_proj_dropout=0.0, final_dropout=0.0, activation_dropout=0.0,
            apply_spec_augment=False,
        )
    )  # fmt: skip
    prepare = transformers.Wav2Vec2FeatureExtractor(return_attention_mask=False)
    steps = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(400):
        sounds, labels = zip(*(_example(random, 1.5) for _ in range(6)), strict=True)
        given = prepare(list(sounds), sampling_rate=RATE, return_tensors="pt").input_values
        heard = model(given).logits
        loss = torch.nn.functional.cross_entropy(heard.flatten(0, 1), torch.tensor(numpy.concatenate(labels)))
        steps.zero_grad()
        loss.backward()
        steps.step()
        if loss.item() < 0.12:
            break
    print("loss", loss.item())
    model.save_pretrained(folder)
    prepare.save_pretrained(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
