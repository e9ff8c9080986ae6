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
    Policy and Guidelines", History: both numbers go up together; looked at in 6.0.30 too.
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


# GPUs that are part of a processor, and for which no wheel of CTranslate2 has kernels. LLVM, "User Guide for AMDGPU
# Backend", Processors: those of the kind APU; without those in CT2_ROCM_GFX.
AMD_IN_PROCESSORS = (
    "gfx902",
    "gfx909",
    "gfx90c",
    "gfx1013",
    "gfx1033",
    "gfx1035",
    "gfx1036",
    "gfx1103",
    "gfx1152",
    "gfx1153",
)


# ---- pyannote and Lightning -----------------------------------------------------------------------------------------

PYANNOTE_LOADS_WHOLE_CHECKPOINTS = "4.0.3"
"""From this version on it says weights_only=False itself: pyannote/audio/core/model.py of 4.0.2 and 4.0.3."""
LIGHTNING_LETS_TORCH_CHOOSE = "2.6.0"
"""lightning_fabric/utilities/cloud_io.py: `weights_only` is False in 2.5.6, None in 2.6.6; whisper-asr-webservice#383."""


# ---- what is built for one torch ------------------------------------------------------------------------------------

# torchcodec -> the torch that its wheels are built for. README in the wheel of 0.17.0; the wheels declare no torch
# (METADATA of 0.5 to 0.17.0). From 0.12 on they use torch's stable ABI, and any torch from 2.11 on will do.
TORCHCODEC_TORCH = (
    ("0.11", "2.11"), ("0.10", "2.10"), ("0.9", "2.9"), ("0.8", "2.9"), ("0.7", "2.8"), ("0.6", "2.8"), ("0.5", "2.7"),
    ("0.4", "2.7"), ("0.3", "2.7"), ("0.2", "2.6"), ("0.1", "2.5"), ("0.0", "2.4"),
)  # fmt: skip
TORCHCODEC_STABLE = ("0.12", "2.11")

TORCHAUDIO_STABLE = "2.11"
"""Before it torchaudio belongs to the torch of its own number (METADATA: torch==2.8.0, 2.9.0, 2.10.0)."""
TORCHVISION_OF_TORCH_2 = 15
"""torchvision 0.(15 + n) belongs to torch 2.n: table in the wheels 0.24 and 0.26, METADATA of 0.23, 0.24 and 0.26."""

TORCHAUDIO_WITHOUT_BACKENDS = "2.9"
"""From it on AudioMetaData, info, list_audio_backends and set_audio_backend are gone: wheels 2.8.0, 2.9.0; audio#3902."""
PYANNOTE_WITHOUT_TORCHAUDIO_IO = "4.0"
"""From it on pyannote.audio asks for none of these: wheels 3.1.1 to 4.0.4."""
SPEECHBRAIN_WITHOUT_BACKENDS = "1.1"
"""From it on it asks before it calls list_audio_backends: wheels 1.0.3, 1.1.0; speechbrain#2988."""


# ---- the hub's client and those that call it ------------------------------------------------------------------------

HUB_WITHOUT_USE_AUTH_TOKEN = "1.0"
"""huggingface_hub takes the old name until 0.36 and no longer in 1.0.0: utils/_validators.py of both wheels."""
PYANNOTE_TOKEN = "4.0"
"""pyannote.audio until 3.4.0 says use_auth_token, to the hub and to its callers; from 4.0.0 on `token`: wheels."""
WHISPERX_TOKEN = "3.8"
"""whisperx 3.7.4 gives use_auth_token to pyannote, 3.8.0 `token`: whisperx/diarize.py, vads/pyannote.py of the wheels."""
SPEECHBRAIN_TOKEN = "1.1"
"""speechbrain 1.0.3 gives use_auth_token to the hub, 1.1.0 does not: utils/fetching.py of the wheels; speechbrain#2991."""
HF_XET_WITHOUT_STALL = "1.5.2"
"""huggingface/xet-core#850: hangs under a poor network are mended in it, by its maintainer."""

PYANNOTE_WITHOUT_NP_NAN = "3.3.2"
"""Before it diarization and embeddings use np.NaN or np.NAN: wheels 3.1.1 to 3.3.2 (one is left, in resegmentation)."""


# ---- ONNX Runtime and sherpa-onnx -----------------------------------------------------------------------------------

# onnxruntime-gpu of the package index from this version on -> CUDA's major. Its extras `cuda` and `cudnn` resolved:
# 1.26.0 wants nvidia-*-cu12; 1.27.0 nvidia-*-cu13, of which there are only placeholders; 1.28.0 to 1.31.1
# nvidia-cublas 13. 1.19: microsoft/onnxruntime#21684; before it CUDA 11.
ORT_GPU_CUDA = (("1.27.0", 13), ("1.19.0", 12), ("1.6.0", 11))

SHERPA_LIBRARIES_APART = "1.12.10"
"""From this version on libonnxruntime.so comes with sherpa-onnx-core: k2-fsa/sherpa-onnx#2791; wheels of 2.0.1 opened."""


# ---- torch's wheels -------------------------------------------------------------------------------------------------

# CUDA of the build, torch from -> the GPUs whose machine code is in it; the first row that fits counts. Linux x86-64 and
# Windows. pytorch, RELEASE.md, "PyTorch CUDA Support Matrix" (#164471, #175253, #182849); .ci/manywheel/build_cuda.sh;
# measured in Whisper-WebUI#653 (2.8, cu126 and cu128); moi90/pytorch_compute_capabilities#2 (2.7, cu128).
TORCH_ARCHS = (
    ("13.2", "2.12", "7.5 8.0 8.6 9.0 10.0 12.0"),
    ("13.0", "2.9", "7.5 8.0 8.6 9.0 10.0 12.0"),
    ("12.9", "2.8", "7.0 7.5 8.0 8.6 9.0 10.0 12.0"),
    ("12.8", "2.11", "7.5 8.0 8.6 9.0 10.0 12.0"),
    ("12.8", "2.8", "7.0 7.5 8.0 8.6 9.0 10.0 12.0"),
    ("12.8", "2.7", "7.5 8.0 8.6 9.0 10.0 12.0"),
    ("12.6", "2.6", "5.0 6.0 7.0 7.5 8.0 8.6 9.0"),
    ("12.4", "2.4", "5.0 6.0 7.0 7.5 8.0 8.6 9.0"),
    ("12.1", "2.1", "5.0 6.0 7.0 7.5 8.0 8.6 9.0"),
    ("11.8", "2.0", "5.0 6.0 7.0 7.5 8.0 8.6 9.0"),
)

TORCH_GRAPHS_IN_ANY_THREAD = "2.13.0"
"""Wheels 2.11.0, 2.12.0 and 2.12.1 assert in cudagraph_trees.get_obj, 2.13.0 does not; pytorch#123177, #184357."""


# ---- ggml -----------------------------------------------------------------------------------------------------------

GGML_WHEEL_FLAGS = ("avx", "avx2", "fma", "f16c", "bmi2")
"""What ggml's CPU code is compiled for without GGML_NATIVE: pywhispercpp's wheel 1.5.1, disassembled; ggml/CMakeLists."""
