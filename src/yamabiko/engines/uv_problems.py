"""What can be wrong with uv itself, or with the Python that it is to make environments from, in a person's words."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence

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
