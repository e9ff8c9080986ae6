"""
Where results go, and what is already there.

Named as Whisper names them, `<stem>.<format>`, unless that name belongs to
another recording: then `<full name>.<format>`. A small ledger in the state
folder knows which output came from which recording and settings, so that a
finished file is skipped, a changed recording is done again, and what somebody
else wrote or edited is left alone.

Hours pass between the plan and the last file, and others work meanwhile: so
`claimed` looks again before a recording's work, and `place` before each write.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import stat
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from filelock import FileLock, Timeout

from yamabiko.cli.inputs import Recording
from yamabiko.cli.shaping import only_a_test
from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.formats import FORMATS, ending
from yamabiko.i18n import Text
from yamabiko.records import Malformed, from_plain, to_plain


@dataclass(frozen=True, slots=True)
class Made:
    """The ledger's entry for one output."""

    source: str
    source_size: int
    source_mtime_ns: int
    settings: str
    size: int
    mtime_ns: int


Stamp = tuple[int, int, int] | None


@dataclass(frozen=True, slots=True)
class Rule:
    """What may be replaced."""

    settings: str
    """As `shaping` names them."""
    overwrite: bool = False
    strict: bool = False
    """What was made with other settings is made again, since these are a promise."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write for one recording."""

    recording: Recording
    rule: Rule
    base: Path
    """The outputs' name without its format."""
    targets: dict[str, Path]
    """By format: every output, also those that are done."""
    to_write: tuple[str, ...]
    replaces: dict[Path, Stamp] = field(default_factory=dict)
    """What was there when `overwrite` was about to replace it; what comes later, nobody meant."""
    foreign: tuple[Path, ...] = ()
    """Outputs that exist and are not ours to replace."""
    other_settings: str | None = None
    """What is there was made from this recording with these settings, and not with the rule's."""
    otherwise: tuple[Path, ...] = ()
    """Of the targets those that were, and so stay as they are."""

    @property
    def finished(self) -> bool:
        return not self.to_write


class Ledger:
    """Which output came from which recording. Losing it costs nothing but caution."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def entry(self, output: Path) -> Made | None:
        """None if we did not make it, or it was changed since."""
        try:
            made = from_plain(Made, json.loads(self._file(output).read_text("utf-8")))
            status = output.stat()
        except (OSError, ValueError, Malformed):
            return None
        return made if (status.st_size, status.st_mtime_ns) == (made.size, made.mtime_ns) else None

    def record(self, output: Path, source: Path, settings: str) -> None:
        with contextlib.suppress(OSError):  # then the next run is more careful than it need be
            self._folder.mkdir(parents=True, exist_ok=True)
            origin, result = source.stat(), output.stat()
            made = Made(
                source=str(source.resolve()),
                source_size=origin.st_size,
                source_mtime_ns=origin.st_mtime_ns,
                settings=settings,
                size=result.st_size,
                mtime_ns=result.st_mtime_ns,
            )
            beside = self._file(output).with_suffix(f".{os.getpid()}")
            beside.write_text(json.dumps(to_plain(made)), "utf-8")
            beside.replace(self._file(output))

    @contextlib.contextmanager
    def claim(self, base: Path, source: Path, wait: Callable[[], None] | None = None) -> Iterator[bool]:
        """
        Hold the names that begin with `base` for one recording, while the block lasts.

        False if another process holds them for another recording. While one
        holds them for this one, `wait` is called again and again; without it
        both go on, each with all of the work.
        """
        held = self._folder / hashlib.sha256(os.fsencode(_same(base))).hexdigest()[:32]
        lock, note = FileLock(held.with_suffix(".lock"), timeout=0), held.with_suffix(".claim")
        own = str(source.resolve())
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            held_by = _hold(lock, note, own, wait)
        except OSError:  # a state folder that cannot be written: then nobody can be warned
            yield True
            return
        if held_by is not None:
            yield held_by == own
            return
        try:
            with contextlib.suppress(OSError):
                note.write_text(own, "utf-8", "surrogateescape")
            yield True
        finally:
            with contextlib.suppress(OSError):
                note.unlink()
            lock.release()  # its file stays: two could hold a lock whose file was taken away between them

    def _file(self, output: Path) -> Path:
        name = os.path.normcase(os.path.abspath(output))
        return self._folder / f"{hashlib.sha256(os.fsencode(name)).hexdigest()[:32]}.json"


def plan(
    recordings: Sequence[Recording], formats: Sequence[str], output_dir: Path | None, ledger: Ledger, rule: Rule
) -> list[Plan]:
    """
    What to write for each recording; no two of them, and no recording itself, are ever written over.
    """
    inputs = {_same(r.path) for r in recordings}
    folders = [_folder(r, output_dir) for r in recordings]
    short = [folder / r.path.stem for r, folder in zip(recordings, folders, strict=True)]
    full = [folder / r.path.name for r, folder in zip(recordings, folders, strict=True)]
    wanted = Counter(map(_same, short))
    plans, taken = [], set[str]()
    for recording, stem, name in zip(recordings, short, full, strict=True):
        mine = _is_mine(stem, recording, ledger)
        candidates = [stem, name] if mine or (wanted[_same(stem)] == 1 and mine is None) else [name]
        if not mine and _is_mine(name, recording, ledger):
            candidates = [name]  # it was done in the company of a file of the same stem, and keeps that name
        free = (c for c in candidates if _is_mine(c, recording, ledger) is not False)
        base = next((c for c in free if _is_free(c, formats, taken, inputs)), None) or _marked(recording, name)
        plans.append(_decide(recording, base, formats, ledger, rule))
        taken |= {_same(path) for path in plans[-1].targets.values()}
    return plans


@contextlib.contextmanager
def claimed(plan: Plan, ledger: Ledger, wait: Callable[[], None] | None = None) -> Iterator[Plan]:
    """
    The plan as it stands at this moment, its name held against other processes while the block lasts.

    Where another process is at the same recording it is waited for, as in `Ledger.claim`: then the work is done.

    A name that another recording has taken since the plan was made, or is about to, is left to it.
    """
    *usual, last = _names(plan)
    for base in usual:
        with ledger.claim(base, plan.recording.path, wait) as free:
            now = _again(plan, base, ledger)
            open_to_us = free and _is_mine(base, plan.recording, ledger) is not False
            if open_to_us and (base == plan.base or not now.foreign):
                yield now
                return
    yield _again(plan, last, ledger)


def place(plan: Plan, name: str, ledger: Ledger) -> Path:
    """
    Where the result in the format `name` may be written now: its target, or a name that nobody else has.

    Somebody may have put a file there since we began, or made the same recording's with other settings.
    """
    target = plan.targets[name]
    if _is_mine(plan.base, plan.recording, ledger) is not False and _may_replace(target, plan, ledger, planned=True):
        return target
    *usual, last = (_output(base, name) for base in _names(plan)[1:])
    end = f".{ending(name)}"
    numbered = (last.with_name(f"{last.name.removesuffix(end)}.{n}{end}") for n in itertools.count(2))
    free = (path for path in (*usual, last) if _may_replace(path, plan, ledger, planned=False))
    return next(free, None) or next(path for path in numbered if _may_replace(path, plan, ledger, planned=False))


def _may_replace(path: Path, plan: Plan, ledger: Ledger, *, planned: bool) -> bool:
    """`planned`: the plan chose this name, so what it found there, and was told to replace, may go."""
    if not os.path.lexists(path):
        return True
    made, rule = ledger.entry(path), plan.rule
    if made is None:
        return rule.overwrite and planned and path in plan.replaces and plan.replaces[path] == _stamp(path)
    if made.source != str(plan.recording.path.resolve()):
        return False
    again = planned and (rule.overwrite or _is_nothing_yet(made, rule))
    return again or made.settings == rule.settings or not _is_of(made, plan.recording.path)


def _names(plan: Plan) -> list[Path]:
    """Names for this recording's results, best first; nobody but it is given the last."""
    full = plan.base.with_name(plan.recording.path.name)
    marked = _marked(plan.recording, full)
    return list(dict.fromkeys((plan.base, *((full,) if plan.base != marked else ()), marked)))


def _again(plan: Plan, base: Path, ledger: Ledger) -> Plan:
    # Whoever says --overwrite means the usual name, and not what may stand under the next best.
    rule = plan.rule if base == plan.base else replace(plan.rule, overwrite=False)
    return _decide(plan.recording, base, tuple(plan.targets), ledger, rule)


def _output(base: Path, name: str) -> Path:
    return base.with_name(f"{base.name}.{ending(name)}")


def _marked(recording: Recording, name: Path) -> Path:
    """Another folder's file of the same name, into one output folder."""
    mark = hashlib.sha256(os.fsencode(recording.path.resolve())).hexdigest()[:6]
    return name.with_name(f"{name.name}.{mark}")


def _folder(recording: Recording, output_dir: Path | None) -> Path:
    return recording.path.parent if output_dir is None else output_dir / recording.folder


def _same(path: Path) -> str:
    """One name for what a file system may hold to be one file: some do not tell A from a, nor é from e and its accent."""
    decomposed = unicodedata.normalize("NFD", os.path.abspath(path))
    return unicodedata.normalize("NFC", decomposed.casefold())


def _is_mine(base: Path, recording: Recording, ledger: Ledger) -> bool | None:
    """
    Whether all outputs of that name came from this recording, in whatever format; None if none of them is known.

    Of two recordings with one stem, the one that came first keeps the short name for all that it will ever be asked.
    """
    names = (_output(base, fmt) for fmt in FORMATS)
    owners = {made.source for name in names if (made := ledger.entry(name))}
    return None if not owners else owners == {str(recording.path.resolve())}


def _is_free(base: Path, formats: Sequence[str], taken: set[str], inputs: set[str]) -> bool:
    names = {_same(_output(base, fmt)) for fmt in formats}
    return not names & taken and not names & inputs


def _decide(recording: Recording, base: Path, formats: Sequence[str], ledger: Ledger, rule: Rule) -> Plan:
    targets = {fmt: _output(base, fmt) for fmt in formats}
    if rule.overwrite:
        there = {path: _stamp(path) for path in targets.values() if os.path.lexists(path)}
        return Plan(recording, rule, base, targets, tuple(targets), there)
    to_write, foreign, otherwise, other_settings = [], [], [], None
    for fmt, path in targets.items():
        made = ledger.entry(path)
        if not os.path.lexists(path):
            to_write.append(fmt)
        elif made is None or made.source != str(recording.path.resolve()):
            foreign.append(path)
        elif not _is_of(made, recording.path) or _is_nothing_yet(made, rule):
            to_write.append(fmt)
        elif made.settings != rule.settings:
            otherwise.append(path)
            other_settings = made.settings
    return Plan(recording, rule, base, targets, tuple(to_write), {}, tuple(foreign), other_settings, tuple(otherwise))


def make_ready(folder: Path) -> None:
    """Make sure that results can be written there, before hours of work. Raises: Problem (output-not-writable)."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise Problem(
            Finding(
                id="output-not-writable",
                severity="error",
                area="output",
                cause=Text(
                    f"Nothing can be written into the folder for the results: {folder}",
                    f"出力先フォルダーに書き込めません: {folder}",
                ),
                evidence=(f"system: {error}", *([f"{folder}: is a file, no folder"] if folder.is_file() else [])),
                remedies=(Remedy(Text("Write somewhere else", "別の場所に書き出す"), "--output-dir FOLDER"),),
            )
        ) from None


def _stamp(path: Path) -> Stamp:
    """Tells one content of a plain file from another; devices and pipes are always the same."""
    try:
        status = path.stat()
    except OSError:  # a link to nothing
        return None
    return (status.st_ino, status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None


def _hold(lock: FileLock, note: Path, own: str, wait: Callable[[], None] | None) -> str | None:
    """The recording that another process holds it for; None: it is ours now. Raises: OSError."""
    while True:
        try:
            lock.acquire()
        except Timeout:
            other = _text(note) or own  # who has only just taken it has not written yet for what
            if wait is None or other != own:
                return other
            wait()
        else:
            return None


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "surrogateescape")
    except OSError:
        return ""


def _is_nothing_yet(made: Made, rule: Rule) -> bool:
    """Whether it is no answer to what is asked for: something is promised that it does not hold, or nobody heard it."""
    return made.settings != rule.settings and (rule.strict or only_a_test(made.settings, rule.settings))


def _is_of(made: Made, source: Path) -> bool:
    try:
        status = source.stat()
    except OSError:
        return True
    return (made.source_size, made.source_mtime_ns) == (status.st_size, status.st_mtime_ns)
