"""
Where did it run? From observations to a verdict: the one place that decides.

What an engine says of itself is a claim. A claim is *proved* when observations
that do not come from the engine suffice and none contradicts it, *refuted* when
what contradicts it suffices and what agrees does not, *not proved* otherwise.

Never one signal alone. The claim is the first; an observation that agrees is
the second, and counts for what it can show. What a driver books on this process
suffices beside the claim. Figures of a whole device are anybody's, a library's
line is its word, a speed may have other reasons: of these it takes two kinds,
one of which looks at a device (under WSL there are no others). An open device
file shows nothing, since counting devices opens it.

So a single observation may decide: beside the claim it is the second signal.
The claim alone never does, whatever the engine says, and how often. What
observations prove is the kind of device: NVML counts GPUs in the order of the
bus and CUDA by speed, so they name no number that could bear out `cuda:1`, and
contradict one only where they do name it.

Against a claim it takes two observations, or one that cannot err: the kernel
shows no open file of a GPU, or the engine takes its own claim back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from yamabiko.diagnosis.log_lines import beginnings
from yamabiko.diagnosis.spoken import is_speech
from yamabiko.speech import Evidence, EvidenceKind, Verdict

_SUFFICIENT = 2
_Weights = Mapping[EvidenceKind, int]

_FOR_A_GPU: _Weights = {
    "device-memory": 2,
    "process-activity": 2,
    "device-memory-rise": 1,
    "device-activity": 1,
    "last-words": 1,
    "speed": 1,
}
_LOOKS_AT_A_DEVICE = ("device-memory", "process-activity", "device-memory-rise", "device-activity")
_AGAINST_A_GPU: _Weights = {
    "device-files": 2,
    "introspection": 2,  # nobody takes a claim back for nothing
    "last-words": 1,
    "device-memory": 1,
    "process-activity": 1,
    "device-memory-rise": 1,
    "device-activity": 1,
    "libraries": 1,
    "speed": 1,
}
_ON_ANOTHER_GPU: _Weights = {"device-memory": 1, "process-activity": 1, "introspection": 1, "last-words": 1}
_FOR_THE_CPU: _Weights = {"device-files": 2, "libraries": 1, "device-memory": 1, "last-words": 1}
_AGAINST_THE_CPU: _Weights = {  # a whole device may be busy with a neighbour's work
    "device-files": 1,
    "device-memory": 1,
    "process-activity": 1,
    "introspection": 1,
    "last-words": 1,
}

_FELL_BACK = (
    r"(?:\S+\.cc:\S+:\d+ .*)Fallback to cpu\b",  # sherpa-onnx, session.cc and provider.cc
    r"Falling back to \['CPUExecutionProvider'\] and retrying",  # ONNX Runtime, amid the work
    r"Failed to create (?:CUDA|TensorRT|Tensorrt|ROCM|MIGraphX)ExecutionProvider",  # ONNX Runtime, when it loads
    r"ggml_cuda_init: failed to initialize (?:CUDA|ROCm)",
    r"whisper_backend_init_gpu: failed to initialize",
    r"FP16 is not supported on CPU; using FP32 instead",  # openai-whisper
)
_NO_GPU = r"whisper_backend_init_gpu: no GPU found"
"""Printed for whisper.cpp's speech finder too, which never wants one: a backend's name stands against it."""
_BACKEND = r"whisper_backend_init_gpu: using (CUDA|ROCm|HIP|Vulkan|Metal|MTL|SYCL)\w* backend"
_FAMILY_OF_BACKEND = {
    "CUDA": "cuda",
    "ROCm": "rocm",
    "HIP": "rocm",
    "Vulkan": "vulkan",
    "Metal": "mps",
    "MTL": "mps",
    "SYCL": "xpu",
}


@dataclass(frozen=True, slots=True)
class Ruling:
    used_device: str
    verdict: Verdict
    because: tuple[Evidence, ...] = ()
    """The observations that decided, or stand against each other; empty if there were none."""


def decide(claimed_device: str, evidence: Sequence[Evidence]) -> Ruling:
    """
    The device that was used, judged from evidence that was gathered while it was.

    `claimed_device` is what the engine said when it had loaded; a later
    `introspection` counts only where it takes that back. A claim to be on the
    CPU is never refuted: a GPU in use does not show that the CPU was not.
    """
    if _family(claimed_device) == "cpu":
        agreeing, agree = _weigh(evidence, _FOR_THE_CPU, lambda says: says == "cpu")
        doubting, doubt = _weigh(evidence, _AGAINST_THE_CPU, lambda says: says != "cpu")
        doubt = min(doubt, 1)
    else:
        agreeing, agree = _weigh(evidence, _FOR_A_GPU, lambda says: _same_gpu(claimed_device, says))
        if not any(e.kind in _LOOKS_AT_A_DEVICE for e in agreeing):
            agree = min(agree, 1)
        doubting, doubt = _weigh(evidence, _AGAINST_A_GPU, lambda says: says == "cpu")
        elsewhere, astray = _weigh(
            evidence, _ON_ANOTHER_GPU, lambda says: says != "cpu" and not _same_gpu(claimed_device, says)
        )
        doubting, doubt = doubting + elsewhere, max(doubt, min(astray, 1))
    if agree >= _SUFFICIENT and not doubt:
        return Ruling(claimed_device, "proved", agreeing)
    if doubt >= _SUFFICIENT > agree:
        return Ruling("cpu", "refuted", doubting)
    return Ruling(claimed_device, "not proved", agreeing + doubting)


def backend_lines(words: Sequence[str]) -> tuple[Evidence, ...]:
    """
    What a worker's libraries printed about the device, as `last-words`: some say it nowhere else.

    Each line once, however often it was printed; a fallback before what it fell from.
    """
    fell = _first_of_each("|".join(_FELL_BACK), words)
    using = _first_of_each(_BACKEND, words)
    none = [] if using else _first_of_each(_NO_GPU, words)
    said = [Evidence("last-words", "cpu", line.strip()[:300]) for line, _ in (*fell, *none)]
    for line, found in using:
        said.append(Evidence("last-words", _FAMILY_OF_BACKEND.get(found[1], "gpu"), line.strip()[:300]))
    return tuple(said)


def _first_of_each(pattern: str, words: Sequence[str]) -> list[tuple[str, re.Match[str]]]:
    """Lines that begin with the pattern, and are no transcript; of those where it found the same text, the first."""
    found: dict[str, tuple[str, re.Match[str]]] = {}
    asked = re.compile(pattern)
    for at, line in enumerate(words):
        if asked.search(line) is None or is_speech(words, at):
            continue
        match = next((match for start in sorted(beginnings(line)) if (match := asked.match(line, start))), None)
        if match is not None:
            found.setdefault(match[0], (line, match))
    return list(found.values())


def _weigh(
    evidence: Sequence[Evidence], weights: _Weights, speaks: Callable[[str], bool]
) -> tuple[tuple[Evidence, ...], int]:
    """Those that speak for it, strongest first, and what they weigh together: of a kind, all count as one."""
    found = [e for e in evidence if e.kind in weights and e.says is not None and speaks(e.says)]
    found.sort(key=lambda e: -weights[e.kind])
    return tuple(found), sum(weights[kind] for kind in {e.kind for e in found})


def _same_gpu(claimed_device: str, seen: str) -> bool:
    """
    Vulkan runs on any make of GPU; and builds of PyTorch and CTranslate2 for ROCm call AMD's GPU `cuda`.

    Where both name a number it must be the same: cuda:0 at work shows nothing of cuda:1.
    """
    claimed, _, asked = claimed_device.partition(":")
    family, _, number = seen.partition(":")
    if not claimed or family == "cpu":
        return False
    if family == claimed:
        return not (number and asked) or number == asked
    return family == "gpu" or claimed in ("gpu", "vulkan") or (claimed, family) == ("cuda", "rocm")


def _family(device: str) -> str:
    return device.split(":")[0]
