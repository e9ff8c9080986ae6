"""Every engine over HTTP: a real server with a model by its path, as people have it on their disks."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from promises import REAL, Bench, error_rate, set_up

from served import begin, beside, end
from yamabiko.bundled import clips

ASKED = {"temperature": "0", "guard": "false", "vad_filter": "false", "response_format": "verbose_json"}
"""Without the guard: weights made up at random write what nobody says."""
READY_LIMIT_S = 300
"""NeMo alone takes half a minute to import, on a machine with nothing else to do."""


@pytest.fixture(
    scope="module", params=[pytest.param(card, id=card.name, marks=pytest.mark.xdist_group(card.name)) for card in REAL]
)
def bench(request: pytest.FixtureRequest, ready_home: Path, run_folder: Path) -> Bench:
    return set_up(request.param, ready_home, run_folder)


def named_as_usual(model: Path, folder: Path) -> Path:
    """whisper.cpp's files are called ggml-*.bin."""
    return Path(shutil.copy(model, folder / "ggml-base.bin")) if model.suffix == ".bin" and model.is_file() else model


def test_it_answers_over_http_with_a_model_of_one_s_own(bench: Bench, tmp_path: Path) -> None:
    clip = next(clip for clip in clips() if clip.language == "en")
    language = {"language": "en"} if bench.true else {}  # the others' models know what they were made for
    model = str(named_as_usual(bench.model, tmp_path))
    options = ("--engine", bench.card.name, "--model", model, "--trust-model", "--trust-pickle")
    served = begin(beside(bench.home), *options, wait=False)
    try:
        served.wait_until(served.ready, READY_LIMIT_S)
        with served.http as http, clip.path.open("rb") as sound:
            answer = http.post(
                "/v1/audio/transcriptions", files={"file": (clip.path.name, sound)}, data=ASKED | language, timeout=300
            )
    finally:
        end(served)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    receipt = told["yamabiko"]
    assert (receipt["engine"], receipt["used_device"], receipt["verdict"]) == (bench.card.name, "cpu", "proved")
    assert told["text"].strip()
    if bench.true:
        assert error_rate(told["text"], clip.text) < 0.1
