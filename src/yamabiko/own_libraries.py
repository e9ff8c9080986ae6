"""
An import of our own that fails, explained: what it said, and what stands before the library or module that it wanted.

The doctor's check of the same id finds the same by the files alone, before anything failed.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence

from yamabiko import shadows
from yamabiko.findings import Finding, Remedy
from yamabiko.i18n import Text
from yamabiko.shadows import Shadow

CAUSE = Text(
    "A library or module that yamabiko itself needs cannot be loaded here.",
    "yamabiko 自身が必要とするライブラリーまたはモジュールを、ここでは読み込めません。",
)
_HIDDEN = Text(
    "Another file stands before one that yamabiko itself needs, and cannot take its place.",
    "yamabiko 自身が必要とするファイルより先に、代わりにならない別のファイルが読み込まれています。",
)
_LOADER = re.compile(
    r"undefined symbol|cannot open shared object|file too short|invalid ELF|version `[^']+' not found|symbol lookup"
    r"|cannot allocate memory in static TLS|wrong ELF class|DLL load failed|Symbol not found|image not found"
)
_IMPORT = re.compile(r"(?:[\w.]+\.)?(?:ImportError|ModuleNotFoundError): ")
_LONGEST = 400


def explain(error: BaseException) -> Finding | None:
    """What stopped us, if it is an import that failed or a module that is not ours; None: it is something else."""
    chain = tuple(_chain(error))
    failed = [one for one in chain if isinstance(one, ImportError) or (isinstance(one, OSError) and _by_loader(one))]
    if any(isinstance(one, ImportError) and _is_ours(one) for one in failed):
        return None
    words = [line for one in chain for line in (str(one), *_files(one))]
    hidden = shadows.named_in(words, shadows.modules())
    if not failed and not (hidden and _of_a_module(chain, hidden)):
        return None
    return told(_said(failed or chain), hidden)


def explain_words(lines: Sequence[str]) -> Finding | None:
    """The same of a process of ours, by the last words that it left."""
    said = tuple(line for line in lines if _IMPORT.search(line) or line.startswith("AttributeError: "))
    hidden = shadows.named_in(lines, shadows.modules())
    failed = any(_IMPORT.search(line) for line in said)
    if not said or not (failed or hidden) or any("'yamabiko" in line for line in said):
        return None
    return told(tuple(f"decoder: {line.strip()[:_LONGEST]}" for line in said[-2:]), hidden)


def told(said: Iterable[str], modules: Iterable[Shadow] = ()) -> Finding:
    """With what stands before our libraries, and those modules."""
    words = tuple(said)
    hidden = (*shadows.libraries(), *modules)
    evidence = [*words, *map(line_of, hidden)]
    variable = os.environ.get("LD_LIBRARY_PATH", "")
    if variable and not hidden and any(_LOADER.search(line) for line in words):
        evidence.append(f"LD_LIBRARY_PATH: {variable}"[:_LONGEST])
    return Finding(
        id="own-libraries-broken",
        severity="error",
        area="worker",
        cause=_HIDDEN if hidden else CAUSE,
        evidence=tuple(evidence),
        remedies=remedies(hidden, maybe_path=bool(variable) and len(evidence) > len(words)),
    )


def line_of(shadow: Shadow) -> str:
    """As evidence."""
    why = f": {shadow.because}" if shadow.because else ""
    return f"{shadow.found_by}: {shadow.path} is found before our {shadow.hides}{why}"


def remedies(
    hidden: Sequence[Shadow], variables: Mapping[str, str] | None = None, *, maybe_path: bool = False
) -> tuple[Remedy, ...]:
    """What takes each away; to install anew only where nothing is in the way. `variables`: where not those of here."""
    known = os.environ if variables is None else variables
    found = list(dict.fromkeys(_without(one, hidden, known) for one in hidden))
    if not found and maybe_path:
        found.append(Remedy(_ONCE, "env -u LD_LIBRARY_PATH yamabiko doctor"))
    if not hidden:
        found.append(
            Remedy(
                Text("Install yamabiko again into a fresh environment", "新しい環境に yamabiko を入れ直す"),
                cost="effort",
            )
        )
    return tuple(found)


_ONCE = Text("Run it once without that variable", "その変数なしで一度実行してみる")


def _without(shadow: Shadow, hidden: Sequence[Shadow], variables: Mapping[str, str]) -> Remedy:
    if shadow.found_by == "working directory":
        aside = os.path.join(shadow.folder, f"{shadow.hides}_renamed{os.path.splitext(shadow.path)[1]}")
        if shadow.path.endswith("__init__.py"):
            return Remedy(
                Text("Run yamabiko from another folder", "別のフォルダーで実行する"), "cd ~ && yamabiko doctor"
            )
        what = Text(
            "Rename the file, or run yamabiko from another folder", "ファイル名を変えるか、別のフォルダーで実行する"
        )
        return Remedy(what, f"mv {shlex.quote(shadow.path)} {shlex.quote(aside)}")
    name = shadow.found_by
    bad = {os.path.realpath(one.folder) for one in hidden if one.found_by == name}
    entries = [entry for entry in re.split(f"[{os.pathsep};]", variables.get(name, "")) if entry]
    left = os.pathsep.join(entry for entry in entries if os.path.realpath(entry) not in bad)
    what = Text(f"Take that folder out of {name}", f"そのフォルダーを {name} から外す")
    if sys.platform == "win32":
        return Remedy(what, f"set {name}={left}")
    return Remedy(what, f"export {name}={shlex.quote(left)}" if left else f"unset {name}")


# ---- what an error says ---------------------------------------------------------------------------------------------


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and what it came from, the first cause last."""
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)


def _by_loader(error: OSError) -> bool:
    """As ctypes raises it: without a number, the loader's words alone."""
    return error.errno is None and _LOADER.search(str(error)) is not None


def _is_ours(error: ImportError) -> bool:
    """A name of ours that our own code lacks: that is our mistake."""
    return (error.name or "").partition(".")[0] == "yamabiko"


def _of_a_module(chain: Sequence[BaseException], hidden: Sequence[Shadow]) -> bool:
    """Whether it is what a wrong module leads to: a name that it lacks, or an error within it."""
    paths = {one.path for one in hidden}
    return any(
        isinstance(one, AttributeError) or (isinstance(one, SyntaxError) and one.filename in paths) or _end(one) in paths
        for one in chain
    )  # fmt: skip


def _files(error: BaseException) -> list[str]:
    return [frame.filename for frame in traceback.extract_tb(error.__traceback__)]


def _end(error: BaseException) -> str:
    return next(iter(reversed(_files(error))), "")


def _said(chain: Sequence[BaseException]) -> tuple[str, ...]:
    """
    The first cause's own line. numpy wraps it in a page of advice, and tells it again at the end.
    """
    cause = chain[-1]
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    original = next((line.partition(": ")[2] for line in lines if line.startswith("Original error was: ")), "")
    line = original or (lines[-1] if lines else "")
    return (f"Python: {type(cause).__name__}: {line}"[:_LONGEST],)
