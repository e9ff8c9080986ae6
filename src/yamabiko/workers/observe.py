"""
What a worker sees of itself while it works: the raw observations behind a verdict.

Each observation is Evidence: what was looked at, what was seen, and for which
device it speaks. Nothing is concluded here. Runs in the worker, standard
library alone, touches no driver but NVML (which creates no CUDA context).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import time
from pathlib import Path

from yamabiko.speech import Evidence

_DEVICE_FILES = {
    "/dev/nvidiactl": None,  # opened by a mere question for the device count
    "/dev/nvidia-uvm": "cuda",
    "/dev/nvidia": "cuda",
    "/dev/dxg": "cuda",  # WSL: the only way to a GPU there
    "/dev/kfd": "rocm",
    "/dev/dri/render": "gpu",
}
_GPU_LIBRARIES = ("libcuda.so", "libcudart", "libcublas", "libcudnn", "libamdhip64", "libhipblas", "libvulkan")


class Stopwatch:
    """Wall and processor seconds of one request."""

    def __init__(self) -> None:
        self._wall = time.perf_counter()
        self._cpu = time.process_time()

    @property
    def wall_s(self) -> float:
        return time.perf_counter() - self._wall

    def evidence(self) -> Evidence:
        """All threads of this process: a share near the thread count is what computing on the CPU looks like."""
        cpu_s, wall_s = time.process_time() - self._cpu, self.wall_s
        share = cpu_s / wall_s if wall_s > 0 else 0.0
        return Evidence("cpu-time", None, f"{cpu_s:.2f} s of processor time in {wall_s:.2f} s ({share:.2f} cores)")


def device_files() -> Evidence:
    """Device files that this process holds open: no GPU computes for a process that has opened none."""
    if sys.platform != "linux":
        return Evidence("device-files", None, f"unavailable: {sys.platform} does not show them")
    opened = set()
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the listing's own descriptor is gone by now
            opened.add(os.readlink(link))
    devices = sorted(name for name in opened if name.startswith("/dev/"))
    for name in devices:
        for prefix, device in _DEVICE_FILES.items():
            if name.startswith(prefix) and device is not None and name != "/dev/nvidiactl":
                return Evidence("device-files", device, f"open: {', '.join(devices)}")
    return Evidence("device-files", "cpu", "no GPU device file is open in the worker")


def libraries() -> Evidence:
    """GPU libraries mapped into this process. Their presence proves nothing; their absence does."""
    try:
        maps = Path("/proc/self/maps").read_text(errors="replace")
    except OSError as error:
        return Evidence("libraries", None, f"unavailable: {error}")
    files = {line.rsplit("/", 1)[-1] for line in maps.splitlines() if "/" in line}
    found = sorted(name for name in files if name.startswith(_GPU_LIBRARIES))
    if found:
        return Evidence("libraries", None, f"mapped: {', '.join(found)}")
    return Evidence("libraries", "cpu", "no GPU library is mapped")


def device_memory() -> Evidence:
    """Memory that NVML books on this process, over all devices. Under WSL there are no such figures."""
    try:
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError as error:
        return Evidence("device-memory", None, f"unavailable: {error}")
    if nvml.nvmlInit_v2() != 0:
        return Evidence("device-memory", None, "unavailable: NVML does not start")
    try:
        return _device_memory(nvml)
    finally:
        nvml.nvmlShutdown()


class _ProcessInfo(ctypes.Structure):
    """nvmlProcessInfo_v2_t, nvml.h."""

    _fields_ = (
        ("pid", ctypes.c_uint),
        ("used_bytes", ctypes.c_ulonglong),
        ("gpu_instance", ctypes.c_uint),
        ("compute_instance", ctypes.c_uint),
    )


def _device_memory(nvml: ctypes.CDLL) -> Evidence:
    count = ctypes.c_uint()
    if nvml.nvmlDeviceGetCount_v2(ctypes.byref(count)) != 0:
        return Evidence("device-memory", None, "unavailable: NVML lists no device")
    not_available = ctypes.c_ulonglong(-1).value
    for index in range(count.value):
        handle = ctypes.c_void_p()
        if nvml.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(handle)) != 0:
            continue
        room = ctypes.c_uint(256)
        infos = (_ProcessInfo * room.value)()
        if nvml.nvmlDeviceGetComputeRunningProcesses_v3(handle, ctypes.byref(room), infos) != 0:
            continue
        for info in infos[: room.value]:
            if info.pid == os.getpid():
                if info.used_bytes == not_available:
                    return Evidence("device-memory", "cuda", f"NVML lists this process on device {index}, size hidden")
                mib = info.used_bytes / 1024**2
                return Evidence("device-memory", "cuda", f"NVML: {mib:.0f} MiB of device {index} are this process's")
    # In a container with its own process numbers NVML's list cannot name us: no evidence either way.
    return Evidence("device-memory", None, f"NVML: this process is on none of {count.value} devices it lists")


def everything(watch: Stopwatch) -> tuple[Evidence, ...]:
    return (device_files(), libraries(), device_memory(), watch.evidence())
