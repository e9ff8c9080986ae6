"""
What a worker sees of itself while it works: the raw observations behind a verdict.

Each observation is Evidence: what was looked at, what was seen, and for which
device it speaks, if for any. Nothing is concluded here. Runs in the worker, on
its one thread, standard library alone; touches no driver but NVML, and that
only for work that a GPU was asked for. Never raises: what cannot be seen is
"unavailable, because ...".
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from yamabiko.speech import Evidence, EvidenceKind
from yamabiko.workers import observe_drm
from yamabiko.workers.messages import DeviceMemory
from yamabiko.workers.observe_drm import Seen
from yamabiko.workers.observe_nvml import LIBRARY, Device, Nvml, Refused

HIGHEST_COST = 0.01
"""Of the time that requests take. A look that costs more is put off; the last one is told again, with its age."""
OLDEST_LOOK_S = 10.0
"""What was seen longer ago was not seen while it ran."""
CLEAR_RISE_BYTES = 50 * 1024**2
"""Less is no model: a desktop breathes by some MiB. Figure: how we read NVML in evaluations, not measured here."""
NO_RISE_BYTES = 10 * 1024**2
"""A CUDA context alone takes more than that."""
BUSY_PERCENT, BUSIER_PERCENT = 5, 20
"""A device under the first is idle; one that was not, before we came, must be busier by the second to show anything."""
IDLE_AFTER_S = 2.0
"""A request shorter than that may fall between the driver's samples, about six a second."""
BUSY_SHARE = 0.01
"""Of the request's time, spent on an engine of the GPU."""

_DEVICE_FILES = {
    "/dev/nvidiactl": None,  # a mere question for the device count needs no more
    "/dev/nvidia": "cuda",
    "/dev/nvhost-": "cuda",  # Jetson
    "/dev/nvmap": "cuda",
    "/dev/nvgpu/": "cuda",
    "/dev/dxg": "cuda",  # WSL: the only way to a GPU there
    "/dev/kfd": "rocm",
    "/dev/dri/": "gpu",
}
_GPU_LIBRARIES = (
    *("libcuda", "libcublas", "libcudnn"),
    *("libamdhip64", "libhipblas", "libhsa-runtime64"),
    *("libvulkan", "libOpenCL", "libze_"),
)
_HOST_PROCESSES = "pid:[4026531836]"
"""The first pid namespace's inode, PROC_PID_INIT_INO in the kernel's proc_ns.h."""


class Observer:
    """
    Eyes of one process, to be opened before its engine loads: what a device held before is what a rise is measured by.

    `device` is the one that was asked for. `root` and `nvml` replace the machine in tests.
    """

    def __init__(self, device: str, root: Path = Path("/"), nvml: str = LIBRARY) -> None:
        self._proc, self._root = root / "proc" / "self", root
        self._nvml: Nvml | str = "the work was given to the CPU, for which no driver is asked"
        self._ours: frozenset[tuple[str, str]] = frozenset()
        self._before: dict[int, _Whole] = {}
        self._risen: dict[int, int] = {}
        self._last: _Look | None = None
        self._worked_s = 0.0
        """Seconds of requests since the last look."""
        if not device.startswith("cpu"):
            self._open(nvml)

    def watch(self) -> Watch:
        """Call it when a request begins."""
        return Watch(self, self._proc)

    def look(self, watch: Watch) -> tuple[Evidence, ...]:
        """
        Everything that can be seen at the end of a request.

        Costs at most HIGHEST_COST of the work, but for the first look and one in OLDEST_LOOK_S.
        """
        last, now = self._last, time.perf_counter()
        self._worked_s += watch.wall_s
        if last is not None and last.cost_s > HIGHEST_COST * self._worked_s and now - last.at < OLDEST_LOOK_S:
            return (*(_aged(e, now - last.at) for e in last.seen), watch.cpu_time())
        cpu_time = watch.cpu_time()
        seen = (
            *_safely("device-files", self._device_files),
            *_safely("libraries", self._libraries),
            *_safely("device-memory", self._own_memory),
            *_safely("process-activity", lambda: self._own_activity(watch)),
            *_safely("device-memory-rise", self._whole_memory),
            *_safely("device-activity", lambda: self._whole_activity(watch)),
        )
        self._last, self._worked_s = _Look(seen, now, time.perf_counter() - now), 0.0
        return (*seen, cpu_time)

    def device_memory(self) -> DeviceMemory | None:
        """Of the GPU whose memory rose most since the model was loaded, at the last look."""
        if isinstance(self._nvml, str) or not self._risen:
            return None
        index = max(self._risen, key=self._risen.__getitem__)
        device = next(device for device in self._nvml.devices if device.index == index)
        with contextlib.suppress(Refused):
            return DeviceMemory(max(0, self._risen[index]), self._nvml.free_bytes(device))
        return None

    # ---- what the kernel shows of the process --------------------------------------------------------------------

    def _device_files(self) -> tuple[Evidence, ...]:
        """No GPU computes for a process that has opened none of its files. An open one proves nothing."""
        if not (self._proc / "fd").is_dir():
            return _nothing("device-files", f"{sys.platform} does not show the open files of a process")
        names = sorted({name for _, name in _open_files(self._proc) - self._ours})
        families = {family for name in names if (family := _family_of(name)) is not None}
        if not families:
            count = " but /dev/nvidiactl, which a question for the device count opens" if names else ""
            return (Evidence("device-files", "cpu", f"no GPU device file is open in the worker{count}"),)
        named = families - {"gpu"}  # ROCm opens /dev/kfd and /dev/dri
        says = named.pop() if len(named) == 1 else "gpu"
        return (Evidence("device-files", says, f"open: {', '.join(names)} (counting devices opens them too)"),)

    def _libraries(self) -> tuple[Evidence, ...]:
        """Their presence proves nothing; their absence does."""
        try:
            maps = (self._proc / "maps").read_text(errors="replace")
        except OSError as error:
            return _nothing("libraries", str(error))
        files = {line.rsplit("/", 1)[-1] for line in maps.splitlines() if "/" in line}
        found = sorted(name for name in files if name.startswith(_GPU_LIBRARIES))
        if found:
            return (Evidence("libraries", None, f"mapped: {', '.join(found)}"),)
        return (Evidence("libraries", "cpu", "no GPU library is mapped"),)

    # ---- what drivers book on this process -----------------------------------------------------------------------

    def _own_memory(self) -> tuple[Evidence, ...]:
        """A machine may have GPUs of two makers, so each driver is asked."""
        hidden = self._hidden()
        drm = observe_drm.fdinfo(self._proc)
        kfd = None if hidden else observe_drm.kfd_bytes(self._root / "sys", os.getpid())
        seen = (_memory_of_drm(drm, kfd),) if drm is not None or kfd is not None else ()
        because = self._nvml if isinstance(self._nvml, str) else hidden
        if because:
            return seen or _nothing("device-memory", because)
        return (*seen, *_safely("device-memory", lambda: self._own_memory_by_nvml(elsewhere=bool(seen))))

    def _own_memory_by_nvml(self, elsewhere: bool) -> tuple[Evidence, ...]:
        assert isinstance(self._nvml, Nvml)
        for device in self._nvml.devices:
            booked = self._nvml.process_bytes(device, os.getpid())
            if booked is not None:
                size = _mib(booked) if booked >= 0 else "an amount that it hides"
                words = f"NVML: {size} of device {device.index} in use by this process"
                return (Evidence("device-memory", "cuda", words),)
        words = f"NVML: of the processes on {len(self._nvml.devices)} devices, this is none"
        return (Evidence("device-memory", None if elsewhere else "cpu", words),)

    def _own_activity(self, watch: Watch) -> tuple[Evidence, ...]:
        drm = watch.engine_time()
        if isinstance(self._nvml, str):
            return drm  # why there is no NVML was said with the memory
        hidden = self._hidden()
        if hidden:
            return drm or _nothing("process-activity", hidden)
        return (*drm, *_safely("process-activity", lambda: self._own_activity_by_nvml(watch)))

    def _own_activity_by_nvml(self, watch: Watch) -> tuple[Evidence, ...]:
        assert isinstance(self._nvml, Nvml)
        for device in self._nvml.devices:
            percent = self._nvml.process_percent(device, os.getpid(), watch.since_us)
            if percent:
                words = f"NVML: this process kept device {device.index} up to {percent} % busy during the request"
                return (Evidence("process-activity", "cuda", words),)
        return _nothing("process-activity", "NVML has no sample of this process: too short a request, or none computed")

    def _hidden(self) -> str:
        """Why a driver's figures by process cannot be matched with this one; empty: they can."""
        if (self._root / "dev" / "dxg").exists():
            return "under WSL no driver has figures of single processes"
        if not self._proc.is_dir():
            return ""  # another system than Linux
        try:
            namespace = os.readlink(self._proc / "ns" / "pid")
        except OSError as error:
            return str(error)
        # Drivers give the host's numbers, or ours without sizes, or one of the two by function (driver 560).
        return "" if namespace == _HOST_PROCESSES else "in a container processes have other numbers than in the driver"

    # ---- what drivers say of whole devices -----------------------------------------------------------------------

    def _open(self, library: str) -> None:
        """NVML, and how things stand before the model comes. The files that it opens are not the engine's."""
        before = _open_files(self._proc)
        try:
            nvml = Nvml(library)
            self._nvml = nvml
            self._before = {device.index: _Whole.of(nvml, device) for device in nvml.visible()}
            for device in nvml.devices:  # every kind of question once: files that it opens late are open now
                with contextlib.suppress(Refused):
                    nvml.process_bytes(device, os.getpid())
                with contextlib.suppress(Refused):
                    nvml.process_percent(device, os.getpid(), _now_us())
        except Exception as error:  # noqa: BLE001 - whatever a broken driver does, the work goes on
            self._nvml = f"NVML: {error}"
        opened = _open_files(self._proc) - before
        # CUDA may go on with the one /dev/dxg that is open; elsewhere it opens its own files, /dev/nvidia-uvm at least.
        self._ours = frozenset((number, name) for number, name in opened if name not in ("/dev/dxg", "/dev/nvidia-uvm"))

    def _whole_memory(self) -> tuple[Evidence, ...]:
        """Anybody's: where the driver names no process, the next best."""
        if isinstance(self._nvml, str):
            return ()
        risen = self._rise(self._nvml)
        if not risen:
            return _nothing("device-memory-rise", "NVML gave no device's memory before the model was loaded")
        self._risen = {device.index: rise for device, rise in risen}
        device, rise = max(risen, key=lambda found: found[1])
        words = f"NVML: {_mib(rise)} more in use on all of device {device.index} than before loading, by this or others"
        if rise >= CLEAR_RISE_BYTES:
            return (Evidence("device-memory-rise", "cuda", words),)
        unmoved = rise < NO_RISE_BYTES and bool(self._hidden())  # where a process has figures, its own are better
        return (Evidence("device-memory-rise", "cpu" if unmoved and self._nvidia_alone() else None, words),)

    def _whole_activity(self, watch: Watch) -> tuple[Evidence, ...]:
        """Of several devices, the one that the memory's rise speaks of: two neighbours are no proof."""
        if isinstance(self._nvml, str):
            return ()
        seen = [(device, *self._busy(self._nvml, device, watch)) for device in self._devices(self._nvml)]
        if not seen:
            return _nothing("device-activity", "NVML lists no device")
        device, busy, recorded = max(seen, key=lambda each: (self._risen.get(each[0].index, 0), each[1]))
        before = self._before[device.index].busy_percent
        over = f"{recorded} samples during the request" if recorded else "its end"
        words = f"NVML: all of device {device.index} was {busy:.0f} % busy over {over}, by this or others"
        if before is not None:
            words += f"; {before} % before loading"
            if busy >= BUSY_PERCENT > before or busy >= before + BUSIER_PERCENT:
                return (Evidence("device-activity", "cuda", words),)
        idle = watch.wall_s >= IDLE_AFTER_S and all(
            percent == 0 and samples >= 2 * IDLE_AFTER_S for _, percent, samples in seen
        )
        return (Evidence("device-activity", "cpu" if idle and self._nvidia_alone() else None, words),)

    def _busy(self, nvml: Nvml, device: Device, watch: Watch) -> tuple[float, int]:
        """Mean percent, and of how many samples; 0 samples: the driver keeps none, or the request was too short."""
        with contextlib.suppress(Refused):
            if samples := nvml.busy_since(device, watch.since_us):
                return sum(samples) / len(samples), len(samples)
        return nvml.busy_percent(device), 0

    def _nvidia_alone(self) -> bool:
        """No GPU of another maker is in use by this process, whose work NVML would not see."""
        return observe_drm.fdinfo(self._proc) is None and not any(
            name == "/dev/kfd" for _, name in _open_files(self._proc)
        )

    def _rise(self, nvml: Nvml) -> list[tuple[Device, int]]:
        """Bytes more in use than before loading, for the devices that said how much it was."""
        known = [(device, self._before[device.index].used_bytes) for device in self._devices(nvml)]
        return [(device, nvml.used_bytes(device) - before) for device, before in known if before is not None]

    def _devices(self, nvml: Nvml) -> list[Device]:
        return [device for device in nvml.devices if device.index in self._before]


class Watch:
    """One request: wall and processor seconds, and how far the GPU's own clocks had gone when it began."""

    def __init__(self, observer: Observer, proc: Path) -> None:
        self._observer, self._proc = observer, proc
        self._drm = self._fdinfo()
        self.since_us = _now_us()
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    @property
    def wall_s(self) -> float:
        return time.perf_counter() - self._wall

    def evidence(self) -> tuple[Evidence, ...]:
        """Call it when the work is done and its results are still held."""
        return self._observer.look(self)

    def cpu_time(self) -> Evidence:
        """All threads of this process: a share near the thread count is what computing on the CPU looks like."""
        cpu_s, wall_s = time.process_time() - self._cpu, self.wall_s
        share = cpu_s / wall_s if wall_s > 0 else 0.0
        return Evidence("cpu-time", None, f"{cpu_s:.2f} s of processor time in {wall_s:.2f} s ({share:.2f} cores)")

    def engine_time(self) -> tuple[Evidence, ...]:
        """
        How long a GPU's engines worked for this process during the request; empty: no driver in use counts it.

        ROCm's queues go past the kernel's scheduler, which then counts nothing: no time is no sign of idleness.
        """
        after = self._fdinfo()
        if after is None or after.computing_ns is None:
            return ()
        before_ns = (self._drm.computing_ns or 0) if self._drm is not None else 0
        spent_s, wall_s = (after.computing_ns - before_ns) / 1e9, self.wall_s
        words = f"fdinfo: a GPU's engines worked {spent_s:.2f} s for this process in {wall_s:.2f} s"
        return (Evidence("process-activity", after.family if spent_s > BUSY_SHARE * wall_s else None, words),)

    def _fdinfo(self) -> Seen | None:
        try:
            return observe_drm.fdinfo(self._proc)
        except (OSError, ValueError, KeyError):  # lines that no kernel we know writes; told with the memory
            return None


@dataclass(frozen=True, slots=True)
class _Whole:
    """A whole device at one moment; None: it does not say."""

    used_bytes: int | None
    busy_percent: int | None

    @classmethod
    def of(cls, nvml: Nvml, device: Device) -> _Whole:
        used = busy = None
        with contextlib.suppress(Refused):
            used = nvml.used_bytes(device)
        with contextlib.suppress(Refused):
            busy = nvml.busy_percent(device)
        return cls(used, busy)


@dataclass(frozen=True, slots=True)
class _Look:
    seen: tuple[Evidence, ...]
    at: float
    cost_s: float


def _memory_of_drm(drm: Seen | None, kfd: int | None) -> Evidence:
    family = drm.family if drm is not None else "rocm"
    booked = max(drm.memory_bytes if drm is not None else 0, kfd or 0)  # the same memory, counted by two
    sources = [name for name, found in (("fdinfo", drm), ("KFD", kfd)) if found is not None]
    words = f"{' and '.join(sources)}: {_mib(booked)} of a GPU are in use by this process"
    return Evidence("device-memory", family if booked >= CLEAR_RISE_BYTES else None, words)


def _open_files(proc: Path) -> frozenset[tuple[str, str]]:
    """Number and name of every device file that this process holds open for a GPU."""
    return frozenset(observe_drm.open_files(proc, tuple(_DEVICE_FILES)))


def _family_of(name: str) -> str | None:
    return next(family for prefix, family in _DEVICE_FILES.items() if name.startswith(prefix))


def _safely(kind: EvidenceKind, look: Callable[[], tuple[Evidence, ...]]) -> tuple[Evidence, ...]:
    try:
        return look()
    except Exception as error:  # noqa: BLE001 - an observation that fails must not cost the answer
        return _nothing(kind, str(error) if isinstance(error, Refused) else f"{type(error).__name__}: {error}")


def _nothing(kind: EvidenceKind, because: str) -> tuple[Evidence, ...]:
    return (Evidence(kind, None, f"unavailable, because {because}"),)


def _aged(evidence: Evidence, age_s: float) -> Evidence:
    return Evidence(evidence.kind, evidence.says, f"{evidence.value} (seen {age_s:.1f} s before)")


def _mib(size: int) -> str:
    return f"{size / 1024**2:.0f} MiB"


def _now_us() -> int:
    """NVML's clock: microseconds since 1970."""
    return time.time_ns() // 1000
