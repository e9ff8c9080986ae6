"""ONNX Runtime: which of its packages is really there, and why a session that asked for a GPU runs on the CPU."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from yamabiko.diagnosis.checks.contract import (
    ABSENT,
    UNTOLD,
    Check,
    Sign,
    absent,
    anywhere,
    lacks,
    never,
    possible,
    present,
    version,
)
from yamabiko.diagnosis.checks.driver_serves import driver_serves
from yamabiko.diagnosis.facts.records import Contested, Environment, Facts, NativeFile, Unavailable
from yamabiko.diagnosis.tables import ORT_GPU_CUDA
from yamabiko.i18n import Text

_INIT = "onnxruntime/__init__.py"
_SAYS_WHAT_IT_IS = "onnxruntime/capi/build_and_package_info.py"
_FOR_CUDA = ("onnxruntime-gpu", "onnxruntime-training")
_FOR_AMD = ("onnxruntime-rocm", "onnxruntime-migraphx")
_FOR_A_GPU = (*_FOR_CUDA, *_FOR_AMD, "onnxruntime-directml", "onnxruntime-openvino", "onnxruntime-qnn")
_CUDA_LIBRARY = re.compile(r"(lib(?:cublas|cublasLt|cudart|cufft|curand|cudnn))\.so\.(\d+)")
_NUMBERED_AS_CUDA = ("libcublas", "libcublasLt", "libcudart")
"""Of CUDA's libraries, those whose number is CUDA's own major: libcufft.so.11 is of CUDA 12."""


def installed(environment: Environment) -> list[str]:
    """Distributions that install into `onnxruntime/`, those that are here."""
    return [p.name for p in environment.packages if p.name == "onnxruntime" or p.name in _FOR_A_GPU]


def _provider(environment: Environment, name: str) -> NativeFile | None:
    file = f"onnxruntime/capi/libonnxruntime_providers_{name}.so"
    return environment.file(file) or environment.file(f"onnxruntime/capi/onnxruntime_providers_{name}.dll")


# ---- one folder, several packages -----------------------------------------------------------------------------------


def _clobbered(facts: Facts, environment: Environment) -> Sign:
    contested = next((c for c in environment.contested if c.path == _INIT), None)
    if contested is not None:
        return _shared(facts, environment, contested)
    names = installed(environment)
    if names and _INIT in environment.missing:
        return present(
            f"RECORD: {names[0]} {environment.version(names[0])} is installed",
            f"{_INIT}: missing",
            severity="error",
            cause=_TAKEN_ALONG,
            command=_anew(facts, environment, names),
            unfit=_unfit(names),
        )
    capi = [file for file in environment.native if file.path.startswith("onnxruntime/capi/")]
    if names and capi and "onnxruntime.package" not in environment.details:
        return present(
            f"RECORD: {names[0]} {environment.version(names[0])} is installed",
            f"{_SAYS_WHAT_IT_IS}: missing; of onnxruntime/ only {capi[0].path} and its like are left",
            command=_anew(facts, environment, names),
            unfit=_unfit(names),
        )
    if names and not capi and "onnxruntime.package" not in environment.details:
        return UNTOLD  # nobody has seen a file of it
    return absent(f"RECORD: {names[0]} alone owns onnxruntime/") if names else ABSENT


_TAKEN_ALONG = Text(
    "ONNX Runtime is installed by pip's own list, and its files are not there: most likely they went with another package "
    "of it that shared the folder onnxruntime/ and was removed.",
    "pipの記録ではONNX Runtimeが入っていますが、ファイルがありません。"
    "同じ onnxruntime/ フォルダーを使う別のパッケージを削除したときに、一緒に消えたものと思われます。",
)


def _shared(facts: Facts, environment: Environment, contested: Contested) -> Sign:
    named = " and ".join(f"{owner} {environment.version(owner) or ''}".strip() for owner in contested.owners)
    won = contested.winner or environment.details.get("onnxruntime.package")
    lines = [f"{_INIT}: {named} both call it theirs"]
    lines.append(f"{_SAYS_WHAT_IT_IS}: the files are those of {won}" if won else f"{_INIT}: nobody's bytes")
    modules = [file.path for file in environment.native if "onnxruntime_pybind11_state." in file.path]
    if len(modules) > 1:  # their names differ, so none was overwritten: Python takes the one with its own tag
        lines.append(f"onnxruntime/capi: {' and '.join(sorted(path.rsplit('/', 1)[-1] for path in modules))}")
    # The GPU's package has won, or there is no GPU to lose: it works until the next installation.
    harmless = (won in _FOR_A_GPU and len(modules) < 2) or not (facts.sees_nvidia or facts.sees_amd)
    command = _anew(facts, environment, list(contested.owners))
    return present(*lines, severity="info" if harmless else None, command=command, unfit=_unfit(contested.owners))


def _anew(facts: Facts, environment: Environment, names: list[str]) -> str:
    """
    All of them removed, and the one that is wanted installed: who has one for a GPU has asked for it by name. One for
    CUDA serves nobody where there is no NVIDIA GPU.
    """
    idle = _FOR_CUDA if lacks(facts, "nvidia") else ()
    of_use = [name for name in names if name not in idle] or names
    wanted = next((name for name in of_use if name in _FOR_A_GPU), of_use[0])
    release = environment.version(wanted)
    return f"pip uninstall -y {' '.join(names)} && pip install --no-deps {wanted}{f'=={release}' if release else ''}"


def _unfit(names: Sequence[str]) -> tuple[str, ...]:
    """uv's override leaves plain onnxruntime out at each sync: no remedy where that is the one that is wanted."""
    return () if any(name in _FOR_A_GPU for name in names) else ("With uv",)


# ---- CUDA's libraries -----------------------------------------------------------------------------------------------


def _missing(facts: Facts, provider: NativeFile) -> tuple[str, ...] | None:
    """CUDA's libraries that the loader would not find for it; None if untold."""
    if isinstance(facts.libraries, Unavailable) or not provider.needed:
        return None
    if any("nvidia" in path for path in provider.runpath):
        return ()
    there = {library.soname for library in facts.libraries}
    return tuple(name for name in provider.needed if _CUDA_LIBRARY.fullmatch(name) and name not in there)


def _in_wheels(environment: Environment, name: str) -> str | None:
    found = (f.path for f in environment.native if f.path.startswith("nvidia/") and f.path.endswith(f"/{name}"))
    return next(found, None)


def _cannot_load(facts: Facts, environment: Environment) -> Sign:
    provider = _provider(environment, "cuda")
    if provider is None or _other_major(facts, environment).here:
        return ABSENT
    missing = _missing(facts, provider)
    if missing is None:
        return UNTOLD
    if not missing:
        return absent(f"{provider.path}: the loader finds all that it needs")
    lines = []
    for name in missing:
        wheel = _in_wheels(environment, name)
        where = f"is only in {wheel}, where no loader looks" if wheel else "is neither there nor on the loader's path"
        lines.append(f"{provider.path}: needs {name}, which {where}")
    return present(*lines)


def _surely_cannot_load(facts: Facts) -> bool:
    """Libraries that lie in wheels can still be loaded by name before the session; those that are nowhere cannot."""
    if not facts.sees_nvidia:
        return False
    for environment in facts.environments:
        provider = _provider(environment, "cuda")
        missing = _missing(facts, provider) if provider else None
        if missing and not all(_in_wheels(environment, name) for name in missing):
            return True
    return False


def _built_for(environment: Environment) -> tuple[int, str] | None:
    """CUDA's major and where that stands."""
    said = environment.details.get("onnxruntime.cuda")
    if said and said.split(".")[0].isdigit():
        return int(said.split(".")[0]), f"{_SAYS_WHAT_IT_IS}: built for CUDA {said}"
    provider = _provider(environment, "cuda")
    for name in provider.needed if provider else ():
        library = _CUDA_LIBRARY.fullmatch(name)
        if provider and library and library[1] in _NUMBERED_AS_CUDA:
            return int(library[2]), f"{provider.path}: needs {name}"
    package = environment.version("onnxruntime-gpu")
    row = next((r for r in ORT_GPU_CUDA if package and version(package) >= version(r[0])), None)
    return (row[1], f"onnxruntime-gpu {package}: built for CUDA {row[1]}") if row else None


def _other_major(facts: Facts, environment: Environment) -> Sign:
    built = _built_for(environment)
    if built is None:
        return ABSENT
    major, where = built
    serves, said = driver_serves(facts)
    if serves is not None and (0, 0) < serves < (major, 0):
        return present(where, said)
    provider = _provider(environment, "cuda")
    missing = _missing(facts, provider) if provider else None
    other = [line for name in missing or () for line in _of_other_major(facts, environment, name)]
    if other:
        return present(where, *other)
    return UNTOLD if serves is None or missing is None else ABSENT


def _of_other_major(facts: Facts, environment: Environment, name: str) -> list[str]:
    library = _CUDA_LIBRARY.fullmatch(name)
    if library is None or library[1] not in _NUMBERED_AS_CUDA or _in_wheels(environment, name):
        return []
    system = () if isinstance(facts.libraries, Unavailable) else facts.libraries
    places = [(file.path, file.path.rsplit("/", 1)[-1]) for file in environment.native]
    places += [(found.path, found.soname) for found in system]
    for path, soname in places:
        found = _CUDA_LIBRARY.fullmatch(soname)
        if found and found[1] == library[1] and found[2] != library[2]:
            return [f"{path}: {library[1]} is of CUDA {found[2]}, wanted is {name}"]
    return []


# ---- other providers ------------------------------------------------------------------------------------------------


def _tensorrt(facts: Facts, environment: Environment) -> Sign:
    provider = _provider(environment, "tensorrt")
    if provider is None or isinstance(facts.libraries, Unavailable):
        return UNTOLD
    wanted = next((name for name in provider.needed if name.startswith("libnvinfer.so.")), "libnvinfer.so.10")
    if facts.library(wanted):
        return absent(f"loader: {wanted} is there")
    wheel = next((f.path for f in environment.native if f.path.endswith(f"/{wanted}")), None)
    where = f"{wanted} is only in {wheel}, where no loader looks" if wheel else f"there is no {wanted}"
    return present(f"{provider.path}: is compiled in", f"loader: {where}")


def _no_amd(facts: Facts, environment: Environment) -> Sign:
    names = installed(environment)
    if not names:
        return UNTOLD
    if any(name in _FOR_AMD for name in names) and len(names) > 1:
        return ABSENT  # then the question is which of them has won
    if _provider(environment, "rocm"):
        return absent("onnxruntime/capi: libonnxruntime_providers_rocm.so is there")
    migraphx = _provider(environment, "migraphx")
    if migraphx is None:
        return present(f"{names[0]} {environment.version(names[0])}: holds no provider for AMD")
    lines = [f"{migraphx.path}: this build has MIGraphXExecutionProvider, and no ROCMExecutionProvider"]
    if not isinstance(facts.libraries, Unavailable):
        there = {library.soname for library in facts.libraries}
        hip = [name for name in migraphx.needed if name.startswith("libamdhip64.so") and name not in there]
        lines += [f"{migraphx.path}: needs {name}, which the loader does not find" for name in hip]
    return present(*lines)


def _one_provider_alone(facts: Facts, environment: Environment) -> Sign:
    """Where there is nothing but the CPU, nothing can be placed elsewhere."""
    if installed(environment) == ["onnxruntime"] and facts.system.name == "linux":
        return absent(f"onnxruntime {environment.version('onnxruntime')}: has the CPU alone")
    return _of_a_gpu(environment)


def _of_a_gpu(environment: Environment) -> Sign:
    there = (_provider(environment, name) for name in ("cuda", "tensorrt", "migraphx", "rocm", "openvino"))
    found = next((file for file in there if file is not None), None)
    return possible(f"{found.path}: a provider to fall back from is there") if found else UNTOLD


def _speech_finder(environment: Environment) -> Sign:
    package = environment.version("faster-whisper")
    if package is not None:
        return present(
            f"faster-whisper {package}: faster_whisper/vad.py opens Silero with providers=['CPUExecutionProvider']"
        )
    if environment.engine == "silero-vad":
        return present("yamabiko: opens Silero with providers=['CPUExecutionProvider']")
    return UNTOLD


CHECKS = (
    Check(
        "ort-package-clobber",
        words=(
            r"Specified provider '\w+' is not in available provider names",
            r"module 'onnxruntime' has no attribute '(?:InferenceSession|SessionOptions|get_available_providers)'",
            r"No module named 'onnxruntime'",
            r"multiple onnxruntime packages are installed to the same location",
        ),
        look=lambda facts: anywhere(facts.environments, partial(_clobbered, facts)),
    ),
    Check(
        "ort-cuda-ep-dlopen-failed",
        words=(
            r"Failed to load library \S*onnxruntime_providers_cuda\S* with error",
            r"(?:Error loading .*)?onnxruntime_providers_cuda\.dll\W+which depends on",
            r"Failed to create CUDAExecutionProvider",
        ),
        look=lambda facts: anywhere(facts.environments, partial(_cannot_load, facts)),
        by_itself=_surely_cannot_load,
        probe="onnxruntime",
    ),
    Check(
        "ort-cuda-major-mismatch",
        words=(
            r"Failed to create CUDAExecutionProvider\. Require cuDNN \d+\.\* and CUDA \d+\.\*",
            r"Failed to load library \S*onnxruntime_providers_cuda\S* with error: lib(?:cublas|cublasLt|cudart)\.so\.\d+: cannot open",
            r"(?:Error loading .*)?onnxruntime_providers_cuda\.dll\W+which depends on \W*(?:cublas|cublasLt|cudart)64_\d+\.dll",
            r"onnxruntime-gpu is not built with CUDA 12\.x support",
            r"CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version",
        ),
        look=lambda facts: anywhere(facts.environments, partial(_other_major, facts)),
        by_itself=lambda facts: facts.sees_nvidia,
        probe="onnxruntime",
    ),
    Check(
        "ort-tensorrt-ep-missing",
        sure_words=(
            r"Failed to load library \S*onnxruntime_providers_tensorrt\S* with error",
            r"(?:Error loading .*)?onnxruntime_providers_tensorrt\.dll",
            r"(?:.*\. )?Please install TensorRT libraries as mentioned in the GPU requirements page",
        ),
        words=(r"(?<!libraries: )libnvinfer\.so\.\d+: cannot open shared object file",),
        whose=(r"onnxruntime",),
        look=lambda facts: anywhere(facts.environments, partial(_tensorrt, facts)),
        by_itself=never,
        probe="onnxruntime",
    ),
    Check(
        "ort-midrun-fallback",
        work_goes_on=True,
        # While running; a session that could not be created says `EP Error ... when using`, without the colon.
        sure_words=(r"EP Error: .*\bEP_FAIL\b", r"EP Error: .* using \["),
        words=(r"EP Error\b.*(?<! when) using \[", r"Falling back to \['CPUExecutionProvider'\] and retrying"),
        look=lambda facts: anywhere(facts.environments, _of_a_gpu),
        by_itself=never,
    ),
    Check(
        "ort-partial-placement",
        work_goes_on=True,
        words=(
            r"Some nodes were not assigned to the preferred execution providers",
            r"(?:This session contains )?graph nodes that are assigned to the default CPU EP,"
            r" but fallback to CPU EP has been explicitly disabled",
        ),
        words_suffice=True,
        look=lambda facts: anywhere(facts.environments, partial(_one_provider_alone, facts)),
        by_itself=never,
    ),
    Check(
        "ort-vad-on-cpu-is-normal",
        work_goes_on=True,
        words=(
            r".{0,200}?(?:silero|\bvad(?:\b|_)).{0,200}CPUExecutionProvider",
            r".{0,200}?CPUExecutionProvider.{0,200}(?:silero|\bvad(?:\b|_))",
        ),
        look=lambda facts: anywhere(facts.environments, _speech_finder),
        by_itself=never,
    ),
    Check(
        "ort-rocm-provider",
        words=(
            r"Specified provider '(?:ROCM|MIGraphX)ExecutionProvider' is not in available provider names",
            r"Unknown Provider Type: (?:ROCM|MIGraphX)ExecutionProvider",
            r"Failed to load library \S*onnxruntime_providers_(?:rocm|migraphx)\S* with error",
            r"Failed to create (?:ROCM|MIGraphX)ExecutionProvider",
        ),
        look=lambda facts: anywhere(facts.environments, partial(_no_amd, facts)),
        by_itself=never,
        probe="onnxruntime",
    ),
)
