"""The rungs that a request leaves of a CARD's placements. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection

from yamabiko.engines.contract import AS_STORED, Card, Placement
from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.i18n import Text

DEVICE = r"auto|cpu|cuda(:\d{1,4})?|vulkan|metal|mps"
"""A pattern, for the whole word."""
ANY_PRECISION = ("auto", "default")
"""Words that name none."""
_PRECISIONS = ("int8", "int8_float32", "int8_float16", "int8_bfloat16", "int16", "float16", "bfloat16", "float32")


def parse_device(device: str) -> tuple[str, int | None]:
    """`cuda:1` as ("cuda", 1); `metal` is `mps`. Raises: Problem (device-unknown)."""
    if re.fullmatch(DEVICE, device) is None:
        raise Problem(
            Finding(
                id="device-unknown",
                severity="error",
                area="usage",
                cause=Text(f"“{device}” is not a device we know.", f"「{device}」というデバイスはありません。"),
                evidence=(f"{Text('devices', '使えるデバイス')}: auto, cuda, cuda:N, vulkan, metal, cpu",),
                remedies=(
                    *_a_gpu(device),
                    *_amd(device),
                    Remedy(Text("Let yamabiko choose", "選択を任せる"), "--device auto"),
                ),
            )
        )
    family, _, number = device.partition(":")
    return family.replace("metal", "mps"), int(number) if number else None


def _a_gpu(device: str) -> tuple[Remedy, ...]:
    asked = re.fullmatch(r"(?:gpu|nvidia|cuda):?(\d{1,4})?", device, re.IGNORECASE)
    if asked is None:
        return ()
    number = f":{asked[1]}" if asked[1] else ""
    what = Text("Did you mean this? A GPU of NVIDIA is called cuda here", "もしかして（NVIDIAのGPUは cuda と呼びます）")
    return (Remedy(what, f"--device cuda{number}"),)


def _amd(device: str) -> tuple[Remedy, ...]:
    """For who calls AMD's GPUs by a name of their own."""
    asked = re.fullmatch(r"(?:rocm|hip|amd)(:\d{1,4})?", device, re.IGNORECASE)
    if asked is None:
        return ()
    why = Text(
        "AMD's GPUs are called cuda here, as PyTorch does; this needs the engine's rocm environment",
        "AMDのGPUも、PyTorchと同じくcudaと指定します（エンジンのrocm用の環境が必要）",
    )
    return (Remedy(why, f"--device cuda{asked[1] or ''}"),)


def plan(
    card: Card, device: str, compute_type: str, *, gpus: Collection[str], may_fall: bool, require_gpu: bool = False
) -> tuple[Placement, ...]:
    """
    The rungs to try, best first.

    `auto` tries the rungs of the kinds of device in `gpus`, and the CPU's.
    A GPU asked for by name comes first even so: trying is how its absence gets
    a cause. Without fallback only the first rung is left; where a GPU is
    required, no rung of the CPU. Raises: Problem (compute-type-unknown,
    device-not-supported, gpu-required-and-refused).
    """
    family, _ = parse_device(device)
    if require_gpu and family == "cpu":
        raise Problem(_contradiction(device))
    if require_gpu and family == "auto":
        family = next((rung.device for rung in card.placements if rung.device in gpus), "cuda")
    rungs = [rung for rung in card.placements if _fits(rung, family, gpus)]
    if rungs and family not in ("auto", "cpu", rungs[0].device):
        rungs = []  # a GPU asked for by name, and an engine that knows none
    if rungs and compute_type not in ANY_PRECISION:
        rungs = _of_precision(rungs, compute_type)
    if not rungs:
        why = card.why_without(device)
        raise Problem(
            Finding(
                id="device-not-supported",
                severity="error",
                area="usage",
                cause=Text(
                    f"{card.name} does not run on {device}." + (f" {why.en}" if why else ""),
                    f"{card.name} は {device} では動きません。" + (why.ja if why else ""),
                ),
                evidence=(f"card: {card.name} runs on {', '.join(sorted({p.device for p in card.placements}))}",),
                remedies=(Remedy(Text("Let yamabiko choose", "選択を任せる"), "--device auto"),),
            )
        )
    if require_gpu:
        rungs = [rung for rung in rungs if rung.device != "cpu"]
    if not may_fall:
        rungs = [rung for rung in rungs if rung.device == rungs[0].device][:1]
    return tuple(rungs)


def _contradiction(device: str) -> Finding:
    return Finding(
        id="gpu-required-and-refused",
        severity="error",
        area="usage",
        cause=Text("A GPU is required and refused at once.", "GPUを必須にする指定と、使わない指定が同時にあります。"),
        evidence=(f"asked: --require-gpu --device {device}",),
        remedies=(Remedy(Text("Leave one of them out", "どちらかを外す"), "--device auto --require-gpu"),),
    )


def _fits(rung: Placement, family: str, gpus: Collection[str]) -> bool:
    return rung.device == "cpu" or rung.device == family or (family == "auto" and rung.device in gpus)


def _of_precision(rungs: list[Placement], compute_type: str) -> list[Placement]:
    """
    The rungs of one precision. The device that was wanted first stays first, even if no rung of its names it.

    Where the model's file decides, all of them: that it is another is told when it is loaded (`heeding`).
    """
    _refuse_unknown(compute_type)
    if all(rung.compute_type == AS_STORED for rung in rungs):
        return rungs
    named = [rung for rung in rungs if rung.compute_type == compute_type]
    if not named:
        return _forced(rungs, compute_type)
    if named[0].device != rungs[0].device:
        return [*_forced(rungs[:1], compute_type), *named]
    return named


def _forced(rungs: list[Placement], compute_type: str) -> list[Placement]:
    """A precision that no rung names, but that some CTranslate2 type is called: one rung a device."""
    devices = dict.fromkeys(rung.device for rung in rungs)
    return [Placement(device, compute_type, costs_accuracy=compute_type.startswith("int8")) for device in devices]


def _refuse_unknown(compute_type: str) -> None:
    """Raises: Problem (compute-type-unknown)."""
    if compute_type not in _PRECISIONS:
        near = difflib.get_close_matches(compute_type, _PRECISIONS, 1)
        raise Problem(
            Finding(
                id="compute-type-unknown",
                severity="error",
                area="usage",
                cause=Text(f"“{compute_type}” is not a compute type.", f"「{compute_type}」という数値型はありません。"),
                evidence=(f"{Text('compute types', '使える数値型')}: auto, {', '.join(_PRECISIONS)}",),
                remedies=tuple(
                    Remedy(Text("Did you mean this?", "これではありませんか"), f"--compute-type {name}")
                    for name in near
                ),
            )
        )
