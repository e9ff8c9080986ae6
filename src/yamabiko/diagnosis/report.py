"""What a checkup saw, as lines for people: the machine, its GPUs, each environment. Findings have a view of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from yamabiko.diagnosis.checkup import ENGINE_PACKAGES, Checkup, Rung
from yamabiko.diagnosis.facts.records import Environment, Facts, Unavailable, unavailable
from yamabiko.i18n import Text

Mark = Literal["well", "wrong", "none", "unknown"]
"""`none`: there is no such thing here, which is no fault. `unknown`: could not be seen."""


@dataclass(frozen=True, slots=True)
class Line:
    mark: Mark
    what: Text
    shown: Text


def lines(checkup: Checkup) -> tuple[Line, ...]:
    """The page above the findings."""
    facts = checkup.facts
    return (
        _system(facts), _processor(facts), _memory(facts), *_disks(facts), _nvidia(facts), _amd(facts),
        *_environments(facts, checkup.rungs),
    )  # fmt: skip


def unseen(facts: Facts) -> tuple[str, ...]:
    """What could not be had, and why, a line each: for those who want to know what the doctor did not see."""
    return tuple(f"{name}: {reason}" for name, reason in unavailable(facts))


def _system(facts: Facts) -> Line:
    system = facts.system
    parts = [str(system.distribution if isinstance(system.distribution, str) else system.name), system.machine]
    parts += [f"glibc {system.glibc}"] if isinstance(system.glibc, str) else []
    parts += [f"Python {system.python}"] if system.python else []
    parts += [f"WSL {facts.wsl.version}"] if facts.wsl else []
    where = f" ({facts.container.kind})" if facts.container else ""
    return Line("well", Text("system", "システム"), _same(", ".join(parts) + where))


def _processor(facts: Facts) -> Line:
    cpu = facts.cpu
    model = cpu.model if isinstance(cpu.model, str) else "?"
    flags = f": {' '.join(cpu.flags)}" if isinstance(cpu.flags, tuple) else ""
    quota = f", {cpu.quota:g}" if isinstance(cpu.quota, float) else ""
    text = Text(
        f"{model}, {cpu.usable} of {cpu.count} usable{quota and f'{quota} granted'}{flags}",
        f"{model}、{cpu.count} 個中 {cpu.usable} 個を使用可{quota and f'（割当 {quota[2:]}）'}{flags}",
    )
    return Line("well", Text("processor", "CPU"), text)


def _memory(facts: Facts) -> Line:
    what, memory = Text("memory", "メモリ"), facts.memory
    if isinstance(memory.total_bytes, Unavailable) or isinstance(memory.available_bytes, Unavailable):
        return Line("unknown", what, _same(str(memory.total_bytes)))
    free, total = _gib(memory.available_bytes), _gib(memory.total_bytes)
    limit = f"; {_gib(memory.limit_bytes)}" if isinstance(memory.limit_bytes, int) else ""
    text = Text(
        f"{free} of {total} free{limit and f'{limit} allowed to this container'}",
        f"{total} 中 {free} が空き{limit and f'（コンテナーの上限 {limit[2:]}）'}",
    )
    return Line("well", what, text)


def _disks(facts: Facts) -> Iterator[Line]:
    """One line for all that lie on one disk."""
    places: dict[object, list[str]] = {}
    for disk in facts.disks:
        places.setdefault((disk.free_bytes, disk.total_bytes, disk.writable), []).append(disk.what)
    for disk in facts.disks:
        names = places.pop((disk.free_bytes, disk.total_bytes, disk.writable), None)
        if names is None:
            continue
        kept = ", ".join(names)
        if isinstance(disk.free_bytes, Unavailable):
            yield Line("unknown", Text("disk", "ディスク"), _same(f"{kept}: {disk.free_bytes}"))
        else:
            closed = "" if disk.writable else f" ({Text('not writable', '書き込み不可')})"
            text = Text(
                f"{_gib(disk.free_bytes)} free for {kept}{closed}", f"空き {_gib(disk.free_bytes)}（{kept}）{closed}"
            )
            yield Line("well" if disk.writable else "wrong", Text("disk", "ディスク"), text)


def _nvidia(facts: Facts) -> Line:
    what, nvidia = Text("NVIDIA", "NVIDIA"), facts.nvidia
    if isinstance(nvidia.gpus, Unavailable):
        return Line("unknown", what, _same(str(nvidia.gpus)))
    if not facts.sees_nvidia and not nvidia.gpus:
        return Line("none", what, Text("no GPU is visible here", "GPUは見えません"))
    gpus = ", ".join(f"{g.name}{f' ({g.capability})' if isinstance(g.capability, str) else ''}" for g in nvidia.gpus)
    cuda = f"CUDA {nvidia.cuda} ({nvidia.cuda_from})" if isinstance(nvidia.cuda, str) else f"CUDA: {nvidia.cuda}"
    driver = f"driver {nvidia.driver}" if isinstance(nvidia.driver, str) else "driver: ?"
    said = f"; {nvidia.said}" if nvidia.said else ""
    return Line("wrong" if said else "well", what, _same(f"{gpus or '?'}; {driver}; {cuda}{said}"))


def _amd(facts: Facts) -> Line:
    what, amd = Text("AMD", "AMD"), facts.amd
    if isinstance(amd.gpus, Unavailable):
        return Line("unknown", what, _same(str(amd.gpus)))
    if not amd.kfd:
        return Line("none", what, Text("no GPU for computing is visible here", "演算用のGPUは見えません"))
    gpus = ", ".join(gpu.gfx for gpu in amd.gpus) or "?"
    rocm = f"ROCm {amd.rocm}" if isinstance(amd.rocm, str) else "ROCm: ?"
    return Line("well" if amd.kfd_open is True else "wrong", what, _same(f"{gpus}; {rocm}"))


def _environments(facts: Facts, rungs: tuple[Rung, ...]) -> Iterator[Line]:
    for environment in facts.environments:
        climbed = [rung for rung in rungs if rung.environment == environment.name]
        if environment.engine is None and not _is_worth_a_line(environment):
            continue
        tried = "; ".join(f"{rung.what}: {'ok' if rung.well else rung.said}" for rung in climbed)
        packages = ", ".join(f"{p.name} {p.version}" for p in environment.packages if p.name in ENGINE_PACKAGES)
        text = f"{packages or '–'}{f'; {tried}' if tried else ''}"
        well: Mark = "well" if all(rung.well for rung in climbed) else "wrong"
        yield Line(well, _same(environment.name), _same(text))


def _is_worth_a_line(environment: Environment) -> bool:
    """One of the user's, with an engine in it."""
    return any(package.name in ENGINE_PACKAGES for package in environment.packages)


def _gib(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"


def _same(text: str) -> Text:
    return Text(text, text)
