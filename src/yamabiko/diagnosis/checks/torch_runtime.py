"""What happens to a process while torch, or CUDA under any engine, is at work."""

from __future__ import annotations

import re

from yamabiko.diagnosis.checks.contract import ABSENT, UNTOLD, Check, Sign, absent, anywhere, never, present
from yamabiko.diagnosis.checks.torch import COMPILERS, ON_CPU_WORDS
from yamabiko.diagnosis.facts.records import Environment, Facts, Unavailable

_GIB = 2**30
_LITTLE_BYTES = 2 * _GIB

_ASSERTION = (
    r"\S+\.cu:\d+: .{0,200}\bblock: \[[\d,]+\], thread: \[[\d,]+\] Assertion `",
    r"Assertion [`'\"]?\w+ < srcSelectDimSize\b",
)
"""What a kernel writes that stops itself."""
_STICKY = (
    "an illegal memory access was encountered",
    "device-side assert triggered",
    "unspecified launch failure",
    "misaligned address",
    "the launch timed out and was terminated",
)
"""cudaGetErrorString of 700, 710, 719, 716 and 702."""


def _little_memory(facts: Facts) -> Sign:
    gpus = () if isinstance(facts.nvidia.gpus, Unavailable) else facts.nvidia.gpus
    told = [
        (
            gpu.free_bytes,
            f"NVML: GPU {n} ({gpu.name}) has {gpu.free_bytes / _GIB:.1f} of {gpu.memory_bytes / _GIB:.1f} GiB free",
        )
        for n, gpu in enumerate(gpus)
        if isinstance(gpu.free_bytes, int) and isinstance(gpu.memory_bytes, int)
    ]
    little = [line for free, line in told if free < _LITTLE_BYTES]
    # What is free now may have been given back by what has died: it settles nothing.
    return present(*little) if little else Sign(None, tuple(line for _, line in told))


_UNITS = {"bytes": 1, "KiB": 2**10, "MiB": 2**20, "GiB": _GIB, "KB": 2**10, "MB": 2**20, "GB": _GIB}
_SIZE = r"([\d.]+) (bytes|[KMG]i?B)"
_FIGURES = re.compile(rf"Tried to allocate {_SIZE}.*?(?:of which {_SIZE} is free|; {_SIZE} free)")


def _tells_of_enough(line: str) -> bool:
    """Whether torch's own figures show far more free than was asked for; pieces too small to use are no such sum."""
    figures = _FIGURES.search(line)
    if figures is None:
        return False
    try:
        tried, free = (
            float(number) * _UNITS[unit]
            for number, unit in (figures.group(1, 2), figures.group(3, 4) if figures[3] else figures.group(5, 6))
        )
    except ValueError:  # 1.2.3
        return False
    return free > 2 * tried + _GIB


# ---- variables that hide the GPUs -----------------------------------------------------------------------------------


def _hidden(facts: Facts) -> Sign:
    lines = []
    if facts.sees_nvidia:
        lines += _hiding(facts, ("CUDA_VISIBLE_DEVICES",), facts.nvidia.gpus)
    if facts.sees_amd:
        names = ("ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES")
        lines += _hiding(facts, names, facts.amd.gpus)
    if not (facts.sees_nvidia or facts.sees_amd):
        return ABSENT
    return present(*lines) if lines else UNTOLD  # what failed may have had other variables than we


def _hiding(facts: Facts, names: tuple[str, ...], gpus: tuple[object, ...] | Unavailable) -> list[str]:
    count = 0 if isinstance(gpus, Unavailable) else len(gpus)
    lines = []
    for name in names:
        value = facts.variables.get(name)
        if value is not None and _hides_all(value, count):
            lines.append(f"environment: {name}={value}" + (f", and there are {count} GPUs" if count else ""))
    return lines


def _hides_all(value: str, count: int) -> bool:
    """Devices count up to the first that does not exist; a UUID may exist, files do not tell."""
    first = value.split(",")[0].strip()
    if re.match(r"(?:GPU|MIG)-", first):
        return False
    if not first.isdigit():
        return True
    return count > 0 and int(first) >= count


# ---- platforms and libraries ----------------------------------------------------------------------------------------


def _mps(facts: Facts) -> Sign:
    if facts.system.name != "darwin":
        return absent(f"system: {facts.system.name} has no MPS")
    torches = [f"{e.name}: torch {torch}" for e in facts.environments if (torch := e.version("torch"))]
    return present(f"system: {facts.system.name} {facts.system.machine}", *torches) if torches else UNTOLD


def _two_openmps(facts: Facts) -> Sign:
    def look(environment: Environment) -> Sign:
        found: dict[str, str] = {}
        for file in environment.native:
            name = re.search(r"/lib(iomp|omp)[^/]*$", file.path)
            if name:
                found.setdefault(name[1], file.path)
        if len(found) < 2:
            return UNTOLD
        return present(*(f"{path}: {'Intel' if kind == 'iomp' else 'LLVM'} OpenMP" for kind, path in found.items()))

    return anywhere(facts.environments, look)


def _no_triton_for_whisper(facts: Facts) -> Sign:
    """Whisper's words guess at a toolkit; what its kernels need is triton, and a compiler that triton calls."""

    def look(environment: Environment) -> Sign:
        whisper, triton = environment.version("openai-whisper"), environment.version("triton")
        if whisper is None:
            return UNTOLD
        if triton is None and environment.version("triton-windows") is None:
            return present(f"package: triton is missing beside openai-whisper {whisper}")
        if facts.system.name != "linux" or set(COMPILERS) & set(facts.commands):
            return UNTOLD
        return present(f"PATH: none of {', '.join(COMPILERS)}", f"package: triton {triton} calls one")

    return anywhere(facts.environments, look)


def _forks(facts: Facts) -> Sign:
    return absent("system: Windows forks no process") if facts.system.name == "win32" else UNTOLD


CHECKS = (
    Check(
        "cuda-fork-reinit",
        words=(r"Cannot re-initialize CUDA in forked subprocess(?:\. To use CUDA|\.?\W*$)",),
        words_suffice=True,
        needs="gpu",
        look=_forks,
        by_itself=never,
    ),
    Check(
        "cuda-sticky-error",
        words=(
            *(rf"(?:CUDA|HIP)\b.{{0,80}}{text}" for text in _STICKY),
            *_ASSERTION,
            r"(?:\w*CUDA\b.{0,60})?\bcudaError(?:IllegalAddress|Assert|LaunchFailure|MisalignedAddress|LaunchTimeout)\b",
            r"(?:\w*CUDA\b.{0,60})?\bCUDA_ERROR_(?:ILLEGAL_ADDRESS|ASSERT|LAUNCH_FAILED|MISALIGNED_ADDRESS|LAUNCH_TIMEOUT)\b",
        ),
        words_suffice=True,
        needs="gpu",
        by_itself=never,
    ),
    Check(
        "cuda-oom",
        sure_words=(
            r"(?:CUDA|HIP) out of memory\. Tried to allocate [\d.]+ (?:bytes|[KMGT]i?B)(?:\.(?:\W|$)|\W*(?:\(|$))",
            r"CUDA failed with error out of memory",
            r"CUDA (?:driver )?error: out of memory",
            r"CUDA failure 2: out of memory",
            r"(?:allocating [\d.]+ MiB on device \d+: )?cudaMalloc failed: out of memory",
            r"(?:\w*CUDA\b.{0,60})?\bCUDA_ERROR_OUT_OF_MEMORY\b",
        ),
        # What cuBLAS says too where an earlier kernel has ruined the context.
        words=(r"(?:cuBLAS failed with status |CUDA error: )?CUBLAS_STATUS_ALLOC_FAILED",),
        unless=_ASSERTION,
        doubted_by=_tells_of_enough,
        needs="gpu",
        nvidias=(
            r"CUDA driver error: out of memory",
            r"CUDA failure 2: out of memory",
            r"\bCUDA_ERROR_OUT_OF_MEMORY\b",
        ),
        look=_little_memory,
        by_itself=never,
        probe="nvml",
    ),
    Check(
        "cuda-visible-devices-empty",
        words=(
            r"(?:CUDA (?:failed with )?error:? )?no CUDA-capable device is detected",
            r"No (?:CUDA|HIP) GPUs are available",
            r"CUDA_ERROR_NO_DEVICE",
            *ON_CPU_WORDS,
        ),
        look=_hidden,
    ),
    Check(
        "openai-whisper-triton-fallback",
        work_goes_on=True,
        words=(
            r"(?:\S+:\d+: UserWarning: )?Failed to launch Triton kernels, likely due to missing CUDA toolkit; falling back",
        ),
        words_suffice=True,
        needs="gpu",
        look=_no_triton_for_whisper,
        by_itself=never,
    ),
    Check(
        "mps-unsupported",
        words=(
            r"The operator '\S+' is not currently implemented for the MPS device",
            r"Cannot convert a MPS Tensor to float64",
            r"Could not run '\S+' with arguments from the 'SparseMPS' backend",
        ),
        look=_mps,
        words_suffice=True,
        by_itself=never,
    ),
    Check(
        "openmp-double-runtime",
        words=(
            r"Found Intel OpenMP \('libiomp'\) and LLVM OpenMP \('libomp'\) loaded",
            r"OMP: Error #15: Initializing \S+, but found \S+ already initialized",
        ),
        look=_two_openmps,
        words_suffice=True,
        by_itself=never,
    ),
)
