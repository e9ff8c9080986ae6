"""The doctor's last rung: a GPU whose text is not the CPU's computes wrongly, whatever its libraries say."""

from __future__ import annotations

import pytest

from yamabiko.speech import Evidence, Receipt, Timings
from yamabiko.transcription.visit import text_differs, with_speed

SAID = "Good morning and welcome to the museum. The special exhibition is on the second floor."


ALMOST = "Good morning, and welcome to the museum; the special exhibition's on the 2nd floor."


@pytest.mark.parametrize("heard", [SAID, SAID.upper(), SAID.replace("special", "spatial"), ALMOST])
def test_another_word_here_and_there_is_a_matter_of_precision(heard: str) -> None:
    assert text_differs([heard], [SAID], "env") is None


@pytest.mark.parametrize(
    "heard", ["", "!!!!!!!!!!!!!!!!", "the the the the the the the the", "ご視聴ありがとうございました"]
)
def test_another_text_is_a_gpu_that_computes_wrongly(heard: str) -> None:
    finding = text_differs([SAID, heard], [SAID, SAID], "env")
    assert finding is not None
    assert finding.id == "gpu-text-differs"
    assert finding.evidence[0].startswith("env: recording 2: ")
    assert SAID[:40] in finding.evidence[2]


RISE = Evidence("device-memory-rise", "cuda:0", "GPU 0: 900 MiB more than before (the whole device)")


def receipt(inference_s: float, device: str, *evidence: Evidence) -> Receipt:
    asked = ("auto", "auto")
    return Receipt(
        "faster-whisper", "1.2.1", "env", "base", None, *asked, device, "float16", "not proved",
        evidence=evidence, timings=Timings(inference_s=inference_s), audio_s=10.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("gpu_s", "evidence", "verdict"),
    [
        (1.0, (RISE,), "proved"),  # under WSL half a proof is a device's figures; the speed is the other half
        (1.0, (), "not proved"),  # a speed alone may have other reasons
        (6.0, (RISE,), "not proved"),
        (9.9, (RISE,), "not proved"),  # no faster than the CPU: a doubt
    ],
)
def test_the_speed_against_the_cpus_is_evidence_and_never_alone(gpu_s, evidence, verdict) -> None:
    slow_first = [receipt(gpu_s * 5, "cuda:0", *evidence), receipt(gpu_s, "cuda:0", *evidence)]

    judged = with_speed(slow_first, [receipt(10.0, "cpu"), receipt(12.0, "cpu")])

    assert [one.verdict for one in judged] == [verdict] * 2
    assert [one.evidence[-1].kind for one in judged] == ["speed"] * 2
    assert "1.000 s on the CPU" in judged[0].evidence[-1].value


def test_without_a_figure_to_compare_with_nothing_is_said() -> None:
    kept = (receipt(1.0, "cuda:0", RISE),)
    assert with_speed(kept, [receipt(0.0, "cpu")]) == kept
