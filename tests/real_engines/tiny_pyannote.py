"""
A pyannote pipeline of random weights in the real file formats: python tiny_pyannote.py FOLDER, in pyannote's environment.

Laid out as pyannote/speaker-diarization-community-1 is. Whom it tells apart means nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy

CONFIG = """\
dependencies:
  pyannote.audio: 4.0.0
pipeline:
  name: pyannote.audio.pipelines.SpeakerDiarization
  params:
    clustering: VBxClustering
    segmentation: $model/segmentation
    segmentation_batch_size: 4
    embedding: $model/embedding
    embedding_batch_size: 4
    embedding_exclude_overlap: true
    plda: $model/plda
params:
  clustering: {threshold: 0.6, Fa: 0.07, Fb: 0.8}
  segmentation: {min_duration_off: 0.0}
"""


def _save(model: Any, path: Path) -> None:
    """As Lightning writes a checkpoint of pyannote's."""
    import lightning.pytorch as pl
    import torch

    trainer = pl.Trainer(
        accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip
    trainer.strategy.connect(model)
    trainer.strategy._lightning_module = model
    saved = {
        "state_dict": model.state_dict(),
        "hyper_parameters": dict(model.hparams),
        "pytorch-lightning_version": pl.__version__,
    }
    model.on_save_checkpoint(saved)
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(saved, path)


def main(folder: Path) -> None:
    import torch
    from pyannote.audio.core.task import Problem, Resolution, Specifications
    from pyannote.audio.models.embedding import WeSpeakerResNet34
    from pyannote.audio.models.segmentation import PyanNet

    torch.manual_seed(0)
    torch.set_num_threads(1)
    segmentation = PyanNet(
        sincnet={"stride": 10},
        lstm={"hidden_size": 16, "num_layers": 1, "bidirectional": True, "monolithic": True},
        linear={"hidden_size": 16, "num_layers": 1},
    )
    segmentation.specifications = Specifications(
        problem=Problem.MONO_LABEL_CLASSIFICATION, resolution=Resolution.FRAME, duration=10.0,
        classes=["one", "two", "three"], powerset_max_classes=2, permutation_invariant=True,
    )  # fmt: skip
    segmentation.build()
    embedding = WeSpeakerResNet34()
    embedding.specifications = Specifications(
        problem=Problem.REPRESENTATION, resolution=Resolution.CHUNK, duration=5.0, min_duration=5.0, classes=["a", "b"]
    )
    embedding.build()
    _save(segmentation, folder / "segmentation/pytorch_model.bin")
    _save(embedding, folder / "embedding/pytorch_model.bin")
    random = numpy.random.default_rng(0)
    (folder / "plda").mkdir()
    numpy.savez(
        folder / "plda/xvec_transform.npz",
        mean1=numpy.zeros(256), mean2=numpy.zeros(128), lda=numpy.linalg.qr(random.standard_normal((256, 128)))[0],
    )  # fmt: skip
    numpy.savez(folder / "plda/plda.npz", mu=numpy.zeros(128), tr=numpy.eye(128), psi=numpy.linspace(4, 0.1, 128))
    (folder / "config.yaml").write_text(CONFIG, "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
