"""Which GPUs and types a build of CTranslate2 serves, and which build a machine can have."""

from __future__ import annotations

import re

from yamabiko.diagnosis.checks.contract import ABSENT, UNTOLD, Check, Sign, absent, never, present, version
from yamabiko.diagnosis.checks.ctranslate2 import installed, library_of, named, where_ctranslate2_is, within
from yamabiko.diagnosis.checks.driver import cuda_of_driver
from yamabiko.diagnosis.facts.records import Environment, Facts, Unavailable
from yamabiko.diagnosis.tables import (
    AMD_IN_PROCESSORS,
    CT2_FIRST_WITHOUT_MACHINE_CODE,
    CT2_GLIBC,
    CT2_INT8_ON_12_0,
    CT2_PTX,
    CT2_ROCM_GFX,
    capability_of,
)
from yamabiko.i18n import Text


def capabilities(facts: Facts) -> list[tuple[tuple[int, ...], str]] | None:
    """Compute capability of each GPU, with its name, or None if that of one is not known."""
    gpus = facts.nvidia.gpus
    if isinstance(gpus, Unavailable) or not gpus:
        return None
    found = []
    for gpu in gpus:
        capability = gpu.capability if isinstance(gpu.capability, str) else capability_of(gpu.name)
        if capability is None:
            return None
        found.append((version(capability), f"GPU: {gpu.name}, compute capability {capability}"))
    return found


def _blackwell_int8(facts: Facts) -> Sign:
    gpus = capabilities(facts)
    if gpus is None:
        return UNTOLD
    new = [(capability, line) for capability, line in gpus if capability[0] == 12]
    if not new:
        return absent(*(line for _, line in gpus))

    def look(environment: Environment) -> Sign:
        if installed(environment) >= version(CT2_INT8_ON_12_0[1]):
            return absent(f"{named(environment)}: pads INT8 as these GPUs want it")
        if within(environment, CT2_INT8_ON_12_0) and all(capability == (12, 0) for capability, _ in new):
            return absent(f"{named(environment)}: does not offer INT8 on this GPU")
        return present(f"{named(environment)}: older than {CT2_INT8_ON_12_0[1]}", *(line for _, line in new))

    return where_ctranslate2_is(facts, look)


def _compute_type(facts: Facts) -> Sign:
    """Words tell it; facts add why, where they can."""
    old = [line for capability, line in capabilities(facts) or () if capability < (8, 0)]
    return present(*old) if old else UNTOLD


_ASKED_TYPE = re.compile(r"Requested (\w+) compute type", re.IGNORECASE)
_ON_GPUS_FROM = {"float16": "7.0", "int8_float16": "7.0", "bfloat16": "8.0", "int8_bfloat16": "8.0"}
"""Compute capability; a CPU has none of them. CTranslate2, src/types.cc: mayiuse_float16, mayiuse_bfloat16."""


def _of_the_type(line: str) -> Text | None:
    """Of the type that was asked for: what holds for float16 is not true of the others."""
    asked = _ASKED_TYPE.search(line)
    if asked is None:
        return None
    name = asked[1].lower()
    first = _ON_GPUS_FROM.get(name)
    if first is None:
        return Text(
            f"The device has no kernels of {name}, the type that was asked for.",
            f"このデバイスには、指定された型 {name} の演算がありません。",
        )
    return Text(
        f"The device has no kernels of {name}, the type that was asked for: "
        f"a CPU has none, and a GPU of NVIDIA has them from compute capability {first} on.",
        f"このデバイスには、指定された型 {name} の演算がありません。"
        f"CPUにはなく、NVIDIAのGPUでは compute capability {first} 以降が必要です。",
    )


def _cpu_only_on_arm(facts: Facts) -> Sign:
    if facts.system.name != "linux" or facts.system.machine != "aarch64":
        return ABSENT

    def look(environment: Environment) -> Sign:
        library = library_of(environment)
        if library is None:
            return UNTOLD
        if any("cublas" in name for name in (*library.mentions, *library.needed)):
            return absent(f"{library.path}: built with CUDA")
        return present(f"{library.path}: no CUDA in it ({named(environment)}, {facts.system.machine})")

    return where_ctranslate2_is(facts, look)


def _built_without_cudnn(facts: Facts) -> Sign:
    def look(environment: Environment) -> Sign:
        if installed(environment) >= version("4.6.3"):
            return absent(f"{named(environment)}: its Conv1D needs no cuDNN")
        library = library_of(environment)
        if library is None:
            return UNTOLD
        names = (*library.mentions, *library.needed)
        if any("cudnn" in name for name in names):
            return absent(f"{library.path}: built with cuDNN")
        if any("cublas" in name for name in names):
            return present(f"{library.path}: built with CUDA and without cuDNN ({named(environment)})")
        return UNTOLD

    return where_ctranslate2_is(facts, look)


_FIRST_RUN = Text(
    "CTranslate2's wheels hold no machine code for this GPU: on the first run the driver compiles it, which takes long.",
    "CTranslate2のwheelにはこのGPU用の機械語がなく、初回の実行時にドライバーがコンパイルするため時間がかかります。",
)


def _ptx(facts: Facts) -> Sign:
    gpus = capabilities(facts)
    if gpus is None:
        return UNTOLD
    new = [line for capability, line in gpus if capability >= CT2_FIRST_WITHOUT_MACHINE_CODE]
    if not new:
        return absent(*(f"{line}: the wheels hold machine code for it" for _, line in gpus))
    served = cuda_of_driver(facts)

    def look(environment: Environment) -> Sign:
        library = library_of(environment)
        if library is not None and "libcublas.so.12" not in library.mentions:
            return absent(f"{library.path}: no wheel for CUDA 12")
        if environment.engine and environment.file("*nvidia/cublas/*") is None:
            return absent(f"{environment.name}: made for the CPU")
        ptx = next((cuda for first, cuda in CT2_PTX if installed(environment) >= version(first)), None)
        if ptx is None or served is None:
            return UNTOLD
        lines = [*new, f"{named(environment)}: its PTX is of CUDA {ptx}"]
        if served >= version(ptx):
            return present(*lines, severity="info", cause=_FIRST_RUN)
        return present(*lines, f"driver: serves CUDA {'.'.join(map(str, served))}")

    return where_ctranslate2_is(facts, look)


def _for_cuda_on_amd(facts: Facts) -> Sign:
    if not facts.sees_amd or facts.sees_nvidia or facts.library("libcuda.so.1"):
        return ABSENT

    def look(environment: Environment) -> Sign:
        library = library_of(environment)
        if library is None:
            return UNTOLD
        if "libcublas.so.12" not in library.mentions or "libhipblas" in library.mentions:
            return absent(f"{library.path}: not built for CUDA")
        gpus = () if isinstance(facts.amd.gpus, Unavailable) else facts.amd.gpus
        lines = [f"{library.path}: loads libcublas.so.12, NVIDIA's ({named(environment)})"]
        for gpu in gpus:
            served = "has kernels" if gpu.gfx in CT2_ROCM_GFX else "has no kernels"
            lines.append(f"GPU: {gpu.gfx}; upstream's ROCm wheel {served} for it")
        return present(*lines)

    return where_ctranslate2_is(facts, look)


def _users_own_on_amd(facts: Facts) -> bool:
    """Our own environment for the CPU holds the same wheel, and is meant to."""
    return facts.sees_amd and any(e.version("ctranslate2") and e.engine is None for e in facts.environments)


def _in_processors_alone(facts: Facts) -> bool:
    """The small GPU of a laptop's processor: whoever installs faster-whisper there has not counted on it."""
    gpus = () if isinstance(facts.amd.gpus, Unavailable) else facts.amd.gpus
    return bool(gpus) and all(gpu.gfx in AMD_IN_PROCESSORS for gpu in gpus)


def _glibc_too_old_for_new_wheels(facts: Facts) -> Sign:
    if facts.system.name != "linux" or isinstance(facts.system.glibc, Unavailable):
        return UNTOLD
    if version(facts.system.glibc) >= version(CT2_GLIBC[1]):
        return absent(f"system: glibc {facts.system.glibc}")
    old = [f"{e.name}: {named(e)}" for e in facts.environments if _older_than_new_wheels(e)]
    return present(f"system: glibc {facts.system.glibc}, wheels since {CT2_GLIBC[0]} need {CT2_GLIBC[1]}", *old)


def _older_than_new_wheels(environment: Environment) -> bool:
    return environment.version("ctranslate2") is not None and installed(environment) < version(CT2_GLIBC[0])


def _held_back(facts: Facts) -> bool:
    return facts.sees_nvidia and any(_older_than_new_wheels(e) for e in facts.environments)


# ---- an instruction set by force ------------------------------------------------------------------------------------

_FORCES = "CT2_FORCE_CPU_ISA"
_X86_NEEDS = {"GENERIC": "", "AVX": "avx", "AVX2": "avx2", "AVX512": "avx512f"}
"""Names that it knows (src/cpu/cpu_isa.cc), and a flag that each cannot do without."""
_ARM_KNOWS = ("GENERIC", "NEON")


def _forced_isa(facts: Facts) -> Sign:
    asked = facts.variables.get(_FORCES, "")
    if not asked:
        return UNTOLD  # what failed may have had other variables than we
    line = f"environment: {_FORCES}={asked}"
    x86 = facts.system.machine in ("x86_64", "AMD64")
    if asked not in (_X86_NEEDS if x86 else _ARM_KNOWS):
        return present(line, f"CTranslate2: knows {', '.join(_X86_NEEDS if x86 else _ARM_KNOWS)}")
    flag = _X86_NEEDS[asked] if x86 else ""
    if not flag or isinstance(facts.cpu.flags, Unavailable) or flag in facts.cpu.flags:
        return UNTOLD
    return present(line, f"/proc/cpuinfo: the processor has no {flag}")


def _has_ctranslate2(facts: Facts) -> bool:
    return any(e.version("ctranslate2") for e in facts.environments)


CHECKS = (
    Check(
        "ct2-forced-cpu-isa",
        words=(
            r"The CPU does not support (?:AVX|AVX2|AVX512|NEON)\b\W*$",
            r"Invalid CPU ISA: \S+\s*$",
        ),
        words_suffice=True,
        look=_forced_isa,
        by_itself=_has_ctranslate2,
    ),
    Check(
        "ct2-blackwell-int8-not-supported",
        words=(r"cuBLAS failed with status CUBLAS_STATUS_NOT_SUPPORTED",),
        needs="nvidia",
        look=_blackwell_int8,
        by_itself=lambda facts: facts.sees_nvidia,
        probe="driver",
    ),
    Check(
        "ct2-compute-type-unsupported",
        words=(r"Requested \w+ compute type, but the target device or backend do not support efficient",),
        look=_compute_type,
        cause=_of_the_type,
        by_itself=never,
        words_suffice=True,
    ),
    Check(
        "ct2-arm64-linux-cpu-only",
        words=(r"This CTranslate2 package was not compiled with CUDA support",),
        look=_cpu_only_on_arm,
        by_itself=lambda facts: facts.sees_nvidia,
    ),
    Check(
        "ct2-source-build-no-cudnn",
        words=(r"Conv1D on GPU currently requires the cuDNN library",),
        needs="nvidia",
        look=_built_without_cudnn,
        by_itself=lambda facts: facts.sees_nvidia,
        words_suffice=True,
    ),
    Check(
        "ct2-ptx-jit-hopper-blackwell",
        words=(
            r"CUDA failed with error the provided PTX was compiled with an unsupported toolchain",
            r"parallel_for failed: cudaErrorUnsupportedPtxVersion",
        ),
        needs="nvidia",
        look=_ptx,
        by_itself=lambda facts: facts.sees_nvidia,
        probe="driver",
    ),
    Check(
        "ct2-cuda-wheel-on-amd",
        words=(r"CUDA driver version is insufficient for CUDA runtime version",),
        look=_for_cuda_on_amd,
        instead_of=("driver-none-or-container-without-runtime",),
        by_itself=_users_own_on_amd,
        only_a_note=_in_processors_alone,
    ),
    Check(
        "ct2-glibc-floor",
        words=(
            r"(?:No matching distribution found for|Could not find a version that satisfies the requirement)"
            r" ctranslate2\S*4\.(?:6\.[3-9]|[7-9])",
        ),
        look=_glibc_too_old_for_new_wheels,
        by_itself=_held_back,
    ),
)
