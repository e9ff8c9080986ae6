"""
Five reports from people who wrote down what helped them: for each the true cause, and a remedy that is better.

    seeds/<report>/facts.json   the machine and its environments, as `doctor --save` writes them: what the report tells of
                                them (`told`), and what was added so that there is something to look at (`assumed`)
    seeds/<report>/<error>.txt  an error, in the words of the report
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from casebook import facts as written_facts
from casebook import platform
from yamabiko.diagnosis import checkup, explained_log
from yamabiko.diagnosis.checkup import Checkup
from yamabiko.diagnosis.facts.records import Probed
from yamabiko.diagnosis.facts.saved import load
from yamabiko.findings import Finding

SEEDS = Path(__file__).parent / "seeds"
FILES = tuple(sorted(SEEDS.glob("*/facts*.json")))
FOLKLORE = (
    r"\bln -s",
    r"cur_decoder *=",
    r"pyannote\.?-?audio *(?:==|<)",
    r"ctranslate2==4\.4",
    r"WHISPER_(?:CUBLAS|OPENCL)=",
    r"--features \S*opencl",
    r"TORCH_CUDAGRAPH_DISABLE",
    r"CUDA_VISIBLE_DEVICES=(?:\"\"|$)",
    r"concurrency_limit",
    r"rocm/pytorch:latest",
    r"rocm5\.",
    r"WITH_CUDA=ON.*HIP",
)
"""What the five reports advise, as it would stand in a command."""


def seen(report: str, *errors: str, facts: str = "facts") -> Checkup:
    """What the doctor says of a report's machine and of its errors, all in one log."""
    lines = [line for error in errors for line in (SEEDS / report / f"{error}.txt").read_text("utf-8").splitlines()]
    found = checkup.check_facts(load(SEEDS / report / f"{facts}.json").facts)
    return explained_log.with_log(found, tuple(lines), may_probe=False) if lines else found


def first(found: Checkup) -> Finding:
    return found.findings[0]


def commands(finding: Finding) -> list[str]:
    return [remedy.command for remedy in finding.remedies if remedy.command]


def evidence(finding: Finding) -> str:
    return "\n".join(finding.evidence)


# ---- NeMo under WSL: error 35 ---------------------------------------------------------------------------------------


def test_error_35_under_wsl_is_bindings_newer_than_the_driver():
    found = seen("nemo-under-wsl", "error-35")

    assert found.explaining == ("nemo-cuda35-bindings-newer-than-driver",)
    for part in ("CUDA failure! 35", "cuda-bindings 13.1.1", "CUDA 12.9", "nemo-toolkit 2.6.0"):
        assert part in evidence(first(found))
    assert "driver" in first(found).remedies[0].what.en, "nothing else keeps the full speed"
    assert "nemo_toolkit" in commands(first(found))[0]
    assert not any("ubuntu-drivers" in command for command in commands(first(found))), "this is WSL"
    assert not any(id_.startswith("wsl-") for id_ in (f.id for f in found.findings)), "it is not WSL's"


def test_another_decoder_is_the_last_thing_to_try():
    remedies = first(seen("nemo-under-wsl", "error-35")).remedies

    assert [remedy.cost for remedy in remedies].index("accuracy") == len(remedies) - 1
    assert "ctc" in (remedies[-1].command or "")


def test_the_same_35_without_any_driver_is_another_cause():
    log = tuple((SEEDS / "nemo-under-wsl/error-35.txt").read_text("utf-8").splitlines())
    nowhere = written_facts(platform("cpu-only-linux"))

    found = explained_log.with_log(checkup.check_facts(nowhere), log, may_probe=False)

    assert found.explaining == ("driver-none-or-container-without-runtime",)
    assert "there is no libcuda.so.1" in evidence(first(found))


def test_the_second_error_is_memory_and_nothing_else():
    found = seen("nemo-under-wsl", "memory")

    assert found.explaining == ("cuda-oom",)
    assert first(found).remedies[-1].cost == "accuracy"


# ---- WhisperX under WSL ---------------------------------------------------------------------------------------------


def test_the_crash_at_import_is_torchcodec_of_another_torch():
    found = seen("whisperx-under-wsl", "import")

    assert found.explaining == ("torchcodec-torch-abi-mismatch",)
    assert "torchcodec 0.8.1 is built for torch 2.9" in evidence(first(found))
    assert commands(first(found))[0] == 'pip install "torchcodec==0.7.*"'


def test_a_provider_that_is_missing_is_two_packages_in_one_folder():
    found = seen("whisperx-under-wsl", "providers")

    assert found.explaining == ("ort-package-clobber",)
    assert "onnxruntime 1.20.1 and onnxruntime-gpu 1.20.1 both call it theirs" in evidence(first(found))
    assert "pip uninstall -y onnxruntime onnxruntime-gpu" in commands(first(found))[0]


def test_the_small_cudnn_is_a_dispatcher_and_no_stub():
    found = seen("whisperx-under-wsl", "cudnn")

    assert found.explaining == ("ct2-cudnn9-sublibs-not-found",)
    assert "dispatcher" in first(found).cause.en
    assert "the loader does not look there" in evidence(first(found))
    assert commands(first(found))[0] == 'pip install --upgrade "ctranslate2>=4.6.3,<5"'


def test_three_errors_in_one_log_have_three_causes():
    found = seen("whisperx-under-wsl", "import", "providers", "cudnn")

    assert set(found.explaining) == {
        "torchcodec-torch-abi-mismatch",
        "ort-package-clobber",
        "ct2-cudnn9-sublibs-not-found",
    }


# ---- whisper.cpp in a program of Rust -------------------------------------------------------------------------------


def test_a_program_that_says_gpu_has_proved_nothing():
    found = seen("whispercpp-in-rust", "start")

    assert found.explaining == ("whispercpp-false-gpu-report",)
    assert any("cargo build --release --features whisper-rs/cuda" in command for command in commands(first(found)))


def test_one_backend_is_a_build_for_the_cpu():
    found = seen("whispercpp-in-rust", "backends")

    assert found.explaining[0] == "whispercpp-cpu-build-silent"
    assert "backends   = 1" in evidence(first(found))
    assert "RTX 4070" in evidence(first(found))


def test_no_gpu_found_alone_does_not_tell_why():
    """The GPU may have been turned off, or its number be too high."""
    machine = load(SEEDS / "whispercpp-in-rust/facts.json").facts

    found = explained_log.with_log(
        checkup.check_facts(machine), ("whisper_backend_init_gpu: no GPU found",), may_probe=False
    )

    assert found.explaining == ("log-unexplained",)
    assert "may be: whispercpp-cpu-build-silent" in evidence(first(found))


def test_the_variable_of_old_builds_is_told_to_do_nothing():
    found = seen("whispercpp-in-rust")

    assert [finding.id for finding in found.findings] == ["whispercpp-legacy-flags"]
    assert commands(first(found))[0].startswith("unset WHISPER_CUBLAS")


# ---- VoxCPM behind Gradio -------------------------------------------------------------------------------------------


def test_the_bare_assertion_is_a_call_from_another_thread():
    found = seen("voxcpm-behind-gradio", "assertion")

    assert found.explaining == ("torch-cudagraph-trees-tls",)
    assert "torch 2.9.1, before 2.13.0" in evidence(first(found))
    assert "max_workers=1" in commands(first(found))[0], "one thread of its own keeps the graphs and the speed"
    assert first(found).remedies[0].cost == "effort"


# ---- a Radeon of the gfx906 family ----------------------------------------------------------------------------------


def test_a_segfault_with_rocm_and_numba_may_be_two_llvms():
    """That both packages are installed proves nothing of this death; where the machine is, a probe tells."""
    found = seen("radeon-gfx906", "segfault")

    assert found.explaining == ("log-unexplained",)
    assert "may be: rocm-two-llvms-segfault" in evidence(first(found))
    assert "yamabiko doctor --explain rocm-two-llvms-segfault" in commands(first(found))[0]
    assert "llvmlite 0.45.1, numba 0.62.1" in evidence(first(found))


def test_the_probe_makes_two_llvms_of_it():
    machine = load(SEEDS / "radeon-gfx906/facts.json").facts
    [theirs] = [e.name for e in machine.environments if e.version("llvmlite")]
    tried = Probed("rocm-llvm", theirs, values={"alone": "well", "numba_first": "SIGSEGV", "numba_last": "well"})
    log = tuple((SEEDS / "radeon-gfx906/segfault.txt").read_text("utf-8").splitlines())

    found = explained_log.with_log(checkup.check_facts(machine.with_probed(tried)), log, may_probe=False)

    assert found.explaining == ("rocm-two-llvms-segfault",)
    assert "numba first SIGSEGV" in evidence(first(found))
    assert "Most likely" in first(found).cause.en, "an analogy is not told as a fact"


def test_error_35_on_a_radeon_asks_for_no_driver():
    found = seen("radeon-gfx906", "error-35")

    assert found.explaining == ("ct2-cuda-wheel-on-amd",)
    assert "gfx906; upstream's ROCm wheel has no kernels for it" in evidence(first(found))
    assert not [command for command in commands(first(found)) if "driver" in command]


def test_sherpa_on_the_cpu_is_the_wheel():
    assert seen("radeon-gfx906", "sherpa").explaining == ("sherpa-cpu-wheel",)


def test_the_newest_image_has_no_kernels_for_this_gpu():
    found = seen("radeon-gfx906", "kernels", facts="facts-newest-image")

    assert found.explaining == ("rocm-gfx-not-in-rocblas",)
    assert "the GPU is gfx906" in evidence(first(found))
    assert "rocm6.3" in commands(first(found))[0]


# ---- the whole documents, as somebody gives them to `doctor --log` --------------------------------------------------

WHOLE = {
    "nemo-under-wsl": {"nemo-cuda35-bindings-newer-than-driver", "cuda-oom"},
    "whisperx-under-wsl": {"ct2-cudnn9-sublibs-not-found", "torchcodec-torch-abi-mismatch"},
    "whispercpp-in-rust": {"whispercpp-false-gpu-report"},
    "voxcpm-behind-gradio": {"torch-cudagraph-trees-tls"},
    "radeon-gfx906": {"ct2-cuda-wheel-on-amd", "log-unexplained"},
}


@pytest.mark.parametrize("report", WHOLE)
def test_a_whole_document_leads_to_its_owners_causes(report):
    found = seen(report, "document")

    assert set(found.explaining) == WHOLE[report]


def test_what_is_only_possible_is_told_beside_what_is_sure():
    found = seen("radeon-gfx906", "document")

    [besides] = [finding for finding in found.findings if finding.id == "log-unexplained"]
    assert besides.severity == "info"
    assert "may be: rocm-two-llvms-segfault" in evidence(besides)


def test_a_radeon_is_never_told_to_get_nvidias_driver():
    found = seen("radeon-gfx906", "document")

    offered = [command for finding in found.findings for command in commands(finding)]
    assert not [command for command in offered if "ubuntu-drivers" in command or "--gpus" in command]


# ---- all of them ----------------------------------------------------------------------------------------------------


def everything() -> list[Checkup]:
    runs = []
    for file in FILES:
        errors = sorted(path.stem for path in file.parent.glob("*.txt"))
        runs += [seen(file.parent.name, *logs, facts=file.stem) for logs in ((), *((error,) for error in errors))]
    return runs


def test_nothing_of_the_folklore_is_offered():
    offered = {(f.id, command) for found in everything() for f in found.findings for command in commands(f)}

    assert len(offered) > 30
    assert [(id_, command) for id_, command in offered for tale in FOLKLORE if re.search(tale, command)] == []


def test_remedies_stand_in_the_order_of_their_price():
    order = ("none", "effort", "speed", "accuracy")
    for finding in (finding for found in everything() for finding in found.findings):
        costs = [order.index(remedy.cost) for remedy in finding.remedies]
        assert costs == sorted(costs), finding.id


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_report_says_what_was_told_and_what_was_added(file: Path):
    record = json.loads(file.read_text("utf-8"))

    assert record["about"]
    assert record["told"]
    assert record["assumed"]
