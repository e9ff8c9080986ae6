"""A doctor's line on an environment says what is in it."""

from __future__ import annotations

import pytest

import casebook
from yamabiko.diagnosis.checkup import Checkup
from yamabiko.diagnosis.report import lines


def shown(packages: dict[str, str]) -> str:
    environment = {"name": "campplus-cpu-84ae", "engine": "campplus", "packages": packages}
    facts = casebook.facts({**casebook.platform("cpu-only-linux"), "environments": [environment]})
    [line] = [line for line in lines(Checkup(facts, ())) if line.what.en.startswith("campplus")]
    return line.shown.en


@pytest.mark.parametrize(
    ("packages", "expected"),
    [
        ({"numpy": "2.4.6", "threadpoolctl": "3.8.0"}, "numpy 2.4.6, threadpoolctl 3.8.0"),
        ({"numpy": "2.4.6", "onnxruntime": "1.31.1"}, "onnxruntime 1.31.1"),
        ({"a": "1", "b": "2", "c": "3", "d": "4"}, "a 1, b 2, c 3"),
        ({}, "no packages"),
    ],
)
def test_an_environment_without_a_package_that_decides_shows_what_it_runs_on(
    packages: dict[str, str], expected: str
) -> None:
    """campplus stood there as a bare dash."""
    assert shown(packages) == expected
