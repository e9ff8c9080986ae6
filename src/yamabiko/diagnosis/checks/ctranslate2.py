"""
The CUDA libraries that CTranslate2 loads by name, and what becomes of its processes.

Under Windows no file tells whether a library can be found; there a look confirms what words have suggested, and no
check speaks by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from yamabiko.diagnosis.checks.contract import (
    ABSENT,
    UNTOLD,
    Check,
    Sign,
    absent,
    anywhere,
    known,
    never,
    present,
    version,
)
from yamabiko.diagnosis.facts.records import Environment, Facts, NativeFile, Unavailable
from yamabiko.diagnosis.tables import CT2_CUBLAS_12, CT2_CUDNN_8, CT2_CUDNN_9

WHOSE = (r"ctranslate2|faster[-_]whisper|whisperx",)
_CUDNN = re.compile(r"libcudnn(?:_\w+)?(?:-[0-9a-f]+)?\.so\.(\d+(?:\.\d+)*)$")


def where_ctranslate2_is(facts: Facts, look: Callable[[Environment], Sign]) -> Sign:
    """A look at each environment with CTranslate2; where none is known, facts tell nothing of it."""
    return anywhere((e for e in facts.environments if e.version("ctranslate2")), look)


def installed(environment: Environment) -> tuple[int, ...]:
    return version(environment.version("ctranslate2") or "")


def library_of(environment: Environment) -> NativeFile | None:
    """CTranslate2 itself: in the wheels of Linux and macOS beside the package, under Windows inside it."""
    return environment.file("*libctranslate2*") or environment.file("ctranslate2/ctranslate2.dll")


def within(environment: Environment, first_and_past: tuple[str, str]) -> bool:
    return version(first_and_past[0]) <= installed(environment) < version(first_and_past[1])


def named(environment: Environment) -> str:
    return f"ctranslate2 {environment.version('ctranslate2')}"


# ---- cuDNN ----------------------------------------------------------------------------------------------------------


def _without_cudnn(facts: Facts, versions: tuple[str, str], major: str, part: str) -> Sign:
    """CTranslate2 brings cuDNN's dispatcher; `part`, one of the libraries behind it, is nowhere where it would look."""

    def look(environment: Environment) -> Sign:
        if not within(environment, versions):
            return absent(f"{named(environment)}: not built on cuDNN {major}")
        if facts.system.name == "win32":
            return present(f"{named(environment)}: brings cudnn64_{major}.dll and none of the libraries behind it")
        dispatcher = next(
            (f for f in environment.native if re.search(rf"ctranslate2\.libs/libcudnn-\w+\.so\.{major}\b", f.path)),
            None,
        )
        if dispatcher is None:
            return ABSENT if library_of(environment) else UNTOLD
        if isinstance(facts.libraries, Unavailable):
            return UNTOLD
        own = environment.file(f"nvidia/cudnn/lib/{part}")
        if (found := facts.library(part)) is not None:
            return UNTOLD if own else absent(f"loader: {part} is {found.path}")
        lines = [f"{dispatcher.path}: cuDNN's dispatcher, in {named(environment)}", f"loader: there is no {part}"]
        return present(*lines, *([f"{own.path}: is here, but the loader does not look there"] if own else []))

    return where_ctranslate2_is(facts, look)


def _cudnn_9(facts: Facts) -> Sign:
    return _without_cudnn(facts, CT2_CUDNN_9, "9", "libcudnn_ops.so.9")


def _cudnn_8(facts: Facts) -> Sign:
    return _without_cudnn(facts, CT2_CUDNN_8, "8", "libcudnn_ops_infer.so.8")


def _cudnn_8_by_itself(facts: Facts) -> bool:
    """torch 2.3 and older bring cuDNN 8 and load it before CTranslate2 asks: these pairs work."""
    loaded = any(e.file("nvidia/cudnn/lib/libcudnn_ops_infer.so.8") for e in facts.environments if e.version("torch"))
    return facts.sees_nvidia and not loaded


def _cudnns(facts: Facts, environment: Environment) -> list[tuple[tuple[int, ...], str]]:
    """Version (three numbers) and evidence of every cuDNN 9 that a process of this environment may load."""
    found = [
        (version(package.version)[:3], f"{package.name}: {package.version}")
        for package in environment.packages
        if re.fullmatch(r"nvidia-cudnn-cu\d+", package.name)
    ]
    for file in environment.native:
        if (own := _CUDNN.search(file.path)) and file.path.startswith("ctranslate2.libs/"):
            found.append((version(own[1])[:3], f"{file.path}: {own[1]}"))
    for library in () if isinstance(facts.libraries, Unavailable) else facts.libraries:
        real = _CUDNN.search(library.path)
        if library.soname.startswith("libcudnn") and real and real[1].count(".") >= 2:
            found.append((version(real[1])[:3], f"{library.found_by}: {library.path}"))
    return [(number, line) for number, line in found if number[:1] == (9,)]


def _mixed_cudnn(facts: Facts) -> Sign:
    def look(environment: Environment) -> Sign:
        if environment.version("torch") is None and environment.version("ctranslate2") is None:
            return UNTOLD
        found = _cudnns(facts, environment)
        lines = list(dict.fromkeys(line for _, line in found))
        return present(*lines) if len({number for number, _ in found}) > 1 else UNTOLD

    return anywhere(facts.environments, look)


def _cudnn_is_bound_to_mix(facts: Facts) -> bool:
    """
    A cuDNN of the system beside torch's is harmless, as torch finds its own first. Worth a word are another one in
    LD_LIBRARY_PATH, which wins, and two packages that install into one folder.
    """
    if not facts.sees_nvidia:
        return False
    for environment in (e for e in facts.environments if e.version("torch")):
        packages = {p.version for p in environment.packages if re.fullmatch(r"nvidia-cudnn-cu\d+", p.name)}
        found = _cudnns(facts, environment)
        own = {number for number, line in found if line.startswith("nvidia-cudnn")}
        forced = {number for number, line in found if line.startswith("LD_LIBRARY_PATH")}
        if len(packages) > 1 or (own and forced - own):
            return True
    return False


# ---- cuBLAS ---------------------------------------------------------------------------------------------------------


def _expects_cuda(environment: Environment) -> bool:
    """Somebody has put CUDA into it; else it may be meant for the CPU alone."""
    cuda = re.compile(r"nvidia-(?:cublas|cuda-runtime|cudnn)(?:-cu\d+)?")
    return "torch.cuda" in environment.details or any(cuda.fullmatch(p.name) for p in environment.packages)


def _no_cublas_12(facts: Facts) -> Sign:
    def look(environment: Environment) -> Sign:
        if installed(environment) < version(CT2_CUBLAS_12):
            return absent(f"{named(environment)}: loads cuBLAS 11")
        library = library_of(environment)
        if library is not None and library.mentions and "libcublas.so.12" not in library.mentions:
            return absent(f"{library.path}: loads {', '.join(library.mentions)}")
        own = environment.file("nvidia/cublas/lib/libcublas.so.12") or environment.file(
            "nvidia/cublas/bin/cublas64_12.dll"
        )
        if own and environment.engine:  # its worker is started with these folders in its library path
            return ABSENT
        if facts.library("libcublas.so.12") or isinstance(facts.libraries, Unavailable):
            return UNTOLD
        lines = [f"{named(environment)}: loads libcublas.so.12", "loader: there is no libcublas.so.12"]
        lines += [f"{own.path}: is here, but the loader does not look there"] if own else []
        if torch := environment.details.get("torch.cuda"):
            lines.append(f"torch {environment.version('torch')}: brings CUDA {torch}")
        lines += [f"{p.name}: {p.version}" for p in environment.packages if re.match(r"nvidia-cublas(-|$)", p.name)]
        return present(*lines)

    return where_ctranslate2_is(facts, look)


def _lacks_cublas_12_though_cuda_is_wanted(facts: Facts) -> bool:
    wanting = [
        e
        for e in facts.environments
        if e.version("ctranslate2")
        and _expects_cuda(e)
        and e.file("cublas/lib/libcublas.so.12") is None
        and library_of(e) is not None
    ]
    return facts.sees_nvidia and bool(wanting) and facts.library("libcublas.so.12") is None


# ---- processes ------------------------------------------------------------------------------------------------------


def _silent_cpu(facts: Facts) -> Sign:
    """`auto` takes the CPU where CTranslate2 counts no device; a probe of that environment counts them."""
    if facts.variables.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1"):
        return absent("environment: CUDA_VISIBLE_DEVICES hides every GPU")

    def look(environment: Environment) -> Sign:
        library = library_of(environment)
        if library is not None and "libcublas.so.12" not in library.mentions:
            return absent(f"{library.path}: no build for CUDA")
        probed = facts.probe("count", environment.name)
        count = None if probed is None else probed.values.get("ctranslate2.count")
        if probed is None or count is None:
            return UNTOLD
        if count != "0":
            return absent(f"probe: CTranslate2 counts {count} CUDA devices")
        why = probed.values.get("ctranslate2.cuda_types.said", "")
        return present("probe: CTranslate2 counts 0 CUDA devices", *([f"probe: {why}"] if why else []))

    return where_ctranslate2_is(facts, look)


def _nvidia_is_used(facts: Facts) -> bool | None:
    """Whether a driver answers; None where nobody asked it."""
    probed = facts.probe("driver")
    if probed is None:
        return True if known(facts.nvidia.driver) or (known(facts.nvidia.gpus) and facts.nvidia.gpus) else None
    return probed.ended == "well" and probed.values.get("cuda", "0") != "0"


def _windows_exit(facts: Facts) -> Sign:
    if facts.system.name != "win32":
        return ABSENT
    used = _nvidia_is_used(facts)
    if used is None:
        return UNTOLD
    if not used:
        return absent("probe: there is no NVIDIA driver, so CUDA was not in use")
    return where_ctranslate2_is(facts, lambda e: present(f"{named(e)}: on CUDA under Windows"))


def _rocm_exit(facts: Facts) -> Sign:
    if facts.system.name != "win32":
        return ABSENT

    def look(environment: Environment) -> Sign:
        if environment.file("ctranslate2/ctranslate2.dll") is None:
            return UNTOLD
        # The scripts that build the wheels put cudnn64_9.dll into those for CUDA alone.
        if (cudnn := environment.file("ctranslate2/cudnn64_9.dll")) is not None:
            return absent(f"{cudnn.path}: is here, so this is the build for CUDA")
        return present(f"{named(environment)}: a build for ROCm, as it has no cudnn64_9.dll")

    return where_ctranslate2_is(facts, look)


def _fork(facts: Facts) -> Sign:
    return ABSENT if facts.system.name == "win32" else UNTOLD


CHECKS = (
    Check(
        "ct2-cudnn9-sublibs-not-found",
        words=(
            r"Unable to load any of \{libcudnn_\w+\.so\.9",
            r"Could not locate cudnn_\w+64_9\.dll",
            r"Invalid handle\. Cannot load symbol cudnn(?:Create|Get|Set)\w+",
        ),
        needs="nvidia",
        look=_cudnn_9,
        by_itself=lambda facts: facts.sees_nvidia,
    ),
    Check(
        "ct2-cudnn8-not-found",
        words=(
            r"Could not load library libcudnn_\w+_infer\.so\.8",
            r"Could not locate cudnn_\w+_infer64_8\.dll",
            r"Could not load library cudnn_\w+_infer64_8\.dll",
        ),
        needs="nvidia",
        look=_cudnn_8,
        by_itself=_cudnn_8_by_itself,
    ),
    Check(
        "cudnn-mixed-versions",
        words=(
            r"(?:cuDNN\b.{0,60})?\bCUDNN_STATUS_(?:SUBLIBRARY_)?VERSION_MISMATCH",
            r"cuDNN version incompatibility: PyTorch was compiled\s+against",
        ),
        needs="nvidia",
        look=_mixed_cudnn,
        by_itself=_cudnn_is_bound_to_mix,
        words_suffice=True,
    ),
    Check(
        "ct2-libcublas12-missing-under-cuda13",
        sure_words=(r"Library (?:libcublas\.so\.12|cublas64_12\.dll) is not found or cannot be loaded",),
        # The loader's words for any program that links it, and ONNX Runtime's for its provider.
        words=(r"(?<!libraries: )(?<!with error: )libcublas\.so\.12: cannot open shared object file",),
        whose=WHOSE,
        needs="nvidia",
        look=_no_cublas_12,
        by_itself=_lacks_cublas_12_though_cuda_is_wanted,
    ),
    Check(
        "ct2-silent-cpu-auto",
        work_goes_on=True,
        look=_silent_cpu,
        by_itself=lambda facts: facts.sees_nvidia,
        probe="count",
    ),
    Check(
        "ct2-fork-initialization-error",
        words=(r"CUDA failed with error initialization error",),
        # cudaErrorInitializationError has other causes, a broken driver among them. What was spawned comes through
        # multiprocessing/process.py as well.
        whose=(r"popen_fork|\bos\.fork\b|\bFork(?:Process|PoolWorker)-\d|billiard|celery|gunicorn|\bforked\b",),
        needs="nvidia",
        look=_fork,
    ),
    Check(
        "ct2-windows-exit-crash",
        endings=("0xC0000409",),
        engines=("faster-whisper", "whisperx"),
        whose=WHOSE,
        whose_always=True,  # any program may abort
        quiet=True,
        look=_windows_exit,
        by_itself=never,
        probe="driver",
    ),
    Check(
        "ct2-rocm-windows-exit-hang",
        endings=("silent",),
        engines=("faster-whisper", "whisperx"),
        look=_rocm_exit,
        by_itself=never,
    ),
)
