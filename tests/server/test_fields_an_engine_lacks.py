"""Fields that the engine does not heed are named in the answer's header, a translation that it cannot give is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from program import noise_file, script_file
from yamabiko.scheduling.setup import Wish
from yamabiko.server.forms import Form
from yamabiko.server.transcription_form import read


@pytest.mark.parametrize(
    ("engine", "ignored"),
    [
        ("faster-whisper", set()),
        ("whisper.cpp", {"hotwords"}),
        ("whisperx", {"temperature"}),
        ("parakeet", {"prompt", "hotwords", "temperature", "beam_size"}),
    ],
)
def test_what_the_engine_does_not_heed_is_named(engine: str, ignored: set[str]) -> None:
    form = {"prompt": ["Hello."], "hotwords": ["Yamabiko"], "temperature": ["0.4"], "beam_size": ["2"]}
    assert set(read(Form(fields=form), Wish(engine)).ignored) == ignored


def test_what_is_not_set_is_not_missed() -> None:
    form = {"prompt": [""], "temperature": ["0"], "beam_size": ["1"]}
    assert read(Form(fields=form), Wish("parakeet")).ignored == ()


def test_a_translation_that_the_model_cannot_give_is_a_mistake_of_the_client(serve, tmp_path: Path) -> None:
    served = serve(str(script_file(tmp_path / "script.json", features=["segment-times"])))
    sound = noise_file(tmp_path / "talk.wav", 1.0)
    with served.http as http, sound.open("rb") as file:
        answer = http.post("/v1/audio/translations", files={"file": file}, data={"model": "", "vad_filter": "0"})
    assert answer.status_code == 400
    assert answer.headers["x-yamabiko-finding"] == "task-not-supported"
    assert answer.json()["error"]["param"] == "task"
