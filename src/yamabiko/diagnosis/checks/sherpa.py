"""sherpa-onnx: a wheel for the CPU, one without its libraries, and one that meets another's ONNX Runtime."""

from __future__ import annotations

from dataclasses import replace
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
    present,
    version,
)
from yamabiko.diagnosis.facts.records import Environment, Facts, Unavailable
from yamabiko.diagnosis.tables import SHERPA_LIBRARIES_APART

_OWN_RUNTIME = "sherpa_onnx/lib/libonnxruntime.so"


def _for_cpu(environment: Environment) -> Sign:
    package = environment.version("sherpa-onnx")
    if package is None:
        return UNTOLD
    provider = environment.file("sherpa_onnx/lib/libonnxruntime_providers_cuda.so")
    if "+cuda" in package or provider is not None:
        return absent(f"sherpa-onnx {package}: is built for CUDA")
    return present(f"sherpa-onnx {package}: the version has no +cuda, so the wheel is for the CPU")


_X64 = ("x86_64", "AMD64")
_WHEEL = "The project's own wheels"


def _for_cpu_here(facts: Facts) -> Sign:
    """With the remedy for this machine: there are wheels for CUDA for x64 alone, and for the version that is here."""
    sign = anywhere(facts.environments, _for_cpu)
    if facts.system.machine not in _X64 or lacks(facts, "nvidia"):
        return replace(sign, unfit=(_WHEEL,))
    releases = (version(found) for e in facts.environments if (found := e.version("sherpa-onnx")))
    release = max(releases, default=None)
    return replace(sign, command=_WHEEL_FOR_CUDA.format(".".join(map(str, release)))) if release else sign


_WHEEL_FOR_CUDA = "pip install --force-reinstall --no-deps 'sherpa-onnx=={}+cuda12.cudnn9' -f https://k2-fsa.github.io/sherpa/onnx/cuda.html"


def _without_libraries(environment: Environment) -> Sign:
    package = environment.version("sherpa-onnx")
    if package is None:
        return ABSENT
    core = environment.version("sherpa-onnx-core")
    if environment.file(_OWN_RUNTIME) or core == package or version(package) < version(SHERPA_LIBRARIES_APART):
        return absent(f"sherpa-onnx {package}: has its libraries")
    if core is not None:
        return present(f"sherpa-onnx-core {core}: is not of the same version as sherpa-onnx {package}")
    if not any(file.path.startswith("sherpa_onnx/lib/") for file in environment.native):
        return UNTOLD if "+" in package else present(f"sherpa-onnx {package}: sherpa-onnx-core is not installed")
    return present(
        f"sherpa-onnx {package}: sherpa-onnx-core is not installed",
        f"sherpa_onnx/lib: there is no {_OWN_RUNTIME.rsplit('/', 1)[-1]}",
    )


def _foreign_runtime(facts: Facts, environment: Environment) -> Sign:
    package = environment.version("sherpa-onnx")
    if package is None:
        return UNTOLD
    probed = facts.probe("sherpa", environment.name)
    loaded = "" if probed is None else probed.values.get("onnxruntime", "")
    if loaded:
        own = "sherpa_onnx" in loaded
        return absent(f"probe: {loaded}") if own else present(f"probe: sherpa-onnx {package} has loaded {loaded}")
    lines = []
    if facts.system.name == "win32":
        neighbour = environment.version("onnxruntime")
        found = f"onnxruntime {neighbour}: brings" if neighbour else "Windows: may find in System32"
        lines.append(f"{found} an onnxruntime.dll of its own beside sherpa-onnx {package}")
    libraries = () if isinstance(facts.libraries, Unavailable) else facts.libraries
    lines += [
        f"{library.path}: an ONNX Runtime that the loader finds by {library.found_by}, beside sherpa-onnx {package}"
        for library in libraries
        if library.soname.startswith("libonnxruntime.so")
    ]
    return present(*lines) if lines else UNTOLD


CHECKS = (
    Check(
        "sherpa-cpu-wheel",
        work_goes_on=True,
        words=(
            r"(?:\S+:\d+ )?Please compile with -DSHERPA_ONNX_ENABLE_GPU=ON",
            r"(?:\S+:\d+ )?Unsupported string: \S+\. Fallback to cpu",
        ),
        words_suffice=True,
        look=_for_cpu_here,
        by_itself=never,
    ),
    Check(
        "sherpa-core-missing",
        words=(r"ImportError: libonnxruntime\.so: cannot open shared object file",),
        look=lambda facts: anywhere(facts.environments, _without_libraries),
    ),
    Check(
        "sherpa-foreign-onnxruntime",
        words=(
            r"The requested API version \[\d+\] is not available, only API versions \[1, \d+\] are supported",
            r"The given version \[\d+\] is not supported, only version 1 to \d+ is supported in this build",
            r"version [`'‘]VERS_[\d.]+'? not found",
        ),
        whose=(r"sherpa",),
        look=lambda facts: anywhere(facts.environments, partial(_foreign_runtime, facts)),
        by_itself=never,
        probe="sherpa",
    ),
)
