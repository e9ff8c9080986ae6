"""
What is installed here proves nothing about whose failure a log tells: frames, names and what else was said do.

A log is given as `doctor --log` gets it: the first finding is what it comes from.
"""

from __future__ import annotations

from typing import Any

import pytest

from casebook import facts, platform
from yamabiko.diagnosis import checkup, explained_log


def explaining(log: str, on: str = "bare-ampere", **changes: Any) -> tuple[str, ...]:
    found = explained_log.with_log(
        checkup.check_facts(facts({**platform(on), **changes})), tuple(log.split("\n")), may_probe=False
    )
    by_id = {finding.id: finding for finding in found.findings}
    return tuple(id_ for id_ in found.explaining if by_id[id_].severity != "info" or id_ != "log-unexplained")


def holding(*, native: tuple[dict[str, Any], ...] = (), **packages: str) -> dict[str, Any]:
    named = {name.replace("_", "-"): version for name, version in packages.items()}
    return {"environments": [{"name": "/home/USER/venv", "packages": named, "native": list(native)}]}


UNEXPLAINED = ("log-unexplained",)
CODEC = holding(torch="2.8.0", torchcodec="0.8.1")
NO_FFMPEG = holding(
    torch="2.8.0",
    torchcodec="0.7.0",
    native=({"path": "torchcodec/libtorchcodec_core6.so", "needed": ["libavcodec.so.60"]},),
)
NEMO = holding(nemo_toolkit="2.6.0", cuda_bindings="12.9.4", torch="2.10.0")
OLD_CPU = {
    "cpu": {"model": "AMD FX-8350", "count": 8, "usable": 8, "flags": ["sse4_1", "avx"]},
    **holding(pywhispercpp="1.5.1", native=({"path": "pywhispercpp.libs/libggml-cpu-1.so"},)),
}
WINDOWS = {
    "system": {"name": "win32", "machine": "AMD64"},
    **holding(ctranslate2="4.8.5", faster_whisper="1.2.1", pywhispercpp="1.3.0"),
}
NUMPY = holding(numpy="2.1.0", pyannote_audio="3.1.1")
TOKEN = holding(huggingface_hub="1.7.2", pyannote_audio="3.4.0", whisperx="3.7.4")


def traceback(file: str, line: str, error: str) -> str:
    return f'Traceback (most recent call last):\n  File "{file}", line 3, in <module>\n    {line}\n{error}'


SITE = "/srv/venv/lib/python3.12/site-packages"
UNPACK = "ValueError: not enough values to unpack (expected 6, got 5)"
NAN = "AttributeError: `np.NaN` was removed in the NumPy 2.0 release. Use `np.nan` instead."
LIBAV = "libavcodec.so.58: cannot open shared object file: No such file or directory"
FORK = "RuntimeError: CUDA failed with error initialization error"
EXIT = "Process finished with exit code -1073740791 (0xC0000409)"

OTHERS = {
    "a tool's own bad_alloc": ("./my_cpp_tool: terminate called after throwing an instance of 'std::bad_alloc'", CODEC),
    "bad_alloc in somebody's extension": (
        traceback(f"{SITE}/pyworld/__init__.py", "import pyworld.pyworld", "MemoryError: std::bad_alloc"),
        CODEC,
    ),
    "a player without its FFmpeg": (f"mpv: error while loading shared libraries: {LIBAV}", NO_FFMPEG),
    "OpenCV without its FFmpeg": (traceback("app.py", "import cv2", f"ImportError: {LIBAV}"), NO_FFMPEG),
    "PyAV without its FFmpeg": (f"ImportError: {LIBAV}", NO_FFMPEG),
    "somebody's own unpacking": (traceback("app.py", 'a,b,c,d,e,f = line.split(",")', UNPACK), NEMO),
    "unpacking in a folder named nemo": (traceback("/home/USER/nemo-test/app.py", "a,b,c,d,e,f = x", UNPACK), NEMO),
    "a tool's illegal instruction": ("./foo: Illegal instruction (core dumped)", OLD_CPU),
    "a shell tells of another tool": (
        "./run.sh: line 3: 1234 Illegal instruction     (core dumped) ./encoder -i x.wav",
        OLD_CPU,
    ),
    "a service of another kind": ("nginx[991]: worker process 1234 exited on signal 4: SIGILL", OLD_CPU),
    "np.NaN in somebody's own program": (traceback("/home/USER/app.py", "x = np.NaN", NAN), NUMPY),
    "from_pretrained of somebody's own": (
        traceback(
            "/home/USER/own.py",
            "Pipeline.from_pretrained(x)",
            "TypeError: Pipeline.from_pretrained() got an unexpected keyword argument 'use_auth_token'",
        ),
        TOKEN,
    ),
    "a child that was spawned": (
        "Process SpawnProcess-1:\n"
        + traceback("/usr/lib/python3.12/multiprocessing/process.py", "self.run()", FORK)
        + '\n  File "/usr/lib/python3.12/multiprocessing/spawn.py", line 10',
        {},
    ),
    "a converter's abort": ("ffmpeg.exe exited with code 0xC0000409", WINDOWS),
    "ggml's assertion": (f"GGML_ASSERT(ctx->n > 0) failed\n{EXIT}", WINDOWS),
    "faster-whisper's own error before it": (f"from faster_whisper import x\nRuntimeError: bad\n{EXIT}", WINDOWS),
    "an abort of nobody knows what": (f"Hello\n{EXIT}", WINDOWS),
}


@pytest.mark.parametrize(("log", "machine"), OTHERS.values(), ids=OTHERS)
def test_what_is_installed_does_not_make_a_failure_its_own(log, machine):
    assert explaining(log, **machine) == UNEXPLAINED


THEIRS = {
    "torchcodec's crash": ("terminate called after throwing an instance of 'std::bad_alloc'", CODEC, "torchcodec-torch-abi-mismatch"),
    "torchcodec without its FFmpeg": (
        traceback(f"{SITE}/torchcodec/_core/ops.py", "load()", f"OSError: {LIBAV}"), NO_FFMPEG, "torchcodec-ffmpeg-missing",
    ),
    "NeMo's unpacking": (
        traceback(f"{SITE}/nemo/core/utils/cuda_python_utils.py", "a, b, c, d, e, f = x", UNPACK), NEMO, "nemo-capture-info-unpack",
    ),
    "an illegal instruction of Python": ("Illegal instruction (core dumped)", OLD_CPU, "whispercpp-sigill"),
    "the shell names Python": ("zsh: illegal hardware instruction  python app.py", OLD_CPU, "whispercpp-sigill"),
    "pyannote's np.NaN": (traceback(f"{SITE}/pyannote/audio/core/inference.py", "x = np.NaN", NAN), NUMPY, "numpy2-nan-alias"),
    "a child that was forked": (
        "Process ForkProcess-1:\n" + traceback("/usr/lib/python3.12/multiprocessing/process.py", "self.run()", FORK),
        {}, "ct2-fork-initialization-error",
    ),
    "faster-whisper leaves with a crash": (
        f"INFO:faster_whisper:Processing audio with duration 00:12.000\n{EXIT}", WINDOWS, "ct2-windows-exit-crash",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("log", "machine", "id_"), THEIRS.values(), ids=THEIRS)
def test_what_names_its_owner_is_found_still(log, machine, id_):
    assert explaining(log, **machine) == (id_,)


# ---- what was said after it, or beside it ---------------------------------------------------------------------------

XET = holding(huggingface_hub="1.7.2", hf_xet="1.4.2", torch="2.8.0", transformers="4.57.0")
FULL = "model.safetensors: 100%|██████████| 3.09G/3.09G [02:10<00:00, 23.7MB/s]"
HALF = "model.safetensors:  37%|███▋      | 1.14G/3.09G [02:10<7:55:13, 0.00B/s]"
OVER = {
    "the model is loaded": f"{FULL}\nLoading checkpoint shards:   0%|          | 0/2 [00:00<?, ?it/s]\nKilled",
    "the work has begun": f"tokenizer.bin: 37%|###\n{FULL}\ntranscribing 1/200\ntranscribing 150/200\nKilled",
    "the same bar went on": f"{HALF}\n{FULL}\nKilled",
    "all are full": f"{FULL}\nconfig.json: 100%|███| 1k/1k\nKilled",
    "another line came": f"{HALF}\nStarting the server\nKilled",
}


@pytest.mark.parametrize("log", OVER.values(), ids=OVER)
def test_a_download_that_is_over_did_not_stall(log):
    assert explaining(log, **XET) == UNEXPLAINED


@pytest.mark.parametrize("log", [f"{HALF}\nKilled", f"{HALF}\nvocab.json: 100%|███| 1k/1k\n\nKilled"])
def test_a_download_that_stands_among_the_last_words_did(log):
    assert explaining(log, **XET) == ("hf-xet-stall",)


REPORT = "✓ GPUアクセラレーションが有効です"


def test_a_report_of_the_gpu_is_believed_where_whisper_cpp_says_so_itself():
    assert explaining(f"whisper_backend_init_gpu: using CUDA0 backend\n{REPORT}") == ()
    assert explaining(f"whisper_backend_init_gpu: using CPU backend\n{REPORT}") == ("whispercpp-false-gpu-report",)
    assert explaining(f"[00:01.000 --> 00:02.000] whisper_backend_init_gpu: using CUDA0 backend\n{REPORT}") == (
        "whispercpp-false-gpu-report",
    )


SUSPICIOUS = {
    "whisper.cpp finds no GPU beside an RTX 3090": ("whisper_backend_init_gpu: no GPU found", {}),
    "a provider that is not there": (
        "UserWarning: Specified provider 'CUDAExecutionProvider' is not in available provider names."
        "Available providers: 'AzureExecutionProvider, CPUExecutionProvider'",
        holding(onnxruntime="1.23.2"),
    ),
    "the same as an exception": (
        "onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument: Specified provider 'CUDAExecutionProvider' is unknown",
        holding(onnxruntime="1.23.2"),
    ),
    "an exception without the word": ("ctranslate2.models.NoSuchThing: large-v9", {}),
}  # fmt: skip


@pytest.mark.parametrize(("log", "machine"), SUSPICIOUS.values(), ids=SUSPICIOUS)
def test_a_log_that_suggests_a_trouble_is_not_called_well(log, machine):
    assert explaining(log, **machine) == UNEXPLAINED


HEALTHY = {
    "openai-whisper where there is no GPU": "UserWarning: FP16 is not supported on CPU; using FP32 instead",
    "whisper.cpp where there is no GPU": "whisper_backend_init_gpu: no GPU found",
    "a transcript about errors": "[00:00.000 --> 00:04.000] I got an error, and it crashed\nAll done",
}


@pytest.mark.parametrize("log", HEALTHY.values(), ids=HEALTHY)
def test_a_log_of_a_machine_without_a_gpu_stays_healthy(log):
    assert explaining(log, "cpu-only-linux", environments=[]) == ()
