"""NVIDIA's driver, asked by its own library: the newest CUDA it serves, and its GPUs. No context is made."""

import ctypes
import sys

tell = globals()["tell"]

# What is told before each call names the one that never comes back.
tell(asking="the loader")
libcuda = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
number = ctypes.c_int()


def name_of(code: int) -> str:
    text = ctypes.c_char_p()
    try:
        known = libcuda.cuGetErrorName(code, ctypes.byref(text)) == 0
    except AttributeError:
        known = False
    return f"{code} {text.value.decode() if known and text.value else ''}".strip()


if sys.platform == "linux":
    with open("/proc/self/maps") as maps:
        found = [line.split()[-1] for line in maps if "libcuda.so" in line]
    tell(library=found[0] if found else "")
tell(asking="cuDriverGetVersion")
code = libcuda.cuDriverGetVersion(ctypes.byref(number))
tell(cuda=f"{number.value // 1000}.{number.value % 1000 // 10}")
if code != 0:
    tell(said="cuDriverGetVersion: " + name_of(code))
tell(asking="cuInit")
code = libcuda.cuInit(0)
tell(init=name_of(code).split()[0])
if code != 0:
    tell(said="cuInit: " + name_of(code))
else:
    tell(asking="its GPUs")
    libcuda.cuDeviceGetCount(ctypes.byref(number))
    count = number.value
    tell(count=count)
    for index in range(count):
        device, text = ctypes.c_int(), ctypes.create_string_buffer(128)
        major, minor, size = ctypes.c_int(), ctypes.c_int(), ctypes.c_size_t()
        libcuda.cuDeviceGet(ctypes.byref(device), index)
        libcuda.cuDeviceGetName(text, 128, device)
        # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR are 75 and 76 in cuda.h
        libcuda.cuDeviceGetAttribute(ctypes.byref(major), 75, device)
        libcuda.cuDeviceGetAttribute(ctypes.byref(minor), 76, device)
        libcuda.cuDeviceTotalMem_v2(ctypes.byref(size), device)
        tell(
            **{
                f"gpu.{index}.name": text.value.decode("utf-8", "replace"),
                f"gpu.{index}.capability": f"{major.value}.{minor.value}",
                f"gpu.{index}.memory_bytes": size.value,
            }
        )
