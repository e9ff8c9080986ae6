"""
A .nemo model that truly hears: the tones of tone_model.py, written in every frame of 80 ms in which they sound.

Runs in parakeet's environment, on one thread, in a minute: python nemo_tones.py FOLDER. It writes FOLDER/tones.nemo, a
hybrid: its transducer (TDT, always one frame on) and its CTC head are trained frame by frame, on what NeMo hears itself,
until both hear examples rightly that they were not trained on. A fixed number of steps would not do: on another kind of
processor the same steps lead elsewhere.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy

FRAME_SAMPLES = 1280
SECONDS = 2.0
STEPS, ROUNDS = 400, 6
LONGEST_SILENCE_S = 1.0


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

    random = numpy.random.default_rng(0)
    for done in range(ROUNDS):
        walk = torch.optim.Adam(model.parameters(), lr=3e-3)
        pace = torch.optim.lr_scheduler.OneCycleLR(walk, 3e-3, total_steps=STEPS)
        for _ in range(STEPS):
            loss = _loss_of(model.train(), _examples(random, 6, tokens, model.tokenizer.vocab_size), random, tokens)
            walk.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            walk.step()
            pace.step()
        wrong = _wrong(model.eval(), _examples(numpy.random.default_rng(1), 100, tokens, model.tokenizer.vocab_size))
        print("round", done, "loss", loss.item(), "wrong frames", wrong, flush=True)
        if not any(wrong):
            return
    raise SystemExit(f"after {ROUNDS * STEPS} steps it still hears wrongly")


def _examples(random: numpy.random.Generator, count: int, tokens: list[int], blank: int) -> tuple[Any, Any]:
    """Sounds (examples, samples) and which token is heard at each sample."""
    from tone_model import VOCABULARY, _example

    of = numpy.array([blank] * (len(VOCABULARY) - len(tokens)) + tokens)
    sounds, labels = zip(*(_example(random, SECONDS, LONGEST_SILENCE_S) for _ in range(count)), strict=True)
    return numpy.stack(sounds), of[numpy.stack(labels)]


def _heard(model: Any, sounds: Any) -> Any:
    """What the encoder makes of it: (examples, numbers, frames)."""
    import torch

    lengths = torch.full((len(sounds),), sounds.shape[1])
    heard, counts = model.preprocessor(input_signal=torch.tensor(sounds), length=lengths)
    return model.encoder(audio_signal=heard, length=counts)[0]


def _at_frames(labels: Any, frames: int, offset: int = FRAME_SAMPLES // 2) -> Any:
    import torch

    places = numpy.clip(numpy.arange(frames) * FRAME_SAMPLES + offset, 0, labels.shape[1] - 1)
    return torch.tensor(labels[:, places])


def _scores(model: Any, encoded: Any, before: Any) -> Any:
    """Of the transducer: (examples, frames, tokens before, scores)."""
    remembered, _ = model.decoder.predict(before, state=None, add_sos=True)
    return model.joint.joint(encoded.transpose(1, 2), remembered)


def _loss_of(model: Any, examples: tuple[Any, Any], random: numpy.random.Generator, tokens: list[int]) -> Any:
    import torch

    sounds, labels = examples
    blank, encoded = model.tokenizer.vocab_size, _heard(model, sounds)
    wanted = _at_frames(labels, encoded.shape[2])
    scores = _scores(model, encoded, torch.tensor(random.choice(tokens, (len(sounds), 3))))
    along = wanted[:, :, None].expand(scores.shape[:3])
    loss = _loss(scores[..., : blank + 1], along) + _loss(scores[..., blank + 1 :], torch.ones_like(along))
    return loss + _loss(model.ctc_decoder(encoder_output=encoded), wanted)


def _wrong(model: Any, examples: tuple[Any, Any]) -> tuple[int, int]:
    """Frames that the transducer and the CTC head take for another tone, but for those beside an edge."""
    import torch

    sounds, labels = examples
    blank = model.tokenizer.vocab_size
    with torch.no_grad():
        encoded = _heard(model, sounds)
        frames = encoded.shape[2]
        near = [_at_frames(labels, frames, FRAME_SAMPLES // 2 + n * FRAME_SAMPLES // 2) for n in (-2, -1, 0, 1, 2)]
        inside = (torch.stack(near) == near[2]).all(0)
        before = torch.tensor([[token] for token in range(blank)])
        transducer = [
            _scores(model, encoded, one.expand(len(sounds), 1))[:, :, -1, : blank + 1].argmax(-1) for one in before
        ]
        of_ctc = model.ctc_decoder(encoder_output=encoded).argmax(-1)
    return (
        sum(int((heard != near[2])[inside].sum()) for heard in transducer),
        int((of_ctc != near[2])[inside].sum()),
    )


def _loss(scores: Any, wanted: Any) -> Any:
    import torch

    return torch.nn.functional.cross_entropy(scores.flatten(0, -2), wanted.flatten())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
