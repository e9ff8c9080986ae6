"""
What a worker's end means. The texts are what the libraries really say, with where each was heard.

CTranslate2 4.8.5, faster-whisper 1.2.1, onnxruntime 1.x and numpy were made to say theirs on a CPU machine, with
models cut, emptied and overwritten; what only a machine with a GPU says is quoted from the issue named beside it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import casebook
from yamabiko.children import Ending
from yamabiko.diagnosis.autopsy import explain_exit
from yamabiko.diagnosis.examine import explain
from yamabiko.diagnosis.witness import Witness
from yamabiko.engines.contract import Placement
from yamabiko.workers.exits import WorkerExit

GPU, CPU = Placement("cuda", "float16"), Placement("cpu", "int8")
SEGV, ABRT = Ending("signal", 11, "SIGSEGV"), Ending("signal", 6, "SIGABRT")


def raised(kind: str, message: str, *words: str, place: Placement = GPU, phase: Any = "load") -> WorkerExit:
    return WorkerExit("raised", phase, "faster-whisper", place, None, message, kind, words)


def died(*words: str, ending: Ending = ABRT, place: Placement = GPU, phase: Any = "answers") -> WorkerExit:
    return WorkerExit("died", phase, "faster-whisper", place, ending, "closed", None, words)


DRIVER = "driver-none-or-container-without-runtime"
CUBLAS = "ct2-libcublas12-missing-under-cuda13"
PRECISION = "ct2-compute-type-unsupported"
HOST_MEMORY = "worker-out-of-memory"
BROKEN_ENVIRONMENT = "engine-environment-broken"
ONNX = "[ONNXRuntimeError] : "

RAISED = [
    # SYSTRAN/faster-whisper#1431
    (CUBLAS, "RuntimeError", "Library libcublas.so.12 is not found or cannot be loaded"),
    (CUBLAS, "RuntimeError", "Library cublas64_12.dll is not found or cannot be loaded"),
    (CUBLAS, "ImportError", "libcublas.so.12: cannot open shared object file: No such file or directory"),
    ("cuda-oom", "RuntimeError", "CUDA failed with error out of memory"),
    ("cuda-oom", "OutOfMemoryError", "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity ..."),
    # CTranslate2 on a CPU, asked for float16
    (
        PRECISION,
        "ValueError",
        "Requested float16 compute type, but the target device or backend do not support efficient float16 computation.",
    ),
    ("cuda-sticky-error", "RuntimeError", "CUDA failed with error an illegal memory access was encountered"),
    # Whisper base with its files cut short, emptied, overwritten or removed
    ("model-broken", "RuntimeError", "File model.bin is incomplete: failed to read a value of size 4 at position 0"),
    ("model-broken", "RuntimeError", "File model.bin is incomplete: failed to read a buffer of size 4 at position 0"),
    ("model-broken", "RuntimeError", "Variable 'decoder/embeddings/weight' has an invalid payload size"),
    (
        "model-broken",
        "RuntimeError",
        "Unsupported model binary version. This executable supports models with binary version v6 or below, but the "
        "model has binary version v3063924536.",
    ),
    ("model-broken", "RuntimeError", "Unable to open file 'model.bin' in model '/tmp/a b'"),
    ("model-broken", "RuntimeError", "Cannot load the vocabulary from the model directory"),
    ("model-broken", "RuntimeError", "Cannot load the target vocabulary from the model directory"),
    (
        "model-broken",
        "RuntimeError",
        "[json.exception.parse_error.101] parse error at line 1, column 1: syntax error while parsing value",
    ),
    ("model-broken", "Exception", "EOF while parsing a value at line 1 column 0"),
    (
        "model-broken",
        "LocalEntryNotFoundError",
        "An error happened while trying to locate the file on the Hub and we cannot find the requested files in the "
        "local cache.",
    ),
    ("model-broken", "InvalidProtobuf", f"{ONNX}7 : INVALID_PROTOBUF : Load model from /x.onnx failed:Protobuf parsing failed."),
    ("model-broken", "InvalidArgument", f"{ONNX}2 : INVALID_ARGUMENT : Load model from /x.onnx failed:No graph was found in"),
    ("model-broken", "NoSuchFile", f"{ONNX}3 : NO_SUCHFILE : Load model from /x.onnx failed:Load model /x.onnx failed."),
    ("model-broken", "ModelUnreadable", "/x/encoder.onnx is cut off: 4000 of 592347848 bytes are there"),
    # numpy; CTranslate2 under RLIMIT_DATA; Python
    (HOST_MEMORY, "MemoryError", "Unable to allocate 7.11 PiB for an array with shape (1000000000000000,)"),
    (HOST_MEMORY, "MemoryError", ""),
    (HOST_MEMORY, "RuntimeError", "mkl_malloc: failed to allocate memory"),
    (HOST_MEMORY, "OSError", "[Errno 12] Cannot allocate memory"),
    (BROKEN_ENVIRONMENT, "ModuleNotFoundError", "No module named 'faster_whisper'"),
    (BROKEN_ENVIRONMENT, "ImportError", "cannot import name 'WhisperModel' from 'faster_whisper' (/x/__init__.py)"),
    (BROKEN_ENVIRONMENT, "ImportError", "DLL load failed while importing _ext: The specified module could not be found."),
]  # fmt: skip


def test_a_broken_model_in_a_folder_of_the_users_is_got_anew_from_where_it_came():
    """yamabiko has no hashes of it, and does not remove what is not its own: `models verify` and `remove` mend nothing."""
    cut_short = raised("RuntimeError", "File model.bin is incomplete: failed to read a value of size 4 at position 0")

    of_ours = explain_exit(cut_short).finding
    of_theirs = explain_exit(replace(cut_short, foreign_model="/home/USER/my-model")).finding

    assert any("models verify" in (remedy.command or "") for remedy in of_ours.remedies)
    assert of_theirs.id == "model-broken"
    assert any("/home/USER/my-model" in line for line in of_theirs.evidence)
    assert of_theirs.remedies
    assert not any("yamabiko models" in (remedy.command or "") for remedy in of_theirs.remedies)


@pytest.mark.parametrize(("finding", "kind", "message"), RAISED)
def test_what_a_library_raises_is_told_apart(finding, kind, message):
    explanation = explain_exit(raised(kind, message))

    assert explanation.finding.id == finding
    assert explanation.finding.severity == "error"
    assert any(message[:100] in line for line in explanation.finding.evidence)


OLD_DRIVER_OR_NONE = "CUDA failed with error CUDA driver version is insufficient for CUDA runtime version"
AMBIGUOUS = [
    # CTranslate2 on a machine without a driver, and on one whose driver is too old
    (OLD_DRIVER_OR_NONE, DRIVER, "device"),
    ("CUDA failed with error no CUDA-capable device is detected", "cuda-visible-devices-empty", "device"),
    # OpenNMT/CTranslate2#1865 on a Blackwell GPU
    ("cuBLAS failed with status CUBLAS_STATUS_NOT_SUPPORTED", "ct2-blackwell-int8-not-supported", "precision"),
    # cuBLAS says it too where a kernel has failed before: cases/cuda-sticky-error
    ("cuBLAS failed with status CUBLAS_STATUS_ALLOC_FAILED", "cuda-oom", "memory"),
]


@pytest.mark.parametrize(("message", "one", "spoils"), AMBIGUOUS)
def test_words_that_fit_several_causes_name_none_where_no_fact_decides(message, one, spoils):
    explanation = explain_exit(raised("RuntimeError", message))

    assert explanation.finding.id == "engine-raised"
    assert explanation.unknown
    assert any(line.startswith(f"may be {one}") for line in explanation.finding.evidence)
    assert explanation.spoils == spoils  # what all of them rule out is ruled out


def test_facts_decide_between_causes_of_the_same_words():
    facts = casebook.facts(casebook.platform("cpu-only-linux"))
    witness = Witness(lambda: facts)

    explanation = explain_exit(raised("RuntimeError", OLD_DRIVER_OR_NONE), witness.explain)

    assert explanation.finding.id == DRIVER
    assert explanation.finding.severity == "error"
    assert any("libcuda.so.1" in line for line in explanation.finding.evidence)


def test_what_was_said_is_quoted_once():
    witness = Witness(lambda: casebook.facts(casebook.platform("cpu-only-linux")))
    told = explain_exit(raised("RuntimeError", OLD_DRIVER_OR_NONE), witness.explain).finding
    assert len([line for line in told.evidence if OLD_DRIVER_OR_NONE in line]) == 1, told.evidence


TORCHS_ADVICE = (
    "Weights only load failed. In PyTorch 2.6, we changed the default value of the `weights_only` argument in `torch.load` from "
    "`False` to `True`. Re-running `torch.load` with `weights_only` set to `False` will likely succeed, but it can result in "
    "arbitrary code execution. Do it only if you got the file from a trusted source.\n"
    "Please file an issue with the following so that we can make `weights_only=True` compatible with your use case: "
    "WeightsUnpickler error: \n\nUnsupported operand 149\n\nCheck the documentation of torch.load."
)
"""Of torch 2.13's serialization.py, for a file of random bytes."""


@pytest.mark.parametrize("kind", ["UnpicklingError", "ModelUnreadable"])
def test_advice_to_run_what_code_a_file_holds_is_passed_on_to_nobody(kind):
    finding = explain_exit(raised(kind, TORCHS_ADVICE, *TORCHS_ADVICE.splitlines())).finding

    told = "\n".join((*finding.evidence, finding.cause.en))
    assert "Weights only load failed." in told
    assert "Re-running" not in told
    assert "succe" not in told
    assert "`False`" not in told


def test_facts_rule_a_cause_out():
    """A driver is there and serves: the words alone would have named another machine's trouble."""
    facts = casebook.facts(casebook.platform("bare-ada"))

    explanation = explain_exit(raised("RuntimeError", OLD_DRIVER_OR_NONE), lambda symptom: explain(symptom, facts))

    assert explanation.unknown
    assert not any("driver-none" in line for line in explanation.finding.evidence)


def test_commands_name_the_engine_and_leave_out_what_was_done():
    exit_ = raised("RuntimeError", "CUDA failed with error out of memory", place=Placement("cuda", "int8_float16"))
    commands = [r.command or "" for r in explain_exit(exit_).finding.remedies]

    assert not any("int8" in command for command in commands)
    assert not any("WhisperModel(" in command for command in commands), (
        "it was a worker of ours, no program of somebody's"
    )
    assert "yamabiko engines repair faster-whisper" in [
        r.command for r in explain_exit(raised("ImportError", "No module named 'x'")).finding.remedies
    ]


TRACEBACK = ("Traceback (most recent call last):", '  File "bootstrap.py", line 28, in <module>')
SHERPA = "/project/sherpa-onnx/csrc/"
DIED = [
    # numpy missing from the interpreter of a bare environment
    (BROKEN_ENVIRONMENT, [*TRACEBACK, "ModuleNotFoundError: No module named 'numpy'"]),
    (BROKEN_ENVIRONMENT, [*TRACEBACK, "ImportError: libfoo.so.1: cannot open shared object file: No such file"]),
    (HOST_MEMORY, [*TRACEBACK, "MemoryError"]),
    # sherpa-onnx 2.0.1, given a joiner for an encoder, an encoder without metadata, and words for a list of tokens
    ("model-broken", [f"{SHERPA}offline-transducer-model.cc:ValidateIntTensorType:86 encoder input 1 should be int32 or int64. Given 1"]),
    ("model-broken", [f"{SHERPA}offline-transducer-model.cc:InitEncoder:171 'encoder_dims' does not exist in the metadata"]),
    ("model-broken", [f"{SHERPA}symbol-table.cc:ReadTokens:132 Error: a b c d"]),
    (
        "cuda-oom",
        [
            "terminate called after throwing an instance of 'std::runtime_error'",
            "  what():  CUDA failed with error out of memory",
            "Fatal Python error: Aborted",
        ],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("finding", "words"), DIED)
def test_a_death_is_explained_by_what_was_said_last(finding, words):
    explanation = explain_exit(died(*words))

    assert explanation.finding.id == finding
    assert any(words[-1].strip() in line for line in explanation.finding.evidence)


# ---- near misses ----------------------------------------------------------------------------------------------------

# CTranslate2 4.8.5 says this and goes on, in float32.
CONVERTED = (
    "[2026-01-01 12:00:00.000] [ctranslate2] [thread 27607] [warning] The compute type inferred from the saved model "
    "is float16, but the target device or backend do not support efficient float16 computation. The model weights "
    "have been automatically converted to use the float32 compute type instead."
)
NOT_THE_CAUSE = {
    "a warning": CONVERTED,
    "a transcript": "[00:00.000 --> 00:02.000] My driver says CUDA failed with error out of memory",
    "a prompt": 'initial_prompt="No module named numpy, ModuleNotFoundError, std::bad_alloc"',
    "a question": "why is it that CUDA out of memory. Tried to allocate is what I get",
    "a file": "reading /home/x/CUDA failed with error out of memory.wav",
    "a subtitle": "「CUDA driver version is insufficient」と言われた",
    "another library": "Library libcublas.so.13 is not found or cannot be loaded",
    "another file": "opened libcublas.so.12: 1 of 3 libraries not found yet",
    "an optional package": "WARNING flash_attn is not used: No module named 'flash_attn'",
    "only words": "CUDA out of memory",
}


@pytest.mark.parametrize("words", NOT_THE_CAUSE.values(), ids=NOT_THE_CAUSE)
def test_words_that_merely_mention_a_cause_explain_no_death(words):
    explanation = explain_exit(died("loading", words, "Fatal Python error: Segmentation fault", ending=SEGV))

    assert explanation.finding.id == "worker-died-unexplained"
    assert explanation.unknown
    assert explanation.spoils == "nothing"
    assert any(words[:200] in line for line in explanation.finding.evidence)  # quoted, not believed


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("ValueError", "'No module named' is not a valid language code (accepted language codes: af, am, ...)"),
        ("RuntimeError", "cuBLAS failed with status CUBLAS_STATUS_EXECUTION_FAILED"),
        ("KeyError", "'model.bin'"),
        ("FileNotFoundError", "[Errno 2] No such file or directory: '/x/File model.bin is incomplete'"),
    ],
)
def test_what_we_do_not_recognise_is_reported_as_unknown(kind, message):
    explanation = explain_exit(raised(kind, message))

    assert explanation.finding.id == "engine-raised"
    assert explanation.unknown
    assert message[:100] in explanation.finding.cause.en
    assert message[:100] in explanation.finding.cause.ja


def test_what_was_said_before_does_not_explain_what_is_raised_now():
    """An engine warns of a package it can do without; hours later a file is gone."""
    exit_ = raised("FileNotFoundError", "[Errno 2] /x.f32", "ImportError: No module named 'flash_attn'")

    assert explain_exit(exit_).finding.id == "engine-raised"


def test_old_words_do_not_explain_a_new_death():
    """It ran out of memory once and went on; two hours and a thousand lines later it crashes."""
    old = ["RuntimeError: CUDA failed with error out of memory", *(f"progress {n}" for n in range(1000))]

    assert explain_exit(died(*old, ending=SEGV)).unknown


@pytest.mark.parametrize("kind", ["silent", "nonsense"])
def test_words_never_explain_a_silence_or_nonsense(kind):
    words = ("RuntimeError: CUDA failed with error out of memory",)
    exit_ = WorkerExit(kind, "load", "faster-whisper", GPU, None, "no answer for 5 s", None, words)

    explanation = explain_exit(exit_)

    assert explanation.finding.id == f"worker-{kind}"
    assert explanation.unknown
    assert any(words[0] in line for line in explanation.finding.evidence)


# ---- which memory, which environment --------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [GPU, CPU])
@pytest.mark.parametrize("exit_kind", ["over-memory", "MemoryError", "std::bad_alloc"])
def test_memory_of_the_machine_is_not_called_memory_of_the_gpu(place, exit_kind):
    exits = {
        "over-memory": WorkerExit("over-memory", "load", "x", place, None, "much", memory_cap_bytes=3 * 2**30),
        "MemoryError": raised("MemoryError", "", place=place),
        "std::bad_alloc": replace(
            died("terminate called after throwing an instance of 'std::bad_alloc'", place=place),
            resident_bytes=2 * 2**30,
            memory_cap_bytes=3 * 2**30,
        ),
    }

    explanation = explain_exit(exits[exit_kind])

    assert explanation.finding.id == HOST_MEMORY
    assert explanation.spoils == "memory"


BAD_ALLOC = ("terminate called after throwing an instance of 'std::bad_alloc'", "  what():  std::bad_alloc")


@pytest.mark.parametrize(
    "exit_",
    [died(*BAD_ALLOC, phase="load"), raised("RuntimeError", "std::bad_alloc"), raised("MemoryError", "std::bad_alloc")],
)
@pytest.mark.parametrize("resident", [None, 73 * 2**20, 9 * 2**30])
def test_bad_alloc_amid_plenty_is_not_called_want_of_memory(exit_, resident):
    """Libraries that do not fit each other write it too: meta-pytorch/torchcodec#1162."""
    here = casebook.facts(casebook.platform("bare-ada"))
    ended = replace(exit_, resident_bytes=resident, memory_cap_bytes=19 * 2**30)

    explanation = explain_exit(ended, lambda symptom: explain(symptom, here))

    assert explanation.unknown
    assert any(line.startswith(f"may be {HOST_MEMORY}") for line in explanation.finding.evidence)
    assert explanation.spoils == "memory"  # no rung that needs as much is tried again


def test_facts_tell_what_bad_alloc_comes_from():
    """torchcodec 0.8 beside torch 2.8, in the engine's own environment."""
    place = {
        "name": "faster-whisper-x",
        "engine": "faster-whisper",
        "packages": {"torch": "2.8.0", "torchcodec": "0.8.1"},
    }
    facts = casebook.facts({**casebook.platform("bare-ada"), "environments": [place]})

    explanation = explain_exit(died(*BAD_ALLOC, phase="load"), lambda symptom: explain(symptom, facts))

    assert explanation.finding.id == "torchcodec-torch-abi-mismatch"


@pytest.mark.parametrize(
    ("exit_", "spoils"),
    [
        (raised("RuntimeError", "CUDA failed with error out of memory"), "memory"),
        (raised("RuntimeError", "Library libcublas.so.12 is not found or cannot be loaded"), "device"),
        (raised("RuntimeError", "Unable to open file 'model.bin' in model '/x'"), "model"),
        # the other device's rungs are started from another environment
        (raised("ModuleNotFoundError", "No module named 'faster_whisper'"), "device"),
        (WorkerExit("not-started", "start", "x", GPU, None, "[Errno 2] No such file or directory: '/x'"), "device"),
        (died(ending=SEGV), "nothing"),
        (died(ending=Ending("signal", 4, "SIGILL")), "nothing"),
    ],
)
def test_a_cause_spoils_no_more_than_it_rules_out(exit_, spoils):
    assert explain_exit(exit_).spoils == spoils


# ---- deaths without words -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["SIGSEGV", "SIGABRT", "SIGKILL", "SIGBUS", "SIGFPE", "SIGILL", "signal 63", "exit 0", "exit 3"]
)
def test_a_death_we_do_not_recognise_is_reported_as_unknown(name):
    explanation = explain_exit(died(ending=Ending("signal", 1, name)))

    assert explanation.finding.id == "worker-died-unexplained"
    assert explanation.finding.severity == "unknown"
    assert name in explanation.finding.cause.en
    assert name in explanation.finding.cause.ja


def test_a_death_without_a_status_says_so():
    exit_ = WorkerExit("died", "load", "x", CPU, None, "closed; the process closed its channel and lived on")

    assert "no status" in explain_exit(exit_).finding.cause.en


def test_an_interpreter_that_cannot_be_started_is_quoted():
    exit_ = WorkerExit("not-started", "start", "x", CPU, None, "[Errno 2] No such file or directory: '/x/python'")

    finding = explain_exit(exit_).finding

    assert finding.id == BROKEN_ENVIRONMENT
    assert any("/x/python" in line for line in finding.evidence)


KINDS = ["died", "silent", "nonsense", "raised", "over-memory", "not-started"]
PHASES = ["start", "load", "first answer", "answers"]


@given(
    kind=st.sampled_from(KINDS),
    phase=st.sampled_from(PHASES),
    place=st.sampled_from([GPU, CPU]),
    ending=st.sampled_from([None, SEGV, ABRT, Ending("exit", 0, "exit 0")]),
    message=st.text(max_size=60),
    raised_kind=st.none() | st.text(max_size=20),
    words=st.lists(st.text(max_size=60), max_size=5).map(tuple),
)
def test_every_end_has_a_finding_with_its_facts(kind, phase, place, ending, message, raised_kind, words):
    finding = explain_exit(WorkerExit(kind, phase, "x", place, ending, message, raised_kind, words)).finding

    assert finding.cause.en
    assert finding.cause.ja
    assert finding.remedies
    assert finding.evidence[0].startswith("worker: ")
    assert any(str(place) in line for line in finding.evidence)
