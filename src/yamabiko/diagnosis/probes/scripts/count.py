"""
How many GPUs the libraries of this environment see, and in their own words why none.

Counting swallows errors: CTranslate2 answers 0 for any, torch says False. So the
same is asked again in a way that raises.
"""

import importlib.util
from collections.abc import Callable

tell = globals()["tell"]


def is_here(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def attempt(key: str, ask: Callable[[], object]) -> None:
    try:
        tell(**{key: ask()})
    except Exception as error:  # noqa: BLE001 - its words are the answer
        tell(**{f"{key}.said": f"{type(error).__name__}: {error}"[:500]})


if is_here("ctranslate2"):
    import ctranslate2

    attempt("ctranslate2.count", ctranslate2.get_cuda_device_count)
    attempt("ctranslate2.cuda_types", lambda: " ".join(sorted(ctranslate2.get_supported_compute_types("cuda"))))
    attempt("ctranslate2.cpu_types", lambda: " ".join(sorted(ctranslate2.get_supported_compute_types("cpu"))))
if is_here("onnxruntime"):
    import onnxruntime

    attempt("onnxruntime.providers", lambda: " ".join(onnxruntime.get_available_providers()))
if is_here("torch"):
    import torch

    tell(
        **{
            "torch.version": torch.__version__,
            "torch.cuda": torch.version.cuda or "",
            "torch.hip": torch.version.hip or "",
        }
    )
    attempt("torch.count", torch.cuda.device_count)
    attempt("torch.archs", lambda: " ".join(torch.cuda.get_arch_list()))
    attempt("torch.capability", lambda: ".".join(map(str, torch.cuda.get_device_capability(0))))
