"""A build that somebody may have chosen is a note until something fails; then it is what it always was."""

from __future__ import annotations

from casebook import facts, platform
from yamabiko.diagnosis.examine import Symptom, examine, explain
from yamabiko.diagnosis.facts.records import Facts

WHISPERCPP = {
    "name": "/home/USER/venv",
    "packages": {"pywhispercpp": "1.5.1"},
    "native": [
        {"path": "pywhispercpp.libs/libggml-c28dfeb1.so.0.13.1", "needed": ["libggml-cpu-9980f871.so.0.13.1"]},
        {"path": "pywhispercpp.libs/libggml-cpu-9980f871.so.0.13.1"},
    ],
}
FASTER_WHISPER = {
    "name": "/home/USER/venv",
    "packages": {"ctranslate2": "4.8.5", "faster-whisper": "1.2.1"},
    "native": [{"path": "ctranslate2.libs/libctranslate2-a7a60d30.so.4.8.5", "mentions": ["libcublas.so.12"]}],
}


def severity(id_: str, seen: Facts) -> str | None:
    return next((finding.severity for finding in examine(seen) if finding.id == id_), None)


def test_a_whispercpp_for_the_cpu_beside_a_gpu_is_a_note_until_it_is_missed():
    seen = facts({**platform("bare-ada"), "environments": [WHISPERCPP]})

    assert severity("whispercpp-cpu-build-silent", seen) == "info"
    missed = explain(Symptom(("whisper_backend_init_gpu: no GPU found",)), seen).confirmed
    assert [(f.id, f.severity) for f in missed] == [("whispercpp-cpu-build-silent", "warning")]


def with_amd(*gfx: str) -> Facts:
    machine = platform("amd-supported")
    amd = {**machine["amd"], "gpus": [{"gfx": one, "name": ""} for one in gfx]}
    return facts({**machine, "amd": amd, "environments": [FASTER_WHISPER]})


def test_faster_whisper_on_a_laptop_whose_processor_has_a_small_gpu_is_a_note():
    assert severity("ct2-cuda-wheel-on-amd", with_amd("gfx1103")) == "info"
    assert severity("ct2-cuda-wheel-on-amd", with_amd("gfx1036")) == "info"


def test_beside_a_card_of_amd_it_stays_what_it_was():
    assert severity("ct2-cuda-wheel-on-amd", with_amd("gfx1100")) == "warning"
    assert severity("ct2-cuda-wheel-on-amd", with_amd("gfx1036", "gfx1100")) == "warning"
    assert severity("ct2-cuda-wheel-on-amd", with_amd("gfx1151")) == "warning", "upstream's ROCm wheel serves this one"
