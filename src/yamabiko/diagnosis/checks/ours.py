"""What is ours: environments, which the doctor may make anew, and the folders that everything is kept in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from shlex import quote

from yamabiko.diagnosis import fixes
from yamabiko.diagnosis.checks.contract import ABSENT, UNTOLD, Check, Sign, present
from yamabiko.diagnosis.facts.records import Disk, Facts, Lost
from yamabiko.i18n import Text
from yamabiko.own_libraries import line_of, remedies


def _hidden(facts: Facts) -> Sign:
    if not facts.shadows:
        return ABSENT
    commands = (remedy.command or "" for remedy in remedies(facts.shadows, facts.variables))
    return present(
        *map(line_of, facts.shadows), command="\n".join(dict.fromkeys(filter(None, commands))), unfit=(_INSTALL_ANEW,)
    )


_INSTALL_ANEW = "Where nothing stands in the way: install yamabiko again into a fresh environment"


def _broken(facts: Facts) -> Sign:
    broken = [environment for environment in facts.environments if environment.broken]
    if not broken:
        return UNTOLD
    engines = dict.fromkeys(environment.engine for environment in broken if environment.engine)
    repair = "\n".join(f"yamabiko engines repair {engine}" for engine in engines)
    return present(*(f"{environment.name}: {environment.broken}" for environment in broken), command=repair)


def _cut_short(facts: Facts) -> Sign:
    if not facts.unfinished:
        return ABSENT
    lines = [
        f"fixes.json: {one.finding}: begun {one.when or 'some time ago'}, neither kept nor taken back; the environment of "
        f"{one.engine} ({one.profile}) lies in {one.aside}"
        for one in facts.unfinished
    ]
    ready = [
        f"{e.name}: there is another one since then, and it is whole"
        for one in facts.unfinished
        for e in facts.environments
        if e.engine == one.engine and not e.broken and e.name.startswith(f"{one.engine}-{one.profile}-")
    ]
    return present(*lines, *ready, severity="info" if len(ready) == len(facts.unfinished) else None)


def _unread_journal(facts: Facts) -> Sign:
    if facts.unread_journal is None:
        return ABSENT
    return present(*fixes.lines_of(facts.unread_journal), command=fixes.commands_for(facts.unread_journal))


def _lost(facts: Facts) -> Sign:
    """In environments of the user's; ours are held to their lists in every byte, and made anew."""
    theirs = [e for e in facts.environments if e.engine is None and any(map(_matters, e.lost))]
    if not theirs:
        return ABSENT if facts.environments else UNTOLD
    lines, commands = [], []
    for environment in theirs:
        lost = [one for one in environment.lost if _matters(one)]
        lines += [f"{environment.name}: {one.path} is gone, and {one.package} {one.version} lists it" for one in lost]
        wanted = " ".join(dict.fromkeys(f"{one.package}=={one.version}" for one in lost))
        where = f" --target {quote(environment.path)} --upgrade" if not environment.interpreter else ""
        python = quote(environment.interpreter or "python3")
        commands.append(f"{python} -m pip install --force-reinstall --no-deps{where} {wanted}")
    return present(*lines, command="\n".join(commands))


def _matters(lost: Lost) -> bool:
    """TensorRT's provider is large, and taken out of images on purpose: onnxruntime goes without it."""
    return lost.package in _NATIVE_PACKAGES and "tensorrt" not in lost.path


_NATIVE_PACKAGES = frozenset((
    "av", "ctranslate2", "cuda-bindings", "llvmlite", "numba", "numpy", "onnxruntime",
    "onnxruntime-gpu", "onnxruntime-migraphx", "onnxruntime-rocm", "pywhispercpp", "sherpa-onnx", "sherpa-onnx-core",
    "tokenizers", "torch", "torchaudio", "torchcodec", "torchvision",
))  # fmt: skip
"""Engines, and what they cannot do without."""


def _full(facts: Facts) -> Sign:
    lines = [f"{disk.path}: {line}" for disk in facts.disks for line in _too_little(disk)]
    if not lines:
        return ABSENT if facts.disks else UNTOLD
    return present(*dict.fromkeys(lines), cause=_NEARLY_FULL)


def _too_little(disk: Disk) -> Iterator[str]:
    """A folder that holds nothing at all, as /proc does, is not full: it is no disk."""
    if not isinstance(disk.free_bytes, int) or disk.total_bytes == 0:
        return
    if disk.free_bytes < max(disk.reserve_bytes, 1):
        yield f"{_mib(disk.free_bytes)} free, and {_mib(disk.reserve_bytes)} are to stay free"


def _mib(count: int) -> str:
    return f"{count / 2**20:.1f} MiB"


_NEARLY_FULL = Text(
    "So little is free on the disk that yamabiko begins nothing there: it would fill it to the brim.",
    "ディスクの空きが残しておくべき容量を下回っているため、ここでは何も始められません。",
)


def _closed(facts: Facts) -> Sign:
    closed = [disk for disk in facts.disks if not disk.writable]
    if not closed:
        return ABSENT if facts.disks else UNTOLD
    lines = [f"{disk.path}: {_FOR.get(disk.what, disk.what)}, not writable{_because(disk)}" for disk in closed]
    ready = any(environment.engine and not environment.broken for environment in facts.environments)
    if ready and all(disk.what == "data" for disk in closed):
        return present(*lines, severity="info", cause=_ENGINES_ARE_FIXED)
    reasons = {disk.refused: disk.there for disk in closed}
    cause = _CLOSED.get(next(iter(reasons))) if len(reasons) == 1 else None
    unfit = tuple(words for refused, words in _AGAINST.items() if "" not in reasons and refused not in reasons)
    helps = ((_FILLED[why], _HELPS[why].format(quote(there))) for why, there in reasons.items() if why in _HELPS)
    return replace(present(*lines, cause=cause, unfit=unfit), filled=tuple(helps))


def _because(disk: Disk) -> str:
    told = {"EROFS": "is on a read-only file system", "EACCES": "is closed to this user", "ENOTDIR": "is a file"}
    if not disk.refused:
        return ""
    return f": {disk.there} {told.get(disk.refused, 'is on a file system that holds no files')}"


_CLOSED = {
    "EROFS": Text(
        "The file system on which yamabiko keeps its files is read-only: nobody may write there, whoever owns the folder.",
        "yamabikoのファイルを置くファイルシステムが読み取り専用です。フォルダーの所有者が誰であっても書き込めません。",
    ),
    "ENOTDIR": Text(
        "Where yamabiko should have a folder for its files there is a file.",
        "yamabikoのフォルダーがあるべき場所に、ファイルがあります。",
    ),
    "no files": Text(
        "yamabiko's files were to go where no files can be kept.",
        "ファイルを保存できない場所が、yamabikoの保存先になっています。",
    ),
}
_AGAINST = {"EROFS": "is read-only", "EACCES": "your own", "ENOTDIR": "a file stands"}
"""Words of the remedies that help against each alone."""
_FILLED = {**_AGAINST, "EROFS": "file system is read-only"}
_HELPS = {
    "EROFS": 'sudo mount -o remount,rw "$(findmnt -no TARGET -T {0})"',
    "EACCES": 'sudo chown -R "$USER" {0}',
    "ENOTDIR": "mv {0} {0}.aside",
}


_FOR = {"data": "engines", "cache": "models and decoded audio", "state": "unfinished work"}
_ENGINES_ARE_FIXED = Text(
    "The folder of the engines may not be written. Those that are in it work; none can be installed or repaired.",
    "エンジンのフォルダーには書き込めません。導入済みのエンジンは使えますが、新たな導入や修復はできません。",
)

CHECKS = (
    Check("own-libraries-broken", look=_hidden),
    Check("engine-environment-broken", look=_broken),
    Check("fix-interrupted", look=_cut_short),
    Check("package-files-lost", look=_lost),
    Check("fixes-unreadable", look=_unread_journal),
    Check("disk-full", look=_full),
    Check("home-not-writable", look=_closed),
)
