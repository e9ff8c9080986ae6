"""Which rungs a wish leaves of a CARD."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yamabiko.engines import catalog
from yamabiko.findings import Problem
from yamabiko.scheduling.ladder import parse_device, plan

CARD = catalog.card("scripted")  # cuda/float16, cuda/int8, cpu/int8, cpu/float32
MANY = catalog.card("whisper.cpp")  # cuda/model, vulkan/model, mps/model, cpu/model
CPU_ONLY = dataclasses.replace(CARD, placements=CARD.placements[2:])


def rungs(device="auto", compute_type="auto", card=CARD, gpus=("cuda",), may_fall=True) -> str:
    return " ".join(map(str, plan(card, device, compute_type, gpus=gpus, may_fall=may_fall)))


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ({}, "cuda/float16 cuda/int8 cpu/int8 cpu/float32"),
        ({"gpus": ()}, "cpu/int8 cpu/float32"),
        ({"device": "cpu"}, "cpu/int8 cpu/float32"),
        ({"device": "cuda"}, "cuda/float16 cuda/int8 cpu/int8 cpu/float32"),
        ({"device": "cuda", "gpus": ()}, "cuda/float16 cuda/int8 cpu/int8 cpu/float32"),
        ({"device": "cuda:1"}, "cuda/float16 cuda/int8 cpu/int8 cpu/float32"),
        ({"may_fall": False}, "cuda/float16"),
        ({"gpus": (), "may_fall": False}, "cpu/int8"),
        ({"device": "cpu", "may_fall": False}, "cpu/int8"),
        ({"compute_type": "int8"}, "cuda/int8 cpu/int8"),
        ({"compute_type": "default"}, "cuda/float16 cuda/int8 cpu/int8 cpu/float32"),
        ({"compute_type": "float32", "device": "cpu"}, "cpu/float32"),
        ({"compute_type": "float32", "device": "cuda"}, "cuda/float32 cpu/float32"),
        ({"compute_type": "float32"}, "cuda/float32 cpu/float32"),
        ({"compute_type": "float16"}, "cuda/float16"),
        ({"compute_type": "bfloat16"}, "cuda/bfloat16 cpu/bfloat16"),
        ({"compute_type": "bfloat16", "may_fall": False}, "cuda/bfloat16"),
        ({"card": CPU_ONLY}, "cpu/int8 cpu/float32"),
        ({"card": MANY}, "cuda/model cpu/model"),
        ({"card": MANY, "gpus": ("vulkan",)}, "vulkan/model cpu/model"),
        ({"card": MANY, "gpus": ()}, "cpu/model"),
        ({"card": MANY, "device": "vulkan", "gpus": ()}, "vulkan/model cpu/model"),
        ({"card": MANY, "device": "metal"}, "mps/model cpu/model"),
        ({"card": MANY, "device": "cuda", "gpus": ("vulkan",)}, "cuda/model cpu/model"),
        ({"card": MANY, "device": "vulkan", "may_fall": False}, "vulkan/model"),
        ({"card": MANY, "compute_type": "int8"}, "cuda/model cpu/model"),
        ({"card": MANY, "compute_type": "int8", "device": "cpu"}, "cpu/model"),
    ],
)
def test_a_wish_leaves_these_rungs_best_first(wish, expected):
    assert rungs(**wish) == expected


@pytest.mark.parametrize(
    ("wish", "finding"),
    [
        ({"device": "gpu"}, "device-unknown"),
        ({"device": "cuda:"}, "device-unknown"),
        ({"device": "cuda:x"}, "device-unknown"),
        ({"device": "cpu:0"}, "device-unknown"),
        ({"device": "auto:0"}, "device-unknown"),
        ({"device": "cuda:1\n"}, "device-unknown"),
        ({"device": ""}, "device-unknown"),
        ({"compute_type": "float17"}, "compute-type-unknown"),
        ({"compute_type": ""}, "compute-type-unknown"),
        ({"compute_type": "float17", "card": MANY}, "compute-type-unknown"),
        ({"device": "cuda", "card": dataclasses.replace(CARD, placements=())}, "device-not-supported"),
        ({"device": "vulkan"}, "device-not-supported"),
        ({"device": "mps"}, "device-not-supported"),
        ({"device": "vulkan:1"}, "device-unknown"),
    ],
)
def test_a_wish_that_cannot_be_met_says_so(wish, finding):
    with pytest.raises(Problem) as caught:
        rungs(**wish)

    assert caught.value.finding.id == finding


def test_a_gpu_asked_for_by_name_of_an_engine_without_gpu_is_refused():
    """`--device cuda` that quietly runs on the CPU is what this program is against."""
    with pytest.raises(Problem) as caught:
        rungs(device="cuda", card=CPU_ONLY)

    assert caught.value.finding.id == "device-not-supported"


def test_a_misspelt_precision_gets_a_suggestion():
    with pytest.raises(Problem) as caught:
        rungs(compute_type="flot16")

    assert "--compute-type float16" in [remedy.command for remedy in caught.value.finding.remedies]


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("rocm", "cuda"),
        ("hip", "cuda"),
        ("AMD", "cuda"),
        ("rocm:1", "cuda:1"),
        ("amd64", None),
        ("gpu", "cuda"),
        ("GPU:1", "cuda:1"),
        ("cuda1", "cuda:1"),
        ("nvidia", "cuda"),
        ("gpus", None),
    ],
)
def test_who_calls_a_gpu_by_another_name_is_told_ours(asked, meant):
    with pytest.raises(Problem) as caught:
        parse_device(asked)

    assert caught.value.finding.id == "device-unknown"
    commands = [remedy.command for remedy in caught.value.finding.remedies]
    assert commands == ([f"--device {meant}"] if meant else []) + ["--device auto"]


def test_a_device_that_an_engine_cannot_use_is_refused_with_the_reason():
    with pytest.raises(Problem) as caught:
        rungs(device="vulkan", card=catalog.card("faster-whisper"))

    assert "CTranslate2 has no backend for Vulkan." in caught.value.finding.cause.en


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("auto", ("auto", None)),
        ("cpu", ("cpu", None)),
        ("cuda", ("cuda", None)),
        ("cuda:12", ("cuda", 12)),
        ("vulkan", ("vulkan", None)),
        ("metal", ("mps", None)),
    ],
)
def test_a_device_is_a_family_and_perhaps_a_number(text, expected):
    assert parse_device(text) == expected


@given(
    device=st.sampled_from(["auto", "cpu", "cuda", "cuda:3"]),
    compute_type=st.sampled_from(["auto", "default", "int8", "float16", "float32", "int16"]),
    gpus=st.sampled_from([("cuda",), ()]),
    may_fall=st.booleans(),
)
def test_every_ladder_keeps_to_the_wish(device, compute_type, gpus, may_fall):
    ladder = plan(CARD, device, compute_type, gpus=gpus, may_fall=may_fall)

    devices = [rung.device for rung in ladder]
    assert ladder
    assert len(set(ladder)) == len(ladder)
    assert devices == sorted(devices, reverse=True)  # cuda before cpu
    assert may_fall or len(ladder) == 1
    assert device != "cpu" or set(devices) == {"cpu"}
    assert not device.startswith("cuda") or devices[0] == "cuda"
    assert compute_type in ("auto", "default") or {rung.compute_type for rung in ladder} == {compute_type}
