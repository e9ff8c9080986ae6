"""
One small kernel of a compute type: `kernel.py DEVICE TYPE` (cuda float16). A device that counts may still not compute.

CTranslate2 has no free kernel in its API, so a tensor is moved to the device and
back, which makes the context and allocates; torch multiplies two matrices and
compares with the CPU.
"""

import importlib.util

tell = globals()["tell"]
device, kind = [*globals()["arguments"], "cuda", "float32"][:2]


def is_here(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


if is_here("torch"):
    import torch

    tell(trying="torch")
    # `int8` is CTranslate2's: torch would cut all numbers here down to 0
    chosen = getattr(torch, kind, None)
    chosen = chosen if chosen is not None and chosen.is_floating_point else torch.float32
    a = torch.arange(4096, dtype=torch.float32).reshape(64, 64) / 4096
    there = (a.to(device, chosen) @ a.to(device, chosen)).float().cpu()
    worst = (there - a @ a).abs().max().item()
    tell(**{"torch.error": f"{worst:.4g}", "torch.well": worst < 0.1})
if is_here("ctranslate2"):
    import ctranslate2
    import numpy

    tell(trying="ctranslate2")
    supported = ctranslate2.get_supported_compute_types(device)
    tell(**{"ctranslate2.supported": " ".join(sorted(supported))})
    here = numpy.arange(4096, dtype=numpy.float32)
    if device == "cpu":
        back = numpy.array(ctranslate2.StorageView.from_array(here))
    else:
        moved = ctranslate2.StorageView.from_array(here).to_device(ctranslate2.Device.cuda)
        back = numpy.array(moved.to_device(ctranslate2.Device.cpu))
    tell(**{"ctranslate2.well": bool((back == here).all() and kind in (*supported, "auto", "default"))})
tell(trying="")
