"""What can be wrong with uv itself, or with the Python that it is to make environments from, in a person's words."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence

from yamabiko.engines.contract import Card, Profile
from yamabiko.findings import Finding, Remedy
from yamabiko.i18n import Text

_AGAIN = Remedy(
    Text("Install it again beside yamabiko", "yamabiko と同じ環境に入れ直す"),
    f"{sys.executable} -m pip install --force-reinstall uv",
    cost="effort",
)
_PYTHON = re.compile(r"Failed to (?:inspect|query) Python interpreter .*?`([^`]+)`")
_CAUSE = re.compile(r"(?i:cause(?:d by)?): (.+)")


def missing(evidence: Sequence[str]) -> Finding:
    return Finding(
        id="installer-missing",
        severity="error",
        area="engine",
        cause=Text(
            "uv, the program that installs engines, is missing or does not start.",
            "エンジンの導入に使う uv が見つからないか、起動できません。",
        ),
        evidence=tuple(evidence),
        remedies=(_AGAIN,),
    )


def failed(lines: Sequence[str], evidence: Sequence[str]) -> Finding:
    """uv started, and ended with an error before it asked any index; `lines` is what it said."""
    said = [line.strip() for line in lines if line.strip()]
    reason = next((line for line in said if line.startswith("error")), said[-1] if said else "?")
    return python_unusable(lines, evidence) or Finding(
        id="installer-failed",
        severity="error",
        area="engine",
        cause=Text(
            f"uv, the program that installs engines, failed before it asked any index: {reason}",
            f"エンジンの導入に使う uv が、インデックスに接続する前に失敗しました: {reason}",
        ),
        evidence=tuple(evidence),
        remedies=(_AGAIN,),
    )


def python_unusable(lines: Sequence[str], evidence: Sequence[str]) -> Finding | None:
    """Where uv says that it could not run the Python that it was given; None if it says something else."""
    named = next((found for line in lines if (found := _PYTHON.search(line))), None)
    if named is None:
        return None
    causes = [found[1] for line in lines if (found := _CAUSE.search(line)) and not _PYTHON.search(line)]
    return python_refused(named[1], causes[-1].strip() if causes else "?", evidence)


def python_refused(python: str, why: str, evidence: Sequence[str]) -> Finding:
    """`why`: the system's reason."""
    return Finding(
        id="engine-python-unusable",
        severity="error",
        area="engine",
        cause=Text(
            f"The Python that runs yamabiko cannot be started anew, so nothing can be installed: {python}: {why}",
            f"yamabiko を動かしている Python を改めて起動できないため、何も導入できません: {python}: {why}",
        ),
        evidence=tuple(evidence),
        remedies=(
            Remedy(Text("Look at who may run this file", "このファイルの実行権限を確かめる"), f"ls -l {python}"),
            Remedy(Text("Install yamabiko again", "yamabiko を入れ直す"), cost="effort"),
        ),
    )


_OF_A_BUILD = re.compile(
    r"\b(?:fatal )?error(?: C\d+)?:|error: command|Could (?:NOT|not) find|not found|No such file|undefined reference"
    r"|is required|Killed|cannot find"
)
_NO_CAUSE = re.compile(
    r"^\s*(?:error|Caused by|hint|raise|File)\b.*(?:build_wheel|Failed to build|CalledProcessError|Build failures|File)|×|╰"
)

_A_VERSION = re.compile(
    r"\d[\d.]* or (?:higher|newer|later|above|greater)|(?:at least|requires?|required is|>=)\D{0,40}?\d|unsuitable version",
    re.I,
)
"""Where a line asks for a version."""
_BLOCK = re.compile(r"(\s*)CMake (Error|(?:Deprecation )?Warning)\b")
_REASONS = re.compile(r"\s*Possible reasons include:.*")
_OF_A_BLOCK = 6
"""Lines of one of CMake's messages; what it guesses beyond says nothing of this machine."""


def _said(lines: Sequence[str]) -> tuple[str, ...]:
    """
    What went wrong, without warnings: CMake's errors whole, and the lines of compilers and tools that tell of an error.

    CMake indents what belongs to a message, and empty lines may stand inside of it. What it looked for and did not find
    (`-- Could NOT find NCCL`) it may go on without: that is told only where there is nothing else.
    """
    errors: dict[str, None] = {}
    doubts: dict[str, None] = {}
    block, indent, left = "", 0, 0
    for line in filter(str.strip, lines):
        told = line.strip()
        if found := _BLOCK.match(line):
            block, indent, left = found[2], len(found[1]), _OF_A_BLOCK
        elif block and len(line) - len(line.lstrip()) <= indent:
            block = ""
        if block:
            if block == "Error" and left > 0 and (kept := _REASONS.sub("", told)):
                errors[kept] = None
            left = 0 if _REASONS.search(told) else left - 1
        elif (
            _OF_A_BUILD.search(told) and not _NO_CAUSE.search(told) and "ccache" not in told and "warning:" not in told
        ):
            (doubts if told.startswith("-- ") else errors)[told] = None
    return tuple(errors or doubts)[:12]


def build_failed(lines: Sequence[str], card: Card, profile: Profile) -> Finding | None:
    """A package without a wheel could not be built here, by what the compiler and its tools say; None if none was built."""
    if not any("Failed to build" in line or "build backend returned an error" in line for line in lines):
        return None
    said = _said(lines) or tuple(line.strip() for line in lines if line.strip())[-8:]
    as_new = any(_A_VERSION.search(line) for line in said)
    needs = profile.built_with or Text("a compiler", "コンパイラー")
    return Finding(
        id="engine-build-failed",
        severity="error",
        area="engine",
        cause=Text(
            f"{card.name} ({profile.name}) is built here from its source, and the building failed. It needs {needs.en}.",
            f"{card.name}（{profile.name}）はソースからビルドしますが、ビルドに失敗しました。{needs.ja}が必要です。",
        ),
        evidence=(*(f"build: {line}" for line in said), f"lock: {profile.lock}"),
        remedies=(
            Remedy(
                Text(
                    f"Install {needs.en}{', as new as the lines above ask,' if as_new else ''} and try again",
                    f"{needs.ja}を導入し{'（版は上の行の要求に合わせる）' if as_new else ''}、もう一度試す",
                ),
                f"yamabiko engines install {card.name} --profile {profile.name}",
                cost="effort",
            ),
            Remedy(
                Text("Use the environment for the CPU, which is not built here", "ビルドの要らないCPU用の環境を使う"),
                f"yamabiko engines install {card.name} --profile cpu",
                cost="speed",
            ),
        ),
    )
