"""
NVIDIA's management library, asked through ctypes: figures of whole devices and of one process on them.

It creates no CUDA context, so asking it cannot be mistaken for computing. It
does open device files; `observe` sets those aside.

Source: nvml.h of CUDA 12. A platform without a figure answers with an error
(MIG: no utilisation; WSL: no processes), which is `Refused` here.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from dataclasses import dataclass
from typing import Any, TypeVar

LIBRARY = "nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1"
_NOT_FOUND, _INSUFFICIENT_SIZE = 6, 7
_GPU_UTILIZATION_SAMPLES = 1
_HIDDEN = 2**64 - 1
"""NVML_VALUE_NOT_AVAILABLE."""

S = TypeVar("S", bound=ctypes.Structure)


class Refused(Exception):
    """NVML did not do as asked; the text says what and why."""


class _Memory(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_ulonglong) for name in ("total", "free", "used"))


class _Utilization(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint) for name in ("gpu", "memory"))


class _Process(ctypes.Structure):
    """nvmlProcessInfo_v2_t, what the _v3 functions fill."""

    _fields_ = (
        ("pid", ctypes.c_uint),
        ("used_bytes", ctypes.c_ulonglong),
        ("gpu_instance", ctypes.c_uint),
        ("compute_instance", ctypes.c_uint),
    )


class _ProcessSample(ctypes.Structure):
    """nvmlProcessUtilizationSample_t; percents."""

    _fields_ = (
        ("pid", ctypes.c_uint),
        ("time_us", ctypes.c_ulonglong),
        *((name, ctypes.c_uint) for name in ("sm", "memory", "encoder", "decoder")),
    )


class _Sample(ctypes.Structure):
    """nvmlSample_t; of the union only the unsigned int, which utilisation uses."""

    _fields_ = (("time_us", ctypes.c_ulonglong), ("percent", ctypes.c_uint), ("_rest", ctypes.c_uint))


@dataclass(frozen=True, slots=True)
class Device:
    index: int
    """NVML's, which is the order of the PCI bus, and nvidia-smi's."""
    handle: ctypes.c_void_p


class Nvml:
    """
    NVML, started, with the devices it lists. Lives as long as the process: starting it takes longer than any question.

    Raises: OSError, if there is no such library; Refused, if it does not start.
    """

    def __init__(self, library: str = LIBRARY) -> None:
        self._library = ctypes.CDLL(library)
        self._call("nvmlInit_v2")
        count = ctypes.c_uint()
        self._call("nvmlDeviceGetCount_v2", ctypes.byref(count))
        self.devices = tuple(Device(index, self._handle(index)) for index in range(count.value))

    def visible(self) -> tuple[Device, ...]:
        """
        Of the devices, those that CUDA_VISIBLE_DEVICES leaves, where its words can be matched with NVML's; else all.

        CUDA's own order is NVML's only under CUDA_DEVICE_ORDER=PCI_BUS_ID.
        """
        wanted = [part.strip() for part in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if part.strip()]
        same_order = os.environ.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID" or len(self.devices) == 1
        if wanted and same_order and all(part.isdecimal() for part in wanted):
            chosen = tuple(device for device in self.devices if str(device.index) in wanted)
        elif wanted and all(part.startswith("GPU-") for part in wanted):
            chosen = tuple(device for device in self.devices if self._uuid(device).startswith(tuple(wanted)))
        else:
            chosen = ()
        return chosen or self.devices

    def used_bytes(self, device: Device) -> int:
        """Memory in use on all of the device, by whomever."""
        return int(self._memory(device).used)

    def free_bytes(self, device: Device) -> int:
        return int(self._memory(device).free)

    def busy_percent(self, device: Device) -> int:
        """How much of its last sampling period (1/6 to 1 s) the device was computing, for whomever."""
        busy = _Utilization()
        self._call("nvmlDeviceGetUtilizationRates", device.handle, ctypes.byref(busy))
        return int(busy.gpu)

    def busy_since(self, device: Device, since_us: int) -> list[int]:
        """The same from the driver's own record, about six a second; empty if nothing is recorded since then."""
        kind, count = ctypes.c_int(), ctypes.c_uint(256)
        samples = (_Sample * count.value)()
        more = (
            _GPU_UTILIZATION_SAMPLES,
            ctypes.c_ulonglong(since_us),
            ctypes.byref(kind),
            ctypes.byref(count),
            samples,
        )
        if self._call("nvmlDeviceGetSamples", device.handle, *more, expected=(_NOT_FOUND,)) == _NOT_FOUND:
            return []
        return [int(sample.percent) for sample in samples[: count.value] if sample.time_us >= since_us]

    def process_bytes(self, device: Device, pid: int) -> int | None:
        """
        Memory that the driver books on a process; None: the device knows no such process; -1: it does, size hidden.

        Numbers of processes are the host's.
        """
        for function in ("nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetGraphicsRunningProcesses_v3"):
            for process in self._list(function, device, _Process):
                if process.pid == pid:
                    return -1 if process.used_bytes in (0, _HIDDEN) else int(process.used_bytes)
        return None

    def process_percent(self, device: Device, pid: int, since_us: int) -> int | None:
        """The most that a process kept the multiprocessors busy since then; None if no sample names it."""
        found = self._list("nvmlDeviceGetProcessUtilization", device, _ProcessSample, ctypes.c_ulonglong(since_us))
        return max((int(s.sm) for s in found if s.pid == pid and s.time_us >= since_us), default=None)

    # ---- inside ------------------------------------------------------------------------------------------------

    def _memory(self, device: Device) -> _Memory:
        memory = _Memory()
        self._call("nvmlDeviceGetMemoryInfo", device.handle, ctypes.byref(memory))
        return memory

    def _handle(self, index: int) -> ctypes.c_void_p:
        handle = ctypes.c_void_p()
        self._call("nvmlDeviceGetHandleByIndex_v2", ctypes.c_uint(index), ctypes.byref(handle))
        return handle

    def _uuid(self, device: Device) -> str:
        text = ctypes.create_string_buffer(96)
        self._call("nvmlDeviceGetUUID", device.handle, text, ctypes.c_uint(96))
        return text.value.decode("ascii", "replace")

    def _list(self, function: str, device: Device, shape: type[S], *more: Any) -> list[S]:
        """What a function fills an array with, however many. Of the two families, one wants the array before its size."""
        room = 128
        for _ in range(3):
            count, found = ctypes.c_uint(room), (shape * room)()
            pair = (found, ctypes.byref(count)) if shape is _ProcessSample else (ctypes.byref(count), found)
            code = self._call(function, device.handle, *pair, *more, expected=(_NOT_FOUND, _INSUFFICIENT_SIZE))
            if code == _NOT_FOUND:
                return []
            if code == 0:
                return list(found[: min(count.value, room)])
            room = max(room, count.value) + 16  # others start while we ask
        raise Refused(f"{function}: the list grows faster than it can be read")

    def _call(self, function: str, *arguments: Any, expected: tuple[int, ...] = ()) -> int:
        """The function's answer: 0, or one of those expected. Raises: Refused."""
        try:
            code = int(getattr(self._library, function)(*arguments))
        except AttributeError:
            raise Refused(f"this NVML has no {function}") from None
        if code != 0 and code not in expected:
            raise Refused(f"{function}: {self._meaning(code)}")
        return code

    def _meaning(self, code: int) -> str:
        with contextlib.suppress(AttributeError):
            words = self._library.nvmlErrorString
            words.restype = ctypes.c_char_p
            return f"{code} {(words(code) or b'').decode('ascii', 'replace')}"
        return str(code)
