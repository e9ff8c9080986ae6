"""AMD's GPUs and ROCm: who may open them, whose kernels are there, and what else is in the process."""

from __future__ import annotations

import re

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
from yamabiko.diagnosis.facts.records import Environment, Facts, Unavailable
from yamabiko.diagnosis.tables import amd_family
from yamabiko.i18n import Text

SEGFAULT_WORDS = (
    r"(?<!Python error: )Segmentation fault",  # what Python's fault handler says, the end says too
    r"(?:.{0,80}\b(?:signals?|code|status|died|killed|exited|sent)\b.{0,40})?\bSIGSEGV\b",
)
_OVERRIDE = "HSA_OVERRIDE_GFX_VERSION"


def _hip(facts: Facts) -> list[Environment]:
    """The environments whose torch is built for ROCm."""
    return [e for e in facts.environments if "torch.hip" in e.details or "+rocm" in (e.version("torch") or "")]


def _gfx(facts: Facts) -> tuple[str, ...]:
    """Of each GPU as the kernel sees it, whatever an override says."""
    return () if isinstance(facts.amd.gpus, Unavailable) else tuple(gpu.gfx for gpu in facts.amd.gpus)


def _overridden(facts: Facts) -> str | None:
    """`10.3.0` as gfx1030; None if it is not set, or not understood."""
    found = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)", facts.variables.get(_OVERRIDE, "").strip())
    return f"gfx{int(found[1])}{int(found[2]):x}{int(found[3]):x}" if found else None


def _without_amd(facts: Facts) -> Sign:
    """Where the kernel shows no AMD GPU: on Linux there is none; elsewhere, and with an old driver, we do not know."""
    return ABSENT if facts.system.name == "linux" and not facts.sees_amd and facts.wsl is None else UNTOLD


# ---- kernels for this GPU -------------------------------------------------------------------------------------------


def _no_kernels(facts: Facts) -> Sign:
    gpus, override = _gfx(facts), _overridden(facts)
    if not gpus:
        return _without_amd(facts)

    def look(environment: Environment) -> Sign:
        shipped = environment.details.get("rocblas.gfx", "").split()
        if not shipped:
            return UNTOLD
        lacking = [gfx for gfx in gpus if (override or gfx) not in shipped]
        if not lacking:
            return absent(f"rocBLAS: has kernels for {', '.join(gpus)}")
        lines = [f"KFD: the GPU is {gfx}" for gfx in lacking]
        lines += [f"environment: {_OVERRIDE} makes it {override}"] if override else []
        lines.append(f"rocBLAS of torch {environment.version('torch')}: kernels for {' '.join(shipped)}")
        # A processor's own small GPU beside a real card is no trouble.
        return present(*lines, severity="info" if len(lacking) < len(gpus) else None)

    return anywhere(_hip(facts), look)


# ---- a GPU that is made to look like another ------------------------------------------------------------------------


def _wrong_override(facts: Facts) -> Sign:
    if _OVERRIDE not in facts.variables:
        return ABSENT
    gpus, override = _gfx(facts), _overridden(facts)
    if not gpus or override is None:
        return UNTOLD
    wrong = [gfx for gfx in gpus if override not in amd_family(gfx)]
    if not wrong:
        return absent(f"KFD: {', '.join(gpus)} and {override} are of one family")
    return present(
        f"environment: {_OVERRIDE}={facts.variables[_OVERRIDE]}, which is {override}",
        *(f"KFD: the GPU is {gfx}, of another family" for gfx in wrong),
        severity="info" if len(wrong) < len(gpus) else None,
    )


# ---- who may open the GPU -------------------------------------------------------------------------------------------


def _may_not_open(facts: Facts) -> Sign:
    gpus, amd = _gfx(facts), facts.amd
    if not amd.kfd:
        if facts.container is None or not gpus:
            return ABSENT
        not_given = Text(
            "The host has an AMD GPU, and this container was started without it.",
            "ホストにはAMDのGPUがありますが、このコンテナーはGPUを渡さずに起動されています。",
        )
        container = f"container: {facts.container.kind} ({facts.container.evidence})"
        return present(f"/sys/class/kfd: {', '.join(gpus)}", "/dev: no kfd", container, cause=not_given)
    closed = [*(["/dev/kfd"] if amd.kfd_open is False else []), *amd.closed_files]
    if not closed:
        return absent("/dev/kfd: this user may open it") if amd.kfd_open is True else UNTOLD
    groups = amd.groups
    if isinstance(groups, Unavailable):
        return present(f"/dev: this user may not open {', '.join(closed)}")
    has = f"has {' and '.join(groups)}" if groups else "has neither render nor video"
    return present(f"/dev: this user may not open {', '.join(closed)}", f"groups: this process {has}")


# ---- two LLVMs ------------------------------------------------------------------------------------------------------


def _two_llvms(facts: Facts) -> Sign:
    if not facts.sees_amd:
        return _without_amd(facts)

    def look(environment: Environment) -> Sign:
        llvmlite = environment.version("llvmlite")
        if llvmlite is None:
            return ABSENT
        lines = [
            f"packages: torch {environment.version('torch')}, llvmlite {llvmlite}, numba {environment.version('numba')}"
        ]
        tried = facts.probe("rocm-llvm", environment.name)
        if tried is not None and "alone" in tried.values:
            ends = [tried.values.get(order, "") for order in ("numba_first", "numba_last")]
            if tried.values["alone"] != "well" or all(end == "well" for end in ends):
                return ABSENT
            told = (f"{name} {end}" for name, end in zip(("numba first", "numba last"), ends, strict=True) if end)
            return present(*lines, f"probe: torch alone well; {'; '.join(told)}")
        theirs = [f for f in environment.native if re.search(r"lib(?:amd_comgr|LLVM)", f.path)]
        open_ = [f for f in theirs if "_ZN4llvm" in f.mentions]
        # LLVM is in these files, and one that shows none of its names cannot be mixed up. libtorch_cpu has held one too
        # (pytorch/audio#4025) and is too large to be looked through; that it no longer does with ROCm 7 we only take so.
        if theirs and not open_ and version(environment.details.get("torch.hip", "0")) >= (7,):
            return UNTOLD
        return possible(*lines, *(f"{f.path}: names of LLVM's symbols are in it" for f in open_[:2]))

    return anywhere(_hip(facts), look)


# ---- the first run --------------------------------------------------------------------------------------------------


def _first_run(facts: Facts) -> Sign:
    if not _gfx(facts):
        return _without_amd(facts)
    mode = facts.variables.get("MIOPEN_FIND_MODE")
    if mode in ("FAST", "2") or not _hip(facts):
        return UNTOLD
    return present(f"environment: MIOPEN_FIND_MODE is {mode or 'not set'}", f"KFD: {', '.join(_gfx(facts))}")


CHECKS = (
    Check(
        "rocm-gfx-not-in-rocblas",
        words=(
            r"(?:\w*HIP\b.{0,60})?\bhipErrorNoBinaryForGpu",
            r"HIP error: invalid device function",
        ),
        sure_words=(
            r"rocBLAS error: Cannot read \S*TensileLibrary",
            r"(?:.*/)?TensileLibrary\.dat: .* for GPU arch : gfx",
        ),
        needs="amd",
        look=_no_kernels,
        by_itself=lambda facts: facts.sees_amd,
    ),
    Check(
        "rocm-hsa-override",
        words=(
            r"Memory access fault by GPU node-\d+",
            r"(?:.*\berror ?: )?HSA_STATUS_ERROR_(?:INVALID_ISA|ILLEGAL_INSTRUCTION)\b",
            r"HIP error: invalid device function",
            r"(?:\w*HIP\b.{0,60})?\bhipErrorNoBinaryForGpu",
            *SEGFAULT_WORDS,
        ),
        endings=("SIGSEGV",),
        needs="amd",
        look=_wrong_override,
        by_itself=lambda facts: facts.sees_amd,
    ),
    Check(
        "rocm-permissions",
        words=(
            r"Unable to open /dev/kfd read-write",
            r"\S+ is not member of \"render\" group",
            r"No (?:HIP|CUDA) GPUs are available",
            r"no ROCm-capable device is detected",
            r"(?:\w*HIP\b.{0,60})?\bhipErrorNoDevice",
        ),
        look=_may_not_open,
        by_itself=lambda facts: bool(_hip(facts)),
    ),
    Check(
        "rocm-two-llvms-segfault",
        words=SEGFAULT_WORDS,
        decisive=(
            r"(?:#\d+\s.{0,60}\bin |\S*\()?llvm::(?:cl::Option|initialize\w+Pass)",
            r"inconsistency in registered CommandLine options",
            r"CommandLine Error: Option '[^']+' registered more than once",
        ),
        # LLVM is in drivers of displays, in compilers and in whatever opens ROCm: only Python brings numba's.
        whose=(r"python|torch|numba|llvmlite",),
        whose_tells=False,
        unless=(
            r"#\d+\s.*(?:/dri/|_dri\.so|libgallium|libvulkan|libGLX|libEGL)",
            r"#\d+\s.*\bmain ?\(.*\) (?:from|at) (?!\S*python)",
            r"(?!\S*python)[\w./+-]+: CommandLine Error: Option",
        ),
        endings=("SIGSEGV",),
        look=_two_llvms,
        by_itself=never,
        probe="rocm-llvm",
    ),
    Check(
        "rocm-miopen-first-run",
        words=(r"MIOpen\(HIP\): Warning .*(?:Missing|Unable to read) system database file",),
        words_suffice=True,
        look=_first_run,
        by_itself=never,
    ),
)
