"""The doctor's last rung: a GPU whose text is not the CPU's computes wrongly, whatever its libraries say."""

from __future__ import annotations

import pytest

from yamabiko.transcription.visit import text_differs

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
