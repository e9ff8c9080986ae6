"""
A .nemo model that truly hears: the tones of tone_model.py, written in every frame of 80 ms in which they sound.

Runs in parakeet's environment, on one thread, in a minute: python nemo_tones.py FOLDER. It writes FOLDER/tones.nemo, a
hybrid: its transducer (TDT, always one frame on) and its CTC head are trained frame by frame, on what NeMo hears itself.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy

FRAME_SAMPLES = 1280
SECONDS = 2.0
ENOUGH, STEPS = 0.08, 400


def main(folder: Path) -> None:
    sys.path.append(str(Path(__file__).parent))
    os.environ["HF_HUB_OFFLINE"] = "1"
    import nemo_models
    import torch
    from nemo.collections.asr import models
    from omegaconf import OmegaConf
    from tone_model import TONES

    torch.set_num_threads(1)
    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    nemo_models.tokenizer(folder / "tokenizer", ["".join(TONES), "".join(reversed(TONES))], 2 + len(TONES))
    shape = nemo_models.TINY
    parts = {**nemo_models.transducer(nemo_models.DURATIONS, shape), "aux_ctc": nemo_models.auxiliary()}
    model = models.EncDecHybridRNNTCTCBPEModel(
        cfg=OmegaConf.create({**nemo_models.encoder(folder / "tokenizer", shape), **parts})
    )
    _train(model, [model.tokenizer.tokenizer.piece_to_id(character) for character in TONES])
    model.eval()
    model.save_to(str(folder / "tones.nemo"))


def _train(model: Any, tokens: list[int]) -> None:
    """`tokens`: of each tone, in their order."""
    import torch
    from tone_model import VOCABULARY, _example

    blank = model.tokenizer.vocab_size
    of = numpy.array([blank] * (len(VOCABULARY) - len(tokens)) + tokens)
    random = numpy.random.default_rng(0)
    walk = torch.optim.Adam(model.parameters(), lr=3e-3)
    pace = torch.optim.lr_scheduler.OneCycleLR(walk, 3e-3, total_steps=STEPS)
    model.train()
    for _ in range(STEPS):
        sounds, labels = zip(*(_example(random, SECONDS) for _ in range(6)), strict=True)
        lengths = torch.tensor([len(sound) for sound in sounds])
        heard, counts = model.preprocessor(input_signal=torch.tensor(numpy.stack(sounds)), length=lengths)
        encoded, _ = model.encoder(audio_signal=heard, length=counts)
        middles = numpy.arange(encoded.shape[2]) * FRAME_SAMPLES + FRAME_SAMPLES // 2
        places = numpy.minimum(middles, len(labels[0]) - 1)
        wanted = torch.tensor(numpy.stack([of[label[places]] for label in labels]))
        before = torch.tensor(random.choice(tokens, (len(sounds), 3)))
        remembered, _ = model.decoder.predict(before, state=None, add_sos=True)
        scores = model.joint.joint(encoded.transpose(1, 2), remembered)  # (examples, frames, tokens before, scores)
        along = wanted[:, :, None].expand(scores.shape[:3])
        loss = _loss(scores[..., : blank + 1], along) + _loss(scores[..., blank + 1 :], torch.ones_like(along))
        loss = loss + _loss(model.ctc_decoder(encoder_output=encoded), wanted)
        walk.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        walk.step()
        pace.step()
        if loss.item() < ENOUGH:
            break
    print("loss", loss.item())


def _loss(scores: Any, wanted: Any) -> Any:
    import torch

    return torch.nn.functional.cross_entropy(scores.flatten(0, -2), wanted.flatten())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
