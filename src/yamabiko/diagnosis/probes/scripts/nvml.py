"""NVIDIA's management library: driver, memory, compute mode and MIG of each GPU. It makes no CUDA context."""

import ctypes
import sys
from typing import Any

tell = globals()["tell"]

tell(asking="the loader")
nvml = ctypes.CDLL("nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1")
nvml.nvmlErrorString.restype = ctypes.c_char_p
COMPUTE_MODES = ("Default", "Exclusive_Thread", "Prohibited", "Exclusive_Process")  # nvmlComputeMode_t, nvml.h


class Memory(ctypes.Structure):
    _fields_ = [("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong)]


def text_of(ask: Any, *before: Any) -> str:
    buffer = ctypes.create_string_buffer(96)
    return buffer.value.decode("utf-8", "replace") if ask(*before, buffer, 96) == 0 else ""


tell(asking="nvmlInit")
code = nvml.nvmlInit_v2()
if code != 0:
    tell(said=f"nvmlInit: {code} {nvml.nvmlErrorString(code).decode('utf-8', 'replace')}")
    raise SystemExit(0)
tell(driver=text_of(nvml.nvmlSystemGetDriverVersion))
number = ctypes.c_int()
if nvml.nvmlSystemGetCudaDriverVersion_v2(ctypes.byref(number)) == 0:
    tell(cuda=f"{number.value // 1000}.{number.value % 1000 // 10}")
tell(asking="its GPUs")
count = ctypes.c_uint()
nvml.nvmlDeviceGetCount_v2(ctypes.byref(count))
tell(count=count.value)
for index in range(count.value):
    handle = ctypes.c_void_p()
    code = nvml.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(handle))
    if code != 0:
        tell(**{f"gpu.{index}.said": nvml.nvmlErrorString(code).decode("utf-8", "replace")})
        continue
    told: dict[str, Any] = {"name": text_of(nvml.nvmlDeviceGetName, handle)}
    memory, mode, now, later = Memory(), ctypes.c_uint(), ctypes.c_uint(), ctypes.c_uint()
    if nvml.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory)) == 0:
        told["memory_bytes"], told["free_bytes"] = memory.total, memory.free
    if nvml.nvmlDeviceGetComputeMode(handle, ctypes.byref(mode)) == 0:
        told["compute_mode"] = COMPUTE_MODES[mode.value] if mode.value < len(COMPUTE_MODES) else mode.value
    if nvml.nvmlDeviceGetMigMode(handle, ctypes.byref(now), ctypes.byref(later)) == 0:
        told["mig"] = now.value
        instances = 0
        for place in range(8):
            part = ctypes.c_void_p()
            instances += nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, place, ctypes.byref(part)) == 0
        told["mig_instances"] = instances
    else:
        told["mig"] = 0  # a GPU that knows no MIG
    tell(**{f"gpu.{index}.{key}": value for key, value in told.items()})
nvml.nvmlShutdown()
