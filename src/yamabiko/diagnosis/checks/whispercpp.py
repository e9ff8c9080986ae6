"""whisper.cpp and ggml, as Python packages carry them: the backend that was built in, and the one that answers."""

from __future__ import annotations

import re
from functools import partial

from yamabiko.diagnosis.checks.contract import (
    ABSENT,
    UNTOLD,
    Check,
    Sign,
    absent,
    anywhere,
    never,
    possible,
    present,
    version,
)
from yamabiko.diagnosis.checks.driver_serves import dotted, driver_serves
from yamabiko.diagnosis.facts.records import Environment, Facts, NativeFile, Unavailable
from yamabiko.diagnosis.tables import GGML_WHEEL_FLAGS
from yamabiko.i18n import Text

_GGML = re.compile(r"(?:^|/)(?:lib(?:ggml|whisper)|_pywhispercpp)[-.\w]*\.so")
_BACKEND = re.compile(r"(?:^|/)libggml-(cuda|hip|vulkan|sycl|musa|opencl)\b[^/]*$")
_OF_A_GPU = re.compile(r"lib(?:cudart|cublas|vulkan|amdhip64|hipblas|ggml-(?:cuda|hip|vulkan|sycl|musa|opencl))\b")
_OUTSIDE = re.compile(r"lib(?:cudart|cublas|cublasLt|vulkan|amdhip64|hipblas|rocblas)\.so\.\d+")
"""What a backend needs and no wheel of ggml brings; a name with a hash in it was brought along."""
_ONLY_FOR_BUILDS = ("WHISPER_CUBLAS", "WHISPER_CUDA", "WHISPER_HIPBLAS", "WHISPER_OPENCL", "WHISPER_CLBLAST")
_OFF = ("", "0", "OFF", "NO", "FALSE")


def _ggml(environment: Environment) -> list[NativeFile]:
    return [file for file in environment.native if _GGML.search(file.path)]


def _backends(environment: Environment) -> list[NativeFile]:
    return [file for file in environment.native if _BACKEND.search(file.path)]


def _package(environment: Environment) -> str:
    package = environment.version("pywhispercpp")
    return f"pywhispercpp {package}" if package else "ggml"


def _meant_for_cpu(environment: Environment) -> bool:
    """One of ours, installed for the CPU on purpose."""
    return environment.engine is not None and "-cpu-" in environment.name


def _gpus(facts: Facts) -> list[str]:
    """What shows that there is a GPU to lose."""
    lines = []
    if facts.sees_nvidia:
        gpus = () if isinstance(facts.nvidia.gpus, Unavailable) else facts.nvidia.gpus
        where = facts.nvidia.device_files[-1] if facts.nvidia.device_files else "/dev/dxg"
        lines.append(f"{where}: {gpus[0].name if gpus else 'an NVIDIA GPU'}")
    if facts.sees_amd:
        amd = () if isinstance(facts.amd.gpus, Unavailable) else facts.amd.gpus
        lines.append(f"/dev/kfd: {amd[0].gfx if amd else 'an AMD GPU'}")
    return lines


# ---- what was built in ----------------------------------------------------------------------------------------------


def _built_for_cpu(facts: Facts, environment: Environment) -> Sign:
    files = _ggml(environment)
    if not files:
        return UNTOLD
    built_in = _backends(environment) or [f for f in files if any(_OF_A_GPU.match(name) for name in f.needed)]
    if built_in:
        return absent(f"{built_in[0].path}: a backend for a GPU is there")
    gpus = _gpus(facts)
    if not gpus and environment.engine is None:
        return absent("/dev: no GPU that this build could miss")
    gpus = gpus or ["/dev: no GPU of NVIDIA or AMD is seen either"]  # ours, which was asked for one by name
    core = next((file for file in files if "libggml" in file.path), files[0])
    return present(
        f"{core.path}: {_package(environment)} has no CUDA, HIP or Vulkan backend, beside it or in it", *gpus
    )


def _no_backend_for_gpu(facts: Facts) -> Sign:
    """What no package holds, a program in Rust or C++, only its words can tell of."""
    sign = anywhere(facts.environments, partial(_built_for_cpu, facts))
    if sign.here is not None or any(_ggml(environment) for environment in facts.environments):
        return sign
    gpus = _gpus(facts)
    if not gpus:
        return absent("/dev: no GPU that this build could miss")
    alone = Text(
        "This whisper.cpp knows one backend, the CPU's, and there is a GPU: it was built without CUDA, HIP and Vulkan, or "
        "such a backend stands apart and was not loaded.",
        "このwhisper.cppが持つバックエンドはCPU用の一つだけですが、GPUはあります。CUDA、HIP、Vulkanなしで"
        "ビルドされたか、別ファイルのバックエンドが読み込まれていません。",
    )
    return Sign(None, tuple(gpus), cause=alone)


def _misses_a_gpu(facts: Facts) -> bool:
    """Before anybody asked for one: a build that was taken for the CPU on purpose misses none."""
    return bool(_gpus(facts)) and not all(_meant_for_cpu(environment) for environment in facts.environments)


def _no_proof(facts: Facts, environment: Environment) -> Sign:
    sign = _built_for_cpu(facts, environment)
    return sign if sign.here else UNTOLD


def _build_flags(facts: Facts) -> Sign:
    found = {name: facts.variables[name] for name in _ONLY_FOR_BUILDS if name in facts.variables}
    on = {name: value for name, value in found.items() if value.upper() not in _OFF}
    if not on:
        return UNTOLD
    lines = [f"environment: {name}={value}" for name, value in on.items()]
    return present(*lines, severity=None if "WHISPER_CUBLAS" in on else "info")


# ---- what answers ---------------------------------------------------------------------------------------------------


def _cuda_did_not_start(facts: Facts, environment: Environment) -> Sign:
    probed = facts.probe("ggml", environment.name)
    if probed is None:
        return UNTOLD
    line = next((word for word in probed.words if re.search(r"failed to initialize (?:CUDA|ROCm)", word)), None)
    if line is not None:
        return present(f"probe: {line}")
    return absent(f"probe: devices {probed.values['devices']}") if "gpu" in probed.values.get("devices", "") else UNTOLD


def _ptx_too_new(facts: Facts, environment: Environment) -> Sign:
    built = [f for f in _ggml(environment) if re.search(r"libggml-cuda\b", f.path) or _needs_cudart(f)]
    if not built:
        return ABSENT
    serves, said = driver_serves(facts)
    # A repaired wheel carries the toolkit's own libcudart, and its full version stands in the name.
    names = (re.search(r"(?:^|/)libcudart[-\w]*\.so\.(\d+\.\d+)(?:\.\d+)?$", f.path) for f in environment.native)
    toolkit = next((version(name[1]) for name in names if name), None)
    if toolkit is None or serves is None:
        return possible(
            f"{built[0].path}: {_package(environment)} holds ggml's CUDA kernels", *([said] if said else [])
        )
    if serves >= toolkit:
        return absent(said)
    return present(f"{built[0].path}: was built with CUDA {dotted(toolkit)}", said)


def _needs_cudart(file: NativeFile) -> bool:
    return any(name.startswith(("libcudart", "libggml-cuda")) for name in file.needed)


def _backend_left_out(facts: Facts, environment: Environment) -> Sign:
    files = _backends(environment)
    if not files or isinstance(facts.libraries, Unavailable):
        return UNTOLD
    linked = {name for file in _ggml(environment) if file not in files for name in file.needed}
    there = {library.soname for library in facts.libraries}
    lines, told = [], False
    for file in files:
        if file.path.rsplit("/", 1)[-1] in linked or not file.needed:
            continue  # linked in: if it could not be loaded, nothing could
        told = True
        missing = [name for name in file.needed if _OUTSIDE.fullmatch(name) and name not in there]
        lines += [f"{file.path}: needs {name}, which the loader does not find" for name in missing]
    return present(*lines) if lines else ABSENT if told else UNTOLD


def _has_left_out_backend(facts: Facts) -> bool:
    return facts.sees_nvidia or facts.sees_amd


def _no_vulkan_gpu(facts: Facts, environment: Environment) -> Sign:
    if not any("vulkan" in file.path or "libvulkan.so.1" in file.needed for file in _ggml(environment)):
        return ABSENT if _ggml(environment) else UNTOLD
    probed = facts.probe("ggml", environment.name)
    if probed is not None and "Vulkan" in probed.values.get("devices", ""):
        return absent(f"probe: devices {probed.values['devices']}")
    lines = [f"probe: {word}" for word in (probed.words if probed else ()) if "ggml_vulkan: No devices found" in word]
    for name in ("VK_DRIVER_FILES", "VK_ICD_FILENAMES", "GGML_VK_VISIBLE_DEVICES"):
        value = facts.variables.get(name)
        if value is not None and (not value or re.search(r"lvp_icd|swrast|llvmpipe", value)):
            lines.append(f"environment: {name}={value}")
    return present(*lines) if lines else UNTOLD


def _lacks_instructions(facts: Facts, environment: Environment) -> Sign:
    flags = facts.cpu.flags
    if isinstance(flags, Unavailable) or facts.system.machine not in ("x86_64", "AMD64"):
        return UNTOLD
    model = "the processor" if isinstance(facts.cpu.model, Unavailable) else facts.cpu.model
    if environment.version("ctranslate2") and "sse4_1" not in flags:
        return present(f"/proc/cpuinfo: {model} has no sse4_1, which CTranslate2's wheels need")
    cpu = [file for file in _ggml(environment) if "libggml-cpu" in file.path or "libggml.so" in file.path]
    if not cpu:
        return ABSENT
    if any(re.search(r"libggml-cpu-(?:haswell|sandybridge|x64)", file.path) for file in cpu):
        return absent(f"{cpu[0].path}: chooses a variant for this processor")
    missing = [flag for flag in GGML_WHEEL_FLAGS if flag not in flags]
    if not missing:
        return UNTOLD
    return present(f"/proc/cpuinfo: {model} has no {', '.join(missing)}", f"{cpu[0].path}: {_package(environment)}")


CHECKS = (
    Check(
        "whispercpp-cpu-build-silent",
        work_goes_on=True,
        words=(r"whisper_backend_init_gpu: no GPU found",),
        sure_words=(r"whisper_init_with_params_no_state: backends\s+= 1\s*$",),
        look=_no_backend_for_gpu,
        by_itself=_misses_a_gpu,
        only_a_note=lambda facts: True,  # the index has no other, and many do well on the CPU
        probe="ggml",
    ),
    Check(
        "whispercpp-legacy-flags",
        words=(
            r"WHISPER_(?:CUBLAS|CUDA|HIPBLAS|CLBLAST|OPENBLAS|METAL|KOMPUTE|SYCL) is deprecated and will be removed",
        ),
        words_suffice=True,
        look=_build_flags,
    ),
    Check(
        "whispercpp-false-gpu-report",
        work_goes_on=True,
        # A wrapper's own words; whisper.cpp says `use gpu = 1` in every run that asks for one.
        words=(
            r"(?:.*\W)?gpu_actually_enabled\W+true",
            r"GPU対応のWhisperコンテキストの初期化に成功",
            r"(?:.*\()?GPU: 設定有効 -> 実際: 有効",
            r"GPUアクセラレーションが有効です",
        ),
        words_suffice=True,
        unless=(r"whisper_backend_init\w*: using (?!CPU)\S+ backend",),
        look=lambda facts: anywhere(facts.environments, partial(_no_proof, facts)),
        by_itself=never,
        probe="ggml",
    ),
    Check(
        "whispercpp-cuda-init-failed",
        work_goes_on=True,
        words=(r"ggml_(?:cuda_init|init_cublas): failed to initialize (?:CUDA|ROCm|MUSA)",),
        words_suffice=True,
        needs="gpu",
        look=lambda facts: anywhere(facts.environments, partial(_cuda_did_not_start, facts)),
        by_itself=lambda facts: facts.sees_nvidia or facts.sees_amd,
        probe="ggml",
    ),
    Check(
        "whispercpp-ptx-toolchain",
        words=(
            # torch says the same in its exceptions.
            r"(?<!RuntimeError: )(?<!AcceleratorError: )CUDA error: the provided PTX was compiled with an unsupported toolchain",
        ),
        sure_words=(
            r"CUDA error 222 at \S*ggml-cuda\S*: the provided PTX was compiled with an unsupported toolchain",
            r"\S*ggml-cuda\S*: the provided PTX was compiled with an unsupported toolchain",
        ),
        whose=(r"\bggml_|\bwhisper_(?:init|model|backend)|whisper\.cpp",),
        needs="nvidia",
        look=lambda facts: anywhere(facts.environments, partial(_ptx_too_new, facts)),
        by_itself=never,
    ),
    Check(
        "ggml-dynamic-backend-not-found",
        work_goes_on=True,
        words=(
            r"(?:load_backend|ggml_backend_load_best): failed to load \S*ggml-(?:cuda|hip|vulkan|sycl|opencl)",
            r"load_backend: failed to find ggml_backend_init in \S*ggml-",
            r"load_backend: failed to initialize backend from \S*ggml-",
        ),
        words_suffice=True,
        look=lambda facts: anywhere(facts.environments, partial(_backend_left_out, facts)),
        by_itself=_has_left_out_backend,
        probe="ggml",
    ),
    Check(
        "ggml-vulkan-software-device",
        work_goes_on=True,
        words=(
            r"ggml_vulkan: No devices found",
            r"ggml_vulkan: Warning: Device type is CPU",
            r"ggml_vulkan:.*llvmpipe",
        ),
        words_suffice=True,
        look=lambda facts: anywhere(facts.environments, partial(_no_vulkan_gpu, facts)),
        by_itself=lambda facts: facts.sees_nvidia or facts.sees_amd,
        probe="ggml",
    ),
    Check(
        "whispercpp-sigill",
        endings=("SIGILL", "exit 132", "0xC000001D"),
        look=lambda facts: anywhere(facts.environments, partial(_lacks_instructions, facts)),
        by_itself=never,  # one that was built on this very machine looks the same, and works
    ),
)
