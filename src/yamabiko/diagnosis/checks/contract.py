"""
What a check is: an id, the words by which a failure suggests it, and a look at the facts that settles it.

Pure. A look answers from facts alone; what no file shows it may ask of a
probe's result, which is a fact too once somebody has run it.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TypeVar, get_args

from yamabiko.diagnosis.articles import Needs
from yamabiko.diagnosis.facts.records import NOT_LOOKED, Environment, Facts, Unavailable
from yamabiko.findings import Severity
from yamabiko.i18n import Text


@dataclass(frozen=True, slots=True)
class Sign:
    """What the facts say of one trouble."""

    here: bool | None
    """None: they do not tell."""
    evidence: tuple[str, ...] = ()
    """Lines that name file, version or value."""
    severity: Severity | None = None
    """Where it is another than the article's: a trouble that cannot hurt on this machine is `info`."""
    cause: Text | None = None
    """Where more is known than the article says."""
    unfit: tuple[str, ...] = ()
    """Words of those of the article's remedies, in English, that help with other forms of it and not here."""
    command: str = ""
    """Of the cheapest remedy, where this machine needs another one than the article's."""
    filled: tuple[tuple[str, str], ...] = ()
    """Of other remedies, by words of them in English, the command with what this machine's facts put into it."""
    fits: bool = False
    """`here` is None, and the machine is as the trouble wants it: packages that may be well side by side all the same."""


Seen = TypeVar("Seen")
UNTOLD = Sign(None)
ABSENT = Sign(False)


def present(
    *evidence: str, severity: Severity | None = None, cause: Text | None = None, command: str = "",
    unfit: tuple[str, ...] = (),
) -> Sign:  # fmt: skip
    return Sign(True, evidence, severity, cause, command=command, unfit=unfit)


def possible(*evidence: str) -> Sign:
    """The facts fit, and would fit a machine without the trouble too: a probe must tell, or words that name the culprit."""
    return Sign(None, evidence, fits=True)


def absent(*evidence: str) -> Sign:
    """Facts rule it out."""
    return Sign(False, evidence)


def anywhere(environments: Iterable[Environment], look: Callable[[Environment], Sign]) -> Sign:
    """
    One look at each environment: here if it is in any, ruled out if it is ruled out in all.

    Evidence is that of every environment where it is, or may be, each line led by its name.
    """
    signs = [(environment, readable(look, environment)) for environment in environments]
    found = [(environment, sign) for environment, sign in signs if sign.here]
    if found:
        worst = next((sign for _, sign in found if sign.severity is None), found[0][1])
        return replace(worst, evidence=_led(found))
    if signs and all(sign.here is False for _, sign in signs):
        return ABSENT
    fitting = [(environment, sign) for environment, sign in signs if sign.fits]
    return possible(*_led(fitting)) if fitting else UNTOLD


def _led(signs: Iterable[tuple[Environment, Sign]]) -> tuple[str, ...]:
    return tuple(f"{environment.name}: {line}" for environment, sign in signs for line in sign.evidence)


def lacking(facts: Facts) -> frozenset[Needs]:
    """What the facts show this machine not to have."""
    return frozenset(need for need in get_args(Needs) if lacks(facts, need))


def interpreter(facts: Facts) -> str:
    """The Python that runs yamabiko, as it is typed: by its path where the facts are of this very machine."""
    own = any(e.name == "running interpreter" and e.path == sys.prefix for e in facts.environments)
    return (f'& "{sys.executable}"' if os.name == "nt" else shlex.quote(sys.executable)) if own else "python"


def lacks(facts: Facts, needs: Needs) -> bool:
    """Whether the facts show that there is no such GPU here; not to see one is not enough."""
    if needs == "gpu":
        return lacks(facts, "nvidia") and lacks(facts, "amd")
    if needs == "amd":
        return facts.system.name == "darwin" or (_shows_all(facts) and not facts.sees_amd)
    return needs == "nvidia" and (facts.system.name == "darwin" or (_shows_all(facts) and _no_nvidia(facts)))


def no_gpu_here(facts: Facts) -> tuple[str, ...]:
    """The line that says so where the machine shows none of NVIDIA and none of AMD; a Mac has one of its own."""
    return ("this machine: no NVIDIA or AMD GPU",) if facts.system.name == "linux" and lacks(facts, "gpu") else ()


def _shows_all(facts: Facts) -> bool:
    """Where a device's files tell of it. WSL has one device for all makers' GPUs."""
    return facts.system.name == "linux" and (facts.wsl is None or not facts.wsl.dxg)


def _no_nvidia(facts: Facts) -> bool:
    driver, asked = facts.nvidia.driver, facts.probe("driver")
    if asked is not None and asked.values.get("init") == "0":
        return False
    # A driver makes its files when it is first used; a Jetson names them otherwise.
    unseen = not isinstance(driver, Unavailable) or facts.system.machine == "aarch64"
    return not facts.sees_nvidia and driver != NOT_LOOKED and (facts.container is not None or not unseen)


@dataclass(frozen=True, slots=True)
class Check:
    id: str
    words: tuple[str, ...] = ()
    """Regular expressions, any case; one that is found in a line of a failure's words makes this a candidate."""
    endings: tuple[str, ...] = ()
    """Ends that suggest it even without words: SIGILL, 0xC0000409; unless `needs_ending`."""
    needs_ending: bool = False
    """The words count only with one of `endings`."""
    stalled: tuple[str, ...] = ()
    """Words that make it possible without such an end; where somebody has interrupted the program, `words` do."""
    engines: tuple[str, ...] = ()
    """Only failures of these suggest it; empty: of any."""
    words_suffice: bool = False
    """No other cause writes these words: nothing more is needed, unless the facts rule it out."""
    sure_words: tuple[str, ...] = ()
    """The same for some words alone; they are tried before `words`."""
    decisive: tuple[str, ...] = ()
    """Words that name the culprit, and are tried before `words`: they settle what a look calls possible, and that alone."""
    whose: tuple[str, ...] = ()
    """Names of those whose failure it must be, where many write `words`: in the line, in the traceback above it, or of
    the engine. With one of them the words suffice; a traceback without any is another's failure, whatever is installed
    here."""
    whose_tells: bool = True
    """Whether the words suffice with one of `whose`; else facts must confirm them still."""
    whose_always: bool = False
    """Whether one of `whose` must be named even where there is no traceback: an end alone, the name of a file."""
    then_only: tuple[str, ...] = ()
    """What may stand below the words, if they count as the last alone; what else does shows that they are over."""
    quiet: bool = False
    """It counts only where nothing else was said of a failure."""
    unless: tuple[str, ...] = ()
    """Words of a program by which it is not so."""
    doubted_by: Callable[[str], bool] = field(default=lambda line: False)
    """Whether the line itself tells of something that its words do not fit: it is only possible then."""
    needs: Needs = ""
    """What must be in a machine for this to happen on it at all."""
    nvidias: tuple[str, ...] = ()
    """Of the words those that only NVIDIA's own software writes: on a machine without its GPUs they tell of another."""
    instead_of: tuple[str, ...] = ()
    """Ids that say the same of this machine with less knowledge: they explain nothing where this one does."""
    look: Callable[[Facts], Sign] = field(default=lambda facts: UNTOLD)
    cause: Callable[[str], Text | None] = field(default=lambda line: None)
    """What the line itself tells of this case, where the article's cause is that of several; None: the article's holds."""
    work_goes_on: bool = False
    """The trouble slows or misleads, and kills nothing: it never explains a death."""
    by_itself: Callable[[Facts], bool] = field(default=lambda facts: True)
    """Whether a look that finds it is worth telling on this machine before anything failed."""
    only_a_note: Callable[[Facts], bool] = field(default=lambda facts: False)
    """Whether what a look finds is no more than `info` on this machine before anything failed."""
    probe: str = ""
    """The probe that tells it from its neighbours, where files alone do not."""


def sign_of(check: Check, facts: Facts) -> Sign:
    """What it finds by itself, before anything failed."""
    return readable(lambda seen: check.look(seen) if check.by_itself(seen) else UNTOLD, facts)


def never(facts: Facts) -> bool:
    """For `by_itself`: only a failure makes it worth a word."""
    return False


class NoVersion(Exception):
    """What should be a version is none: whoever asked for it cannot tell."""


def version(text: str) -> tuple[int, ...]:
    """
    `4.6.2+cu12` as (4, 6, 2): the release part, of two numbers at least, for comparing.

    Raises: NoVersion. A look need not catch it: it is UNTOLD then, see `readable`.
    """
    from packaging.version import InvalidVersion, Version

    try:
        release = Version(text).release
    except InvalidVersion:
        release = tuple(int(part) for part in re.split(r"[.+-]", text) if re.fullmatch(r"[0-9]{1,9}", part))
    if not release:
        raise NoVersion(text)
    return release if len(release) > 1 else (*release, 0)


def readable(look: Callable[[Seen], Sign], at: Seen) -> Sign:
    """What it sees there; UNTOLD where a version that it needs cannot be read."""
    try:
        return look(at)
    except NoVersion:
        return UNTOLD


def known(value: object) -> bool:
    """Whether a fact could be had."""
    return not isinstance(value, Unavailable)
