"""
pyannote.audio 4: who speaks when, by a whole pipeline from a folder: segmentation, voice prints, clustering.

Read for this file: pyannote.audio 4.0.7 (core/pipeline.py, pipelines/speaker_diarization.py, telemetry/metrics.py). A
pipeline's config.yaml names classes to build and models to load, from a hub too: only what `_complaint` lets through is
given to it. Its weights are pickles, and loading them runs what is in them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yamabiko.engines.card_parts import NEVER_RUN_ON_A_GPU, NO_GPU_FOR_TORCH, PYTORCH_INDEX, PYTORCH_LACKS
from yamabiko.engines.contract import Card, Loaded, ModelUnreadable, Placement, Profile, Voices
from yamabiko.i18n import Text
from yamabiko.speech import SAMPLE_RATE, Evidence, Span

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    from yamabiko.engines.contract import Recording, SpeakerCount

CARD = Card(
    name="pyannote",
    job="find-speakers",
    summary=Text(
        "Tells who speaks when (pyannote.audio 4; its models need their makers' permission)",
        "誰がいつ話したかを聞き分けます（pyannote.audio 4。モデルの利用には提供元への同意が必要）",
    ),
    distribution="pyannote-audio",
    imports=("pyannote.audio",),
    licence="MIT",
    languages="any",
    features=frozenset(),
    default_model="pyannote-community-1",
    model_format="pyannote-pipeline",
    placements=(Placement("cuda", "float32"), Placement("cpu", "float32", answers=NO_GPU_FOR_TORCH)),
    profiles=(
        Profile(
            "cpu",
            "whisperx-cpu.txt",  # the same packages
            ("cpu",),
            index=f"{PYTORCH_INDEX}cpu",
            unwanted=("torchaudio/lib/*.so",),  # linked to CUDA's libraries, as for whisperx
            not_verified=Text(
                "tried by us with a pipeline of random weights alone: the real ones are gated",
                "動作確認は乱数の重みのパイプラインのみ（本来のモデルは利用同意が必要なため）",
            ),
        ),
        Profile(
            "cuda12",
            "whisperx-cuda12.txt",
            ("cuda", "cpu"),
            not_verified=NEVER_RUN_ON_A_GPU,
        ),
    ),
    lacking=(
        (
            "cuda13",
            Text(
                "It shares WhisperX's packages, which are for CUDA 12; they bring their own libraries and serve newer drivers.",
                "WhisperXと同じ CUDA 12 用のパッケージを使います。必要なライブラリを含み、新しいドライバーでも動きます。",
            ),
        ),
        (
            "rocm",
            Text(
                "PyTorch has builds for ROCm, and nobody has tried this engine on one.",
                "PyTorch は ROCm に対応していますが、このエンジンでの動作は未確認です。",
            ),
        ),
        *PYTORCH_LACKS,
    ),
    evidence=("introspection",),
)

PIPELINE = "pyannote.audio.pipelines.SpeakerDiarization"
_MODELS = ("segmentation", "embedding", "plda")


def create() -> PyannoteFinder:
    return PyannoteFinder()


class PyannoteFinder:
    """A `SpeakerFinder` that settles a whole recording itself."""

    _pipeline: Any = None

    def load(self, model: Path, placement: Placement, threads: int) -> Loaded:
        """`model`: the pipeline's folder, laid out as pyannote/speaker-diarization-community-1 is."""
        import torch
        import yaml  # type: ignore[import-untyped, unused-ignore]
        from pyannote.audio import Pipeline, __version__

        if threads:
            torch.set_num_threads(threads)
        file = model / "config.yaml"
        try:
            complaint = _complaint(yaml.safe_load(file.read_text("utf-8")))
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise ModelUnreadable(f"{file}: {error}") from error
        if complaint:
            raise ModelUnreadable(f"{file}: {complaint}")
        try:
            self._pipeline = Pipeline.from_pretrained(str(model))
        except Exception as error:  # whatever a pickle, a zip or a network's shape can be wrong in
            raise ModelUnreadable(f"{model}: {type(error).__name__}: {error}") from error
        if self._pipeline is None:
            raise ModelUnreadable(f"{model}: pyannote.audio gave no pipeline")
        self._pipeline.to(torch.device(placement.device))
        device, kind = self._really()
        return Loaded(device, kind, f"{__version__} (PyTorch {torch.__version__})")

    def voices(
        self, recording: Recording, spans: Sequence[Span], count: SpeakerCount
    ) -> Iterator[tuple[Voices, NDArray[numpy.float32]]]:
        """One answer for all of it. `spans` change nothing: the pipeline hears for itself where somebody speaks."""
        import numpy
        import torch

        whole = Span(0, recording.samples)
        sound = numpy.nan_to_num(recording.read(whole), posinf=0.0, neginf=0.0)
        found = self._pipeline(
            {"waveform": torch.from_numpy(sound)[None], "sample_rate": SAMPLE_RATE},
            min_speakers=count.at_least,
            max_speakers=count.at_most,
        )
        turns = found.speaker_diarization
        people = turns.labels()
        prints = numpy.full((len(people), 1), numpy.nan, numpy.float32)
        if found.speaker_embeddings is not None and len(people):
            prints = numpy.asarray(found.speaker_embeddings, numpy.float32)
            prints[~prints.any(1)] = numpy.nan  # zeros stand where too little was heard
        where = {label: [_span(turn, whole) for turn, _, who in turns.itertracks(yield_label=True) if who == label]
                 for label in people}  # fmt: skip
        yield Voices(whole, tuple(tuple(span for span in where[label] if span.samples > 0) for label in people)), prints

    def evidence(self) -> tuple[Evidence, ...]:
        device, kind = self._really()
        return (Evidence("introspection", device, f"PyTorch: the segmentation's weights are on {device}, {kind}"),)

    def _really(self) -> tuple[str, str]:
        weights = next(self._pipeline._segmentation.model.parameters())
        device = weights.device
        return f"cuda:{device.index or 0}" if device.type == "cuda" else device.type, str(weights.dtype).split(".")[-1]


def _complaint(config: Any) -> str | None:
    """Why a pipeline would not stay within its folder, or is not one that tells speakers apart."""
    pipeline = config.get("pipeline") if isinstance(config, dict) else None
    if not isinstance(pipeline, dict) or pipeline.get("name") != PIPELINE:
        return f"this is no {PIPELINE}"
    given = pipeline.get("params")
    if not isinstance(given, dict):
        return "the pipeline has no params"
    for name in _MODELS:  # what is left out, pyannote.audio asks a hub for
        where = given.get(name)
        if not isinstance(where, str) or not where.startswith("$model/") or "@" in where or ".." in where:
            return f"{name} is not in this folder: {where}"
    more = sorted(set(config) - {"dependencies", "version", "pipeline", "params", "freeze"})
    return f"not understood here: {', '.join(more)}" if more else None


def _span(turn: Any, whole: Span) -> Span:
    start, end = round(turn.start * SAMPLE_RATE), round(turn.end * SAMPLE_RATE)
    return Span(max(start, 0), min(end, whole.end_sample))
