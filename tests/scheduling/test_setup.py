"""What is said while an engine is made ready."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from yamabiko.findings import Problem
from yamabiko.scheduling.setup import Wish, prepare
from yamabiko.settings import Settings


def test_a_model_that_is_fetched_again_for_its_damage_is_not_simply_fetched(
    silero_home: Path, replace_file: Callable[[Path, bytes], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    [model] = silero_home.glob("cache/models/silero-onnx/*/*.onnx")
    replace_file(model, bytes(model.stat().st_size))
    for name, value in (("PIP_INDEX_URL", "http://127.0.0.1:9/simple"), ("PIP_FIND_LINKS", "")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    told: list[str] = []
    with pytest.raises(Problem):
        prepare(Wish("silero-vad"), Settings(home=silero_home), lambda what, done, total: told.append(what.en))
    assert told[0].startswith("the copy of the model silero-vad-v6 is damaged, fetching it again: ")
    assert f"{model}: wrong bytes: expected sha256 " in told[0]


def test_where_nothing_may_be_fetched_nothing_is_said_to_be(
    silero_home: Path, replace_file: Callable[[Path, bytes], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    [model] = silero_home.glob("cache/models/silero-onnx/*/*.onnx")
    replace_file(model, bytes(model.stat().st_size))
    monkeypatch.setenv("UV_CACHE_DIR", str(silero_home / "uv"))
    monkeypatch.setenv("HF_HOME", str(silero_home / "hub"))
    told: list[str] = []
    with pytest.raises(Problem) as raised:
        prepare(
            Wish("silero-vad", may_install=False),
            Settings(home=silero_home),
            lambda what, done, total: told.append(what.en),
        )
    assert not [line for line in told if "fetching" in line]
    assert any("--no-install" in line for line in raised.value.finding.evidence)


def test_no_environment_is_made_for_a_model_that_cannot_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    told: list[str] = []
    with pytest.raises(Problem) as raised:
        prepare(Wish("faster-whisper", "someone/gone"), Settings(home=tmp_path), lambda what, *_: told.append(what.en))
    assert raised.value.finding.id == "model-unavailable"
    assert {line for line in told if "setting up" in line} == set()
    assert not list(tmp_path.glob("data/engines/*"))


def test_where_nothing_may_be_set_up_the_engine_is_named_first(tmp_path: Path) -> None:
    with pytest.raises(Problem) as raised:  # its remedy, engines install, brings the model too
        prepare(Wish("faster-whisper", "someone/gone", may_install=False), Settings(home=tmp_path))
    assert raised.value.finding.id == "engine-not-installed"
