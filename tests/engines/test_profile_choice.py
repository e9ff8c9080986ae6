"""Which environment of an engine serves a device on a machine that shows this or that GPU."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yamabiko.engines import catalog
from yamabiko.engines.contract import Card, Profile
from yamabiko.engines.environment_problems import no_profile
from yamabiko.engines.profile_choice import choose_profile, fits, gpus_to_try, profile_to_run
from yamabiko.findings import Problem
from yamabiko.gpu_marks import GpuMarks, gpu_marks

NOTHING = GpuMarks(False, "/dev: no nvidia0, no dxg")
NVIDIA = GpuMarks(True, "/dev: nvidia0")
AMD = GpuMarks(False, "/dev: no nvidia0, no dxg", amd=True)
APPLE = GpuMarks(False, "platform: macOS has no CUDA", apple=True)
UNTOLD = GpuMarks(None, "nvcuda.dll is not there")
MACHINES = {"nothing": NOTHING, "nvidia": NVIDIA, "amd": AMD, "apple": APPLE, "untold": UNTOLD}
CARDS = [card for card in catalog.cards() if card.profiles]


@pytest.mark.parametrize(
    ("engine", "device", "machine", "installed", "expected"),
    [
        ("faster-whisper", "auto", "nothing", "", "cpu"),
        ("faster-whisper", "auto", "nvidia", "", "cuda12"),
        ("faster-whisper", "auto", "amd", "", "cpu"),
        ("faster-whisper", "auto", "untold", "", "cpu"),
        ("faster-whisper", "cuda:1", "nothing", "", "cuda12"),
        ("transformers", "auto", "nvidia", "", "cuda13"),
        ("transformers", "cuda", "nvidia", "cuda12", "cuda12"),
        ("transformers", "cuda", "amd", "", "rocm"),
        ("transformers", "auto", "amd", "", "cpu"),
        ("transformers", "auto", "amd", "rocm", "rocm"),
        ("whisper.cpp", "auto", "nvidia", "", "cpu"),
        ("whisper.cpp", "auto", "nvidia", "cuda", "cuda"),
        ("whisper.cpp", "auto", "nothing", "vulkan", "vulkan"),
        ("whisper.cpp", "cuda", "amd", "", "rocm"),
        ("whisper.cpp", "vulkan", "nothing", "", "vulkan"),
        ("whisper.cpp", "cpu", "nvidia", "cuda vulkan", "cpu"),
        ("whisper.cpp", "mps", "apple", "", "metal"),
    ],
)
def test_the_device_and_the_machine_choose_the_environment(engine, device, machine, installed, expected):
    have = installed.split()
    card = catalog.card(engine)

    assert choose_profile(card, device, MACHINES[machine], lambda p: p.name in have).name == expected


@pytest.mark.parametrize(
    ("engine", "device", "machine", "installed", "expected"),
    [
        ("faster-whisper", "cuda", "nothing", "", "cpu"),
        ("faster-whisper", "cuda", "nvidia", "", "cuda12"),
        ("whisper.cpp", "cuda", "nvidia", "", "cpu"),
        ("whisper.cpp", "cuda", "nvidia", "cuda", "cuda"),
        ("whisper.cpp", "vulkan", "nothing", "", "cpu"),
        ("whisper.cpp", "vulkan", "nothing", "vulkan", "vulkan"),
        ("transformers", "cuda", "amd", "", "cpu"),
        ("transformers", "cuda", "amd", "rocm", "rocm"),
    ],
)
def test_what_could_be_of_no_use_or_nobody_asked_for_is_not_made(engine, device, machine, installed, expected):
    have = installed.split()
    card = catalog.card(engine)

    assert profile_to_run(card, device, MACHINES[machine], lambda p: p.name in have).name == expected


@pytest.mark.parametrize(
    ("engine", "machine", "installed", "expected"),
    [
        ("faster-whisper", "nothing", "", ()),
        ("faster-whisper", "nvidia", "", ("cuda",)),
        ("faster-whisper", "untold", "", ("cuda",)),
        ("faster-whisper", "amd", "", ()),
        ("transformers", "amd", "", ()),
        ("transformers", "amd", "rocm", ("cuda",)),
        ("whisper.cpp", "nothing", "", ()),
        ("whisper.cpp", "nvidia", "", ("cuda",)),  # from the CPU's environment: that it is left unused is told
        ("whisper.cpp", "nvidia", "vulkan", ("vulkan",)),
        ("whisper.cpp", "nvidia", "cuda vulkan", ("cuda", "vulkan")),
        ("whisper.cpp", "amd", "vulkan", ("vulkan",)),
        ("whisper.cpp", "apple", "metal", ("mps",)),
        ("scripted", "nothing", "", ()),
        ("scripted", "nvidia", "", ("cuda",)),
    ],
)
def test_auto_tries_the_gpus_that_an_environment_serves(engine, machine, installed, expected):
    have = installed.split()

    assert gpus_to_try(catalog.card(engine), MACHINES[machine], lambda p: p.name in have) == expected


def test_a_device_that_no_environment_serves_is_a_finding():
    with pytest.raises(Problem) as caught:
        choose_profile(catalog.card("faster-whisper"), "vulkan", NVIDIA)

    finding = caught.value.finding
    assert finding.id == "engine-profile-unknown"
    assert "CTranslate2 has no backend for Vulkan." in finding.cause.en
    assert "engines that have one: whisper.cpp" in finding.evidence


@pytest.mark.parametrize(
    ("engine", "wanted", "why", "elsewhere", "remedy"),
    [
        ("onnx-asr", "vulkan", "WebGPU", "whisper.cpp", ""),
        ("onnx-asr", "mps", "CoreML", "whisper.cpp", ""),
        ("onnx-asr", "cuda11", "", "", "yamabiko engines install onnx-asr --profile cuda12"),
        ("campplus", "cuda:1", "numpy", "pyannote", ""),
        ("silero-vad", "rocm", "too small", "", ""),
        ("whisper.cpp", "foo", "", "", ""),
    ],
)
def test_an_environment_that_there_is_not_is_told_with_what_is_known(engine, wanted, why, elsewhere, remedy):
    finding = no_profile(catalog.card(engine), wanted)

    assert why in finding.cause.en
    assert bool(why) != finding.cause.en.endswith(f"for “{wanted}”.")
    assert elsewhere in " ".join(finding.evidence)
    assert len(finding.evidence) == 1 + bool(elsewhere)
    assert remedy in (*(one.command for one in finding.remedies), "")


WANTED = ("cuda", "rocm", "vulkan", "metal")


@pytest.mark.parametrize("wanted", WANTED)
@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_every_card_has_an_environment_for_a_gpu_or_says_why_not(card: Card, wanted: str) -> None:
    if wanted not in {profile.name.rstrip("0123456789") for profile in card.profiles}:
        why = card.why_without(wanted)
        assert why is not None, f"{card.name}: no word on {wanted}"
        assert why.en.endswith(".")
        assert why.ja.endswith("。")


@pytest.mark.parametrize("wanted", ["cuda12", "cuda13"])
@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_every_card_answers_for_each_of_nvidias_generations(card: Card, wanted: str) -> None:
    """An environment named `cuda` is built with whichever is here."""
    assert {wanted, "cuda"} & {profile.name for profile in card.profiles} or card.why_without(wanted)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_no_card_says_why_it_lacks_what_it_has(card: Card) -> None:
    assert not {name for name, _ in card.lacking} & {profile.name for profile in card.profiles}


@given(
    card=st.sampled_from(CARDS),
    machine=st.sampled_from(list(MACHINES.values())),
    have=st.sets(st.sampled_from(["cpu", "cuda", "cuda12", "cuda13", "rocm", "vulkan", "metal"])),
)
def test_nothing_is_made_unasked_that_is_by_request_or_for_another_gpu(
    card: Card, machine: GpuMarks, have: set[str]
) -> None:
    def installed(profile: Profile) -> bool:
        return profile.name in have

    chosen = choose_profile(card, "auto", machine, installed)
    assert installed(chosen) or not chosen.by_request
    assert fits(chosen, machine)
    for kind in gpus_to_try(card, machine, installed):
        run = profile_to_run(card, kind, machine, installed)
        assert installed(run) or not run.by_request
        assert fits(run, machine)


@pytest.mark.parametrize(
    ("files", "nvidia", "amd"),
    [
        ((), False, False),
        (("dev/nvidia0",), True, False),
        (("dev/nvidiactl",), False, False),
        (("dev/dxg",), False, False),
        (("dev/dxg", "usr/lib/wsl/lib/libcuda.so.1"), True, False),
        (("dev/kfd",), False, True),
    ],
)
def test_marks_of_gpus_are_files(tmp_path, files, nvidia, amd):
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    marks = gpu_marks(tmp_path)

    assert (marks.nvidia, marks.amd, marks.apple) == (nvidia, amd, False)
