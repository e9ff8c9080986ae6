"""What CTranslate2 refuses is told of the type that was asked for, and not of float16 alone."""

from __future__ import annotations

import pytest

import casebook
from yamabiko.diagnosis.examine import Symptom, explain
from yamabiko.findings import Finding


def refused(name: str, on: str = "cpu-only-linux", **nvidia: object) -> Finding:
    """CTranslate2, src/types.cc: unsupported_compute_type."""
    line = f"ValueError: Requested {name} compute type, but the target device or backend do not support efficient {name} computation."
    plain = casebook.platform(on)
    machine = casebook.facts({**plain, "nvidia": {**plain.get("nvidia", {}), **nvidia}})
    [finding] = explain(Symptom((line,), "", "faster-whisper"), machine).confirmed
    return finding


@pytest.mark.parametrize(
    ("name", "first"),
    [("float16", "7.0"), ("int8_float16", "7.0"), ("bfloat16", "8.0"), ("int8_bfloat16", "8.0")],
)
def test_the_cause_names_the_type_and_the_gpus_that_have_it(name: str, first: str) -> None:
    """Capabilities by NVIDIA's documents: half precision in tensor cores since 7.0 (Volta), bfloat16 since 8.0 (Ampere)."""
    cause = refused(name).cause
    for words in (cause.en, cause.ja):
        assert f" {name}" in words
        assert f"compute capability {first}" in words


@pytest.mark.parametrize("name", ["int8", "int16", "int8_float32"])
def test_of_a_type_that_some_cpus_have_nothing_is_claimed_of_cpus(name: str) -> None:
    cause = refused(name).cause.en
    assert name in cause
    assert "CPU" not in cause
    assert "capability" not in cause


def test_bfloat16_on_a_turing_gpu_shows_its_capability_as_evidence() -> None:
    finding = refused("bfloat16", "bare-ampere", gpus=[{"name": "NVIDIA GeForce RTX 2080 Ti", "capability": "7.5"}])
    assert "8.0" in finding.cause.en
    assert [line for line in finding.evidence if "RTX 2080 Ti, compute capability 7.5" in line]
