"""What `yamabiko engines recommend` says of GPUs of AMD and Apple: what could run on them, and what cannot. None was at hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from yamabiko.cli import answers, screen
from yamabiko.i18n import Text

if TYPE_CHECKING:
    from yamabiko.gpu_marks import Maker
    from yamabiko.scheduling.advice import Machine, OnRequest, OtherGpu

_OF: dict[Maker, Text] = {
    "amd": Text("AMD's GPU", "AMDのGPU"),
    "apple": Text("Apple's GPU", "AppleのGPU"),
    "nvidia": Text("NVIDIA's GPU", "NVIDIAのGPU"),
}


def named(gpu: OtherGpu) -> Text:
    maker = _OF[gpu.maker]
    return Text(f"{maker.en} ({gpu.name})", f"{maker.ja}（{gpu.name}）") if gpu.name else maker


def show(here: Machine, requestable: tuple[OnRequest, ...], lacking: Mapping[str, Text]) -> None:
    """Stands behind what is known to work."""
    if not here.others:
        return
    gpu = named(here.others[0])
    if requestable:
        may = Text(
            f"On {gpu.en} these may run, each in an environment made on request. We never ran one; whether the build "
            "knows this GPU, and whether the model fits its memory, is not known:",
            f"{gpu.ja}では、次の環境を指定して作れば動く可能性があります。動作は未確認で、ビルドがこのGPUに対応するか、"
            "モデルがGPUのメモリに収まるかは不明です:",
        )
        print(f"\n{may}")
        rows = [[f"  {one.install}", one.command, str(one.untried or "")] for one in requestable]
        screen.print_result(answers.aligned(rows))
    if lacking:
        without = Text("On the CPU alone there:", "このGPUを使えず、CPUだけで動くエンジン:")
        print(f"\n{without}")
        screen.print_result(answers.aligned([[f"  {engine}", str(why)] for engine, why in lacking.items()]))
