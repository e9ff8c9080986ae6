"""Every check, by family: adding one is a line in its family's `CHECKS` and an article of its id."""

from yamabiko.diagnosis.checks import (
    ct2_builds,
    ctranslate2,
    driver,
    driver_answer,
    hub,
    nemo,
    no_driver,
    onnxruntime,
    ours,
    rocm,
    sherpa,
    torch,
    torch_packages,
    torch_runtime,
    transformers,
    whispercpp,
    whisperx,
)
from yamabiko.diagnosis.checks.contract import Check

CHECKS: tuple[Check, ...] = (
    *ours.CHECKS,
    *nemo.CHECKS,
    *torch.CHECKS,
    *torch_runtime.CHECKS,
    *rocm.CHECKS,
    *no_driver.CHECKS,
    *driver.CHECKS,
    *driver_answer.CHECKS,
    *ctranslate2.CHECKS,
    *ct2_builds.CHECKS,
    *whisperx.CHECKS,
    *torch_packages.CHECKS,
    *transformers.CHECKS,
    *hub.CHECKS,
    *onnxruntime.CHECKS,
    *sherpa.CHECKS,
    *whispercpp.CHECKS,
)

__all__ = ["CHECKS", "Check"]
