"""
Silero VAD v6 by onnxruntime alone: how likely each 32 ms of a recording holds speech.

Streaming: the model's state and the last samples of a block go over to the
next, so memory is that of one batch of windows however long the recording is,
and the answer does not depend on how the recording was cut into blocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yamabiko.engines.contract import GPU, Card, Loaded, Placement, Profile
from yamabiko.i18n import Text
from yamabiko.speech import Evidence

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from yamabiko.engines.contract import Audio

CARD = Card(
    name="silero-vad",
    job="find-speech",
    summary=Text(
        "Finds where somebody speaks (Silero VAD v6, without torch)",
        "話し声のある区間を見つけます（Silero VAD v6、torch不要）",
    ),
    distribution="onnxruntime",
    imports=("onnxruntime", "numpy"),
    licence="MIT",
    languages="any",
    features=frozenset(),
    default_model="silero-vad-v6",
    model_format="silero-onnx",
    placements=(Placement("cpu", "float32"),),
    profiles=(Profile(name="cpu", lock="silero-vad-cpu.txt", devices=("cpu",)),),
    lacking=(
        (
            GPU,
            Text(
                "The model is too small for a GPU to be of use: on the CPU it hears an hour in seconds.",
                "モデルがごく小さく、GPUを使う意味がありません。CPUでも1時間の音声を数秒で処理します。",
            ),
        ),
    ),
    evidence=("introspection",),
)

MODEL_FILE = "silero_vad_v6.onnx"

WINDOW_SAMPLES = 512
"""32 ms, the only window length of the model at 16 kHz."""
CONTEXT_SAMPLES = 64
"""Samples of the window before, which the model wants in front of each window."""
STATE_SHAPE = (1, 1, 128)
BATCH_WINDOWS = 256
"""Windows a run: 8 s. Measured: no run length is faster, and 10 000 take 100 MB more."""


def create() -> SileroVad:
    return SileroVad()


class SileroVad:
    """A `SpeechFinder`. One thread: the recurrent half of the model cannot use a second."""

    window_samples = WINDOW_SAMPLES

    def __init__(self) -> None:
        self._session: Any = None

    def load(self, model: Path, placement: Placement, threads: int) -> Loaded:
        """`model`: the onnx file, or the folder that holds it. `threads` changes nothing."""
        import onnxruntime

        onnxruntime.disable_telemetry_events()  # what Windows heeds; elsewhere children.UNTOLD has done it
        options = onnxruntime.SessionOptions()
        options.inter_op_num_threads = 1
        options.intra_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        file = model / MODEL_FILE if model.is_dir() else model
        self._session = onnxruntime.InferenceSession(
            str(file), sess_options=options, providers=["CPUExecutionProvider"]
        )
        device = _device(self._session.get_providers())
        return Loaded(device=device, compute_type="float32", engine_version=version("onnxruntime"))

    def probabilities(self, blocks: Iterator[Audio]) -> Iterator[NDArray[Any]]:
        """
        One array a block (none for an empty block), float32, one number a window.

        Samples that are no numbers count as silence: one would spoil the state
        for the rest of the recording. Raises: ValueError, if a block before the
        last is not made of whole windows.
        """
        import numpy

        state = [numpy.zeros(STATE_SHAPE, numpy.float32), numpy.zeros(STATE_SHAPE, numpy.float32)]
        context = numpy.zeros(CONTEXT_SAMPLES, numpy.float32)
        ended = False
        for block in blocks:
            if block.size == 0:
                continue
            if ended:
                raise ValueError(f"a block before the last is not a multiple of {WINDOW_SAMPLES} samples")
            ended = block.size % WINDOW_SAMPLES != 0
            found = []
            for start in range(0, block.size, BATCH_WINDOWS * WINDOW_SAMPLES):
                windows = _windows(block[start : start + BATCH_WINDOWS * WINDOW_SAMPLES], context)
                context = windows[-1, -CONTEXT_SAMPLES:]
                speech, *state = self._session.run(None, {"input": windows, "h": state[0], "c": state[1]})
                found.append(speech.reshape(-1))
            yield numpy.concatenate(found)

    def evidence(self) -> tuple[Evidence, ...]:
        if self._session is None:
            return ()
        providers = self._session.get_providers()
        return (Evidence("introspection", _device(providers), f"onnxruntime providers: {', '.join(providers)}"),)


def _windows(samples: Audio, context: Audio) -> NDArray[Any]:
    """Shape (windows, 64 + 512): each window with the samples before it; the last is padded with zeros."""
    import numpy

    count = -(-samples.size // WINDOW_SAMPLES)
    windows = numpy.zeros((count, CONTEXT_SAMPLES + WINDOW_SAMPLES), numpy.float32)
    whole = samples.size // WINDOW_SAMPLES
    windows[:whole, CONTEXT_SAMPLES:] = samples[: whole * WINDOW_SAMPLES].reshape(whole, WINDOW_SAMPLES)
    if whole < count:
        rest = samples[whole * WINDOW_SAMPLES :]
        windows[whole, CONTEXT_SAMPLES : CONTEXT_SAMPLES + rest.size] = rest
    numpy.nan_to_num(windows, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    windows[0, :CONTEXT_SAMPLES] = context
    windows[1:, :CONTEXT_SAMPLES] = windows[:-1, -CONTEXT_SAMPLES:]
    return windows


def _device(providers: list[str]) -> str:
    """The device of the provider that onnxruntime put first."""
    first = providers[0] if providers else "none"
    return {"CPUExecutionProvider": "cpu", "CUDAExecutionProvider": "cuda:0"}.get(first, first)
