"""
Make one environment in a folder of its own, and tell later whether it is still whole.

The environment is relocatable, so it can be made under a passing name and
renamed when it is done. What it holds is written down in it last of all.
"""

from __future__ import annotations

import base64
import csv
import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from yamabiko import children, logs
from yamabiko.engines import environment_problems as problems
from yamabiko.engines import uv_problems
from yamabiko.engines.contract import Card, Profile
from yamabiko.engines.installer import (
    NOTHING_FITS,
    Progress,
    Report,
    UvEnd,
    environment_for_uv,
    run_uv,
    run_uv_on_indexes,
)
from yamabiko.engines.pip_settings import mask, read_pip_settings, with_index_behind
from yamabiko.findings import Problem
from yamabiko.i18n import Text
from yamabiko.records import Malformed, from_plain, to_plain

LOCKS = Path(__file__).parent / "locks"

IMPORT_LIMIT_S = 300.0
"""Longest wait for the first import, which may compile several thousand files on a slow disk."""


@dataclass(frozen=True, slots=True)
class Marker:
    """What an environment is, written inside it when all else was there."""

    lock_sha256: str
    python: str
    """`3.11.7`"""
    built_for: str
    """Python and platform, as in `cpython-311 linux-x86_64`."""
    uv: str
    made: str
    packages: dict[str, str]
    entries: tuple[str, ...]
    """What stood in site-packages: a look at the folder tells what is gone."""


def lock_path(profile: Profile) -> Path:
    return LOCKS / profile.lock


def overrides_path(profile: Profile) -> Path | None:
    """What replaces what packages require of each other. None where there is nothing, or the lock was made with it."""
    file = lock_path(profile).with_suffix(".overrides")
    return file if profile.lock.endswith(".in") and file.exists() else None


def built_for() -> str:
    return f"{sys.implementation.cache_tag} {sysconfig.get_platform()}"


def interpreter(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def site_packages(folder: Path) -> Path | None:
    """None where the folder holds no environment."""
    if sys.platform == "win32":
        return folder / "Lib/site-packages"
    return next(iter(sorted(folder.glob("lib/python3*/site-packages"))), None)


def library_paths(site: Path, profile: Profile) -> tuple[Path, ...]:
    """Folders with the native libraries of this profile; on Windows they stand in bin/ (not verified there)."""
    kind = "bin" if sys.platform == "win32" else "lib"
    return tuple(folder for name in profile.library_packages if (folder := site / name / kind).is_dir())


def read_marker(folder: Path) -> Marker | None:
    try:
        return from_plain(Marker, json.loads((folder / "yamabiko.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, Malformed):
        return None


def complaints(folder: Path) -> tuple[str, ...]:
    """What is missing at a glance (under a millisecond): nothing is imported, no file is read but the marker."""
    marker = read_marker(folder)
    if marker is None:
        return ("yamabiko.json is missing or cannot be read",)
    python = interpreter(folder)
    if not python.exists():
        gone = os.readlink(python) if python.is_symlink() else python
        return (f"its Python is gone: {gone}",)
    site = site_packages(folder)
    if site is None or not site.is_dir():
        return ("site-packages is gone",)
    return tuple(f"{name} is gone" for name in sorted(set(marker.entries) - set(os.listdir(site))))


def resized_files(site: Path) -> Iterator[str]:
    """Files that are gone, or longer or shorter than their package says (RECORD). Reads the lists alone."""
    for record in sorted(site.glob("*.dist-info/RECORD")):
        with record.open(encoding="utf-8", newline="") as lines:
            for row in csv.reader(lines):
                if len(row) < 3 or not row[2].isdigit():
                    continue
                try:
                    size = os.stat(site / row[0]).st_size
                except OSError:
                    yield f"{row[0]} is gone"
                    continue
                if size != int(row[2]):
                    yield f"{row[0]} has {size} bytes, its package says {row[2]}"


def changed_files(site: Path) -> Iterator[str]:
    """Files that are gone or not what their package says (RECORD, sha256). Reads every byte: about a second."""
    for record in sorted(site.glob("*.dist-info/RECORD")):
        with record.open(encoding="utf-8", newline="") as lines:
            for row in csv.reader(lines):
                name, digest = row[0], row[1] if len(row) > 1 else ""
                if not digest.startswith("sha256="):
                    continue
                file = site / name
                if not file.is_file():
                    yield f"{name} is gone"
                elif _digest(file) != digest.removeprefix("sha256="):
                    yield f"{name} was changed"


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        raw = hashlib.file_digest(stream, "sha256").digest()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def make(card: Card, profile: Profile, folder: Path, report: Report | None) -> Marker:
    """
    Build the environment in `folder`, which does not exist yet, and load the engine in it once.

    Raises: Problem; OSError, if the file system refuses.
    """
    _sync(card, profile, folder, report, ())
    site = site_packages(folder)
    assert site is not None
    damaged = next(changed_files(site), None)
    if damaged:
        # uv links files from its cache, and whoever writes into one of them writes into the cache too.
        logs.event("engine-cache-damaged", engine=card.name, file=damaged)
        shutil.rmtree(folder)
        _sync(card, profile, folder, report, ("--no-cache",))
    _take_out(site, profile.unwanted)
    if report:
        report(Progress(0, 0, Text("checking that the engine loads", "エンジンが読み込めるか確かめています")))
    try_import(card, profile, folder)
    return _mark(profile, folder, site)


def _sync(card: Card, profile: Profile, folder: Path, report: Report | None, cache: tuple[str, ...]) -> None:
    lock = lock_path(profile)
    settings = read_pip_settings(os.environ)
    environment, extra = environment_for_uv(settings, os.environ)
    if not Path(sys.executable).exists():
        raise Problem(problems.python_missing((f"sys.executable: {sys.executable} does not exist",)))
    if not os.access(sys.executable, os.X_OK):
        why = os.strerror(errno.EACCES)
        raise Problem(uv_problems.python_refused(sys.executable, why, (f"sys.executable: {sys.executable}: {why}",)))
    python = ("venv", "--relocatable", "--no-config", "--no-project", "--python", sys.executable, str(folder))
    locked = lock.suffix == ".txt"
    how = ("sync", "--require-hashes", "--strict", str(lock)) if locked else ("install", "--requirements", str(lock))
    if overrides := overrides_path(profile):
        how = (*how, "--overrides", str(overrides))
    beside = ("--find-links", profile.find_links) if profile.find_links and "--no-index" not in extra else ()
    if profile.variables:
        environment = {**environment, **dict(profile.variables)}
        cache = ("--no-cache",)  # uv would take what was built once with other variables
    packages = ("pip", *how, *_built(profile, lock), "--python", str(folder), *beside, *cache, *extra)
    end = run_uv(python, environment)
    if end.well:
        end = _from_indexes(packages, environment, profile.index, report)
    if not end.well:
        finding = problems.from_uv(end, card.name, lock, settings.origins)
        if finding.id == "engine-install-failed":
            finding = uv_problems.build_failed(end.lines, card, profile) or finding
        raise Problem(finding)


def _built(profile: Profile, lock: Path) -> tuple[str, ...]:
    """Building runs a package's own code, so only what the CARD names may do it."""
    if not profile.built:
        return ("--no-build",)
    named = (part for name in profile.built for part in ("--no-binary", name))
    return ("--only-binary", ":all:", *named, "--build-constraints", str(lock))


def _from_indexes(
    arguments: Sequence[str], environment: Mapping[str, str], index: str | None, report: Report | None
) -> UvEnd:
    """
    The profile's own index is asked only for what the user's have not: who has a mirror, or a folder of wheels,
    may have all of it there, and where the usual build of a package is wanted, it is not there but in theirs.
    """
    if index is None or "--no-index" in arguments:
        return run_uv_on_indexes(arguments, environment, report)
    end = run_uv(arguments, environment, report)
    if NOTHING_FITS not in end.text:
        return end
    return run_uv_on_indexes(arguments, with_index_behind(environment, index), report)


def _take_out(site: Path, unwanted: Sequence[str]) -> None:
    """Remove files, also from the list of what their package holds: what is not there is not damaged."""
    gone = {file.relative_to(site).as_posix() for pattern in unwanted for file in site.glob(pattern)}
    for record in site.glob("*.dist-info/RECORD") if gone else ():
        with record.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.reader(lines))
        kept = [row for row in rows if row and row[0] not in gone]
        if len(kept) < len(rows):
            record.unlink()  # and not written over: uv may have linked it to its cache
            with record.open("w", encoding="utf-8", newline="") as lines:
                csv.writer(lines, lineterminator="\n").writerows(kept)
    for name in gone:
        (site / name).unlink()


def try_import(card: Card, profile: Profile, folder: Path) -> None:
    """Import the engine in a child of this environment. Raises: Problem (engine-import-failed)."""
    site = site_packages(folder)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV", "CONDA_"))}
    environment |= children.UNTOLD
    if site and (libraries := library_paths(site, profile)):
        name = "PATH" if sys.platform == "win32" else "LD_LIBRARY_PATH"
        environment[name] = os.pathsep.join([*map(str, libraries), *filter(None, [environment.get(name)])])
    code = f"import importlib\nfor name in {card.imports!r}: importlib.import_module(name)"
    process = children.start_lasting(
        [str(interpreter(folder)), "-I", "-c", code],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        cwd=folder,
    )
    try:
        assert process.stdout is not None
        words = children.LastWords(process.stdout)
        status = process.wait(IMPORT_LIMIT_S)
        lines = words.lines(wait_s=5)
        if status:
            raise Problem(problems.import_failed(card.name, children.ending(status).name, tuple(map(mask, lines))))
    except subprocess.TimeoutExpired:
        said = f"nothing for {IMPORT_LIMIT_S:.0f} s"
        raise Problem(problems.import_failed(card.name, "our patience", (*words.lines(), said))) from None
    finally:
        children.kill_group(process)


def _mark(profile: Profile, folder: Path, site: Path) -> Marker:
    entries = tuple(sorted(name for name in os.listdir(site) if name != "__pycache__"))
    described = (name.removesuffix(".dist-info").split("-", 1) for name in entries if name.endswith(".dist-info"))
    marker = Marker(
        lock_sha256=hashlib.sha256(lock_path(profile).read_bytes()).hexdigest(),
        python=sys.version.split()[0],
        built_for=built_for(),
        uv=_written_by_uv(folder),
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        packages=dict(sorted((name, version) for name, version in described)),
        entries=entries,
    )
    with (folder / "yamabiko.json").open("w", encoding="utf-8") as stream:
        json.dump(to_plain(marker), stream, indent=1)
        stream.flush()
        os.fsync(stream.fileno())
    return marker


def _written_by_uv(folder: Path) -> str:
    lines = (folder / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
    return next((line.split("=", 1)[1].strip() for line in lines if line.startswith("uv =")), "unknown")
