"""A driver that hangs, dies or refuses when it is asked, and no other check knows why."""

from __future__ import annotations

import re

from yamabiko.diagnosis.checks import driver, no_driver, torch_runtime
from yamabiko.diagnosis.checks.contract import ABSENT, UNTOLD, Check, Sign, absent, known, present, sign_of
from yamabiko.diagnosis.facts.records import Facts, Probed
from yamabiko.diagnosis.probes import newest_words
from yamabiko.i18n import Text

_EXPLAIN = tuple(
    check
    for check in (*no_driver.CHECKS, *driver.CHECKS, *torch_runtime.CHECKS)
    if check.id
    in (
        "driver-none-or-container-without-runtime",
        "container-gpu-lost-after-daemon-reload",
        "nvml-driver-library-mismatch",
        "wsl-linux-driver-installed",
        "wsl-dxg-missing",
        "gpu-compute-mode-exclusive-or-mig",
        "cuda-visible-devices-empty",
    )
)
"""Why a driver refuses, where facts tell: then this says nothing."""
_NEWEST_WORDS = 6
_NO_DEVICE, _NOT_READY = "100", "802"
HIDES = "CUDA_VISIBLE_DEVICES"
WITHOUT = f"without {HIDES}"
"""In place of an environment's name, where the driver was asked once more."""
_DAMAGED = re.compile(r"invalid ELF header|file too short")


def refusal(facts: Facts) -> tuple[str, ...]:
    """What was seen of a driver that does not answer as it should, a line each; empty if it does, or nobody asked."""
    lines: list[str] = []
    for name in ("driver", "nvml"):
        result = facts.probe(name)
        if result is not None:
            lines += _ended_badly(result, facts)
    if facts.nvidia.said and not lines:
        lines.append(f"driver: {facts.nvidia.said}")
    asked = facts.probe("driver")
    if lines and asked is not None and asked.values.get("library"):
        lines.append(f"loader: libcuda.so.1 is {asked.values['library']}")
    return tuple(lines)


def _ended_badly(result: Probed, facts: Facts) -> list[str]:
    words = [f"{result.probe} probe: {line}" for line in newest_words(result.words, _NEWEST_WORDS)]
    if result.ended in ("died", "silent"):
        during = f" while it asked {result.values['asking']}" if result.values.get("asking") else ""
        return [f"{result.probe} probe: {result.ended}{during}: {result.ending}", *words]
    if result.probe == "driver" and result.ended == "raised" and facts.library("libcuda.so.1") is not None:
        return [f"{result.probe} probe: {line}" for line in result.words[-1:]]
    return [f"driver: {result.values['said']}"] if result.values.get("said") else []


def _no_answer(facts: Facts) -> Sign:
    lines, asked = refusal(facts), facts.probe("driver")
    if _counts_none(facts) and not lines:
        lines = ("driver: cuInit answers 0, and the driver counts 0 GPUs",)
    if not lines:
        return absent("probe: cuInit answers 0") if asked is not None and asked.values.get("init") == "0" else UNTOLD
    if explained_elsewhere(facts):
        return ABSENT
    code = asked.values.get("init", "") if asked is not None else ""
    if code == _NO_DEVICE and not shows_nvidia(facts):
        return present(*lines, severity="info", cause=_NO_GPU, unfit=_FOR_A_GPU)
    cause = _CAUSES[_NO_DEVICE] if _counts_none(facts) else _CAUSES.get(code)
    unfit = () if code == _NOT_READY else ("With 802",)
    if asked is not None and any(_DAMAGED.search(word) for word in asked.words):
        unfit = (*unfit, "kernel says", "Restart")
    else:
        unfit = (*unfit, "invalid ELF header")
    return present(*lines, *_hiding(facts), cause=cause, unfit=unfit)


def _counts_none(facts: Facts) -> bool:
    """It answers, and says that there is nothing, where files show something."""
    asked = facts.probe("driver")
    return asked is not None and asked.values.get("count") == "0" and bool(facts.nvidia.device_files)


def _hiding(facts: Facts) -> list[str]:
    """The variable that may be why, and whether it is."""
    if HIDES not in facts.variables:
        return []
    lines, bare = [f"environment: {HIDES}={facts.variables[HIDES]}"], facts.probe("driver", WITHOUT)
    if bare is not None:
        init, count = bare.values.get("init", "?"), bare.values.get("count", "0")
        lines.append(f"driver probe: {WITHOUT}: cuInit answers {init}, and {count} GPUs are counted")
    return lines


def explained_elsewhere(facts: Facts) -> bool:
    """Another finding, more than a note, says why: it would be told twice."""
    asked = facts.probe("driver")
    # One that hangs or dies is there: what it has not told yet is no sign that there is none.
    ended = asked is not None and asked.ended in ("died", "silent")
    for check in _EXPLAIN:
        if ended and check.id == "driver-none-or-container-without-runtime":
            continue
        sign = sign_of(check, facts)
        if sign.here and sign.severity != "info":
            return True
    return False


def shows_nvidia(facts: Facts) -> bool:
    """More than a library, which many systems install as a part of something else."""
    return facts.sees_nvidia or known(facts.nvidia.driver)


_NO_GPU = Text(
    "NVIDIA's library is installed here, and it sees no GPU. On a machine without one that is as it should be.",
    "NVIDIAのライブラリーは入っていますが、GPUは見えません。GPUのないマシンなら、これで正常です。",
)
_FOR_A_GPU = ("With 802", "invalid ELF header", "kernel says", "Restart", "work on the CPU")
_CAUSES = {
    _NO_DEVICE: Text(
        "The machine shows an NVIDIA GPU, and the driver says that there is none it can use. We do not know why.",
        "NVIDIA GPUの形跡がありますが、ドライバーは使えるGPUがないと答えます。理由は分かっていません。",
    ),
    _NOT_READY: Text(
        "The driver says that the system is not ready: on machines whose GPUs are joined by NVSwitch, NVIDIA's Fabric "
        "Manager does not run.",
        "ドライバーはシステムの準備ができていないと答えます。"
        "NVSwitchでGPUをつないだマシンでは、Fabric Managerが動いていないときにこうなります。",
    ),
}

CHECKS = (Check("driver-does-not-answer", look=_no_answer, probe="driver"),)
