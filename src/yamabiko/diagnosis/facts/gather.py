"""All facts of this machine, in under a second: no engine imported, no driver asked."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from yamabiko import __version__, children, shadows
from yamabiko.diagnosis import fixes
from yamabiko.diagnosis.facts import gpus, loader, machine, packages
from yamabiko.diagnosis.facts.records import Environment, Facts, Unfinished
from yamabiko.diagnosis.facts.variables import variables
from yamabiko.engines import building, catalog, environments
from yamabiko.engines.environment_finding import folder_of
from yamabiko.settings import Settings


def gather(
    settings: Settings,
    folders: Sequence[Path] = (),
    root: Path = Path("/"),
    environ: Mapping[str, str] | None = None,
) -> Facts:
    """
    `folders` are environments of the user's own, looked at beside ours. Never raises: what cannot be read is a
    fact `Unavailable`.
    """
    # As workers get it: with what the doctor's fixes set or take away.
    surroundings = children.with_variables(os.environ if environ is None else environ, fixes.variables(settings))
    return Facts(
        system=machine.system(root),
        yamabiko=__version__,
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        wsl=machine.wsl(root),
        container=machine.container(root),
        cpu=machine.cpu(root),
        memory=machine.memory(root),
        disks=machine.disks(settings),
        nvidia=gpus.nvidia(root),
        amd=gpus.amd(root),
        pci_vendors=gpus.pci_vendors(root),
        libraries=loader.libraries(root, surroundings),
        commands=loader.commands(surroundings),
        variables=variables(surroundings),
        environments=tuple(_environments(settings, folders, surroundings)),
        unfinished=tuple(
            Unfinished(one.finding, one.engine, one.profile, one.aside, one.when) for one in fixes.cut_short(settings)
        ),
        unread_journal=fixes.unread(settings),
        shadows=_shadows(environ),
    )


def _shadows(environ: Mapping[str, str] | None) -> tuple[shadows.Shadow, ...]:
    """Of this process, not of workers; a package of another version may do, and is known for harmful only when we fail."""
    unfit = (one for one in shadows.modules(environ) if one.because)
    return (*shadows.libraries(environ), *unfit)


def _environments(settings: Settings, folders: Sequence[Path], environ: Mapping[str, str]) -> list[Environment]:
    """Ours, the one that runs us where it holds more than us, an active virtual environment, and those named."""
    found = []
    for card in catalog.cards():
        for profile in card.profiles:
            state = environments.state(card, settings, profile.name, sized=False)
            if state.why is not None:
                folder = folder_of(card, settings, profile)
                lines = (line.removeprefix(f"{folder}: ") for line in state.why.evidence)
                why = "; ".join(lines) or state.why.cause.en
                found.append(Environment(folder.name, "", engine=card.name, broken=why))
            ready = state.environment
            if ready is not None and ready.origin == "managed":
                site = building.site_packages(ready.path)
                if site is not None:
                    found.append(packages.environment(site, ready.path.name, engine=card.name, path=ready.path))
    own = Path(sysconfig.get_path("purelib"))
    # Whoever names the one that runs us asks about it as about any other.
    asked = next((str(folder) for folder in folders if folder.resolve() == Path(sys.prefix).resolve()), None)
    found.append(packages.environment(own, asked or "running interpreter", path=Path(sys.prefix)))
    active = environ.get("VIRTUAL_ENV") or environ.get("CONDA_PREFIX")
    named = [*([Path(active)] if active else []), *folders]
    seen = {Path(sys.prefix).resolve()}
    for folder in named:
        if folder.resolve() not in seen and (site := site_of(folder)) is not None:
            seen.add(folder.resolve())
            found.append(packages.environment(site, str(folder), path=folder))
    return found


def site_of(folder: Path) -> Path | None:
    """Where the packages of an environment (or of its interpreter, if that is named) lie; None where there are none."""
    if folder.is_file():
        folder = folder.parent.parent
    if folder.name in ("site-packages", "dist-packages"):
        return folder
    places = [
        *sorted(folder.glob("lib/python3*/site-packages")),
        *sorted(folder.glob("lib/python3*/dist-packages")),  # Debian's own
        folder / "Lib" / "site-packages",
    ]
    there = [place for place in places if place.is_dir()]
    filled = next((place for place in there if _holds_packages(place)), next(iter(there), None))
    return filled or (folder if _holds_packages(folder) else None)  # as pip install --target makes one


def _holds_packages(folder: Path) -> bool:
    return next(folder.glob("*.dist-info"), None) is not None
