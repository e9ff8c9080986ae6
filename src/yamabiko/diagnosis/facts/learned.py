"""What probes of the driver teach about the machine: facts that no file shows."""

from __future__ import annotations

from dataclasses import replace

from yamabiko.diagnosis.facts.records import Facts, Nvidia, NvidiaGpu, Probed, Unavailable


def learned(facts: Facts, *results: Probed) -> Facts:
    """The same machine, with the results kept and what they say of driver and GPUs taken in."""
    for result in results:
        if result.probe in ("driver", "nvml"):
            facts = replace(facts, nvidia=_taken_in(facts.nvidia, result))
        if result.probe == "driver" and result.ended == "raised" and facts.library("libcuda.so.1") is not None:
            said = _and(facts.nvidia.said, *result.words[-1:])
            facts = replace(facts, nvidia=replace(facts.nvidia, said=said))
    return facts.with_probed(*results)


def _taken_in(nvidia: Nvidia, result: Probed) -> Nvidia:
    values, asked = result.values, "cuDriverGetVersion" if result.probe == "driver" else "NVML"
    changed = nvidia
    if "driver" in values:
        changed = replace(changed, driver=values["driver"])
    if values.get("cuda", "0.0") != "0.0":
        changed = replace(changed, cuda=values["cuda"], cuda_from=asked)
    if "said" in values:
        changed = replace(changed, said=_and(changed.said, values["said"]))
    if result.probe == "driver" and values.get("count") == "0" and nvidia.device_files and not result.environment:
        changed = replace(changed, said=_and(changed.said, "cuInit answers 0, and the driver counts 0 GPUs"))
    if result.ended in ("died", "silent"):
        changed = replace(changed, said=_and(changed.said, f"the {result.probe} probe {result.ended}: {result.ending}"))
    if values.get("count", "").isdigit():
        count = int(values["count"])
        before = changed.gpus if isinstance(changed.gpus, tuple) and len(changed.gpus) == count else ()
        gpus = [_gpu(values, number, before[number] if before else None) for number in range(count)]
        changed = replace(changed, gpus=tuple(gpus))
    return changed


def _and(before: str, *said: str) -> str:
    """NVML's words beside the driver's, not instead of them."""
    return "; ".join(dict.fromkeys(part for part in (before, *said) if part))


def _gpu(values: dict[str, str], number: int, before: NvidiaGpu | None) -> NvidiaGpu:
    told = {key.split(".", 2)[2]: value for key, value in values.items() if key.startswith(f"gpu.{number}.")}
    silent = Unavailable(told.get("said", "the driver did not say"))
    gpu = before or NvidiaGpu("?", silent, silent, silent, silent, silent, silent)
    known: dict[str, object] = {key: told[key] for key in ("name", "capability", "compute_mode") if told.get(key)}
    for key in ("memory_bytes", "free_bytes", "mig_instances"):
        if told.get(key, "").isdigit():
            known[key] = int(told[key])
    if "mig" in told:
        known["mig"] = told["mig"] == "1"
    return replace(gpu, **known)  # type: ignore[arg-type]
