"""The GPU's driver and the platform under it: NVIDIA's driver, WSL, containers, the C library. Where there is none: `no_driver`."""

from __future__ import annotations

import re

from yamabiko.diagnosis.checks.contract import ABSENT, UNTOLD, Check, Sign, absent, known, never, present, version
from yamabiko.diagnosis.facts.records import Facts, NvidiaGpu, Unavailable
from yamabiko.diagnosis.tables import newest_glibcxx
from yamabiko.i18n import Text

# What an unusable driver makes CUDA's libraries say: 35 of the runtime, 100 and 999 of the driver, in each engine's words.
NO_DRIVER_WORDS = (
    r"CUDA driver version is insufficient for CUDA runtime version",
    r"no CUDA-capable device is detected",
    r"Found no NVIDIA driver on your system",
    r"libcuda\.so\.1: cannot open shared object file",
    r"Failed to dlopen libcuda\.so\.1",
    r'Failure finding "libcuda\.so\.1"',
    r'(?:[\w.]+: )?"cuda" is an NVIDIA driver library and can only be found via system search',
    r"CUDA (?:failure!?|error:?|failed with error) ?35\b",
    r"(?:\w*CUDA\b.{0,60})?\bcudaErrorInsufficientDriver",
)
NO_CUDA = (0,)
_DRIVER_IN_NAME = r"\.so\.(\d{3,}\.\d+(?:\.\d+)?)$"
"""A Jetson's library is libcuda.so.1.1 with every driver."""
_WSL_FOLDER = "/usr/lib/wsl/"


def cuda_of_driver(facts: Facts) -> tuple[int, ...] | None:
    """The newest CUDA that the driver serves, as (12, 4); (0,) where a probe found no driver; None if untold."""
    probed = facts.probe("driver")
    if probed is not None and "cuda" in probed.values:
        served = version(probed.values["cuda"])
        return served if any(served) else NO_CUDA
    if probed is not None and probed.ended == "raised":
        return NO_CUDA
    return None if isinstance(facts.nvidia.cuda, Unavailable) else version(facts.nvidia.cuda)


def libcuda(facts: Facts) -> str | None:
    """The libcuda.so.1 that was loaded by the probe, else the one that the loader would take; links followed."""
    probed = facts.probe("driver")
    if probed is not None and probed.values.get("library"):
        return probed.values["library"]
    library = facts.library("libcuda.so.1")
    return library.path if library else None


def _gpus(facts: Facts) -> tuple[NvidiaGpu, ...]:
    return () if isinstance(facts.nvidia.gpus, Unavailable) else facts.nvidia.gpus


# ---- two versions of one driver -------------------------------------------------------------------------------------


def _driver_mismatch(facts: Facts) -> Sign:
    if facts.wsl is not None:
        return UNTOLD
    said = re.search(r"\b80[34]\b.*|version mismatch", facts.nvidia.said, re.IGNORECASE)
    if said:
        return present(f"driver: {facts.nvidia.said}", *_driver_versions(facts))
    module = facts.nvidia.driver
    if isinstance(module, Unavailable):
        return UNTOLD if facts.sees_nvidia else ABSENT
    # CUDA's "compat" package brings a libcuda newer than the kernel's module; that is its purpose, on data centre GPUs.
    paths = _driver_libraries(facts)
    found = [(path, m[1]) for path in paths if (m := re.search(_DRIVER_IN_NAME, path))]
    different = [(path, has) for path, has in found if version(has) != version(module)]
    if not different:
        return absent(f"kernel module and libraries are all {module}") if found else UNTOLD
    if any("/compat/" not in path for path, _ in different):
        return present(*_driver_versions(facts))
    newer = version(different[0][1]) > version(module)
    if newer and not any("GeForce" in gpu.name for gpu in _gpus(facts)):
        return UNTOLD
    compat = Text(
        "The loader takes libcuda from CUDA's “compat” package. It serves data centre GPUs alone, and only where it is "
        "newer than the driver.",
        "CUDAの「compat」パッケージのlibcudaが読み込まれます。"
        "これはデータセンター向けGPUで、ドライバーより新しい場合にしか使えません。",
    )
    folder = different[0][0].rsplit("/", 1)[0]
    return present(*_driver_versions(facts), cause=compat, command=f"mv {folder} {folder}.aside && ldconfig")


def _driver_libraries(facts: Facts) -> list[str]:
    paths = [libcuda(facts)]
    if (nvml := facts.library("libnvidia-ml.so.1")) is not None:
        paths.append(nvml.path)
    return [path for path in paths if path]


def _driver_versions(facts: Facts) -> list[str]:
    module = facts.nvidia.driver
    lines = [] if isinstance(module, Unavailable) else [f"/proc/driver/nvidia/version: kernel module {module}"]
    return lines + [f"loader: {path}" for path in _driver_libraries(facts)]


# ---- WSL ------------------------------------------------------------------------------------------------------------


def foreign_libcuda(facts: Facts) -> str | None:
    """A libcuda under WSL that is not WSL's own."""
    path = libcuda(facts)
    return path if path and not path.startswith(_WSL_FOLDER) and "/compat/" not in path else None


def _wsl_linux_driver(facts: Facts) -> Sign:
    if facts.wsl is None:
        return ABSENT
    path = libcuda(facts)
    if path is None:
        return UNTOLD
    if not foreign_libcuda(facts):
        return absent(f"loader: libcuda.so.1 is {path}") if path.startswith(_WSL_FOLDER) else UNTOLD
    lines = [f"loader: libcuda.so.1 is {path}, which is not WSL's"]
    if not isinstance(facts.libraries, Unavailable):
        own = (e.path for e in facts.libraries if e.soname == "libcuda.so.1" and e.path.startswith(_WSL_FOLDER))
        lines += [f"loader: {shadowed} stands behind it" for shadowed in list(own)[:1]]
    return present(*lines)


def _wsl_without_dxg(facts: Facts) -> Sign:
    if facts.wsl is None or facts.wsl.dxg:
        return ABSENT
    lines = [f"/proc/version: WSL {facts.wsl.version}", f"/dev: no dxg (kernel {facts.system.release})"]
    if facts.wsl.version == 1:
        first = Text(
            "This is WSL 1, which gives Linux no GPU. WSL 2 does.",
            "これはWSL 1です。LinuxからGPUを使えるのはWSL 2です。",
        )
        return present(*lines, cause=first)
    return present(*lines)


def _windows_has_nvidia(facts: Facts) -> bool:
    """Only then is a WSL without a GPU worth a word: Windows' NVIDIA driver puts its libcuda there."""
    path = libcuda(facts)
    return path is not None and path.startswith(_WSL_FOLDER)


def _wsl_capture(facts: Facts) -> Sign:
    if facts.wsl is None:
        return ABSENT
    gpus, asked = _gpus(facts), facts.probe("wsl")
    package = facts.wsl.package
    if isinstance(package, Unavailable) and asked is not None:
        package = asked.values.get("package", package)
    new = [gpu for gpu in gpus if isinstance(gpu.capability, str) and version(gpu.capability) >= (12, 0)]
    if isinstance(package, str) and version(package) >= (2, 7, 0):
        return absent(f"WSL {package}")
    if gpus and not new and all(known(gpu.capability) for gpu in gpus):
        return ABSENT
    if new and isinstance(package, str):
        return present(f"wsl.exe: WSL {package}", f"GPU: {new[0].name}, compute capability {new[0].capability}")
    return UNTOLD


# ---- a GPU that lets nobody in --------------------------------------------------------------------------------------


def _busy(facts: Facts) -> Sign:
    gpus = _gpus(facts)
    lines = []
    for number, gpu in enumerate(gpus):
        if isinstance(gpu.compute_mode, str) and gpu.compute_mode != "Default":
            lines.append(f"NVML: GPU {number} ({gpu.name}) is in compute mode {gpu.compute_mode}")
        if _mig_without_instance(gpu):
            lines.append(f"NVML: GPU {number} ({gpu.name}) is in MIG mode and has no instance")
    if lines:
        return present(*lines)
    told = gpus and all(known(gpu.compute_mode) and known(gpu.mig) for gpu in gpus)
    return ABSENT if told else UNTOLD


def _mig_without_instance(gpu: NvidiaGpu) -> bool:
    return gpu.mig is True and gpu.mig_instances == 0


def _shut(facts: Facts) -> bool:
    """Exclusive_Process is a way to share a machine; these let nobody in."""
    return any(gpu.compute_mode == "Prohibited" or _mig_without_instance(gpu) for gpu in _gpus(facts))


def _lost_in_container(facts: Facts) -> Sign:
    if facts.container is None or facts.wsl is not None:
        return ABSENT
    lines = [f"container: {facts.container.kind} ({facts.container.evidence})"]
    if "Unknown Error" in facts.nvidia.said:
        return present(f"driver: {facts.nvidia.said}", *lines)
    if not facts.nvidia.device_files:
        return ABSENT  # it never had a GPU
    # The kernel asks the cgroup's device rules on access(2) too, so a GPU that was lost is a file that is closed.
    closed = [path for path in facts.nvidia.closed_files if re.search(r"nvidia(?:\d+|ctl)$", path)]
    return present(f"/dev: {', '.join(closed)} are there and may not be opened", *lines) if closed else UNTOLD


# ---- the C and C++ libraries ----------------------------------------------------------------------------------------


def _old_libstdcxx(facts: Facts) -> Sign:
    """A libstdc++ on LD_LIBRARY_PATH, conda's most often, that is older than the system's."""
    first, system = facts.library("libstdc++.so.6"), facts.system.glibcxx
    if first is None or first.found_by != "LD_LIBRARY_PATH" or isinstance(system, Unavailable):
        return UNTOLD
    has = newest_glibcxx(first.path)
    if has is None or version(has) >= version(system):
        return UNTOLD
    older = Text(
        "LD_LIBRARY_PATH puts a C++ library before the system's newer one.",
        "LD_LIBRARY_PATH により、システムのものより古いC++ライブラリーが先に読み込まれます。",
    )
    path = f"LD_LIBRARY_PATH: libstdc++.so.6 is {first.path}, up to GLIBCXX_{has}"
    return present(path, f"system: has GLIBCXX_{system}", cause=older)


CHECKS = (
    Check(
        "container-gpu-lost-after-daemon-reload",
        words=(r"Failed to initialize NVML: Unknown Error", r"CUDA unknown error - this may be due to"),
        look=_lost_in_container,
        probe="nvml",
    ),
    Check(
        "nvml-driver-library-mismatch",
        words=(
            r"Driver/library version mismatch",
            r"system has unsupported display driver / cuda driver combination",
            r"forward compatibility was attempted on non supported HW",
            r"CUDA (?:failure!?|error:?|failed with error) ?80[34]\b",
            r"(?:\w*CUDA\b.{0,60})?\bcudaErrorSystemDriverMismatch",
            r"(?:\w*CUDA\b.{0,60})?\bcudaErrorCompatNotSupportedOnDevice",
        ),
        look=_driver_mismatch,
        words_suffice=True,
        probe="driver",
    ),
    Check(
        "wsl-linux-driver-installed",
        words=(
            *NO_DRIVER_WORDS,
            r"CUDA_ERROR_NO_DEVICE",
            r"No CUDA GPUs are available",
            # 2 is what such a libcuda answers to the first question; who allocates, `Tried to allocate`, has come further.
            r"Error 2: out of memory",
            r"CUDA (?:failed with error|(?:driver |runtime )?error:|failure!? 2:) out of memory",
            r"(?:\S+: )?failed to initialize CUDA: out of memory",
            r"(?:\w*CUDA\b.{0,60})?\b(?:CUDA_ERROR_OUT_OF_MEMORY|cudaErrorMemoryAllocation)\b",
        ),
        look=_wsl_linux_driver,
        instead_of=("cuda-oom",),
        by_itself=lambda facts: facts.sees_nvidia,
        probe="driver",
    ),
    Check(
        "wsl-dxg-missing",
        words=(
            *NO_DRIVER_WORDS,
            r"Failed to initialize NVML",
            r"GPU access blocked by the operating system",
            r"No CUDA GPUs are available",
        ),
        look=_wsl_without_dxg,
        by_itself=_windows_has_nvidia,
    ),
    Check(
        "wsl-blackwell-graph-capture",
        words=(r"(?:\w*CUDA\b.{0,60})?\bcudaErrorUnknown\b", r"CUDA error: unknown error", r"CUDA failure! 999\b"),
        needs="nvidia",
        look=_wsl_capture,
        by_itself=never,
        probe="wsl",
    ),
    Check(
        "gpu-compute-mode-exclusive-or-mig",
        words=(
            r"(?:CUDA error: )?(?:all CUDA-capable devices are|CUDA-capable device\(s\) is/are) busy or unavailable",
            r"(?:\w*CUDA\b.{0,60})?\bcudaErrorDevicesUnavailable",
            r"CUDA (?:failure!?|error:?|failed with error) ?46\b",
        ),
        needs="nvidia",
        look=_busy,
        by_itself=_shut,
        probe="nvml",
    ),
    Check(
        "glibc-or-libstdcxx-too-old",
        words=(r"version [`'‘]?(?:GLIBC|GLIBCXX|CXXABI)_[\d.]+['’]? not found",),
        words_suffice=True,
        look=_old_libstdcxx,
        by_itself=never,
    ),
)
