"""What the adapter of openai-whisper says of a file that torch refuses, without torch."""

from __future__ import annotations

import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from yamabiko.engines.adapters.openai_whisper import _read
from yamabiko.engines.contract import ModelUnreadable

UNSAFE = (
    "In PyTorch 2.6, we changed the default value of the `weights_only` argument in `torch.load` from `False` to `True`. "
    "Re-running `torch.load` with `weights_only` set to `False` will likely succeed, but it can result in arbitrary code "
    "execution. Do it only if you got the file from a trusted source."
)
DOCS = "\n\nCheck the documentation of torch.load to learn more about types accepted by default with weights_only https://p."


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (f"Weights only load failed. {UNSAFE}\nPlease file an issue with the following so that we can make `weights_only=True` "
         f"compatible with your use case: WeightsUnpickler error: \n\nUnsupported operand 149{DOCS}", "Unsupported operand 149"),
        ("Weights only load failed. This file can still be loaded, to do so you have two options, do those steps only if you trust "
         f"the source. \n\t(1) {UNSAFE}\n\t(2) Alternatively, to load with `weights_only=True` please check the recommended steps in "
         "the following error message.\n\tWeightsUnpickler error: Unsupported global: GLOBAL os.system was not an allowed global by "
         f"default. Please use `torch.serialization.add_safe_globals([system])` if you trust this function.{DOCS}",
         "Unsupported global: GLOBAL os.system was not an allowed global by default."),
        ("PytorchStreamReader failed reading zip archive: failed finding central directory", "PytorchStreamReader failed reading"),
        (f"Weights only load failed. {UNSAFE}", "UnpicklingError"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_and_advice_to_run_the_files_code_is_not(said: str, told: str) -> None:
    """The texts are those of torch 2.13's serialization.py."""

    def refuse(*_: Any, **__: Any) -> None:
        raise pickle.UnpicklingError(said)

    with pytest.raises(ModelUnreadable) as caught:
        _read(SimpleNamespace(load_model=refuse), Path("base.pt"))

    assert str(caught.value).startswith(f"base.pt is no whole checkpoint of openai-whisper: {told}")
    for word in ("Re-running", "succeed", "weights_only", "add_safe_globals", "2.6"):
        assert word not in str(caught.value)
