"""No NVIDIA driver is visible: none is installed, a container was not given it, or there is no NVIDIA GPU."""

from __future__ import annotations

from yamabiko.diagnosis.checks.contract import ABSENT, UNTOLD, Check, Sign, absent, known, present
from yamabiko.diagnosis.checks.driver import NO_CUDA, NO_DRIVER_WORDS, cuda_of_driver, foreign_libcuda, libcuda
from yamabiko.diagnosis.facts.records import Facts, Unavailable
from yamabiko.i18n import Text

_NVIDIA = "0x10de"
_NO_NVIDIA = Text(
    "This machine has no NVIDIA GPU: none of its PCI devices is NVIDIA's.",
    "このマシンにNVIDIA GPUはありません（PCIデバイスにNVIDIA製のものがありません）。",
)


def _no_driver(facts: Facts) -> Sign:
    asked, cuda = facts.probe("driver"), cuda_of_driver(facts)
    if _of_amd_alone(facts):
        return absent("/dev: kfd, and no nvidia0: the GPU is AMD's, and a driver of NVIDIA would serve nothing")
    if facts.wsl is not None and (not facts.wsl.dxg or foreign_libcuda(facts)):
        return ABSENT  # WSL's own troubles have names of their own
    if asked is not None and asked.values.get("init") == "0":
        return absent("probe: cuInit answers 0")
    no_library = asked is None and known(facts.libraries) and libcuda(facts) is None
    if cuda == NO_CUDA or (facts.sees_nvidia and no_library):
        return _without_driver(facts)
    if facts.sees_nvidia:
        no_device = asked is not None and asked.values.get("init") == "100"
        return UNTOLD if cuda is None or no_device else absent(f"driver: serves CUDA {'.'.join(map(str, cuda))}")
    if facts.system.name != "linux":
        return UNTOLD
    # A driver makes its device files when it is first used, and a Jetson names them otherwise. A container is given
    # them or not, whatever /proc/driver shows of the host.
    if facts.container is None and (known(facts.nvidia.driver) or facts.system.machine == "aarch64"):
        return UNTOLD
    return _without_driver(facts)


def _of_amd_alone(facts: Facts) -> bool:
    marks = known(facts.nvidia.driver) or libcuda(facts) is not None
    return facts.sees_amd and not facts.sees_nvidia and not marks


def _without_driver(facts: Facts) -> Sign:
    path, asked = libcuda(facts), facts.probe("driver")
    lines = []
    if not isinstance(facts.pci_vendors, Unavailable) and facts.wsl is None:
        lines.append(f"/sys/bus/pci/devices: vendors {', '.join(facts.pci_vendors)} (NVIDIA is {_NVIDIA})")
    if not facts.nvidia.device_files:
        dxg = "" if facts.wsl is None else ", but dxg" if facts.wsl.dxg else ", no dxg"
        lines.append(f"/dev: no nvidia0, no nvidiactl{dxg}")
    lines.append(f"loader: libcuda.so.1 is {path}" if path else "loader: there is no libcuda.so.1")
    if asked is not None:
        lines += [f"probe: {word}" for word in asked.words[-1:]]
    if facts.has_no_nvidia:
        container = [f"container: {facts.container.kind} ({facts.container.evidence})"] if facts.container else []
        return present(
            *lines, *container, severity="warning", cause=_NO_NVIDIA, unfit=("In a container", "On a machine")
        )
    if facts.container is not None:
        return _container_without_driver(facts, lines)
    if facts.wsl is not None:
        no_windows_driver = Text(
            "WSL has no libcuda: Windows has no NVIDIA driver that serves WSL, or no NVIDIA GPU.",
            "WSLにlibcudaがありません。WindowsにWSL対応のNVIDIAドライバーがないか、NVIDIA GPUがありません。",
        )
        return present(*lines, cause=no_windows_driver)
    return present(*lines)


def _container_without_driver(facts: Facts, lines: list[str]) -> Sign:
    assert facts.container is not None
    lines = [*lines, f"container: {facts.container.kind} ({facts.container.evidence})"]
    named = ("NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES")
    lines += [f"environment: {name}={facts.variables[name]}" for name in named if name in facts.variables]
    if known(facts.nvidia.driver):
        lines.append(f"/proc/driver/nvidia/version: the host has driver {facts.nvidia.driver}")
    if facts.nvidia.device_files:
        return present(*lines, cause=_devices_without_library(facts))
    # An image promises a GPU in its own variables; whether the host has one the bus tells, or /proc with its driver.
    if known(facts.nvidia.driver) or (known(facts.pci_vendors) and _NVIDIA in str(facts.pci_vendors)):
        return present(*lines, cause=_NOT_GIVEN)
    return present(*lines, severity="warning", cause=_GIVEN_OR_THERE)


_NOT_GIVEN = Text(
    "The machine has an NVIDIA GPU, and no driver is visible in this container: it was started without access to the GPU.",
    "マシンにはNVIDIA GPUがありますが、このコンテナーからはドライバーが見えません。GPUを渡さずに起動されています。",
)
_GIVEN_OR_THERE = Text(
    "No NVIDIA driver is visible in this container: either it was started without access to the GPU, or "
    "the machine has no NVIDIA GPU.",
    "このコンテナーからはNVIDIAドライバーが見えません。GPUを渡さずに起動されているか、マシンにNVIDIA GPUがありません。",
)


def _devices_without_library(facts: Facts) -> Text:
    asked = facts.variables.get("NVIDIA_DRIVER_CAPABILITIES")
    if asked and not {"compute", "all"} & {one.strip() for one in asked.split(",")}:
        return Text(
            "The container has the GPU's devices but not the driver's library: it was started without the "
            "“compute” capability.",
            "コンテナーにGPUのデバイスはありますが、ドライバーのライブラリーがありません。"
            "「compute」機能を指定せずに起動されています。",
        )
    return Text(
        "The container has the GPU's devices but not the driver's library. We do not know why: devices that are handed "
        "over by --device or --privileged come without it, and so do those of a host without the container toolkit.",
        "コンテナーにGPUのデバイスはありますが、ドライバーのライブラリーがありません。理由は分かっていません。"
        "--device や --privileged でデバイスだけを渡した場合や、ホストにコンテナーツールキットがない場合にこうなります。",
    )


def _expects_nvidia(facts: Facts) -> bool:
    """
    A machine without a GPU is well, WSL on a machine with another maker's GPU too. A container that was promised
    one, or device files without a driver, are not.
    """
    promised = facts.variables.get("NVIDIA_VISIBLE_DEVICES", "void") not in ("", "void", "none")
    return (facts.container is not None and promised) or bool(facts.nvidia.device_files)


def _promised_by_an_image_alone(facts: Facts) -> bool:
    """CUDA's images set NVIDIA_VISIBLE_DEVICES wherever they run; nothing shows that there is a GPU to give."""
    return facts.container is not None and not facts.nvidia.device_files and not known(facts.nvidia.driver)


CHECKS = (
    Check(
        "driver-none-or-container-without-runtime",
        words=(*NO_DRIVER_WORDS, r"No CUDA GPUs are available"),
        look=_no_driver,
        by_itself=_expects_nvidia,
        only_a_note=_promised_by_an_image_alone,
        probe="driver",
    ),
)
