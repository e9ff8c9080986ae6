"""Evidence whose words are ours is read in Japanese; what was seen stays as it was seen."""

from __future__ import annotations

import re

import pytest

from yamabiko.diagnosis.evidence_in_japanese import SAID
from yamabiko.diagnosis.labels import in_japanese

LINES = [
    "log: no word of an error in the newest 40 lines",
    "table: driver 535.161 serves CUDA 12.2",
    "this machine: no NVIDIA GPU",
    "engine: the loaded model has the languages ja and no others",
    "engine: loaded as float16 on cpu",
    "worker memory: 32 MiB of 20975 allowed",
    "script: none; it says how much audio it was given",
    "card: faster-whisper runs on cpu, cuda",
    "server: starting",
    "model: base of faster-whisper is not here",
    "server: 8 of 8",
    "form: fields model",
    "device-files: no GPU device file is open in the worker",
    "device-files: no GPU device file is open in the worker but /dev/nvidiactl, which a question for the device count opens",
    "device-files: open: nvidia0, nvidiactl (counting devices opens them too)",
    "libraries: no GPU library is mapped",
    "libraries: mapped: libcublas.so.12",
    "cpu-time: 0.18 s of processor time in 0.27 s (0.64 cores)",
    "device-memory: unavailable, because NVML: libnvidia-ml.so.1: cannot open shared object file",
    "introspection: onnxruntime providers of each session: CPUExecutionProvider",
    "introspection: device cpu",
    "last-words: whisper_backend_init_gpu: device 0: CPU (type: 0)",
    "container: docker (/.dockerenv is there)",
    "container: kubernetes (KUBERNETES_SERVICE_HOST is set)",
    "container: kubepods (/proc/1/cgroup names kubepods)",
    "loader: there is no libcuda.so.1",
    "/dev: no nvidia0, no nvidiactl",
    "/sys/bus/pci/devices: vendors 0x1af4 (NVIDIA is 0x10de)",
    "catalogue: base is ctranslate2-whisper; the engine reads wav2vec2-ctc",
    "/m/own.pt: pickled objects",
    "/m/model.bin: begins with 06 00 00 00, ggml-whisper with 6c 6d 67 67",
    "/m/own.pt: expected sha256 aa, found bb",
    "asked: --compute_type bfloat16, so no other precision is taken",
    "asked: --no-install, so nothing is fetched",
    "hub https://hub, a/b: not asked: nothing may be fetched",
    "this machine: no NVIDIA or AMD GPU",
    "engine: chunks without text: 3",
    "hub https://hub: not asked: HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE is set",
    "recording: talk.wav: its journal is held by another process",
    "looked in: /talks (not in its subfolders)",
    "system: size 0 bytes",
    "file: begins with '#EXTM3U'",
    "speech finder: no speech in 20.0 s",
    "speech finder: speech without text at 10.4-16.1 s",
    "decoder: 13 gaps, 1.449 s",
    "decoder: 44 errors",
    "decoder: 1 error",
    "decoder: 1 gap, 0.120 s",
    "decoder: 1 value not finite",
    "file: 970278 bytes after the end by the header, WAV files: 1, 11.0 s",
    "file: 640000 bytes after the end by the header, data that are no tag",
    "catalogue: the model has the languages ja and no others",
    "decoder: 7 values not finite",
    "decoder: scaled by 1/32768",
    "decoder: 2 audio streams, used stream 0",
    "decoder: 11.000 s by the file's header, 3.639 s decoded",
    "decoder: memory ran out at the limit of 1024 bytes",
    "decoder: 86400.0 s decoded, and more to come",
]


@pytest.mark.parametrize("line", LINES)
def test_what_is_ours_is_said_in_japanese(line: str) -> None:
    told = in_japanese(line)

    assert re.search("[ぁ-んァ-ヶ一-龠]", told), told
    assert not re.search(r"(?<=\s)(?:of|no|is|the|and|in|by|so|which)(?=\s)", told), told
    assert set(re.findall(r"\d+", line)) <= set(re.findall(r"\d+", told)), "no figure is lost"


def test_every_line_that_is_known_is_tried_here() -> None:
    untried = [pattern.pattern for pattern, _ in SAID if not any(pattern.fullmatch(line) for line in LINES)]
    assert untried == []
