"""
The aligner's Japanese model in its true shape, with weights made up at random: python wav2vec2_true_shape.py FOLDER

Runs in an environment with transformers. Shape: wav2vec2-large-xlsr-53 (24 layers, 1024 wide), as its makers' config.json
has it, and as many characters as jonatasgrosman/wav2vec2-large-xlsr-53-japanese writes.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tiny_ctc import numbered, save

CHARACTERS = 2340


def main(folder: Path) -> None:
    from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

    alphabet = "".join(chr(0x3041 + number) for number in range(86))
    alphabet += "".join(chr(0x4E00 + number) for number in range(CHARACTERS - len(alphabet)))
    vocabulary = numbered(alphabet)
    shape = Wav2Vec2Config(
        vocab_size=len(vocabulary), hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096,
        conv_bias=True, feat_extract_norm="layer", do_stable_layer_norm=True, pad_token_id=0,
    )  # fmt: skip
    save(Wav2Vec2ForCTC(shape), folder, vocabulary, None)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
