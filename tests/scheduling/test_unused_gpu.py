"""Of which GPU that is left alone something is told, and what."""

from __future__ import annotations

import pytest

from yamabiko.engines import catalog
from yamabiko.engines.contract import Card
from yamabiko.engines.profile_choice import gpus_to_try
from yamabiko.findings import Finding
from yamabiko.gpu_marks import GpuMarks
from yamabiko.scheduling.ladder import plan
from yamabiko.scheduling.unused_gpu import left_unused

AMD = GpuMarks(False, "/dev: no nvidia0, no dxg", amd=True)
APPLE = GpuMarks(False, "platform: macOS has no CUDA", apple=True)
NONE = GpuMarks(False, "/dev: no nvidia0, no dxg")
NVIDIA = GpuMarks(True, "/dev: nvidia0")
TRANSCRIBERS = [one for one in catalog.cards() if one.job == "transcribe" and not one.for_tests]


def told(card: Card, marks: GpuMarks, *installed: str) -> tuple[Finding, ...]:
    tried = gpus_to_try(card, marks, lambda profile: profile.name in installed)
    return left_unused(card, plan(card, "auto", "auto", gpus=tried, may_fall=True), marks)


@pytest.mark.parametrize("marks", [AMD, APPLE], ids=["amd", "apple"])
@pytest.mark.parametrize("card", TRANSCRIBERS, ids=lambda card: card.name)
def test_no_gpu_of_another_maker_is_silently_unused(card: Card, marks: GpuMarks) -> None:
    [finding] = told(card, marks)

    assert finding.id == "gpu-left-unused"
    assert card.name in finding.cause.en
    assert finding.cause.en.rstrip().endswith(".")
    assert finding.cause.ja.rstrip().endswith("。")


def test_the_environment_that_may_use_it_is_proposed_as_it_is_typed() -> None:
    [finding] = told(catalog.card("whisper.cpp"), AMD)

    assert "yamabiko engines install whisper.cpp --profile rocm" in [one.command for one in finding.remedies]


def test_why_an_engine_has_none_is_what_its_card_says() -> None:
    [finding] = told(catalog.card("onnx-asr"), APPLE)

    assert "CoreML" in finding.cause.en
    assert "CoreML" in finding.cause.ja


@pytest.mark.parametrize(
    ("engine", "marks", "installed"),
    [
        ("faster-whisper", NONE, ()),
        ("faster-whisper", NVIDIA, ()),  # it is tried, and its failure has a cause of its own
        ("whisper.cpp", AMD, ("rocm",)),
        ("whisper.cpp", AMD, ("vulkan",)),
        ("whisper.cpp", APPLE, ("metal",)),
        ("transformers", AMD, ("rocm",)),
        ("silero-vad", AMD, ()),
        ("campplus", AMD, ()),
    ],
)
def test_nothing_is_told_where_it_is_tried_or_of_no_use(
    engine: str, marks: GpuMarks, installed: tuple[str, ...]
) -> None:
    assert told(catalog.card(engine), marks, *installed) == ()
