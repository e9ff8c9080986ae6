"""
What a worker observes of itself, on platforms that are written down: /proc, /sys and NVML's answers.

NVML is a real shared library behind real ctypes, built here (fake_nvml.c) and answering from a file. The figures are
not recorded from GPUs, since none was at hand; the shape of each file is from the kernel's or NVIDIA's documentation.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from yamabiko.diagnosis.verdict import decide
from yamabiko.speech import Evidence, TranscribeOptions
from yamabiko.workers import observe
from yamabiko.workers.messages import DeviceMemory
from yamabiko.workers.observe import Observer, Watch

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's"),
    pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler to build the stand-in for NVML"),
]

PID, MIB = os.getpid(), 1024**2
NEIGHBOUR = 4_000_000
HOST, CONTAINER = "pid:[4026531836]", "pid:[4026532701]"
CUDA_FILES = ("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia0")
NO_FILES = ("/dev/null", "socket:[4711]")
CUDA_LIBRARIES = ("libcuda.so.550.54.14", "libcublas.so.12.4.5.8")
NO_NVML = "libthere-is-no-such-nvml.so.1"
AMDGPU = """\
pos:\t0
flags:\t02100002
drm-driver:\tamdgpu
drm-client-id:\t{client}
drm-pdev:\t0000:03:00.0
drm-memory-vram:\t{vram_kib} KiB
drm-memory-gtt: \t2048 KiB
drm-memory-cpu: \t9999999 KiB
drm-total-vram:\t{vram_kib} KiB
drm-engine-gfx:\t0 ns
drm-engine-compute:\t{compute_ns} ns
drm-engine-dma:\t99000000000 ns
drm-engine-capacity-compute:\t4
"""


@pytest.fixture(scope="session")
def nvml(tmp_path_factory: pytest.TempPathFactory) -> str:
    library = tmp_path_factory.mktemp("nvml") / "libnvidia-ml.so.1"
    source = Path(__file__).with_name("fake_nvml.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    return str(library)


class Platform:
    """A machine in a folder, and what its NVML answers."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root, self.proc = root, root / "proc" / "self"
        self.answers = root / "nvml.txt"
        monkeypatch.setenv("FAKE_NVML", str(self.answers))
        for name in ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"):
            monkeypatch.delenv(name, raising=False)
        for folder in ("fd", "fdinfo", "ns"):
            (self.proc / folder).mkdir(parents=True)
        self.nvml()
        self.opened(*NO_FILES)
        self.mapped()
        self.namespace(HOST)

    def nvml(self, *lines: str) -> None:
        self.answers.write_text("\n".join(lines) + "\n", "utf-8")

    def namespace(self, name: str) -> None:
        (self.proc / "ns" / "pid").unlink(missing_ok=True)
        (self.proc / "ns" / "pid").symlink_to(name)

    def wsl(self) -> None:
        (self.root / "dev").mkdir()
        (self.root / "dev" / "dxg").touch()
        self.namespace("pid:[4026532200]")

    def opened(self, *names: str, first: int = 3) -> None:
        for number, name in enumerate(names, first):
            (self.proc / "fd" / str(number)).unlink(missing_ok=True)
            (self.proc / "fd" / str(number)).symlink_to(name)

    def mapped(self, *libraries: str) -> None:
        lines = [f"7f0000000000-7f0000001000 r-xp 00000000 08:01 1 /usr/lib/{name}" for name in libraries]
        (self.proc / "maps").write_text("\n".join(["00400000-00401000 rw-p 00000000 00:00 0", *lines]))

    def drm(self, *texts: str, first: int = 20) -> None:
        for number, text in enumerate(texts, first):
            self.opened("/dev/dri/renderD128", first=number)
            (self.proc / "fdinfo" / str(number)).write_text(text)

    def kfd(self, pid: int, *sizes: int) -> None:
        folder = self.root / "sys" / "class" / "kfd" / "kfd" / "proc" / str(pid)
        folder.mkdir(parents=True, exist_ok=True)
        for number, size in enumerate(sizes):
            (folder / f"vram_{4660 + number}").write_text(f"{size}\n")


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Platform:
    return Platform(tmp_path, monkeypatch)


@pytest.fixture
def after(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Evidence, ...]]:
    """What a request saw that took so long by the watch, without anybody waiting for it."""

    def ended(watch: Watch, took_s: float = 3.0) -> tuple[Evidence, ...]:
        monkeypatch.setattr(Watch, "wall_s", property(lambda _: took_s))
        return watch.evidence()

    return ended


def loaded(platform: Platform, libraries: tuple[str, ...] = CUDA_LIBRARIES) -> None:
    """An engine that loads CUDA and counts devices leaves this, wherever it then computes."""
    platform.opened(*CUDA_FILES)
    platform.mapped(*libraries)


BEFORE = ("devices 1", f"used 0 {700 * MIB}", "busy 0 0", f"process 0 {NEIGHBOUR} {600 * MIB}")
HOLDS_MODEL = ("devices 1", f"used 0 {1600 * MIB}", f"process 0 {NEIGHBOUR} {600 * MIB}")
BUSY = (*["sample 0 60"] * 9, "busy 0 60")
IDLE = (*["sample 0 0"] * 9, "busy 0 0")
OURS = f"process 0 {PID} {900 * MIB}"
NO_PROCESSES = tuple(
    f"error nvmlDeviceGet{name} 3" for name in ("ComputeRunningProcesses_v3", "ProcessUtilization", "Samples")
)


def bare(platform: Platform) -> tuple[str, ...]:
    loaded(platform)
    return (*HOLDS_MODEL, *BUSY, OURS, f"computes 0 {PID} 55")


def bare_short_request(platform: Platform) -> tuple[str, ...]:
    loaded(platform)
    return (*HOLDS_MODEL, "busy 0 0", OURS)


def bare_lying_counted_devices(platform: Platform) -> tuple[str, ...]:
    loaded(platform)
    return (*BEFORE, *IDLE)


def bare_lying_with_a_busy_neighbour(platform: Platform) -> tuple[str, ...]:
    """The neighbour takes memory and computes while our engine pretends to."""
    loaded(platform)
    return (*HOLDS_MODEL, *BUSY, f"computes 0 {NEIGHBOUR} 60")


def bare_lying_with_a_context(platform: Platform) -> tuple[str, ...]:
    """It made a context and computes on the CPU: the device is idle for three seconds."""
    loaded(platform)
    return (*HOLDS_MODEL, *IDLE, f"process 0 {PID} {300 * MIB}")


def bare_lying_untouched(platform: Platform) -> tuple[str, ...]:
    return (*BEFORE, *IDLE)


def wsl(platform: Platform) -> tuple[str, ...]:
    platform.wsl()
    platform.opened("/dev/dxg")
    platform.mapped("libcuda.so.1.1")
    return ("devices 1", f"used 0 {1600 * MIB}", *NO_PROCESSES, "busy 0 48")


def wsl_without_utilisation(platform: Platform) -> tuple[str, ...]:
    return (*[line for line in wsl(platform) if not line.startswith("busy")],)


def wsl_lying(platform: Platform) -> tuple[str, ...]:
    wsl(platform)
    return (*BEFORE, *NO_PROCESSES)


def wsl_lying_idle(platform: Platform) -> tuple[str, ...]:
    wsl(platform)
    return (*BEFORE, *IDLE)


def container(platform: Platform) -> tuple[str, ...]:
    """A neighbour has, on the host, the number that we have in here."""
    platform.namespace(CONTAINER)
    loaded(platform)
    return (*HOLDS_MODEL, *BUSY, f"process 0 {PID} {600 * MIB}", f"computes 0 {PID} 60")


def container_counted_devices(platform: Platform) -> tuple[str, ...]:
    platform.namespace(CONTAINER)
    loaded(platform)
    return (*BEFORE, f"process 0 {PID} {600 * MIB}", "busy 0 0")


def mig(platform: Platform) -> tuple[str, ...]:
    loaded(platform)
    return (*HOLDS_MODEL, OURS, *[f"error nvmlDeviceGet{n} 3" for n in ("Samples", "ProcessUtilization")])


def broken_nvml(platform: Platform) -> tuple[str, ...]:
    loaded(platform)
    return ("error nvmlInit_v2 18",)


@pytest.mark.parametrize(
    ("machine", "claims", "expected"),
    [
        (bare, "cuda", ("cuda", "proved")),
        (bare_short_request, "cuda", ("cuda", "proved")),
        (mig, "cuda", ("cuda", "proved")),
        (bare_lying_counted_devices, "cuda", ("cpu", "refuted")),
        (bare_lying_with_a_busy_neighbour, "cuda", ("cuda", "not proved")),
        (bare_lying_with_a_context, "cuda", ("cuda", "not proved")),
        (bare_lying_untouched, "cuda", ("cpu", "refuted")),
        (wsl, "cuda", ("cuda", "proved")),
        (wsl_without_utilisation, "cuda", ("cuda", "not proved")),
        (wsl_lying, "cuda", ("cuda", "not proved")),
        (wsl_lying_idle, "cuda", ("cpu", "refuted")),
        (container, "cuda", ("cuda", "proved")),
        (container_counted_devices, "cuda", ("cuda", "not proved")),
        (broken_nvml, "cuda", ("cuda", "not proved")),
        # the engine itself says CPU though a GPU was asked for
        (bare_lying_untouched, "cpu", ("cpu", "proved")),
        (bare_lying_counted_devices, "cpu", ("cpu", "not proved")),
        (bare, "cpu", ("cpu", "not proved")),
        (container, "cpu", ("cpu", "not proved")),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_nvidia_platforms(machine, claims, expected, platform, nvml, after):
    platform.nvml(*BEFORE)
    observer = Observer("cuda", platform.root, nvml)
    answers = machine(platform)
    if machine in (wsl, wsl_without_utilisation, wsl_lying, broken_nvml):  # what is hidden is hidden before, too
        platform.nvml(*BEFORE, *(line for line in answers if line.startswith("error")))
        observer = Observer("cuda", platform.root, nvml)
    platform.nvml(*answers)

    evidence = after(observer.watch())

    ruling = decide(claims, evidence)
    assert (ruling.used_device, ruling.verdict) == expected, evidence


def rocm(platform: Platform) -> None:
    """The KFD's queues go past the scheduler: memory, and no engine's time."""
    platform.opened("/dev/kfd")
    platform.mapped("libamdhip64.so.7")
    platform.drm(AMDGPU.format(client=5, vram_kib=900 * 1024, compute_ns=0))
    platform.kfd(PID, 900 * MIB)


def rocm_in_a_container(platform: Platform) -> None:
    rocm(platform)
    platform.namespace(CONTAINER)


def rocm_old_kernel(platform: Platform) -> None:
    """fdinfo without figures."""
    platform.opened("/dev/kfd", "/dev/dri/renderD128")
    platform.mapped("libhsa-runtime64.so.1.14.0")
    platform.kfd(PID, 500 * MIB, 400 * MIB)


def vulkan_on_amd(platform: Platform) -> None:
    platform.mapped("libvulkan.so.1")
    platform.drm(AMDGPU.format(client=5, vram_kib=900 * 1024, compute_ns=1_200_000_000))


def amd_counted_devices(platform: Platform) -> None:
    platform.opened("/dev/kfd")
    platform.mapped("libamdhip64.so.7")
    platform.drm(AMDGPU.format(client=5, vram_kib=4096, compute_ns=0))
    platform.kfd(PID, 0)


def amd_untouched(platform: Platform) -> None:
    platform.kfd(NEIGHBOUR, 900 * MIB)


def no_gpu(platform: Platform) -> None:
    pass


@pytest.mark.parametrize(
    ("machine", "claims", "expected"),
    [
        (rocm, "rocm", ("rocm", "proved")),
        (rocm, "cuda:0", ("cuda:0", "proved")),  # PyTorch for ROCm says cuda
        (rocm_in_a_container, "rocm", ("rocm", "proved")),
        (rocm_old_kernel, "rocm", ("rocm", "proved")),
        (vulkan_on_amd, "vulkan:0", ("vulkan:0", "proved")),
        (rocm, "cpu", ("cpu", "not proved")),
        (amd_counted_devices, "rocm", ("rocm", "not proved")),
        (amd_untouched, "rocm", ("cpu", "refuted")),
        (no_gpu, "cuda", ("cpu", "refuted")),
        (no_gpu, "cpu", ("cpu", "proved")),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_platforms_without_nvml(machine, claims, expected, platform, after):
    observer = Observer("cuda", platform.root, NO_NVML)
    watch = observer.watch()
    machine(platform)

    evidence = after(watch)

    ruling = decide(claims, evidence)
    assert (ruling.used_device, ruling.verdict) == expected, evidence


# ---- each eye -------------------------------------------------------------------------------------------------------


def said(evidence: tuple[Evidence, ...], kind: str) -> list[tuple[str | None, str]]:
    return [(e.says, e.value) for e in evidence if e.kind == kind]


def test_in_a_container_nobody_is_taken_for_us_and_figures_of_devices_are_marked(platform, nvml, after):
    platform.nvml(*BEFORE)
    platform.namespace(CONTAINER)
    observer = Observer("cuda", platform.root, nvml)
    platform.nvml(*container_answers(platform))

    evidence = after(observer.watch())

    hidden = "unavailable, because in a container processes have other numbers than in the driver"
    assert said(evidence, "device-memory") == [(None, hidden)]
    assert said(evidence, "process-activity") == [(None, hidden)]
    words = "NVML: 900 MiB more in use on all of device 0 than before loading, by this or others"
    assert said(evidence, "device-memory-rise") == [("cuda", words)]
    words = (
        "NVML: all of device 0 was 60 % busy over 9 samples during the request, by this or others; 0 % before loading"
    )
    assert said(evidence, "device-activity") == [("cuda", words)]


def container_answers(platform: Platform) -> tuple[str, ...]:
    loaded(platform)
    return (*HOLDS_MODEL, *BUSY, f"process 0 {PID} {600 * MIB}")


def test_memory_and_activity_of_this_process_on_bare_linux(platform, nvml, after):
    platform.nvml(*BEFORE)
    observer = Observer("cuda", platform.root, nvml)
    platform.nvml(*bare(platform))

    evidence = after(observer.watch())

    assert said(evidence, "device-memory") == [("cuda", "NVML: 900 MiB of device 0 in use by this process")]
    words = "NVML: this process kept device 0 up to 55 % busy during the request"
    assert said(evidence, "process-activity") == [("cuda", words)]


@pytest.mark.parametrize(("before", "says"), [(70, None), (50, None), (12, "cuda"), (0, "cuda")])
def test_a_device_that_was_busy_before_we_loaded_shows_little(before, says, platform, nvml, after):
    """A desktop's GPU is never quite idle; a neighbour's may be as busy without us. Then 60 % during the request."""
    platform.nvml("devices 1", "used 0 1", f"busy 0 {before}")
    observer = Observer("cuda", platform.root, nvml)
    platform.nvml("devices 1", "used 0 1", *BUSY)

    [(said_of, words)] = said(after(observer.watch()), "device-activity")

    assert said_of == says
    assert f"{before} % before loading" in words


def test_two_neighbours_on_two_devices_prove_nothing(platform, nvml, after):
    """One takes memory, the other computes, while our engine in a container pretends to."""
    platform.nvml("devices 2", "used 0 0", "used 1 0", "busy 0 0", "busy 1 0")
    platform.namespace(CONTAINER)
    observer = Observer("cuda", platform.root, nvml)
    loaded(platform)
    platform.nvml("devices 2", f"used 0 {900 * MIB}", "used 1 0", "busy 0 0", "busy 1 90")

    assert decide("cuda", after(observer.watch())).verdict == "not proved"


def test_an_idle_device_beside_a_busy_one_accuses_nobody(platform, nvml, after):
    platform.nvml("devices 2", "used 0 0", "used 1 0", "busy 0 0", "busy 1 0")
    observer = Observer("cuda", platform.root, nvml)
    platform.nvml("devices 2", f"used 0 {900 * MIB}", "used 1 0", *IDLE, *["sample 1 50"] * 9)

    assert said(after(observer.watch()), "device-activity")[0][0] is None


def test_a_short_request_that_finds_the_device_idle_accuses_nobody(platform, nvml, after):
    platform.nvml(*BEFORE)
    observer = Observer("cuda", platform.root, nvml)
    platform.nvml(*HOLDS_MODEL, *IDLE)

    [(says, _)] = said(after(observer.watch(), took_s=0.2), "device-activity")

    assert says is None


def test_a_neighbour_that_left_its_memory_accuses_nobody_where_the_process_has_figures(platform, nvml, after):
    platform.nvml(*BEFORE)
    observer = Observer("cuda", platform.root, nvml)
    loaded(platform)
    platform.nvml("devices 1", f"used 0 {100 * MIB}", OURS, *BUSY)

    evidence = after(observer.watch())

    assert said(evidence, "device-memory-rise")[0][0] is None
    assert decide("cuda", evidence).verdict == "proved"


@pytest.mark.parametrize(
    ("variables", "device"),
    [
        ({"CUDA_VISIBLE_DEVICES": "1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}, 1),
        ({"CUDA_VISIBLE_DEVICES": "GPU-bb"}, 1),
        ({"CUDA_VISIBLE_DEVICES": "1"}, 0),  # in CUDA's own order that may be any
        ({}, 0),
    ],
)
def test_of_several_gpus_those_count_that_the_work_may_see(variables, device, platform, nvml, after, monkeypatch):
    """A neighbour loads much onto device 0 meanwhile."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    names = ("devices 2", "uuid 0 GPU-aa11", "uuid 1 GPU-bb22", "busy 0 0", "busy 1 0")
    platform.nvml(*names, "used 0 0", "used 1 0")
    observer = Observer("cuda", platform.root, nvml)
    platform.nvml(*names, f"used 0 {9000 * MIB}", f"used 1 {900 * MIB}")

    [(says, words)] = said(after(observer.watch()), "device-memory-rise")

    assert says == "cuda"
    assert f"on all of device {device} " in words


def test_a_crowd_of_processes_hides_nobody(platform, nvml, after):
    platform.nvml(*BEFORE)
    observer = Observer("cuda", platform.root, nvml)
    platform.nvml("devices 1", *(f"process 0 {NEIGHBOUR + n} {MIB}" for n in range(300)), OURS)

    assert said(after(observer.watch()), "device-memory")[0][0] == "cuda"


def test_the_files_that_our_own_question_opens_are_not_the_engines(platform, nvml, after):
    """Else asking NVML would take from the CPU's verdict what it is proved by."""
    opens = [
        f"opens {platform.proc / 'fd' / str(30 + n)} /dev/{name}" for n, name in enumerate(("nvidiactl", "nvidia0"))
    ]
    platform.nvml(*BEFORE, *opens)
    observer = Observer("cuda", platform.root, nvml)

    evidence = after(observer.watch())

    assert said(evidence, "device-files") == [("cpu", "no GPU device file is open in the worker")]
    platform.opened("/dev/nvidia0", first=40)
    assert said(after(observer.watch()), "device-files")[0][0] == "cuda"


def test_under_wsl_the_one_open_file_may_be_the_engines_too(platform, nvml, after):
    platform.wsl()
    platform.nvml(*BEFORE, f"opens {platform.proc / 'fd' / '30'} /dev/dxg")
    observer = Observer("cuda", platform.root, nvml)

    assert said(after(observer.watch()), "device-files")[0][0] == "cuda"


def test_work_for_the_cpu_asks_no_driver(platform, nvml, after):
    platform.nvml(*BEFORE, f"opens {platform.proc / 'fd' / '30'} /dev/nvidia0")

    evidence = after(Observer("cpu", platform.root, nvml).watch())

    assert not (platform.proc / "fd" / "30").is_symlink()
    assert decide("cpu", evidence).verdict == "proved"
    words = "unavailable, because the work was given to the CPU, for which no driver is asked"
    assert said(evidence, "device-memory") == [(None, words)]


def test_the_control_file_alone_is_no_gpu(platform, after):
    platform.opened("/dev/nvidiactl")

    [(says, words)] = said(after(Observer("cpu", platform.root).watch()), "device-files")

    assert says == "cpu"
    assert "but /dev/nvidiactl" in words


def test_an_open_gpu_file_is_named_and_takes_the_proof_from_the_cpu(platform, after):
    platform.opened("/dev/nvidiactl", "/dev/nvidia0")

    evidence = after(Observer("cpu", platform.root).watch())

    words = "open: /dev/nvidia0, /dev/nvidiactl (counting devices opens them too)"
    assert said(evidence, "device-files") == [("cuda", words)]
    assert decide("cpu", evidence).verdict == "not proved"


@pytest.mark.parametrize("name", ["/dev/nvhost-gpu", "/dev/nvmap", "/dev/nvgpu/igpu0/ctrl"])
def test_a_jetsons_files_are_a_gpus(platform, after, name):
    platform.opened(name)

    assert said(after(Observer("cpu", platform.root).watch()), "device-files")[0][0] == "cuda"


def test_a_gpus_file_that_is_open_twice_counts_once(platform, after):
    text = AMDGPU.format(client=5, vram_kib=100 * 1024, compute_ns=0)
    platform.drm(text, text, AMDGPU.format(client=6, vram_kib=50 * 1024, compute_ns=0))

    [(says, words)] = said(after(Observer("cuda", platform.root, NO_NVML).watch()), "device-memory")

    assert says == "rocm"
    assert words == "fdinfo: 154 MiB of a GPU are in use by this process"  # 100 + 50 of VRAM, twice 2 that it maps


def test_a_gpus_engine_that_worked_before_the_request_did_not_work_for_it(platform, after):
    platform.drm(AMDGPU.format(client=5, vram_kib=0, compute_ns=5_000_000_000))
    watch = Observer("cuda", platform.root, NO_NVML).watch()
    platform.drm(AMDGPU.format(client=5, vram_kib=0, compute_ns=5_010_000_000))

    [(says, words)] = said(after(watch), "process-activity")

    assert says is None
    assert words == "fdinfo: a GPU's engines worked 0.01 s for this process in 3.00 s"


def test_intels_gpu_is_told_from_amds(platform, after):
    platform.drm(
        "drm-driver:\ti915\ndrm-client-id:\t7\ndrm-pdev:\t0000:00:02.0\ndrm-total-system0:\t409600 KiB\n"
        "drm-engine-render:\t0 ns\n"
    )

    assert said(after(Observer("gpu", platform.root, NO_NVML).watch()), "device-memory")[0][0] == "xpu"


# ---- it never costs the answer --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answers",
    [
        ("error nvmlInit_v2 9",),
        ("error nvmlDeviceGetCount_v2 999",),
        ("devices 0",),
        ("devices 2", "error nvmlDeviceGetHandleByIndex_v2 3"),
        ("devices 1",),
        *(
            (*HOLDS_MODEL, *BUSY, OURS, f"error nvmlDeviceGet{name} 3")
            for name in (
                "MemoryInfo", "UtilizationRates", "Samples", "ProcessUtilization", "ComputeRunningProcesses_v3",
                "GraphicsRunningProcesses_v3",
            )
        ),
    ],
)  # fmt: skip
def test_whatever_nvml_answers_the_request_is_answered(answers, platform, nvml, after):
    loaded(platform)
    platform.nvml(*answers)
    observer = Observer("cuda", platform.root, nvml)

    evidence = after(observer.watch())

    assert {"device-files", "libraries", "device-memory", "cpu-time"} <= {e.kind for e in evidence}
    assert decide("cuda", evidence).verdict != "refuted"


def test_a_driver_that_does_not_match_its_library_is_quoted(platform, nvml, after):
    platform.nvml("error nvmlInit_v2 18")

    [(says, words)] = said(after(Observer("cuda", platform.root, nvml).watch()), "device-memory")

    assert says is None
    assert words == "unavailable, because NVML: nvmlInit_v2: 18 Driver/library version mismatch"


def test_a_library_that_is_no_nvml_is_quoted(platform, after):
    [(_, words)] = said(after(Observer("cuda", platform.root, "libc.so.6").watch()), "device-memory")

    assert words == "unavailable, because NVML: this NVML has no nvmlInit_v2"


@pytest.mark.parametrize("lost", ["fd", "maps", "fdinfo", "ns", "."])
def test_a_proc_that_lacks_something_says_so(lost, platform, nvml, after):
    platform.nvml(*BEFORE)
    path = platform.proc / lost
    path.unlink() if path.is_file() else shutil.rmtree(path)

    evidence = after(Observer("cuda", platform.root, nvml).watch())

    assert decide("cuda", evidence).verdict != "proved"


def test_lines_that_no_kernel_writes_cost_one_observation(platform, after):
    platform.drm("drm-driver:\tamdgpu\ndrm-client-id:\t1\ndrm-memory-vram:\tmuch KiB\n")

    evidence = after(Observer("cuda", platform.root, NO_NVML).watch())

    assert said(evidence, "device-memory")[0][1].startswith("unavailable, because ValueError")
    assert said(evidence, "libraries")


# ---- what it costs --------------------------------------------------------------------------------------------------


def test_looks_cost_a_hundredth_of_the_work_at_most(platform, nvml, monkeypatch):
    """By a clock that only looks and requests move: a look takes 4 ms, a request 100."""
    clock = Clock(monkeypatch)
    platform.nvml(*BEFORE)
    observer = Observer("cuda", platform.root, nvml)
    monkeypatch.setattr(observer, "_libraries", lambda: clock.spend(0.004, ()))
    requests = 50
    for _ in range(requests):
        watch = observer.watch()
        clock.now += 0.1
        evidence = watch.evidence()

    assert clock.spent <= 0.01 * requests * 0.1 + 0.004
    assert clock.spent >= 0.008  # it does look again
    assert evidence


def test_what_was_seen_before_is_told_with_its_age_and_never_long_after(platform, nvml, monkeypatch):
    clock = Clock(monkeypatch)
    platform.nvml(*BEFORE)
    observer = Observer("cuda", platform.root, nvml)
    monkeypatch.setattr(observer, "_libraries", lambda: clock.spend(5.0, ()))
    told = []
    for pause_s in (0.0, 1.0, observe.OLDEST_LOOK_S):
        clock.now += pause_s
        told.append(said(observer.watch().evidence(), "device-files")[0][1])

    assert told == [told[0], f"{told[0]} (seen 6.0 s before)", told[0]]


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.spent = 1000.0, 0.0
        monkeypatch.setattr(observe.time, "perf_counter", lambda: self.now)

    def spend(self, seconds: float, answer: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
        self.now, self.spent = self.now + seconds, self.spent + seconds
        return answer


# ---- this machine ---------------------------------------------------------------------------------------------------


def test_a_real_worker_on_the_cpu_is_proved_to_be_there(start_worker, recording):
    worker = start_worker()
    worker.load("", 0)
    audio, chunks = recording

    *_, done = worker.transcribe(audio, chunks, TranscribeOptions())

    ruling = decide("cpu", done.evidence)
    assert (ruling.used_device, ruling.verdict) == ("cpu", "proved")
    assert [e.kind for e in ruling.because] == ["device-files", "libraries"]


def test_what_the_model_took_of_the_gpu_and_what_is_free(platform, nvml, after):
    """The figures that decide whether another model fits beside it."""
    platform.nvml("devices 1", f"used 0 {2**30}")
    observer = Observer("cuda", platform.root, nvml)
    assert observer.device_memory() is None  # nothing has been looked at yet
    loaded(platform)
    platform.nvml("devices 1", f"used 0 {3 * 2**30}")
    after(observer.watch())

    assert observer.device_memory() == DeviceMemory(2 * 2**30, 21 * 2**30)
    assert Observer("cpu", platform.root, nvml).device_memory() is None
    platform.nvml("devices 1", "error nvmlDeviceGetMemoryInfo 3")
    assert observer.device_memory() is None
