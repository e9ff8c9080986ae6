"""
Asked is not used: a claim is proved, refuted or not proved by what was observed, never by itself.

Whole platforms, from their /proc and their drivers' answers to the verdict, are in tests/workers/test_observe.py.
"""

from __future__ import annotations

import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yamabiko.diagnosis.verdict import backend_lines, decide
from yamabiko.speech import Evidence, EvidenceKind

CLAIM_CUDA = Evidence("introspection", "cuda", "model.device")
TAKEN_BACK = Evidence("introspection", "cpu", "onnxruntime providers: CPUExecutionProvider")
BOOKED = Evidence("device-memory", "cuda", "NVML: 900 MiB of device 0 in use by this process")
BOOKED_ON_0 = Evidence("device-memory", "cuda:0", "NVML: 900 MiB of device 0 in use by this process")
BOOKED_AMD = Evidence("device-memory", "rocm", "fdinfo and KFD: 900 MiB of a GPU are in use by this process")
BOOKED_NOT = Evidence("device-memory", "cpu", "NVML: of the processes on 1 devices, this is none")
BOOKS_HIDDEN = Evidence(
    "device-memory", None, "unavailable, because under WSL no driver has figures of single processes"
)
WORKED = Evidence("process-activity", "cuda", "NVML: this process kept device 0 up to 55 % busy during the request")
RISEN = Evidence("device-memory-rise", "cuda", "NVML: 900 MiB more in use on all of device 0 than before loading")
NOT_RISEN = Evidence("device-memory-rise", "cpu", "NVML: 0 MiB more in use on all of device 0 than before loading")
ACTIVE = Evidence("device-activity", "cuda", "NVML: all of device 0 was 60 % busy; 0 % before loading")
IDLE = Evidence("device-activity", "cpu", "NVML: all of device 0 was 0 % busy over 18 samples during the request")
OPEN = Evidence("device-files", "cuda", "open: /dev/nvidia0, /dev/nvidiactl (counting devices opens them too)")
NOT_OPEN = Evidence("device-files", "cpu", "no GPU device file is open in the worker")
FILES_HIDDEN = Evidence("device-files", None, "unavailable, because darwin does not show the open files of a process")
MAPPED = Evidence("libraries", None, "mapped: libcublas.so.12")
NOT_MAPPED = Evidence("libraries", "cpu", "no GPU library is mapped")
FELL_BACK = Evidence("last-words", "cpu", "Fallback to cpu!")
BACKEND = Evidence("last-words", "cuda", "whisper_backend_init_gpu: using CUDA0 backend")
ALL_CORES = Evidence("cpu-time", None, "8.00 s of processor time in 1.00 s (8.00 cores)")
FAST = Evidence("speed", "cuda", "40 times as fast as the CPU")
SLOW = Evidence("speed", "cpu", "as fast as the CPU")


@pytest.mark.parametrize(
    ("claimed", "evidence", "expected"),
    [
        # what a driver books on this process suffices beside the claim
        ("cuda", [BOOKED, OPEN, MAPPED], ("proved", {BOOKED})),
        ("cuda:1", [BOOKED], ("proved", {BOOKED})),
        ("cuda", [WORKED, OPEN], ("proved", {WORKED})),
        ("cuda:1", [BOOKED_ON_0], ("not proved", {BOOKED_ON_0})),  # the other GPU
        ("cuda:0", [BOOKED_ON_0], ("proved", {BOOKED_ON_0})),
        ("cuda", [BOOKED_ON_0], ("proved", {BOOKED_ON_0})),
        ("cuda:1", [BOOKED_ON_0, ACTIVE], ("not proved", {BOOKED_ON_0, ACTIVE})),
        ("rocm", [BOOKED_AMD], ("proved", {BOOKED_AMD})),
        ("cuda", [BOOKED_AMD], ("proved", {BOOKED_AMD})),  # PyTorch for ROCm calls it cuda
        ("vulkan:0", [BOOKED], ("proved", {BOOKED})),
        # whole devices: both kinds, or one with a word of the library or a speed
        ("cuda", [BOOKS_HIDDEN, OPEN, RISEN, ACTIVE], ("proved", {RISEN, ACTIVE})),
        ("cuda", [OPEN, RISEN], ("not proved", {RISEN})),
        ("cuda", [OPEN, ACTIVE], ("not proved", {ACTIVE})),
        ("cuda", [RISEN, BACKEND], ("proved", {RISEN, BACKEND})),
        ("cuda", [ACTIVE, FAST], ("proved", {ACTIVE, FAST})),
        ("cuda", [BACKEND, FAST], ("not proved", {BACKEND, FAST})),  # nobody looked at a device
        ("cuda", [RISEN, RISEN], ("not proved", {RISEN})),
        # counting devices opens their files and maps the libraries
        ("cuda", [OPEN, MAPPED], ("not proved", set())),
        ("cuda", [OPEN, MAPPED, CLAIM_CUDA, ALL_CORES], ("not proved", set())),
        # never alone
        ("cuda", [FAST], ("not proved", {FAST})),
        ("cuda", [BACKEND], ("not proved", {BACKEND})),
        ("cuda", [CLAIM_CUDA], ("not proved", set())),
        ("cuda", [], ("not proved", set())),
        ("mps", [FILES_HIDDEN], ("not proved", set())),
        ("cuda", [FILES_HIDDEN, NOT_MAPPED], ("not proved", {NOT_MAPPED})),
        ("cuda", [OPEN, BOOKED_NOT, MAPPED], ("not proved", {BOOKED_NOT})),
        ("cuda", [SLOW], ("not proved", {SLOW})),
        # it ran elsewhere
        ("cuda", [NOT_OPEN, NOT_MAPPED], ("refuted", {NOT_OPEN, NOT_MAPPED})),
        ("cuda", [NOT_OPEN, MAPPED], ("refuted", {NOT_OPEN})),
        ("cuda", [OPEN, FELL_BACK], ("not proved", {FELL_BACK})),  # a line alone: another part of the engine may say it
        ("cuda", [OPEN, FELL_BACK, NOT_MAPPED], ("refuted", {FELL_BACK, NOT_MAPPED})),
        ("cuda", [OPEN, FELL_BACK, IDLE], ("refuted", {FELL_BACK, IDLE})),
        ("cuda", [OPEN, TAKEN_BACK], ("refuted", {TAKEN_BACK})),
        ("cuda", [OPEN, BOOKED_NOT, IDLE], ("refuted", {BOOKED_NOT, IDLE})),
        ("cuda", [OPEN, NOT_RISEN, IDLE], ("refuted", {NOT_RISEN, IDLE})),
        ("cuda", [NOT_OPEN, RISEN], ("refuted", {NOT_OPEN})),  # a neighbour's, then
        # observations that contradict each other
        ("cuda", [BOOKED, FELL_BACK], ("not proved", {BOOKED, FELL_BACK})),
        ("cuda", [BOOKED, NOT_OPEN], ("not proved", {BOOKED, NOT_OPEN})),
        ("cuda", [BOOKED, IDLE], ("not proved", {BOOKED, IDLE})),  # a context, and the CPU at work
        ("cuda", [BOOKED, TAKEN_BACK], ("not proved", {BOOKED, TAKEN_BACK})),
        ("cuda", [BOOKED_NOT, RISEN, ACTIVE], ("not proved", {BOOKED_NOT, RISEN, ACTIVE})),
        ("rocm", [BOOKED_AMD, BOOKED], ("not proved", {BOOKED_AMD, BOOKED})),
        # the CPU
        ("cpu", [NOT_OPEN, NOT_MAPPED], ("proved", {NOT_OPEN, NOT_MAPPED})),
        ("cpu", [NOT_OPEN, MAPPED], ("proved", {NOT_OPEN})),
        ("cpu", [NOT_OPEN, RISEN, ACTIVE, FAST], ("proved", {NOT_OPEN})),  # neighbours have a GPU too
        ("cpu", [NOT_MAPPED], ("not proved", {NOT_MAPPED})),
        ("cpu", [FILES_HIDDEN], ("not proved", set())),
        ("cpu", [], ("not proved", set())),
        ("cpu", [OPEN, MAPPED], ("not proved", {OPEN})),
        ("cpu", [OPEN, NOT_MAPPED, BOOKED_NOT], ("not proved", {OPEN, NOT_MAPPED, BOOKED_NOT})),
        ("cpu", [BOOKED, OPEN], ("not proved", {BOOKED, OPEN})),
        ("cpu", [NOT_OPEN, BACKEND], ("not proved", {NOT_OPEN, BACKEND})),
    ],
)
def test_a_claim_is_held_against_what_was_observed(claimed, evidence, expected):
    ruling = decide(claimed, evidence)

    assert (ruling.verdict, set(ruling.because)) == expected
    assert ruling.used_device == ("cpu" if ruling.verdict == "refuted" else claimed)


KINDS: tuple[EvidenceKind, ...] = typing.get_args(EvidenceKind)
DEVICES = ["cpu", "cuda", "cuda:0", "cuda:1", "rocm", "gpu", "xpu", "vulkan", "mps"]
RANK = {"refuted": 0, "not proved": 1, "proved": 2}
OF_A_PROCESS = {"device-memory", "process-activity"}

evidences = st.builds(Evidence, st.sampled_from(KINDS), st.sampled_from([None, *DEVICES]), st.just("seen"))
several = st.lists(evidences, max_size=8)
gpu_claims = st.sampled_from(["cuda", "cuda:1", "rocm", "mps", "vulkan:0", ""])
claims = gpu_claims | st.just("cpu")
doubts_of_a_gpu = st.builds(Evidence, st.sampled_from(KINDS), st.just("cpu"), st.just("seen"))
doubts_of_the_cpu = st.builds(
    Evidence, st.sampled_from(KINDS), st.sampled_from(["cuda", "rocm", "gpu", "xpu"]), st.just("seen")
)


@given(gpu_claims, several, doubts_of_a_gpu)
def test_a_doubt_never_lifts_a_verdict_on_a_gpu(claimed, evidence, doubt):
    assert RANK[decide(claimed, [*evidence, doubt]).verdict] <= RANK[decide(claimed, evidence).verdict]


@given(several, doubts_of_the_cpu)
def test_a_doubt_never_lifts_a_verdict_on_the_cpu(evidence, doubt):
    assert RANK[decide("cpu", [*evidence, doubt]).verdict] <= RANK[decide("cpu", evidence).verdict]


@given(claims, several, evidences.filter(lambda e: e.says is None))
def test_what_points_to_no_device_changes_nothing(claimed, evidence, silent):
    assert decide(claimed, [*evidence, silent]) == decide(claimed, evidence)


@given(claims, several, evidences)
def test_the_same_said_twice_is_said_once(claimed, evidence, again):
    once, twice = decide(claimed, [*evidence, again]), decide(claimed, [*evidence, again, again])

    assert (once.used_device, once.verdict) == (twice.used_device, twice.verdict)


@given(claims, several, st.sampled_from(DEVICES))
def test_what_an_engine_says_of_itself_lifts_no_verdict(claimed, evidence, device):
    without = [e for e in evidence if e.kind != "introspection"]
    spoken = [*without, Evidence("introspection", device, "says the engine")]

    assert RANK[decide(claimed, spoken).verdict] <= RANK[decide(claimed, without).verdict]


@given(gpu_claims, several)
def test_a_gpu_is_proved_by_its_driver_and_by_more_than_one_figure_of_a_whole_device(claimed, evidence):
    ruling = decide(claimed, evidence)
    if ruling.verdict == "proved":
        kinds = {e.kind for e in ruling.because}
        assert kinds & OF_A_PROCESS or len(kinds) >= 2
        assert kinds & {*OF_A_PROCESS, "device-memory-rise", "device-activity"}
        assert not kinds & {"introspection", "device-files", "libraries", "cpu-time"}
        assert all(e.says != "cpu" for e in ruling.because)
        assert not any(e.says == "cpu" for e in evidence if e.kind != "cpu-time")


@given(claims, several)
def test_a_claim_alone_is_never_proved_and_never_refuted_by_a_library_s_line_alone(claimed, evidence):
    kinds = {e.kind for e in evidence if e.says is not None}

    assert (
        decide(claimed, [e for e in evidence if e.kind == "introspection" and e.says != "cpu"]).verdict == "not proved"
    )
    if kinds <= {"last-words"}:
        assert decide(claimed, evidence).verdict == "not proved"


@given(claims, several)
def test_what_decides_was_observed_and_a_refuted_claim_ran_on_the_cpu(claimed, evidence):
    ruling = decide(claimed, evidence)

    assert all(e in evidence and e.says is not None for e in ruling.because)
    if ruling.verdict == "refuted":
        assert ruling.used_device == "cpu"
        assert claimed != "cpu"
        assert any(e.says == "cpu" for e in ruling.because)
    else:
        assert ruling.used_device == claimed


@given(claims, several, st.randoms())
def test_the_order_of_observing_changes_no_verdict(claimed, evidence, random):
    shuffled = random.sample(evidence, len(evidence))
    first, second = decide(claimed, evidence), decide(claimed, shuffled)

    assert (first.used_device, first.verdict) == (second.used_device, second.verdict)


# ---- last words -----------------------------------------------------------------------------------------------------

SHERPA = (
    "/project/sherpa-onnx/csrc/session.cc:GetSessionOptionsImpl:176 Please compile with -DSHERPA_ONNX_ENABLE_GPU=ON. "
    "Available providers: CPUExecutionProvider, . Fallback to cpu!"
)
NO_GPU = "whisper_backend_init_gpu: no GPU found"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([SHERPA], ["cpu"]),
        (["provider.cc:StringToProvider:39 Unsupported string: gpu. Fallback to cpu"], ["cpu"]),
        (["EP Error CUDA failure 999", "Falling back to ['CPUExecutionProvider'] and retrying."], ["cpu"]),
        (["[W:onnxruntime] Failed to create CUDAExecutionProvider. Require cuDNN 9.* and CUDA 12.*"], ["cpu"]),
        (["ggml_cuda_init: failed to initialize CUDA: no CUDA-capable device is detected", NO_GPU], ["cpu", "cpu"]),
        ([NO_GPU], ["cpu"]),
        (["UserWarning: FP16 is not supported on CPU; using FP32 instead"], ["cpu"]),
        (["whisper_backend_init_gpu: using CUDA0 backend"], ["cuda"]),
        (["whisper_backend_init_gpu: using ROCm0 backend"], ["rocm"]),
        (["whisper_backend_init_gpu: using Vulkan1 backend"], ["vulkan"]),
        (["whisper_backend_init_gpu: using Metal backend"], ["mps"]),
        # whisper.cpp's own speech finder wants no GPU and says so
        (["whisper_backend_init_gpu: using CUDA0 backend", NO_GPU], ["cuda"]),
        ([SHERPA, "another line", SHERPA], ["cpu"]),
        # the request is no use, and neither is talk of GPUs
        (["whisper_init_with_params_no_state: use gpu    = 1", "whisper_init: devices    = 1"], []),
        (["Available providers: 'CUDAExecutionProvider, CPUExecutionProvider'"], []),
        (["", "loading the model", "a fall back to the CPU is possible"], []),
        ([], []),
        # somebody's words: a line counts as its library writes it, from its beginning
        (["transcript: Falling back to ['CPUExecutionProvider'] he said"], []),
        (["[00:00.000 --> 00:04.000] whisper_backend_init_gpu: using CUDA0 backend"], []),
        (["INFO segment 3: whisper_backend_init_gpu: no GPU found"], []),
        (["and he told us: Fallback to cpu!"], []),
        (["2026-01-01 12:00:00 [info] whisper_backend_init_gpu: using CUDA0 backend"], ["cuda"]),
    ],
)  # fmt: skip
def test_libraries_say_in_their_last_words_where_they_run(words, says):
    assert [(e.kind, e.says) for e in backend_lines(words)] == [("last-words", device) for device in says]


def test_a_line_is_quoted_as_it_was_printed():
    [evidence] = backend_lines(["loading", f"  {SHERPA}  "])

    assert evidence.value == SHERPA


@given(st.lists(st.text(max_size=400), max_size=20))
def test_any_words_can_be_read(words):
    assert all(len(e.value) <= 300 for e in backend_lines(words))
