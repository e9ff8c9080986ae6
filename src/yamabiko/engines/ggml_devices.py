"""Which device ggml computes on, by its own registry. Runs in the engine's environment; needs the standard library alone."""

from __future__ import annotations

import ctypes
from typing import Any

_GPUS = (1, 2)
"""GPU and IGPU of enum ggml_backend_dev_type (ggml-backend.h)."""
_FAMILIES = {"cuda": "cuda", "rocm": "cuda", "hip": "cuda", "vulkan": "vulkan", "mtl": "mps", "metal": "mps"}
"""By the name of a device without its number. AMD's GPUs are `cuda` here, as in PyTorch's builds for them."""


def registry(path: str) -> Any:
    """The functions that ggml exports through this library, or through one that it needs. Raises: OSError, AttributeError."""
    library = ctypes.CDLL(path)
    library.ggml_backend_dev_count.restype = ctypes.c_size_t
    library.ggml_backend_dev_get.restype = ctypes.c_void_p
    library.ggml_backend_dev_get.argtypes = [ctypes.c_size_t]
    library.ggml_backend_dev_name.restype = ctypes.c_char_p
    library.ggml_backend_dev_name.argtypes = [ctypes.c_void_p]
    library.ggml_backend_dev_type.restype = ctypes.c_int
    library.ggml_backend_dev_type.argtypes = [ctypes.c_void_p]
    return library


def devices(ggml: Any) -> tuple[tuple[str, int], ...]:
    """Name (`CPU`, `Vulkan0`, `MTL0`) and type of each, in the order in which they are taken."""
    found = [ggml.ggml_backend_dev_get(number) for number in range(ggml.ggml_backend_dev_count())]
    return tuple((ggml.ggml_backend_dev_name(one).decode(), ggml.ggml_backend_dev_type(one)) for one in found)


def taken(among: tuple[tuple[str, int], ...], *, gpu: bool) -> str:
    """The family of the device that whisper.cpp takes: of GPUs the first (whisper_backend_init_gpu), if it was asked for one."""
    first = next((name for name, kind in among if kind in _GPUS), None) if gpu else None
    if first is None:
        return "cpu"
    plain = first.rstrip("0123456789").lower()
    return _FAMILIES.get(plain, plain)
