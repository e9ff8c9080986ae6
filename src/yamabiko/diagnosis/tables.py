"""
What goes with what, as data. A row without a source does not belong here.

Versions are compared by `packaging.version`.
"""

from __future__ import annotations

import re

# Driver branch -> newest CUDA that it serves. CUDA Toolkit Release Notes, "CUDA Toolkit and Corresponding Driver
# Versions"; a branch serves every minor version below its own (minor-version compatibility).
DRIVER_CUDA = (
    (580, "13.0"), (575, "12.9"), (570, "12.8"), (565, "12.7"), (560, "12.6"), (555, "12.5"), (550, "12.4"),
    (545, "12.3"), (535, "12.2"), (530, "12.1"), (525, "12.0"), (520, "11.8"), (515, "11.7"), (510, "11.6"),
    (495, "11.5"), (470, "11.4"), (465, "11.3"), (460, "11.2"), (455, "11.1"), (450, "11.0"), (440, "10.2"),
)  # fmt: skip


def newest_cuda(driver: str) -> str | None:
    """The newest CUDA of a driver such as `550.54.14`; None for one older than the table, or newer by a major."""
    try:
        branch = int(driver.split(".")[0])
    except ValueError:
        return None
    if branch >= 590:  # newer than the table: it serves at least the newest that we know
        return DRIVER_CUDA[0][1]
    return next((cuda for least, cuda in DRIVER_CUDA if branch >= least), None)


# ---- CTranslate2's wheels -------------------------------------------------------------------------------------------

# The cuDNN that a wheel was built on: from this version on, before that one. Wheels of 4.4.0, 4.6.1, 4.6.2, 4.6.3 and
# 4.8.5 opened; build scripts of v4.4.0 to v4.8.1: python/tools/prepare_build_environment_{linux,windows}.sh.
CT2_CUDNN_8 = ("3.0.0", "4.5.0")
CT2_CUDNN_9 = ("4.5.0", "4.6.3")
CT2_CUBLAS_12 = "4.0.0"
"""From this version on wheels load cuBLAS 12: CHANGELOG v4.0.0; `strings` of the wheels of 4.4.0 to 4.8.5."""

# From this version on, the CUDA whose nvcc wrote the wheel's PTX: a driver of an older CUDA cannot compile it for a GPU
# that the wheel holds no machine code for. Fatbin headers: PTX ISA 8.2 in 4.4.0, 8.4 in 4.6.1 and 4.6.2, 8.7 in 4.6.3
# and 4.8.5; machine code for 5.3 to 8.6 in all of them.
CT2_PTX = (("4.6.3", "12.8"), ("4.6.1", "12.4"), ("4.0.0", "12.2"))
CT2_FIRST_WITHOUT_MACHINE_CODE = (9, 0)

CT2_INT8_ON_12_0 = ("4.6.2", "4.7.0")
"""INT8 is turned off for compute capability 12.0 (src/cuda/utils.cc of v4.6.2); from 4.7.0 on it works (#1982)."""

CT2_GLIBC = ("4.6.3", "2.27")
"""From this version on wheels are manylinux_2_27; those of 4.6.2 manylinux_2_17: names of the files in the index."""

CT2_ROCM_GFX = ("gfx1030", "gfx1100", "gfx1101", "gfx1102", "gfx1150", "gfx1151", "gfx1200", "gfx1201")
"""Upstream's ROCm wheels: python/tools/prepare_build_environment_linux_rocm.sh of v4.8.1, PYTORCH_ROCM_ARCH."""

# What a GPU's name tells of its compute capability, where no driver was asked. NVIDIA, "CUDA GPU Compute Capability".
CAPABILITIES = (
    (r"\bGB10\b", "12.1"), (r"GeForce RTX 50\d\d|Blackwell", "12.0"), (r"\bG?B300\b", "10.3"), (r"\bG?B[12]00\b", "10.0"),
    (r"\bG?H[12]00\b|\bH[28]00\b", "9.0"), (r"GeForce RTX 40\d\d|\bL40?S?\b|Ada Generation", "8.9"), (r"\bOrin\b", "8.7"),
    (r"GeForce RTX 30\d\d|\bA(?:10G?|16|40|2)\b|RTX A\d000", "8.6"), (r"\bA(?:100|800|30)\b", "8.0"),
    (r"GeForce RTX 20\d\d|GTX 16\d\d|\bT4G?\b|TITAN RTX|Quadro RTX", "7.5"), (r"\bV100\b|TITAN V\b", "7.0"),
    (r"\bP100\b", "6.0"), (r"GTX 10\d\d|\bP40?\b|TITAN Xp?\b|Quadro P\d+", "6.1"), (r"GTX 9\d\d|\bM[46]0\b", "5.2"),
)  # fmt: skip


def capability_of(name: str) -> str | None:
    """Compute capability of the GPU of that name; None for one that the table does not know."""
    return next((capability for pattern, capability in CAPABILITIES if re.search(pattern, name)), None)


# nemo-toolkit from -> oldest CUDA of a driver with which its guard lets the full graph through; newest first. Wheels
# 2.3.2 and 2.4.0 (12.3), 2.5.0, 2.5.3 to 3.0.0 (12.6): nemo/core/utils/cuda_python_utils.py; NVIDIA-NeMo/Speech#14184.
NEMO_FLOOR = (((2, 5), (12, 6)), ((0,), (12, 3)))

# Values that NeMo 2.6.0 to 2.7.0 take from cudaStreamGetCaptureInfo are 6, as cuda-bindings of this major give; 12.x
# give 5. Called here: cuda-bindings 12.9.4, 13.0.3, 13.5.0; NVIDIA-NeMo/Speech#15340.
NEMO_PAYLOAD = 13


# ---- the system's libraries, and AMD's processors -------------------------------------------------------------------


def newest_glibcxx(path: str) -> str | None:
    """
    The newest GLIBCXX of a libstdc++ by its real name: `libstdc++.so.6.0.33` has up to 3.4.33. libstdc++ manual, "ABI
    Policy and Guidelines", History: both numbers have gone up together since 6.0.0; looked at in 6.0.33 too.
    """
    found = re.search(r"libstdc\+\+\.so\.6\.0\.(\d+)$", path)
    return f"3.4.{found[1]}" if found else None


# Processors whose machine code is of one family: those that one generic target of LLVM serves. ROCR-Runtime, isa.cpp,
# genericTargetMap; LLVM, "User Guide for AMDGPU Backend", Generic Processors. What is in none stands alone: gfx908 and
# gfx90a have matrix cores.
AMD_FAMILIES = (
    ("gfx900", "gfx902", "gfx904", "gfx906", "gfx909", "gfx90c"),
    ("gfx940", "gfx941", "gfx942", "gfx950"),
    ("gfx1010", "gfx1011", "gfx1012", "gfx1013"),
    ("gfx1030", "gfx1031", "gfx1032", "gfx1033", "gfx1034", "gfx1035", "gfx1036"),
    ("gfx1100", "gfx1101", "gfx1102", "gfx1103", "gfx1150", "gfx1151", "gfx1152", "gfx1153"),
    ("gfx1200", "gfx1201"),
)


def amd_family(gfx: str) -> tuple[str, ...]:
    """Every processor whose machine code is of the same family; itself alone where the table knows none."""
    return next((family for family in AMD_FAMILIES if gfx in family), (gfx,))


# ---- pyannote and Lightning -----------------------------------------------------------------------------------------

PYANNOTE_LOADS_WHOLE_CHECKPOINTS = "4.0.3"
"""From this version on it says weights_only=False itself: pyannote/audio/core/model.py of 4.0.2 and 4.0.3."""
LIGHTNING_LETS_TORCH_CHOOSE = "2.6.0"
"""lightning_fabric/utilities/cloud_io.py: `weights_only` is False in 2.5.6, None in 2.6.6; whisper-asr-webservice#383."""
