"""
On which kind of machine a remedy's command may be shown: what is right on one does harm on another, or cannot run.

Held here, by what a command does, and not by the authors of articles alone: a driver for Linux that is installed inside
WSL breaks the GPU there, and a comment behind the command is copied along and keeps nobody from running it.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from pathlib import Path
from typing import Literal

from yamabiko.diagnosis.facts import machine
from yamabiko.diagnosis.facts.records import Facts

Platform = Literal["linux", "wsl", "container", "windows", "macos"]
"""`linux` is a machine's own, whose kernel and drivers can be changed from there: neither WSL nor a container."""

Platforms = frozenset[Platform]
"""What one machine is: of these a container under WSL is two."""

EVERYWHERE: Platforms = frozenset(("linux", "wsl", "container", "windows", "macos"))
_ANY_LINUX: Platforms = frozenset(("linux", "wsl", "container"))


def of_facts(facts: Facts) -> Platforms:
    return _of(facts.system.name, wsl=facts.wsl is not None, container=facts.container is not None)


@cache
def here() -> Platforms:
    """Of the machine that this runs on."""
    root = Path("/")
    return _of(sys.platform, wsl=machine.wsl(root) is not None, container=machine.container(root) is not None)


def _of(system: str, *, wsl: bool, container: bool) -> Platforms:
    if system == "win32":
        return frozenset(("windows",))
    if system == "darwin":
        return frozenset(("macos",))
    found: set[Platform] = {"wsl"} if wsl else set()
    found |= {"container"} if container else set()
    return frozenset(found or {"linux"})


# ---- what a command does --------------------------------------------------------------------------------------------

# Under WSL the driver is that of Windows, and in a container that of the host; neither has kernel modules of its own.
_MACHINES_OWN = re.compile(
    r"\bubuntu-drivers\b|\b(?:rmmod|modprobe|reboot|dmesg)\b|\bnvidia-fabricmanager\b|apt(?:-get)? install \S*nvidia-driver"
)
_LINUXES = re.compile(
    r"\b(?:apt|apt-get|systemctl|ldconfig|usermod|getent|namei|ldd|nvidia-ctk)\b|\bss -|/dev/(?:nvidia|kfd|dri)|\.so\b"
)
_POSIX = re.compile(
    r"\b(?:sudo|grep|sed|ulimit|namei|chown|make install)\b|\$\(|\$\{?(?:HOME|USER)\b|\benv -u|/dev/|\bls -|\bdf -|\brm -|~/"
)
_NAME = r"[A-Z][A-Z0-9_]*"
_VALUE = r"(?:\"[^\"]*\"|'[^']*'|[^\s\"']*)"
_EXPORTED = re.compile(rf"(?:export )?((?:{_NAME}={_VALUE})(?: {_NAME}={_VALUE})*)(?: (?!{_NAME}=)(.+))?")
_UNSET = re.compile(rf"unset ((?:{_NAME})(?: {_NAME})*)")


def holds_on(command: str) -> Platforms:
    """Where it may be run as it stands, or said otherwise (`as_typed_on`)."""
    if _MACHINES_OWN.search(command):
        return frozenset(("linux",))
    if _LINUXES.search(command):
        return _ANY_LINUX
    return EVERYWHERE


def as_typed_on(platforms: Platforms, command: str) -> str | None:
    """The command as it is typed there; None if it does harm there, or means nothing."""
    if not holds_on(command) & platforms:
        return None
    if "windows" not in platforms:
        return command
    lines = [_in_powershell(line) for line in command.splitlines()]
    return None if None in lines else "\n".join(line for line in lines if line is not None)


def _in_powershell(line: str) -> str | None:
    """Variables are set and taken away in other words there; what calls programs of Unix is left out."""
    if _POSIX.search(line):
        return None
    if (unset := _UNSET.fullmatch(line)) is not None:
        return f"Remove-Item {', '.join(f'Env:{name}' for name in unset[1].split())}"
    if (set_ := _EXPORTED.fullmatch(line)) is not None:
        pairs = re.findall(rf"({_NAME})=({_VALUE})", set_[1])
        said = [f"$env:{name} = '{value.strip(chr(34) + chr(39))}'" for name, value in pairs]
        line = "; ".join((*said, *([set_[2]] if set_[2] else [])))
    return line.replace(" && ", "; ")  # PowerShell 5.1, which every Windows has, does not know &&
