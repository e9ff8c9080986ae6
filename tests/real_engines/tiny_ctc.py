"""
Tiny random CTC models in the file format of transformers: run by an interpreter that has it.

python tiny_ctc.py FOLDER: FOLDER/wav2vec2 writes Japanese characters, FOLDER/mms has an adapter for Japanese and one
for English, FOLDER/headless is one that was never trained to write.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

JAPANESE, ENGLISH = "今日は天気がいい", "abcdefghijklmnopqrstuvwxyz"


def build(python: Path, folder: Path) -> Path:
    subprocess.run([python, "-I", __file__, folder], check=True, capture_output=True)
    return folder


def numbered(alphabet: str) -> dict[str, int]:
    special = ["<pad>", "<s>", "</s>", "<unk>", "|"]
    return {token: number for number, token in enumerate([*special, *sorted(set(alphabet))])}


def _model(letters: int, adapters: bool) -> Any:
    from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

    return Wav2Vec2ForCTC(
        Wav2Vec2Config(
            vocab_size=letters, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
            conv_dim=(16,) * 7, feat_extract_norm="layer", do_stable_layer_norm=True, num_conv_pos_embeddings=16,
            num_conv_pos_embedding_groups=2, pad_token_id=0, adapter_attn_dim=8 if adapters else None,
        )
    )  # fmt: skip


def save(model: Any, folder: Path, vocabulary: dict[str, Any], language: str | None) -> None:
    from transformers import Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), "utf-8")
    told = {"target_lang": language} if language else {}
    Wav2Vec2CTCTokenizer(str(folder / "vocab.json"), **told).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(return_attention_mask=True).save_pretrained(folder)
    model.save_pretrained(folder)


def _mms(folder: Path) -> None:
    import torch
    from safetensors.torch import save_file

    vocabulary = {"jpn": numbered(JAPANESE), "eng": numbered(ENGLISH)}
    model = _model(len(vocabulary["jpn"]), adapters=True)
    folder.mkdir(parents=True, exist_ok=True)
    for language, letters in reversed(vocabulary.items()):
        model.lm_head = torch.nn.Linear(32, len(letters))
        model.config.vocab_size = len(letters)
        weights = {name: value.contiguous() for name, value in model._get_adapters().items()}
        save_file(weights, folder / f"adapter.{language}.safetensors")
    save(model, folder, vocabulary, "jpn")


def main(folder: Path) -> None:
    import torch
    from transformers import Wav2Vec2Model

    torch.manual_seed(0)
    save(_model(len(numbered(JAPANESE)), adapters=False), folder / "wav2vec2", numbered(JAPANESE), None)
    _mms(folder / "mms")
    headless = _model(len(numbered(JAPANESE)), adapters=False)
    save(headless, folder / "headless", numbered(JAPANESE), None)
    bare = Wav2Vec2Model(headless.config)
    bare.save_pretrained(folder / "headless")
    config = folder / "headless/config.json"
    said = json.loads(config.read_text("utf-8")) | {"architectures": ["Wav2Vec2ForCTC"]}
    config.write_text(json.dumps(said), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
