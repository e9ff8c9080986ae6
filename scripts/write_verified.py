"""
What was verified of each engine: python scripts/write_verified.py REPORT.xml [REPORT.xml ...]

REPORT.xml: what pytest writes with --junitxml; `make test-engines` writes .test-home-engines/report.xml. Writes
src/yamabiko/engines/verified.toml: an engine that the reports do not name keeps what stood there, and a test that was
asked again counts as the last report has it. Then: python scripts/write_engines.py.
"""

from __future__ import annotations

import json
import os
import platform
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/real_engines")]

from promises import models  # noqa: E402
from test_promises import WHISPER  # noqa: E402

from yamabiko.engines import catalog  # noqa: E402
from yamabiko.engines.verified import PROMISES, Outcome, Promise, Verified, verified  # noqa: E402

FILE = ROOT / "src/yamabiko/engines/verified.toml"
TOGETHER = "test_all_whisper_engines_hear_the_same"
SKIPS: dict[str, Outcome] = {
    "promises none": "not promised",
    "mean": "needs real weights",
    "random": "needs real weights",
}
"""By what the test says when it is skipped."""


@dataclass(frozen=True, slots=True)
class Case:
    file: str
    name: str
    """Of the test with its parameters."""
    test: str
    engine: str
    """As the test's parameters say; empty where they name none."""
    outcome: Outcome
    date: str


def main() -> None:
    cases = together(read(Path(report)) for report in sys.argv[1:])
    found = dict(verified()) if FILE.exists() else {}
    for card in catalog.cards():
        if not card.for_tests and (one := of_engine(card.name, cases)):
            found[card.name] = one
    lines = ["# Written by: python scripts/write_verified.py REPORT.xml, from what make test-engines reports."]
    for name in catalog.ADAPTERS:
        if name in found:
            lines += ["", "[[engines]]", *(f"{key} = {toml(value)}" for key, value in asdict(found[name]).items())]
    FILE.write_text("\n".join(lines) + "\n", "utf-8", newline="\n")


def together(reports: Iterable[Iterable[Case]]) -> list[Case]:
    """What was asked again in a later report stands there alone."""
    return list({(case.file, case.name): case for report in reports for case in report}.values())


def read(report: Path) -> Iterator[Case]:
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):
        for case in suite.iter("testcase"):
            name = case.get("name", "")
            test, _, parameter = name.partition("[")
            file = case.get("classname", "").replace(".", "/") + ".py"
            engine = re.sub(r"^(en|ja)-|-(en|ja)$", "", parameter.rstrip("]"))
            yield Case(file, name, test, engine, outcome(case), suite.get("timestamp", "")[:10])


def outcome(case: ElementTree.Element) -> Outcome:
    if (skipped := case.find("skipped")) is not None:
        said = skipped.get("message", "")
        return next((told for words, told in SKIPS.items() if words in said), "not promised")
    return "broken" if case.find("failure") is not None or case.find("error") is not None else "kept"


def of_engine(name: str, cases: list[Case]) -> Verified | None:
    asked: dict[str, set[Outcome]] = defaultdict(set)
    dates: set[str] = set()
    own: list[Case] = []
    for case in cases:
        if case.test in PROMISES:
            if name == case.engine or (case.test == TOGETHER and name in WHISPER):
                asked[case.test].add(case.outcome)
                dates.add(case.date)
        elif engine_of(case.file) == name and case.outcome in ("kept", "broken"):
            own.append(case)
            dates.add(case.date)
    if not dates:
        return None
    return Verified(
        engine=name,
        date=max(dates),
        machine=f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, no GPU",
        real_weights=name == "silero-vad" or (name in models() and models()[name].TRUE),
        promises=tuple(Promise(test, worst(asked[test])) for test in PROMISES if test in asked),
        own_tests=sum(case.outcome == "kept" for case in own),
        own_broken=sum(case.outcome == "broken" for case in own),
        files=tuple(sorted({case.file for case in own})),
    )


def worst(outcomes: set[Outcome]) -> Outcome:
    order: tuple[Outcome, ...] = ("broken", "kept", "needs real weights", "not promised")
    return next(one for one in order if one in outcomes)


def engine_of(file: str) -> str | None:
    """By the name of a file of tests: the engine with the longest name that it begins with."""
    stem = Path(file).stem.removeprefix("test_")
    fitting = [name for name in catalog.ADAPTERS if stem.startswith(name.replace("-", "_").replace(".", "_"))]
    return max(fitting, key=len, default=None)


def toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


if __name__ == "__main__":
    main()
