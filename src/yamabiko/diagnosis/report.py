"""
What a checkup saw, as lines for people: the machine, its GPUs, each environment, then what was found.

Lines are for a terminal, at most so many columns wide; commands are never wrapped, since they are copied.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from yamabiko.diagnosis.articles import article
from yamabiko.diagnosis.book import PRICES, indented
from yamabiko.diagnosis.checkup import ENGINE_PACKAGES, Checkup, holds_engine
from yamabiko.diagnosis.facts.records import Environment, Facts, Rung, Unavailable, unavailable
from yamabiko.diagnosis.labels import in_japanese, labelled, rung_name, rung_said, why
from yamabiko.engines.catalog import DEFAULT_ENGINE
from yamabiko.findings import Finding, Remedy
from yamabiko.formats.text import display_width
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
        _system(facts), _processor(facts), _memory(facts), *_disks(checkup), _nvidia(checkup), _amd(checkup),
        *_environments(checkup),
    )  # fmt: skip


def unseen(facts: Facts) -> tuple[str, ...]:
    """What could not be had, and why, a line each: for those who want to know what the doctor did not see."""
    return tuple(f"{name}: {_unavailable(reason)}" for name, reason in unavailable(facts))


def _unavailable(reason: Unavailable) -> Text:
    return Text(str(reason), f"不明（{why(reason.because).ja}）")


def table(rows: Sequence[tuple[str, Line]], columns: int) -> list[str]:
    """Each line behind its mark; what does not fit goes on under its beginning."""
    widest = max(display_width(str(line.what)) for _, line in rows)
    shown = []
    for mark, line in rows:
        name = str(line.what) + " " * (widest - display_width(str(line.what)))
        shown += _by_items(str(line.shown), f"{mark}  {name}  ", columns, " " * (widest + 5))
    return shown


def _by_items(text: str, margin: str, columns: int, later: str) -> list[str]:
    """Wrapped between the items of a list, so that a name and its version stay together, where none is too long."""
    kept = re.sub(r"(?<![,;:]) ", "\N{NO-BREAK SPACE}", text)
    lines = indented(kept, margin, columns, later)
    if max(map(display_width, lines)) > columns:
        return indented(text, margin, columns, later)
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]


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
    if isinstance(cpu.model, Unavailable) and isinstance(cpu.flags, Unavailable):
        return Line("unknown", Text("processor", "CPU"), _because(cpu.model))
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
        return Line("unknown", what, _because(memory.total_bytes, memory.available_bytes))
    free, total = _gib(memory.available_bytes), _gib(memory.total_bytes)
    limit = f"; {_gib(memory.limit_bytes)}" if isinstance(memory.limit_bytes, int) else ""
    text = Text(
        f"{free} of {total} free{limit and f'{limit} allowed to this container'}",
        f"{total} 中 {free} が空き{limit and f'（コンテナーの上限 {limit[2:]}）'}",
    )
    return Line("well", what, text)


_KEPT = {"data": "エンジン環境", "cache": "モデル", "state": "作業の記録"}


def _disks(checkup: Checkup) -> Iterator[Line]:
    """One line for all that lie on one disk."""
    places: dict[object, list[str]] = {}
    for disk in checkup.facts.disks:
        places.setdefault((disk.free_bytes, disk.total_bytes, disk.writable), []).append(disk.what)
    for disk in checkup.facts.disks:
        names = places.pop((disk.free_bytes, disk.total_bytes, disk.writable), None)
        if names is None:
            continue
        blamed = _is_blamed(disk.path, checkup.findings)
        kept, kept_ja = ", ".join(names), "、".join(_KEPT.get(name, name) for name in names)
        if isinstance(disk.free_bytes, Unavailable):
            yield Line("unknown", Text("disk", "ディスク"), _because(disk.free_bytes))
        else:
            closed = "" if disk.writable else f" ({Text('not writable', '書き込み不可')})"
            text = Text(
                f"{_gib(disk.free_bytes)} free for {kept}{closed}", f"空き {_gib(disk.free_bytes)}（{kept_ja}）{closed}"
            )
            mark: Mark = "wrong" if blamed else "well" if disk.writable else "none"
            yield Line(mark, Text("disk", "ディスク"), text)


def _nvidia(checkup: Checkup) -> Line:
    what, facts = Text("NVIDIA", "NVIDIA"), checkup.facts
    nvidia = facts.nvidia
    if isinstance(nvidia.gpus, Unavailable):
        return Line("unknown", what, _because(nvidia.gpus))
    refused = bool(nvidia.said) and any(f.area == "device" and f.severity != "info" for f in checkup.findings)
    if not facts.sees_nvidia and not nvidia.gpus and not refused:
        return Line("none", what, Text("no GPU is visible here", "GPUは見えません"))
    gpus = ", ".join(f"{g.name}{f' ({g.capability})' if isinstance(g.capability, str) else ''}" for g in nvidia.gpus)
    if isinstance(nvidia.cuda, str):
        cuda = Text(
            f"CUDA {nvidia.cuda} ({nvidia.cuda_from})", f"CUDA {nvidia.cuda}（{in_japanese(nvidia.cuda_from)}）"
        )
    else:
        cuda = Text(f"CUDA: {_unavailable(nvidia.cuda).en}", f"CUDA: {_unavailable(nvidia.cuda).ja}")
    driver = nvidia.driver if isinstance(nvidia.driver, str) else "?"
    said = f"; {nvidia.said}" if nvidia.said else ""
    mark: Mark = "wrong" if refused else "none" if said else "well"
    shown = Text(
        f"{gpus or '?'}; driver {driver}; {cuda.en}{said}", f"{gpus or '?'}; ドライバー {driver}; {cuda.ja}{said}"
    )
    return Line(mark, what, shown)


def _amd(checkup: Checkup) -> Line:
    what, amd = Text("AMD", "AMD"), checkup.facts.amd
    if isinstance(amd.gpus, Unavailable):
        return Line("unknown", what, _because(amd.gpus))
    if not amd.kfd:
        return Line("none", what, Text("no GPU for computing is visible here", "演算用のGPUは見えません"))
    gpus = ", ".join(gpu.gfx for gpu in amd.gpus) or "?"
    rocm = f"ROCm {amd.rocm}" if isinstance(amd.rocm, str) else "ROCm: ?"
    if amd.kfd_open is True:
        return Line("well", what, _same(f"{gpus}; {rocm}"))
    blamed = any(finding.id == "rocm-permissions" and finding.severity != "info" for finding in checkup.findings)
    closed = Text(
        f"{gpus}; {rocm}; this user may not open /dev/kfd", f"{gpus}; {rocm}（このユーザーは /dev/kfd を開けません）"
    )
    return Line("wrong" if blamed else "none", what, closed)  # nothing here would compute on it: no fault


def _environments(checkup: Checkup) -> Iterator[Line]:
    if not checkup.rungs and not any(e.engine or holds_engine(e) for e in checkup.facts.environments):
        if checkup.engine:
            other = Text(
                f"not installed: the first recording that needs it does it, or yamabiko engines install {checkup.engine}",
                f"未導入です。必要になったときに自動で導入されます（手動: yamabiko engines install {checkup.engine}）",
            )
            yield Line("none", _same(checkup.engine), other)
            return
        told = Text(
            f"none is set up yet: the first transcription does it, or yamabiko engines install {DEFAULT_ENGINE}",
            f"未導入です。最初の文字起こしで自動的に導入されます（手動: yamabiko engines install {DEFAULT_ENGINE}）",
        )
        yield Line("none", Text("engines", "エンジン"), told)
    for environment in checkup.facts.environments:
        climbed = [rung for rung in checkup.rungs if rung.environment == environment.name]
        if environment.engine is None and not holds_engine(environment):
            if environment.name != "running interpreter":  # that one nobody asked about
                empty = Text("no speech package in it", "音声認識のパッケージはありません")
                yield Line("none", _same(_short(environment.name)), empty)
            continue
        if environment.broken:  # the finding below says what of it
            yield Line("wrong", _same(_short(environment.name)), Text("not whole", "壊れています"))
            continue
        tried = _tried(climbed)
        held = _packages(environment)
        text = Text(f"{held.en}; {tried.en}", f"{held.ja}。{tried.ja}") if tried.en else held
        sick = any(not rung.well for rung in climbed) or _is_blamed(environment.name, checkup.findings)
        well: Mark = "wrong" if sick else "well"
        yield Line(well, _same(_short(environment.name)), text)


_MOST_NAMED = 3
"""Packages, where none of them is one that people know an engine by."""


def _packages(environment: Environment) -> Text:
    """Those whose versions decide; an engine that has none of these is known by the few it runs on, as campplus by numpy."""
    deciding = [one for one in environment.packages if one.name in ENGINE_PACKAGES]
    shown = deciding or list(environment.packages[:_MOST_NAMED])
    if not shown:
        return Text("no packages", "パッケージなし")
    return _same(", ".join(f"{one.name} {one.version}" for one in shown))


_LONGEST_NAME = 40


def _short(name: str) -> str:
    """The end of a folder's path tells which it is; the whole of it would leave no room for what is in it."""
    return name if len(name) <= _LONGEST_NAME else f"…{name[-_LONGEST_NAME + 1 :]}"


def _tried(rungs: Sequence[Rung]) -> Text:
    """What was tried in one environment, in both languages."""
    tried = [(rung_name(rung.what), rung_said(rung)) for rung in rungs]
    return Text(
        "; ".join(f"{name.en}: {said.en}" for name, said in tried),
        "、".join(f"{name.ja}: {said.ja}" for name, said in tried),
    )


def _is_blamed(place: str, findings: tuple[Finding, ...]) -> bool:
    """A finding that is more than a note has seen something in this environment or folder."""
    loud = (finding for finding in findings if finding.severity != "info")
    return any(line.startswith(f"{place}: ") for finding in loud for line in finding.evidence)


# ---- findings -------------------------------------------------------------------------------------------------------

_EVIDENCE, _TO_FIX = Text("evidence", "根拠"), Text("to fix", "対処")
_WE_DID, _MEANWHILE = Text("we did", "対応"), Text("meanwhile", "当面")


def in_full(finding: Finding, facts: Facts, columns: int) -> list[str]:
    """What stands under a finding's id: cause, evidence, remedies with their prices, what yamabiko does by itself."""
    lines = indented(str(finding.cause), _MARGIN, columns)
    lines += _block(_EVIDENCE, _evidence(finding, facts, columns - _LABEL))
    lines += _block(_WE_DID, indented(str(finding.we_did), "", columns - _LABEL)) if finding.we_did else []
    several = len(finding.remedies) > 1
    lines += _block(
        _TO_FIX,
        [
            line
            for number, remedy in enumerate(finding.remedies, 1)
            for line in _remedy(remedy, f"{number}. " if several else "", columns - _LABEL)
        ],
    )
    meanwhile = _by_itself(finding)
    return [*lines, *(_block(_MEANWHILE, indented(meanwhile, "", columns - _LABEL)) if meanwhile else [])]


def in_short(finding: Finding, columns: int) -> list[str]:
    """Its cause, and where to read more: for what was not asked about, and for notes."""
    more = Text(f"more: yamabiko doctor --explain {finding.id}", f"詳細: yamabiko doctor --explain {finding.id}")
    return [*indented(str(finding.cause), _MARGIN, columns), f"{_MARGIN}{more}"]


_MARGIN = "   "
_LABEL = 13
"""Columns of the margin and the label before each block."""


def _block(label: Text, lines: list[str]) -> list[str]:
    """Lines with a label before the first."""
    before = f"{_MARGIN}{label}"
    before += " " * max(1, _LABEL - display_width(before))
    return [f"{' ' * _LABEL if number else before}{line}".rstrip() for number, line in enumerate(lines)]


def _evidence(finding: Finding, facts: Facts, columns: int) -> list[str]:
    """What was seen, each thing once; what was seen in one environment stands under its name."""
    lines: list[str] = []
    inside = ""
    for line in dict.fromkeys(finding.evidence):
        name = next((e.name for e in facts.environments if line.startswith(f"{e.name}: ")), "")
        if name and name != inside:
            lines.append(str(Text(f"in {name}", f"{name} の中")))
        inside = name
        margin = "  " if name else ""
        lines += indented(labelled(line.removeprefix(f"{name}: ")), margin, columns, f"{margin}  ")
    return lines


def _remedy(remedy: Remedy, number: str, columns: int) -> list[str]:
    hanging = " " * len(number)
    lines = indented(f"{PRICES[remedy.cost]} · {remedy.what}", number, columns, hanging)
    return [*lines, *(f"{hanging}   {line}" for line in (remedy.command or "").splitlines())]


def _by_itself(finding: Finding) -> str:
    """What yamabiko does meanwhile; nothing where it has told what it did."""
    if finding.we_did is not None:
        return ""
    try:
        meanwhile = article(finding.id).meanwhile
    except KeyError:
        return ""
    return "" if meanwhile is None else str(Text(f"yamabiko {meanwhile.en}", meanwhile.ja))


def _gib(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"


def _because(*facts: object) -> Text:
    """Why the first of these that could not be had is not here."""
    reason = next((fact.because for fact in facts if isinstance(fact, Unavailable)), "")
    return Text(f"not known: {reason}", f"不明: {why(reason).ja}")


def _same(text: str) -> Text:
    return Text(text, text)
