"""PyTorch as it was built: for which CUDA, for which GPUs, and what torch.compile needs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from yamabiko.diagnosis.checks.contract import (
    ABSENT,
    UNTOLD,
    Check,
    Sign,
    absent,
    anywhere,
    lacks,
    never,
    no_gpu_here,
    present,
    version,
)
from yamabiko.diagnosis.checks.driver_serves import driver_serves
from yamabiko.diagnosis.facts.records import Environment, Facts, Unavailable
from yamabiko.diagnosis.tables import TORCH_ARCHS, TORCH_GRAPHS_IN_ANY_THREAD, capability_of
from yamabiko.i18n import Text

ON_CPU_WORDS = (r"(?:\S+:\d+: UserWarning: )?FP16 is not supported on CPU; using FP32 instead",)
"""openai-whisper's, where torch gave it no GPU: a hint at every silent way to the CPU."""

COMPILERS = ("cc", "gcc", "clang")


def _among(facts: Facts, look: Callable[[Environment, str], Sign], package: str = "torch") -> Sign:
    """A look at each environment that holds the package, with its version; where none does, nothing is told."""
    return anywhere(
        [each for each in facts.environments if each.version(package)],
        lambda environment: look(environment, environment.version(package) or ""),
    )


# ---- torch against the driver ---------------------------------------------------------------------------------------


def _driver_too_old(facts: Facts) -> Sign:
    serves, line = driver_serves(facts)

    def look(environment: Environment, torch: str) -> Sign:
        cuda = environment.details.get("torch.cuda")
        if cuda is None:
            return ABSENT if "torch.hip" in environment.details else UNTOLD
        if serves is None:
            return UNTOLD
        if serves[0] == 0 or version(cuda)[0] <= serves[0]:
            return absent(line, f"torch/version.py: torch {torch} for CUDA {cuda}")
        return present(
            f"torch/version.py: torch {torch} is built for CUDA {cuda}",
            line,
            cause=Text(
                f"torch {torch} is built for CUDA {cuda}, and the driver serves CUDA {'.'.join(map(str, serves))} at "
                "most. torch then finds no GPU: it stops, or works on the CPU without a word.",
                f"torch {torch} はCUDA {cuda} 用のビルドですが、ドライバーが対応するのはCUDA "
                f"{'.'.join(map(str, serves))} までです。torchはGPUを見つけられず、停止するか、黙ってCPUで動きます。",
            ),
        )

    return _among(facts, look)


def _cpu_wheel(facts: Facts) -> Sign:
    def look(environment: Environment, torch: str) -> Sign:
        if _is_ours_for_the_cpu(environment):
            return UNTOLD  # meant for the CPU, and no fault of its own: only who asks it for a GPU is told
        for built in ("torch.cuda", "torch.hip"):
            if built in environment.details:
                return absent(f"torch/version.py: {built} {environment.details[built]}")
        if torch.endswith("+cpu"):
            return present(f"package: torch {torch}", severity="info" if lacks(facts, "gpu") else None)
        gpu = environment.file("libtorch_cuda.so") or environment.file("libtorch_hip.so")
        if gpu is not None:
            return absent(f"{gpu.path}: it is there")
        if environment.file("libtorch_cpu.so") is None:
            return UNTOLD
        return present(f"package: torch {torch}", "torch/lib: libtorch_cpu.so is there, libtorch_cuda.so is not")

    if lacks(facts, "gpu") and not any(each.version("torch") for each in facts.environments):
        return ABSENT  # then no torch takes anything from anybody
    sign = _among(facts, look)
    ours = any(_is_ours_for_the_cpu(each) and each.version("torch") for each in facts.environments)
    if sign.here is None and ours and (shown := no_gpu_here(facts)):
        return replace(sign, evidence=shown, cause=_NO_GPU_FOR_IT)
    return sign


def _is_ours_for_the_cpu(environment: Environment) -> bool:
    return environment.engine is not None and "-cpu-" in environment.name


_NO_GPU_FOR_IT = Text(
    "This machine has no GPU of NVIDIA or AMD, and so the torch in this environment is built for the CPU alone.",
    "このマシンには NVIDIA や AMD のGPUがないため、この環境のtorchはCPU専用のビルドです。",
)
"""Of our own environments: who asked for a GPU all the same is told what comes first."""


def _chosen_for_the_cpu(facts: Facts) -> bool:
    """No index gives a version with +cpu to somebody who did not ask for it."""
    of_cpu = [
        e.version("torch") or "" for e in facts.environments if _cpu_wheel(replace(facts, environments=(e,))).here
    ]
    return all(torch.endswith("+cpu") for torch in of_cpu)


# ---- torch against the GPU ------------------------------------------------------------------------------------------


def _no_kernels(facts: Facts) -> Sign:
    gpus = () if isinstance(facts.nvidia.gpus, Unavailable) else facts.nvidia.gpus
    named = tuple((gpu.name, _capability(gpu.name, gpu.capability)) for gpu in gpus)

    def look(environment: Environment, torch: str) -> Sign:
        has, where = _built_for(environment, torch, facts)
        probed = facts.probe("count", environment.name)
        asked = probed.values.get("torch.capability") if probed is not None else None
        cards = (("GPU", asked),) if asked else named
        if not has or not cards:
            return UNTOLD
        missing = [(name, cap) for name, cap in cards if cap is not None and not _runs(version(cap), has)]
        if missing:
            name, cap = missing[0]
            return present(where, f"GPU: {name}, compute capability {cap}")
        return absent(where) if all(cap is not None for _, cap in cards) else UNTOLD

    return _among(facts, look)


def _capability(name: str, told: str | Unavailable) -> str | None:
    return told if isinstance(told, str) else capability_of(name)


def _built_for(environment: Environment, torch: str, facts: Facts) -> tuple[frozenset[tuple[int, ...]], str]:
    """The compute capabilities whose kernels are in this torch, and where that is known from; empty if untold."""
    probed = facts.probe("count", environment.name)
    told = "" if probed is None else probed.values.get("torch.archs", "")
    if told:
        archs = frozenset((int(m[1]), int(m[2])) for m in re.finditer(r"sm_(\d+)(\d)[af]?\b", told))
        return archs, f"torch.cuda.get_arch_list: {told}"
    cuda = environment.details.get("torch.cuda")
    if cuda is None or facts.system.machine not in ("x86_64", "AMD64"):
        return frozenset(), ""
    for built, least, archs_said in TORCH_ARCHS:
        if version(cuda)[:2] == version(built) and version(torch) >= version(least):
            kernels = frozenset(version(one) for one in archs_said.split())
            return kernels, f"table: torch {torch} for CUDA {cuda} has kernels for {archs_said.replace(' ', ', ')}"
    return frozenset(), ""


def _runs(capability: tuple[int, ...], kernels: frozenset[tuple[int, ...]]) -> bool:
    """Machine code runs on its own major version from its minor on; newer than all of it, PTX may serve."""
    if capability[0] > max(major for major, *_ in kernels) and capability[0] > 12:
        return True
    return any(major == capability[0] and minor <= capability[1] for major, minor in kernels)


# ---- torch.compile --------------------------------------------------------------------------------------------------


def _graphs_of_one_thread(facts: Facts) -> Sign:
    def look(environment: Environment, torch: str) -> Sign:
        if version(torch) >= version(TORCH_GRAPHS_IN_ANY_THREAD):
            return absent(f"package: torch {torch}")
        return present(f"package: torch {torch}, before {TORCH_GRAPHS_IN_ANY_THREAD}")

    return _among(facts, look)


def _not_compiled(facts: Facts) -> Sign:
    if not (facts.sees_nvidia or facts.sees_amd):
        return absent("/dev: there is no GPU to compile for")

    def look(environment: Environment, voxcpm: str) -> Sign:
        if not {"torch.cuda", "torch.hip"} & set(environment.details):
            return UNTOLD
        if any(
            environment.version(name) for name in ("triton", "triton-windows", "triton-rocm", "pytorch-triton-rocm")
        ):
            return UNTOLD
        return present(f"package: triton is missing beside voxcpm {voxcpm}")

    return _among(facts, look, "voxcpm")


def _no_compiler(facts: Facts) -> Sign:
    found = [name for name in COMPILERS if name in facts.commands]
    if facts.system.name != "linux" or found:
        return UNTOLD  # whoever failed may have had another PATH

    def look(environment: Environment, triton: str) -> Sign:
        return present(f"PATH: none of {', '.join(COMPILERS)}", f"package: triton {triton} calls one")

    return _among(facts, look, "triton")


CHECKS = (
    Check(
        "torch-cu13-driver-too-old",
        words=(
            r"(?:CUDA initialization: )?The NVIDIA driver on your system is too old \(found version \d+\)",
            *ON_CPU_WORDS,
        ),
        needs="nvidia",
        look=_driver_too_old,
        by_itself=lambda facts: facts.sees_nvidia,
        probe="driver",
    ),
    Check(
        "torch-cpu-wheel",
        words=ON_CPU_WORDS,
        sure_words=(r"Torch not compiled with CUDA enabled",),
        look=_cpu_wheel,
        by_itself=lambda facts: facts.sees_nvidia,
        only_a_note=_chosen_for_the_cpu,
        probe="count",
    ),
    Check(
        "torch-no-kernel-image",
        words=(
            r"(?:CUDA error: )?no kernel image is available for execution on the device",
            r"[\w ()-]+ with CUDA capability sm_\d+ is not compatible with the current PyTorch installation",
        ),
        needs="gpu",
        look=_no_kernels,
        by_itself=lambda facts: facts.sees_nvidia,
        probe="count",
    ),
    Check(
        "torch-cudagraph-trees-tls",
        words=(
            r"\s*assert torch\._C\._is_key_in_tls\(attr_name\)",
            r"\s*File \".*torch[/\\]_inductor[/\\]cudagraph_trees\.py\", line \d+, in get_obj",
        ),
        needs="gpu",
        look=_graphs_of_one_thread,
        words_suffice=True,
        by_itself=never,
    ),
    Check(
        "voxcpm-compile-skipped-silently",
        work_goes_on=True,
        words=(
            r"torch\.compile disabled - VoxCPMModel can only be optimized on CUDA device",
            r"torch\.compile disabled - triton is not installed",
        ),
        look=_not_compiled,
        words_suffice=True,
    ),
    Check(
        "torch-inductor-toolchain-missing",
        words=(
            r"Failed to find C compiler\. Please specify via CC environment variable",
            r"[\w.]*TritonMissing: Cannot find a working triton installation",
            r"[\w.]*InvalidCxxCompiler: No working C\+\+ compiler found",
            r"(?:/\S*/)?(?:cuda_utils|hip_utils|__triton_launcher|/tmp/\w+/main)\.c:\d+.*Python\.h: No such file or directory",
        ),
        look=_no_compiler,
        words_suffice=True,
        by_itself=never,
    ),
)
