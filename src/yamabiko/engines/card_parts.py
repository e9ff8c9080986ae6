"""What the CARDs of several engines share: profiles and rungs, indexes, libraries, reasons, the known issues that a CPU answers."""

from __future__ import annotations

from yamabiko.engines.contract import Lack, Placement, Profile
from yamabiko.i18n import Text

PYTORCH_INDEX = "https://download.pytorch.org/whl/"
"""Before the name of a build: `cpu`, `cu126`, `rocm7.2`."""
CUDA12_RUNTIME = tuple(
    f"nvidia/{name}" for name in ("cublas", "cuda_nvrtc", "cuda_runtime", "cudnn", "cufft", "curand", "nvjitlink")
)
"""For `library_packages`: what ONNX Runtime's provider for CUDA 12 is linked to."""
NEVER_RUN_ON_A_GPU = Text("never run by us on a GPU", "GPUでの動作は未確認")
CTRANSLATE2_LACKS: tuple[Lack, ...] = (
    (
        "cuda13",
        Text(
            "CTranslate2 has no build for CUDA 13; the environment for CUDA 12 brings its own libraries and serves newer drivers.",
            "CTranslate2 に CUDA 13 用のビルドはありません。CUDA 12 用の環境は必要なライブラリを含み、新しいドライバーでも動きます。",
        ),
    ),
    (
        "rocm",
        Text(
            "CTranslate2's builds for ROCm stand in archives on its releases page and not in an index; use whisper.cpp or "
            "transformers on a GPU of AMD.",
            "CTranslate2 の ROCm 用ビルドはリリースページの書庫だけにあり、インデックスにはありません。"
            "AMD のGPUには whisper.cpp か transformers を使ってください。",
        ),
    ),
    ("metal", Text("CTranslate2 has no backend for Metal.", "CTranslate2 は Metal に対応していません。")),
    ("vulkan", Text("CTranslate2 has no backend for Vulkan.", "CTranslate2 は Vulkan に対応していません。")),
)
"""For `lacking`."""
METAL_NOT_TRIED: Lack = (
    "metal",
    Text(
        "PyTorch has a backend for Metal, and nobody has tried this engine on it; on a Mac it computes on the CPU.",
        "PyTorch は Metal に対応していますが、このエンジンでの動作は未確認のため、Mac ではCPUで動かします。",
    ),
)
PYTORCH_LACKS: tuple[Lack, ...] = (
    METAL_NOT_TRIED,
    ("vulkan", Text("PyTorch's builds hold no Vulkan.", "PyTorch の配布物は Vulkan に対応していません。")),
)
ONNX_RUNTIME_LACKS: tuple[Lack, ...] = (
    (
        "rocm",
        Text(
            "ONNX Runtime for ROCm ended with 1.22; its successor for AMD's GPUs (MIGraphX) is one that we do not use.",
            "ROCm 用の ONNX Runtime は 1.22 で終わりました。AMD のGPU用の後継（MIGraphX）には未対応です。",
        ),
    ),
    (
        "metal",
        Text(
            "ONNX Runtime reaches Apple's GPU through CoreML or WebGPU, which we do not use.",
            "ONNX Runtime が Apple のGPUを使う方法は CoreML か WebGPU で、これらには未対応です。",
        ),
    ),
    (
        "vulkan",
        Text(
            "ONNX Runtime reaches Vulkan through WebGPU alone, which we do not use.",
            "ONNX Runtime が Vulkan を使う方法は WebGPU だけで、これには未対応です。",
        ),
    ),
)
"""Where there is an environment for CUDA."""
NEVER_MADE = Text("never made or run by us, packages without hashes", "未作成・動作未確認（パッケージのハッシュなし）")
"""For profiles."""

NO_GPU = ("driver-none-or-container-without-runtime", "driver-does-not-answer")
"""Known issues that a rung of the CPU answers, whatever the engine."""
NO_GPU_FOR_TORCH = (*NO_GPU, "torch-cpu-wheel", "torch-cu13-driver-too-old", "torch-no-kernel-image", "cuda-oom")
NO_GPU_FOR_CT2 = (
    *NO_GPU,
    "ct2-cudnn9-sublibs-not-found",
    "ct2-libcublas12-missing-under-cuda13",
    "ct2-ptx-jit-hopper-blackwell",
)
NO_GPU_FOR_ONNX = (*NO_GPU, "ort-cuda-ep-dlopen-failed", "ort-cuda-major-mismatch", "ort-package-clobber")

CT2_RUNGS = (
    Placement("cuda", "float16"),
    Placement("cuda", "int8_float16", costs_accuracy=True, answers=("cuda-oom",)),
    # ct2-blackwell-int8-not-supported: int8 kernels may be missing where float32 ones are not
    Placement("cuda", "float32", answers=("ct2-blackwell-int8-not-supported", "ct2-compute-type-unsupported")),
    Placement("cpu", "int8", costs_accuracy=True, answers=NO_GPU_FOR_CT2),
    Placement("cpu", "float32", answers=("ct2-compute-type-unsupported",)),
)
"""Whisper on CTranslate2."""


def pytorch_profiles(engine: str, built: tuple[str, ...] = ()) -> tuple[Profile, ...]:
    """Environments with PyTorch, each with packages of its own: `locks/<engine>-<profile>`.

    PyTorch for CUDA 13 is what every package index has; for all else PyTorch keeps indexes of its own.
    """
    gpu = ("cuda", "cpu")
    return (
        Profile("cpu", f"{engine}-cpu.txt", ("cpu",), index=f"{PYTORCH_INDEX}cpu", built=built),
        Profile("cuda13", f"{engine}-cuda13.txt", gpu, built=built, not_verified=NEVER_RUN_ON_A_GPU),
        Profile(
            "cuda12", f"{engine}-cuda12.in", gpu, index=f"{PYTORCH_INDEX}cu126", built=built, not_verified=NEVER_MADE
        ),
        Profile(
            "rocm",
            f"{engine}-rocm.in",
            gpu,
            index=f"{PYTORCH_INDEX}rocm7.2",
            built=built,
            by_request=True,
            not_verified=NEVER_MADE,
        ),
    )
