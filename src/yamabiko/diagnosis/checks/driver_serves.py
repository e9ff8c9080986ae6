"""Which CUDA the driver serves, for checks that hold a package against it."""

from __future__ import annotations

from yamabiko.diagnosis.checks.contract import version
from yamabiko.diagnosis.facts.records import Facts, Unavailable

Cuda = tuple[int, ...]
"""(12, 9); (0, 0) where there is no driver."""


def driver_serves(facts: Facts) -> tuple[Cuda | None, str]:
    """
    With the line that says where it comes from; None if untold.

    A forward compatibility package is a libcuda of its own that serves more than
    the kernel's driver: then only the library itself can be asked.
    """
    probed = facts.probe("driver")
    if probed is not None and "cuda" in probed.values:
        serves = version(probed.values["cuda"])
        return serves, f"cuDriverGetVersion: CUDA {dotted(serves)}"
    if probed is not None and probed.ended == "raised":
        return (0, 0), "driver: there is no libcuda"
    library = facts.library("libcuda.so.1")
    forward = library is not None and "/compat/" in library.path
    if isinstance(facts.nvidia.cuda, Unavailable) or forward:
        return None, ""
    return version(facts.nvidia.cuda), f"{facts.nvidia.cuda_from or 'driver'}: CUDA {facts.nvidia.cuda}"


def dotted(cuda: Cuda) -> str:
    return ".".join(map(str, cuda))
